"""The firm's logo is found by evidence, and what is not the firm's logo is not taken for it."""

from io import BytesIO

import pytest
from PIL import Image, ImageDraw

from tasks.logos.fetch import AddressRefused, Fetched, RobotsRefused, Unreachable
from tasks.logos.find import Kind, find, gather, take_from

FIRM = "Steuerkanzlei Mustermann & Partner"
HOME = "https://www.mustermann-steuer.example/"
ROUND = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><circle cx="10" cy="10" r="9" fill="#06c"/></svg>'


def page(body: str, head: str = "", url: str = HOME) -> Fetched:
    html = f"<!doctype html><html lang=de><head><title>Willkommen</title>{head}</head><body>{body}</body></html>"
    return Fetched(url, html.encode(), "text/html", "utf-8")


def best(body: str, head: str = "", firm: str = FIRM) -> str:
    """What is taken, without the address of the site; empty if nothing would be."""
    first = gather(page(body, head), firm)[0]
    return first.source.removeprefix(HOME) if first.score > 2 else ""


def picture(size: tuple[int, int] = (400, 160), colour: tuple[int, int, int] = (0, 90, 160)) -> bytes:
    made = Image.new("RGBA", size)
    ImageDraw.Draw(made).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=colour)
    file = BytesIO()
    made.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "head", "taken"),
    [
        ('<header><a href="/"><img src="a.png"></a></header><main><img src="b.jpg"></main>', "", "a.png"),
        ('<header><a href="/de/"><img src="a.png"></a></header>', "", "a.png"),
        ('<div id="kopf"><img src="a.png" alt="Logo"></div>', "", "a.png"),
        ('<div class="site-branding"><a href="index.php"><img src="a.png"></a></div>', "", "a.png"),
        ('<img src="bilder/Kanzlei-Logo.png">', "", "bilder/Kanzlei-Logo.png"),
        ('<img src="x.png" alt="Mustermann &amp; Partner">', "", "x.png"),
        ('<img src="mustermann-steuer.png">', "", "mustermann-steuer.png"),
        (
            '<a href="/" class="logo"><img data-src="a.png" src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></a>',
            "",
            "a.png",
        ),
        ('<a href="/"><img src="s.png" srcset="m.png 1x, l.png 2x"></a>', "", "l.png"),
        ('<a href="/"><img src="s.png" srcset="m.png 300w, l.png 900w"></a>', "", "l.png"),
        ('<a href="/"><picture><source srcset="v.svg"><img src="s.png"></picture></a>', "", "v.svg"),
        ('<a href="/"><img src="a.png"></a>', '<base href="/assets/">', "assets/a.png"),
        ("", '<script type="application/ld+json">{"@type":"Organization","logo":"/l.png"}</script>', "l.png"),
        (
            "",
            '<script type="application/ld+json">{"@graph":[{"publisher":{"logo":{"url":"/l.png"}}}]}</script>',
            "l.png",
        ),
        ("", '<script type="application/ld+json">{"logo": "/broken.png"</script>', ""),
        ('<div itemscope><img itemprop="logo" src="m.png"></div>', "", "m.png"),
        ("", '<meta property="og:logo" content="/og.png">', "og.png"),
        ("", '<link rel="apple-touch-icon" sizes="180x180" href="t.png"><link rel="icon" href="i.png">', "t.png"),
        ("", '<link rel="icon" sizes="16x16" href="s.png"><link rel="icon" sizes="192x192" href="l.png">', "l.png"),
        ('<img src="hero.jpg" class="hero">', '<meta property="og:image" content="/hero.jpg">', ""),
        ("<p>Nur Text.</p>", "", ""),
    ],
)
def test_every_usual_place_is_looked_at(body, head, taken):
    assert best(body, head) == taken


@pytest.mark.parametrize(
    "trap",
    [
        '<section><h2>Unsere Partner</h2><img src="t.png" alt="Logo Anders GmbH"></section>',
        '<div class="kunden"><img src="t-logo.png"></div>',
        '<footer><img src="datev-logo.svg" alt="DATEV"></footer>',
        '<div class="zertifikate"><img src="logo-iso.png" alt="TÜV geprüft"></div>',
        '<img src="kammer_logo.png" alt="Steuerberaterkammer Musterland">',
        '<a href="https://netz.example/kanzlei"><img src="netz_logo.png"></a>',
        '<div id="cookie-consent" class="header"><img src="cmp-logo.png" alt="Logo"></div>',
        '<div class="payment"><img src="paypal-logo.png"></div>',
        '<header><div class="slider"><img src="logo-wand.jpg" alt="Empfang mit Logo"></div></header>',
        '<section class="team"><img src="p.jpg" alt="Erika Mustermann"></section>',
        '<footer><a href="https://agentur.example/"><img src="agentur-logo.png" alt="Webdesign"></a></footer>',
        '<header><svg class="icon-menu" viewBox="0 0 9 9"><path d="M0 0h9"/></svg></header>',
        '<img src="logopaedie.jpg" alt="Logopädie">',
    ],
)
def test_traps_are_not_taken_even_if_there_is_nothing_else(trap):
    assert best(trap) == ""


def test_a_firm_may_have_a_word_of_a_trap_in_its_name():
    assert best('<img src="a.png" alt="Logo Team Steuern">', firm="Team Steuern GmbH") == "a.png"


def test_evidence_adds_up_and_is_kept():
    first = gather(page('<header><a href="/"><img src="logo.png" alt="Mustermann"></a></header>'), FIRM)[0]

    assert first.score == 35 + 25 + 30 + 20 + 5
    assert first.reasons[0] == "links to the home page (+35)"


def test_a_drawing_in_the_page_is_found_as_it_is_written():
    drawn = '<svg viewBox="0 0 40 20"><linearGradient id="Verlauf"/><path d="M0 0h40"/></svg>'
    first = gather(page(f'<header>\n\u2028\r\n<a href="/">{drawn}</a></header>'), FIRM)[0]

    assert (first.kind, first.source) == (Kind.INLINE_SVG, drawn)


def test_a_drawing_gets_the_parts_that_it_takes_from_elsewhere_in_the_page():
    body = (
        '<a href="/" class="logo"><svg viewBox="0 0 9 9"><use href="#marke"/></svg></a>'
        '<svg hidden><symbol id="marke" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></symbol></svg>'
    )

    assert '<defs><symbol id="marke" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></symbol></defs>' in best(body)


def test_a_picture_in_a_data_address_is_a_candidate():
    source = "data:image/svg+xml;base64," + "A" * 900

    assert best(f'<a href="/"><img src="{source}"></a>') == source


def test_umlauts_are_read_in_the_encoding_of_the_page():
    html = '<html><body><img src="l.png" alt="Kanzlei Müller"></body></html>'.encode("iso-8859-1")

    assert gather(Fetched(HOME, html, "text/html", "iso-8859-1"), "Kanzlei Müller")[0].source == f"{HOME}l.png"


def test_the_logo_is_taken_from_a_website_in_shape(site):
    site.pages["/"] = b'<header><a href="/"><img src="/logo.svg"></a></header>'
    site.pages["/logo.svg"] = ROUND.encode()

    candidate, logo = take_from(site.url, FIRM)

    assert (candidate.kind, candidate.source) == ("url", f"{site.url}/logo.svg")
    assert (logo.width, logo.height, logo.report.score) == (600, 600, 4)


def test_what_cannot_be_had_or_used_gives_way_to_the_next(site):
    site.pages["/"] = (
        b'<a href="/"><img src="/logo.png"></a><img src="/logo-broken.png" class="logo" alt="Mustermann"></a>'
        b'<link rel="apple-touch-icon" href="/touch.png">'
    )
    site.pages["/logo-broken.png"] = b"<html>not a picture</html>"
    site.pages["/touch.png"] = picture((180, 180))

    candidate, logo = take_from(site.url, FIRM)

    assert candidate.source == f"{site.url}/touch.png"
    assert logo.width == 180


def test_no_logo_is_an_answer(site):
    site.pages["/"] = b'<h1>Willkommen</h1><img src="/dot.png" class="logo"><section class="partner"><img src="/p.png">'
    site.pages["/dot.png"] = picture((20, 20))
    site.pages["/p.png"] = picture()

    assert take_from(site.url, FIRM) is None


def test_a_large_photograph_is_no_logo_on_weak_evidence(site):
    file = BytesIO()
    Image.effect_noise((1200, 700), 90).convert("RGB").save(file, "JPEG")
    site.pages["/"] = b'<header><img src="/kopf.jpg"></header>'
    site.pages["/kopf.jpg"] = file.getvalue()

    assert take_from(site.url, FIRM) is None


def test_a_site_full_of_candidates_costs_a_limited_number_of_requests(site):
    site.pages["/"] = b"".join(b'<img src="/logo%d.png">' % number for number in range(200))

    assert take_from(site.url, FIRM) is None
    assert len(site.asked) <= 25


def test_redirects_and_refreshes_are_followed_to_the_page_with_the_logo(site):
    site.pages["/"] = b'<meta http-equiv="refresh" content="0; url=/start/">'
    site.pages["/start/"] = (302, {"Location": "/de/"}, b"")
    site.pages["/de/"] = b'<a href="/de/"><img src="l.png"></a>'

    assert find(site.url, FIRM)[0].source == f"{site.url}/de/l.png"


def test_an_address_of_a_picture_is_taken_as_it_is(site):
    site.pages["/l"] = (200, {"Content-Type": "image/png"}, picture())

    candidate, _ = take_from(f"{site.url}/l", FIRM)

    assert candidate.source == f"{site.url}/l"


def test_a_site_that_asks_to_be_left_alone_is_left_alone(site):
    site.pages["/"] = b"welcome"
    site.pages["/robots.txt"] = b"User-agent: *\nDisallow: /\n"

    with pytest.raises(RobotsRefused):
        take_from(site.url, FIRM)
    assert site.paths == ["/robots.txt"]


def test_a_missing_site_is_told(site):
    with pytest.raises(Unreachable):
        take_from(site.url, FIRM)


def test_a_private_address_is_refused(public_only):
    with pytest.raises(AddressRefused):
        take_from("http://localhost/", FIRM)


def test_a_candidate_cannot_lead_into_the_private_network(site, monkeypatch):
    """The page itself is reached, its picture would lie on the metadata address of a cloud."""
    site.pages["/"] = b'<a href="/"><img src="file:///etc/logo.png"></a><img src="ftp://127.0.0.1/logo.png">'

    assert take_from(site.url, FIRM) is None
    assert site.paths == ["/robots.txt", "/", "/favicon.ico"]
