"""Cleaning changes nothing that is seen, and what we draw is what another renderer draws."""

import pytest

from tasks.logos import drawing, raster, svg
from tests.tasks.logos.compare import difference, resvg
from tests.tasks.logos.drawings import DRAWINGS, TWINS

WIDTH = 600
KNOWN = {
    "an embedded picture": 1.5,
    "a picture that fills its frame": 1.5,
    "a picture as design programs embed it": 1.5,
    "lines of writing": 2,
    "a shadow of writing": 4,
    "writing cut out of a plate": 2,
    "text": 2,
    "text with its font in one word": 2,
}
"""Where we differ: writing and scaled pixels vary a little."""


@pytest.mark.parametrize("name", DRAWINGS)
def test_colours_and_geometry_survive_the_cleaning(name):
    cleaned = svg.markup(svg.clean(DRAWINGS[name].encode(), raster.decode))

    before, after = resvg(TWINS.get(name, DRAWINGS[name]), WIDTH), resvg(cleaned, WIDTH)

    assert difference(before, after).mean < 0.2  # A size in millimetres is rounded by the other program.
    if "mm" not in DRAWINGS[name]:
        assert difference(before, after).most <= 1


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_looks_as_another_renderer_draws_it(name):
    cleaned = svg.clean(DRAWINGS[name].encode(), raster.decode)
    theirs = resvg(svg.markup(cleaned), WIDTH)

    found = difference(theirs, drawing.draw(cleaned, *theirs.size))

    assert found.mean <= KNOWN.get(name, 0.7)
    if name not in KNOWN:
        assert found.share <= 0.0025


def test_pages_of_the_drawing_do_not_lose_their_words():
    cleaned = svg.clean(
        b'<svg viewBox="0 0 9 9"><text>one<b>no</b>two<tspan>three</tspan><i/>four</text></svg>', raster.decode
    )

    assert "".join(cleaned.itertext()) == "onetwothreefour"
