"""A quick look at many pictures at once, in the limited process of ``tasks.untrusted.sandbox``.

``look`` is asked by the product and starts ``python -m tasks.logos.look``, which takes pictures on standard input and
answers with a line of JSON for each. A picture that brings the process down costs only itself.
"""

import json
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from PIL import Image, ImageChops

from tasks.logos import raster, svg
from tasks.untrusted.sandbox import confined, run

WALL_SECONDS = 8.0
SIDE = 160
"""Pixels on the longer side at which a picture is judged."""
BLANK = 4
"""Pixels on the longer side up to which a picture shows nothing."""


@dataclass(frozen=True)
class Look:
    """What a picture looks like; shares are from 0 to 1."""

    width: int
    height: int
    ratio: float
    """Width by height of what is visible."""
    vector: bool
    opaque: bool
    white: float
    """Share of the visible pixels that are as good as white."""
    flat: float
    """Share of the visible pixels that have one of the six commonest colours."""
    colours: int
    """Shades that it has, of 32768."""
    outline: str
    """The same for two pictures that differ in their colours only, nearly always."""

    @property
    def is_blank(self) -> bool:
        """Whether it only keeps a place or tints a ground."""
        return not self.colours or (not self.vector and max(self.width, self.height) <= BLANK)

    @property
    def is_photograph(self) -> bool:
        return self.opaque and not self.vector and self.flat < 0.4 and self.colours > 24

    @property
    def is_white(self) -> bool:
        return not self.opaque and self.white > 0.9


def look(contents: Sequence[bytes], seconds: float = WALL_SECONDS) -> list[Look | None]:
    """What each picture looks like; None for what is no picture, shows nothing or costs too much to look at."""
    seen: list[Look | None] = []
    ends = time.monotonic() + seconds
    while len(seen) < len(contents) and time.monotonic() < ends:
        seen += _looked(contents[len(seen) :], ends - time.monotonic())
        if len(seen) < len(contents):
            seen.append(None)  # This one brought the process down.
    return (seen + [None] * len(contents))[: len(contents)]


def _looked(contents: Sequence[bytes], seconds: float) -> list[Look | None]:
    packed = b"".join(struct.pack(">I", len(content)) + content for content in contents)
    ended = run("tasks.logos.look", packed, seconds)
    lines = [line for line in ended.said.split(b"\n") if line.endswith((b"}", b"null"))]
    return [_read(line) for line in lines[: len(contents)]]


def _read(line: bytes) -> Look | None:
    try:
        facts = json.loads(line)
        return Look(**facts) if facts else None
    except (ValueError, TypeError):
        return None  # A picture that took the process over says what it likes.


def measure(content: bytes) -> Look:
    """Look at one picture here and now: for the limited process; raises whatever it fails with."""
    vector = svg.is_svg(content)
    if vector:
        from tasks.logos import drawing  # It takes most of the time that this process needs to start.

        root = svg.clean(content, raster.decode)
        _, _, wide, high = svg.view_box(root)
        raster.check_shape(wide, high)
        picture = drawing.draw(root, *raster.fitting(wide, high, 320))
        width, height = round(wide), round(high)
    else:
        picture = raster.decode(content)
        width, height = picture.size
        picture.thumbnail((640, 640))
    if _is_even(picture):
        return Look(width, height, 1, vector, opaque=False, white=0, flat=0, colours=0, outline="t0")
    opaque = not raster.has_transparency(picture)
    box = _content_box(picture) if opaque else raster.visible_box(picture)
    picture = picture.crop(box)
    ratio = picture.width / picture.height
    picture.thumbnail((SIDE, SIDE))
    alpha = picture.getchannel("A").point(lambda value: 255 * (value >= 128))
    shades = _shades(picture, alpha)
    total = max(1, sum(shades))
    darkest = ImageChops.darker(ImageChops.darker(*picture.split()[:2]), picture.split()[2])
    outline = alpha if not opaque else picture.convert("L")
    small = outline.resize((16, 8)).tobytes()
    mean = sum(small) / len(small)
    return Look(
        width,
        height,
        round(ratio, 3),
        vector,
        opaque,
        white=round(sum(darkest.histogram(alpha)[235:]) / total, 3),
        flat=round(sum(shades[:6]) / total, 3),
        colours=len(shades),
        outline=("o" if opaque else "t") + f"{int(''.join('1' if value > mean else '0' for value in small), 2):032x}",
    )


def _is_even(picture: Image.Image) -> bool:
    """Whether there is nothing to be seen, or only a tint that lets the ground shine through everywhere."""
    bands = [band.tobytes() for band in picture.split()]
    densest = max(bands[3])
    return densest < raster.VISIBLE or (densest < 250 and all(max(band) - min(band) <= 8 for band in bands))


def _content_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Where an opaque picture differs from its corner."""
    rgb = picture.convert("RGB")
    corner = rgb.getpixel((0, 0))
    ground = Image.new("RGB", rgb.size, corner)
    box = ImageChops.difference(rgb, ground).convert("L").point(lambda value: 255 * (value > 24)).getbbox()
    return box or (0, 0, *picture.size)


def _shades(picture: Image.Image, alpha: Image.Image) -> list[int]:
    """How many visible pixels have each shade, the commonest first."""
    rgb = picture.convert("RGB").point(lambda value: value & 0xF8)
    counted: dict[bytes, int] = {}
    pixels, visible = rgb.tobytes(), alpha.tobytes()
    for at, seen in enumerate(visible):
        if seen:
            shade = pixels[3 * at : 3 * at + 3]
            counted[shade] = counted.get(shade, 0) + 1
    return sorted(counted.values(), reverse=True)


def _answer(content: bytes) -> str:
    try:
        return json.dumps(asdict(measure(content)))
    except Exception:  # noqa: BLE001  (Whatever it is, it is this picture's fault, and the next one must be seen.)
        return "null"


if __name__ == "__main__":
    confined(raster.LOADED_LATER)
    given = sys.stdin.buffer
    while head := given.read(4):
        print(_answer(given.read(struct.unpack(">I", head)[0])), flush=True)  # noqa: T201
