"""Style sheets, read for three things: the pictures they put on elements, what they hide, the colours of drawings."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

import cssselect2  # type: ignore[import-untyped]

from tasks.logos.page import Element, Page, attribute, words

RULES = 20_000
MATCHED = 500
"""Rules that are compared with the elements of a page at once."""
MATCHING_SECONDS = 2.0
"""Style sheets made to keep us busy are left when this time is up."""
_PICTURED = re.compile(r"background|content|mask|list-style|border-image|--")
_BOX = re.compile(r"width|height|box-sizing|padding.*|background(-position.*|-size)?")
_PLACES = re.compile(
    r"(?<![\w#.-])(?:[-+]?[\d.]+(?:px|%|r?em)?|left|center|right|top|bottom|auto|cover|contain)(?![\w.-])"
)
WIDE = 1280
"""Pixels of the screen on which the page is seen."""
_COLOURS = words(
    """
    fill fill-opacity fill-rule stroke stroke-width stroke-opacity opacity color stop-color stop-opacity display
    visibility clip-path clip-rule mask transform stroke-linecap stroke-linejoin
    """
)


@dataclass(frozen=True)
class Rule:
    """What a style sheet says of the elements that one selector means."""

    selector: str
    declarations: dict[str, str]
    media: str
    """The conditions around it, as written."""
    base: str
    """The address of the sheet, to which its own addresses are relative."""


@dataclass(frozen=True)
class Painted:
    """A picture that a style puts on an element."""

    element: Element
    address: str
    base: str
    said: str
    """The selector, whose words may tell what it is; empty for a style attribute."""
    declarations: dict[str, str]
    how: str
    """background, mask or content."""


class Styles:
    """All style sheets of one page that were to be had."""

    def __init__(self, page: Page, sheets: Iterable[tuple[str, str]] = ()) -> None:
        """*sheets* are linked ones: address and text; those within the page are read from it."""
        self._page = page
        inner = ["".join(style.itertext()) for style in page.all("style") if style.getparent().tag != "svg"]
        self.rules: list[Rule] = []
        for base, text in [*((page.base, text) for text in inner), *sheets]:
            self.rules += rules(text, base)
        del self.rules[RULES:]
        self._values: dict[str, tuple[str, str]] = {}
        for rule in self.rules:
            for name, value in rule.declarations.items():
                if name.startswith("--"):
                    self._values[name] = (value, rule.base)

    def pictures(self) -> Iterator[Painted]:
        for element in self._page.elements:
            if style := attribute(element, "style"):
                told = declarations(style)
                for how, address, base in self._addresses(told, self._page.base):
                    yield Painted(element, address, base, "", told, how)
        pictured = [rule for rule in self.rules if any(True for _ in self._addresses(rule.declarations, rule.base))]
        seen = set()
        for element, rule in self._matches(self._page.elements, pictured):
            for how, address, base in self._addresses(rule.declarations, rule.base):
                if (element, address) not in seen:
                    seen.add((element, address))
                    yield Painted(element, address, base, rule.selector, rule.declarations, how)

    def hidden(self, elements: Iterable[Element]) -> set[Element]:
        """Which of these elements a reader with a wide screen does not see at first."""
        path = {one: [one, *(above for above in one.iterancestors() if isinstance(above.tag, str))] for one in elements}
        asked = {one: None for every in path.values() for one in every}
        names = {word for one in asked for word in _names(one)}
        wanted = [
            rule
            for rule in self.rules
            if not {"display", "visibility"}.isdisjoint(rule.declarations)
            and _is_for_wide_screens(rule.media)
            and not names.isdisjoint(re.findall(r"[\w-]+", rule.selector))
        ]
        told: dict[Element, dict[str, str]] = {}
        for element, rule in self._matches(list(asked), wanted):
            kept = told.setdefault(element, {})
            for name in ("display", "visibility"):
                value = rule.declarations.get(name, kept.get(name, ""))
                if "important" in value or "important" not in kept.get(name, ""):
                    kept[name] = value
        unseen = {
            one
            for one, kept in told.items()
            if kept["display"].startswith("none") or kept["visibility"].startswith("hidden")
        }
        return {one for one, every in path.items() if not unseen.isdisjoint(every)}

    def boxes(self, elements: Iterable[Element]) -> dict[Element, dict[str, str]]:
        """Size, padding and background of elements on a wide screen, in longhand properties."""
        asked = list(dict.fromkeys(elements))
        names = {word for one in asked for word in (one.tag, *_names(one))}
        wanted = [
            rule
            for rule in self.rules
            if any(map(_BOX.fullmatch, rule.declarations))
            and _is_for_wide_screens(rule.media)
            and not names.isdisjoint(re.findall(r"[\w-]+", rule.selector))
        ]
        told: dict[Element, dict[str, str]] = {one: {} for one in asked}
        for element, rule in self._matches(asked, wanted):
            _lay_over(told[element], rule.declarations)
        for one in asked:
            _lay_over(told[one], declarations(attribute(one, "style")))
        return told

    def colours(self, drawing: Element) -> dict[Element, str]:
        """What the page's style sheets say of a drawing's colours, by element, so that it keeps them elsewhere."""
        above = [element for element in drawing.iterancestors() if isinstance(element.tag, str)]
        inside = [element for element in drawing.iter() if isinstance(element.tag, str)]
        names = {word for one in [*above, *inside] for word in (one.tag, *_names(one))}
        wanted = [
            rule
            for rule in self.rules
            if not _COLOURS.isdisjoint(rule.declarations)
            and "print" not in rule.media
            and "dark" not in rule.media
            and not names.isdisjoint(re.findall(r"[\w-]+", rule.selector))
        ]
        told = {one: self._filled_in(one.attrib) for one in inside}
        for element, rule in self._matches([*reversed(above), *inside], wanted):
            told.setdefault(element, {}).update(
                {name: self._value(value) for name, value in rule.declarations.items() if name in _COLOURS}
            )
        for element in inside:
            told[element].update(self._filled_in(declarations(attribute(element, "style"))))
        inherited = {name: value for one in reversed(above) for name, value in self._handed_down(told, one)}
        told[drawing] = inherited | told[drawing]
        return {
            one: ";".join(f"{name}:{value}" for name, value in told[one].items() if value != "inherit")
            for one in inside
            if told[one]
        }

    def _filled_in(self, told: Mapping[str, str]) -> dict[str, str]:
        """What is said of colours by the page's own variables, in attributes or declarations."""
        return {name: self._value(value) for name, value in told.items() if name in _COLOURS and "var(" in value}

    def _handed_down(self, told: dict[Element, dict[str, str]], element: Element) -> list[tuple[str, str]]:
        own = told.get(element, {}) | {
            name: self._value(value) for name, value in declarations(attribute(element, "style")).items()
        }
        return [
            (name, value) for name, value in own.items() if name in {"color", "fill", "stroke"} and value != "inherit"
        ]

    def _matches(self, elements: list[Element], wanted: list[Rule]) -> Iterator[tuple[Element, Rule]]:
        """Elements with the rules that mean them, the strongest rule last."""
        if not wanted:
            return
        ends = time.monotonic() + MATCHING_SECONDS
        matcher = cssselect2.Matcher()
        for rule in wanted[:MATCHED]:
            try:
                for selector in cssselect2.compile_selector_list(_static(rule.selector)):
                    matcher.add_selector(selector, rule)
            except (cssselect2.SelectorError, ValueError, RecursionError):
                continue
        asked = set(elements)
        for wrapper in cssselect2.ElementWrapper.from_html_root(self._page.root).iter_subtree():
            if time.monotonic() > ends:
                return
            if wrapper.etree_element in asked:
                for *_, rule in matcher.match(wrapper):
                    yield wrapper.etree_element, rule

    def _addresses(self, told: dict[str, str], base: str) -> Iterator[tuple[str, str, str]]:
        for name, value in told.items():
            if name.startswith("--") or not _PICTURED.search(name):
                continue
            how = "mask" if "mask" in name else "content" if name == "content" else "background"
            found = [(address, base) for address in urls(value)]
            for variable in re.findall(r"var\(\s*(--[\w-]+)", value):
                told_as, where = (told[variable], base) if variable in told else self._values.get(variable, ("", base))
                found += [(address, where) for address in urls(told_as)]
            for address, where in found:
                yield how, address, where

    def _value(self, value: str, depth: int = 0) -> str:
        """With the page's own variables filled in."""

        def filled(found: re.Match[str]) -> str:
            known = self._values.get(found[1])
            return known[0] if known else (found[2] or "inherit")

        value = value.replace("!important", "").strip()
        if "var(" in value and depth < 5:
            return self._value(re.sub(r"var\(\s*(--[\w-]+)\s*(?:,\s*([^()]*))?\)", filled, value), depth + 1)
        return value


def _lay_over(told: dict[str, str], more: dict[str, str]) -> None:
    """Put what a further rule says of size, padding and background over what is *told*, in longhand properties."""
    for name, written in more.items():
        value = written.replace("!important", "").strip().lower()
        if name == "background":
            bare = re.sub(r"url\([^)]*\)|\([^)]*\)", " ", value).partition(",")[0]
            position, _, size = bare.partition("/")
            told["background-position"] = " ".join(_PLACES.findall(position))
            told["background-size"] = " ".join(_PLACES.findall(size)[:2])
        elif name in {"background-position-x", "background-position-y"}:
            across, down = [*told.get("background-position", "").split(), "0", "0"][:2]
            told["background-position"] = f"{value} {down}" if name.endswith("x") else f"{across} {value}"
        elif name == "padding" and (edges := value.split()[:4]):
            edges = [*edges, edges[1]] if len(edges) == 3 else edges * 4
            sides = ("padding-top", "padding-right", "padding-bottom", "padding-left")
            told |= dict(zip(sides, edges, strict=False))
        elif _BOX.fullmatch(name):
            told[name] = value


def _is_for_wide_screens(media: str) -> bool:
    """Whether the conditions hold where a page is read on a desk."""
    if re.search(r"\bprint\b|prefers-color-scheme\s*:\s*dark", media):
        return False
    limits = re.findall(r"(min|max)-width\s*:\s*([\d.]+)(px|r?em)", media)
    limits += [
        ("min" if sign[0] == ">" else "max", size, unit)
        for sign, size, unit in re.findall(r"width\s*([<>]=?)\s*([\d.]+)(px|r?em)", media)
    ]
    return all(
        (pixels <= WIDE) if least == "min" else (pixels >= WIDE)
        for least, pixels in ((least, float(size) * (1 if unit == "px" else 16)) for least, size, unit in limits)
    )


def rules(text: str, base: str) -> Iterator[Rule]:
    """Every rule that a style sheet has, also those within conditions."""
    masked, kept = _masked(text)
    open_blocks: list[str] = []
    pieces = re.split(r"([{}])", masked)  # Text, brace, text, brace …
    for before, brace in zip(pieces[::2], pieces[1::2], strict=False):
        if brace == "{":
            open_blocks.append(before.rpartition(";")[2].strip())
        elif open_blocks:
            selector = open_blocks.pop()
            if selector and not selector.startswith("@"):
                media = " ".join(block for block in open_blocks[-8:] if block.startswith("@"))
                yield Rule(_restored(selector, kept), _read(before, kept), _restored(media, kept), base)


def declarations(text: str) -> dict[str, str]:
    """Property and value of a style attribute."""
    masked, kept = _masked(text)
    return _read(masked, kept)


def imports(text: str, base: str) -> list[str]:
    """Addresses of the sheets that a sheet begins with."""
    text = _without_comments(text[:100_000])
    found = re.findall(
        r"""@import\s{1,9}(?:url\(\s{0,9})?["']?([^"'()\s;]{1,2000})["']?\s{0,9}\)?([^;{}]{0,200});""", text
    )
    return [urljoin(base, address) for address, media in found if "print" not in media][:5]


def urls(value: str) -> list[str]:
    """Addresses of pictures in a value; of several for several screens all of them."""
    found = re.findall(r"""url\(\s{0,9}(?:"([^"]*)"|'([^']*)'|([^)"'(]*))\s{0,9}\)""", value)
    named = ["".join(parts).strip().replace("\\", "") for parts in found]
    if "image-set(" in value:
        named += re.findall(r"""["']([^"']+\.(?:svg|png|webp|jpe?g|gif))["']""", value)
    return list(dict.fromkeys(address for address in named if address and not address.startswith("#")))


def _masked(text: str) -> tuple[str, list[str]]:
    """The text with what may hold braces and semicolons put aside."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\x01{len(kept) - 1}\x01"

    return _KEPT.sub(keep, _without_comments(text.replace("\x01", ""))), kept


_KEPT = re.compile(
    r"""url\((?:\s{0,9}"[^"]{0,400000}"\s{0,9}|\s{0,9}'[^']{0,400000}'\s{0,9}|[^)"'(]{0,4000})\)"""
    r"""|"[^"\n]{0,4000}"|'[^'\n]{0,4000}'""",
    re.IGNORECASE,
)


def _without_comments(text: str) -> str:
    pieces, at = [], 0
    while (start := text.find("/*", at)) >= 0:
        pieces.append(text[at:start])
        end = text.find("*/", start + 2)
        if end < 0:
            return " ".join(pieces)
        at = end + 2
    return " ".join([*pieces, text[at:]])


def _restored(text: str, kept: list[str]) -> str:
    return re.sub(r"\x01(\d+)\x01", lambda found: kept[int(found[1])], text) if "\x01" in text else text


def _read(text: str, kept: list[str]) -> dict[str, str]:
    told = {}
    for part in text.split(";"):
        name, colon, value = part.partition(":")
        if colon:
            name = name.strip().lower().removeprefix("-webkit-")
            told[name] = _restored(value.strip(), kept)
    return told


def _static(selector: str) -> str:
    """The selector without states that a page read by a program never has."""
    return re.sub(r":(?:link|any-link)\b", "", selector)


def _names(element: Element) -> list[str]:
    return [*attribute(element, "class").split(), attribute(element, "id")]
