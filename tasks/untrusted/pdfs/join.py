"""A sheet put behind a file as an incremental update; for a stranger's file in the limited process.

``tasks.agreement.rendering`` does it to our own documents where it is, and asks this module's process to do it to all
others.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from tzlocal import get_localzone

from tasks.untrusted.pdfs.check import DAMAGED
from tasks.untrusted.pdfs.pages import Picture
from tasks.untrusted.pdfs.reader import LOADED_LATER
from tasks.untrusted.sandbox import answer


def with_sheet(
    pdf: PdfReader, sheet: bytes, information: Mapping[str, str], stamps: Mapping[int, bytes] | None = None
) -> bytes:
    """*pdf* with the pages of *sheet* behind its own; the result begins with the very bytes from which it is read.

    *stamps* are pages by the place, from 0, of those over which they are laid.
    """
    writer = PdfWriter(pdf, incremental=True)
    for page, stamp in (stamps or {}).items():
        writer.pages[page].merge_page(PdfReader(BytesIO(stamp)).pages[0])
    writer.append(BytesIO(sheet), import_outline=False)
    # A changed entry also makes pypdf repeat the reference to the information, without which the title would be lost.
    writer.add_metadata(dict(information))
    result = BytesIO()
    writer.write(result)
    return result.getvalue()


def join(facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """The first file with the second, a sheet of ours, behind it, unless it is signed or cannot be written on."""
    copy, sheet = files
    try:
        joined = with_sheet(PdfReader(BytesIO(copy)), sheet, facts["information"])
        fit = _can_be_sealed(joined) and _shows_all(joined, copy, sheet)
    except (PyPdfError, OSError, *DAMAGED):
        return {"joined": False}, b""
    return {"joined": fit}, joined if fit else b""


def _can_be_sealed(pdf: bytes) -> bool:
    """Whether a seal finds its place; done here first, so that it costs little where the seal's key is."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    if writer.prev.embedded_signatures:
        return False  # Further pages would void them.
    append_signature_field(writer, SigFieldSpec("Rehearsal"))
    writer.write(BytesIO())
    return True


def _shows_all(joined: bytes, *parts: bytes) -> bool:
    """Whether viewers show every page of both: an update of a file with faults may lose the one or the other."""
    return len(Picture(joined)) == sum(len(Picture(part)) for part in parts)


if __name__ == "__main__":
    get_localzone()  # pyHanko asks for it later, when the files that tell it may be out of reach; it is kept.
    answer(join, LOADED_LATER)
