"""Pictures of pixels: read as they are meant, and cut out without a fringe."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageDraw

from tasks.logos import raster
from tests.tasks.logos.artwork import (
    ARTWORK,
    FORMATS,
    GROUNDS,
    NAVY,
    SIZE,
    WHITE,
    edge_error,
    left_alone,
    on,
    threshold,
)
from tests.tasks.logos.profiles import cyan_is_red, dark_grey, exchanged

CLEAN = {"PNG": 2, "palette": 6, "GIF": 9, "JPEG 95": 6, "JPEG 80": 16, "JPEG 60": 20, "WebP 80": 12, "AVIF 70": 12}
"""Mean error at the edges, in steps of 255; what lossy formats lose themselves is about as much."""


def packed(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def middle(content: bytes) -> tuple[int, ...]:
    picture = raster.decode(content)
    return picture.getpixel((picture.width // 2, picture.height // 2))


# Edges


WITH_EDGES = [name for name in ARTWORK if name != "hairlines"]
PAIRS = [
    (name, kind, list(GROUNDS)[(one + other) % len(GROUNDS)])
    for one, name in enumerate(WITH_EDGES)
    for other, kind in enumerate(FORMATS)
]
"""Each drawing in each format, and each drawing and each format on each ground."""


@pytest.mark.parametrize(("name", "kind", "ground"), PAIRS)
def test_edges_are_those_of_the_drawing_on_every_ground(name, kind, ground):
    given = raster.decode(FORMATS[kind](on(GROUNDS[ground], ARTWORK[name])))

    cut = raster.without_background(given)

    assert cut is not None
    mean, _ = edge_error(ARTWORK[name], cut)
    assert mean <= CLEAN[kind]
    assert mean < edge_error(ARTWORK[name], threshold(given))[0]


def test_hairlines_without_a_core_stay_as_pale_as_they_look():
    given = on(WHITE, ARTWORK["hairlines"])
    cut = raster.without_background(raster.decode(packed(given)))

    apart = ImageChops.difference(on(WHITE, cut), given)
    assert max(high for _, high in apart.getextrema()) <= 16  # What hardly differs from the ground is taken for noise.


def test_white_letters_in_a_coloured_box_stay_white_and_whole():
    truth = ARTWORK["white letters in a box"]
    box = (60, 60, 240, 180)
    for kind, pack in FORMATS.items():
        cut = raster.without_background(raster.decode(pack(on(WHITE, truth))))
        assert cut.crop(box).getchannel("A").getextrema() == (255, 255), kind


@pytest.mark.parametrize("name", left_alone())
def test_what_cannot_be_cut_out_cleanly_is_left_alone(name):
    given = left_alone()[name].convert("RGBA")
    cut = raster.without_background(given)

    if name == "a photograph in a white frame":  # The frame may go, of the photograph nothing.
        assert cut.crop((42, 42, 598, 198)).getchannel("A").getextrema() == (255, 255)
    else:
        assert cut is None


# Formats


def deep_png(mode: str, *pixel: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow cannot write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    kind = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[mode]
    rows = (b"\0" + struct.pack(f">{len(pixel)}H", *pixel) * 8) * 8
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("mode", "pixel", "seen"),
    [
        ("L", (0x8000,), (128, 128, 128, 255)),
        ("L", (0x00C0,), (0, 0, 0, 255)),
        ("LA", (0x4000, 0x8000), (64, 64, 64, 128)),
        ("RGB", (0xFFFF, 0x8000, 0), (255, 128, 0, 255)),
        ("RGBA", (0xFFFF, 0x8000, 0, 0x8000), (255, 128, 0, 128)),
    ],
)
def test_sixteen_bits_become_eight(mode, pixel, seen):
    assert middle(deep_png(mode, *pixel)) == pytest.approx(seen, abs=1)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_are_read_as_colours(kind):
    """Adobe writes the inks of a JPEG upside down, and says so."""
    inks = Image.new("CMYK", (64, 64), (255, 0, 0, 0))

    assert middle(packed(inks, kind))[:3] == pytest.approx((0, 255, 255), abs=40)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_are_those_of_their_profile(kind):
    inks = Image.new("CMYK", (64, 64), (255, 0, 0, 0))

    red, green, blue, _ = middle(packed(inks, kind, icc_profile=cyan_is_red()))
    assert red > 170
    assert max(green, blue) < 80


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (Image.new("RGB", (32, 32), (250, 20, 20)), "PNG"),
        (Image.new("RGB", (32, 32), (250, 20, 20)), "JPEG"),
        (Image.new("RGB", (32, 32), (250, 20, 20)), "WEBP"),
        (Image.new("RGB", (32, 32), (250, 20, 20)), "AVIF"),
        (Image.new("RGB", (32, 32), (250, 20, 20)), "TIFF"),
        (Image.new("RGBA", (32, 32), (250, 20, 20, 200)), "PNG"),
        (Image.new("RGB", (32, 32), (250, 20, 20)).quantize(4), "PNG"),
    ],
    ids=["png", "jpeg", "webp", "avif", "tiff", "alpha", "palette"],
)
def test_colours_are_those_of_their_profile(picture, kind):
    plain, turned = middle(packed(picture, kind)), middle(packed(picture, kind, icc_profile=exchanged()))

    assert min(plain[0], turned[2]) > 200
    assert max(plain[2], turned[0]) < 60
    assert plain[3] == turned[3]


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_so_is_grey(mode):
    grey = Image.new(mode, (32, 32), 128 if mode == "L" else (128, 90))

    seen = middle(packed(grey, icc_profile=dark_grey()))
    assert seen[0] < 70
    assert seen[3] == (255 if mode == "L" else 90)


def test_a_profile_of_another_kind_is_left_aside():
    assert middle(packed(Image.new("RGB", (32, 32), (250, 20, 20)), icc_profile=cyan_is_red()))[:3] == (250, 20, 20)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_colour_of_a_palette_may_be_transparent(kind):
    picture = Image.new("P", (32, 32), 1)
    picture.putpalette([255, 255, 255, *NAVY])
    ImageDraw.Draw(picture).rectangle((0, 0, 9, 31), fill=0)

    read = raster.decode(packed(picture, kind, transparency=0))
    assert (read.getpixel((2, 2))[3], read.getpixel((20, 2))) == (0, (*NAVY, 255))


def test_so_may_one_colour_of_a_picture_without_palette():
    picture = Image.new("RGB", (32, 32), WHITE)
    picture.paste(NAVY, (10, 0, 32, 32))

    read = raster.decode(packed(picture, transparency=WHITE))
    assert (read.getpixel((2, 2))[3], read.getpixel((20, 2))) == (0, (*NAVY, 255))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP", "GIF"])
def test_every_way_to_keep_pixels_is_read(mode, kind):
    if kind == "BMP" and mode == "LA":
        pytest.skip("there is no such file")
    picture = Image.new("RGBA", (40, 40), "#fff").convert("RGB").convert(mode)

    assert middle(packed(picture, kind)) == (255, 255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_upright(orientation):
    upright = Image.new("RGB", (60, 40), WHITE)
    upright.paste(NAVY, (0, 0, 20, 20))
    ways = [None, None, 0, 3, 1, 5, 2, 6, 4]  # How to lay the picture so that the orientation sets it right again.
    lying = upright if ways[orientation] is None else upright.transpose(Image.Transpose(ways[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation

    read = raster.decode(packed(lying, exif=exif))
    assert read.size == (60, 40)
    assert read.getpixel((5, 5)) == (*NAVY, 255)
    assert read.getpixel((55, 35)) == (*WHITE, 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_that_fades_in_the_first_whole_picture_is_taken(kind):
    whole = on(WHITE, ARTWORK["wordmark"])
    half = whole.copy()
    half.paste(WHITE, (SIZE[0] // 3, 0, *SIZE))
    frames = [Image.new("RGB", SIZE, WHITE), half, whole, ImageChops.offset(whole, 0, 40)]
    options = {"lossless": True} if kind == "WEBP" else {}
    animation = packed(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)

    read = raster.decode(animation).convert("RGB")
    apart = ImageChops.difference(read, whole).convert("L").histogram()
    assert sum(apart[64:]) < 0.01 * SIZE[0] * SIZE[1]


def test_of_an_icon_the_largest_picture_is_taken_whatever_stands_first():
    icon = Image.new("RGBA", (256, 256), NAVY)

    assert raster.decode(packed(icon, "ICO", sizes=[(16, 16), (48, 48), (256, 256)])).size == (256, 256)
