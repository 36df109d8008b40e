"""A logo can be seen on light and on dark pages: as it is, lightened, or on a plate."""

import colorsys
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from models.logo import Shown
from tasks.logos import background
from tasks.logos.shape import shape
from tests.tasks.logos.artwork import ARTWORK, NAVY, RED, SIZE, WHITE, white_writing

PAGE, DARK_PAGE = (255, 255, 255), (0x1A, 0x22, 0x25)


def written(*inks: tuple[int, int, int]) -> Image.Image:
    """A word in each of these inks, one beside the other, on nothing."""
    picture = Image.new("RGBA", SIZE)
    for place, ink in enumerate(inks):
        mask = Image.new("L", SIZE)
        ImageDraw.Draw(mask).rectangle((20 + place * 150, 60, 140 + place * 150, 180), fill=255, width=0)
        ImageDraw.Draw(mask).rectangle((40 + place * 150, 90, 120 + place * 150, 150), fill=0)
        picture.paste(ink, (0, 0), mask)
    return picture


def luminance(colour: tuple[int, ...]) -> float:
    parts = [part / 255 for part in colour[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    "ink", [(0, 0, 0), NAVY, (0, 0, 255), (110, 20, 40), (0, 70, 30), (60, 60, 64), (70, 0, 90), (40, 30, 10)]
)
def test_dark_ink_is_lightened_for_dark_pages_and_keeps_its_hue(ink):
    given = written(ink)
    version = background.on_dark(given)

    assert version.shown == Shown.LIGHTENED
    assert version.lost == 1
    light = version.picture.getpixel((25, 65))
    assert contrast(light, DARK_PAGE) >= 4.5
    if max(ink) - min(ink) > 20:
        was, now = (colorsys.rgb_to_hsv(*(part / 255 for part in colour[:3]))[0] for colour in (ink, light))
        assert abs(was - now) < 0.04
    assert ImageChops.difference(version.picture.getchannel("A"), given.getchannel("A")).getbbox() is None


def test_what_can_be_seen_beside_it_stays_as_it_is():
    version = background.on_dark(written(NAVY, (240, 120, 20), WHITE))

    assert version.shown == Shown.LIGHTENED
    assert version.picture.getpixel((175, 65)) == (240, 120, 20, 255)
    assert version.picture.getpixel((325, 65)) == (*WHITE, 255)


def test_soft_edges_are_lightened_with_their_letters():
    version = background.on_dark(ARTWORK["wordmark"])
    dark = Image.alpha_composite(Image.new("RGBA", SIZE, DARK_PAGE), version.picture).convert("L")

    assert dark.getextrema()[0] >= 25  # Nothing is darker than the page: no dark fringe is left.


@pytest.mark.parametrize("inks", [((240, 120, 20),), ((200, 60, 60), (0, 150, 90)), ((120, 120, 120),)])
def test_what_can_be_seen_on_both_is_left_alone(inks):
    assert background.on_light(written(*inks)).shown == Shown.AS_IT_IS
    assert background.on_dark(written(*inks)).shown == Shown.AS_IT_IS


def test_white_letters_on_a_dark_square_can_be_read_anywhere():
    box = ARTWORK["white letters in a box"].crop((0, 0, 270, 240))

    assert background.on_light(box).shown == Shown.AS_IT_IS
    assert background.on_dark(box).shown == Shown.AS_IT_IS


@pytest.mark.parametrize(
    "picture", [white_writing(), written(WHITE, (240, 120, 20))], ids=["white", "white and orange"]
)
def test_white_ink_gets_a_dark_plate_on_light_pages(picture):
    version = background.on_light(picture)

    assert version.shown == Shown.ON_A_PLATE
    assert version.picture.getpixel((0, 0))[3] == 0  # Round corners.
    ground = version.picture.getpixel((version.picture.width // 2, 3))
    assert contrast(ground, WHITE) > 12
    assert version.picture.width <= 800
    assert background.on_dark(picture).shown == Shown.AS_IT_IS


def test_a_shaded_drawing_gets_a_light_plate_instead_of_becoming_its_negative():
    shades = [
        Image.effect_noise(SIZE, 90).filter(ImageFilter.GaussianBlur(3)).point(lambda v: v // 2) for _ in range(3)
    ]
    spread = [part.point(lambda v: max(0, min(90, (v - 64) * 8 + 45))) for part in shades]

    version = background.on_dark(Image.merge("RGBA", [*spread, ARTWORK["ring and letters"].getchannel("A")]))

    assert version.shown == Shown.ON_A_PLATE
    assert version.picture.getpixel((version.picture.width // 2, 3)) == (*WHITE, 255)


def test_an_opaque_picture_brings_its_own_ground_along():
    assert background.on_dark(Image.new("RGBA", (400, 200), NAVY)).shown == Shown.AS_IT_IS
    assert background.on_light(Image.new("RGBA", (400, 200), WHITE)).shown == Shown.AS_IT_IS


def test_a_file_comes_back_with_its_versions_and_what_was_measured():
    file = BytesIO()
    written(NAVY, RED).save(file, "PNG")
    logo = shape(file.getvalue())

    assert (logo.report.on_light, logo.report.on_dark) == (Shown.AS_IT_IS, Shown.LIGHTENED)
    assert logo.report.lost_on_dark > 0.3
    assert logo.png_light is None
    dark = Image.open(BytesIO(logo.png_dark))
    assert (dark.format, dark.mode, dark.size) == ("PNG", "RGBA", (logo.width, logo.height))
