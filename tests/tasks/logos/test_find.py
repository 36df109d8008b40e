"""The firm's logo is found by evidence, and what is not the firm's logo is not taken for it."""

import tracemalloc
from dataclasses import replace
from io import BytesIO
from random import Random

import pytest
from PIL import Image, ImageDraw

from tasks.logos.candidate import Candidate, Kind
from tasks.logos.cascade import Room, Scopes
from tasks.logos.fetch import AddressRefused, Fetched, RobotsRefused, Unreachable
from tasks.logos.find import CONFIDENT, find
from tasks.logos.gather import gather
from tasks.logos.page import Page
from tasks.logos.scoring import Sign
from tasks.logos.shape import shape
from tests.soon import within
from tests.websites.drawn import dot
from tests.websites.known import known

FIRM = "Steuerkanzlei Mustermann & Partner"
HOME = "https://www.mustermann-steuer.example/"
ROUND = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><circle cx="10" cy="10" r="9" fill="#06c"/></svg>'


def page(body: str, head: str = "", url: str = HOME) -> Fetched:
    html = f"<!doctype html><html lang=de><head><title>Willkommen</title>{head}</head><body>{body}</body></html>"
    return Fetched(url, html.encode(), "text/html", "utf-8")


def first(body: str, head: str = "", firm: str = FIRM) -> Candidate:
    return gather(Page(page(body, head), firm))[0]


def best(body: str, head: str = "", firm: str = FIRM) -> str:
    """What the page speaks for most, without the address of the site; empty if it does not speak for it enough."""
    likeliest = first(body, head, firm)
    return likeliest.source.removeprefix(HOME) if likeliest.score >= 24 else ""


def taken(site) -> str:
    """What is chosen on a site, without its address; empty if nothing is."""
    choice = find(site.url, FIRM).choice
    return choice.source.removeprefix(site.url) if choice else ""


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
        ('<header><a href="/en/"><img src="a.png"></a></header>', "", "a.png"),
        ('<header><a href="/en/"><img src="b.png"></a><a href="/de/"><img src="a.png"></a></header>', "", "a.png"),
        ('<div id="kopf"><img src="a.png" alt="Logo"></div>', "", "a.png"),
        (
            '<nav><b class="m-mobile"><a href="/"><img src="b.svg"></a></b><a href="/"><img src="a.svg"></a></nav>',
            "",
            "a.svg",
        ),
        (
            '<nav><b class="hide-mobile"><a href="/"><img src="a.svg"></a></b><a href="/"><img src="b.svg"></a></nav>',
            "",
            "a.svg",
        ),
        ('<div class="site-branding"><a href="index.php"><img src="a.png"></a></div>', "", "a.png"),
        ('<img src="bilder/Kanzlei-Logo.png">', "", "bilder/Kanzlei-Logo.png"),
        ('<img src="x.png" alt="Mustermann &amp; Partner">', "", "x.png"),
        ('<img src="mustermann-steuer.png">', "", "mustermann-steuer.png"),
        (
            '<a href="/" class="logo"><img data-src="a.png" src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></a>',
            "",
            "a.png",
        ),
        ('<a href="/"><img srcset="m.png 300w, l.png 900w"></a>', "", "l.png"),
        ('<a href="/"><picture><source data-srcset="v.svg"><img></picture></a>', "", "v.svg"),
        ('<a href="/"><img src="a.png"></a>', '<base href="/assets/">', "assets/a.png"),
        ("", '<script type="application/ld+json">{"@type":"Organization","logo":"/l.png"}</script>', "l.png"),
        (
            "",
            '<script type="application/ld+json">{"@graph":[{"publisher":{"logo":{"url":"/l.png"}}}]}</script>',
            "l.png",
        ),
        ("", '<script type="application/ld+json">{"logo": "/broken.png"</script>', "broken.png"),
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
        '<header><a href="/en/"><img src="en.png" alt="English"></a><a href="/fr/"><img src="fr.png"></a></header>',
        '<header><a href="/"><svg class="fa-home" viewBox="0 0 512 512"><path d="M0 0h9"/></svg></a></header>',
    ],
)
def test_traps_are_not_taken_even_if_there_is_nothing_else(trap):
    assert best(trap) == ""


def test_a_firm_may_have_a_word_of_a_trap_in_its_name():
    assert best('<img src="a.png" alt="Logo Team Steuern">', firm="Team Steuern GmbH") == "a.png"


def test_evidence_adds_up_and_is_kept():
    likeliest = first('<header><a href="/"><img src="logo.png" alt="Mustermann"></a></header><img src="b.jpg">')

    assert likeliest.score == sum(reason.points for reason in likeliest.reasons)
    assert [reason.sign for reason in likeliest.reasons] == ["home_link", "logo_word", "header", "name", "top", "first"]
    assert str(likeliest.reasons[0]) == "It leads to the home page."


def test_a_drawing_in_the_page_is_found_as_it_is_written():
    drawn = '<svg viewBox="0 0 40 20"><linearGradient id="Verlauf"/><path d="M0 0h40"/></svg>'
    likeliest = first(f'<header>\n\u2028\r\n<a href="/">{drawn}</a></header>')

    assert (likeliest.kind, likeliest.source) == (Kind.INLINE_SVG, drawn)


def test_a_drawing_gets_the_parts_that_it_takes_from_elsewhere_in_the_page():
    body = (
        '<a href="/" class="logo"><svg viewBox="0 0 9 9"><use href="#marke"/></svg></a>'
        '<svg hidden><symbol id="marke" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></symbol></svg>'
    )

    assert (
        '<defs><symbol id="marke" viewBox="0 0 9 9"><path d="M0 0h9v9z"></path></symbol></defs>' in first(body).drawing
    )


@pytest.mark.parametrize(
    ("image", "versions"),
    [
        ('<img src="s.png" srcset="m.png 1x, l.png 2x">', ["l.png", "m.png", "s.png"]),
        ('<img src="s.png" srcset="m.png 300w, l.png 900w">', ["l.png", "m.png", "s.png"]),
        ('<picture><source srcset="v.svg"><img src="s.png"></picture>', ["v.svg", "s.png"]),
        ('<img src="s.png" data-retina="big.png">', ["big.png", "s.png"]),
        ('<img src="/_next/image?url=%2Fs.png&amp;w=640&amp;q=75">', ["s.png", "_next/image?url=%2Fs.png&w=640&q=75"]),
    ],
)
def test_a_picture_is_named_as_the_page_names_it_and_taken_in_its_best_version(image, versions):
    likeliest = first(f'<a href="/">{image}</a>')

    assert likeliest.source == HOME + versions[-1]
    assert [address.removeprefix(HOME) for address in likeliest.versions] == versions


def test_a_picture_in_a_data_address_is_a_candidate():
    source = "data:image/svg+xml;base64," + "A" * 900

    assert best(f'<a href="/"><img src="{source}"></a>') == source


def test_umlauts_are_read_in_the_encoding_of_the_page():
    html = '<html><body><img src="l.png" alt="Kanzlei Müller"></body></html>'.encode("iso-8859-1")

    assert gather(Page(Fetched(HOME, html, "text/html", "iso-8859-1"), "Kanzlei Müller"))[0].source == f"{HOME}l.png"


def test_the_logo_is_found_on_a_website_with_a_picture_that_can_be_shaped(site):
    site.pages["/"] = b'<header><a href="/"><img src="/logo.svg"></a></header>'
    site.pages["/logo.svg"] = ROUND.encode()

    found = find(site.url, FIRM)
    logo = shape(found.pictures[found.choice.source])

    assert (found.choice.kind, found.choice.source) == ("url", f"{site.url}/logo.svg")
    assert (logo.width, logo.height, logo.report.score) == (600, 600, 4)


def test_what_is_no_picture_gives_way_to_what_is(site):
    site.pages["/"] = (
        b'<a href="/"><img src="/logo.png"></a><img src="/logo-broken.png" class="logo" alt="Mustermann"></a>'
    )
    site.pages["/logo-broken.png"] = b"<html>not a picture</html>"
    site.pages["/logo.png"] = picture()

    assert taken(site) == "/logo.png"


def test_a_picture_that_cannot_be_had_at_the_moment_may_still_be_the_logo(site):
    site.pages["/"] = b'<header><a href="/"><img src="https://cdn.nowhere.invalid/logo.png"></a></header>'

    found = find(site.url, FIRM)

    assert found.choice.source == "https://cdn.nowhere.invalid/logo.png"
    assert found.pictures == {}


def test_no_logo_is_an_answer(site):
    site.pages["/"] = b'<h1>Willkommen</h1><img src="/dot.png"><section class="partner"><img src="/p.png">'
    site.pages["/dot.png"] = picture((20, 20))
    site.pages["/p.png"] = picture()

    assert taken(site) == ""


def test_a_large_photograph_is_no_logo_on_weak_evidence(site):
    file = BytesIO()
    bands = [Image.effect_noise((40, 25), 120).resize((1200, 700), Image.Resampling.BICUBIC) for _ in range(3)]
    Image.merge("RGB", bands).save(file, "JPEG")
    site.pages["/"] = b'<header><img src="/kopf.jpg"></header>'
    site.pages["/kopf.jpg"] = file.getvalue()

    assert taken(site) == ""


def colours(png: bytes) -> set[tuple[int, int, int]]:
    """The colours that a tenth of the visible pixels have, at least."""
    picture = Image.open(BytesIO(png)).convert("RGBA")
    solid = [(number, shade[:3]) for number, shade in picture.getcolors(1 << 20) if shade[3] > 250]
    return {shade for number, shade in solid if number > sum(count for count, _ in solid) / 10}


def test_a_drawing_keeps_the_colours_that_the_page_gives_it(site):
    site.pages["/"] = (
        b'<link rel="stylesheet" href="/s.css"><header class="kopf"><a href="/" class="logo"><svg viewBox="0 0 90 30">'
        b'<path class="a" d="M0 0h30v30H0z"/><path fill="currentColor" d="M30 0h30v30H30z"/>'
        b'<g class="b"><path d="M60 0h30v30H60z"/></g></svg></a></header>'
    )
    site.pages["/s.css"] = (
        b":root{--rot:#c00010}header.kopf{color:#00aa00}.kopf .logo .a{fill:var(--rot)}.b{fill:#0000ff}"
    )

    found = find(site.url, FIRM)

    assert found.choice.source.startswith('<svg viewBox="0 0 90 30"><path class="a"')
    assert colours(shape(found.pictures[found.choice.source]).png) == {(192, 0, 16), (0, 170, 0), (0, 0, 255)}


def test_a_drawing_gets_the_symbol_that_it_takes_from_another_file(site):
    site.pages["/"] = (
        b'<header><a href="/" class="logo"><svg><use xlink:href="/sprite.svg#zeichen"></use></svg></a></header>'
    )
    site.pages["/sprite.svg"] = (
        b'<svg xmlns="http://www.w3.org/2000/svg"><symbol id="x"><path d="M0 0h9v9z"/></symbol>'
        b'<symbol id="zeichen" viewBox="0 0 40 20"><path fill="#c00010" d="M0 0h40v20H0z"/></symbol></svg>'
    )

    found = find(site.url, FIRM)

    assert found.choice.source == '<svg><use xlink:href="/sprite.svg#zeichen"></use></svg>'
    assert (192, 0, 16) in colours(shape(found.pictures[found.choice.source]).png)


def test_a_white_logo_gives_way_to_its_coloured_twin(site):
    site.pages["/"] = (
        b'<header><a href="/"><img class="logo" alt="Mustermann" src="/a.png"><img src="/b.png"></a></header>'
    )
    site.pages["/a.png"] = picture(colour=(255, 255, 255))
    site.pages["/b.png"] = picture()

    assert taken(site) == "/b.png"


def test_a_white_logo_without_a_twin_is_still_the_logo(site):
    site.pages["/"] = b'<header><a href="/"><img class="logo" src="/a.png"></a></header>'
    site.pages["/a.png"] = picture(colour=(255, 255, 255))

    assert taken(site) == "/a.png"


def sprite(scale: int = 1) -> bytes:
    """Signs in a row, and below them a red and white logo of 220 by 60."""
    made = Image.new("RGBA", (400 * scale, 400 * scale))
    pen = ImageDraw.Draw(made)
    for at in range(0, 400, 40):
        pen.ellipse([scale * side for side in (at, 0, at + 30, 30)], fill=(0, 90, 160))
    pen.rectangle([scale * side for side in (5, 125, 60, 175)], fill=(200, 20, 20))
    pen.rectangle([scale * side for side in (80, 140, 210, 160)], fill=(90, 90, 90))
    file = BytesIO()
    made.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("style", "scale"),
    [
        (".logo{width:220px;height:60px;background:url(all.png) 0 -120px no-repeat}", 1),
        (".s{background:url(all.png)}.logo{background-position:0 -120px;width:220px;height:0;padding-top:60px}", 1),
        (".logo{width:220px;height:60px;background:url(all.png) 0 -120px/400px auto}", 2),
        (".s{background-image:url(all.png)}.logo{background-position-y:-7.5rem;width:13.75rem;height:60px}", 1),
    ],
)
def test_a_logo_is_cut_out_of_a_picture_that_holds_several(site, style, scale):
    head = f"<style>{style}@media print{{.logo{{background-position:0 0}}}}</style>"
    site.pages["/"] = page('<header><a class="s logo" href="/">Mustermann</a></header>', head).content
    site.pages["/all.png"] = sprite(scale)

    found = find(site.url, FIRM)
    logo = Image.open(BytesIO(shape(found.pictures[site.url + "/all.png"]).png))

    assert found.choice is not None
    assert found.choice.source == site.url + "/all.png"
    assert found.choice.confidence >= CONFIDENT
    assert found.choice.part is not None
    assert logo.width / logo.height == pytest.approx(206 / 51, rel=0.03)  # Red and grey alone, trimmed.


def test_a_drawing_of_several_is_cut_as_a_drawing(site):
    style = "<style>.logo{width:220px;height:60px;background:url(all.svg) 0 -120px}</style>"
    site.pages["/"] = page('<header><a class="logo" href="/">Mustermann</a></header>', style).content
    site.pages["/all.svg"] = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400"><circle r="20" cx="20" cy="20" fill="#06c"/>'
        b'<path d="M5 125h60v50H5z" fill="#c11"/><path d="M80 140h130v20H80z" fill="#555"/></svg>'
    )

    shaped = shape(find(site.url, FIRM).pictures[site.url + "/all.svg"])

    assert shaped.report.vector
    assert shaped.width / shaped.height == pytest.approx(205 / 50, rel=0.03)


def test_of_a_mask_nothing_is_cut_away(site):
    style = "<style>.logo{width:220px;height:60px;background:#036;mask:url(all.png) center/contain no-repeat}</style>"
    site.pages["/"] = page('<header><a class="logo" href="/">Mustermann</a></header>', style).content
    site.pages["/all.png"] = picture((880, 240))

    assert find(site.url, FIRM).pictures[site.url + "/all.png"] == picture((880, 240))


def test_of_a_picture_that_is_shown_whole_no_part_is_told(site):
    style = "<style>.logo{width:220px;height:60px;background:url(l.png) no-repeat}</style>"
    site.pages["/"] = page('<header><a class="logo" href="/">Mustermann</a></header>', style).content
    site.pages["/l.png"] = picture((220, 60))

    found = find(site.url, FIRM)

    assert found.choice is not None
    assert found.choice.part is None
    assert found.pictures[site.url + "/l.png"] == picture((220, 60))


def test_other_signs_in_the_same_picture_are_no_repetition_of_the_logo():
    head = """<style>.s{background:url(all.png);width:60px;height:40px}.a{background-position:0 -120px}
        .b{background-position:0 -40px}</style>"""
    likeliest = first('<header><a class="s a logo" href="/"></a><a class="s b logo" href="/"></a></header>', head)

    assert likeliest.part is not None
    assert not likeliest.has(Sign.REPEATED)


@pytest.mark.parametrize(
    "style",
    [
        "background:url(all.png) 0 -120px",  # How large the element is, nobody says.
        "width:220px;height:60px;background:url(all.png) 0 -9000px",  # Nothing is shown.
    ],
)
def test_what_cannot_be_cut_out_is_left_to_an_operator(site, style):
    site.pages["/"] = page(
        '<header><a class="logo" href="/">Mustermann</a></header>', f"<style>.logo{{{style}}}</style>"
    ).content
    site.pages["/all.png"] = sprite()

    choice = find(site.url, FIRM).choice

    assert choice is not None
    assert choice.source == site.url + "/all.png"
    assert choice.confidence < CONFIDENT


def test_a_picture_that_only_keeps_a_place_is_no_logo(site):
    site.pages["/"] = b'<header><a class="logo" href="/"><img src="x.gif" alt="Mustermann Logo"></a></header>'
    site.pages["/x.gif"] = dot()

    assert taken(site) == ""


def test_a_site_full_of_candidates_costs_a_limited_number_of_requests(site):
    site.pages["/"] = b"".join(b'<img src="/logo%d.png">' % number for number in range(200))

    find(site.url, FIRM)

    assert len(site.asked) <= 25


def test_redirects_and_refreshes_are_followed_to_the_page_with_the_logo(site):
    site.pages["/"] = b'<meta http-equiv="refresh" content="0; url=/start/">'
    site.pages["/start/"] = (302, {"Location": "/de/"}, b"")
    site.pages["/de/"] = b'<a href="/de/"><img src="l.png"></a>'

    assert find(site.url, FIRM).candidates[0].source == f"{site.url}/de/l.png"


def test_an_address_of_a_picture_is_taken_as_it_is(site):
    site.pages["/l"] = (200, {"Content-Type": "image/png"}, picture())

    found = find(f"{site.url}/l", FIRM)

    assert found.choice.source == f"{site.url}/l"
    assert found.pictures[f"{site.url}/l"] == picture()


def test_a_site_that_asks_to_be_left_alone_is_left_alone(site):
    site.pages["/"] = b"welcome"
    site.pages["/robots.txt"] = b"User-agent: *\nDisallow: /\n"

    with pytest.raises(RobotsRefused):
        find(site.url, FIRM)
    assert site.paths == ["/robots.txt"]


def test_a_missing_site_is_told(site):
    with pytest.raises(Unreachable):
        find(site.url, FIRM)


def test_a_private_address_is_refused(public_only):
    with pytest.raises(AddressRefused):
        find("http://localhost/", FIRM)


def test_a_candidate_cannot_lead_into_the_private_network(site):
    """The page itself is reached, its pictures would lie on this machine's disk."""
    site.pages["/"] = b'<a href="/"><img src="file:///etc/logo.png"></a><img src="ftp://127.0.0.1/logo.png">'

    assert taken(site) == ""
    assert set(site.paths) <= {"/robots.txt", "/", "/favicon.ico"}


@pytest.mark.parametrize(
    "body",
    [
        "<header>" + "".join(f'<img src="/logo{number}.png" alt="Logo">' for number in range(5000)),
        "<div class='header logo partner'>" * 2000 + '<img src="/logo.png">' * 600,
        "<header>"
        + '<a href="/"><svg viewBox="0 0 9 9"><path/></svg></a>' * 3000
        + "<style>"
        + ".a path{fill:red}" * 20_000,
        "<style>" + ".a .b > .c:not(.d){background:url(x.png)}" * 20_000 + "</style>" + "<p class=a><i class=c>" * 900,
        "<div style='background:url(a.png)'>" * 2000,
        "<style>" + "url(" * 300_000,
        "<style>" + "/*" * 600_000,
        "<style>a{b:url(" + " " * 1_000_000,
        "<section>" * 50 + "<img src=b.png>" * 600 + "<p>x</p>" * 20_000,
        '<script type="application/ld+json">' + '{"logo":' * 100_000,
        "<script>" + '"a/logo.png",' * 200_000,
        ("<script>" + "src:a," * 3000 + "</script>") * 160,
        '<img src="' + "a," * 1_000_000 + '" srcset="' + "a 1x, " * 300_000 + '">',
    ],
    ids=[
        "images",
        "depth",
        "drawings",
        "selectors",
        "styles",
        "urls",
        "comments",
        "spaces",
        "headings",
        "data",
        "script",
        "scripts",
        "sizes",
    ],
)
def test_a_page_made_to_keep_us_busy_takes_seconds(body):
    with within(10):
        first(body)


BROKEN = (
    "http://[", "//[x", "data:,", "%zz", "&#0;", "\x00", "<svg", "</svg>", "<", '"', "url(", "{", "}", "\\",
    "http://a:b@c:99999999/", "https://ⅰ℀.example/", "<base href='http://['>", "<base href='data:,'>", "<template>",
    f"<meta http-equiv=refresh content='{'9' * 5000};url=http://['>", "srcset='x 1e999w, y -1x'", "width=1e400",
    '<script type=application/ld+json>[1,{"@graph":5,"logo":{"@id":3}}]</script>', "style='width:1.2.3px'",
    "<use href='#'>", "<img src='?url=%'>", "<frame src='http://['>", "<noscript>",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_no_page_is_so_broken_that_it_cannot_be_judged(seed):
    chance = Random(seed)
    site = chance.choice([site for site in known() if isinstance(site.pages["/"], str)])
    html = str(site.pages["/"])
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(min(len(html), 5000) + 1)
        html = html[:at] + chance.choice(BROKEN) + html[at + chance.choice([0, 1, 5, 40]) :]
    charset = chance.choice(["utf-8", None, "nonsense"])

    candidates = gather(Page(Fetched(HOME, html.encode(), "text/html", charset), chance.choice([FIRM, "", "((*"])))

    assert candidates


WORD = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 220 60'><path d='M5 5h50v50H5z' fill='%23c00010'/>"
WORD += "".join(f"<path d='M{70 + 12 * at} 20h9v20h-9z' fill='%23204060'/>" for at in range(12)) + "</svg>"
AS_WRITTEN = f"data:image/svg+xml;utf8,{WORD}"


@pytest.mark.parametrize(
    "inner",
    [
        f'<a href="/"><img alt="Logo" src="{AS_WRITTEN}"></a>',
        f"""<a href="/"><img alt="Logo" src='{AS_WRITTEN.replace("'", '"')}'></a>""",
        f'<a href="/"><svg width="16" height="16"><path d="M0 0h9v9z"/></svg><img alt="Logo" src="{AS_WRITTEN}"></a>',
        f'<a href="/" class="logo" style="width:220px;height:60px;background:url(&quot;{AS_WRITTEN}&quot;)"></a>',
        f'<style>.logo{{width:220px;height:60px;background:url("{AS_WRITTEN}")}}</style><a class="logo" href="/"></a>',
        f'<a href="/"><object type="image/svg+xml" data="{AS_WRITTEN}" aria-label="Logo"></object></a>',
    ],
    ids=["picture", "other quotes", "beside a drawing", "style attribute", "style sheet", "object"],
)
def test_a_drawing_written_into_an_address_is_found_as_it_is(site, inner):
    site.pages["/"] = page(f"<header>{inner}</header>").content

    found = find(site.url, FIRM)

    assert found.choice is not None
    assert found.choice.source == AS_WRITTEN.replace("'", '"') if "'data:" in inner else AS_WRITTEN
    assert shape(found.pictures[found.choice.source]).report.vector


def test_what_looks_like_a_drawing_in_words_and_attributes_is_none():
    inner = """<!-- <svg> --><script>"<svg>"</script><p title="<svg>" data-a='<svg'>it's <b title=a"<svg>b</b>
        <a href=/ ><svg aria-label="Logo" viewBox="0 0 9 9"><path d="M0 0h9v9z" fill="#c00"/></svg></a></p>"""
    drawn = first(f"<header>{inner}</header>")

    assert drawn.kind is Kind.INLINE_SVG
    assert 'd="M0 0h9v9z"' in drawn.drawing


@pytest.mark.parametrize("told", ["attribute", "style"])
def test_colours_by_variables_of_the_page_are_its_colours(site, told):
    colours = ['fill="var(--a)"', 'fill="var(--b, #000)"']
    if told == "style":
        colours = ['style="fill:var(--a)"', 'style="fill:var(--b)"']
    drawn = '<svg aria-label="Logo" viewBox="0 0 220 60" width="220" height="60"><path d="M5 5h50v50H5z" {}/>'
    drawn += "<path d='M70 20h140v20H70z' {}/></svg>"
    head = "<style>:root{--a:#c00010;--dark:#204060;--b:var(--dark)}</style>"
    site.pages["/"] = page(f'<header><a href="/">{drawn.format(*colours)}</a></header>', head).content

    found = find(site.url, FIRM)

    assert found.choice is not None
    logo = Image.open(BytesIO(shape(found.pictures[found.choice.source]).png)).convert("RGBA")
    opaque = {colour for _, colour in logo.getcolors(1 << 16) if colour[3] == 255}
    assert opaque == {(0xC0, 0x00, 0x10, 255), (0x20, 0x40, 0x60, 255)}


BRAND = ":root{--brand:#c00010;--dark:#204060}"
FALSE = "{--brand:#00ff00;--dark:#00ffff}"
AROUND = {
    "a rule for dark screens": (f"{BRAND}@media (prefers-color-scheme:dark){{:root{FALSE}}}", ""),
    "a rule for paper": (f"{BRAND}@media print{{:root{FALSE}}}", ""),
    "a rule for small screens": (f"{BRAND}@media (max-width:600px){{:root{FALSE}}}", ""),
    "a rule for two media": (f":root{FALSE}@media print, screen{{{BRAND}}}", ""),
    "a theme that is not chosen": (f'{BRAND}[data-theme="dark"]{FALSE}.dark{FALSE}', ""),
    "another part of the page": (f"{BRAND}footer{FALSE}", ""),
    "what stands before an element": (f"{BRAND}header::before{FALSE}", ""),
    "a rule for an element around": (f"header{{--brand:#c00010;--dark:#204060}}:root{FALSE}", ""),
    "a style of an element around": (f":root{FALSE}", "--brand:#c00010;--dark:#204060"),
    "an important one": (f":root{{--brand:#c00010 !important;--dark:#204060!important}}:root{FALSE}", ""),
    "one beside a selector that is not known": (":host," + BRAND, ""),
    "a variable in capitals": (f"{BRAND}:root{{--Brand:#00ff00;--DARK:#00ffff}}", ""),
    "a variable for a variable": (":root{--x:#c00010;--brand:var(--x);--dark:#204060}header{--x:#00ff00}", ""),
    "a value from the beginning": (
        "@property --brand{syntax:'<color>';inherits:true;initial-value:#c00010}:root{--dark:#204060}",
        "",
    ),
}
SHAPES = {
    "attributes": ('fill="var(--brand, #ff0)"', 'fill="VAR(--dark)"', ""),
    "styles": ('style="fill:var(--brand, #ff0)"', 'style="fill:var(--dark)"', ""),
    "a rule": ('class="a"', 'class="b"', "<style>.a{fill:var(--brand,#ff0)}.b{fill:var(--dark)}</style>"),
}


@pytest.mark.parametrize("told", SHAPES)
@pytest.mark.parametrize("name", AROUND)
def test_a_variable_of_the_page_is_the_one_that_its_element_has_on_a_light_and_wide_screen(name, told):
    css, style = AROUND[name]
    one, other, inner = SHAPES[told]
    drawn = f'<svg aria-label="Logo" viewBox="0 0 220 60" width="220" height="60">{inner}'
    drawn += f"<path d='M5 5h50v50H5z' {one}/><path d='M70 20h140v20H70z' {other}/></svg>"
    found = first(f'<header style="{style}"><a href="/">{drawn}</a></header><footer></footer>', f"<style>{css}</style>")

    assert colours(shape(found.drawing.encode()).png) == {(0xC0, 0x00, 0x10), (0x20, 0x40, 0x60)}


def test_a_picture_by_a_variable_is_the_one_that_its_element_has(site):
    site.pages["/"] = page(
        '<header><a href="/" class="logo" title="Logo"></a></header><footer><i class="b"></i></footer>',
        "<style>:root{--x:url(/a.png);--y:var(--x)}.logo{width:200px;height:60px;background:var(--y)}"
        "footer{--x:url(/b.png);--y:var(--x)}</style>",
    ).content
    site.pages["/a.png"] = picture()

    assert taken(site) == "/a.png"


DOUBLING = "--v0:url(/a.png);" + "".join(f"--v{at}:var(--v{at - 1}) var(--v{at - 1});" for at in range(1, 13))
HUNGRY = {
    "in style attributes": ("", '<p style="--a:{} var(--v12);background:var(--a)"></p>'),
    "in style attributes, for nothing": ("", '<p style="--a:{} var(--v12);background:var(--a) var(--a) var(--a)"></p>'),
    "with addresses": ("", '<p style="--a:' + "url(b)" * 100 + ' {};background:var(--a)"></p>'),
}


@pytest.mark.parametrize("name", HUNGRY)
def test_what_all_elements_of_a_page_have_filled_in_has_room_together(name):
    css, element = HUNGRY[name]
    base = f"<base href='/{'a' * 1000}/'>" if name == "with addresses" else ""
    logo = '<header><a href="/"><img src="/logo.png" alt="Logo"></a></header>'
    body = logo + "".join(element.format(at) for at in range(400))
    hungry = Page(page(body, f"{base}<style>:root{{{DOUBLING}}}{css}</style>"), FIRM)

    tracemalloc.start()
    try:
        found = gather(hungry)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found[0].source == HOME + "logo.png"
    assert most < 20_000_000


def test_scopes_fill_in_nothing_more_when_their_room_is_used_up():
    room = Room(each=1000, together=5000)
    own = {at: {"--a": "x" * 500, "--b": f"{at} var(--a)"} for at in range(100)}
    scopes = Scopes(own, lambda _: None, {}, room=room)

    filled = [scopes.of(at).fill_in("var(--b)") for at in own]

    assert filled[0] == "0 " + "x" * 500
    assert filled[-1] is None
    assert sum(len(value or "") for value in filled) <= 5000
    assert room.left == 0
    assert scopes.of(0).fill_in("var(--b)") == filled[0]


def test_an_important_colour_of_a_drawing_wins():
    css = ".logo path{fill:#c00010 !important}.logo .a{fill:#00ff00}.logo::before{fill:#0000ff !important}"
    drawn = '<svg aria-label="Logo" viewBox="0 0 60 60"><path class="a" style="fill:#000" d="M5 5h50v50H5z"/></svg>'
    found = first(f'<header><a href="/" class="logo">{drawn}</a></header>', f"<style>{css}</style>")

    assert colours(shape(found.drawing.encode()).png) == {(0xC0, 0x00, 0x10)}


def test_a_symbol_has_the_colours_of_what_uses_it():
    css = "body{color:#333}header{color:#c00010;--dark:#204060}"
    symbol = '<svg hidden><symbol id="x" viewBox="0 0 220 60"><path fill="currentColor" d="M5 5h50v50H5z"/>'
    symbol += '<path fill="var(--dark)" d="M70 20h140v20H70z"/></symbol></svg>'
    drawn = '<a href="/"><svg aria-label="Logo" width="220" height="60"><use href="#x"/></svg></a>'
    found = first(f"{symbol}<header>{drawn}</header>", f"<style>{css}</style>")

    assert colours(shape(found.drawing.encode()).png) == {(0xC0, 0x00, 0x10), (0x20, 0x40, 0x60)}


def test_quotes_may_be_escaped_in_the_address_of_a_picture():
    drawn = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 90 30'>" + "<path d='M0 0h90v30H0z'/>" * 8 + "</svg>"
    css = '.logo{width:90px;height:30px;background:url("data:image/svg+xml;utf8,' + drawn.replace("'", '\\"') + '")}'
    found = first('<header><a href="/" class="logo" title="Logo"></a></header>', f"<style>{css}</style>")

    assert found.source == "data:image/svg+xml;utf8," + drawn.replace("'", '"')


def test_addresses_with_backslashes_are_those_that_browsers_read():
    assert best(r'<header><a href="\"><img src="bilder\kopf.png" alt="Logo"></a></header>') == "bilder/kopf.png"


@pytest.mark.parametrize("charset", ["utf-16", "UTF-16LE"])
def test_a_page_that_says_of_itself_that_it_is_utf_16_is_not(charset):
    html = f'<meta charset="{charset}"><title>Müßig</title><body><p>Müßig</p></body>'
    fetched = Fetched(HOME, html.encode(), "text/html", None)

    assert Page(fetched, FIRM).title == "Müßig"
    assert Page(replace(fetched, content=html.encode("utf-16")), FIRM).title == "Müßig"


def test_the_server_may_move_readers_on_as_a_page_may(site):
    site.pages["/"] = (200, {"Refresh": "0; url=/start.html", "Content-Type": "text/html"}, b"<html></html>")
    site.pages["/start.html"] = page('<header><a href="/"><img src="/logo.png" alt="Logo"></a></header>').content
    site.pages["/logo.png"] = picture()

    found = find(site.url, FIRM)

    assert found.choice is not None
    assert found.choice.source == site.url + "/logo.png"
