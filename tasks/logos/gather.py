"""Everything on a page that may be the firm's logo, with the evidence that the page itself holds.

A mechanism is a function that yields sightings: a picture seen in one place. Sightings of the same picture become one
candidate, judged by its best place and by what the page declares. Nothing is fetched here.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from tasks.logos import page as pages
from tasks.logos.evidence import Reason, Sign, judge, own_words, reason, says_logo, traps
from tasks.logos.page import Element, Page, attribute, file_name, folded
from tasks.logos.styles import Painted, Styles, urls

CANDIDATES = 40
DRAWN = 6
"""Drawings within the page that are made into files of their own."""
PICTURES = 600
"""Pictures of one page that are looked at; a logo is among the first."""


class Kind(StrEnum):
    URL = "url"
    INLINE_SVG = "inline-svg"
    DATA_URI = "data-uri"


@dataclass(frozen=True)
class Candidate:
    """A picture that may be the logo, and all that is known about it."""

    kind: Kind
    source: str
    """The absolute address as the page names it, the SVG's markup as found, or the data URI."""
    reasons: tuple[Reason, ...]
    """The weightiest first."""
    versions: tuple[str, ...] = ()
    """Addresses of the same picture, the best first."""
    drawing: str = ""
    """Of a drawing within the page: as a file of its own, with the colours that the page gives it."""
    confidence: float = 0.0
    """How likely it is the logo, 0 to 1."""

    @classmethod
    def given(cls, address: str) -> "Candidate":
        """A picture whose address was given: nothing is to be judged."""
        return cls(Kind.URL, address, (reason(Sign.GIVEN),), (address,), confidence=1.0)

    @property
    def score(self) -> int:
        return sum(each.points for each in self.reasons)

    def has(self, *signs: Sign) -> bool:
        return any(each.sign in signs for each in self.reasons)

    def with_reasons(self, *more: Reason) -> "Candidate":
        known = {each.sign for each in self.reasons}
        reasons = [*self.reasons, *(each for each in more if each.sign not in known)]
        return replace(self, reasons=_sorted(reasons))


@dataclass
class Sighting:
    """One picture in one place, or one declaration of it."""

    source: str
    reasons: list[Reason]
    versions: list[str] = field(default_factory=list)
    element: Element = None
    declared: bool = False

    @property
    def points(self) -> int:
        return sum(each.points for each in self.reasons)


def gather(page: Page, styles: Styles | None = None) -> list[Candidate]:
    """The candidates of one page, the likeliest first. Without *styles* those within the page are read."""
    styles = styles or Styles(page)
    seen = [
        sighting
        for mechanism in (
            _images,
            _drawings,
            _embedded,
            _backgrounds,
            _declared_data,
            _microdata,
            _metas,
            _icons,
            _named_in_scripts,
        )
        for sighting in mechanism(page, styles)
        if sighting.source
    ]
    unseen = styles.hidden(one.element for one in seen if one.element is not None and one.points > 0)
    for one in seen:
        if one.element in unseen and all(each.sign is not Sign.HIDDEN for each in one.reasons):
            one.reasons.append(reason(Sign.HIDDEN))
    candidates = [_candidate(page, together) for together in _together(seen)]
    if _writes_its_name(page):
        candidates = [
            one.with_reasons(reason(Sign.TEXT_BRAND)) if one.has(*_ICON_SIGNS) and not one.has(*_PLACED) else one
            for one in candidates
        ]
    candidates = sorted(candidates, key=lambda candidate: -candidate.score)[:CANDIDATES]
    drawn = {one.source: one.element for one in seen if one.source.startswith("<")}
    return [
        replace(one, drawing=drawing_of(page, styles, drawn[one.source]))
        if one.kind is Kind.INLINE_SVG and place < DRAWN
        else one
        for place, one in enumerate(candidates)
    ]


_ICON_SIGNS = (Sign.TOUCH_ICON, Sign.DRAWN_ICON, Sign.ICON)
_PLACED = (Sign.HOME_LINK, Sign.HEADER, Sign.TOP, Sign.FOOTER, Sign.LATE, Sign.JSON_LD, Sign.MICRODATA, Sign.OG_LOGO)


def merged(pages_of_site: Iterable[list[Candidate]]) -> list[Candidate]:
    """The candidates of several pages as those of one site."""
    by_source: dict[str, Candidate] = {}
    for candidates in pages_of_site:
        for one in candidates:
            known = by_source.get(one.source)
            if known is None or one.score > known.score:
                by_source[one.source] = one
    return sorted(by_source.values(), key=lambda candidate: -candidate.score)[:CANDIDATES]


def _together(seen: list[Sighting]) -> Iterator[list[Sighting]]:
    """Sightings of the same picture, also if its address tells another size of it."""
    groups: dict[str, list[Sighting]] = defaultdict(list)
    same: dict[str, str] = {}
    for one in seen:
        names = [one.source, *one.versions, stem(one.source)]
        key = next((same[name] for name in names if name and name in same), one.source)
        groups[key].append(one)
        for name in names:
            if name:
                same.setdefault(name, key)
    yield from groups.values()


def stem(source: str) -> str:
    """What the addresses of one picture in several sizes have in common; empty if that tells nothing."""
    name = file_name(source).lower()
    name = re.sub(r"^cropped-", "", name)
    name = re.sub(r"([-_]\d{2,4}x\d{2,4}|@[234]x|[-_](scaled|min|retina|2x|e\d{9,}|\d{2,4}w))+$", "", name)
    folder = _path(source).rpartition("/")[0]
    return f"{pages.site_of(source)}{folder} {name}" if name and not _EVERYDAY.fullmatch(name) else ""


_EVERYDAY = re.compile(r"(image|default|index|sprites?|file|original|preview|fill|w|h)?\d*")


def _candidate(page: Page, together: list[Sighting]) -> Candidate:
    placed = [one for one in together if not one.declared]
    best = max(placed or together, key=lambda one: one.points)
    reasons = {each.sign: each for each in best.reasons}
    if len(placed) > 1 and len({page.order.get(one.element) for one in placed if one.points > 0}) > 1:
        reasons[Sign.REPEATED] = reason(Sign.REPEATED)
    icon = max(
        (each for one in together for each in one.reasons if each.sign in _ICON_SIGNS),
        key=lambda each: each.points,
        default=None,
    )
    for one in together:
        if one.declared:
            for each in one.reasons:
                if each.sign not in _ICON_SIGNS and each.sign not in {Sign.TRAP, Sign.VARIANT}:
                    reasons.setdefault(each.sign, each)
    if icon is not None:
        for sign in _ICON_SIGNS:
            reasons.pop(sign, None)
        reasons[icon.sign] = replace(icon, points=min(icon.points, 6)) if placed else icon
    if Sign.LOGO_WORD in reasons:
        reasons.pop(Sign.LOGO_NEAR, None)
    is_drawing = best.source.startswith("<")
    versions = list(dict.fromkeys(address for one in (best, *together) for address in (*one.versions, one.source)))
    return Candidate(
        kind_of(best.source),
        best.source,
        _sorted(reasons.values()),
        () if is_drawing else tuple(_best_first(versions)),
    )


def _sorted(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted((each for each in reasons if each.points), key=lambda each: -abs(each.points)))


def kind_of(source: str) -> Kind:
    if source.startswith("data:"):
        return Kind.DATA_URI
    return Kind.INLINE_SVG if source.startswith("<") else Kind.URL


def _best_first(versions: list[str]) -> list[str]:
    """Drawings before pixels; else as the page ranks them."""
    return sorted(versions, key=lambda address: not _is_drawn(address))


def _is_drawn(address: str) -> bool:
    return address.startswith("data:image/svg") or _path(address).lower().endswith(".svg")


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


# Images.

_PICTURE = re.compile(r"\.(svg|png|jpe?g|gif|webp|avif|bmp)$", re.IGNORECASE)
_LAZY = re.compile(r"^(data|lazy|nitro-lazy|v-lazy|ng)?-?.*\b(lazy|src|original|image|img|orig)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(blank|spacer|placeholder|transparent|pixel|lazy|loading|loader|1x1|dummy|clear)\w*\.\w+$", re.IGNORECASE
)


def _images(page: Page, _styles: Styles) -> Iterator[Sighting]:
    sightings: list[Sighting] = []
    for image in page.all("img", "amp-img", "wix-image", "image-element", "input", "ion-img", "v-img")[:PICTURES]:
        if image.tag == "input" and attribute(image, "type").lower() != "image":
            continue
        written, versions = addresses(image)
        source = page.absolute(written)
        if not source:
            continue
        known = list(dict.fromkeys(filter(None, map(page.absolute, versions))))
        reasons = list(judge(page, image, own_words(image, *{file_name(one) for one in (source, *known[:3])}), source))
        sightings.append(Sighting(source, reasons, known, image))
    if len({one.source for one in sightings}) == 1 and all(each.points > 0 for each in sightings[0].reasons):
        sightings[0].reasons.append(reason(Sign.ONLY))
    else:
        least = 15 if _writes_its_name(page) else 0
        likely = next((one for one in sightings if one.points > least), None)
        if likely is not None:
            likely.reasons.append(reason(Sign.FIRST))
    yield from sightings


def addresses(image: Element) -> tuple[str, list[str]]:
    """Where the page says the picture is, and all addresses under which it is to be had, the best first."""
    lazy: list[str] = []
    sized: list[tuple[float, str]] = []
    sharper: list[str] = []
    picture = image.getparent() if image.getparent() is not None and image.getparent().tag == "picture" else None
    alternatives = (
        [] if picture is None else [one for one in picture.iter("source") if "dark" not in attribute(one, "media")]
    )
    for tag in [*alternatives, image]:
        for name, value in tag.attrib.items():
            if "srcset" in name:
                sized += _sized(value)
            elif name.startswith(("data-", "lazy", "nitro-lazy", "v-lazy", "ng-src")) and _is_picture_address(value):
                if re.search(r"retina|rjs|2x|hires|hidpi|large", name):
                    sharper.append(value)
                elif _LAZY.search(name) and tag is image and not re.search(r"dark|light|white|sticky|mobile|alt", name):
                    lazy.append(value)
    src = attribute(image, "src") or attribute(image, ":src").strip("'\"")
    if (
        src.startswith("data:")
        and (len(src) < 800 or lazy or sized)
        and (lazy or sized or "svg" not in src or len(src) < 400)
    ):
        src = src if not (lazy or sized) and len(src) > 200 else ""
    if src and (lazy or sized) and _PLACEHOLDER.search(_path(src)):
        src = ""
    largest = [address for _, address in sorted(sized, key=lambda item: -item[0])]
    named = [*lazy, *([src] if src else []), *largest]
    if not named:
        return "", []
    versions = list(dict.fromkeys([*sharper, *largest, *named]))
    return named[0], list(dict.fromkeys([*filter(_is_drawn, versions), *_unwrapped(named[0]), *versions]))


def is_placeholder(candidate: Candidate) -> bool:
    """Whether it is called like a picture that only keeps a place."""
    return _PLACEHOLDER.search(_path(candidate.source)) is not None


def _sized(value: str) -> Iterator[tuple[float, str]]:
    for address, size, unit in re.findall(r"(\S+?)(?:\s+([\d.]+)([wx]))?\s*(?:,\s+|,?$)", value.strip()[:20_000]):
        if address and not address.startswith("data:"):
            try:
                yield float(size or 1) * (300 if unit != "w" else 1), address
            except ValueError:
                continue


def _is_picture_address(value: str) -> bool:
    value = value.strip()
    return (
        len(value) < 2000
        and " " not in value
        and (_PICTURE.search(_path(value)) is not None or "/_next/image" in value)
    )


def _unwrapped(address: str) -> list[str]:
    """The picture itself behind a service that scales it, for the services whose addresses say so."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return []
    if parts.path.endswith(("/_next/image", "/_vercel/image", "/_ipx/image")):
        return parse_qs(parts.query).get("url", [])
    found = re.match(r"(https?://static\.wixstatic\.com/media/[^/]+)/v1/", address)
    return [found[1]] if found else []


# Drawings within the page.


def _drawings(page: Page, _styles: Styles) -> Iterator[Sighting]:
    for drawing in page.all("svg")[:PICTURES]:
        if any(True for _ in drawing.iterancestors("svg")) or not _draws(drawing):
            continue
        inner = [one for one in drawing.iter("image") if one.get("href") or one.get("xlink:href")]
        shapes = [one for one in drawing.iter() if one.tag in {"path", "rect", "circle", "polygon", "text", "use"}]
        if len(inner) == 1 and not [
            one for one in shapes if not any(True for _ in one.iterancestors("defs", "clippath", "mask"))
        ]:
            source = page.absolute(attribute(inner[0], "href") or attribute(inner[0], "xlink:href"))
            if source:
                yield Sighting(source, list(judge(page, drawing, own_words(drawing, file_name(source)))), [], drawing)
                continue
        names = [attribute(one, "href") or attribute(one, "xlink:href") for one in drawing.iter("use")]
        reasons = list(judge(page, drawing, own_words(drawing, *names)))
        if sum(each.points for each in reasons) > 0 and (source := page.markup(drawing)):
            yield Sighting(source, [*reasons, reason(Sign.DRAWING)], [], drawing)


def _draws(drawing: Element) -> bool:
    """Whether something of it is shown: a store of symbols for others is not."""
    return any(
        one.tag in {"path", "rect", "circle", "ellipse", "polygon", "polyline", "line", "text", "use", "image"}
        and not any(True for _ in one.iterancestors("symbol", "defs", "clippath", "mask"))
        for one in drawing.iter()
    )


def drawing_of(page: Page, styles: Styles, drawing: Element) -> str:
    """The drawing as a file, with what it takes from elsewhere on the page; parts of other files stay references."""
    colours = styles.colours(drawing)
    parts: list[str] = []
    wanted = _referred(drawing)
    known: set[str] = {attribute(one, "id") for one in drawing.iter() if isinstance(one.tag, str)}
    while wanted and len(parts) < 40:
        name = wanted.pop()
        part = page.by_id.get(name)
        if name in known or part is None:
            continue
        known.add(name)
        parts.append(pages.as_xml(part, styles.colours(part) if part.tag != "svg" else None))
        wanted += _referred(part)
    inner = f"<defs>{''.join(parts)}</defs>" if parts else ""
    return pages.as_xml(drawing, colours, inner)


def _referred(element: Element) -> list[str]:
    names = []
    for one in element.iter():
        if isinstance(one.tag, str):
            for name, value in one.attrib.items():
                if name in {"href", "xlink:href"} and value.startswith("#"):
                    names.append(value[1:])
                elif "url(" in value:
                    names += re.findall(r"""url\(\s*["']?#([^"')]+)""", value)
    return names


# Other elements that show a picture.


def _embedded(page: Page, _styles: Styles) -> Iterator[Sighting]:
    for element in page.all("object", "embed", "iframe", "a", "td", "th", "table", "tr", "body", "link", "video"):
        name = {
            "object": "data",
            "embed": "src",
            "iframe": "src",
            "td": "background",
            "th": "background",
            "table": "background",
        }.get(element.tag)
        if name is None:
            continue
        written = attribute(element, name)
        kind = attribute(element, "type").lower()
        if written and (
            kind.startswith("image/") or _PICTURE.search(_path(written)) or (written[:11].lower() == "data:image/")
        ):
            source = page.absolute(written)
            reasons = list(judge(page, element, own_words(element, file_name(source)), source))
            if name == "background":
                reasons.append(reason(Sign.BACKDROP))
            yield Sighting(source, reasons, [], element)


_LAZY_GROUNDS = ("data-bg", "data-background", "data-background-image", "data-bg-image", "data-lazy-bg", "data-src")


def _backgrounds(page: Page, styles: Styles) -> Iterator[Sighting]:
    for element in page.elements:
        for name in _LAZY_GROUNDS if element.tag not in {"img", "source", "iframe", "video", "script"} else ():
            if written := attribute(element, name):
                written = next(iter(urls(written)), written)
                if written.startswith("data:image/") or _PICTURE.search(_path(written)):
                    yield from _background(page, Painted(element, written, page.base, "", {}, "background"))
    for painted in islice(styles.pictures(), PICTURES):
        yield from _background(page, painted)


def _background(page: Page, painted: Painted) -> Iterator[Sighting]:
    """One picture that a style puts on an element."""
    source = page.absolute(painted.address, painted.base)
    if not source or (source.startswith("data:") and len(source) < 200):
        return
    said = folded(painted.said)
    own = own_words(painted.element, file_name(source), _last(painted.said))
    reasons = list(judge(page, painted.element, own, source))
    if _is_backdrop(painted):
        reasons.append(reason(Sign.BACKDROP))
    elif any(each.sign is Sign.HOME_LINK for each in reasons) or says_logo(said):
        hidden_text = (
            painted.declarations.get("text-indent", "").startswith("-") or painted.declarations.get("font-size") == "0"
        )
        if hidden_text and not any(each.sign in {Sign.LOGO_WORD, Sign.LOGO_NEAR} for each in reasons):
            reasons.append(reason(Sign.BRAND_WORD))
    else:
        reasons.append(Reason(Sign.BACKDROP, -20))
    if _is_part(painted):
        reasons.append(reason(Sign.PART))
    yield Sighting(source, reasons, [], painted.element)


def _is_part(painted: Painted) -> bool:
    """Whether the picture holds several, of which the style shows one."""
    told = " ".join(painted.declarations.get(name, "") for name in ("background", "background-position"))
    told += painted.declarations.get("background-position-x", "") + painted.declarations.get(
        "background-position-y", ""
    )
    return re.search(r"(?<![\w-])-\d+(\.\d+)?px", re.sub(r"url\([^)]*\)", "", told)) is not None


def _last(selector: str) -> str:
    return re.split(r"[\s>+~]+", selector.strip())[-1]


def _is_backdrop(painted: Painted) -> bool:
    element = painted.element
    size = painted.declarations.get("background-size", "") + " " + painted.declarations.get("background", "")
    inside = [one for one in islice(element.iter(), 40) if isinstance(one.tag, str)]
    shown = [one for one in inside if one.tag in {"img", "svg", "h2", "h3", "form", "ul", "video", "table"}]
    text = " ".join("".join(islice(element.itertext(), 80)).split())
    wide = element.tag in {"body", "html", "main", "section", "header", "footer", "nav", "article"}
    if painted.how == "mask":
        return len(inside) > 5
    return wide or "cover" in size or len(inside) > 12 or bool(shown and len(shown) > 1) or len(text) > 120


# What the page declares.


def _declared_data(page: Page, _styles: Styles) -> Iterator[Sighting]:
    whole = [data for data in page.declared if not isinstance(data, str)]
    by_id = {str(node["@id"]): node for node in pages.nodes(whole) if "@id" in node and len(node) > 1}
    for address in dict.fromkeys(_logos(whole, by_id, 0)):
        yield _declaration(page, address, Sign.JSON_LD)
    for text in page.declared:
        if isinstance(text, str):
            pattern = r'"logo"\s*:\s*(?:\[\s*)?(?:"([^"]+)"|\{[^{}]*?"(?:contentUrl|url)"\s*:\s*"([^"]+)")'
            for plain, inner in re.findall(pattern, text)[:5]:
                yield _declaration(page, (plain or inner).replace("\\/", "/"), Sign.JSON_LD)


def _logos(data: Any, by_id: dict[str, Any], depth: int) -> Iterator[str]:
    """The ``logo`` of every organisation in the data; not that of its partners, reviews or awards."""
    if depth > 10:
        return
    if isinstance(data, list):
        for item in data[:300]:
            yield from _logos(item, by_id, depth + 1)
    elif isinstance(data, dict):
        logo = data.get("logo")
        for one in logo if isinstance(logo, list) else [logo]:
            yield from _named_address(one, by_id)
        for key, value in data.items():
            if key not in _OTHERS:
                yield from _logos(value, by_id, depth + 1)


_OTHERS = frozenset(
    {"logo", "sponsor", "funder", "member", "memberOf", "review", "affiliation", "award", "client", "knowsAbout"}
    | {"hasCredential", "provider", "seller", "itemReviewed", "subjectOf", "mentions"}
)


def _named_address(one: Any, by_id: dict[str, Any]) -> Iterator[str]:
    if isinstance(one, str):
        one = by_id.get(one, one)
    if isinstance(one, dict) and "@id" in one and not one.keys() & {"url", "contentUrl"}:
        one = by_id.get(str(one["@id"]), one)
    if isinstance(one, dict):
        one = one.get("contentUrl") or one.get("url") or one.get("@id")
        one = one[0] if isinstance(one, list) and one else one
    if isinstance(one, str) and one:
        yield one


def _declaration(page: Page, address: str, sign: Sign, points: int | None = None) -> Sighting:
    source = page.absolute(address)
    reasons = [reason(sign, points=points)]
    own = folded(file_name(source))
    if says_logo(own) and sign is not Sign.IN_SCRIPT:
        reasons.append(Reason(Sign.LOGO_WORD, 12))
    if page.says_name(own):
        reasons.append(Reason(Sign.NAME, 10))
    reasons += [reason(Sign.TRAP, what) for what in list(traps(page.foreign(own)))[:1]]
    return Sighting(source, reasons, declared=True)


def _microdata(page: Page, _styles: Styles) -> Iterator[Sighting]:
    for tag in page.elements:
        marks = f"{attribute(tag, 'itemprop')} {attribute(tag, 'property')} {attribute(tag, 'rel')}".lower().split()
        if not {"logo", "schema:logo", "v:logo", "http://schema.org/logo", "https://schema.org/logo"} & set(marks):
            continue
        inner = [tag, *tag.iter("img", "meta", "link")]
        for one in inner:
            written = addresses(one)[0] if one.tag == "img" else ""
            written = written or next(
                (attribute(one, name) for name in ("content", "href", "src", "resource") if one.get(name)), ""
            )
            source = page.absolute(written)
            if source and (one.tag != "a" or _PICTURE.search(_path(source))):
                yield _declaration(page, written, Sign.MICRODATA)
                break


_METAS = {
    "og:logo": (Sign.OG_LOGO, None),
    "logo": (Sign.OG_LOGO, 30),
    "og:image": (Sign.SHARED, None),
    "og:image:url": (Sign.SHARED, None),
    "og:image:secure_url": (Sign.SHARED, None),
    "twitter:image": (Sign.SHARED, 4),
    "twitter:image:src": (Sign.SHARED, 4),
    "msapplication-tileimage": (Sign.TOUCH_ICON, 18),
    "msapplication-square310x310logo": (Sign.TOUCH_ICON, 18),
    "msapplication-square150x150logo": (Sign.TOUCH_ICON, 18),
    "msapplication-square70x70logo": (Sign.ICON, None),
    "msapplication-wide310x150logo": (Sign.TOUCH_ICON, 20),
}


def _metas(page: Page, _styles: Styles) -> Iterator[Sighting]:
    for meta in page.all("meta"):
        name = (attribute(meta, "property") or attribute(meta, "name")).lower().strip()
        if name in _METAS and (address := attribute(meta, "content")):
            sign, points = _METAS[name]
            yield _declaration(page, address, sign, points)


def _icons(page: Page, _styles: Styles) -> Iterator[Sighting]:
    for link in page.all("link"):
        rel = attribute(link, "rel").lower()
        href = attribute(link, "href")
        if not href or not ("icon" in rel or "image_src" in rel or "logo" in rel.split()):
            continue
        size = max(
            (int(one) for one in re.findall(r"(\d{1,4})x\d", attribute(link, "sizes").lower() or href)), default=0
        )
        yield _declaration(page, href, *icon_sign(rel, href, size))
    yield Sighting(urljoin(page.url, "/favicon.ico"), [reason(Sign.ICON, points=3)], declared=True)


def icon_sign(rel: str, href: str, size: int) -> tuple[Sign, int]:
    """What an icon counts for, by its kind and size in pixels."""
    if "logo" in rel.split():
        return Sign.OG_LOGO, 30
    if "image_src" in rel:
        return Sign.SHARED, 6
    if "mask-icon" in rel:
        return Sign.ICON, 10
    if "apple-touch-icon" in rel:
        return Sign.TOUCH_ICON, Sign.TOUCH_ICON.points - 4 + min(size or 120, 180) // 45
    if _is_drawn(href):
        return Sign.DRAWN_ICON, Sign.DRAWN_ICON.points
    return (Sign.TOUCH_ICON, 24) if size >= 150 else (Sign.ICON, Sign.ICON.points + size // 16)


def manifest_icons(text: str, address: str, page: Page) -> list[Candidate]:
    """The icons of a web manifest."""
    try:
        icons = json.loads(text.removeprefix("\ufeff"), strict=False).get("icons", [])
    except (ValueError, AttributeError, RecursionError):
        return []
    found = []
    for icon in icons[:20] if isinstance(icons, list) else []:
        if isinstance(icon, dict) and isinstance(icon.get("src"), str):
            source = page.absolute(icon["src"], address)
            size = max((int(one) for one in re.findall(r"(\d{1,4})x\d", str(icon.get("sizes", "")).lower())), default=0)
            sign, points = icon_sign("icon", source, size)
            if source:
                one = _declaration(page, source, sign, points)
                found.append(Candidate(kind_of(source), source, _sorted(one.reasons), (source,)))
    return sorted(found, key=lambda candidate: -candidate.score)[:2]


# Pages that scripts draw.

_IN_SCRIPT = re.compile(
    r"""["'(`]((?:https?:\\?/\\?/|\.{0,2}\\?/)?[\w\-./\\%@:]{0,200}\.(?:svg|png|webp|jpe?g|gif))["')`?\\]"""
)


_DATA_IN_SCRIPT = re.compile(r"""["'`](data:image/(?:svg\+xml|png|webp)[;,][^"'`\s]{300,200000})["'`]""")
SCRIPT_MOST = 4_000_000
"""Characters of a script that are read."""


def _named_in_scripts(page: Page, _styles: Styles) -> Iterator[Sighting]:
    for script in page.all("script"):
        if not script.get("src") and "ld+json" not in attribute(script, "type").lower():
            yield from in_script(page, script.text or "", page.base)


def in_script(page: Page, text: str, base: str) -> Iterator[Sighting]:
    """Pictures that a script names and whose names say what they are."""
    text = text[:SCRIPT_MOST]
    seen: set[str] = set()
    for found in (*_IN_SCRIPT.finditer(text), *_DATA_IN_SCRIPT.finditer(text)):
        address = found[1].replace("\\u002F", "/").replace("\\/", "/")
        called = folded(file_name(address)) if not address.startswith("data:") else _called_in_script(text, found)
        if address in seen or not says_logo(called) or len(seen) > 20:
            continue
        seen.add(address)
        bundled = re.match(r"(static|assets|img|images|media)/", address) is not None  # As seen from the home page.
        source = page.absolute(address, page.base if bundled else base)
        if source:
            sighting = _declaration(page, source, Sign.IN_SCRIPT)
            sighting.reasons.append(Reason(Sign.LOGO_WORD, 26))
            if page.says_name(called):
                sighting.reasons.append(reason(Sign.NAME, points=10))
            yield sighting


def _called_in_script(text: str, found: re.Match[str]) -> str:
    """The words beside a picture in a script, and beside the uses of the name that is given to it there."""
    around = text[max(0, found.start() - 60) : found.start()] + " " + text[found.end() : found.end() + 60]
    given = re.search(r"([\w$]+)\s*[=:]\s*$", text[max(0, found.start() - 40) : found.start()])
    if given:
        uses = re.finditer(rf"(?<![\w$])src:\s*{re.escape(given[1])}(?![\w$])", text)
        around += "".join(
            text[max(0, use.start() - 80) : use.end() + 80] for _, use in zip(range(5), uses, strict=False)
        )
    return folded(re.sub(r"data:[^\"'`\s]*", " ", around))


def scripted(page: Page, text: str, base: str) -> list[Candidate]:
    """Candidates from a script that draws the page."""
    return [
        Candidate(kind_of(one.source), one.source, _sorted(one.reasons), (one.source,))
        for one in in_script(page, text, base)
    ]


def _writes_its_name(page: Page) -> bool:
    """Whether the page shows the firm's name in letters where others show their logo."""
    title = set(folded(page.title).split()) - {"startseite", "start", "home", "homepage", "willkommen"}
    for link in page.all("a"):
        if link.get("href") is not None and page.place(link) < 400 and page.leads_home(link):
            text = folded("".join(link.itertext()))
            named = page.says_name(text) or (len(text) > 7 and set(text.split()) <= title)
            if len(text) > 4 and named and not any(True for _ in link.iter("img", "svg", "picture", "object")):
                return True
    return False
