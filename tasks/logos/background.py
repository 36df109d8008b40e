"""On which grounds a logo can be seen, and a version for a ground on which it cannot.

A part of the logo that hangs together is lost if hardly a pixel of it stands out from the ground: a navy word on a
dark page is, a navy square with white letters is not. Lost dark ink is lightened, keeping its hue; where that would
turn a drawing into its negative, and for white ink on light pages, the logo gets a plate to stand on.
"""

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageMath

from tasks.logos import raster

AS_IT_IS, LIGHTENED, ON_A_PLATE = "as_it_is", "lightened", "on_a_plate"
"""Values of ``models.logo.Shown``, which is not imported: the database would make the start of the process slow."""
OPAQUE_LEAST = 128
WEAK = 0.95
"""Share of its pixels by which a part is lost."""
SPECK = 6
"""Pixels."""
FLAT_LEAST = 0.7
"""Share that the twelve commonest colours must have of what is lightened; a shaded drawing would become a negative."""
BRIGHT_LEAST = 150
"""Brightness of lightened ink, of 255: a contrast of about 5 on dark pages."""
Colour = tuple[int, int, int]
_LINEAR = [round(255 * ((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 12.92) for v in range(256)]
_LUMINANCE = (0.2126, 0.7152, 0.0722, 0)


@dataclass(frozen=True)
class _Ground:
    """A kind of page: which luminances (of 255) are lost on it, how much may be, and what a plate on it looks like."""

    lost: tuple[int, int]
    bearable: float
    plate: Colour


LIGHT = _Ground(lost=(202, 256), bearable=0.15, plate=(28, 37, 40))
"""White; lost is what has a contrast below 1.25 (WCAG)."""
DARK = _Ground(lost=(0, 38), bearable=0.05, plate=(255, 255, 255))
"""As dark as our dark pages; lost is what has a contrast below 3, which WCAG asks of pictures."""


@dataclass(frozen=True)
class Version:
    """How the logo is shown on a kind of page, and the share of it that would be lost there as it is."""

    shown: str
    lost: float
    picture: Image.Image | None = None


def on_light(picture: Image.Image) -> Version:
    lost, _ = _lost(picture, LIGHT)
    return _with_plate(picture, LIGHT, DARK, lost) if lost > LIGHT.bearable else Version(AS_IT_IS, lost)


def on_dark(picture: Image.Image) -> Version:
    lost, where = _lost(picture, DARK)
    if lost <= DARK.bearable:
        return Version(AS_IT_IS, lost)
    if _is_flat(picture, where):
        lightened = Image.composite(_lightened(picture), picture, where)
        if _lost(lightened, DARK)[0] <= DARK.bearable:
            return Version(LIGHTENED, lost, lightened)
    return _with_plate(picture, DARK, LIGHT, lost)


def _lost(picture: Image.Image, ground: _Ground) -> tuple[float, Image.Image]:
    """The share of the visible pixels that belongs to lost parts, and where those are, soft edges included."""
    alpha = picture.getchannel("A")
    visible = alpha.point(lambda value: 255 * (value >= OPAQUE_LEAST))
    luminance = picture.convert("RGB").point(_LINEAR * 3).convert("L", _LUMINANCE)
    low, high = ground.lost
    weak = luminance.point(lambda value: 255 * (low <= value < high)).tobytes()
    lost, kept, area = Image.new("L", picture.size), visible.copy(), 0
    for part in raster.regions(visible, diagonal=True):
        rows = ((row * picture.width, first, last) for row, first, last in part.runs)
        faint = sum(weak.count(b"\xff", start + first, start + last) for start, first, last in rows)
        if part.area >= SPECK and faint >= WEAK * part.area:
            area += part.area
            for row, first, last in part.runs:
                lost.paste(255, (first, row, last, row + 1))
                kept.paste(0, (first, row, last, row + 1))
    total = sum(visible.histogram()[1:])
    if raster.transparent_share(picture) < raster.TRANSPARENT_LEAST:
        area = 0  # It brings its own ground along.
    return area / max(1, total), ImageChops.subtract(raster.grown(lost, 3), kept)


def _is_flat(picture: Image.Image, where: Image.Image) -> bool:
    few = picture.convert("RGB").point(lambda value: value & 0xF0)
    few.paste((1, 1, 1), None, ImageChops.invert(where.point(lambda value: 255 * (value > 0))))
    counts = sorted((n for n, colour in few.getcolors(1 << 16) or [] if colour != (1, 1, 1)), reverse=True)
    return sum(counts[:12]) >= FLAT_LEAST * sum(counts) > 0


def _lightened(picture: Image.Image) -> Image.Image:
    """Every colour as light as it was dark, hue and strength kept, and then at least so bright as to be read."""
    red, green, blue, alpha = picture.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    least = ImageChops.darker(ImageChops.darker(red, green), blue)
    turned = [
        ImageMath.lambda_eval(
            lambda a: a["convert"](a["c"] + 255 - a["most"] - a["least"], "L"), c=channel, most=most, least=least
        )
        for channel in (red, green, blue)
    ]
    bright = Image.merge("RGB", turned).convert("L", _LUMINANCE)
    raised = [
        ImageMath.lambda_eval(
            lambda a: a["convert"](
                a["c"] + (255 - a["c"]) * a["max"](BRIGHT_LEAST - a["y"], 0) / a["max"](a["float"](255 - a["y"]), 1),
                "L",
            ),
            c=channel,
            y=bright,
        )
        for channel in turned
    ]
    return Image.merge("RGBA", [*raised, alpha])


def _with_plate(picture: Image.Image, ground: _Ground, other: _Ground, lost: float) -> Version:
    """On a plate with round corners, unless even more of it would be lost there."""
    if _lost(picture, other)[0] >= lost:
        return Version(AS_IT_IS, lost)
    edge = max(8, round(0.05 * sum(picture.size)))
    width, height = picture.width + 2 * edge, picture.height + 2 * edge
    corners = Image.new("L", (4 * width, 4 * height))
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, 4 * width - 1, 4 * height - 1), 2 * edge, fill=255)
    plate = Image.new("RGBA", (width, height), ground.plate)
    plate.putalpha(corners.resize((width, height), Image.Resampling.BOX))
    plate.alpha_composite(picture, (edge, edge))
    return Version(ON_A_PLATE, lost, raster.shrink(plate))
