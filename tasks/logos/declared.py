"""What a page declares to be its logo: in its data, its head and its icons.

Each mechanism is a function that yields sightings of pictures without a place in the page.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from tasks.logos.candidate import Candidate, Sighting, addresses, is_drawn, is_picture_name
from tasks.logos.page import Page, attribute, file_name, folded, nodes
from tasks.logos.scoring import Reason, Sign, by_folder, reason, says_logo, traps


def declarations(page: Page) -> list[Sighting]:
    """All pictures that the page declares."""
    mechanisms = (_declared_data, _microdata, _metas, _icons)
    return [sighting for declared in mechanisms for sighting in declared(page) if sighting.source]


# Data.


def _declared_data(page: Page) -> Iterator[Sighting]:
    whole = [data for data in page.declared if not isinstance(data, str)]
    by_id = {str(node["@id"]): node for node in nodes(whole) if "@id" in node and len(node) > 1}
    for address in dict.fromkeys(_logos(whole, by_id, 0)):
        yield declaration(page, address, Sign.JSON_LD)
    for text in page.declared:
        if isinstance(text, str):
            pattern = r'"logo"\s*:\s*(?:\[\s*)?(?:"([^"]+)"|\{[^{}]*?"(?:contentUrl|url)"\s*:\s*"([^"]+)")'
            for plain, inner in re.findall(pattern, text)[:5]:
                yield declaration(page, (plain or inner).replace("\\/", "/"), Sign.JSON_LD)


def _logos(data: Any, by_id: dict[str, Any], depth: int) -> Iterator[str]:
    """The ``logo`` of every organisation in the data; not that of its partners, reviews or awards."""
    if depth > 10:
        return
    if isinstance(data, list):
        for item in data[:300]:
            yield from _logos(item, by_id, depth + 1)
    elif isinstance(data, dict):
        logo = data.get("logo")
        for entry in logo if isinstance(logo, list) else [logo]:
            yield from _named_address(entry, by_id)
        for key, value in data.items():
            if key not in _OTHERS:
                yield from _logos(value, by_id, depth + 1)


_OTHERS = frozenset(
    {"logo", "sponsor", "funder", "member", "memberOf", "review", "affiliation", "award", "client", "knowsAbout"}
    | {"hasCredential", "provider", "seller", "itemReviewed", "subjectOf", "mentions"}
)


def _named_address(entry: Any, by_id: dict[str, Any]) -> Iterator[str]:
    if isinstance(entry, str):
        entry = by_id.get(entry, entry)
    if isinstance(entry, dict) and "@id" in entry and not entry.keys() & {"url", "contentUrl"}:
        entry = by_id.get(str(entry["@id"]), entry)
    if isinstance(entry, dict):
        entry = entry.get("contentUrl") or entry.get("url") or entry.get("@id")
        entry = entry[0] if isinstance(entry, list) and entry else entry
    if isinstance(entry, str) and entry:
        yield entry


def declaration(page: Page, address: str, sign: Sign, points: int | None = None) -> Sighting:
    """A picture that is declared by *sign*, and what its name says."""
    source = page.absolute(address)
    reasons = [reason(sign, points=points)]
    own = folded(file_name(source))
    if says_logo(own) and sign is not Sign.IN_SCRIPT:
        reasons.append(Reason(Sign.LOGO_WORD, 12))
    if page.says_name(own):
        reasons.append(Reason(Sign.NAME, 10))
    reasons += [*(reason(Sign.TRAP, what) for what in list(traps(page.foreign(own)))[:1]), *by_folder(source)]
    return Sighting(source, reasons, declared=True)


def _microdata(page: Page) -> Iterator[Sighting]:
    for tag in page.elements:
        marks = f"{attribute(tag, 'itemprop')} {attribute(tag, 'property')} {attribute(tag, 'rel')}".lower().split()
        if not {"logo", "schema:logo", "v:logo", "http://schema.org/logo", "https://schema.org/logo"} & set(marks):
            continue
        inner = [tag, *tag.iter("img", "meta", "link")]
        for element in inner:
            written = addresses(element)[0] if element.tag == "img" else ""
            written = written or next(
                (attribute(element, name) for name in ("content", "href", "src", "resource") if element.get(name)), ""
            )
            source = page.absolute(written)
            if source and (element.tag != "a" or is_picture_name(source)):
                yield declaration(page, written, Sign.MICRODATA)
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


def _metas(page: Page) -> Iterator[Sighting]:
    for meta in page.all("meta"):
        name = (attribute(meta, "property") or attribute(meta, "name")).lower().strip()
        if name in _METAS and (address := attribute(meta, "content")):
            sign, points = _METAS[name]
            yield declaration(page, address, sign, points)


def _icons(page: Page) -> Iterator[Sighting]:
    for link in page.all("link"):
        rel = attribute(link, "rel").lower()
        href = attribute(link, "href")
        if not href or not ("icon" in rel or "image_src" in rel or "logo" in rel.split()):
            continue
        size = max(
            (int(width) for width in re.findall(r"(\d{1,4})x\d", attribute(link, "sizes").lower() or href)), default=0
        )
        yield declaration(page, href, *icon_sign(rel, href, size))
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
    if is_drawn(href):
        return Sign.DRAWN_ICON, Sign.DRAWN_ICON.points
    return (Sign.TOUCH_ICON, 24) if size >= 150 else (Sign.ICON, Sign.ICON.points + size // 16)


def manifest_icons(text: str, address: str, page: Page) -> list[Candidate]:
    """The icons of a web manifest."""
    try:
        icons = json.loads(text.removeprefix("\ufeff"), strict=False).get("icons", [])
    except (ValueError, AttributeError, RecursionError):
        return []
    candidates = []
    for icon in icons[:20] if isinstance(icons, list) else []:
        if isinstance(icon, dict) and isinstance(icon.get("src"), str):
            source = page.absolute(icon["src"], address)
            size = max(
                (int(width) for width in re.findall(r"(\d{1,4})x\d", str(icon.get("sizes", "")).lower())), default=0
            )
            sign, points = icon_sign("icon", source, size)
            if source:
                sighting = declaration(page, source, sign, points)
                candidates.append(Candidate.declared(sighting))
    return sorted(candidates, key=lambda candidate: -candidate.score)[:2]
