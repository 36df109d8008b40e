"""Colours of newer CSS, told in the words that every renderer of SVG knows."""

import re
from typing import Any

NEWER = frozenset({"lab", "lch", "oklab", "oklch", "hwb", "color", "color-mix", "light-dark"})
"""Functions that make a colour and are not read everywhere."""
_DEEPEST = 5
_MIXED_IN = re.compile(r"in\s+([a-z0-9-]+)(?:\s+(shorter|longer|increasing|decreasing)\s+hue)?")
_PART = re.compile(r"(?:([\d.]+)%\s+)?(.*?)(?:\s+([\d.]+)%)?", re.DOTALL)


def plain(value: str) -> str | None:
    """The colour as ``rgba(…)`` of sRGB, on a light page; None for what is no colour by itself."""
    colour = _seen(value)
    if colour is None:
        return None
    red, green, blue = (round(255 * part, 2) for part in colour.coords(nans=False))
    return f"rgba({red:g},{green:g},{blue:g},{colour.alpha(nans=False):g})"


def hexadecimal(value: str) -> str | None:
    """The same as ``#rrggbb``, or ``#rrggbbaa``; for places where functions are not read."""
    colour = _seen(value)
    return None if colour is None else str(colour.to_string(hex=True))


def _seen(value: str) -> Any:
    colour = _read(value.strip().lower(), 0)
    return colour and colour.convert("srgb").clip()


def _read(text: str, depth: int) -> Any:
    from coloraide import Color  # It takes a tenth of a second, and hardly any logo needs it.

    name, _, inner = text.partition("(")
    if depth > _DEEPEST or len(text) > 1000 or (name in {"light-dark", "color-mix"} and not inner.endswith(")")):
        return None
    if name == "light-dark":
        light, *dark = _arguments(inner[:-1])
        return _read(light, depth + 1) if len(dark) == 1 else None
    try:
        return _mixed(inner[:-1], depth) if name == "color-mix" else Color(text)
    except (ValueError, KeyError):
        return None


def _mixed(inner: str, depth: int) -> Any:
    """What ``color-mix()`` says: a share left out is what the other leaves, and less than all is see-through."""
    how, *parts = _arguments(inner)
    space = _MIXED_IN.fullmatch(how)
    matches = [_PART.fullmatch(part) for part in parts]
    if space is None or len(matches) != 2 or None in matches:
        return None
    colours = [_read(match[2], depth + 1) for match in matches if match]
    shares = [match[1] or match[3] for match in matches if match]
    first, second = (None if share is None else min(100.0, float(share)) for share in shares)
    first = (50.0 if second is None else 100 - second) if first is None else first
    second = 100 - first if second is None else second
    if None in colours or not first + second:
        return None
    mixed = colours[0].mix(
        colours[1], second / (first + second), space=space[1].replace("xyz-d65", "xyz"), hue=space[2] or "shorter",
        out_space="srgb",
    )  # fmt: skip
    mixed["alpha"] = mixed.alpha(nans=False) * min(1.0, (first + second) / 100)
    return mixed


def _arguments(inner: str) -> list[str]:
    """What stands between commas that are in no inner brackets."""
    parts, depth = [""], 0
    for letter in inner:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
