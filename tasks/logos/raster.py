"""Pictures made of pixels: decoded by allow-list, freed of a flat background, trimmed, measured.

Everything here is arithmetic on whole pictures inside Pillow, so that it takes tenths of a second without more
libraries. It runs in the limited process of ``tasks.logos.render``.
"""

import re
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import AvifImagePlugin, Image, ImageChops, ImageCms, ImageMath, ImageOps

from tasks.logos.refusal import CannotShape, Refusal

FORMATS = ["PNG", "JPEG", "GIF", "WEBP", "AVIF", "ICO", "BMP", "TIFF"]
_PLUGINS = ("Png", "Jpeg", "Mpo", "Gif", "WebP", "Avif", "Ico", "Bmp", "Tiff", "Ppm")
LOADED_LATER = ("tasks.logos.drawing", "coloraide", *(f"PIL.{name}ImagePlugin" for name in _PLUGINS))
"""Modules that a process needs for some pictures only."""
PIXELS = 25_000_000
FRAMES, FRAME_PIXELS = 60, 60_000_000
"""Pictures of an animation that are looked at, and the pixels they may have together."""
WORK_WIDTH = 1200
"""Pixels on the longer side at which backgrounds are removed: enough for a result of 800."""
WIDTH_TARGET, WIDTH_LEAST, WIDTH_MOST = 600, 300, 800
HEIGHT_MOST = 1200
SIDE_LEAST = 16
RATIO_MOST = 40
NOISE = 24
"""Difference from the background, of 255, that a lossy format may add to it."""
DEFINITE = 64
"""Difference from the background that no noise and no bleeding reaches."""
INKS = 8
"""Colours, of 512, that a logo which touches the edges may have in the main; photographs have far more."""
SPECK = 8
"""Pixels."""
HOLES = 2000
"""Enclosed spots of background colour that are looked at; more is a texture."""
TRANSPARENT_LEAST = 0.005
"""Share of the pixels from which an alpha channel is used, not merely present."""
VISIBLE = 16
"""Alpha from which a pixel counts as part of the logo."""


AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # The process that this runs in may start no thread.


def decode(content: bytes) -> Image.Image:
    """RGBA pixels in sRGB, upright; of an animation the first whole picture, of an icon the largest."""
    try:
        with warnings.catch_warnings(), _pixels_at_most(PIXELS):
            warnings.simplefilter("ignore")  # Damaged metadata is not our concern.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = _first_whole(_opened(content))
            return _to_srgb(ImageOps.exif_transpose(picture))
    except (MemoryError, CannotShape):
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more.
        raise CannotShape(Refusal.NOT_A_PICTURE) from error


def _opened(content: bytes) -> Image.Image:
    """The picture, of which only the header has been read; Pillow looks at the sizes of pictures within it as well."""
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as bomb:
        with _pixels_at_most(None):
            size = Image.open(BytesIO(content), formats=FORMATS).size
        raise CannotShape(Refusal.TOO_MANY_PIXELS, *size) from bomb


@contextmanager
def _pixels_at_most(number: int | None) -> Iterator[None]:
    """Pillow looks at its own limit whenever it opens something, but there is only one for all."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, number
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _first_whole(picture: Image.Image) -> Image.Image:
    """Of an animation that builds up or fades in, the first picture on which nearly everything is there."""
    frames = min(getattr(picture, "n_frames", 1), FRAMES, FRAME_PIXELS // (picture.width * picture.height))
    if picture.format not in {"GIF", "PNG", "WEBP", "AVIF"} or frames < 2:
        picture.load()
        return picture
    shown: list[tuple[int, Image.Image]] = []
    with suppress(EOFError, OSError, SyntaxError, ValueError):  # What is damaged farther on does not count.
        for number in range(frames):
            picture.seek(number)
            frame = picture.copy()
            shown.append((_ink(frame), frame))
    if not shown:
        picture.seek(0)
        picture.load()
        return picture
    most = max(ink for ink, _ in shown)
    return next(frame for ink, frame in shown if ink >= 0.9 * most)


def _ink(frame: Image.Image) -> int:
    """How much there is to be seen beside the colour of the first corner."""
    small = frame.convert("RGBA")
    small.thumbnail((64, 64))
    corner = small.getpixel((0, 0))
    ground = corner if isinstance(corner, tuple) and corner[3] >= VISIBLE else (255, 255, 255, 255)
    flat = Image.alpha_composite(Image.new("RGBA", small.size, ground), small).convert("RGB")
    red, green, blue = ImageChops.difference(flat, Image.new("RGB", small.size, ground[:3])).split()
    histogram = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()
    return sum(value * number for value, number in enumerate(histogram[NOISE:], NOISE))


def _to_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _in_eight_bits(picture)
    if picture.mode in {"P", "PA"} or "transparency" in picture.info:
        picture = picture.convert("LA" if picture.mode == "L" else "RGBA")
    plain = picture.convert(picture.mode.removesuffix("A")) if picture.mode in {"RGBA", "LA"} else picture
    if picture.mode == "LAB":
        plain = _turned(plain, ImageCms.createProfile("LAB")) or plain
    elif profile and plain.mode in {"RGB", "CMYK", "L"}:
        plain = _turned(plain, BytesIO(profile)) or plain
    plain = plain.convert("RGBA")
    if picture.mode in {"RGBA", "LA"}:
        plain.putalpha(picture.getchannel("A"))
    return plain


def _turned(picture: Image.Image, profile: Any) -> Image.Image | None:
    """The picture in sRGB; None if the profile does not fit it, which is then ignored, as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(profile)
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Deep grey, scaled; convert() would clip it."""
    wide = picture.convert("F")
    _, high = wide.getextrema()
    deep = picture.mode.startswith("I;16") or (isinstance(high, float) and high > 255)
    return wide.point(lambda value: value * (255 / 65535 if deep else 1.0)).convert("L")


def has_transparency(picture: Image.Image) -> bool:
    return transparent_share(picture) >= TRANSPARENT_LEAST


def transparent_share(picture: Image.Image) -> float:
    """Share of the pixels through which the page shows, 0 to 1."""
    return sum(picture.getchannel("A").histogram()[:128]) / (picture.width * picture.height)


def coloured_share(picture: Image.Image) -> float:
    """Share of the visible pixels whose colour is more than a shade of grey, 0 to 1."""
    red, green, blue, alpha = picture.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    visible = alpha.point(lambda value: 255 * (value >= 128))
    chroma = ImageChops.subtract(brightest, darkest).histogram(visible)
    return sum(chroma[32:]) / max(1, sum(chroma))


def is_paper(colour: tuple[int, ...]) -> bool:
    """Whether a ground of this colour is mere background; one in a strong colour is a part of the logo."""
    return max(colour[:3]) - min(colour[:3]) <= 60


def shows_on_white(picture: Image.Image) -> bool:
    """Whether most of the logo can still be seen on a white page; white writing cannot."""
    brightness = picture.convert("L").histogram(picture.getchannel("A").point(lambda value: 255 * (value >= 128)))
    return sum(brightness[:215]) >= 0.5 * sum(brightness) > 0


def visible_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Where the logo is in the picture; refuses a picture that shows nothing."""
    box = picture.getchannel("A").point(lambda value: 255 * (value >= VISIBLE)).getbbox()
    if box is None:
        raise CannotShape(Refusal.EMPTY)
    return box


def check_shape(width: float, height: float) -> None:
    if not 1 / RATIO_MOST <= width / height <= RATIO_MOST:
        raise CannotShape(Refusal.ODD_SHAPE)


def fitting(width: float, height: float, target: int = WIDTH_TARGET) -> tuple[int, int]:
    """Size at *target* pixels wide, less for a tall logo, in the same proportions."""
    wide = round(min(target, max(WIDTH_LEAST, HEIGHT_MOST * width / height)))
    return wide, max(1, round(wide * height / width))


def shrink(picture: Image.Image) -> Image.Image:
    """At most 800 pixels wide and not too tall; what fits is left as it is, nothing is enlarged."""
    tall = picture.height > HEIGHT_MOST and picture.width > WIDTH_LEAST
    if picture.width <= WIDTH_MOST and not tall:
        return picture
    return picture.resize(fitting(picture.width, picture.height), Image.Resampling.LANCZOS)


def without_background(picture: Image.Image) -> Image.Image | None:
    """The logo on true alpha, if it stands on one flat colour and can be cut out cleanly; None if not.

    What is joined to the edge of the picture is background, and so are the counters of letters; a white letter in a
    blue square is not. Pixels at the border between logo and background are unmixed into logo colour and alpha. A
    dark ground stays if the logo could not be seen on white without it.
    """
    if max(picture.size) > WORK_WIDTH:
        picture = picture.copy()
        picture.thumbnail((WORK_WIDTH, WORK_WIDTH), Image.Resampling.LANCZOS)
    rgb = picture.convert("RGB")
    ground = _flat_border(rgb)
    if ground is None or not is_paper(ground.colour):
        return None
    distance = _distance(rgb, ground.colour)
    flat = distance.point(lambda value: 255 * (value <= ground.tolerance))
    # What hardly differs from the background, or only little beside what differs much, is noise of a lossy format.
    strongest = grown(distance, 4)
    definite = ImageChops.subtract(distance, strongest.point(lambda value: max(NOISE, value // 8)))
    flat = ImageChops.lighter(flat, definite.point(lambda value: 255 * (value == 0)))
    _fill_specks(flat, distance)
    removed = _background(flat)
    # Colours of a lossy format bleed further than two pixels, but then they are pale beside what they come from.
    pale = ImageChops.subtract(strongest.point(lambda value: value // 3), distance).point(
        lambda value: 255 * (value > 0)
    )
    bleeding = ImageChops.darker(grown(removed, 5), pale)
    # The outermost pixels of a logo that was cut off tightly are mixed with the background as well.
    near = ImageChops.lighter(ImageChops.lighter(grown(removed, 2), bleeding), _rim(rgb.size))
    near = ImageChops.subtract(near, removed)
    if _soft_share(strongest, near) > 0.3:
        return None  # A shadow or glow fades into the background: cutting it would leave a halo.
    # What the logo's own colour is, a pixel at its edge learns from its most different neighbour.
    alpha = ImageMath.lambda_eval(
        lambda a: a["convert"](a["min"](a["float"](a["d"]) * 255 / a["max"](a["float"](a["s"]), 1), 255), "L"),
        d=distance,
        s=strongest,
    )
    alpha = ImageChops.lighter(alpha, near.point(lambda value: 255 - value))
    alpha = ImageChops.subtract(alpha, removed)
    channels = [_unmixed(channel, alpha, level) for channel, level in zip(rgb.split(), ground.colour, strict=True)]
    cut = Image.merge("RGBA", [*channels, alpha])
    return cut if shows_on_white(cut) or cut.getchannel("A").getbbox() is None else None


def _rim(size: tuple[int, int]) -> Image.Image:
    rim = Image.new("L", size, 255)
    rim.paste(0, (1, 1, size[0] - 1, size[1] - 1))
    return rim


def _unmixed(channel: Image.Image, alpha: Image.Image, level: int) -> Image.Image:
    """One channel of the logo's colour where it was mixed with the background."""
    unmixed: Image.Image = ImageMath.lambda_eval(
        lambda a: a["convert"](
            a["max"](a["min"]((a["float"](a["c"]) - level) * 255 / a["max"](a["float"](a["a"]), 1) + level, 255), 0),
            "L",
        ),
        c=channel,
        a=alpha,
    )
    return unmixed


@dataclass(frozen=True)
class _Ground:
    colour: tuple[int, int, int]
    tolerance: int


def ground_around(rgb: Image.Image) -> tuple[int, int, int] | None:
    """The colour of the mere background that reaches around a logo; None if it stands on none."""
    ground = _flat_border(rgb)
    return ground.colour if ground is not None and is_paper(ground.colour) else None


def _flat_border(rgb: Image.Image) -> _Ground | None:
    """The colour that nearly all of the outermost pixels have, or that a logo leaves which is cut off at its edges."""
    ring = _ring(rgb)
    commonest = max(ring.getcolors(ring.width) or [], default=None)
    if commonest is None or not isinstance(commonest[1], tuple):
        return None
    red, green, blue = commonest[1]
    for colour in ((red, green, blue), (255, 255, 255)):
        histogram = _distance(ring, colour).histogram()
        share = sum(histogram[: NOISE + 1]) / ring.width
        if share >= 0.8 or (share >= 0.4 and _is_ink(rgb, colour, share)):
            noise = max(
                (level for level in range(NOISE + 1) if sum(histogram[level:25]) > 0.02 * ring.width), default=0
            )
            return _Ground(colour, min(NOISE, noise + 6))
    return None


def _is_ink(rgb: Image.Image, ground: tuple[int, int, int], share: float) -> bool:
    """Whether what stands on the ground and touches the edges is a logo, not a photograph, a gradient or a shadow.

    A logo has few colours, and where it meets an edge it differs definitely from the ground. What leaves less than 0.6
    of its edges to the ground and one side free is rather a flag, whose field belongs to it.
    """
    distance = _distance(rgb, ground)
    width, height = rgb.size
    sides = ((0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height))
    if share < 0.6 and not all(sum(distance.crop(side).histogram()[NOISE + 1 :]) for side in sides):
        return False
    definite = distance.point(lambda value: 255 * (value >= DEFINITE))
    touching = _ring(distance).point(lambda value: 255 * (value > NOISE))
    unclear = _ring(grown(definite, 2)).histogram(touching)[0]
    few = rgb.point(lambda value: value & 0xE0)
    few.paste((1, 1, 1), None, ImageChops.invert(definite))
    shades = sorted((n for n, shade in few.getcolors(1 << 16) or [] if shade != (1, 1, 1)), reverse=True)
    return unclear <= 0.1 * touching.histogram()[255] and sum(shades[:INKS]) >= 0.85 * sum(shades) > 0


def _ring(picture: Image.Image) -> Image.Image:
    """The outermost pixels, in a row."""
    width, height = picture.size
    ring = Image.new(picture.mode, (2 * (width + height), 1))
    at = 0
    for box in ((0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height)):
        strip = picture.crop(box)
        strip = strip if strip.height == 1 else strip.transpose(Image.Transpose.ROTATE_90)
        ring.paste(strip, (at, 0))
        at += strip.width
    return ring


def _distance(rgb: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """How far each pixel is from *colour*, in its most different channel."""
    red, green, blue = ImageChops.difference(rgb, Image.new("RGB", rgb.size, colour)).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def grown(mask: Image.Image, by: int) -> Image.Image:
    """The largest value within *by* pixels; shifted copies, as Pillow's own filter leaves the edges out."""
    for _ in range(by):
        wide = mask.copy()
        for move in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            moved = Image.new("L", mask.size)
            moved.paste(mask, move)
            wide = ImageChops.lighter(wide, moved)
        mask = wide
    return mask


def _soft_share(strongest: Image.Image, near: Image.Image) -> float:
    """Share of the border pixels that have nothing definite beside them."""
    histogram = strongest.histogram(near)
    return sum(histogram[:64]) / max(1, sum(histogram))


@dataclass
class Region:
    """Pixels of one kind that hang together, as runs of (row, first, behind last)."""

    runs: list[tuple[int, int, int]] = field(default_factory=list)
    area: int = 0
    left: int = 1 << 30
    right: int = 0

    def add(self, run: tuple[int, int, int]) -> None:
        self.runs.append(run)
        self.area += run[2] - run[1]
        self.left, self.right = min(self.left, run[1]), max(self.right, run[2])

    @property
    def top(self) -> int:
        return self.runs[0][0]

    @property
    def bottom(self) -> int:
        return self.runs[-1][0] + 1

    @property
    def box_area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    def encloses(self, other: "Region") -> bool:
        return (
            self.left < other.left and other.right < self.right and self.top < other.top and other.bottom < self.bottom
        )


def _background(flat: Image.Image) -> Image.Image:
    """The part of the flat-coloured pixels that is background, as a mask."""
    width, height = flat.size
    outside: list[Region] = []
    holes: list[Region] = []
    for region in regions(flat, diagonal=False):
        touches = region.left == 0 or region.top == 0 or region.right == width or region.bottom == height
        (outside if touches else holes).append(region)
    background = Image.new("L", flat.size)
    for region in [*outside, *(_counters(flat, holes) if len(holes) <= HOLES else [])]:
        for row, first, last in region.runs:
            background.paste(255, (first, row, last, row + 1))
    return background


def _fill_specks(flat: Image.Image, distance: Image.Image) -> None:
    """Make background of what lossy formats sprinkle around writing: a few pale pixels with nothing beside them."""
    for region in regions(ImageChops.invert(flat), diagonal=True):
        if region.area <= SPECK:
            box = (region.left, region.top, region.right, region.bottom)
            if not any(distance.crop(box).histogram()[64:]):
                flat.paste(255, box)


def _counters(flat: Image.Image, holes: list[Region]) -> Iterator[Region]:
    """Holes such as those of letters, and of letters that touch.

    A hole stays when it may be a drawing on a plate, white writing in a blue square: the shape around it is solid,
    and the holes in it are many or not compact.
    """
    shapes = sorted(regions(ImageChops.invert(flat), diagonal=True), key=lambda shape: shape.box_area)
    shapes = [shape for shape in shapes if shape.area >= 8]
    held: dict[int, list[Region]] = {}
    for hole in holes:
        around = next((number for number, shape in enumerate(shapes) if shape.encloses(hole)), None)
        if around is not None:
            held.setdefault(around, []).append(hole)
    for number, inside in held.items():
        shape = shapes[number]
        solid = shape.area + sum(hole.area for hole in inside) >= 0.7 * shape.box_area
        large = [hole for hole in inside if hole.area >= 12]
        compact = all(hole.area >= 0.6 * hole.box_area for hole in large)
        if not solid or (len(large) <= 2 and compact):
            yield from inside


def regions(mask: Image.Image, *, diagonal: bool) -> list[Region]:
    """White pixels that hang together, joined run by run from row to row."""
    width, height = mask.size
    pixels = mask.tobytes()
    runs: list[tuple[int, int, int]] = []
    parent: list[int] = []

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    above: list[tuple[int, int, int]] = []
    above_start = 0
    for row in range(height):
        start = len(runs)
        for span in re.finditer(rb"\xff+", pixels[row * width : (row + 1) * width]):
            number = len(runs)
            runs.append((row, span.start(), span.end()))
            parent.append(number)
            reach = int(diagonal)
            first = bisect_right(above, span.start() - reach, key=lambda run: run[2])
            last = bisect_left(above, span.end() + reach, key=lambda run: run[1])
            for neighbour in range(above_start + first, above_start + last):
                parent[root(neighbour)] = root(number)
        above, above_start = runs[start:], start
    regions: dict[int, Region] = {}
    for number, run in enumerate(runs):
        regions.setdefault(root(number), Region()).add(run)
    return list(regions.values())
