"""A cleaned drawing as pixels: drawn by CairoSVG, with what it is known to draw wrongly put right.

It takes a mask's opacity for its brightness, lets the shapes of one clip path cancel each other, loses patterns that
are measured by what they fill and gradients that take their colours from another one and are used twice, reads no
colours of newer syntax, mixes no colours, and puts the parts of a filter in the wrong places. So colours are rewritten,
gradients filled in, manifold clip paths become masks, masks and patterns are painted here, and filters are computed in
``tasks.logos.filters``. How near this comes to another renderer is measured in the tests.
"""

import copy
import ctypes.util
import math
import re
import sys
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

if sys.platform == "linux":
    # CairoSVG would have compiler and linker started to find a library that it also knows by name.
    ctypes.util.find_library = lambda name: None  # noqa: ARG005

import cairosvg.bounding_box
import cairosvg.defs
import cairosvg.helpers
import cairosvg.parser
import cairosvg.surface
import tinycss2.color4  # type: ignore[import-untyped]
from PIL import Image, ImageChops

from tasks.logos import filters, fonts, svg
from tasks.logos.refusal import CannotShape, Refusal

_COLOURS = ("fill", "stroke", "stop-color", "flood-color", "color")
_OPACITIES = ("opacity", "fill-opacity", "stroke-opacity", "stop-opacity", "flood-opacity")
_NUMBERS = (*_OPACITIES, "stroke-miterlimit")
_PAINTS = frozenset({"linearGradient", "radialGradient", "pattern"})
_PLACES = frozenset({"x1", "y1", "x2", "y2", "cx", "cy", "r", "fx", "fy"})
"""What a gradient does not take from one of the other kind."""
_MIXES = {
    name: getattr(cairosvg.surface.cairo, f"OPERATOR_{operator}")
    for name, operator in (
        *((mode.lower().replace("_", "-"), mode) for mode in ("MULTIPLY", "SCREEN", "OVERLAY", "DARKEN", "LIGHTEN")),
        *((mode.lower().replace("_", "-"), mode) for mode in ("COLOR_DODGE", "COLOR_BURN", "HARD_LIGHT", "SOFT_LIGHT")),
        *((mode, f"HSL_{mode.upper()}") for mode in ("hue", "saturation", "color", "luminosity")),
        *(("difference", "DIFFERENCE"), ("exclusion", "EXCLUSION")),
    )
}
"""By the names that CSS has for them."""
CELL_MOST = 2000
"""Pixels of one side of a pattern's cell."""
HALF_CLEAR = 0.05
"""Share of the pixels; edges alone have less."""
_BRIGHTNESS = (0.2125, 0.7154, 0.0721, 0)
"""What the SVG standard weighs red, green and blue with in a mask."""


def draw(root: ET.Element, width: int, height: int) -> Image.Image:
    """The drawing as RGBA pixels, filling *width* x *height*."""
    try:
        surface = cairosvg.surface.PNGSurface(
            cairosvg.parser.Tree(bytestring=_rewritten(root).encode()),
            output=None, dpi=96, output_width=width, output_height=height,
        )  # fmt: skip
        return _pixels(surface.cairo)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # CairoSVG raises whatever its parsers happen to raise.
        raise CannotShape(Refusal.NOT_A_PICTURE) from error


def _pixels(drawn: Any) -> Image.Image:
    """As cairo packs them they are rounded, which takes ten times as long and shows only where much is half clear."""
    size, data = (drawn.get_width(), drawn.get_height()), drawn.get_data()
    pixels = Image.frombuffer("RGBA", size, bytes(data), "raw", "BGRa", drawn.get_stride(), 1)
    if sum(pixels.getchannel("A").histogram()[1:255]) <= HALF_CLEAR * size[0] * size[1]:
        return pixels
    packed = BytesIO()
    drawn.write_to_png(packed)
    return Image.open(packed, formats=["PNG"]).convert("RGBA")


def _rewritten(root: ET.Element) -> str:
    """The drawing's markup in the part of SVG that CairoSVG reads rightly."""
    plain = copy.deepcopy(root)
    for node in plain.iter():
        for name in _COLOURS:
            if name in node.attrib:
                node.set(name, _colour(node.attrib[name]))
        if "font-family" in node.attrib:
            node.set("font-family", fonts.chosen(node.attrib["font-family"]))
        for name in _NUMBERS:
            if name in node.attrib and (number := _number(node.attrib.pop(name))) is not None:
                node.set(name, number)
    _fill_in_gradients(plain)
    _stroke_first(plain)
    _fade_as_one(plain)
    _clip_by_masks(plain)
    return svg.markup(plain)


def _colour(value: str) -> str:
    colour = None if value.lower() == "currentcolor" else tinycss2.color4.parse_color(value)
    if colour is None or isinstance(colour, str):
        return value  # A reference, a keyword, or nothing that we know better.
    red, green, blue = (round(255 * min(1, max(0, part)), 2) for part in colour.to("srgb").coordinates)
    return f"rgba({red:g},{green:g},{blue:g},{colour.alpha:g})"


def _number(value: str) -> str | None:
    number = re.fullmatch(r"\s*([+-]?[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(%?)\s*", value, re.IGNORECASE)
    return f"{float(number[1]) / (100 if number[2] else 1):g}" if number else None


def _fill_in_gradients(root: ET.Element) -> None:
    """Give gradients and patterns what they take from others; that nothing leads in a circle is known by now."""
    made = {node.get("id", ""): node for node in root.iter() if svg.local(node) in _PAINTS}

    def fill_in(node: ET.Element) -> None:
        other = made.get(node.attrib.pop("href", "").removeprefix("#"))
        if other is None:
            return
        fill_in(other)
        alike = svg.local(other) == svg.local(node)
        for name, value in other.attrib.items():
            if name != "id" and (alike or name not in _PLACES):
                node.attrib.setdefault(name, value)
        if len(node) == 0:
            node.extend(copy.deepcopy(child) for child in other)

    for node in made.values():
        fill_in(node)


def _stroke_first(root: ET.Element) -> None:
    """What is to be stroked before it is filled is drawn twice."""
    for parent in list(root.iter()):
        for place, node in enumerate(parent):
            order = node.attrib.pop("paint-order", "")
            if order.startswith("stroke") and svg.local(node) in svg.SHAPES:
                both = ET.Element(f"{{{svg.NAMESPACE}}}g")
                for name in ("opacity", "mask", "clip-path", "transform"):
                    if name in node.attrib:
                        both.set(name, node.attrib.pop(name))
                both.append(copy.deepcopy(node))
                both.append(node)
                both[0].set("fill", "none")
                both[1].set("stroke", "none")
                parent[place] = both


def _fade_as_one(root: ET.Element) -> None:
    """What is filled and stroked, or drawn by reference, fades as a whole, as a group does."""
    for parent in list(root.iter()):
        for place, node in enumerate(parent):
            if svg.local(node) in svg.SHAPES and node.get("opacity", "1") != "1":
                around = ET.Element(f"{{{svg.NAMESPACE}}}g", {"opacity": node.attrib.pop("opacity")})
                around.append(node)
                parent[place] = around


def _clip_by_masks(root: ET.Element) -> None:
    """Clip paths of several shapes, with holes, or in the measure of what they clip, become masks."""
    made = {node.get("id", "") for node in root.iter() if svg.local(node) == "clipPath" and _is_manifold(node)}
    parents = {child: parent for parent in root.iter() for child in parent}
    for node in list(root.iter()):
        if svg.local(node) == "clipPath" and node.get("id") in made:
            _become_mask(node)
        target = re.fullmatch(r"url\(#(.+)\)", node.get("clip-path", ""))
        if target is None or target[1] not in made:
            continue
        del node.attrib["clip-path"]
        if "mask" not in node.attrib:
            node.set("mask", f"url(#{target[1]})")
        elif node in parents:  # Both at once: the clip goes around it, and with it what moves them.
            around = ET.Element(f"{{{svg.NAMESPACE}}}g", {"mask": f"url(#{target[1]})"})
            if "transform" in node.attrib:
                around.set("transform", node.attrib.pop("transform"))
            siblings = parents[node]
            siblings[list(siblings).index(node)] = around
            around.append(node)


def _is_manifold(clip: ET.Element) -> bool:
    return (
        len(clip) != 1
        or svg.local(clip[0]) in {"g", "use", "text"}
        or clip.get("clipPathUnits") == "objectBoundingBox"
        or any("clip-path" in node.attrib or node.get("clip-rule") == "evenodd" for node in clip.iter())
    )


def _become_mask(clip: ET.Element) -> None:
    rule = clip.attrib.pop("clip-rule", "nonzero")
    clip.tag = f"{{{svg.NAMESPACE}}}mask"
    clip.set("maskContentUnits", clip.attrib.pop("clipPathUnits", "userSpaceOnUse"))
    clip.set("mask-type", "alpha")
    for node in clip.iter():
        if node is not clip:
            node.set("fill", "#fff")
            node.set("stroke", "none")
            node.set("fill-rule", node.get("clip-rule", rule))
            for name in (*_OPACITIES, "mask"):
                node.attrib.pop(name, None)


def _paint_mask(surface: Any, node: Any, name: str, opacity: float) -> None:
    """Paint what was just drawn through a mask, which is drawn in the same place and read by its brightness."""
    context, mask = surface.context, surface.masks[name]
    painted = context.get_source()
    context.save()
    context.push_group()
    box = None if _has_writing(node) else cairosvg.bounding_box.calculate_bounding_box(surface, node)
    _clip_to_region(surface, mask, box)
    if mask.get("maskContentUnits") == "objectBoundingBox" and box:
        context.translate(*box[:2])
        context.scale(*box[2:])
    tag, mask.tag = mask.tag, "g"
    surface.draw(mask)
    mask.tag = tag
    pattern = context.pop_group()
    _to_opacity(pattern.get_surface(), opacity, by_alpha=mask.get("mask-type") == "alpha")
    context.restore()
    context.set_source(painted)
    context.mask(pattern)


def _has_writing(node: Any) -> bool:
    """Of writing CairoSVG does not know the box."""
    return node.tag in {"text", "tspan", "textPath"} or any(map(_has_writing, node.children))


def _draw_pattern(surface: Any, node: Any, name: str, opacity: float) -> bool:
    """Make a pattern the colour to paint with: one cell of it, drawn as large as it is seen, again and again."""
    pattern, context = surface.patterns[name], surface.context
    size, box = cairosvg.helpers.size, cairosvg.bounding_box.calculate_bounding_box(surface, node)
    by_box = pattern.get("patternUnits") != "userSpaceOnUse"
    if box is None and (by_box or pattern.get("patternContentUnits") == "objectBoundingBox"):
        return False
    names = (("x", "x"), ("y", "y"), ("width", "x"), ("height", "y"))
    x, y, width, height = (size(surface, pattern.get(name, "0"), 1 if by_box else along) for name, along in names)
    if by_box:
        x, y, width, height = box[0] + x * box[2], box[1] + y * box[3], width * box[2], height * box[3]
    if width <= 0 or height <= 0:
        return False
    cairosvg.helpers.transform(surface, pattern.get("patternTransform"))
    seen = context.get_matrix()
    across, down = (
        max(1, min(CELL_MOST, math.ceil(side * math.hypot(*scale))))
        for side, scale in ((width, (seen.xx, seen.yx)), (height, (seen.xy, seen.yy)))
    )
    cairo = cairosvg.surface.cairo
    cell = cairo.ImageSurface(cairo.FORMAT_ARGB32, across, down)
    surface.context = cairo.Context(cell)
    surface.context.scale(across / width, down / height)
    surface.context.translate(-x, -y)
    if pattern.get("viewBox"):
        left, top, wide, high = (float(part) for part in re.split(r"[\s,]+", pattern["viewBox"].strip()))
        scale = min(width / wide, height / high)
        surface.context.translate(x + (width - wide * scale) / 2, y + (height - high * scale) / 2)
        surface.context.scale(scale, scale)
        surface.context.translate(-left, -top)
    elif pattern.get("patternContentUnits") == "objectBoundingBox":
        surface.context.translate(*box[:2])
        surface.context.scale(*box[2:])
    surface.context.push_group()
    for child in pattern.children:
        surface.draw(child)
    surface.context.pop_group_to_source()
    surface.context.paint_with_alpha(opacity)
    surface.context = context
    colour = cairo.SurfacePattern(cell)
    colour.set_extend(cairo.EXTEND_REPEAT)
    colour.set_matrix(cairo.Matrix(across / width, 0, 0, down / height, -x * across / width, -y * down / height))
    context.set_source(colour)
    return True


def _clip_to_region(surface: Any, mask: Any, box: Any) -> None:
    """Where the mask lets anything through at all; by itself a little more than what is masked."""
    names = (("x", "x", "-10%"), ("y", "y", "-10%"), ("width", "x", "120%"), ("height", "y", "120%"))
    if mask.get("maskUnits") == "userSpaceOnUse":
        region = [cairosvg.helpers.size(surface, mask.get(name, default), along) for name, along, default in names]
    elif box and any(name in mask for name, _, _ in names):
        x, y, width, height = (cairosvg.helpers.size(surface, mask.get(name, default), 1) for name, _, default in names)
        region = [box[0] + x * box[2], box[1] + y * box[3], width * box[2], height * box[3]]
    else:
        return
    surface.context.rectangle(*region)
    surface.context.clip()


def _to_opacity(drawn: Any, opacity: float, *, by_alpha: bool) -> None:
    """Make pixels as opaque as they are bright; cairo keeps colours multiplied by their opacity already."""
    drawn.flush()
    size, data = (drawn.get_width(), drawn.get_height()), drawn.get_data()
    if 0 in size:
        return  # All of it is clipped away.
    pixels = Image.frombuffer("RGBA", size, bytes(data), "raw", "BGRA", drawn.get_stride(), 1)
    bright = pixels.getchannel("A") if by_alpha else pixels.convert("RGB").convert("L", _BRIGHTNESS)
    bright = bright.point(lambda value: round(value * opacity))
    data[:] = Image.merge("RGBA", [ImageChops.constant(bright, 0)] * 3 + [bright]).tobytes("raw", "BGRA")
    drawn.mark_dirty()


def _mixed(draw: Any) -> Any:
    """Drawing with the colours of what is drawn mixed into those that are there already, where that is asked for."""

    def drawn(surface: Any, node: Any) -> None:
        operator = _MIXES.get(node.get("mix-blend-mode"))
        if operator is None:
            draw(surface, node)
            return
        surface.context.push_group()
        draw(surface, node)
        surface.context.pop_group_to_source()
        surface.context.set_operator(operator)
        surface.context.paint()
        surface.context.set_operator(cairosvg.surface.cairo.OPERATOR_OVER)

    return drawn


filters.install()
cairosvg.surface.Surface.draw = _mixed(cairosvg.surface.Surface.draw)
cairosvg.parser.NOT_INHERITED_ATTRIBUTES |= {"mix-blend-mode"}
cairosvg.surface.paint_mask = _paint_mask  # Where CairoSVG looks them up.
cairosvg.defs.draw_pattern = _draw_pattern
