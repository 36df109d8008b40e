"""Colours of newer CSS as those that every renderer knows."""

import re

import pytest

from tasks.logos.colours import plain


def read(value: str) -> tuple[float, ...]:
    told = plain(value)
    assert told is not None
    return tuple(map(float, re.findall(r"[\d.]+", told)))


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("lab(58.162 47.707 60.354)", (226, 100, 29, 1)),
        ("LCH(58.162% 76.932 51.675deg / 40%)", (226, 100, 29, 0.4)),
        ("oklch(65.02% 0.1746 44.79)", (226, 100, 29, 1)),
        ("hwb(120 20% 30%)", (51, 178.5, 51, 1)),
        ("color(display-p3 0.8256 0.4215 0.2010)", (226, 100, 29, 1)),
        ("color(srgb 2 -1 0)", (255, 0, 0, 1)),
        ("light-dark(#123456, red)", (18, 52, 86, 1)),
        ("light-dark(light-dark(#123456, red), red)", (18, 52, 86, 1)),
        ("color-mix(in srgb, red, blue)", (127.5, 0, 127.5, 1)),
        ("color-mix(in srgb, red 25%, blue)", (63.75, 0, 191.25, 1)),
        ("color-mix(in srgb, 25% red, blue)", (63.75, 0, 191.25, 1)),
        ("color-mix(in srgb, red, blue 25%)", (191.25, 0, 63.75, 1)),
        ("color-mix(in srgb, red 30%, blue 20%)", (153, 0, 102, 0.5)),
        ("color-mix(in srgb, red 300%, blue 0%)", (255, 0, 0, 1)),
        ("color-mix(in hsl longer hue, red, lime)", (0, 0, 255, 1)),
        ("color-mix(in srgb, transparent, red)", (255, 0, 0, 0.5)),
        ("color-mix(in srgb, color-mix(in srgb, red, blue), rgb(127.5 0 127.5))", (127.5, 0, 127.5, 1)),
    ],
)
def test_a_colour_is_seen_as_the_standard_says(value, seen):
    assert read(value) == pytest.approx(seen, abs=0.6)


@pytest.mark.parametrize(
    "value",
    [
        "none",
        "url(#a)",
        "currentColor",
        "color-mix(in srgb, currentColor, red)",
        "color-mix(in nowhere, red, blue)",
        "color-mix(in srgb, red 0%, blue 0%)",
        "color-mix(in srgb, red)",
        "color-mix(in srgb, red, blue, lime)",
        "color-mix(in srgb, red 1.2.3%, blue)",
        "light-dark(red)",
        "light-dark(",
        "rgb(from red r g b)",
        "color(--own 1 0 0)",
        "lab(calc(1px) 2 3)",
        "color-mix(in srgb, " * 30 + "red" + ", red)" * 30,
        "light-dark(" * 200 + "red" + ", red)" * 200,
        "lab(" + "9" * 2000 + " 1 1)",
    ],
)
def test_what_is_no_colour_is_none(value):
    assert plain(value) is None


@pytest.mark.parametrize("value", ["lab(1e999 2 3)", "oklch(none none none)", "color(srgb -1e99 1e99 0)"])
def test_numbers_beyond_measure_end_in_a_colour(value):
    assert all(0 <= part <= 255 for part in read(value))
