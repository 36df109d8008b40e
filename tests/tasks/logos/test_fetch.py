"""Nobody leads the fetcher into the private network, and nobody keeps it busy."""

import gzip
import ipaddress
import pickle
import socket
import ssl
import zlib

import pytest
import trustme
from protego import Protego

from tasks.logos import fetch
from tasks.logos.fetch import (
    REQUESTS,
    AddressRefused,
    Faltered,
    Fetcher,
    RobotsRefused,
    TooMuch,
    Unreachable,
    is_public,
)
from tests.each import each
from tests.soon import within
from tests.tasks.logos.hostile_sites import ADDRESSES, NO_ROBOTS, SITES, Hostile


@pytest.mark.parametrize("url", ADDRESSES)
def test_only_addresses_of_the_public_web_are_fetched(public_only, url):
    with Fetcher() as fetcher, pytest.raises((AddressRefused, Unreachable)) as refused:
        fetcher.get(url)
    assert isinstance(refused.value, AddressRefused) or "not known" in str(refused.value)  # No such name anywhere.


@pytest.mark.parametrize("name", SITES)
def test_a_hostile_site_keeps_nobody_busy(site, name):
    attack = SITES[name]
    patience = 2 if attack.refused else 6  # A busy machine may take long over what is taken in the end.

    with Hostile(attack.act) as hostile, within(8), Fetcher(seconds=patience) as fetcher:
        if attack.refused:
            with pytest.raises(attack.refused):
                fetcher.get(f"{hostile.url}/", most=1_000_000)
        else:
            assert fetcher.get(f"{hostile.url}/", most=1_000_000).content == b"logo"

    assert len(hostile.paths) <= REQUESTS


SPECIAL = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"),
    *("::/128", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64"),
    *("2001::/23", "2001::/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32"),
    *("2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16"),
    *("2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
"""IANA's registries of special purposes, site-local and multicast besides."""
CLOUDS = ["168.63.129.16", "169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "::ffff:168.63.129.16"]
"""Where the machines of a cloud ask for what they are, and for its keys."""


@each("block", SPECIAL)
def test_no_address_of_a_special_purpose_is_public(block):
    first, last = ipaddress.ip_network(block)[0], ipaddress.ip_network(block)[-1]
    middle = first + (int(last) - int(first)) // 2

    assert not [one for one in (first, middle, last) if is_public(str(one))]


@pytest.mark.parametrize("address", CLOUDS)
def test_a_clouds_own_services_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001:82a::200e", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address):
    assert is_public(address)


def test_a_name_with_one_private_address_among_public_ones_is_refused(public_only):
    public_only.setattr(socket, "getaddrinfo", lambda *_, **__: [_entry("8.8.8.8"), _entry("10.0.0.1")])

    with Fetcher() as fetcher, pytest.raises(AddressRefused):
        fetcher.get("http://kanzlei.example/")


def test_a_name_that_changes_its_address_is_reached_where_it_was_checked(site, public_only):
    """DNS rebinding: the first look-up answers with a public address, every later one with a private one."""
    answers = [[_entry("93.184.216.34")], [_entry("127.0.0.1")], [_entry("127.0.0.1")]]
    dialled = []

    def dial(address, *_, **__):
        dialled.append(address)
        return _connected_to(site)

    public_only.setattr(socket, "getaddrinfo", lambda *_, **__: answers.pop(0))
    public_only.setattr(socket, "create_connection", dial)
    site.pages["/"] = b"welcome"

    with Fetcher() as fetcher:
        fetched = fetcher.get("http://kanzlei.example/")

    assert fetched.content == b"welcome"
    assert {host for host, _ in dialled} == {"93.184.216.34"}
    assert {headers["Host"] for _, headers in site.asked} == {"kanzlei.example"}


def test_the_certificate_is_that_of_the_name_though_the_address_is_dialled(site, public_only):
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("kanzlei.example").configure_cert(server_side)
    asked_for = []
    server_side.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    site.server.socket = server_side.wrap_socket(site.server.socket, server_side=True)
    site.pages["/"] = b"welcome"
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    public_only.setattr(fetch, "_trusting", lambda: trusting)
    public_only.setattr(socket, "getaddrinfo", lambda *_, **__: [_entry("93.184.216.34")])
    public_only.setattr(socket, "create_connection", lambda *_, **__: _connected_to(site))

    with Fetcher() as fetcher:
        assert fetcher.get("https://kanzlei.example/").content == b"welcome"
        with pytest.raises(Unreachable, match="certificate"):
            fetcher.get("https://andere.example/")
    assert set(asked_for) == {"kanzlei.example", "andere.example"}


def test_a_redirect_into_the_private_network_is_refused(site, public_only):
    resolve = socket.getaddrinfo
    public_only.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: (
            [_entry("93.184.216.34")] if host == "kanzlei.example" else resolve(host, *rest, **more)
        ),
    )
    public_only.setattr(socket, "create_connection", lambda *_, **__: _connected_to(site))
    site.pages["/"] = (302, {"Location": "http://localhost:8080/admin"}, b"")
    site.pages["/admin"] = b"secret"

    with Fetcher() as fetcher, pytest.raises(AddressRefused):
        fetcher.get("http://kanzlei.example/")
    assert "/admin" not in site.paths


def test_a_proxy_from_the_environment_is_not_used(site, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.pages["/"] = b"direct"

    with Fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/").content == b"direct"


def test_redirects_are_followed_and_their_end_is_told(site):
    site.pages["/"] = (301, {"Location": "/de/"}, b"")
    site.pages["/de/"] = (200, {"Content-Type": "text/html; charset=iso-8859-1"}, b"<p>M\xfcller")

    with Fetcher() as fetcher:
        fetched = fetcher.get(f"{site.url}/")

    assert (fetched.url, fetched.media_type, fetched.charset) == (f"{site.url}/de/", "text/html", "iso-8859-1")


def test_a_loop_of_redirects_ends(site):
    site.pages["/"] = (302, {"Location": "/"}, b"")

    with Fetcher() as fetcher, pytest.raises(TooMuch):
        fetcher.get(f"{site.url}/")


def test_a_redirect_to_another_scheme_is_refused(site):
    site.pages["/"] = (302, {"Location": "file:///etc/passwd"}, b"")

    with Fetcher() as fetcher, pytest.raises(AddressRefused):
        fetcher.get(f"{site.url}/")


def test_one_site_gets_a_limited_number_of_requests(site):
    site.pages["/"] = b"x"

    with Fetcher() as fetcher:
        for _ in range(REQUESTS - 1):  # One was for robots.txt.
            fetcher.get(f"{site.url}/")
        with pytest.raises(TooMuch):
            fetcher.get(f"{site.url}/")
    assert len(site.asked) == REQUESTS


def test_large_answers_are_cut_off(site):
    site.pages["/"] = b"x" * 2_000_001

    with Fetcher() as fetcher, pytest.raises(TooMuch):
        fetcher.get(f"{site.url}/", most=2_000_000)


def test_a_compressed_bomb_is_counted_unpacked(site):
    site.pages["/"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(300_000_000), 1))

    with within(5), Fetcher() as fetcher, pytest.raises(TooMuch):
        fetcher.get(f"{site.url}/", most=1_000_000)


@pytest.mark.parametrize("packing", ["gzip, br", "br", "zstd", "gzip, gzip, gzip", "gzip, deflate, gzip"])
def test_packings_that_we_cannot_open_or_that_are_too_many_are_refused(site, packing):
    site.pages["/"] = (200, {"Content-Encoding": packing}, zlib.compress(b"x"))

    with Fetcher() as fetcher, pytest.raises(Unreachable):
        fetcher.get(f"{site.url}/")


HELLO = b"hello" * 1000
PACKED = {
    "packed": ("gzip", gzip.compress(HELLO)),
    "packed under its old name": ("X-GZip", gzip.compress(HELLO)),
    "in several pieces": ("gzip", gzip.compress(HELLO[:70]) + gzip.compress(b"") + gzip.compress(HELLO[70:])),
    "packed twice": ("gzip, gzip", gzip.compress(gzip.compress(HELLO))),
    "deflated": ("deflate", zlib.compress(HELLO)),
    "deflated without a head": ("Deflate", zlib.compress(HELLO)[2:-4]),
    "deflated with zeros behind it": ("deflate", zlib.compress(HELLO) + bytes(512)),
    "deflated, then packed": ("deflate, gzip", gzip.compress(zlib.compress(HELLO))),
    "packed, then deflated": ("gzip, deflate", zlib.compress(gzip.compress(HELLO))),
    "with zeros behind it": ("gzip", gzip.compress(HELLO) + bytes(512)),
    "not packed at all": ("gzip", HELLO),
    "an encoding that is none": ("none", HELLO),
    "a charset in place of an encoding": ("UTF-8", HELLO),
    "a media type in place of an encoding": ("text/html", HELLO),
    "nothing": ("", HELLO),
    "identity": ("identity", HELLO),
}


@pytest.mark.parametrize("name", PACKED)
def test_answers_are_unpacked_as_browsers_do(site, name):
    packing, content = PACKED[name]
    site.pages["/"] = (200, {"Content-Encoding": packing}, content)

    with Fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/").content == HELLO


def test_packings_within_packings_are_counted_at_every_step(site):
    within = gzip.compress(gzip.compress(b"") * 1_000_000)
    site.pages["/"] = (200, {"Content-Encoding": "gzip, gzip"}, within)

    with Fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/", most=1_000_000).content == b""


CARELESS = {
    "a line that is no header": b"Nonsense\r\n",
    "a blank before the colon": b"X-Cache : HIT\r\n",
    "no name": b": nothing\r\n",
    "a name with blanks": b"Not A Name: x\r\n",
    "signs that may not be there": b"X-Powered-By: a\x01b\x00\r\n",
    "a line that goes on": b"X-Long: a\r\n  b\r\n",
    "a number that is none": b"Content-Length: many\r\n",
    "a hint before": b"",
    "bare line ends": b"X-A: b\n",
}


@pytest.mark.parametrize("name", CARELESS)
def test_careless_headers_are_overlooked(site, name):
    before = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" if name == "a hint before" else b""
    answer = (
        before + b"HTTP/1.1 200 OK\r\n" + CARELESS[name] + b"Content-Type: image/png\r\nConnection: close\r\n\r\nlogo"
    )

    def act(connection, path):
        content = NO_ROBOTS if path == "/robots.txt" else answer
        for at in range(0, len(content), 7):  # In pieces, as the network brings them.
            connection.sendall(content[at : at + 7])
        if content is answer:
            connection.shutdown(socket.SHUT_WR)

    with Hostile(act) as careless, Fetcher() as fetcher:
        fetched = fetcher.get(f"{careless.url}/")

    assert fetched.content == b"logo"
    assert fetched.media_type == "image/png"


def _answering(answer: bytes):
    def act(connection, path):
        connection.sendall(NO_ROBOTS if path == "/robots.txt" else answer)
        connection.shutdown(socket.SHUT_WR)

    return Hostile(act)


def test_a_blank_line_before_an_answer_is_overlooked(site):
    with _answering(b"\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nlogo") as careless, Fetcher() as fetcher:
        assert fetcher.get(f"{careless.url}/").content == b"logo"


@pytest.mark.parametrize(("media_type", "is_taken"), [("text/html; charset=utf-8", True), ("image/svg+xml", False)])
def test_a_page_may_be_shorter_than_it_was_said_to_be_and_a_picture_may_not(site, media_type, is_taken):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: 999\r\n\r\n"
    with _answering(head.encode() + b"<p>short</p>") as careless, Fetcher() as fetcher:
        if is_taken:
            assert fetcher.get(f"{careless.url}/").content == b"<p>short</p>"
        else:
            with pytest.raises(Faltered):
                fetcher.get(f"{careless.url}/")


def test_what_a_proxy_has_changed_is_an_answer(site):
    site.pages["/"] = (203, {}, HELLO)

    with Fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/").content == HELLO


def test_a_backslash_in_an_address_is_a_slash(site):
    site.pages["/a/"] = (302, {"Location": "..\\b\\c.html?d=\\e"}, b"")
    site.pages["/b/c.html?d=\\e"] = site.pages["/b/c.html?d=%5Ce"] = HELLO

    with Fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/a/").content == HELLO


def test_a_site_that_drips_is_left_when_its_time_is_up(site):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    with within(3), Fetcher(seconds=1) as fetcher, pytest.raises(Faltered):
        fetcher.get(f"http://127.0.0.1:{port}/")
    listener.close()


def test_a_missing_page_is_a_refusal_and_a_broken_site_is_not(site):
    site.pages["/broken"] = (503, {}, b"")

    with Fetcher() as fetcher:
        with pytest.raises(Unreachable, match="status 404"):
            fetcher.get(f"{site.url}/missing")
        with pytest.raises(Faltered):
            fetcher.get(f"{site.url}/broken")


def test_refusals_survive_pickling():
    error = Unreachable("http://kanzlei.example/", "status 404")

    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_we_say_truthfully_who_we_are_and_why(site):
    site.pages["/"] = b"x"

    with Fetcher() as fetcher:
        fetcher.get(f"{site.url}/")

    agent = site.asked[-1][1]["User-Agent"]
    assert agent.startswith("ProvisionLogo/1.0 (fetches the logo of a firm with its permission; ")


def test_robots_txt_is_honoured(site):
    site.pages["/robots.txt"] = b"User-agent: *\nDisallow: /intern/\n"
    site.pages["/intern/logo.png"] = b"x"
    site.pages["/logo.png"] = b"x"

    with Fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/logo.png").content == b"x"
        with pytest.raises(RobotsRefused):
            fetcher.get(f"{site.url}/intern/logo.png")
    assert site.paths == ["/robots.txt", "/logo.png"]


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("", "/", True),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: other\nUser-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: ProvisionLogo\nDisallow: /x", "/a", True),
        ("User-agent: *\nDisallow: /wp-content/\nAllow: /wp-content/uploads/", "/wp-content/uploads/l.png", True),
        ("User-agent: *\nDisallow: /*.svg$", "/a/logo.svg", False),
        ("User-agent: *\nDisallow: /*.svg$", "/a/logo.svg?v=2", True),
        ("User-agent: *\nDisallow: /*?id=", "/a?id=3", False),
        ("User-agent: *\nDisallow: /a # not b", "/b", True),
        ("User-agent: *\nDisallow: /%C3%BC", "/ü", False),
        ("User-agent: *\nDisallow: /" + "*a" * 400 + "$", "/" + "a" * 300, True),
        ("<html><body>Not found: nothing</body></html>", "/", True),
    ],
)
def test_robots_txt_is_read_as_its_standard_says(rules, path, allowed):
    assert Protego.parse(rules).can_fetch(f"https://kanzlei.example{path}", "ProvisionLogo") is allowed


def _entry(address):
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))


def _connected_to(site):
    made = socket.socket()
    made.connect(("127.0.0.1", site.port))
    return made
