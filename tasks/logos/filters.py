"""Filters of a drawing, such as its shadow, computed on what was drawn.

Colours are kept multiplied by their opacity, one picture a channel, which is what most parts of a filter are defined
for. What a cleaned drawing cannot contain (textures, light, pictures from elsewhere) is not here.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cairosvg.colors
import cairosvg.helpers
import cairosvg.surface
from PIL import Image, ImageChops, ImageFilter, ImageMath

BLUR_MOST = 300
"""Pixels."""
_TO_LINEAR = [round(255 * ((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 12.92) for v in range(256)]
_FROM_LINEAR = [round(255 * min(1, 1.055 * (v / 255) ** (1 / 2.4) - 0.055) if v else 0) for v in range(256)]
_GREY = (0.2126, 0.7152, 0.0722)
Channels = list[Image.Image]
"""Red, green, blue, opacity."""


def apply(surface: Any, _node: Any, name: str) -> None:
    """Filter what was just drawn, which is the colour that is painted with next."""
    asked, context = surface.filters.get(name), surface.context
    if asked is None or asked.get("primitiveUnits") == "objectBoundingBox":
        return
    drawn = context.get_source().get_surface()
    drawn.flush()
    size, data = (drawn.get_width(), drawn.get_height()), drawn.get_data()
    if 0 in size:
        return  # All of it is clipped away.
    source = list(Image.frombuffer("RGBA", size, bytes(data), "raw", "BGRA", drawn.get_stride(), 1).split())
    inside = Image.new("L", size, 255)
    region = _region(surface, asked, drawn, source[3])
    if region is not None:
        inside = Image.new("L", size)
        inside.paste(255, region)
    try:
        result = _Filter(surface, asked, _within(source, inside)).run()
    except (ValueError, ArithmeticError):
        return  # Numbers that are none: browsers leave such a filter out.
    data[:] = Image.merge("RGBA", _within(result, inside)).tobytes("raw", "BGRA")
    drawn.mark_dirty()


def _region(surface: Any, asked: Any, drawn: Any, opacity: Image.Image) -> tuple[int, int, int, int] | None:
    """Pixels outside of which nothing is left, unless they are not known."""
    names = (("x", "x", "-10%"), ("y", "y", "-10%"), ("width", "x", "120%"), ("height", "y", "120%"))
    if asked.get("filterUnits") == "userSpaceOnUse":
        x, y, width, height = (
            cairosvg.helpers.size(surface, asked.get(name, default), along) for name, along, default in names
        )
        seen, (left, top) = surface.context.get_matrix(), drawn.get_device_offset()
        corners = [seen.transform_point(x + across, y + down) for across in (0, width) for down in (0, height)]
        rights, downs = [corner[0] + left for corner in corners], [corner[1] + top for corner in corners]
    else:  # What was drawn tells its box better than CairoSVG, which does not know that of writing.
        box = opacity.getbbox()
        if box is None:
            return None
        x, y, width, height = (
            cairosvg.helpers.size(surface, asked.get(name, default), 1) for name, _, default in names
        )
        wide, high = box[2] - box[0], box[3] - box[1]
        rights = [box[0] + x * wide, box[0] + (x + width) * wide]
        downs = [box[1] + y * high, box[1] + (y + height) * high]
    if not all(map(math.isfinite, (*rights, *downs))):
        return None
    return (
        max(0, min(opacity.width, math.floor(min(rights)))),
        max(0, min(opacity.height, math.floor(min(downs)))),
        max(0, min(opacity.width, math.ceil(max(rights)))),
        max(0, min(opacity.height, math.ceil(max(downs)))),
    )


class _Filter:
    """One run of the parts of a filter, each of which takes results of earlier ones."""

    def __init__(self, surface: Any, asked: Any, source: Channels) -> None:
        self._surface = surface
        self._asked = asked
        nothing = ImageChops.constant(source[3], 0)
        self._named = {
            "SourceGraphic": _Result(source, linear=False),
            "SourceAlpha": _Result([nothing, nothing, nothing, source[3]], linear=False),
        }
        self._last = self._named["SourceGraphic"]
        self._linear = True
        """Whether the part at work counts in light, in which twice the number is twice as bright, or in sRGB."""
        seen = surface.context.get_matrix()
        self._scale = math.hypot(seen.xx, seen.yx), math.hypot(seen.xy, seen.yy)

    def run(self) -> Channels:
        parts: dict[str, Callable[[Any], Channels]] = {
            "feGaussianBlur": self._blur,
            "feOffset": self._offset,
            "feFlood": self._flood,
            "feColorMatrix": self._matrix,
            "feComponentTransfer": self._transfer,
            "feComposite": self._composite,
            "feBlend": self._blend,
            "feMerge": self._merge,
            "feDropShadow": self._drop_shadow,
        }
        for part in self._asked.children:
            if part.tag in parts:
                where = part.get("color-interpolation-filters", self._asked.get("color-interpolation-filters"))
                self._linear = where != "sRGB"
                self._last = _Result(parts[part.tag](part), self._linear)
                if "result" in part:
                    self._named[part["result"]] = self._last
        return self._last.counted(linear=False)

    def _taken(self, part: Any, name: str = "in") -> Channels:
        return self._named.get(part.get(name, ""), self._last).counted(linear=self._linear)

    def _number(self, part: Any, name: str, default: str = "0") -> float:
        return float(cairosvg.helpers.size(self._surface, part.get(name, default), 1))

    def _blur(self, part: Any) -> Channels:
        return self._blurred(self._taken(part), part, "0")

    def _blurred(self, given: Channels, part: Any, default: str) -> Channels:
        deviations = [float(value) for value in part.get("stdDeviation", default).replace(",", " ").split()] or [0.0]
        across, down = (
            min(BLUR_MOST, max(0.0, deviation) * scale)
            for deviation, scale in zip((deviations[0], deviations[-1]), self._scale, strict=True)
        )
        return [channel.filter(ImageFilter.GaussianBlur((across, down))) for channel in given]

    def _offset(self, part: Any) -> Channels:
        return self._moved(self._taken(part), part, "0")

    def _moved(self, given: Channels, part: Any, default: str) -> Channels:
        seen = self._surface.context.get_matrix()
        across, down = seen.transform_distance(self._number(part, "dx", default), self._number(part, "dy", default))
        moved = []
        for channel in given:
            blank = Image.new("L", channel.size)
            blank.paste(channel, (round(max(-1e4, min(1e4, across))), round(max(-1e4, min(1e4, down)))))
            moved.append(blank)
        return moved

    def _flood(self, part: Any) -> Channels:
        *colour, opacity = cairosvg.colors.color(
            part.get("flood-color", "black"), self._number(part, "flood-opacity", "1")
        )
        size = self._last.channels[3].size
        flood = [Image.new("L", size, round(255 * level * opacity)) for level in (*colour, 1)]
        return _Result(flood, linear=False).counted(linear=self._linear)

    def _matrix(self, part: Any) -> Channels:
        rows = list(_rows(part.get("type", "matrix"), part.get("values", "")))
        if len(rows) != 4:
            return self._taken(part)

        def turned(given: Channels) -> Channels:
            return [_weighed(given, row) for row in rows]

        return _without_opacity(self._taken(part), turned)

    def _transfer(self, part: Any) -> Channels:
        tables = {child.tag[-1]: _table(child) for child in part.children if child.tag.startswith("feFunc")}

        def turned(given: Channels) -> Channels:
            return [
                channel.point(tables[name]) if name in tables else channel
                for name, channel in zip("RGBA", given, strict=True)
            ]

        return _without_opacity(self._taken(part), turned)

    def _composite(self, part: Any) -> Channels:
        upper, lower = self._taken(part), self._taken(part, "in2")
        through, around = lower[3], ImageChops.invert(lower[3])
        match part.get("operator", "over"):
            case "in":
                return [ImageChops.multiply(channel, through) for channel in upper]
            case "out":
                return [ImageChops.multiply(channel, around) for channel in upper]
            case "atop":
                return _over([ImageChops.multiply(channel, through) for channel in upper], lower, upper[3])
            case "xor":
                return _over([ImageChops.multiply(channel, around) for channel in upper], lower, upper[3])
            case "arithmetic":
                factors = [self._number(part, f"k{number}") for number in (1, 2, 3, 4)]
                *colours, opacity = (_arithmetic(a, b, factors) for a, b in zip(upper, lower, strict=True))
                return [*(ImageChops.darker(colour, opacity) for colour in colours), opacity]
        return _over(upper, lower, upper[3])

    def _blend(self, part: Any) -> Channels:
        upper, lower = self._taken(part), self._taken(part, "in2")
        both = _over(upper, lower, upper[3])
        other = _over(lower, upper, lower[3])
        match part.get("mode", "normal"):
            case "multiply":
                alone = [ImageChops.multiply(channel, ImageChops.invert(lower[3])) for channel in upper]
                below = [ImageChops.multiply(channel, ImageChops.invert(upper[3])) for channel in lower]
                mixed = [ImageChops.multiply(a, b) for a, b in zip(upper, lower, strict=True)]
                parts = zip(alone, below, mixed, strict=True)
                return [*(ImageChops.add(ImageChops.add(a, b), c) for a, b, c in parts)][:3] + both[3:]
            case "screen":
                return [ImageChops.screen(a, b) for a, b in zip(upper, lower, strict=True)]
            case "darken":
                return [ImageChops.darker(a, b) for a, b in zip(both, other, strict=True)]
            case "lighten":
                return [ImageChops.lighter(a, b) for a, b in zip(both, other, strict=True)]
        return both

    def _merge(self, part: Any) -> Channels:
        merged = [ImageChops.constant(self._last.channels[3], 0)] * 4
        for node in part.children:
            layer = self._taken(node)
            merged = _over(layer, merged, layer[3])
        return merged

    def _drop_shadow(self, part: Any) -> Channels:
        given = self._taken(part)
        shadow = self._moved(self._blurred(given, part, "2"), part, "2")
        shadow = [ImageChops.multiply(channel, shadow[3]) for channel in self._flood(part)]
        return _over(given, shadow, given[3])


def _over(upper: Channels, lower: Channels, opacity: Image.Image) -> Channels:
    around = ImageChops.invert(opacity)
    return [ImageChops.add(a, ImageChops.multiply(b, around)) for a, b in zip(upper, lower, strict=True)]


def _arithmetic(one: Image.Image, other: Image.Image, factors: list[float]) -> Image.Image:
    k1, k2, k3, k4 = factors
    mixed: Image.Image = ImageMath.lambda_eval(
        lambda a: a["convert"](
            a["min"](a["max"](a["float"](a["x"]) * a["y"] * (k1 / 255) + a["x"] * k2 + a["y"] * k3 + 255 * k4, 0), 255),
            "L",
        ),
        x=one,
        y=other,
    )
    return mixed


def _weighed(given: Channels, row: list[float]) -> Image.Image:
    red, green, blue, opacity, always = row
    sum_: Image.Image = ImageMath.lambda_eval(
        lambda a: a["convert"](
            a["min"](
                a["max"](
                    a["float"](a["r"]) * red + a["g"] * green + a["b"] * blue + a["a"] * opacity + 255 * always, 0
                ),
                255,
            ),
            "L",
        ),
        r=given[0],
        g=given[1],
        b=given[2],
        a=given[3],
    )
    return sum_


def _rows(kind: str, numbers: str) -> Iterator[list[float]]:
    """A colour matrix, row by row; nothing if it makes no sense."""
    try:
        values = [float(value) for value in numbers.replace(",", " ").split()]
    except ValueError:
        return
    red, green, blue = _GREY
    match kind:
        case "matrix" if len(values) == 20:
            yield from (values[start : start + 5] for start in range(0, 20, 5))
        case "saturate" if len(values) == 1:
            grey = [weight * (1 - values[0]) for weight in _GREY]
            for own in range(3):
                yield [grey[column] + (values[0] if column == own else 0) for column in range(3)] + [0, 0]
            yield [0, 0, 0, 1, 0]
        case "hueRotate" if len(values) == 1:
            cos, sin = math.cos(math.radians(values[0])), math.sin(math.radians(values[0]))
            around = ((-red, -green, 1 - blue), (0.143, 0.140, -0.283), (-(1 - red), green, blue))
            for own, turn in enumerate(around):
                own_or_not = [1.0 if column == own else 0.0 for column in range(3)]
                yield [
                    _GREY[column] + cos * (own_or_not[column] - _GREY[column]) + sin * turn[column]
                    for column in range(3)
                ] + [0, 0]
            yield [0, 0, 0, 1, 0]
        case "luminanceToAlpha":
            yield from ([0.0] * 5 for _ in range(3))
            yield [red, green, blue, 0, 0]


def _table(part: Any) -> list[int]:
    """What becomes of each of the 256 values of a channel."""

    def number(name: str, default: float) -> float:
        return float(part.get(name, default))

    table = [float(value) for value in part.get("tableValues", "").replace(",", " ").split()]
    values = [value / 255 for value in range(256)]
    match part.get("type"):
        case "linear":
            values = [number("slope", 1) * value + number("intercept", 0) for value in values]
        case "gamma":
            values = [number("amplitude", 1) * value ** number("exponent", 1) + number("offset", 0) for value in values]
        case "discrete" if table:
            values = [table[min(len(table) - 1, int(value * len(table)))] for value in values]
        case "table" if table:
            last = len(table) - 1
            places = [(value, min(int(value * last), max(0, last - 1))) for value in values]
            values = [
                table[place] + (value * last - place) * (table[min(last, place + 1)] - table[place])
                for value, place in places
            ]
    return [round(255 * min(1, max(0, value))) for value in values]


def _within(channels: Channels, inside: Image.Image) -> Channels:
    return [ImageChops.multiply(channel, inside) for channel in channels]


def _without_opacity(given: Channels, act: Callable[[Channels], Channels]) -> Channels:
    """Do something to colours as they would be if they were opaque."""
    plain = Image.merge("RGBa", given).convert("RGBA")
    return list(Image.merge("RGBA", act(list(plain.split()))).convert("RGBa").split())


@dataclass(frozen=True)
class _Result:
    """What a part of a filter gave, counted in light or in sRGB."""

    channels: Channels
    linear: bool

    def counted(self, *, linear: bool) -> Channels:
        if linear == self.linear:
            return self.channels
        table = _TO_LINEAR if linear else _FROM_LINEAR
        return _without_opacity(
            self.channels, lambda plain: [*(channel.point(table) for channel in plain[:3]), plain[3]]
        )


def _nothing(*_: Any) -> None:
    """CairoSVG would move what is drawn, and paint over it."""


def install() -> None:
    """From now on CairoSVG filters by this module."""
    cairosvg.surface.prepare_filter = _nothing
    cairosvg.surface.apply_filter_before_painting = apply
    cairosvg.surface.apply_filter_after_painting = _nothing
