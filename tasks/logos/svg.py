"""A stranger's SVG, cleaned by allow-list.

What is not known to be harmless is left out: scripts, handlers, foreign objects, references to anything outside the
file, style sheets (their declarations move to the elements). What would cost too much to draw is refused before it is
drawn. This module runs in the limited process of ``tasks.logos.render``; it trusts neither input nor renderer.
"""

import base64
import binascii
import codecs
import math
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from lxml import etree  # type: ignore[import-untyped]
from PIL import Image

from tasks.logos.cascade import has_variables
from tasks.logos.inlining import INNER_URL, PROPERTIES, move_styles, safe_value
from tasks.logos.refusal import CannotShape, Refusal

BYTES = 2_000_000
ELEMENTS = 10_000
DEPTH = 64
LENGTH = 20_000
"""Characters of an attribute that is neither a path nor a picture."""
ENTITIES = 32
IMAGES = 16
IMAGE_SIDE = 1600
"""Pixels of an embedded picture; a larger one is made smaller."""
DRAWN = 60_000
"""Elements that are drawn in the end, when every reference is followed."""
PATH, MASK = 50, 100
"""So many characters of a path cost as an element does; a mask, a pattern, a part of a filter as so many elements."""
LETTERS = 10_000

NAMESPACE = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"
_PLACE = "left-out"
_ENCODINGS = frozenset({"iso8859-1", "iso8859-15", "cp1252", "ascii"})
"""Besides UTF-8 and UTF-16; Python knows others that are no encodings of text."""
ET.register_namespace("", NAMESPACE)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHAPES = _words("path rect circle ellipse line polyline polygon text use")
_ELEMENTS = SHAPES | _words(
    """
    svg g defs symbol title desc tspan textPath image linearGradient radialGradient stop clipPath mask pattern marker
    filter feBlend feColorMatrix feComponentTransfer feComposite feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR
    feGaussianBlur feMerge feMergeNode feOffset
    """
)
_MEASURED = SHAPES | _words("svg g tspan image")
"""Whose measures may be shares of the plane; those of paints and masks may be of what they are for."""
_COSTLY = frozenset({"mask", "pattern", "filter"})
_CONTAINERS = frozenset({"a", "switch"})  # Their content is drawn, they themselves become groups.
_ATTRIBUTES = PROPERTIES | _words(
    """
    id class style href x y x1 y1 x2 y2 cx cy r rx ry fx fy fr dx dy d points width height viewBox preserveAspectRatio
    pathLength rotate textLength lengthAdjust startOffset offset gradientUnits gradientTransform spreadMethod
    patternUnits patternContentUnits patternTransform clipPathUnits maskUnits maskContentUnits markerUnits markerWidth
    markerHeight orient refX refY filterUnits primitiveUnits in in2 result mode type values stdDeviation operator k1 k2
    k3 k4 tableValues slope intercept amplitude exponent
    """
)
_PROLOGUE = re.compile(
    rb"\s*(<\?.*?\?>|<!--.*?-->|<!DOCTYPE\s+(\w+:)?svg\b[^\[>]*(\[.*?\]\s*)?>)\s*", re.DOTALL | re.IGNORECASE
)
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*+(\[(.*?)\]\s*)?>", re.DOTALL | re.IGNORECASE)
_ID = re.compile(r"[^\s\"'()<>\\#]{1,200}")
_LENGTH = re.compile(r"\s*((?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:e[+-]?[0-9]+)?)\s*(px|pt|pc|mm|cm|in)?\s*", re.IGNORECASE)
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}


def is_svg(content: bytes) -> bool:
    """Whether the first element of the bytes is an SVG, whatever name and media type they came with."""
    head = content[:100_000].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    while prologue := _PROLOGUE.match(head):
        head = head[prologue.end() :]
    return re.match(rb"<(\w+:)?svg[\s>/]", head) is not None


def clean(content: bytes, decode: Callable[[bytes], Image.Image]) -> ET.Element:
    """The drawing as a tree of known elements with a viewBox; embedded pictures are decoded and packed anew."""
    if len(content) > BYTES:
        raise CannotShape(Refusal.FILE_TOO_LARGE, len(content), BYTES)
    collector = _Collector()
    parser = etree.XMLParser(
        target=collector, recover=True, resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
    )
    try:
        parser.feed(_quoted(_without_doctype(_text(content))).encode())
        parser.close()
    except (etree.XMLSyntaxError, ValueError, AssertionError) as error:
        raise CannotShape(Refusal.NOT_A_PICTURE) from error
    root = collector.root
    if root is None:
        raise CannotShape(Refusal.NOT_A_PICTURE)
    move_styles(root, collector.styles)
    _close_places(root)
    _check_references(root)
    _repack_images(root, decode)
    _give_view_box(root)
    _measure_shares(root)
    return root


def markup(root: ET.Element) -> str:
    return ET.tostring(root, encoding="unicode")


def view_box(root: ET.Element) -> tuple[float, float, float, float]:
    left, top, width, height = (float(number) for number in root.get("viewBox", "").split())
    return left, top, width, height


def set_view_box(root: ET.Element, left: float, top: float, width: float, height: float) -> None:
    root.set("viewBox", f"{left:.6g} {top:.6g} {width:.6g} {height:.6g}")
    root.set("width", f"{width:.6g}")
    root.set("height", f"{height:.6g}")


def without_first_shapes(root: ET.Element) -> Iterator[ET.Element]:
    """The drawing without its first shape, without its second: one of them may be nothing but background."""
    for number in range(2):
        copy = ET.fromstring(markup(root))  # noqa: S314  (our own, cleaned markup)
        painted = [
            (parent, child) for parent in _painted(copy) for child in parent if local(child) in SHAPES - {"text", "use"}
        ]
        if number < len(painted) - 1:
            parent, child = painted[number]
            parent.remove(child)
            yield copy


def only_picture(root: ET.Element) -> bytes | None:
    """The embedded picture, if the drawing is nothing but a wrapper around it."""
    images = [node for node in root.iter() if local(node) == "image"]
    if len(images) != 1 or any(local(node) in SHAPES - {"use"} for parent in _painted(root) for node in parent):
        return None
    return base64.b64decode(images[0].get("href", "").partition(",")[2])


def has_writing(root: ET.Element) -> bool:
    """Whether anything in the drawing looks as its font lets it look."""
    return any(local(node) in {"text", "tspan", "textPath"} and (node.text or "").strip() for node in root.iter())


def _painted(root: ET.Element) -> Iterator[ET.Element]:
    """Groups in the order in which they are painted, without definitions."""
    yield root
    for child in root:
        if local(child) in {"g", "svg"}:
            yield from _painted(child)


def local(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


def _text(content: bytes) -> str:
    """The markup as text, by its byte order mark or its own declaration."""
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16")
        declared = re.match(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})""", content)
        named = codecs.lookup(declared[1].decode()).name if declared else ""
        text = content.decode(named if named in _ENCODINGS else "utf-8-sig", "replace")
    except (UnicodeError, LookupError) as error:
        raise CannotShape(Refusal.NOT_A_PICTURE) from error
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text)


def _without_doctype(text: str) -> str:
    """Drop declaration and DOCTYPE. Plain text entities, which old drawing programs write, are filled in."""
    text = re.sub(r"^\ufeff?\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL)
    begins = text.upper().find("<!DOCTYPE")
    doctype = _DOCTYPE.match(text, begins) if begins >= 0 else None
    if not doctype:
        return text if begins < 0 and "<!ENTITY" not in text else _refuse_entities()
    body = text[: doctype.start()] + text[doctype.end() :]
    subset = re.sub(r"<!--.*?-->", "", doctype[2] or "", flags=re.DOTALL)
    entities = re.findall(r"""<!ENTITY\s+([\w.-]+)\s+(?:"([^"]*)"|'([^']*)')\s*>""", subset)
    if subset.upper().count("<!ENTITY") != len(entities) or len(entities) > ENTITIES or "<!ENTITY" in body:
        _refuse_entities()
    for name, double, single in entities:
        value = double or single
        if re.search(r"[&%<>]", value) or len(value) > 200:
            _refuse_entities()
        if len(body) + body.count(f"&{name};") * len(value) > BYTES:
            raise CannotShape(Refusal.TOO_COMPLEX)
        body = body.replace(f"&{name};", value.replace('"', "&quot;"))
    return body


def _quoted(text: str) -> str:
    """With quotes around the attributes that a page, being HTML, may have written without."""
    if not re.search(r"""<[a-zA-Z][^<>]*\s[\w:-]+=[^"'\s<>][^<>]*>""", text):
        return text
    attribute = re.compile(r"""(?<![\w:.-])([\w:.-]++)\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]*[^\s"'>/])""")

    def quote(tag: re.Match[str]) -> str:
        return attribute.sub(lambda pair: f'{pair[1]}="{pair[2]}"' if pair[2][0] not in "\"'" else pair[0], tag[0])

    return re.sub(r"<[a-zA-Z][^<>]*>", quote, text)


def _refuse_entities() -> str:
    raise CannotShape(Refusal.ENTITIES)


class _Collector:
    """Takes the parser's events and keeps what is allowed, counting as it goes."""

    def __init__(self) -> None:
        self.root: ET.Element | None = None
        self.styles: list[str] = []
        self._open: list[ET.Element] = []
        self._skipping = 0
        self._in_style = False
        self._count = 0
        self._letters = 0
        self._depth = 0

    def start(self, tag: str, attributes: Any) -> None:
        self._count += 1
        self._depth += 1
        if self._count > ELEMENTS or self._depth > DEPTH:
            raise CannotShape(Refusal.TOO_COMPLEX)
        if self._skipping:
            self._skipping += 1
            return
        name = _svg_name(tag)
        if name not in _ELEMENTS | _CONTAINERS or (not self._open and (name != "svg" or self.root is not None)):
            self._skipping = 1
            if self._open:  # Selectors count it among its siblings, so its place is kept until they have matched.
                self._open[-1].append(ET.Element(_PLACE))
            if name == "style" and self._open:
                self._in_style = True
                self.styles.append("")
            if name in {"animate", "set"} and self._open:
                self._end_animation(attributes)
        else:
            node = ET.Element(f"{{{NAMESPACE}}}{'g' if name in _CONTAINERS else name}")
            for key, value in attributes.items():
                self._keep(node, name, key, value)
            if self._open:
                self._open[-1].append(node)
            else:
                self.root = node
            self._open.append(node)

    def _end_animation(self, attributes: Any) -> None:
        """What moves, and then stays where it got, is there from the start."""
        name = attributes.get("attributeName", "")
        last = attributes.get("to") or attributes.get("values", "").rpartition(";")[2]
        if attributes.get("fill") == "freeze" and name in PROPERTIES and last.strip():
            self._keep(self._open[-1], local(self._open[-1]), name, last)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._skipping:
            self._skipping -= 1
            self._in_style = self._in_style and self._skipping > 0
        elif self._open:
            node = self._open.pop()
            if _svg_name(tag) == "switch":  # Only one of its parts is drawn: the first that we know at all.
                node[:] = [child for child in node if child.tag != _PLACE][:1]

    def data(self, text: str) -> None:
        if self._in_style:
            self.styles[-1] += text
        elif (
            not self._skipping
            and self._open
            and local(self._open[-1]) in {"text", "tspan", "textPath", "title", "desc"}
        ):
            self._letters += len(text)
            if self._letters > LETTERS:
                raise CannotShape(Refusal.TOO_COMPLEX)
            node = self._open[-1]
            written = [child for child in node if child.tag != _PLACE]
            if written:
                written[-1].tail = (written[-1].tail or "") + text
            else:
                node.text = (node.text or "") + text

    def close(self) -> ET.Element | None:
        return self.root

    def _keep(self, node: ET.Element, element: str, key: str, value: str) -> None:
        if len(value) > LENGTH and key not in {"d", "points"} and element != "image":
            return
        key = key.replace(f"{{{_XLINK}}}", "").removeprefix("xlink:").replace(f"{{{_XML}}}", "xml:")
        if key == "xml:space":
            node.set(f"{{{_XML}}}space", "preserve" if value == "preserve" else "default")
        elif key == "href":
            if element not in _CONTAINERS and (safe := _safe_reference(element, value)):
                node.set("href", safe)
        elif key == "id":
            if _ID.fullmatch(value):
                node.set("id", value)
        elif key in {"class", "style"}:
            node.set(key, value)  # Both are gone when the styles have been moved.
        elif key in PROPERTIES and has_variables(value):
            node.set(key, value)  # Told, or gone, when the styles have been moved, which may say what it stands for.
        elif key in _ATTRIBUTES and (safe := safe_value(value)) is not None:
            node.set(key, safe)


def _svg_name(tag: str) -> str:
    """The local name of an SVG element; empty for elements of other vocabularies."""
    namespace, _, name = tag.rpartition("}")
    if namespace.strip("{") not in {"", NAMESPACE}:
        return ""
    return name.removeprefix("svg:")


def _safe_reference(element: str, value: str) -> str | None:
    value = value.strip()
    if value.startswith("#") and _ID.fullmatch(value[1:]):
        return value
    if element == "image" and re.match(r"data:image/(png|jpe?g|gif|webp)[;,]", value, re.IGNORECASE):
        return value
    return None


def _close_places(root: ET.Element) -> None:
    """When selectors have matched: take out what only kept a place, and names that were given before."""
    names: set[str] = set()
    for node in root.iter():
        if (name := node.get("id")) in names:
            del node.attrib["id"]  # Who follows a reference finds the first; all must find the same.
        elif name:
            names.add(name)
    for parent in list(root.iter()):
        for place in [child for child in parent if child.tag == _PLACE]:
            parent.remove(place)


def _check_references(root: ET.Element) -> None:
    """Refuse what refers to itself, or draws more than a logo needs once every reference is followed.

    Renderers have no such limit for patterns, masks and markers, and a late one for ``use``.
    """
    by_id = {node.get("id"): node for node in root.iter() if node.get("id")}
    drawn: dict[ET.Element, int] = {}
    following: set[ET.Element] = set()

    def weigh(node: ET.Element) -> int:
        if node in drawn:
            return drawn[node]
        if node in following or len(following) > 4 * DEPTH:
            raise CannotShape(Refusal.TOO_COMPLEX)
        following.add(node)
        total = MASK if local(node).startswith("fe") else 1
        total += MASK if "style" in node.attrib else 0  # Mixed colours
        total += len(node.get("d", "") + node.get("points", "")) // PATH + sum(weigh(child) for child in node)
        for name, value in node.attrib.items():
            for target in _targets(name, value):
                if target in by_id:
                    times = _vertices(node) if name.startswith("marker-") else 1
                    total += times * weigh(by_id[target]) + (MASK if local(by_id[target]) in _COSTLY else 0)
        following.discard(node)
        if total > DRAWN:
            raise CannotShape(Refusal.TOO_COMPLEX)
        drawn[node] = total
        return total

    weigh(root)


def _targets(name: str, value: str) -> list[str]:
    if name == "href":
        return [value[1:]] if value.startswith("#") else []
    return [url[2] for url in INNER_URL.finditer(value)]


def _vertices(node: ET.Element) -> int:
    """At least as many as the line has corners; a group hands its markers down to all its lines."""
    return max(1, sum(len(re.findall(r"\d+", inner.get("d", "") + inner.get("points", ""))) for inner in node.iter()))


def _repack_images(root: ET.Element, decode: Callable[[bytes], Image.Image]) -> None:
    images = [(parent, node) for parent in root.iter() for node in parent if local(node) == "image"]
    if len(images) > IMAGES:
        raise CannotShape(Refusal.TOO_COMPLEX)
    for parent, node in images:
        content = data_uri(node.get("href", ""))
        if content is None:
            parent.remove(node)
            continue
        try:
            picture, packed = decode(content), BytesIO()
        except CannotShape as refused:
            if refused.refusal is not Refusal.NOT_A_PICTURE:
                raise
            parent.remove(node)  # Browsers leave it out as well.
            continue
        if max(picture.size) > IMAGE_SIDE:
            for name, side in (("width", picture.width), ("height", picture.height)):
                node.attrib.setdefault(name, str(side))
            picture.thumbnail((IMAGE_SIDE, IMAGE_SIDE))
        picture.save(packed, "PNG")
        node.set("href", "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode())


def data_uri(value: str) -> bytes | None:
    """What a ``data:`` address holds; None if it is none or is damaged."""
    head, comma, body = value.partition(",")
    if not comma or not head.lower().startswith("data:"):
        return None
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        packed = re.sub(rb"\s", b"", unquote_to_bytes(body))
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), altchars=None, validate=True)
    except (binascii.Error, ValueError):
        return None


def _give_view_box(root: ET.Element) -> None:
    """Work out what part of the plane is shown, as a browser would, and say it in the viewBox alone."""
    width, height = _pixels(root.get("width")), _pixels(root.get("height"))
    try:
        left, top, wide, high = (float(number) for number in re.split(r"[\s,]+", root.get("viewBox", "").strip()))
    except ValueError:
        left, top, wide, high = 0.0, 0.0, width or 300.0, height or 150.0
    if not (0 < wide < 1e7 and 0 < high < 1e7 and abs(left) < 1e7 and abs(top) < 1e7):
        raise CannotShape(Refusal.ODD_SHAPE)
    fit = root.get("preserveAspectRatio", "")
    for name in ("x", "y", "preserveAspectRatio", "overflow", "transform"):
        root.attrib.pop(name, None)
    if width and height and fit.startswith("none"):
        stretched = ET.Element(f"{{{NAMESPACE}}}g", {"transform": f"scale({width / wide:.6g} {height / high:.6g})"})
        stretched.extend(root)
        root[:] = [stretched]
        left, top, wide, high = left * width / wide, top * height / high, width, height
    elif width and height and "slice" not in fit:  # Beside the viewBox there is room, in which more may be seen.
        around_wide, around_high = max(wide, high * width / height), max(high, wide * height / width)
        for side, word in ((0, "xM"), (1, "YM")):
            share = 0.0 if f"{word}in" in fit else 1.0 if f"{word}ax" in fit else 0.5
            if side == 0:
                left -= (around_wide - wide) * share
            else:
                top -= (around_high - high) * share
        wide, high = around_wide, around_high
    set_view_box(root, left, top, wide, high)


def _measure_shares(root: ET.Element) -> None:
    """Turn shares of the plane into measures, so that they stay the same when less of it is shown."""
    _, _, width, height = view_box(root)
    whole = {"x": width, "y": height, "": math.hypot(width, height) / math.sqrt(2)}
    along = dict.fromkeys(_words("x x1 x2 cx rx dx width"), "x") | dict.fromkeys(("r", "stroke-width"), "")
    along |= dict.fromkeys(_words("y y1 y2 cy ry dy height"), "y")

    def measure(node: ET.Element) -> None:
        if local(node) in _MEASURED:
            for name, value in node.attrib.items():
                share = re.fullmatch(r"\s*(-?[0-9.]{1,12})%\s*", value)
                if name in along and share:
                    node.set(name, f"{float(share[1]) / 100 * whole[along[name]]:.6g}")
        for child in node:
            if local(node) != "svg" or node is root:  # Within another drawing they are shares of that.
                measure(child)

    for child in root:
        measure(child)


def _pixels(length: str | None) -> float | None:
    measure = _LENGTH.fullmatch(length or "")
    return float(measure[1]) * _PIXELS[(measure[2] or "").lower()] if measure else None
