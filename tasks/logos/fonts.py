"""Which of several fonts a drawing gets here, as a browser would choose among those that are installed."""

import ctypes
import re
from ctypes import byref, c_char_p, c_int, c_void_p
from functools import cache

GENERIC = frozenset({"serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui"})
_NOBODYS = "no font is called so"
FAMILIES = 8
"""Fonts of a list that are asked for."""


def chosen(families: str) -> str:
    """The first of a list of font families that there is; the last if there is none."""
    named = [family.strip().strip("\"'").strip() for family in families.split(",")][:FAMILIES]
    named = [family for family in named if family]
    return next(
        (family for family in named if family.lower() in GENERIC or _is_there(family)), named[-1] if named else ""
    )


def _is_there(family: str) -> bool:
    """Whether it is installed, or another font that is meant to stand in for it."""
    match = _match(family)
    return not match or match == family.lower() or match != _match(_NOBODYS)


@cache
def _match(family: str) -> str:
    """The family that fontconfig gives for this one, lower case; empty without fontconfig."""
    library = _fontconfig()
    name = re.sub(r"[^\w .&+-]", "", family)[:80]
    if library is None or not name:
        return ""
    pattern = library.FcPatternCreate()
    library.FcPatternAddString(pattern, b"family", name.encode())
    library.FcConfigSubstitute(None, pattern, 0)
    library.FcDefaultSubstitute(pattern)
    matched = library.FcFontMatch(None, pattern, byref(c_int()))
    text = c_char_p()
    if matched:
        library.FcPatternGetString(matched, b"family", 0, byref(text))
    answer = (text.value or b"").decode(errors="replace").lower()
    for handle in (pattern, matched):
        if handle:
            library.FcPatternDestroy(handle)
    return answer


@cache
def _fontconfig() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libfontconfig.so.1")
    except OSError:
        return None
    library.FcPatternCreate.restype = c_void_p
    library.FcFontMatch.restype = c_void_p
    library.FcFontMatch.argtypes = [c_void_p, c_void_p, c_void_p]
    library.FcPatternAddString.argtypes = [c_void_p, c_char_p, c_char_p]
    library.FcConfigSubstitute.argtypes = [c_void_p, c_void_p, c_int]
    library.FcPatternGetString.argtypes = [c_void_p, c_char_p, c_int, c_void_p]
    for name in ("FcDefaultSubstitute", "FcPatternDestroy"):
        getattr(library, name).argtypes = [c_void_p]
    return library
