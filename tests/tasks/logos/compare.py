"""How much two pictures differ, and the renderer with which ours is compared."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO

import resvg_py
from PIL import Image, ImageChops, ImageStat


@dataclass(frozen=True)
class Difference:
    """Of the most different channel, in steps of 255, on a white or a black ground, whichever is worse."""

    mean: float
    most: int
    share: float
    """Share of the pixels that differ by more than a quarter, 0 to 1."""


@cache
def resvg(markup: str, width: int) -> Image.Image:
    drawn = resvg_py.svg_to_bytes(svg_string=markup, width=width, dpi=96)
    return Image.open(BytesIO(drawn)).convert("RGBA")


def difference(one: Image.Image, other: Image.Image) -> Difference:
    assert one.size == other.size
    worst = Difference(0, 0, 0)
    for ground in ("#fff", "#000"):
        apart = ImageChops.difference(*(on(ground, picture) for picture in (one, other)))
        red, green, blue = apart.split()
        most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        share = sum(most.histogram()[65:]) / (most.width * most.height)
        found = Difference(ImageStat.Stat(most).mean[0], most.getextrema()[1], share)
        worst = max(worst, found, key=lambda difference: difference.mean)
    return worst


def on(ground: str | tuple[int, int, int], picture: Image.Image) -> Image.Image:
    """The picture on an opaque ground."""
    return Image.alpha_composite(Image.new("RGBA", picture.size, ground), picture).convert("RGB")
