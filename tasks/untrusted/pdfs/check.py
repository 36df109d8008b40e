"""The limited process that looks into a file that came back: ``tasks.agreement.uploaded_copy`` asks, this answers."""

import base64
import re
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from io import BytesIO
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfError, PdfReadError
from pyhanko.sign.fields import enumerate_sig_fields
from pypdfium2 import PdfiumError
from pypdfium2.raw import FPDF_ERR_PASSWORD

from tasks.untrusted.pdfs.beside import beside
from tasks.untrusted.pdfs.forbidden import Forbidden, forbidden_in
from tasks.untrusted.pdfs.pages import Mark, Pages, Picture, what_lies_on, whole
from tasks.untrusted.pdfs.reader import LOADED_LATER, Reader
from tasks.untrusted.pdfs.signatures import Signed, signatures_in
from tasks.untrusted.sandbox import answer

DAMAGED = (
    *(PdfError, PdfiumError, zlib.error, struct.error),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError),
)
"""What readers raise at files that are not as they should be."""
ACTS = re.compile(rb"/(JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData|GoTo[ER])(?![A-Za-z0-9])")
SPELLED = re.compile(rb"#([0-9a-fA-F]{2})")
"""A letter of a name that is written as its number."""
PACKED = re.compile(rb"stream\r?\n(?=[\x08\x18\x28\x38\x48\x58\x68\x78])")
PACKED_MOST, ALL_PACKED_MOST = 1 << 22, 1 << 26
"""Bytes of one stream, and of all, that are searched for acts."""


def check(facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """What is in the first file, compared with the second, which is ours and whole.

    The rules for what is signed are strict. A file that is not is for a person to look at, who sees what PDFium draws:
    so it is what PDFium makes of it, its faults put right.
    """
    content, original = files
    ours = Reader(BytesIO(original))
    try:
        try:
            return _looked_into(content, original, ours, facts), b""
        except PdfDecodeLimitError:
            raise
        except DAMAGED as fault:
            return _as_drawn(content, ours, facts, fault), b""
    except PdfDecodeLimitError:
        return {"costly": True}, b""
    except DAMAGED as error:
        return {"damaged": f"{type(error).__name__}: {error}"[:300]}, b""


def _looked_into(content: bytes, original: bytes, ours: Reader, facts: dict[str, Any]) -> dict[str, Any]:
    reader = Reader(BytesIO(content))
    forbidden = forbidden_in(reader, ours)
    if forbidden is Forbidden.LOCKED:
        raise PdfReadError("the file is encrypted")
    if forbidden is not None:
        return {"forbidden": forbidden.value}
    most = facts["pages_most"]
    pages, our_pages = Pages(reader, most), Pages(ours, most)
    findings = _told(len(pages), len(our_pages))
    if len(pages) > most:
        return findings
    picture, our_picture = Picture(content), Picture(original)
    if not 0 < len(picture) == len(pages):
        raise PdfReadError("readers see different numbers of pages")
    roots = [x509.Certificate.load(base64.b64decode(root)) for root in facts["roots"]]
    signatures = signatures_in(reader, roots, datetime.fromisoformat(facts["at"]))
    findings["signatures"] = [asdict(signed.signature) for signed in signatures]
    if len(pages) != len(our_pages) or any(signed.signature.is_broken for signed in signatures):
        return findings
    findings["same"] = pages.digests() == our_pages.digests()
    findings["alike"] = bool(signatures) and picture.looks_like(our_picture)
    added = what_lies_on(pages.marks(), our_pages.marks())
    looks = {mark.field: mark for mark in added or [] if mark.field and mark.paints}
    for signed, seen in zip(signatures, findings["signatures"], strict=True):
        mark = looks.get(signed.field)
        seen["paints"] = mark is not None
        if mark is not None and not (signed.signature.verified and _looked_so(reader, signed, mark, most)):
            del looks[signed.field]
    allowed = [looks[signed.field] for signed in signatures if signed.field in looks]
    allowed = [mark for mark in allowed if mark.box and our_picture.is_small(mark.page, mark.box)]
    findings["marked"] = added is None or any(mark.paints and mark not in allowed for mark in added)
    findings["beside"] = [asdict(difference) for difference in beside(reader, ours, pages, our_pages)]
    findings["covered"] = any(mark.box and not our_picture.is_blank(mark.page, mark.box) for mark in added or [])
    return findings


def _told(pages: int, original_pages: int) -> dict[str, Any]:
    """What is known of a file at first: nothing that speaks for it."""
    nothing = {"signatures": [], "same": False, "alike": False, "marked": True, "covered": False, "beside": []}
    return {"pages": pages, "original_pages": original_pages, **nothing}


def _looked_so(reader: Reader, signed: Signed, mark: Mark, most: int) -> bool:
    """Whether the signature looked like that when it was made."""
    then = Pages(reader.get_historical_resolver(signed.revision), most).marks()
    return any((earlier.page, earlier.digest) == (mark.page, mark.digest) for earlier in then)


def _as_drawn(content: bytes, ours: Reader, facts: dict[str, Any], fault: Exception) -> dict[str, Any]:
    """The same for a file with faults or a lock, which must not bear a signature."""
    try:
        reader = Reader(BytesIO(whole(content)), strict=False)
    except PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            return {"forbidden": Forbidden.LOCKED.value}
        raise
    forbidden = forbidden_in(reader, ours)
    if forbidden is not None:
        return {"forbidden": forbidden.value}
    if any(enumerate_sig_fields(reader, filled_status=True)):
        raise PdfReadError(f"a signed file must be without faults: {fault}")
    if _might_act(content):  # PDFium has left it out, but others might find it.
        raise PdfReadError(f"a file that might act must be without faults: {fault}")
    picture, most = Picture(content), facts["pages_most"]
    if not len(picture):
        raise PdfReadError("there are no pages")
    for number in range(min(len(picture), most)):
        picture.size(number)  # Is there, and can be opened.
    return _told(len(picture), len(Pages(ours, most)))


def _might_act(content: bytes) -> bool:
    """Whether the name of an act stands anywhere, however it is spelled or packed."""
    searched, left = [content], ALL_PACKED_MOST
    for packed in PACKED.finditer(content):
        with suppress(zlib.error):
            searched.append(zlib.decompressobj().decompress(content[packed.end() :], min(PACKED_MOST, left)))
            left -= len(searched[-1])
        if left <= 0:
            raise PdfDecodeLimitError("the streams unpack to too much")
    return any(ACTS.search(SPELLED.sub(lambda match: bytes([int(match[1], 16)]), text)) for text in searched)


if __name__ == "__main__":
    answer(check, LOADED_LATER)
