"""The limited process that looks into a file that came back: ``tasks.returned`` asks, this answers."""

import base64
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from io import BytesIO
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfError, PdfReadError
from pypdfium2 import PdfiumError

from tasks.pdfs.forbidden import forbidden_in
from tasks.pdfs.pages import Pages, Picture, what_lies_on
from tasks.pdfs.reader import LOADED_LATER, Reader
from tasks.pdfs.signatures import signatures_in
from tasks.sandbox import answer

DAMAGED = (
    *(PdfError, PdfiumError, zlib.error, struct.error),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError),
)
"""What readers raise at files that are not as they should be."""
ACTS = re.compile(rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia|SubmitForm|OpenAction)\b")


def check(facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """What is in the first file, compared with the second, which is ours and whole."""
    content, original = files
    ours = Reader(BytesIO(original))
    try:
        return _looked_into(content, original, ours, facts), b""
    except PdfDecodeLimitError:
        return {"costly": True}, b""
    except DAMAGED as error:
        return {"damaged": f"{type(error).__name__}: {error}"[:300]}, b""


def _looked_into(content: bytes, original: bytes, ours: Reader, facts: dict[str, Any]) -> dict[str, Any]:
    reader = _reader(content)
    found = forbidden_in(reader, ours)
    if found is not None:
        return {"forbidden": found.value}
    most = facts["pages_most"]
    pages, our_pages = Pages(reader, most), Pages(ours, most)
    told: dict[str, Any] = {"pages": len(pages), "original_pages": len(our_pages), "same": False, "alike": False}
    if len(pages) > most:
        return told
    if not len(pages):
        raise PdfReadError("there are no pages")
    picture, our_picture = Picture(content), Picture(original)
    if len(picture) != len(pages):
        raise PdfReadError("readers see different numbers of pages")
    roots = [x509.Certificate.load(base64.b64decode(root)) for root in facts["roots"]]
    signatures = signatures_in(reader, roots, datetime.fromisoformat(facts["at"]))
    if signatures and not reader.strict:
        raise PdfReadError("a signed file must be without faults")
    told["signatures"] = [asdict(one) for one in signatures]
    if len(pages) != len(our_pages) or any(one.is_broken for one in signatures):
        return told
    told["same"] = pages.digests() == our_pages.digests()
    told["alike"] = bool(signatures) and picture.looks_like(our_picture)
    added = what_lies_on(pages.marks(), our_pages.marks())
    told["marked"] = added is None or any(not mark.is_signature for mark in added)
    told["covered"] = any(mark.box and not our_picture.is_blank(mark.page, mark.box) for mark in added or [])
    return told


def _reader(content: bytes) -> Reader:
    """Strict; a file with small faults, as scanners write them, is read too, unless it might do anything."""
    try:
        return Reader(BytesIO(content))
    except PdfReadError:
        if ACTS.search(content):
            raise
        return Reader(BytesIO(content), strict=False)


if __name__ == "__main__":
    answer(check, LOADED_LATER)
