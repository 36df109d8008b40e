"""Of a list of fonts the first that there is."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from tasks.logos.fonts import chosen
from tasks.logos.shape import shape


@pytest.mark.parametrize(
    ("families", "first"),
    [
        ("Nobodys Font, 'DejaVu Serif', serif", "DejaVu Serif"),
        ('"DejaVu Sans Mono", DejaVu Serif', "DejaVu Sans Mono"),
        ("Nobodys Font, Another One, monospace", "monospace"),
        ("Arial, serif", "Arial"),  # Another font is meant to stand in for it.
        ("Nobodys Font", "Nobodys Font"),
        (", ,", ""),
        ("x" * 5000 + ",serif", "serif"),
        ("Schrift\u0000\u00e4:slant=100,serif", "serif"),
    ],
)
def test_the_first_that_there_is_is_taken(families, first):
    assert chosen(families) == first


def written(families: str) -> Image.Image:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100"><text x="10" y="70" font-size="60"'
        f' font-family="{families}" fill="#036">Kanzlei il</text></svg>'
    )
    return Image.open(BytesIO(shape(svg.encode()).png)).convert("RGBA")


def test_writing_falls_back_to_the_next_font_of_its_list():
    fallen_back, meant, other = written("Nobodys Font, monospace"), written("monospace"), written("serif")

    assert fallen_back.size == meant.size
    assert ImageChops.difference(fallen_back, meant).getbbox() is None
    assert fallen_back.size != other.size
