"""The limited process that draws one page of a file as a picture."""

from collections.abc import Sequence
from typing import Any

from pypdfium2 import PdfiumError

from tasks.untrusted.pdfs.pages import picture
from tasks.untrusted.pdfs.reader import LOADED_LATER
from tasks.untrusted.sandbox import answer


def draw(facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    try:
        png = picture(files[0], facts["page"], facts["width"])
    except PdfiumError:
        png = None
    return {"drawn": png is not None}, png or b""


if __name__ == "__main__":
    answer(draw, LOADED_LATER)
