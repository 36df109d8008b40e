"""Which picture on a website is the firm's logo: evidence is gathered from the page, adds up, and ranks.

``gather`` reads one page and is pure; ``find`` fetches the page first; ``take_from`` goes on to fetch and shape the
best candidates until one is usable. A mechanism is a function that yields evidence; a new one is one more function.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.dammit import UnicodeDammit

from models.logo import LogoRefused
from tasks.logos import svg
from tasks.logos.fetch import PAGE_BYTES, Faltered, Fetched, Fetcher, RobotsRefused, TooMuch, Unreachable
from tasks.logos.shape import ShapedLogo, shape

SCORE_LEAST = 1
"""What has more against it than for it is never taken."""
SIDE_LEAST = 48
"""Pixels on the longer side that a picture found by ourselves must have."""
INLINE_MOST = 300_000
"""Characters of an SVG within the page."""


class Kind(StrEnum):
    URL = "url"
    INLINE_SVG = "inline-svg"
    DATA_URI = "data-uri"


@dataclass(frozen=True)
class Candidate:
    """A picture that may be the logo; ``reasons`` are English notes for an operator, the weightiest first."""

    kind: Kind
    source: str
    """The absolute address, the SVG's markup as found, or the data URI."""
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Evidence:
    source: str
    points: int
    reason: str


def take_from(website: str, firm_name: str) -> tuple[Candidate, ShapedLogo] | None:
    """The firm's logo from its website, in shape; None if there is none that is good enough to be shown.

    Raises the refusals of ``tasks.logos.fetch`` for the website as a whole, and Faltered if it may work later.
    """
    with Fetcher() as fetcher:
        page = _open(fetcher, website)
        for candidate in gather(page, firm_name):
            if candidate.score < SCORE_LEAST or fetcher.is_late:
                return None
            try:
                logo = shape(_content(fetcher, candidate))
            except (LogoRefused, Unreachable, RobotsRefused, TooMuch, Faltered):
                continue  # This picture is not to be had; the next may be.
            if _is_plausible(candidate, logo):
                return candidate, logo
    return None


def find(website: str, firm_name: str) -> list[Candidate]:
    """Everything on the website's first page that may be the logo, the likeliest first."""
    with Fetcher() as fetcher:
        return gather(_open(fetcher, website), firm_name)


def _open(fetcher: Fetcher, website: str) -> Fetched:
    """The first page, also if the firm wrote its address without or with the wrong scheme or ``www``."""
    address = website.strip() if "://" in website else f"https://{website.strip()}"
    host = urlsplit(address).hostname or ""
    attempts = [address]
    if address.startswith("https://") and "." in host:
        bare = host.removeprefix("www.")
        other = bare if host != bare else f"www.{host}"
        attempts += [address.replace(host, other, 1), address.replace("https", "http", 1)]
    failed: Exception | None = None
    for attempt in attempts:
        try:
            page = fetcher.get(attempt, most=PAGE_BYTES)
            moved = _refreshed(page)
            return fetcher.get(moved, most=PAGE_BYTES) if moved else page
        except (Unreachable, Faltered) as error:
            failed = failed or error
    raise failed or Unreachable(website, "no address")


def _refreshed(page: Fetched) -> str | None:
    """Where a page moves its readers to by itself."""
    found = re.search(
        rb"""<meta[^>]{0,100}http-equiv\s*=\s*["']?refresh["']?[^>]{0,100}content\s*=\s*["']\s*[0-5]\s*;\s*url=['"]?([^"'>\s]+)""",
        page.content[:20_000],
        re.IGNORECASE,
    )
    return urljoin(page.url, found[1].decode("utf-8", "replace")) if found else None


def _content(fetcher: Fetcher, candidate: Candidate) -> bytes:
    match candidate.kind:
        case Kind.URL:
            return fetcher.get(candidate.source).content
        case Kind.INLINE_SVG:
            return candidate.source.encode()
        case Kind.DATA_URI:
            return svg.data_uri(candidate.source) or b""


def _is_plausible(candidate: Candidate, logo: ShapedLogo) -> bool:
    """The picture itself must not speak against it: too small to be shown, or a large opaque photograph."""
    if max(logo.width, logo.height) < SIDE_LEAST:
        return False
    is_photograph = logo.report.transparent == 0 and logo.report.given_width >= 700
    return not is_photograph or candidate.score >= 70


def gather(page: Fetched, firm_name: str) -> list[Candidate]:
    """Everything on *page* that may be the logo of *firm_name*, the likeliest first."""
    if page.media_type.startswith("image/") or svg.is_svg(page.content):
        return [Candidate(Kind.URL, page.url, 100, ("the address is that of a picture",))]
    reader = _Page(page, firm_name)
    points: dict[str, dict[str, int]] = {}
    for mechanism in (_json_ld, _microdata, _shared, _images, _inline_drawings, _icons):
        for evidence in mechanism(reader):
            reasons = points.setdefault(evidence.source, {})
            reasons[evidence.reason] = max(evidence.points, reasons.get(evidence.reason, evidence.points))
    candidates = [
        Candidate(
            _kind(source),
            source,
            sum(reasons.values()),
            tuple(
                f"{reason} ({gained:+d})" for reason, gained in sorted(reasons.items(), key=lambda item: -abs(item[1]))
            ),
        )
        for source, reasons in points.items()
    ]
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _kind(source: str) -> Kind:
    if source.startswith("data:"):
        return Kind.DATA_URI
    return Kind.INLINE_SVG if source.startswith("<") else Kind.URL


# What words tell. All matching is done on folded text: lower case, umlauts written out, words separated by spaces.

_LOGO = re.compile(r"(?<![a-z])logo(?!paed|ped|s[a-z])|logo(?![a-z])|(?<![a-z])(signet|wortmarke|bildmarke)(?![a-z])")
_HEADER = re.compile(r"\b(header|navbar|nav|masthead|topbar|site branding|branding|brand|kopf\w*)\b")
_FOOTER = re.compile(r"\b(footer|fuss\w*|colophon)\b")
_TRAPS = {
    "a partner's or client's": r"partner|kunden?|clients?|customers?|referenz\w*|references?|sponsor\w*|mandanten",
    "a seal or an association's": r"badges?|siegel|zertifi\w*|certifi\w*|awards?|auszeichnung\w*|datev|tuev|kammer\w*"
    r"|verband\w*|mitglied\w*|trusted|provenexpert|iso",
    "a social network's": r"facebook|instagram|linkedin|xing|twitter|youtube|whatsapp|tiktok|pinterest|kununu|social",
    "of a cookie notice": r"cookies?|consent|borlabs|usercentrics|cookiebot|cmplz|ccm",
    "a means of payment": r"paypal|visa|mastercard|klarna|sepa|payment|zahlung\w*|giropay",
    "a large picture": r"hero|slider|slides?|banner|carousel|teaser|background|stage|titelbild",
    "a portrait": r"team|portrait|portraet|avatar|mitarbeiter\w*|kolleg\w*",
    "a sign for a function": r"burger|hamburger|menu|search|suche|chevron|arrow|pfeil|cart|warenkorb|phone|flags?|play"
    r"|close|spinner|loader|loading|placeholder",
    "the builder's own": r"wordpress|joomla|typo3|jimdo|wix|webdesign|agentur|powered",
}
_COMMONPLACE = set(
    """
    gmbh mbh mbb ggmbh partg partgmbb und and der die das von kanzlei steuerkanzlei anwaltskanzlei rechtsanwaltskanzlei
    steuerbuero steuerberater steuerberaterin steuerberatung steuerberatungsgesellschaft rechtsanwalt rechtsanwaelte
    rechtsanwaeltin wirtschaftspruefer wirtschaftspruefung wirtschaftspruefungsgesellschaft partner partnerschaft
    kollegen notar notare buero gesellschaft logo
    """.split()  # noqa: SIM905
)
_HOME_PATHS = re.compile(
    r"/?((index|default|home|start|startseite|willkommen)(\.\w{2,5})?|[a-z]{2}(-[a-z]{2})?)?/?", re.IGNORECASE
)


def _folded(*texts: str) -> str:
    text = " ".join(texts).lower()
    for umlaut, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(umlaut, written)
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


class _Page:
    """One page, and what can be asked of it."""

    def __init__(self, page: Fetched, firm_name: str) -> None:
        known = [page.charset] if page.charset else []
        text = UnicodeDammit(page.content, known_definite_encodings=known, is_html=True).unicode_markup or ""
        self.soup = BeautifulSoup(text, "html.parser")
        self._lines = re.split(r"(?<=\n)", text)
        base = self.soup.find("base", href=True)
        self.url = page.url
        self.base = urljoin(page.url, _attribute(base, "href")) if isinstance(base, Tag) else page.url
        self.site = _site(page.url)
        self.name_words = {word for word in _folded(firm_name).split() if len(word) > 2} - _COMMONPLACE
        self._own_words = set(_folded(firm_name, self.site).split())

    def absolute(self, address: str) -> str:
        """The address as one of the web; empty for what cannot be fetched."""
        address = re.sub(r"[\r\n\t]", "", address.strip())
        if address.startswith("data:image/"):
            return address
        try:
            whole = urljoin(self.base, address.replace(" ", "%20")).partition("#")[0]
            return whole if urlsplit(whole).scheme in {"http", "https"} and address else ""
        except ValueError:
            return ""

    def leads_home(self, link: Tag) -> bool:
        target = self.absolute(_attribute(link, "href")) or self.url
        try:
            parts = urlsplit(target)
        except ValueError:
            return False
        same = urlsplit(self.url).path == parts.path and not parts.query
        return _site(target) == self.site and (same or _HOME_PATHS.fullmatch(parts.path) is not None)

    def says_name(self, text: str) -> bool:
        """Whether the folded text has the firm's name or the name of its domain in it."""
        joined = text.replace(" ", "")
        domain = _folded(self.site.rpartition(".")[0]).replace(" ", "")
        return any(word in text.split() for word in self.name_words) or (len(domain) > 3 and domain in joined)

    def traps(self, own: str, around: list[str]) -> Iterator[str]:
        """What else than the logo the folded texts speak of; a firm may well have “Partner” in its name."""
        named = " ".join(word for word in own.split() if word not in self._own_words)
        others = " ".join([named, *(text for text in around if not self.says_name(text))])
        for what, words in self._traps.items():
            if words.search(others):
                yield what

    _traps = {what: re.compile(rf"\b({words})\b") for what, words in _TRAPS.items()}  # noqa: RUF012

    def markup(self, tag: Tag) -> str:
        """The element as it is written in the page, with the case of its names, which HTML parsers lose."""
        if tag.sourceline is None or tag.sourcepos is None:
            return ""
        first = self._lines[tag.sourceline - 1][tag.sourcepos :]
        text = first + "".join(self._lines[tag.sourceline :])
        text = text[: INLINE_MOST + 1]
        depth = 0
        for found in re.finditer(rf"<(/?){re.escape(tag.name)}\b[^>]*?(/?)>", text, re.IGNORECASE):
            depth += -1 if found[1] else 0 if found[2] else 1
            if depth <= 0:
                return text[: found.end()]
        return ""

    @cached_property
    def drawings(self) -> dict[str, Tag]:
        """Parts of drawings that others on the page may refer to, by id."""
        return {
            _attribute(tag, "id"): tag
            for tag in self.soup.find_all(["symbol", "g", "path", "lineargradient", "clippath", "svg"], id=True)
        }


def _attribute(tag: Tag, name: str) -> str:
    value = tag.get(name)
    return " ".join(value) if isinstance(value, list) else value or ""


def _site(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _json_ld(page: _Page) -> Iterator[_Evidence]:
    for script in page.soup.find_all("script", type=re.compile("ld\\+json", re.IGNORECASE)):
        text = re.sub(r"^\s*(<!--|//\s*<!\[CDATA\[)|(-->|//\s*\]\]>)\s*$", "", script.get_text())
        try:
            data = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            continue
        for address in _json_logos(data, 0):
            if source := page.absolute(address):
                yield _Evidence(source, 60, "declared as logo in JSON-LD")


def _microdata(page: _Page) -> Iterator[_Evidence]:
    for tag in page.soup.find_all(itemprop=re.compile(r"\blogo\b")):
        image = tag if tag.name in {"img", "meta", "link", "a"} else tag.find("img") or tag
        for name in ("src", "content", "href"):
            if isinstance(image, Tag) and (source := page.absolute(_attribute(image, name))):
                yield _Evidence(source, 60, "declared as logo in microdata")
                break


def _shared(page: _Page) -> Iterator[_Evidence]:
    """What the page offers to social networks."""
    for tag in page.soup.find_all("meta"):
        name = (_attribute(tag, "property") or _attribute(tag, "name")).lower()
        source = page.absolute(_attribute(tag, "content")) if name in {"og:logo", "og:image", "og:image:url"} else ""
        if source and name == "og:logo":
            yield _Evidence(source, 55, "declared as og:logo")
        elif source and _LOGO.search(_folded(_file_name(source))):
            yield _Evidence(source, 20, "a shared picture (og:image) whose file name says logo")


def _json_logos(data: Any, depth: int) -> Iterator[str]:
    """The ``logo`` of every organisation in the data; not that of its partners, publishers of reviews or offers."""
    if depth > 8:
        return
    if isinstance(data, list):
        for item in data[:200]:
            yield from _json_logos(item, depth + 1)
    elif isinstance(data, dict):
        logo = data.get("logo")
        for one in logo if isinstance(logo, list) else [logo]:
            address = one.get("contentUrl") or one.get("url") or one.get("@id") if isinstance(one, dict) else one
            if isinstance(address, str):
                yield address
        for key, value in data.items():
            if key not in {"logo", "sponsor", "member", "memberOf", "review", "affiliation", "award", "client"}:
                yield from _json_logos(value, depth + 1)


def _images(page: _Page) -> Iterator[_Evidence]:
    first = True
    for image in page.soup.find_all("img"):
        sources = [source for written in _sources(image) if (source := page.absolute(written))]
        if not sources:
            continue
        files = [_file_name(source) for source in sources if not source.startswith("data:")]
        judged = list(_judge(page, image, _folded(*files)))
        if not any(points > 0 for points, _ in judged):
            continue
        if first:
            judged.append((5, "the first such picture of the page"))
            first = False
        for place, source in enumerate(sources[:2]):
            for points, reason in judged:
                yield _Evidence(source, points, reason)
            if place:
                yield _Evidence(source, -2, "there is a better version of the same picture")


def _sources(image: Tag) -> list[str]:
    """Addresses under which the picture is to be had, the best first."""
    sized: list[tuple[float, str]] = []
    alternatives = []
    if image.parent is not None and image.parent.name == "picture":
        alternatives = [tag for tag in image.parent.find_all("source") if "dark" not in _attribute(tag, "media")]
    for tag in [*alternatives, image]:
        for name in ("srcset", "data-srcset", "data-lazy-srcset"):
            for address, size, unit in re.findall(
                r"(\S+?)(?:\s+([\d.]+)([wx]))?\s*(?:,\s+|,?$)", _attribute(tag, name)
            ):
                sized.append((float(size or 1) * (300 if unit != "w" else 1), address))
    plain = [_attribute(image, name) for name in ("data-src", "data-lazy-src", "data-original", "data-lazy", "src")]
    plain = [address for address in plain if address]
    real = [address for address in plain if not address.startswith("data:") or len(address) > 800]
    largest = [address for _, address in sorted(sized, key=lambda item: -item[0])]
    drawn = [address for address in [*largest, *real] if urlsplit(address).path.lower().endswith(".svg")]
    return list(dict.fromkeys([*drawn, *largest, *(real or plain)]))


def _file_name(source: str) -> str:
    try:
        return unquote(urlsplit(source).path.rpartition("/")[2].partition(".")[0])
    except ValueError:
        return ""


def _inline_drawings(page: _Page) -> Iterator[_Evidence]:
    for drawing in page.soup.find_all("svg"):
        if drawing.find_parent("svg") is not None:
            continue
        judged = list(_judge(page, drawing, ""))
        if sum(points for points, _ in judged) < 30:
            continue
        markup = _with_references(page, page.markup(drawing))
        if markup:
            for points, reason in judged:
                yield _Evidence(markup, points, reason)
            yield _Evidence(markup, 5, "a drawing within the page")


def _with_references(page: _Page, markup: str) -> str:
    """The drawing with the parts that it takes from elsewhere in the page."""
    for name in re.findall(r"""href\s*=\s*["']#([^"']+)""", markup)[:10]:
        part = page.drawings.get(name)
        if part is not None and not re.search(rf"""\bid\s*=\s*["']?{re.escape(name)}["'\s>]""", markup):
            markup = f"{markup.rstrip().removesuffix('</svg>')}<defs>{page.markup(part)}</defs></svg>"
    return markup


def _judge(page: _Page, tag: Tag, file_name: str) -> Iterator[tuple[int, str]]:
    """What place and words say for and against a picture."""
    own = _folded(file_name, *(_attribute(tag, name) for name in ("alt", "title", "class", "id", "aria-label")))
    if tag.name == "svg":
        own = _folded(own, *(title.get_text() for title in tag.find_all("title", limit=1)))
    around = [parent for parent in tag.parents if parent.name not in {"html", "body", "[document]"}]
    places = [_folded(parent.name, _attribute(parent, "class"), _attribute(parent, "id")) for parent in around]
    link = next((parent for parent in around if parent.name == "a" and parent.get("href")), None)
    home = link is not None and page.leads_home(link)
    in_header = any(parent.name in {"header", "nav"} for parent in around) or any(map(_HEADER.search, places[:5]))
    in_footer = any(parent.name == "footer" for parent in around) or any(map(_FOOTER.search, places))

    if home:
        yield 35, "links to the home page"
    elif link is not None and _site(page.absolute(_attribute(link, "href"))) not in {page.site, ""}:
        yield -40, "links to another website"
    if in_footer:
        yield -20, "in the footer"
    elif in_header:
        yield 25, "in the header"
    if _LOGO.search(own):
        yield 30, "its own words say logo"
    elif any(map(_LOGO.search, places[:3])) or (link is not None and _LOGO.search(_folded(_attribute(link, "title")))):
        yield 20, "the words around it say logo"
    if page.says_name(own):
        yield 20, "its own words name the firm"
    headings = [] if home or in_header else list(_headings(around))
    for what in page.traps(own, [*places[:5], *headings]):
        yield -60, f"its words speak of something else: {what}"


def _headings(around: list[Tag]) -> Iterator[str]:
    """The headings under which a picture stands."""
    for parent in around[:4]:
        heading = parent.find(["h2", "h3", "h4"])
        if isinstance(heading, Tag):
            yield _folded(heading.get_text()[:100])
            return


def _icons(page: _Page) -> Iterator[_Evidence]:
    for link in page.soup.find_all("link", href=True):
        kind = _attribute(link, "rel").lower()
        source = page.absolute(_attribute(link, "href"))
        if not source or "icon" not in kind or "mask-icon" in kind:
            continue
        width = max((int(size) for size in re.findall(r"(\d{1,4})x\d", _attribute(link, "sizes").lower())), default=0)
        if "apple-touch-icon" in kind:
            yield _Evidence(source, 15 + min(width, 500) // 100, "an icon for phones")
        elif urlsplit(source).path.lower().endswith(".svg"):
            yield _Evidence(source, 14, "an icon, drawn")
        else:
            yield _Evidence(source, 4 + min(width, 512) // 64, "an icon")
    yield _Evidence(urljoin(page.url, "/favicon.ico"), 2, "where icons usually are")
