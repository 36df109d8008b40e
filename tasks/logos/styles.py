"""Style sheets, read for three things: the pictures they put on elements, what they hide, the colours of drawings."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

import cssselect2  # type: ignore[import-untyped]

from tasks.logos.cascade import (
    VALUE_MOST,
    Declaration,
    Room,
    Scope,
    Scopes,
    has_variables,
    selectors,
    unescaped,
    variables_in,
    winning,
)
from tasks.logos.page import Element, Page, attribute, words

RULES = 20_000
MATCHED = 500
"""Rules that are compared with the elements of a page at once."""
MATCHING_SECONDS = 2.0
"""Style sheets made to keep us busy are left when this time is up."""
DECLARED_MOST = 300_000
"""Variables that the elements of one page are given."""
PICTURE_MOST = 400_000
"""Characters of a picture within a variable."""
_PICTURED = re.compile(r"background|content|mask|list-style|border-image")
_BOX = re.compile(r"width|height|box-sizing|padding.*|background(-position.*|-size)?")
_PLACES = re.compile(
    r"(?<![\w#.-])(?:[-+]?[\d.]+(?:px|%|r?em)?|left|center|right|top|bottom|auto|cover|contain)(?![\w.-])"
)
_OTHERWISE = re.compile(
    r"(?<!not )\bprint\b|\bnot (?:all|screen)\b|(?<!not \()prefers-color-scheme\s*:\s*dark"
    r"|prefers-contrast\s*:\s*more|forced-colors\s*:\s*active"
)
"""Media that are not a light screen without particular wishes."""
WIDE = 1280
"""Pixels of the screen on which the page is seen."""
_COLOURS = words(
    """
    fill fill-opacity fill-rule stroke stroke-width stroke-opacity opacity color stop-color stop-opacity display
    visibility clip-path clip-rule mask transform stroke-linecap stroke-linejoin
    """
)


_PICTURE = re.compile(r"url\(|image-set\(", re.IGNORECASE)
_SHOWN_ELSEWHERE = words("symbol g path rect circle ellipse polygon polyline line text use")
"""What a drawing may take from elsewhere on the page to be shown in it; it inherits there."""


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

    def pictures(self) -> Iterator[Painted]:
        ends = time.monotonic() + MATCHING_SECONDS
        for element in self._page.elements:
            if time.monotonic() > ends:
                break
            if style := attribute(element, "style"):
                properties = declarations(style)
                for how, address in self._addresses(element, properties, self._page.base):
                    yield Painted(element, address, self._page.base, "", properties, how)
        pictured = [rule for rule in self.rules if self._may_picture(rule.declarations)]
        seen = set()
        for element, rule in self._matches(self._page.elements, pictured):
            for how, address in self._addresses(element, rule.declarations, rule.base, rule.selector):
                if (element, address) not in seen:
                    seen.add((element, address))
                    yield Painted(element, address, rule.base, rule.selector, rule.declarations, how)

    def hidden(self, elements: Iterable[Element]) -> set[Element]:
        """Which of these elements a reader with a wide screen does not see at first."""
        path = {
            element: [element, *(above for above in element.iterancestors() if isinstance(above.tag, str))]
            for element in elements
        }
        asked = {element: None for every in path.values() for element in every}
        names = {word for element in asked for word in _names(element)}
        wanted_rules = [
            rule
            for rule in self.rules
            if not {"display", "visibility"}.isdisjoint(rule.declarations)
            and _is_for_wide_screens(rule.media)
            and not names.isdisjoint(re.findall(r"[\w-]+", rule.selector))
        ]
        styles: dict[Element, dict[str, str]] = {}
        for element, rule in self._matches(list(asked), wanted_rules, parts=False):
            kept = styles.setdefault(element, {})
            for name in ("display", "visibility"):
                value = rule.declarations.get(name, kept.get(name, ""))
                if "important" in value or "important" not in kept.get(name, ""):
                    kept[name] = value
        unseen = {
            element
            for element, kept in styles.items()
            if kept["display"].startswith("none") or kept["visibility"].startswith("hidden")
        }
        return {element for element, every in path.items() if not unseen.isdisjoint(every)}

    def boxes(self, elements: Iterable[Element]) -> dict[Element, dict[str, str]]:
        """Size, padding and background of elements on a wide screen, in longhand properties."""
        asked = list(dict.fromkeys(elements))
        names = {word for element in asked for word in (element.tag, *_names(element))}
        wanted_rules = [
            rule
            for rule in self.rules
            if any(map(_BOX.fullmatch, rule.declarations))
            and _is_for_wide_screens(rule.media)
            and not names.isdisjoint(re.findall(r"[\w-]+", rule.selector))
        ]
        styles: dict[Element, dict[str, str]] = {element: {} for element in asked}
        for element, rule in self._matches(asked, wanted_rules):
            _lay_over(styles[element], rule.declarations)
        for element in asked:
            _lay_over(styles[element], declarations(attribute(element, "style")))
        return styles

    def colours(self, drawing: Element, taken: Iterable[Element] = ()) -> dict[Element, str]:
        """The style of each part of a drawing with what the page's style sheets say of its colours, for use elsewhere.

        It has the variables of the page, too, as far as they are used in it or in what is *taken* into it.
        """
        above = [element for element in drawing.iterancestors() if isinstance(element.tag, str)]
        inside = [element for element in drawing.iter() if isinstance(element.tag, str)]
        names = {word for element in [*above, *inside] for word in (element.tag, *_names(element))}
        wanted_rules = [
            rule
            for rule in self.rules
            if not _COLOURS.isdisjoint(rule.declarations)
            and _is_for_wide_screens(rule.media)
            and not names.isdisjoint(re.findall(r"[\w-]+", rule.selector))
        ]
        declared: dict[Element, list[Declaration]] = {element: [] for element in [*above, *inside]}
        for element, rule in self._matches(list(declared), wanted_rules, parts=False):
            declared[element] += [
                declaration for declaration in _listed(rule.declarations) if declaration[0] in _COLOURS
            ]
        for element in declared:
            declared[element] += _listed(declarations(attribute(element, "style")))
        won = {element: winning(every) for element, every in declared.items()}
        asked = [*inside, *(element for part in taken for element in part.iter() if isinstance(element.tag, str))]
        styled = (value for every in won.values() for value in every.values())
        used = variables_in(" ".join(styled)).union(*map(self._used_by, asked))
        behind = self._behind(used)
        own = {element: self._short_variables(element, behind) for element in inside}
        styles = {element: own[element] | won[element] for element in inside}
        inherited: dict[str, str] = {}
        if drawing.tag in _SHOWN_ELSEWHERE:  # What uses it hands its own colours down.
            return _written(styles)
        for ancestor in reversed(above):
            for name in ("color", "fill", "stroke"):
                value = self._scopes.of(ancestor).fill_in(won[ancestor].get(name, ""))
                if value and value != "inherit":
                    inherited[name] = value
        for name in used.union(*(variables_in(value) for every in own.values() for value in every.values())):
            if above and (value := self._scopes.of(above[0]).value(name)) is not None:
                inherited[name] = value
        told_there = {name: value for name, value in styles[drawing].items() if value != "inherit"}
        styles[drawing] = {name: inherited[name] for name in inherited if not attribute(drawing, name)} | told_there
        return _written(styles)

    # Variables.

    @cached_property
    def _definitions(self) -> dict[str, list[str]]:
        """Every value that the page's variables have anywhere."""
        definitions: dict[str, list[str]] = {}
        styled = [
            declarations(style) for element in self._page.elements if "--" in (style := attribute(element, "style"))
        ]
        for properties in [*(rule.declarations for rule in self.rules), *styled]:
            for name, value in properties.items():
                if name.startswith("--"):
                    definitions.setdefault(name, []).append(value)
        return definitions

    @cached_property
    def _picturing(self) -> set[str]:
        """Variables in which there may be a picture."""
        users: dict[str, set[str]] = {}
        for name, values in self._definitions.items():
            for used in {used for value in values for used in variables_in(value)}:
                users.setdefault(used, set()).add(name)
        having = {name for name, values in self._definitions.items() if any(map(_PICTURE.search, values))}
        return _reached(having, lambda name: users.get(name, set()))

    @cached_property
    def _wanted_variables(self) -> set[str]:
        """Those with which pictures and colours are told; pages have very many for other things."""
        used = self._picturing.copy()
        for rule in self.rules:
            for name, value in rule.declarations.items():
                if name in _COLOURS and "(" in value:
                    used |= variables_in(value)
        for element in self._page.elements:
            used |= self._used_by(element)
        return self._behind(used)

    def _behind(self, used: set[str]) -> set[str]:
        """These variables, and those that they are told by."""
        return _reached(used, lambda name: set().union(*map(variables_in, self._definitions.get(name, []))))

    def _short_variables(self, element: Element, names: set[str]) -> dict[str, str]:
        own = self._own_variables.get(element, {})
        return {name: value for name, value in own.items() if name in names and len(value) <= VALUE_MOST}

    def _used_by(self, element: Element) -> set[str]:
        texts = list(element.attrib.values())
        if element.tag == "style" and element.getparent().tag == "svg":
            texts.append(element.text or "")
        return {name for text in texts if has_variables(text) for name in variables_in(text)}

    @cached_property
    def _own_variables(self) -> dict[Element, dict[str, str]]:
        """What is declared for each element, on a light and wide screen."""
        names = self._wanted_variables
        words = {
            "root",
            *(word for element in self._page.elements for word in (element.tag, *element.attrib, *_names(element))),
        }
        wanted_rules = []
        for rule in self.rules:
            terms = re.findall(r"[\w-]+", rule.selector)
            is_about = not names.isdisjoint(rule.declarations) and not rule.selector.startswith("@")
            if is_about and (not terms or not words.isdisjoint(terms)) and _is_for_wide_screens(rule.media):
                wanted_rules.append(rule)
        declared = {id(rule): self._variables_kept(rule.declarations, rule.base) for rule in wanted_rules}
        styled = self._variables_of_styles()
        left = DECLARED_MOST - sum(map(len, styled.values()))
        variables: dict[Element, list[Declaration]] = {}
        for element, rule in self._matches(self._page.elements, wanted_rules, parts=False):
            left -= len(declared[id(rule)])
            if left < 0:
                break
            variables.setdefault(element, []).extend(declared[id(rule)])
        for element, own in styled.items():
            variables.setdefault(element, []).extend(own)
        return {element: winning(own) for element, own in variables.items()}

    def _variables_of_styles(self) -> dict[Element, list[Declaration]]:
        """What is declared for elements in their own style attributes."""
        variables: dict[Element, list[Declaration]] = {}
        left = DECLARED_MOST
        for element in self._page.elements:
            if "--" in (style := attribute(element, "style")):
                own = self._variables_kept(declarations(style), self._page.base)
                left -= len(own)
                if left < 0:
                    break
                variables[element] = own
        return variables

    def _variables_kept(self, properties: Mapping[str, str], base: str) -> list[Declaration]:
        """The variables among declarations, as long as there is room for them."""
        if not self._room.left:
            return []
        own = self._variables_of(properties, base)
        return own if self._room.take(sum(len(value) for _, value, _ in own)) else []

    def _variables_of(self, properties: Mapping[str, str], base: str) -> list[Declaration]:
        """The variables among declarations, with addresses that are the same in every style sheet."""
        names = self._wanted_variables
        return [(name, _based(value, base), strong) for name, value, strong in _listed(properties) if name in names]

    @cached_property
    def _room(self) -> Room:
        return Room(PICTURE_MOST)

    @cached_property
    def _scopes(self) -> Scopes:
        initial = {
            rule.selector.removeprefix("@property").strip(): rule.declarations["initial-value"]
            for rule in self.rules
            if rule.selector.startswith("@property") and "initial-value" in rule.declarations
        }
        return Scopes(self._own_variables, lambda element: element.getparent(), initial, room=self._room)

    def _matches(
        self, elements: list[Element], wanted_rules: list[Rule], *, parts: bool = True
    ) -> Iterator[tuple[Element, Rule]]:
        """Elements with the rules that mean them, or, with *parts*, what is before and after; the strongest last."""
        if not wanted_rules:
            return
        ends = time.monotonic() + MATCHING_SECONDS
        matcher = cssselect2.Matcher()
        for rule in wanted_rules[:MATCHED]:
            for selector in selectors(_static(rule.selector)):
                matcher.add_selector(selector, rule)
        asked = set(elements)
        for wrapper in cssselect2.ElementWrapper.from_html_root(self._page.root).iter_subtree():
            if time.monotonic() > ends:
                return
            if wrapper.etree_element in asked:
                for *_, part, rule in matcher.match(wrapper):
                    if parts or part is None:
                        yield wrapper.etree_element, rule

    def _may_picture(self, properties: Mapping[str, str]) -> bool:
        return any(
            bool(urls(value)) or not self._picturing.isdisjoint(variables_in(value))
            for name, value in properties.items()
            if _is_pictured(name)
        )

    def _addresses(
        self, element: Element, properties: Mapping[str, str], base: str, selector: str = ""
    ) -> Iterator[tuple[str, str]]:
        """How a picture is put on the element, and its address."""
        for name, value in properties.items():
            if not _is_pictured(name):
                continue
            how = "mask" if "mask" in name else "content" if name == "content" else "background"
            filled: str | None = value
            if not self._picturing.isdisjoint(variables_in(value)):
                scope = self._scopes.of(element)
                if re.search(r":(before|after)", selector):  # Which have variables of their own.
                    scope = Scope(winning(self._variables_of(properties, base)), scope)
                filled = scope.fill_in(_based(value, base), PICTURE_MOST)
            for address in urls(filled or ""):
                yield how, address


def _is_pictured(name: str) -> bool:
    return not name.startswith("--") and _PICTURED.search(name) is not None


def _listed(properties: Mapping[str, str]) -> list[Declaration]:
    return [
        (name, _IMPORTANT.sub("", value).strip(), _IMPORTANT.search(value) is not None)
        for name, value in properties.items()
    ]


def _written(styles: Mapping[Element, Mapping[str, str]]) -> dict[Element, str]:
    return {
        element: ";".join(f"{name}:{value}" for name, value in properties.items())
        for element, properties in styles.items()
        if properties
    }


def _reached(begin: set[str], further: Callable[[str], set[str]]) -> set[str]:
    """All that is reached from these, step by step."""
    reached, left = set(begin), list(begin)
    while left:
        more = further(left.pop()) - reached
        reached |= more
        left += more
    return reached


def _based(value: str, base: str) -> str:
    """With addresses that are no longer relative to their style sheet, as many as a picture may have characters."""
    left = PICTURE_MOST

    def joined(url: re.Match[str]) -> str:
        nonlocal left
        address = _ESCAPED.sub(r"\1", url[1] or url[2] or url[3] or "").strip()
        if address and left > 0 and not address.startswith(("#", "data:")):
            with suppress(ValueError):
                address = urljoin(base, address)
            left -= len(address)
        return 'url("' + address.replace("\\", "\\\\").replace('"', '\\"') + '")'

    return _URL.sub(joined, value)


def _lay_over(properties: dict[str, str], more: dict[str, str]) -> None:
    """Put what a further rule says of size, padding and background over those *properties*, all in longhand."""
    for name, written in more.items():
        value = written.replace("!important", "").strip().lower()
        if name == "background":
            bare = re.sub(r"url\([^)]*\)|\([^)]*\)", " ", value).partition(",")[0]
            position, _, size = bare.partition("/")
            properties["background-position"] = " ".join(_PLACES.findall(position))
            properties["background-size"] = " ".join(_PLACES.findall(size)[:2])
        elif name in {"background-position-x", "background-position-y"}:
            across, down = [*properties.get("background-position", "").split(), "0", "0"][:2]
            properties["background-position"] = f"{value} {down}" if name.endswith("x") else f"{across} {value}"
        elif name == "padding" and (edges := value.split()[:4]):
            edges = [*edges, edges[1]] if len(edges) == 3 else edges * 4
            sides = ("padding-top", "padding-right", "padding-bottom", "padding-left")
            properties |= dict(zip(sides, edges, strict=False))
        elif _BOX.fullmatch(name):
            properties[name] = value


def _is_for_wide_screens(media: str) -> bool:
    """Whether the conditions hold where a light page is read on a desk."""
    return all(any(map(_is_wide, condition.split(","))) for condition in media.lower().split("@"))


def _is_wide(query: str) -> bool:
    """Whether one of several alternatives holds."""
    if _OTHERWISE.search(query):
        return False
    limits = re.findall(r"(min|max)-width\s*:\s*([\d.]+)(px|r?em)", query)
    limits += [
        ("min" if sign[0] == ">" else "max", size, unit)
        for sign, size, unit in re.findall(r"width\s*([<>]=?)\s*([\d.]+)(px|r?em)", query)
    ]
    return all(
        (pixels <= WIDE) if least == "min" else (pixels >= WIDE)
        for least, pixels in ((least, float(size) * (1 if unit == "px" else 16)) for least, size, unit in limits)
    )


def rules(text: str, base: str) -> Iterator[Rule]:
    """Every rule that a style sheet has, also those within conditions, and ``@property``."""
    masked, kept = _masked(text)
    open_blocks: list[str] = []
    pieces = re.split(r"([{}])", masked)  # Text, brace, text, brace …
    for before, brace in zip(pieces[::2], pieces[1::2], strict=False):
        if brace == "{":
            open_blocks.append(before.rpartition(";")[2].strip())
        elif open_blocks:
            selector = open_blocks.pop()
            if selector and (not selector.startswith("@") or selector.startswith("@property")):
                media = " ".join(block for block in open_blocks[-8:] if block.startswith("@"))
                yield Rule(_restored(selector, kept), _read(before, kept), _restored(media, kept), base)


def declarations(text: str) -> dict[str, str]:
    """Property and value of a style attribute."""
    masked, kept = _masked(text)
    return _read(masked, kept)


def imports(text: str, base: str) -> list[str]:
    """Addresses of the sheets that a sheet begins with."""
    text = _without_comments(text[:100_000])
    sheets = re.findall(
        r"""@import\s{1,9}(?:url\(\s{0,9})?["']?([^"'()\s;]{1,2000})["']?\s{0,9}\)?([^;{}]{0,200});""", text
    )
    return [urljoin(base, address) for address, media in sheets if "print" not in media][:5]


def urls(value: str) -> list[str]:
    """Addresses of pictures in a value; of several for several screens all of them."""
    named = [_ESCAPED.sub(r"\1", "".join(parts)).strip() for parts in _URL.findall(value)]
    if "image-set(" in value:
        named += re.findall(r"""["']([^"']+\.(?:svg|png|webp|jpe?g|gif))["']""", value)
    return list(dict.fromkeys(address for address in named if address and not address.startswith("#")))


def _masked(text: str) -> tuple[str, list[str]]:
    """The text with what may hold braces and semicolons put aside."""
    kept: list[str] = []

    def keep(piece: re.Match[str]) -> str:
        kept.append(piece[0])
        return f"\x01{len(kept) - 1}\x01"

    return _KEPT.sub(keep, _without_comments(text.replace("\x01", ""))), kept


_QUOTED = r"""(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|'([^'\\]*+(?:\\.[^'\\]*+)*+)')"""
_KEPT = re.compile(
    # What is escaped outside of quotes begins none, so that a sheet of nothing else is read once.
    rf"""\\.|url\(\s{{0,9}}(?:{_QUOTED}|[^)"'(]{{0,4000}})\s{{0,9}}\)"""
    r"""|"[^"\\\n]{0,4000}+(?:\\.[^"\\\n]{0,4000}+){0,400}+"|'[^'\\\n]{0,4000}+(?:\\.[^'\\\n]{0,4000}+){0,400}+'""",
    re.IGNORECASE | re.DOTALL,
)
_URL = re.compile(rf"""url\(\s{{0,9}}(?:{_QUOTED}|([^)"'(]*))\s{{0,9}}\)""", re.IGNORECASE | re.DOTALL)
_IMPORTANT = re.compile(r"!\s*important\s*\Z", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


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
    return re.sub(r"\x01(\d+)\x01", lambda mark: kept[int(mark[1])], text) if "\x01" in text else text


def _read(text: str, kept: list[str]) -> dict[str, str]:
    properties: dict[str, str] = {}
    for part in text.split(";"):
        name, colon, value = part.partition(":")
        if colon:
            name = _restored(name.strip(), kept)
            name = unescaped(name) if name.startswith("--") else name.lower().removeprefix("-webkit-")
            if not _IMPORTANT.search(properties.get(name, "")) or _IMPORTANT.search(value):
                properties[name] = _restored(value.strip(), kept)
    return properties


def _static(selector: str) -> str:
    """The selector without states that a page read by a program never has."""
    return re.sub(r":(?:link|any-link)\b", "", selector)


def _names(element: Element) -> list[str]:
    return [*attribute(element, "class").split(), attribute(element, "id")]
