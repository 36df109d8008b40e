"""What a PDF may not contain: whatever acts by itself, reaches out or hides another file."""

from collections.abc import Iterator
from enum import StrEnum
from hashlib import sha256
from itertools import chain
from urllib.parse import urlsplit
from zlib import decompressobj

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader

from tasks.pdfs.reader import entry

OBJECTS_MOST = 200_000
"""Objects of all revisions together; a page of a scan needs about five."""
UNPACKED_MOST, CHUNK = 1 << 30, 1 << 20
"""Bytes of all streams together, and those that are held at a time."""
WEB = {"http", "https", "mailto", "tel"}


class Forbidden(StrEnum):
    LOCKED = "locked"
    SCRIPT = "script"
    LAUNCH = "launch"
    FILES = "files"
    REACHES_OUT = "reaches_out"
    SENDS = "sends"
    XFA = "xfa"
    MEDIA = "media"


ACTIONS = {
    "/JavaScript": Forbidden.SCRIPT,
    "/Launch": Forbidden.LAUNCH,
    "/GoToE": Forbidden.FILES,
    "/GoToR": Forbidden.REACHES_OUT,
    "/Thread": Forbidden.REACHES_OUT,
    "/GoToDp": Forbidden.REACHES_OUT,
    "/SubmitForm": Forbidden.SENDS,
    "/ImportData": Forbidden.SENDS,
    "/Movie": Forbidden.MEDIA,
    "/Sound": Forbidden.MEDIA,
    "/Rendition": Forbidden.MEDIA,
    "/RichMediaExecute": Forbidden.MEDIA,
    "/GoTo3DView": Forbidden.MEDIA,
}
"""By the kind of an action."""
SUBTYPES = {
    "/FileAttachment": Forbidden.FILES,
    "/Movie": Forbidden.MEDIA,
    "/Sound": Forbidden.MEDIA,
    "/Screen": Forbidden.MEDIA,
    "/RichMedia": Forbidden.MEDIA,
    "/3D": Forbidden.MEDIA,
    "/PS": Forbidden.SCRIPT,
}
"""By the kind of an annotation or of a drawing."""
KEYS = {
    "/JS": Forbidden.SCRIPT,
    "/JavaScript": Forbidden.SCRIPT,
    "/AA": Forbidden.SCRIPT,
    "/EF": Forbidden.FILES,
    "/EmbeddedFiles": Forbidden.FILES,
    "/Collection": Forbidden.FILES,
    "/XFA": Forbidden.XFA,
    "/RichMediaContent": Forbidden.MEDIA,
}
"""By an entry's name, wherever it stands."""
OF_STREAMS = {"/F": Forbidden.REACHES_OUT, "/Ref": Forbidden.REACHES_OUT, "/OPI": Forbidden.REACHES_OUT}
"""By an entry's name in a stream: its content would be fetched from elsewhere."""


def forbidden_in(reader: PdfFileReader, original: PdfFileReader) -> Forbidden | None:
    """The first thing found that must not be there, in any revision, whether a page leads to it or not.

    Objects of *original*, which was ours, stand as they are. Raises PdfReadError for a file that is damaged, and
    PdfDecodeLimitError for one that unpacks to far more than it is.
    """
    if "/Encrypt" in reader.trailer_view:
        return Forbidden.LOCKED
    known: set[str] | None = None
    unpacked = 0
    for one in _dictionaries(reader):
        unpacked += _unpacked_size(one) if isinstance(one, generic.StreamObject) else 0
        if unpacked > UNPACKED_MOST:
            raise PdfDecodeLimitError("the streams unpack to too much")
        found = _fault(one)
        if found is not None:
            known = {_told(mine) for mine in _dictionaries(original) if _fault(mine)} if known is None else known
            if _told(one) not in known:
                return found
    return None


def _dictionaries(reader: PdfFileReader) -> Iterator[generic.DictionaryObject]:
    """Every dictionary of every revision."""
    seen = 0
    for revision in range(reader.total_revisions):
        then = reader.get_historical_resolver(revision)
        waiting: list[generic.PdfObject] = [then.trailer_view]
        for ref in chain([None], then.explicit_refs_in_revision()):
            if ref is not None:
                waiting = [then.get_object(generic.Reference(ref.idnum, ref.generation, then))]
            seen += 1
            if seen > OBJECTS_MOST:
                raise PdfReadError("too many objects")
            while waiting:
                one = waiting.pop()
                if isinstance(one, generic.DictionaryObject):
                    yield one
                    waiting += [one.raw_get(name) for name in one]
                elif isinstance(one, generic.ArrayObject):
                    waiting += [one.raw_get(place) for place in range(len(one))]


def _unpacked_size(stream: generic.StreamObject) -> int:
    """Bytes after unpacking, which are not kept."""
    if entry(stream, "/Filter") in ("/FlateDecode", ["/FlateDecode"]):
        unpacker, size, rest = decompressobj(), 0, bytes(stream.encoded_data)
        while rest and size <= UNPACKED_MOST:
            size += len(unpacker.decompress(rest, CHUNK))
            rest = unpacker.unconsumed_tail
        return size
    try:
        return len(stream.data)
    except NotImplementedError:  # For pictures only; whoever draws it has limits.
        return 0


def _fault(one: generic.DictionaryObject) -> Forbidden | None:
    tables = [(KEYS, one), (OF_STREAMS, one if isinstance(one, generic.StreamObject) else ())]
    for table, names in tables:
        for name in names:
            if name in table:
                return table[name]
    if entry(one, "/Type") == "/EmbeddedFile":
        return Forbidden.FILES
    by_kind = ACTIONS.get(str(entry(one, "/S"))) or SUBTYPES.get(str(entry(one, "/Subtype")))
    if by_kind:
        return by_kind
    if "/URI" in one and isinstance(one["/URI"], str | bytes) and not _leads_to_web(one["/URI"]):
        return Forbidden.REACHES_OUT
    opens = entry(one, "/OpenAction")
    if isinstance(opens, generic.DictionaryObject) and entry(opens, "/S") not in {"/GoTo", None}:
        return ACTIONS.get(str(entry(opens, "/S")), Forbidden.REACHES_OUT)
    return None


def _leads_to_web(address: str | bytes) -> bool:
    text = address.decode("latin-1") if isinstance(address, bytes) else address
    try:
        scheme = urlsplit(text.strip()).scheme.lower()
    except ValueError:
        return False
    return scheme in WEB


def _told(one: generic.DictionaryObject) -> str:
    """A dictionary as one text, to find it again; of a stream with its content."""
    content = sha256(one.encoded_data).hexdigest() if isinstance(one, generic.StreamObject) else ""
    return repr(sorted((str(name), repr(one.raw_get(name))) for name in one)) + content
