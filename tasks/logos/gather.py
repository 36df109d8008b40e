"""Everything on a page that may be the firm's logo, with the evidence that the page itself holds.

A mechanism is a function that yields sightings; those for what a page declares are in ``tasks.logos.declared``, those
for what its scripts name in ``tasks.logos.scripts``. Nothing is fetched here.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from tasks.logos import page as pages
from tasks.logos.candidate import CANDIDATES, Candidate, Kind, Sighting, addresses, as_candidates, is_picture_name
from tasks.logos.cut import Part
from tasks.logos.declared import declarations
from tasks.logos.page import Element, Page, attribute, file_name, folded
from tasks.logos.scoring import Reason, Sign, judge, own_words, reason, says_logo
from tasks.logos.scripts import named
from tasks.logos.styles import Painted, Styles, urls

DRAWN = 6
"""Drawings within the page that are made into files of their own."""
PICTURES = 600
"""Pictures of one page that are looked at; a logo is among the first."""


def gather(page: Page, styles: Styles | None = None) -> list[Candidate]:
    """The candidates of one page, the likeliest first. Without *styles* those within the page are read."""
    styles = styles or Styles(page)
    seen = [*_images(page), *_drawings(page), *_embedded(page), *_backgrounds(page, styles)]
    placed = [sighting for sighting in seen if sighting.source]
    unseen = styles.hidden(sighting.element for sighting in placed if sighting.points > 0)
    for sighting in placed:
        if sighting.element in unseen and all(each.sign is not Sign.HIDDEN for each in sighting.reasons):
            sighting.reasons.append(reason(Sign.HIDDEN))
    candidates = as_candidates(page, [*placed, *declarations(page), *named(page)])
    if _writes_its_name(page):
        candidates = [
            candidate.with_reasons(reason(Sign.TEXT_BRAND)) if candidate.is_nameless else candidate
            for candidate in candidates
        ]
    candidates = sorted(candidates, key=lambda candidate: -candidate.score)[:CANDIDATES]
    drawn = {sighting.source: sighting.element for sighting in placed if sighting.source.startswith("<")}
    return [
        replace(candidate, drawing=drawing_of(page, styles, drawn[candidate.source]))
        if candidate.kind is Kind.INLINE_SVG and place < DRAWN
        else candidate
        for place, candidate in enumerate(candidates)
    ]


# Images.


def _images(page: Page) -> Iterator[Sighting]:
    sightings: list[Sighting] = []
    for image in page.all("img", "amp-img", "wix-image", "image-element", "input", "ion-img", "v-img")[:PICTURES]:
        if image.tag == "input" and attribute(image, "type").lower() != "image":
            continue
        written, versions = addresses(image)
        source = page.absolute(written)
        if not source:
            continue
        sources = list(dict.fromkeys(filter(None, map(page.absolute, versions))))
        reasons = list(
            judge(page, image, own_words(image, *{file_name(address) for address in (source, *sources[:3])}), source)
        )
        sightings.append(Sighting(source, reasons, sources, image))
    text_brand = _writes_its_name(page)
    if len({sighting.source for sighting in sightings}) == 1 and all(each.points > 0 for each in sightings[0].reasons):
        if not text_brand or any(each.sign in {Sign.HOME_LINK, Sign.HEADER, Sign.TOP} for each in sightings[0].reasons):
            sightings[0].reasons.append(reason(Sign.ONLY))
    else:
        least = 15 if text_brand else 0
        likely = next((sighting for sighting in sightings if sighting.points > least), None)
        if likely is not None:
            likely.reasons.append(reason(Sign.FIRST))
    yield from sightings


# Drawings within the page.


def _drawings(page: Page) -> Iterator[Sighting]:
    for drawing in page.all("svg")[:PICTURES]:
        if any(True for _ in drawing.iterancestors("svg")) or not _draws(drawing):
            continue
        inner = [image for image in drawing.iter("image") if image.get("href") or image.get("xlink:href")]
        shapes = [
            shape for shape in drawing.iter() if shape.tag in {"path", "rect", "circle", "polygon", "text", "use"}
        ]
        if len(inner) == 1 and not [
            shape for shape in shapes if not any(True for _ in shape.iterancestors("defs", "clippath", "mask"))
        ]:
            source = page.absolute(attribute(inner[0], "href") or attribute(inner[0], "xlink:href"))
            if source:
                yield Sighting(source, list(judge(page, drawing, own_words(drawing, file_name(source)))), [], drawing)
                continue
        names = [attribute(use, "href") or attribute(use, "xlink:href") for use in drawing.iter("use")]
        reasons = list(judge(page, drawing, own_words(drawing, *names)))
        if sum(each.points for each in reasons) > 0 and (source := page.markup(drawing)):
            yield Sighting(source, [*reasons, reason(Sign.DRAWING)], [], drawing)


def _draws(drawing: Element) -> bool:
    """Whether something of it is shown: a store of symbols for others is not."""
    return any(
        node.tag in {"path", "rect", "circle", "ellipse", "polygon", "polyline", "line", "text", "use", "image"}
        and not any(True for _ in node.iterancestors("symbol", "defs", "clippath", "mask"))
        for node in drawing.iter()
    )


def drawing_of(page: Page, styles: Styles, drawing: Element) -> str:
    """The drawing as a file, with what it takes from elsewhere on the page; parts of other files stay references."""
    parts: list[Element] = []
    names = _referred(drawing)
    ids: set[str] = {attribute(node, "id") for node in drawing.iter() if isinstance(node.tag, str)}
    while names and len(parts) < 40:
        name = names.pop()
        part = page.by_id.get(name)
        if name in ids or part is None:
            continue
        ids.add(name)
        parts.append(part)
        names += _referred(part)
    written = [pages.as_xml(part, styles.colours(part) if part.tag != "svg" else None) for part in parts]
    inner = f"<defs>{''.join(written)}</defs>" if parts else ""
    return pages.as_xml(drawing, styles.colours(drawing, parts), inner)


def _referred(element: Element) -> list[str]:
    names = []
    for node in element.iter():
        if isinstance(node.tag, str):
            for name, value in node.attrib.items():
                if name in {"href", "xlink:href"} and value.startswith("#"):
                    names.append(value[1:])
                elif "url(" in value:
                    names += re.findall(r"""url\(\s*["']?#([^"')]+)""", value)
    return names


# Other elements that show a picture.


def _embedded(page: Page) -> Iterator[Sighting]:
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
            kind.startswith("image/") or is_picture_name(written) or (written[:11].lower() == "data:image/")
        ):
            source = page.absolute(written)
            reasons = list(judge(page, element, own_words(element, file_name(source)), source))
            if name == "background":
                reasons.append(reason(Sign.BACKDROP))
            yield Sighting(source, reasons, [], element)


_LAZY_GROUNDS = ("data-bg", "data-background", "data-background-image", "data-bg-image", "data-lazy-bg", "data-src")


def _backgrounds(page: Page, styles: Styles) -> Iterator[Sighting]:
    painted = [*_late_grounds(page), *islice(styles.pictures(), PICTURES)]
    seen = [(picture.how, sighting) for picture in painted if (sighting := _background(page, picture)) is not None]
    _show_parts(styles, [sighting for how, sighting in seen if how == "background"])
    yield from (sighting for _, sighting in seen)


def _late_grounds(page: Page) -> Iterator[Painted]:
    """What a script will put behind elements."""
    for element in page.elements:
        for name in _LAZY_GROUNDS if element.tag not in {"img", "source", "iframe", "video", "script"} else ():
            if written := attribute(element, name):
                written = next(iter(urls(written)), written)
                if written.startswith("data:image/") or is_picture_name(written):
                    yield Painted(element, written, page.base, "", {}, "background")


def _background(page: Page, painted: Painted) -> Sighting | None:
    """One picture that a style puts on an element; None for what only keeps a place."""
    source = page.absolute(painted.address, painted.base)
    if not source or (source.startswith("data:") and len(source) < 200):
        return None
    selector = folded(painted.said)
    own = own_words(painted.element, file_name(source), _last(painted.said))
    reasons = list(judge(page, painted.element, own, source))
    signs = {each.sign for each in reasons}
    instead = _hides_text(painted.declarations)
    names = instead and page.says_name(folded("".join(islice(painted.element.itertext(), 20))))
    if _is_backdrop(painted):
        reasons.append(reason(Sign.BACKDROP))
    elif names or Sign.HOME_LINK in signs or says_logo(selector):
        if names and Sign.NAME not in signs:
            reasons.append(reason(Sign.NAME))
        if instead and not signs & {Sign.LOGO_WORD, Sign.LOGO_NEAR}:
            reasons.append(reason(Sign.BRAND_WORD))
    else:
        reasons.append(Reason(Sign.BACKDROP, -20))
    return Sighting(source, reasons, [], painted.element)


def _hides_text(style: dict[str, str]) -> bool:
    """Whether the picture is shown instead of the writing on it."""
    out = re.match(r"-|1\d\d%|\d{4,}px", style.get("text-indent", "")) is not None
    none = re.match(r"0(px|em|%)?\b(?!\.)", style.get("font-size", style.get("font", ""))) is not None
    return out or none or style.get("color", "") == "transparent"


def _show_parts(styles: Styles, backgrounds: list[Sighting]) -> None:
    """Of pictures that hold several, tell which part each style shows, or that it cannot be told."""
    likely = [sighting for sighting in backgrounds if sighting.points > 0]
    boxes = styles.boxes(sighting.element for sighting in likely)
    for sighting in likely:
        style = boxes.get(sighting.element, {})
        sighting.part = Part.of(style)
        if sighting.part is None and re.search(r"(^|\s)-\d", style.get("background-position", "")):
            sighting.reasons.append(reason(Sign.PART))


def _last(selector: str) -> str:
    return re.split(r"[\s>+~]+", selector.strip())[-1]


def _is_backdrop(painted: Painted) -> bool:
    element = painted.element
    size = painted.declarations.get("background-size", "") + " " + painted.declarations.get("background", "")
    inside = [node for node in islice(element.iter(), 40) if isinstance(node.tag, str)]
    shown = [node for node in inside if node.tag in {"img", "svg", "h2", "h3", "form", "ul", "video", "table"}]
    text = " ".join("".join(islice(element.itertext(), 80)).split())
    wide = element.tag in {"body", "html", "main", "section", "header", "footer", "nav", "article"}
    if painted.how == "mask":
        return len(inside) > 5
    return wide or "cover" in size or len(inside) > 12 or bool(shown and len(shown) > 1) or len(text) > 120


# The name in letters.


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
