"""Style sheets and style attributes of a drawing, moved into the attributes of its elements (CSS inlining).

What counts is what holds on a light page on a screen, after every movement has come to its end. A value that could
reach anything outside the file is left out.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import cssselect2  # type: ignore[import-untyped]
import tinycss2.color4  # type: ignore[import-untyped]

from tasks.logos import colours
from tasks.logos.refusal import CannotShape, Refusal

RULES = 500
"""Selectors of one drawing."""
DEPTH = 4
"""Conditions and rules around a rule."""
NESTED_MOST = 20_000
"""Characters of a selector within rules; each ``&`` in it stands for all selectors around it."""
PATHS_MOST = 2_000_000
"""Characters of paths that its style sheets may put into it."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PROPERTIES = _words(
    """
    alignment-baseline baseline-shift clip-path clip-rule color color-interpolation color-interpolation-filters display
    dominant-baseline fill fill-opacity fill-rule filter flood-color flood-opacity font-family font-size font-stretch
    font-style font-variant font-weight letter-spacing marker-end marker-mid marker-start mask mask-type opacity
    overflow paint-order shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset
    stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration
    text-rendering transform transform-origin vector-effect visibility word-spacing
    """
)
_MIX = "mix-blend-mode"
"""Understood as a declaration only, and remains one."""
_GEOMETRY = _words("x y cx cy r rx ry width height")
_PATH = "d"
_DRAWN = re.compile(r"""path\(\s*(["'])([^"'()\\@<>]*)\1\s*\)""")
_FUNCTIONS = colours.NEWER | _words(
    """
    url rgb rgba hsl hsla
    matrix translate translatex translatey scale scalex scaley rotate skewx skewy
    """
)
INNER_URL = re.compile(r"""url\(\s*(["']?)#([^"'()\s\\]+)\1\s*\)""", re.IGNORECASE)
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,((?:[^()v]|v(?!ar\()|\([^()]*\))*))?\)")
"""One in whose fallback there is no other."""
VARIABLES_DEEPEST = 5
VALUE_MOST = 1000
"""Characters that a variable may stand for."""
_PLAIN_COLOUR = re.compile(r"(rgb|hsl)a?\(\s*[-+]?[\d.]+%?(deg)?(\s*[\s,/]\s*[-+]?[\d.]+%?){2,3}\s*\)", re.IGNORECASE)
_COLOURS = frozenset({"rgb", "rgba", "hsl", "hsla"})
_PAINTED = _words("fill stroke color stop-color flood-color")
_NO_COLOURS = _words("none inherit initial unset revert")
"""Words that may stand where a colour may."""
_ORIGIN = re.compile(r"\s*(-?[0-9.]{1,12})(?:px)?(?:[\s,]+(-?[0-9.]{1,12})(?:px)?)?(?:[\s,]+0(?:px)?)?\s*")
_FONT = re.compile(r"((?:[a-z0-9-]+\s+){0,4}?)([0-9.]+[a-z%]+)(?:\s*/\s*[0-9.a-z%]+)?\s+(\S.{0,200})", re.IGNORECASE)


def move_styles(root: ET.Element, sheets: list[str]) -> None:
    """Turn style sheets and style attributes into attributes, in the order in which CSS lets them win."""
    matcher = cssselect2.Matcher()
    rules = list(_rules(sheets))
    if sum(1 + rule.selector.count(",") for rule in rules) > RULES:
        raise CannotShape(Refusal.TOO_COMPLEX)
    known = _Known(_variables(root, rules), dict(_endings(sheets)))
    for rule in rules:
        declarations = list(_declarations(rule.content, known))
        with suppress(cssselect2.SelectorError):
            for selector in cssselect2.compile_selector_list(rule.selector):
                matcher.add_selector(selector, declarations)
    matched = _matched(root, matcher) if rules else {}
    drawn = 0
    for node in root.iter():
        _fill_in(node, known.variables)
        own = list(_declarations(node.attrib.pop("style", ""), known))
        node.attrib.pop("class", None)
        for name, value, _ in sorted([*matched.get(node, []), *own], key=lambda declaration: declaration[2]):
            if name == _MIX:
                node.set("style", f"{_MIX}:{value if value.replace('-', '').isalpha() else 'normal'}")
            elif name == _PATH:
                drawn += len(value)
                if drawn > PATHS_MOST:
                    raise CannotShape(Refusal.TOO_COMPLEX)
                node.set(name, value)
            elif name not in _GEOMETRY or (node is not root and re.match(r"-?[0-9.]", value)):
                node.set(name, value)
        _move_origin(node)


def _fill_in(node: ET.Element, variables: dict[str, str]) -> None:
    """Say in its attributes what their variables stand for; one that stands for nothing safe is as if not there."""
    for name, value in list(node.attrib.items()):
        if name in PROPERTIES and "var(" in value:
            safe = safe_value(_filled_in(value, variables))
            if safe is None:
                del node.attrib[name]
            else:
                node.set(name, safe)


def _matched(root: ET.Element, matcher: Any) -> dict[ET.Element, list[tuple[str, str, bool]]]:
    """The declarations of the style sheets for each element, those that win last."""
    return {
        wrapper.etree_element: [declaration for match in matcher.match(wrapper) for declaration in match[-1]]
        for wrapper in cssselect2.ElementWrapper.from_xml_root(root).iter_subtree()
    }


def _move_origin(node: ET.Element) -> None:
    """Say where a transformation has its origin in the transformation itself, as an attribute must."""
    origin = _ORIGIN.fullmatch(node.attrib.pop("transform-origin", ""))
    if origin and "transform" in node.attrib:
        x, y = float(origin[1]), float(origin[2] or origin[1])
        node.set("transform", f"translate({x:g} {y:g}) {node.get('transform')} translate({-x:g} {-y:g})")


@dataclass(frozen=True)
class _Rule:
    selector: str
    content: list[Any]


def _rules(sheets: list[str]) -> Iterator[_Rule]:
    for sheet in sheets:
        yield from _counting(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True))


def _counting(rules: list[Any], around: str = "", depth: int = 0) -> Iterator[_Rule]:
    """The rules that count on a light page on a screen, out of the conditions and the rules *around* them."""
    for rule in rules:
        if rule.type not in {"qualified-rule", "at-rule"} or rule.content is None or depth > DEPTH:
            continue
        if rule.type == "qualified-rule":
            selector = _nested(rule.prelude, around) if around else tinycss2.serialize(rule.prelude)
            if around and len(selector) > NESTED_MOST:
                raise CannotShape(Refusal.TOO_COMPLEX)
            yield _Rule(selector, rule.content)
        elif _holds(rule):
            selector = around
            if around:
                yield _Rule(around, rule.content)
        else:
            continue
        yield from _counting(_blocks(rule.content), selector, depth + 1)


def _nested(prelude: list[Any], around: str) -> str:
    """A selector within the rule for *around*, for which ``&`` stands; without one it means what is inside of that."""
    parts: list[list[Any]] = [[]]
    for piece in prelude:
        parts.append([]) if piece == "," else parts[-1].append(piece)
    written = [tinycss2.serialize(part).strip() for part in parts]
    inner = [one if "&" in one else f"& {one}" for one in written]
    return ", ".join(inner).replace("&", f":is({around})")


def _blocks(content: Any) -> list[Any]:
    found: list[Any] = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return found


def _endings(sheets: list[str]) -> Iterator[tuple[str, Any]]:
    """Animations by name, each with the declarations of its last picture."""
    for sheet in sheets:
        for rule in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
            if rule.type == "at-rule" and rule.content is not None and rule.lower_at_keyword.endswith("keyframes"):
                for frame in tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True):
                    if frame.type == "qualified-rule" and re.search(
                        r"\bto\b|\b100%", tinycss2.serialize(frame.prelude).lower()
                    ):
                        yield tinycss2.serialize(rule.prelude).strip(), frame.content


def _holds(rule: Any) -> bool:
    """Whether the condition does; what asks for a width or a movement may or may not, and is left out."""
    asked = tinycss2.serialize(rule.prelude).lower()
    match rule.lower_at_keyword:
        case "media":
            said = re.sub(
                r"\(\s*prefers-color-scheme\s*:\s*(light|no-preference)\s*\)|\b(only|screen|all|and)\b", "", asked
            )
            return any(not part.strip() for part in said.split(","))
        case "supports":
            return "not" not in asked
        case name:
            return bool(name == "layer")


@dataclass(frozen=True)
class _Known:
    """What declarations may name: variables, and the declarations with which each animation ends."""

    variables: dict[str, str]
    endings: dict[str, Any]


def _declarations(source: Any, known: _Known) -> Iterator[tuple[str, str, bool]]:
    """Allowed properties with their values, and whether they are important. What moves is taken where it ends."""
    for item in _blocks(source):
        if item.type != "declaration":
            continue
        value = _filled_in(tinycss2.serialize(item.value).strip(), known.variables)
        name = item.lower_name
        if name in {"animation", "animation-name"} and "infinite" not in value:
            for word in set(re.findall(r"[\w-]+", value)) & known.endings.keys():
                ending = _declarations(known.endings[word], _Known(known.variables, {}))
                yield from ((part, told, True) for part, told, _ in ending)
        if name == "transform":  # In CSS it has units, as an attribute it has none.
            value = re.sub(r"(?<=[\d.])(px|deg)\b", "", value)
        if name == _PATH and (path := _DRAWN.fullmatch(value)):
            yield _PATH, path[2], item.important
            continue
        for part, told in _longhands(name, value):
            known_word = part not in _PAINTED or not told.isalpha() or _is_colour(told)
            if part in PROPERTIES | _GEOMETRY | {_MIX} and known_word and (safe := safe_value(told)) is not None:
                yield part, safe, item.important


def _filled_in(value: str, variables: dict[str, str]) -> str:
    """With what the variables stand for, or what is to be taken in their place; empty if there is neither."""
    for depth in range(VARIABLES_DEEPEST):
        if "var(" not in value or (depth and len(value) > VALUE_MOST):
            break
        value = _VARIABLE.sub(lambda found: variables.get(found[1], found[2] or "").strip(), value)
    return value


def _variables(root: ET.Element, rules: list[_Rule]) -> dict[str, str]:
    """Variables by name, those of the whole drawing before those of its parts, and the later ones counting."""
    sources = [rule.content for rule in sorted(rules, key=lambda rule: bool(re.search(r":root|svg|\*", rule.selector)))]
    parts = [told for node in root.iter() if node is not root and "--" in (told := node.get("style", ""))]
    found = {}
    for source in [*parts, *sources, root.get("style", "")]:
        for item in _blocks(source):
            if item.type == "declaration" and item.name.startswith("--"):
                told = tinycss2.serialize(item.value).strip()
                found[item.name] = told if len(told) <= VALUE_MOST else ""
    return found


def _longhands(name: str, value: str) -> list[tuple[str, str]]:
    """What a property stands for, in words that may also stand in attributes."""
    if name == "marker":
        return [(f"marker-{end}", value) for end in ("start", "mid", "end")]
    found = _FONT.fullmatch(value) if name == "font" else None
    if found is None:
        return [(name, value)]
    words = {"italic": "font-style", "oblique": "font-style", "bold": "font-weight"}
    told = [(words.get(word, "font-weight"), word) for word in found[1].split() if word in words or word.isdecimal()]
    return [*told, ("font-size", found[2]), ("font-family", found[3])]


def _is_colour(word: str) -> bool:
    return word.lower() in _NO_COLOURS or tinycss2.color4.parse_color(word) is not None


def _is_read_everywhere(value: str, functions: set[str]) -> bool:
    """Whether a colour, if it is one, is told in words of old."""
    if functions & colours.NEWER:
        return False
    return not functions & _COLOURS or (len(value) < 100 and _PLAIN_COLOUR.fullmatch(value) is not None)


def safe_value(value: str) -> str | None:
    """The value, references only to the same file; None if it could reach anything else."""
    if "\\" in value or "@" in value:
        return None
    value = INNER_URL.sub(lambda found: f"url(#{found[2]})", value.strip())
    functions = {name.lower() for name in re.findall(r"([\w-]+)\s*\(", value)}
    if not functions <= _FUNCTIONS or len(re.findall(r"url\s*\(", value, re.IGNORECASE)) != value.count("url(#"):
        return None
    if not value:
        return None
    if value.startswith("url("):
        reference, _, behind = value.partition(")")  # What is behind it counts where there is nothing to refer to.
        return f"{reference}) {colours.hexadecimal(behind) or ''}".rstrip() if "(" in behind else value
    if not _is_read_everywhere(value, functions):
        return colours.plain(value)  # Of what cannot be read, the declaration before it counts.
    return "currentColor" if value.lower() == "currentcolor" else value
