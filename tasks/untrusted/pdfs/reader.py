"""pyHanko's reader of PDF files, strict, with a faster look-up of packed objects."""

from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import PdfStrictReadError, read_non_whitespace
from pyhanko.pdf_utils.reader import PdfFileReader

LOADED_LATER = (
    *("pyhanko.pdf_utils.filters", "pyhanko.pdf_utils.metadata.xmp_xml", "pypdf.filters", "pypdf._codecs._codecs"),
    *("cryptography.hazmat.backends.openssl.backend", "lxml.etree", "tzdata.zoneinfo"),
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
)
"""Modules that the libraries load for some files only."""
PACKED_MOST = 100_000
"""Objects in one stream."""


class Reader(PdfFileReader):
    """Reads the table of an object stream once.

    pyHanko reads it anew for every object in it: 9 s of work for an agreement of ten pages, whose 1400 objects lie in
    one stream.
    """

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        tables = self.__dict__.setdefault("_tables", {})
        if stmnum not in tables:
            tables[stmnum] = _table(generic.Reference(stmnum, 0, self).get_object())
        content, entries = tables[stmnum]
        if not 0 <= idx < len(entries) or entries[idx][0] != idnum:
            raise PdfStrictReadError("a packed object is not where it should be")
        content.seek(entries[idx][1])
        value = generic.read_object(content, generic.Reference(idnum, 0, self))
        if isinstance(value, generic.StreamObject | generic.IndirectObject):
            raise PdfStrictReadError("a packed object is of a kind that cannot be packed")
        return value


def entry(dictionary: generic.DictionaryObject, name: str) -> Any:
    """The value, wherever in the file it stands, None if there is none or it is null.

    pyHanko's ``get`` would leave a reference as it is.
    """
    try:
        return dictionary[name]
    except KeyError:
        return None


def _table(stream: generic.PdfObject) -> tuple[BytesIO, list[tuple[int, int]]]:
    """The content of an object stream; number and place of each object in it."""
    if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
        raise PdfStrictReadError("packed objects are in no object stream")
    content = BytesIO(stream.read_data(DecodePurpose.OBJECT_STREAM))
    first, count = int(stream["/First"]), int(stream["/N"])
    if not 0 <= count <= PACKED_MOST:
        raise PdfStrictReadError("too many packed objects")

    def number() -> int:
        read_non_whitespace(content, seek_back=True)
        return int(generic.NumberObject.read_from_stream(content))

    return content, [(number(), first + number()) for _ in range(count)]
