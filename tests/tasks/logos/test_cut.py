"""What a style shows of a picture, in that picture's own pixels."""

import pytest

from tasks.logos.cut import Part, cut

PICTURE = (400, 400)


def box(size: tuple[float, float] = PICTURE, **style: str) -> tuple[float, float, float, float] | None:
    part = Part.of({name.replace("_", "-"): value for name, value in style.items()})
    assert part is not None
    return part.box(*size)


@pytest.mark.parametrize(
    ("position", "shown"),
    [
        ("", (0, 0, 100, 50)),
        ("0 -120px", (0, 120, 100, 170)),
        ("-20px", (20, 175, 120, 225)),
        ("right bottom", (300, 350, 400, 400)),
        ("bottom right", (300, 350, 400, 400)),
        ("top", (150, 0, 250, 50)),
        ("50% 100%", (150, 350, 250, 400)),
        ("-1rem 0, 0 0", (16, 0, 116, 50)),
        ("-350px 0", (350, 0, 400, 50)),
    ],
)
def test_the_place_is_read_as_browsers_read_it(position, shown):
    assert box(width="100px", height="50px", background_position=position) == pytest.approx(shown)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ("200px auto", (0, 240, 200, 340)),
        ("auto 200px", (0, 240, 200, 340)),
        ("200px", (0, 240, 200, 340)),
        ("200px 400px", (0, 120, 200, 170)),
    ],
)
def test_a_picture_shown_smaller_than_it_is_is_cut_in_its_own_pixels(size, shown):
    style = {"width": "100px", "height": "50px", "background_position": "0 -120px", "background_size": size}

    assert box(**style) == pytest.approx(shown)


def test_padding_belongs_to_the_ground_unless_it_is_counted_already():
    style = {"width": "100px", "height": "0", "padding_top": "50px", "padding_left": "10px"}

    assert box(**style) == (0, 0, 110, 50)
    assert Part.of({"box-sizing": "border-box", "width": "100px", "height": "50px", "padding-top": "20px"}).height == 50


@pytest.mark.parametrize(
    "style",
    [
        {},
        {"width": "100px"},
        {"width": "100%", "height": "50px"},
        {"width": "auto", "height": "50px"},
        {"width": "100px", "height": "50px", "background-size": "contain"},
        {"width": "100px", "height": "50px", "background-size": "100% auto"},
        {"width": "1e9px", "height": "50px"},
        {"width": "-100px", "height": "50px"},
        {"width": "99999px", "height": "50px"},
        {"width": "1px", "height": "50px"},
        {"width": "nanpx", "height": "50px"},
        {"width": "100px", "height": "50px", "background-position": "-" + "9" * 400 + "px 0"},
        {"width": "100px", "height": "50px", "background-position": "9" * 400 + "% 0"},
        {"width": "100px", "height": "50px", "background-position": "calc(1px + 2%) 0"},
        {"width": "100px", "height": "50px", "background-position": "right 10px bottom 5px"},
        {"width": "100px", "height": "50px", "background-size": "0.001px"},
    ],
)
def test_without_sound_sizes_there_is_no_part(style):
    assert Part.of(style) is None


def test_where_nothing_is_shown_there_is_nothing_to_cut():
    assert box(width="100px", height="50px", background_position="-500px 0") is None


def test_what_is_no_picture_is_not_cut():
    part = Part.of({"width": "100px", "height": "50px"})

    assert part is not None
    assert cut(b"<html>no picture</html>", part) is None
