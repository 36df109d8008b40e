"""Which picture on a website is the firm's logo: what the pages say, what the pictures look like, and how sure we are.

``find`` visits the site: it enters it as a reader would, through refreshes, splash pages and frames, gathers
candidates, looks at the pictures of the likeliest, and asks a second page if the first leaves doubts.
"""

import math
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from lxml import etree  # type: ignore[import-untyped]

from tasks.logos import svg
from tasks.logos.candidate import Candidate, Kind, merged, stem
from tasks.logos.crawl import AT_ONCE, Visit, enter, first_page, is_file, is_thin
from tasks.logos.cut import cut
from tasks.logos.declared import manifest_icons
from tasks.logos.fetch import PAGE_BYTES, Fetcher
from tasks.logos.gather import gather
from tasks.logos.look import Look, look
from tasks.logos.page import Element, Page, as_xml, attribute, folded
from tasks.logos.scoring import Reason, Sign, reason
from tasks.logos.scripts import scripted
from tasks.logos.styles import Styles, imports

CONFIDENT = 0.7
"""From here on a logo is taken without asking anybody."""
LEAST = 0.3
"""Below this, the answer is that there is no logo."""
UNSURE = 0.6
"""What needs a look by an operator is not more certain than this."""
LOOKED_AT = 6
CUTS = 2
"""Pictures of one site out of which a part is cut; each may cost a process all its time."""
WHITER = 0.25
"""Share of a picture by which it is whiter than a version for a light ground."""
SHEETS = 5
SHEET_BYTES = 1_500_000
SCRIPT_BYTES = 4_000_000

__all__ = ["CONFIDENT", "LEAST", "Candidate", "Found", "Kind", "find"]


@dataclass(frozen=True)
class Found:
    """What the search of one site came to."""

    candidates: list[Candidate]
    """The likeliest first."""
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)
    """By a candidate's source: what was fetched, of the likeliest only."""

    @property
    def choice(self) -> Candidate | None:
        """The logo; None if there is none, which is an answer."""
        first = next(iter(self.candidates), None)
        return first if first is not None and first.confidence >= LEAST else None


def find(website: str, firm_name: str = "") -> Found:
    """The firm's logo on its website, and what else it may be.

    Raises the refusals of ``tasks.logos.fetch`` for the website as a whole, and Faltered if it may work later.
    """
    with Fetcher() as fetcher:
        visit = Visit(fetcher)
        first = first_page(fetcher, website)
        if first.media_type.startswith("image/") or svg.is_svg(first.content):
            return Found([Candidate.given(first.url)], {first.url: first.content})
        pages = enter(visit, Page(first, firm_name))
        result = _searched(visit, pages)
        keeps_a_place = any(
            candidate.has(Sign.BLANK) and candidate.has(Sign.HOME_LINK, Sign.HEADER) for candidate in result.candidates
        )
        return _searched(visit, pages, styled=True) if keeps_a_place and result.choice is None else result


def _searched(visit: Visit, pages: list[Page], *, styled: bool = False) -> Found:
    candidates = _gathered(visit, pages, styled=styled)
    candidates = _confirmed(visit, pages, candidates)
    return Found(*_looked_at(visit, pages[-1], candidates))


# Gathering.


def _gathered(visit: Visit, pages: list[Page], *, styled: bool) -> list[Candidate]:
    """The candidates of all pages; style sheets and scripts are asked only where the pages leave doubts."""
    by_page = []
    for page in pages:
        candidates = gather(page)
        if styled or _needs_styles(candidates):
            sheets = _sheets(visit, page)
            candidates = gather(page, Styles(page, sheets)) if sheets else candidates
        if len(pages) > 1 and page is not pages[-1] and not page.all("frame"):
            candidates = [_at_the_entrance(candidate) for candidate in candidates]
        if pages[0].all("frame") and page is not pages[0]:
            candidates = [_in_a_frame(candidate, page) for candidate in candidates]
        by_page.append(candidates)
    candidates = merged(by_page)
    last = pages[-1]
    if is_thin(last) and (not candidates or candidates[0].score < 45):
        candidates = merged([candidates, *(scripted(last, text, base) for base, text in _scripts(visit, last))])
    if not candidates or candidates[0].score < 60:
        candidates = merged([candidates, _manifest(visit, last)])
    return candidates


def _needs_styles(candidates: list[Candidate]) -> bool:
    """Whether style sheets may tell more: of pictures nobody named yet, of colours, of which version is shown."""
    if not candidates or candidates[0].score < 85 or _takes_colours(candidates[0]) or candidates[0].is_placeholder:
        return True
    return any(candidate.score > candidates[0].score - 30 for candidate in candidates[1:])


def _takes_colours(candidate: Candidate) -> bool:
    """Whether it is a drawing whose colours may stand in a style sheet."""
    if candidate.kind is not Kind.INLINE_SVG:
        return False
    return re.search(r"class=|currentColor|var\(", candidate.source) is not None or "fill" not in candidate.source


def _at_the_entrance(candidate: Candidate) -> Candidate:
    kept = tuple(each for each in candidate.reasons if each.sign is not Sign.INNER_LINK)
    entered = candidate.has(Sign.INNER_LINK, Sign.HOME_LINK) or candidate.has(Sign.LOGO_WORD, Sign.NAME)
    return replace(candidate, reasons=kept).with_reasons(*([reason(Sign.ENTRANCE)] if entered else []))


def _in_a_frame(candidate: Candidate, page: Page) -> Candidate:
    head = re.search(r"top|kopf|head|logo|banner|oben|titel", page.url.lower().rpartition("/")[2]) is not None
    return candidate.with_reasons(*([reason(Sign.HEADER)] if head and candidate.has(Sign.TOP) else []))


_NOT_OURS = re.compile(r"fonts\.g|fontawesome|font-awesome|gstatic|typekit|cdnjs|jsdelivr|unpkg|maps\.", re.IGNORECASE)
_LIBRARY = re.compile(
    r"plugins/|wp-includes|jquery|bootstrap|slick|swiper|dashicons|fonts?[./]|print|cookie|borlabs|lightbox|fancybox|icons?[./]",
    re.IGNORECASE,
)


def _is_sheet(link: Element) -> bool:
    """Whether it is a style sheet for screens; many are called something else until they have come."""
    rel, late = attribute(link, "rel").lower(), link.get("onload") is not None
    for_screens = "print" not in attribute(link, "media") or late
    return for_screens and ("stylesheet" in rel or ("preload" in rel and attribute(link, "as").lower() == "style"))


def _sheets(visit: Visit, page: Page) -> list[tuple[str, str]]:
    addresses = [page.absolute(attribute(link, "href")) for link in page.all("link") if _is_sheet(link)]
    for style in page.all("style"):
        addresses += imports("".join(style.itertext()), page.base)
    queue = [address for address in dict.fromkeys(addresses) if address and not _NOT_OURS.search(address)]
    queue.sort(key=lambda address: _LIBRARY.search(address) is not None)
    sheets: list[tuple[str, str]] = []
    for _ in range(2):
        fetched = visit.all(queue[: SHEETS - len(sheets)], SHEET_BYTES)
        new = [
            (sheet.url, sheet.content.decode(sheet.charset or "utf-8", "replace"))
            for sheet in fetched
            if sheet is not None
        ]
        sheets += new
        queue = [address for base, text in new for address in imports(text, base)]
    return sheets


def _scripts(visit: Visit, page: Page) -> list[tuple[str, str]]:
    """The scripts that draw the page, by their names."""
    addresses = [page.absolute(attribute(script, "src")) for script in page.all("script") if script.get("src")]
    addresses += [
        page.absolute(attribute(link, "href")) for link in page.all("link") if "modulepreload" in attribute(link, "rel")
    ]
    own = [address for address in dict.fromkeys(addresses) if address and page.is_own(address)]
    own.sort(key=lambda address: re.search(r"main|app|index|bundle|layout|header", address) is None)
    return [
        (script.url, script.content.decode("utf-8", "replace")) for script in visit.all(own[:3], SCRIPT_BYTES) if script
    ]


def _manifest(visit: Visit, page: Page) -> list[Candidate]:
    for link in page.all("link"):
        if "manifest" in attribute(link, "rel").lower():
            fetched = visit.get(page.absolute(attribute(link, "href")), SHEET_BYTES)
            if fetched is not None:
                return manifest_icons(fetched.content.decode("utf-8", "replace"), fetched.url, page)
    return []


# A second page.


def _confirmed(visit: Visit, pages: list[Page], candidates: list[Candidate]) -> list[Candidate]:
    """What stands at the top of another page, too, is rather a logo than what does not."""
    placed = [candidate for candidate in candidates if candidate.has(Sign.HEADER, Sign.TOP)]
    margin = candidates[0].score - candidates[1].score if len(candidates) > 1 else 100
    if not placed or (candidates[0].score >= 95 and margin >= 25):
        return candidates
    address = _another(pages[-1])
    fetched = visit.page(address) if address else None
    if fetched is None:
        return candidates
    other = gather(Page(fetched, pages[-1].firm_name, [page.url for page in pages]))
    there = {
        name
        for candidate in other
        if candidate.has(Sign.HEADER, Sign.TOP)
        for name in (candidate.source, stem(candidate.source))
        if name
    }
    if not any(candidate.source in there or stem(candidate.source) in there for candidate in placed):
        return candidates  # Another template altogether tells nothing.

    def confirmed(candidate: Candidate) -> Candidate:
        if not candidate.has(Sign.HEADER, Sign.TOP):
            return candidate
        is_there = candidate.source in there or (stem(candidate.source) or "-") in there
        return candidate.with_reasons(reason(Sign.OTHER_PAGE if is_there else Sign.ONLY_HERE))

    return sorted(map(confirmed, candidates), key=lambda candidate: -candidate.score)


_TELLING = ("impressum", "kontakt", "kanzlei", "ueber", "leistung", "datenschutz", "team", "karriere", "aktuell")


def _another(page: Page) -> str:
    """An inner page of the site that is likely to look like the first."""
    inner: dict[str, str] = {}
    for link in page.all("a"):
        target = page.absolute(attribute(link, "href"))
        if target and page.is_own(target) and not page.leads_home(link) and not is_file(target):
            inner.setdefault(target, folded("".join(link.itertext()), urlsplit(target).path))
    for word in _TELLING:
        for target, words in inner.items():
            if word in words:
                return target
    return next(iter(inner), "")


# Looking at the pictures.


def _looked_at(visit: Visit, page: Page, candidates: list[Candidate]) -> tuple[list[Candidate], dict[str, bytes]]:
    if not candidates:
        return [], {}
    best = candidates[0].score
    # What leads home may be another version of the best.
    likely = [candidate for candidate in candidates if candidate.score > 0]
    top = [candidate for candidate in likely if candidate.score > best - 60 or candidate.has(Sign.HOME_LINK)][
        :LOOKED_AT
    ]
    had = [_content(visit, page, candidate) for candidate in top] if len(top) == 1 else _at_once(visit, page, top)
    had, was_cut = _cut_out(top, had)
    looks = look([content for content in had if content])
    seen = iter(looks)
    looked = {candidate.source: next(seen) if content else None for candidate, content in zip(top, had, strict=True)}
    fetched = {candidate.source for candidate, content in zip(top, had, strict=True) if content}
    judged = [
        candidate.with_reasons(*_appearance(candidate, looked[candidate.source], had=candidate.source in fetched))
        if candidate.source in looked
        else candidate
        for candidate in (_as_cut(candidate, was_cut.get(candidate.source)) for candidate in candidates)
    ]
    judged = _twins(judged, looked)
    judged.sort(key=lambda candidate: -candidate.score)
    pictures = {candidate.source: content for candidate, content in zip(top, had, strict=True) if content}
    return _with_confidence(judged, looked), pictures


def _at_once(visit: Visit, page: Page, candidates: list[Candidate]) -> list[bytes | None]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        work: Callable[[Candidate], bytes | None] = lambda candidate: _content(visit, page, candidate)  # noqa: E731
        return list(pool.map(work, candidates))


def _cut_out(candidates: list[Candidate], had: list[bytes | None]) -> tuple[list[bytes | None], dict[str, bool]]:
    """Of pictures that hold several the part that is shown, and by their sources whether it could be cut out."""
    pieces: list[bytes | None] = []
    was_cut: dict[str, bool] = {}
    tried = 0
    for candidate, content in zip(candidates, had, strict=True):
        piece = content
        if content and candidate.part is not None:
            piece = cut(content, candidate.part) if tried < CUTS else None
            tried += 1
            if piece != content:
                was_cut[candidate.source] = piece is not None
        pieces.append(piece or content)
    return pieces, was_cut


def _as_cut(candidate: Candidate, was_cut: bool | None) -> Candidate:
    """With its part only if that was cut out of a larger picture; what could not be is an operator's."""
    if was_cut:
        return candidate
    whole = replace(candidate, part=None)
    return whole if was_cut is None else whole.with_reasons(reason(Sign.PART))


def _content(visit: Visit, page: Page, candidate: Candidate) -> bytes | None:
    """The picture in the best version that is to be had."""
    if candidate.kind is Kind.INLINE_SVG:
        return _with_outer_parts(visit, page, candidate.drawing or candidate.source).encode()
    for address in candidate.versions[:3] or (candidate.source,):
        if address.startswith("data:"):
            return svg.data_uri(address)
        fetched = visit.get(address)
        if (
            fetched is not None
            and fetched.content
            and not fetched.content[:200].lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))
        ):
            return fetched.content
        if fetched is not None and svg.is_svg(fetched.content):
            return fetched.content
    return None


def _with_outer_parts(visit: Visit, page: Page, drawing: str) -> str:
    """The drawing with the symbols that it takes from other files."""
    for address, name in dict.fromkeys(re.findall(r'href="([^"#]+)#([\w.:-]+)"', drawing)):
        fetched = visit.get(page.absolute(address.replace("&amp;", "&")))
        if fetched is None or len(fetched.content) > PAGE_BYTES:
            continue
        parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
        try:
            root = etree.fromstring(fetched.content, parser)
        except etree.XMLSyntaxError:
            continue
        part = next(
            (element for element in (root.iter() if root is not None else ()) if element.get("id") == name), None
        )
        if part is not None:
            defs = f"<defs>{as_xml(part)}</defs>"
            drawing = drawing.replace(f'href="{address}#{name}"', f'href="#{name}"')
            drawing = drawing.removesuffix("</svg>") + defs + "</svg>"
    return drawing


def _appearance(candidate: Candidate, seen: Look | None, *, had: bool) -> Iterator[Reason]:
    """What the picture itself says."""
    if seen is None:
        yield reason(Sign.NO_PICTURE, points=-20) if had else reason(Sign.MISSING)
        return
    if seen.is_blank:
        yield reason(Sign.BLANK)
        return
    icon = not candidate.has(Sign.HOME_LINK, Sign.HEADER, Sign.TOP, Sign.LOGO_WORD)
    longest = max(seen.width, seen.height)
    if not seen.vector and longest < 40:
        yield reason(Sign.TOO_SMALL)
    elif seen.is_photograph:
        called = candidate.has(Sign.LOGO_WORD, Sign.LOGO_NEAR) and candidate.has(Sign.HOME_LINK, Sign.HEADER)
        strip = seen.ratio >= 1.8 and seen.width <= 600 and candidate.has(Sign.HOME_LINK) and candidate.has(Sign.HEADER)
        yield reason(Sign.PHOTO, points=Sign.PHOTO.points // 3 if called else Sign.PHOTO.points // 2 if strip else None)
    elif not 0.3 <= seen.ratio <= 12:
        yield reason(Sign.ODD_SHAPE)
    elif seen.flat >= 0.45 and (longest >= 60 or seen.vector) and not (icon and longest < 120):
        lettering = seen.ratio >= 1.8 and not seen.opaque and (seen.vector or seen.width >= 120)
        yield reason(Sign.LOGO_SHAPE, points=18 if lettering else None)
    if seen.is_white:
        yield reason(Sign.WHITE)


def _twins(candidates: list[Candidate], looked: dict[str, Look | None]) -> list[Candidate]:
    """Before a picture with much white, its twin with less is preferred: paper is white, too."""
    raised: dict[str, int] = {}
    for white in candidates[:LOOKED_AT]:
        seen = looked.get(white.source)
        if seen is None or seen.opaque:
            continue
        for twin in candidates[:LOOKED_AT]:
            other = looked.get(twin.source)
            whiter = other is not None and seen.white - other.white > WHITER and _same_outline(seen, other)
            if whiter and twin.score <= white.score:
                raised[twin.source] = max(raised.get(twin.source, 0), white.score - twin.score + 2)
    return [
        candidate.with_reasons(reason(Sign.COLOURED_TWIN, points=raised[candidate.source]))
        if candidate.source in raised
        else candidate
        for candidate in candidates
    ]


def _same_outline(one: Look, other: Look) -> bool:
    differing = (int(one.outline[1:], 16) ^ int(other.outline[1:], 16)).bit_count()
    return one.outline[0] == other.outline[0] and differing <= 10 and abs(one.ratio / other.ratio - 1) < 0.12


def _with_confidence(candidates: list[Candidate], looked: dict[str, Look | None]) -> list[Candidate]:
    """From its own score, and from how far it is ahead of the next different picture."""
    judged = []
    for place, candidate in enumerate(candidates):
        rivals = (other for other in candidates if other is not candidate and not _is_same(candidate, other, looked))
        rival = max((other.score for other in rivals), default=-100)
        likely = 1 / (1 + math.exp(-(candidate.score - 38) / 13))
        ahead = 1 / (1 + math.exp(-(candidate.score - rival + 8) / 9))
        sure = likely * ahead * (1 if place == 0 else 0.9)
        most = UNSURE if candidate.has(Sign.PART) else 1.0  # Nobody but an operator can cut it out.
        judged.append(replace(candidate, confidence=round(min(sure, most), 3)))
    return judged


def _is_same(one: Candidate, other: Candidate, looked: dict[str, Look | None]) -> bool:
    seen, seen_other = looked.get(one.source), looked.get(other.source)
    return seen is not None and seen_other is not None and _same_outline(seen, seen_other)
