"""Style sheets and style attributes of a drawing, moved into the attributes of its elements (CSS inlining).

What counts is what holds on a light page on a screen, after every movement has come to its end. A value that could
reach anything outside the file is left out.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import cssselect2  # type: ignore[import-untyped]
import tinycss2.color4  # type: ignore[import-untyped]

from tasks.logos import colours
from tasks.logos.cascade import Declaration, Scope, Scopes, has_variables, selectors, winning
from tasks.logos.refusal import CannotShape, Refusal

RULES = 500
"""Selectors of one drawing."""
DEPTH = 4
"""Conditions and rules around a rule."""
NESTED_MOST = 20_000
"""Characters of a selector within rules; each ``&`` in it stands for all selectors around it."""
PATHS_MOST = 2_000_000
"""Characters of paths that its style sheets may put into it."""
DECLARED_MOST = 300_000
"""Variables that its elements are given, and declarations with variables, each filled in for every element."""


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
_PLAIN_COLOUR = re.compile(r"(rgb|hsl)a?\(\s*[-+]?[\d.]+%?(deg)?(\s*[\s,/]\s*[-+]?[\d.]+%?){2,3}\s*\)", re.IGNORECASE)
_COLOURS = frozenset({"rgb", "rgba", "hsl", "hsla"})
_PAINTED = _words("fill stroke color stop-color flood-color")
_NO_COLOURS = _words("none inherit initial unset revert")
"""Words that may stand where a colour may."""
_ORIGIN = re.compile(r"\s*(-?[0-9.]{1,12})(?:px)?(?:[\s,]+(-?[0-9.]{1,12})(?:px)?)?(?:[\s,]+0(?:px)?)?\s*")
_FONT = re.compile(r"((?:[a-z0-9-]+\s+){0,4}?)([0-9.]+[a-z%]+)(?:\s*/\s*[0-9.a-z%]+)?\s+(\S.{0,200})", re.IGNORECASE)


def move_styles(root: ET.Element, sheets: list[str]) -> None:
    """Turn style sheets and style attributes into attributes, in the order in which CSS lets them win."""
    blocks = _matched(root, sheets)
    own = {node: winning(variable for block in blocks[node] for variable in block.variables) for node in blocks}
    scopes = Scopes(own, _inheritance(root), dict(_initial(sheets)))
    drawn = 0
    for node in root.iter():
        scope = scopes.of(node)
        _fill_in(node, scope)
        declarations = [declaration for block in blocks[node] for declaration in block.told(scope)]
        for name, value, _ in sorted(declarations, key=lambda declaration: declaration[2]):
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


def _fill_in(node: ET.Element, scope: Scope) -> None:
    """Say in its attributes what their variables stand for; one that stands for nothing safe is as if not there."""
    for name, value in list(node.attrib.items()):
        if name in PROPERTIES and has_variables(value):
            safe = safe_value(scope.fill_in(value) or "")
            if safe is None:
                del node.attrib[name]
            else:
                node.set(name, safe)


def _inheritance(root: ET.Element) -> Callable[[ET.Element], ET.Element | None]:
    """From what an element inherits: what it is in, or, if it is there for others only, the first that uses it."""
    above = {child: parent for parent in root.iter() for child in parent}
    named: dict[str, ET.Element] = {}
    kept: set[ET.Element] = set()
    for node in root.iter():
        named.setdefault(node.get("id", ""), node)
        if node.tag.rpartition("}")[2] in {"defs", "symbol"} or above.get(node) in kept:
            kept.add(node)
    used: dict[ET.Element, ET.Element] = {}
    for node in root.iter():
        target = named.get(node.get("href", "")[1:]) if node.tag.endswith("}use") else None
        if target in kept:
            used.setdefault(target, node)
    return lambda node: used.get(node, above.get(node))


def _matched(root: ET.Element, sheets: list[str]) -> dict[ET.Element, list["_Block"]]:
    """What style sheets and style attributes, which are gone then, say of each element, what wins last."""
    matcher = cssselect2.Matcher()
    rules = list(_rules(sheets))
    if sum(1 + rule.selector.count(",") for rule in rules) > RULES:
        raise CannotShape(Refusal.TOO_COMPLEX)
    endings = dict(_endings(sheets))
    for rule in rules:
        block = _Block(rule.content, endings)
        for selector in selectors(rule.selector):
            matcher.add_selector(selector, block)
    blocks: dict[ET.Element, list[_Block]] = {}
    declared = 0
    for wrapper in cssselect2.ElementWrapper.from_xml_root(root).iter_subtree():
        node = wrapper.etree_element
        blocks[node] = [block for *_, pseudo, block in matcher.match(wrapper) if pseudo is None] if rules else []
        declared += sum(map(len, blocks[node]))
        if declared > DECLARED_MOST:
            raise CannotShape(Refusal.TOO_COMPLEX)
    for node in root.iter():
        blocks[node].append(_Block(node.attrib.pop("style", ""), endings))
        node.attrib.pop("class", None)
    return blocks


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
    inner = [selector if "&" in selector else f"& {selector}" for selector in written]
    return ", ".join(inner).replace("&", f":is({around})")


def _blocks(content: Any) -> list[Any]:
    items: list[Any] = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return items


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
            conditions = re.sub(
                r"\(\s*prefers-color-scheme\s*:\s*(light|no-preference)\s*\)|\b(only|screen|all|and)\b", "", asked
            )
            return any(not part.strip() for part in conditions.split(","))
        case "supports":
            return "not" not in asked
        case name:
            return bool(name == "layer")


def _initial(sheets: list[str]) -> Iterator[tuple[str, str]]:
    """Variables that are there though no element declares them, as ``@property`` says."""
    for sheet in sheets:
        for rule in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
            if rule.type == "at-rule" and rule.content is not None and rule.lower_at_keyword == "property":
                for name, value, _ in _read(rule.content):
                    if name == "initial-value":
                        yield tinycss2.serialize(rule.prelude).strip(), value


class _Block:
    """The declarations of one rule or one style attribute."""

    def __init__(self, source: Any, endings: dict[str, Any]) -> None:
        read = list(_read(source)) if source else []
        self.variables = [declaration for declaration in read if declaration[0].startswith("--")]
        self._others = [declaration for declaration in read if not declaration[0].startswith("--")]
        self._endings = endings
        moves = any(name.startswith("animation") for name, _, _ in self._others)
        is_open = moves or any(has_variables(value) for _, value, _ in self._others)
        self._settled = None if is_open else list(_allowed(self._others, Scope({}), {}))

    def __len__(self) -> int:
        """How much there is to do for every element."""
        return len(self.variables) + (len(self._others) if self._settled is None else 0)

    def told(self, scope: Scope) -> list[Declaration]:
        """Allowed properties with their values for an element that has these variables."""
        return list(_allowed(self._others, scope, self._endings)) if self._settled is None else self._settled


def _read(source: Any) -> Iterator[Declaration]:
    for item in _blocks(source):
        if item.type == "declaration":
            name = item.name if item.name.startswith("--") else item.lower_name
            yield name, tinycss2.serialize(item.value).strip(), item.important


def _allowed(source: Iterable[Declaration], scope: Scope, endings: dict[str, Any]) -> Iterator[Declaration]:
    """What may stand in attributes. What moves is taken where it ends."""
    for name, written, important in source:
        value = scope.fill_in(written)
        if value is None:
            continue
        if name in {"animation", "animation-name"} and "infinite" not in value:
            for word in set(re.findall(r"[\w-]+", value)) & endings.keys():
                yield from ((part, setting, True) for part, setting, _ in _allowed(_read(endings[word]), scope, {}))
        if name == "transform":  # In CSS it has units, as an attribute it has none.
            value = re.sub(r"(?<=[\d.])(px|deg)\b", "", value)
        if name == _PATH and (path := _DRAWN.fullmatch(value)):
            yield _PATH, path[2], important
            continue
        for part, setting in _longhands(name, value):
            known_word = part not in _PAINTED or not setting.isalpha() or _is_colour(setting)
            if part in PROPERTIES | _GEOMETRY | {_MIX} and known_word and (safe := safe_value(setting)) is not None:
                yield part, safe, important


def _longhands(name: str, value: str) -> list[tuple[str, str]]:
    """What a property stands for, in words that may also stand in attributes."""
    if name == "marker":
        return [(f"marker-{end}", value) for end in ("start", "mid", "end")]
    font = _FONT.fullmatch(value) if name == "font" else None
    if font is None:
        return [(name, value)]
    words = {"italic": "font-style", "oblique": "font-style", "bold": "font-weight"}
    longhands = [
        (words.get(word, "font-weight"), word) for word in font[1].split() if word in words or word.isdecimal()
    ]
    return [*longhands, ("font-size", font[2]), ("font-family", font[3])]


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
    value = INNER_URL.sub(lambda url: f"url(#{url[2]})", value.strip())
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
