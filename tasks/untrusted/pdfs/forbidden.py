"""What a PDF may not contain: whatever acts by itself, reaches out or hides another file."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from hashlib import sha256
from itertools import chain
from typing import Any
from urllib.parse import urlsplit
from zlib import decompressobj

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader

from tasks.untrusted.pdfs.reader import entry

OBJECTS_MOST = 200_000
"""Objects of all revisions together; a page of a scan needs about five."""
UNPACKED_MOST, CHUNK = 1 << 30, 1 << 20
"""Bytes of all streams together, and those that are held at a time."""
WEB = {"http", "https", "mailto", "tel", "fax", "sms", "sip", "callto"}
"""Schemes of addresses that a person may follow."""


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
MOVES = {"/GoTo", "/URI", "/Named", "/Hide", "/ResetForm", "/SetOCGState", "/Trans"}
"""Further kinds of actions, which are nothing to fear when a person starts them."""
OPENS_AT = {"/FirstPage", "/LastPage", "/NextPage", "/PrevPage"}
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
OF_STREAMS = {"/F": Forbidden.REACHES_OUT, "/Ref": Forbidden.REACHES_OUT, "/OPI": Forbidden.REACHES_OUT}
"""By an entry's name in a stream: its content would be fetched from elsewhere."""


def forbidden_in(reader: PdfFileReader, original: PdfFileReader) -> Forbidden | None:
    """The first thing found that must not be there, in any revision, whether a page leads to it or not.

    Objects of *original*, which was ours, stand as they are. Raises PdfReadError for a file that is damaged, and
    PdfDecodeLimitError for one that unpacks to far more than it is.
    """
    if "/Encrypt" in reader.trailer_view:
        return Forbidden.LOCKED
    originals: set[str] | None = None
    unpacked = 0
    for dictionary in _dictionaries(reader):
        unpacked += _unpacked_size(dictionary) if isinstance(dictionary, generic.StreamObject) else 0
        if unpacked > UNPACKED_MOST:
            raise PdfDecodeLimitError("the streams unpack to too much")
        fault = _fault(dictionary)
        if fault is not None:
            originals = (
                {_told(mine) for mine in _dictionaries(original) if _fault(mine)} if originals is None else originals
            )
            if _told(dictionary) not in originals:
                return fault
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
                part = waiting.pop()
                if isinstance(part, generic.DictionaryObject):
                    yield part
                    waiting += [part.raw_get(name) for name in part]
                elif isinstance(part, generic.ArrayObject):
                    waiting += [part.raw_get(place) for place in range(len(part))]


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


def _fault(dictionary: generic.DictionaryObject) -> Forbidden | None:
    if entry(dictionary, "/Type") == "/EmbeddedFile":
        return Forbidden.FILES
    by_kind = (
        _by_name(dictionary)
        or ACTIONS.get(str(entry(dictionary, "/S")))
        or SUBTYPES.get(str(entry(dictionary, "/Subtype")))
    )
    if by_kind:
        return by_kind
    if any(_is_text(address) and not _leads_to_web(address) for address in _addresses(dictionary)):
        return Forbidden.REACHES_OUT
    opens = entry(dictionary, "/OpenAction")
    if isinstance(opens, generic.DictionaryObject) and not _only_moves(opens):
        by_itself = Forbidden.SCRIPT if "/Next" in opens else Forbidden.REACHES_OUT
        return ACTIONS.get(str(entry(opens, "/S")), by_itself)
    return None


def _by_name(dictionary: generic.DictionaryObject) -> Forbidden | None:
    for name, (fault, holds) in KEYS.items():
        if name in dictionary and holds(entry(dictionary, name)):
            return fault
    if isinstance(dictionary, generic.StreamObject):
        return next((fault for name, fault in OF_STREAMS.items() if name in dictionary), None)
    return None


def _addresses(dictionary: generic.DictionaryObject) -> list[Any]:
    """Where it leads, or what all addresses of the file begin with."""
    address = entry(dictionary, "/URI")
    return [address, entry(address, "/Base") if _has(address, "/Base") else None]


def _only_moves(action: generic.DictionaryObject) -> bool:
    """Whether it shows a page of the file, and neither prints nor opens anything."""
    kind = entry(action, "/S")
    return "/Next" not in action and (kind in {"/GoTo", None} or (kind == "/Named" and entry(action, "/N") in OPENS_AT))


def _leads_to_web(address: str | bytes) -> bool:
    """Whether following it leads to the Web or a person, or nowhere: an address without a scheme is none."""
    text = (address.decode("latin-1") if isinstance(address, bytes) else address).strip()
    try:
        scheme = urlsplit(text).scheme.lower()
    except ValueError:
        return False
    if "." in scheme:  # A host with its port.
        scheme = ""
    return scheme in WEB or (not scheme and not text.startswith(("/", "\\")))


def _is_text(value: Any) -> bool:
    return isinstance(value, generic.TextStringObject | generic.ByteStringObject)


def _is_stream(value: Any) -> bool:
    return isinstance(value, generic.StreamObject)


def _has(value: Any, *names: str) -> bool:
    """Whether it is a dictionary with one of these entries."""
    return isinstance(value, generic.DictionaryObject) and any(name in value for name in names)


def _has_some(value: Any, name: str) -> bool:
    return _has(value, name) and bool(entry(value, name))


def _values(value: Any) -> list[Any]:
    return [entry(value, name) for name in value] if isinstance(value, generic.DictionaryObject) else []


def _is_action(value: Any) -> bool:
    return _has(value, "/S") and (entry(value, "/S") in ACTIONS or entry(value, "/S") in MOVES)


KEYS: dict[str, tuple[Forbidden, Callable[[Any], bool]]] = {
    "/JS": (Forbidden.SCRIPT, lambda it: _is_text(it) or _is_stream(it)),
    "/JavaScript": (Forbidden.SCRIPT, lambda it: _has(it, "/Names", "/Kids", "/Limits")),
    "/AA": (Forbidden.SCRIPT, lambda it: any(_is_action(each) for each in _values(it))),
    "/EF": (Forbidden.FILES, lambda it: any(_is_stream(each) for each in _values(it))),
    "/EmbeddedFiles": (Forbidden.FILES, lambda it: _has(it, "/Kids", "/Limits") or _has_some(it, "/Names")),
    "/Collection": (Forbidden.FILES, lambda it: isinstance(it, dict) and not _has(it, "/BaseFont", "/FontMatrix")),
    "/XFA": (Forbidden.XFA, lambda it: _is_stream(it) or (isinstance(it, list) and any(map(_is_text, it[:1])))),
    "/RichMediaContent": (
        Forbidden.MEDIA,
        lambda it: isinstance(it, dict) and not _has(it, "/BaseFont", "/FontMatrix"),
    ),
}
"""By an entry's name, wherever it stands, and what it then has to be: fonts and pictures may be called so too."""


def _told(dictionary: generic.DictionaryObject) -> str:
    """A dictionary as one text, to find it again; of a stream with its content."""
    content = sha256(dictionary.encoded_data).hexdigest() if isinstance(dictionary, generic.StreamObject) else ""
    return repr(sorted((str(name), repr(dictionary.raw_get(name))) for name in dictionary)) + content
