"""A picture that may be the firm's logo: under which addresses it is to be had, and all that is known about it.

A ``Sighting`` is a picture seen in one place or declared once. Sightings of the same picture become one ``Candidate``,
judged by its best place and by what the page declares.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from tasks.logos.cut import Part
from tasks.logos.page import Element, Page, attribute, file_name, site_of
from tasks.logos.scoring import Reason, Sign, reason

CANDIDATES = 40


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
    part: Part | None = None
    """Of a picture that holds several: which part of it the page shows here."""
    confidence: float = 0.0
    """How likely it is the logo, 0 to 1."""

    @classmethod
    def given(cls, address: str) -> "Candidate":
        """A picture whose address was given: nothing is to be judged."""
        return cls(Kind.URL, address, (reason(Sign.GIVEN),), (address,), confidence=1.0)

    @classmethod
    def declared(cls, sighting: "Sighting") -> "Candidate":
        """A picture that has no place in the page."""
        return cls(kind_of(sighting.source), sighting.source, _sorted(sighting.reasons), (sighting.source,))

    @property
    def is_mere_icon(self) -> bool:
        """Whether it stands nowhere in the page and nothing calls it the logo."""
        return self.has(*_ICON_SIGNS) and not self.has(*_PLACED)

    @property
    def is_nameless(self) -> bool:
        """Whether no more than its place or a word speaks for it: it does not name the firm and does not lead home."""
        named = self.has(Sign.HOME_LINK, Sign.NAME, Sign.INITIALS)
        return self.is_mere_icon or (self.has(*_PLACED) and not named and not self.has(*_DECLARED))

    @property
    def is_placeholder(self) -> bool:
        """Whether it is called like a picture that only keeps a place."""
        return _PLACEHOLDER.search(_path(self.source)) is not None

    @property
    def score(self) -> int:
        return sum(each.points for each in self.reasons)

    def has(self, *signs: Sign) -> bool:
        return any(each.sign in signs for each in self.reasons)

    def with_reasons(self, *more: Reason) -> "Candidate":
        signs = {each.sign for each in self.reasons}
        reasons = [*self.reasons, *(each for each in more if each.sign not in signs)]
        return replace(self, reasons=_sorted(reasons))


@dataclass
class Sighting:
    """One picture in one place, or one declaration of it."""

    source: str
    reasons: list[Reason]
    versions: list[str] = field(default_factory=list)
    element: Element = None
    declared: bool = False
    part: Part | None = None

    @property
    def points(self) -> int:
        return sum(each.points for each in self.reasons)


_ICON_SIGNS = (Sign.TOUCH_ICON, Sign.DRAWN_ICON, Sign.ICON)
_DECLARED = (Sign.JSON_LD, Sign.MICRODATA, Sign.OG_LOGO)
_PLACED = (Sign.HOME_LINK, Sign.HEADER, Sign.TOP, Sign.FOOTER, Sign.LATE, *_DECLARED)


def merged(pages_of_site: Iterable[list[Candidate]]) -> list[Candidate]:
    """The candidates of several pages as those of one site."""
    by_source: dict[str, Candidate] = {}
    for candidates in pages_of_site:
        for candidate in candidates:
            best = by_source.get(candidate.source)
            if best is None or candidate.score > best.score:
                by_source[candidate.source] = candidate
    return sorted(by_source.values(), key=lambda candidate: -candidate.score)[:CANDIDATES]


def as_candidates(page: Page, seen: list[Sighting]) -> list[Candidate]:
    """What the sightings of one page come to, in their order."""
    return [_candidate(page, together) for together in _together(seen)]


def _together(seen: list[Sighting]) -> Iterator[list[Sighting]]:
    """Sightings of the same picture, also if its address tells another size of it."""
    groups: dict[str, list[Sighting]] = defaultdict(list)
    same: dict[str, str] = {}
    for sighting in seen:
        names = [sighting.source, *sighting.versions, stem(sighting.source)]
        key = next((same[name] for name in names if name and name in same), sighting.source)
        groups[key].append(sighting)
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
    return f"{site_of(source)}{folder} {name}" if name and not _EVERYDAY.fullmatch(name) else ""


_EVERYDAY = re.compile(r"(image|default|index|sprites?|file|original|preview|fill|w|h)?\d*")


def _candidate(page: Page, together: list[Sighting]) -> Candidate:
    placed = [sighting for sighting in together if not sighting.declared]
    best = max(placed or together, key=lambda sighting: sighting.points)
    reasons = {each.sign: each for each in best.reasons}
    # Signs beside it are other pictures.
    alike = [sighting for sighting in placed if sighting.points > 0 and sighting.part == best.part]
    if len({page.order.get(sighting.element) for sighting in alike}) > 1:
        reasons[Sign.REPEATED] = reason(Sign.REPEATED)
    icon = max(
        (each for sighting in together for each in sighting.reasons if each.sign in _ICON_SIGNS),
        key=lambda each: each.points,
        default=None,
    )
    for sighting in together:
        if sighting.declared:
            for each in sighting.reasons:
                if each.sign not in _ICON_SIGNS and each.sign not in {Sign.TRAP, Sign.VARIANT}:
                    reasons.setdefault(each.sign, each)
    if icon is not None:
        for sign in _ICON_SIGNS:
            reasons.pop(sign, None)
        reasons[icon.sign] = replace(icon, points=min(icon.points, 6)) if placed else icon
    if Sign.LOGO_WORD in reasons:
        reasons.pop(Sign.LOGO_NEAR, None)
    is_drawing = best.source.startswith("<")
    versions = list(
        dict.fromkeys(address for sighting in (best, *together) for address in (*sighting.versions, sighting.source))
    )
    return Candidate(
        kind_of(best.source),
        best.source,
        _sorted(reasons.values()),
        () if is_drawing else tuple(_best_first(versions)),
        part=best.part,
    )


def _sorted(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted((each for each in reasons if each.points), key=lambda each: -abs(each.points)))


def kind_of(source: str) -> Kind:
    if source.startswith("data:"):
        return Kind.DATA_URI
    return Kind.INLINE_SVG if source.startswith("<") else Kind.URL


def _best_first(versions: list[str]) -> list[str]:
    """Drawings before pixels; else as the page ranks them."""
    return sorted(versions, key=lambda address: not is_drawn(address))


def is_drawn(address: str) -> bool:
    return address.startswith("data:image/svg") or _path(address).lower().endswith(".svg")


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


# Addresses.

_PICTURE = re.compile(r"\.(svg|png|jpe?g|gif|webp|avif|bmp)$", re.IGNORECASE)
_LAZY = re.compile(r"^(data|lazy|nitro-lazy|v-lazy|ng)?-?.*\b(lazy|\w*src|original|image|img|orig)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(blank|spacer|placeholder|transparent|pixel|lazy|loading|loader|1x1|dummy|clear)\w*\.\w+$", re.IGNORECASE
)


def addresses(image: Element) -> tuple[str, list[str]]:
    """Where the page says the picture is, and all addresses under which it is to be had, the best first."""
    lazy: list[str] = []
    sized: list[tuple[float, str]] = []
    sharper: list[str] = []
    picture = image.getparent() if image.getparent() is not None and image.getparent().tag == "picture" else None
    alternatives = (
        [] if picture is None else [tag for tag in picture.iter("source") if "dark" not in attribute(tag, "media")]
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
    return named[0], list(dict.fromkeys([*filter(is_drawn, versions), *_unwrapped(named[0]), *versions]))


def _sized(value: str) -> Iterator[tuple[float, str]]:
    for address, size, unit in re.findall(r"(\S+?)(?:\s+([\d.]+)([wx]))?\s*(?:,\s+|,?$)", value.strip()[:20_000]):
        if address and not address.startswith("data:"):
            try:
                yield float(size or 1) * (300 if unit != "w" else 1), address
            except ValueError:
                continue


def is_picture_name(address: str) -> bool:
    """Whether an address ends as those of pictures do."""
    return _PICTURE.search(_path(address)) is not None


def _is_picture_address(value: str) -> bool:
    value = value.strip()
    return len(value) < 2000 and " " not in value and (is_picture_name(value) or "/_next/image" in value)


def _unwrapped(address: str) -> list[str]:
    """The picture itself behind a service that scales it, for the services whose addresses say so."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return []
    if parts.path.endswith(("/_next/image", "/_vercel/image", "/_ipx/image")):
        return parse_qs(parts.query).get("url", [])
    original = re.match(r"(https?://static\.wixstatic\.com/media/[^/]+)/v1/", address)
    return [original[1]] if original else []
