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
    placed = [one for one in seen if one.source]
    unseen = styles.hidden(one.element for one in placed if one.points > 0)
    for one in placed:
        if one.element in unseen and all(each.sign is not Sign.HIDDEN for each in one.reasons):
            one.reasons.append(reason(Sign.HIDDEN))
    candidates = as_candidates(page, [*placed, *declarations(page), *named(page)])
    if _writes_its_name(page):
        candidates = [one.with_reasons(reason(Sign.TEXT_BRAND)) if one.is_nameless else one for one in candidates]
    candidates = sorted(candidates, key=lambda candidate: -candidate.score)[:CANDIDATES]
    drawn = {one.source: one.element for one in placed if one.source.startswith("<")}
    return [
        replace(one, drawing=drawing_of(page, styles, drawn[one.source]))
        if one.kind is Kind.INLINE_SVG and place < DRAWN
        else one
        for place, one in enumerate(candidates)
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
        known = list(dict.fromkeys(filter(None, map(page.absolute, versions))))
        reasons = list(judge(page, image, own_words(image, *{file_name(one) for one in (source, *known[:3])}), source))
        sightings.append(Sighting(source, reasons, known, image))
    text_brand = _writes_its_name(page)
    if len({one.source for one in sightings}) == 1 and all(each.points > 0 for each in sightings[0].reasons):
        if not text_brand or any(each.sign in {Sign.HOME_LINK, Sign.HEADER, Sign.TOP} for each in sightings[0].reasons):
            sightings[0].reasons.append(reason(Sign.ONLY))
    else:
        least = 15 if text_brand else 0
        likely = next((one for one in sightings if one.points > least), None)
        if likely is not None:
            likely.reasons.append(reason(Sign.FIRST))
    yield from sightings


# Drawings within the page.


def _drawings(page: Page) -> Iterator[Sighting]:
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
    parts: list[Element] = []
    wanted = _referred(drawing)
    known: set[str] = {attribute(one, "id") for one in drawing.iter() if isinstance(one.tag, str)}
    while wanted and len(parts) < 40:
        name = wanted.pop()
        part = page.by_id.get(name)
        if name in known or part is None:
            continue
        known.add(name)
        parts.append(part)
        wanted += _referred(part)
    written = [pages.as_xml(part, styles.colours(part) if part.tag != "svg" else None) for part in parts]
    inner = f"<defs>{''.join(written)}</defs>" if parts else ""
    return pages.as_xml(drawing, styles.colours(drawing, parts), inner)


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
    seen = [(one.how, sighting) for one in painted if (sighting := _background(page, one)) is not None]
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
    said = folded(painted.said)
    own = own_words(painted.element, file_name(source), _last(painted.said))
    reasons = list(judge(page, painted.element, own, source))
    known = {each.sign for each in reasons}
    instead = _hides_text(painted.declarations)
    names = instead and page.says_name(folded("".join(islice(painted.element.itertext(), 20))))
    if _is_backdrop(painted):
        reasons.append(reason(Sign.BACKDROP))
    elif names or Sign.HOME_LINK in known or says_logo(said):
        if names and Sign.NAME not in known:
            reasons.append(reason(Sign.NAME))
        if instead and not known & {Sign.LOGO_WORD, Sign.LOGO_NEAR}:
            reasons.append(reason(Sign.BRAND_WORD))
    else:
        reasons.append(Reason(Sign.BACKDROP, -20))
    return Sighting(source, reasons, [], painted.element)


def _hides_text(told: dict[str, str]) -> bool:
    """Whether the picture is shown instead of the writing on it."""
    out = re.match(r"-|1\d\d%|\d{4,}px", told.get("text-indent", "")) is not None
    none = re.match(r"0(px|em|%)?\b(?!\.)", told.get("font-size", told.get("font", ""))) is not None
    return out or none or told.get("color", "") == "transparent"


def _show_parts(styles: Styles, backgrounds: list[Sighting]) -> None:
    """Of pictures that hold several, tell which part each style shows, or that it cannot be told."""
    likely = [one for one in backgrounds if one.points > 0]
    boxes = styles.boxes(one.element for one in likely)
    for one in likely:
        style = boxes.get(one.element, {})
        one.part = Part.of(style)
        if one.part is None and re.search(r"(^|\s)-\d", style.get("background-position", "")):
            one.reasons.append(reason(Sign.PART))


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
