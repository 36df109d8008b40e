"""Fetching from a stranger's website without being led astray.

    AddressRefused     it does not lead to the public web: never fetched
    RobotsRefused      the site asks not to be fetched there
    Unreachable        the site is not there, or answers that the page is not
    TooMuch            it is larger, or takes more requests, than a logo may
    Faltered           not a refusal: it may work later, the caller tries again

One ``Fetcher`` serves one site: its requests and its seconds are counted together, also from several threads.
"""

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpcore
import httpx
from protego import Protego

from models.errors import N_, ProvisionError
from models.settings import settings

SECONDS = 20.0
"""For everything that one site is asked, name look-ups included."""
SECONDS_SILENT = 8.0
"""For one answer to begin or go on."""
REQUESTS = 25
REDIRECTS = 5
PAGE_BYTES = 3_000_000
PICTURE_BYTES = 5_000_000
ROBOTS_BYTES = 500_000
HEAD_BYTES = 100_000
"""Of the lines before an answer's body."""
PACKINGS_MOST = 2
_PACKINGS = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"})
"""Content encodings that there are (RFC 9110, IANA). Servers call others so by mistake, and browsers ignore them."""
_UNPACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP = b"\x1f\x8b"
_PIECE = 65_536
PORTS = frozenset({80, 443, 8000, 8080, 8443})
PRODUCT = "ProvisionLogo"

_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is given out of IPv6; what lies outside leads to IPv4, to one network, or nowhere."""
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(block)
    for block in (
        # `is_global` is True for parts of these in one Python or another, but what is there is no website (IANA's
        # registries of special purposes): protocols, relays, benchmarks, samples, or a private IPv4 address within.
        *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
        # A cloud's own services, which answer to every machine in it, stand in the public range.
        "168.63.129.16/32",
    )
)


class AddressRefused(ProvisionError):
    """Also when only one of several addresses of a name is not public: it would be a matter of luck."""

    status = 422
    says = N_("%(address)s does not lead to the public web: give the address under which everybody sees the website.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class RobotsRefused(ProvisionError):
    says = N_("The website asks programs not to fetch %(address)s: ask the firm for its logo as a file.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Unreachable(ProvisionError):
    status = 422
    says = N_("%(address)s could not be opened (%(reason)s): check the address of the website.")

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason


class TooMuch(ProvisionError):
    status = 422
    says = N_("%(address)s needs more than a logo may (%(limit)s): ask the firm for its logo as a file.")

    def __init__(self, address: str, limit: str) -> None:
        super().__init__(address, limit)
        self.address = address
        self.limit = limit


class Faltered(ConnectionError):
    """The site did not answer as it should, but may do so later."""


@dataclass(frozen=True)
class Fetched:
    """What came back, from which address in the end."""

    url: str
    content: bytes
    media_type: str
    """Lower case, as the site says, which may be wrong; empty if it says nothing."""
    charset: str | None
    refresh: str = ""
    """Seconds and address, where the site's ``Refresh`` header moves its readers on."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever way it is written."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in _NOT_PUBLIC)


class _Deadline:
    """When the time for one site is up."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        return self._ends - time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds that the next sign of life may take."""
        if self.seconds_left <= 0:
            raise httpcore.ReadTimeout
        return min(SECONDS_SILENT, self.seconds_left)


class Fetcher:
    """Fetches from one site within the limits above; use it as a context manager."""

    def __init__(self, *, seconds: float = SECONDS, requests: int = REQUESTS) -> None:
        self._deadline = _Deadline(seconds)
        self._requests_left = requests
        self._robots: dict[str, Protego] = {}
        self._counting = threading.Lock()
        self._asking_robots = threading.Lock()
        self._client = httpx.Client(
            transport=_Transport(_PinnedNetwork(self._deadline)),
            follow_redirects=False,
            trust_env=False,  # A proxy from the environment would resolve the name itself.
            timeout=SECONDS_SILENT,
            headers={
                "User-Agent": f"{PRODUCT}/1.0 (fetches the logo of a firm with its permission; {_contact()})",
                "Accept": "text/html, image/*, */*;q=0.5",
                "Accept-Encoding": "gzip",
                "Accept-Language": "de, en;q=0.5",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    @property
    def is_late(self) -> bool:
        """The site's seconds are used up."""
        return self._deadline.seconds_left <= 0

    def get(self, url: str, *, most: int = PICTURE_BYTES, cut: bool = False) -> Fetched:
        """Fetch *url*, following redirects; every hop is checked anew. At most *most* decoded bytes.

        What is longer is refused, or *cut* where its beginning is of use.
        """
        return self._follow(url, most, cut=cut)

    def _follow(self, url: str, most: int, *, cut: bool = False, for_robots: bool = False) -> Fetched:
        for _ in range(REDIRECTS + 1):
            address = _web_address(url)
            if not for_robots and not self._robots_of(address).can_fetch(str(address), PRODUCT):
                raise RobotsRefused(str(address))
            fetched, moved_to = self._once(address, most, cut=cut or for_robots)
            if moved_to is None:
                return fetched
            url = joined(str(address), moved_to)
        raise TooMuch(url, f"{REDIRECTS} redirects")

    def _once(self, address: httpx.URL, most: int, *, cut: bool) -> tuple[Fetched, str | None]:
        """One request: what came, or where it moved to."""
        with self._counting:
            if self._requests_left <= 0:
                raise TooMuch(str(address), f"{REQUESTS} requests")
            self._requests_left -= 1
        with _failures_of(str(address)), self._client.stream("GET", address) as response:
            moved_to = response.headers.get("location")
            if response.is_redirect and moved_to:
                return Fetched(str(address), b"", "", None), moved_to
            if response.status_code >= 500 or response.status_code == 429:
                raise Faltered(f"{address} answers with status {response.status_code}: try again later.")
            if response.status_code not in {200, 203}:  # The second is what proxies say that filter pages.
                raise Unreachable(str(address), f"status {response.status_code}")
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            content = b"".join(self._decoded(response, most, cut=cut))
            refresh = response.headers.get("refresh", "")
            return Fetched(str(address), content, media_type, response.charset_encoding, refresh), None

    def _decoded(self, response: httpx.Response, most: int, *, cut: bool) -> Iterator[bytes]:
        """The body, unpacked by us: httpx would unpack a bomb before anyone could count. Too long, it is *cut*."""
        encoding = response.headers.get("content-encoding", "").lower()
        packings = [word for word in re.findall(r"[^\s,]+", encoding) if word in _PACKINGS]
        if not set(packings) <= _UNPACKED or len(packings) > PACKINGS_MOST:
            raise Unreachable(str(response.url), f"content encoding {encoding[:20]}")
        pieces = response.iter_raw()
        for packing in reversed(packings):
            pieces = _unpacked(pieces, packing, most)
        left = most
        for piece in _undamaged(pieces, str(response.url)):
            if self.is_late:
                raise Faltered(f"{response.url} takes longer than {SECONDS:.0f} seconds: try again later.")
            left -= len(piece)
            if left < 0 and cut:
                yield piece[:left]
                return
            if left < 0:
                raise TooMuch(str(response.url), f"{most // 1_000_000 or 1} MB")
            yield piece

    def _robots_of(self, address: httpx.URL) -> Protego:
        """Rules of the site (RFC 9309): without a robots.txt everything is allowed, of a long one the beginning counts.

        A site too broken to tell its rules is asked nothing else, nor is one whose rules lie where we do not go.
        """
        site = f"{address.scheme}://{address.netloc.decode('ascii')}"
        with self._asking_robots:
            if site not in self._robots:
                try:
                    text = self._follow(f"{site}/robots.txt", ROBOTS_BYTES, for_robots=True).content
                    self._robots[site] = Protego.parse(text.decode("utf-8-sig", "replace"))
                except (Unreachable, TooMuch):
                    self._robots[site] = Protego.parse("")
            return self._robots[site]


def _unpacked(chunks: Iterator[bytes], packing: str, most: int) -> Iterator[bytes]:
    """What was packed, in small pieces and no more than a little over *most*; also several packings in a row.

    What follows them is left out, and what was never packed stays as it is: servers say so by mistake.
    """
    left, member, began = most + 1, None, False
    for chunk in chunks:
        while chunk and left > 0:
            if member is None:
                if began and (packing == "deflate" or not chunk.startswith(_GZIP[: len(chunk)])):
                    return
                if packing != "deflate" and not chunk.startswith(_GZIP[: len(chunk)]):
                    yield chunk
                    yield from chunks
                    return
                member, began = zlib.decompressobj(wbits=_window(packing, chunk)), True
            piece = member.decompress(chunk, min(left, _PIECE))
            left -= len(piece)
            if piece:
                yield piece
            chunk = member.unused_data if member.eof else member.unconsumed_tail  # noqa: PLW2901
            member = None if member.eof else member


def _window(packing: str, chunk: bytes) -> int:
    """How zlib is told what it gets. ``deflate`` has a head by its standard, and in the words of some servers none."""
    if packing != "deflate":
        return 31
    return 15 if chunk[0] & 15 == zlib.DEFLATED else -15


def _undamaged(pieces: Iterator[bytes], address: str) -> Iterator[bytes]:
    try:
        yield from pieces
    except zlib.error as error:
        raise Unreachable(address, "damaged content encoding") from error


def joined(base: str, address: str) -> str:
    """The address as seen from *base*, where browsers take a backslash for a slash."""
    scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", address, re.IGNORECASE)
    if "\\" in address and (scheme is None or scheme[1].lower() in {"http", "https"}):
        path, mark, query = re.match(r"([^?#]*)([?#]?)(.*)", address, re.DOTALL).groups()  # type: ignore[union-attr]
        address = path.replace("\\", "/") + mark + query
    return urljoin(base, address)


def _contact() -> str:
    return re.sub(r"[^\x21-\x7e]", "", settings().provider_email)


def _web_address(url: str) -> httpx.URL:
    """The address if it is one of the web that may be asked at all."""
    try:
        address = httpx.URL(url.strip()).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise AddressRefused(url[:300]) from error
    port = (443 if address.scheme == "https" else 80) if address.port is None else address.port
    if address.scheme not in {"http", "https"} or not address.host or address.userinfo:
        raise AddressRefused(str(address)[:300])
    if port not in PORTS and not settings().fetch_private:
        raise AddressRefused(str(address)[:300])
    return address


@contextmanager
def _failures_of(address: str) -> Iterator[None]:
    """Say in our words what the network says in its own."""
    try:
        yield
    except httpx.InvalidURL as error:  # Where it moved to; httpx looks at that by itself.
        raise AddressRefused(address) from error
    except (httpx.TimeoutException, httpcore.TimeoutException) as error:
        raise Faltered(f"{address} does not answer in time: try again later.") from error
    except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        if isinstance(error, Faltered):
            raise
        if isinstance(error.__context__, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(error):
            raise Unreachable(address, "its certificate is not valid") from error
        raise Faltered(f"{address} does not answer as it should ({error}): try again later.") from error


class _PinnedNetwork(httpcore.NetworkBackend):
    """Looks a name up once, refuses what is not public, and connects to exactly the address that it checked."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline
        self._wire = httpcore.SyncBackend()
        self._known: dict[str, list[str]] = {}

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses(host):
            try:
                stream = self._wire.connect_tcp(address, port, self._deadline.patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Stream(stream, self._deadline)
        raise failed

    def _addresses(self, host: str) -> list[str]:
        """Every address of the name, all of them public; asked once, so that a later answer cannot differ."""
        if host not in self._known:
            addresses = self._look_up(host)
            if not settings().fetch_private and not all(map(is_public, addresses)):
                raise AddressRefused(host)
            self._known[host] = addresses
        return self._known[host]

    def _look_up(self, host: str) -> list[str]:
        """What the system's resolver says; it knows no time limit, so it gets one."""
        answer: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                answer.put(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
            except (OSError, UnicodeError) as error:
                answer.put(error)

        threading.Thread(target=look_up, daemon=True).start()
        try:
            addresses = answer.get(timeout=self._deadline.patience)
        except queue.Empty as error:
            raise httpcore.ConnectTimeout(host) from error
        if isinstance(addresses, UnicodeError):
            raise AddressRefused(host[:300])
        if isinstance(addresses, OSError):
            if addresses.errno == socket.EAI_AGAIN:
                raise httpcore.ConnectError(str(addresses))
            raise Unreachable(host, "the name is not known") from addresses
        return addresses


class _Stream(httpcore.NetworkStream):
    """A connection on which no single byte may come later than the whole site's time is up.

    The head of each answer is handed on without what browsers overlook and the parser behind us would not.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._awaits_head = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        read = self._stream.read(max_bytes, self._deadline.patience)
        if not self._awaits_head:
            return read
        head = bytearray(read)
        while read and len(head) < HEAD_BYTES and not _is_whole(head):
            read = self._stream.read(max_bytes, self._deadline.patience)
            head += read
        self._awaits_head = False
        return _mended(bytes(head))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.patience)
        self._awaits_head = True

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.patience)
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


_INTERIM = rb"HTTP/[\d.]+ 1\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n"
"""The head of an answer that only says that another one follows."""
_HEAD = re.compile(rb"(?:\r?\n){0,9}((?:" + _INTERIM + rb")*)([^\r\n][^\n]*\n)((?:[^\r\n][^\n]*\n)*)(?=\r?\n)")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\r\n]*)")


def _is_whole(answer: bytearray) -> bool:
    return (b"\n\r\n" in answer or b"\n\n" in answer) and _HEAD.match(answer) is not None


def _mended(answer: bytes) -> bytes:
    """The beginning of an answer, its head without lines that are no headers and signs that may not be there."""
    head = _HEAD.match(answer)
    if head is None:
        return answer
    lines = []
    for line in re.sub(rb"\r?\n[ \t]+", b" ", head[3]).splitlines():
        if header := _HEADER.match(line):
            name, value = header[1], re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", header[2]).strip()
            if name.lower() == b"content-length" and not value.isdigit():
                continue  # The body ends with the connection.
            lines.append(name + b": " + value + b"\r\n")
    return head[1] + head[2] + b"".join(lines) + answer[head.end() :]


@cache
def _trusting() -> ssl.SSLContext:
    """Made once: to read all authorities takes longer than to ask most sites."""
    return httpx.create_ssl_context(trust_env=False)


class _Transport(httpx.BaseTransport):
    """httpx over our own network: Host and TLS name stay the site's, the socket goes to the checked address."""

    def __init__(self, network: httpcore.NetworkBackend) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trusting(),
            network_backend=network,
            max_connections=4,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=b"",
            )
        )
        is_page = any(name.lower() == b"content-type" and b"html" in value.lower() for name, value in response.headers)
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response, is_page=is_page))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response, *, is_page: bool) -> None:
        self._response = response
        self._is_page = is_page

    def __iter__(self) -> Iterator[bytes]:
        """What comes. Of a page, less than was promised is still a page: its length is often told before a filter."""
        began = False
        try:
            for piece in self._response.iter_stream():
                began = True
                yield piece
        except httpcore.RemoteProtocolError:
            if not (began and self._is_page):
                raise

    def close(self) -> None:
        self._response.close()
