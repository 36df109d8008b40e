"""The limited process that puts photos of pages together as one PDF."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps

from tasks.untrusted.confinement import FILE_MOST, MEMORY, Limits
from tasks.untrusted.pdfs.reader import LOADED_LATER
from tasks.untrusted.sandbox import answer

DOTS_PER_INCH = 150
LONG_EDGE = round(11.69 * DOTS_PER_INCH)
"""Pixels of the longer side of a page of A4; what is larger is made so small."""
PIXELS_MOST = 120_000_000
CPU_SECONDS = 30
"""40 photos of 12 megapixels take some ten."""


def photos(_facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """A page for each, upright and without what the camera wrote beside it, as the place where it was taken.

    The same photos give the same bytes.
    """
    pages = []
    for at, content in enumerate(files):
        try:
            pages.append(_page(content))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return {"unreadable": at}, b""
    made = BytesIO()
    undated = {"creationDate": None, "modDate": None, "title": None}
    pages[0].save(made, "PDF", save_all=True, append_images=pages[1:], resolution=DOTS_PER_INCH, quality=75, **undated)
    return {}, made.getvalue()


def _page(content: bytes) -> Image.Image:
    picture = Image.open(BytesIO(content), formats=["JPEG", "PNG"])
    if picture.width * picture.height > PIXELS_MOST:
        raise ValueError(picture.size)
    picture.draft("RGB", (LONG_EDGE, LONG_EDGE))  # JPEG alone: read as small as it may be.
    upright = ImageOps.exif_transpose(picture)
    upright.thumbnail((LONG_EDGE, LONG_EDGE))
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    page = Image.new("RGB", upright.size, "white")
    layer = upright.convert("RGBA")
    page.paste(layer, mask=layer)
    return page


if __name__ == "__main__":
    answer(photos, (*LOADED_LATER, "PIL.PdfImagePlugin"), Limits(CPU_SECONDS, MEMORY, FILE_MOST))
