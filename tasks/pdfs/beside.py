"""What a PDF shows, says or does beside its pages: bookmarks, title, names of pages, how it opens or is read aloud.

All of it has to be as in the original. What may differ is told one by one, each with the reason why it says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.metadata.model import NS, ExpandedName, XmpArray, XmpStructure, XmpValue
from pyhanko.pdf_utils.metadata.xmp_xml import parse_xmp
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.rw_common import PdfHandler

from models.text import one_line
from tasks.pdfs.pages import Pages, array, field_type, says_something
from tasks.pdfs.reader import entry

LOOKED_AT = {"/Pages", "/AcroForm", "/Outlines", "/StructTreeRoot", "/Metadata", "/Perms"}
"""Entries of the catalogue that are looked at by themselves."""
SAYING_NOTHING = {"/Type", "/Version", "/Extensions"}
"""By which rules the file is to be read; signing programs tell theirs."""
SAYING_NOTHING |= {"/DSS"}
"""Certificates, and answers whether they were revoked, for who checks the signatures later."""
SAYING_NOTHING |= {"/PieceInfo"}
"""What a program keeps for itself; no other shows it."""
OF_FORM = {"/Fields", "/SigFlags", "/DR", "/DA", "/Q"}
"""Of all fields: which there are, that some are signed, and fonts for what is typed; the fields are looked at."""
OF_STRUCTURE = {"/Type", "/K", "/ParentTree", "/ParentTreeNextKey", "/IDTree"}
"""Of the structure for reading aloud: its elements, which are looked at, and their indexes."""
OF_ELEMENT = {"/Type", "/K", "/P", "/Pg"}
OF_WRITING = {"/Producer", "/Creator", "/ModDate", "/CreationDate", "/Trapped"}
"""Which program wrote the file, and when: every signing program puts itself there."""
OF_WRITING_XMP = {(NS["xmp"], name) for name in ("ModifyDate", "MetadataDate", "CreateDate", "CreatorTool")}
OF_WRITING_XMP |= {(NS["pdf"], "Producer"), (NS["pdf"], "Trapped"), (NS["dc"], "format")}
"""The same in the newer form."""
IDS_XMP = "http://ns.adobe.com/xap/1.0/mm/"
"""Numbers of the document and its versions, which Adobe's programs count."""
TEXTS_MOST, TEXT_MOST, PARTS_MOST = 20, 200, 5_000
Told = tuple[object, ...]


@dataclass(frozen=True)
class Beside:
    """Something beside the pages that is not as in the original."""

    entry: str
    """Its name in the file."""
    texts: list[str]
    """What stands there and not in the original, as far as it is text."""


def beside(reader: PdfHandler, ours: PdfHandler, pages: Pages, our_pages: Pages) -> list[Beside]:
    """All that is not as in *ours*."""
    here, there = reader.root, ours.root
    found = {
        name
        for name in {*here, *there} - LOOKED_AT - SAYING_NOTHING
        if _told(here, name, pages) != _told(there, name, our_pages)
    }
    if list(_bookmarks(here, pages)) != list(_bookmarks(there, our_pages)):
        found.add("/Outlines")
    if list(_structure(here, pages)) != list(_structure(there, our_pages)):
        found.add("/StructTreeRoot")
    if set(entry(here, "/Perms") or ()) - {"/DocMDP"}:  # Usage rights may bear a message.
        found.add("/Perms")
    if _has_fields_for_more(here):
        found.add("/AcroForm")
    made = [Beside(name, _texts(here, there, name)) for name in sorted(found)]
    if pages.thumbnails() != our_pages.thumbnails():
        made.append(Beside("/Thumb", []))
    described = [one for one in _description(reader) if one not in set(_description(ours))]
    return made + ([Beside("/Info", described[:TEXTS_MOST])] if described else [])


def _told(root: generic.DictionaryObject, name: str, pages: Pages) -> bytes | None:
    return pages.digest(root.raw_get(name)) if name in root else None


def _bookmarks(root: generic.DictionaryObject, pages: Pages) -> Iterator[Told]:
    """Each with its depth, in order; a list of them is not followed by recursion, however long it is."""
    outlines = entry(root, "/Outlines")
    waiting = [(outlines.raw_get("/First"), 0)] if outlines and "/First" in outlines else []
    for _ in range(PARTS_MOST):
        if not waiting:
            return
        raw, depth = waiting.pop()
        one = raw.get_object()
        shown = set(one) - {"/First", "/Last", "/Next", "/Prev", "/Parent", "/Count"}
        is_open = int(entry(one, "/Count") or 0) > 0
        yield depth, is_open, pages.digest(generic.DictionaryObject({name: one.raw_get(name) for name in shown}))
        waiting += [(one.raw_get("/Next"), depth)] if "/Next" in one else []
        waiting += [(one.raw_get("/First"), depth + 1)] if "/First" in one else []
    raise PdfReadError("too many bookmarks, or a circle of them")


def _structure(root: generic.DictionaryObject, pages: Pages) -> Iterator[Told]:
    """How the file is read aloud, part by part; programs may put their signatures there as well."""
    structure = entry(root, "/StructTreeRoot")
    if not structure:
        return
    yield (_of(structure, pages, OF_STRUCTURE),)
    waiting: list[tuple[generic.PdfObject, bytes, int]] = [(structure, b"", 0)]
    seen: set[object] = set()
    while waiting:
        one, page, depth = waiting.pop()
        if isinstance(one, generic.IndirectObject):
            if one.reference in seen:
                raise PdfReadError("the structure is no tree")
            seen.add(one.reference)
            one = one.get_object()
        if isinstance(one, generic.ArrayObject):
            waiting += [(one.raw_get(place), page, depth) for place in reversed(range(len(one)))]
        elif not isinstance(one, generic.DictionaryObject):
            yield depth, page, pages.digest(one)
        elif entry(one, "/Type") in ("/OBJR", "/MCR"):
            if not _is_signature(entry(one, "/Obj")):
                yield depth, page, _of(one, pages, {"/Obj"})
        else:
            if depth and not _is_for_signature(one):
                yield depth, _of(one, pages, OF_ELEMENT)
            page = pages.digest(one.raw_get("/Pg")) if "/Pg" in one else page
            waiting += [(one.raw_get("/K"), page, depth + 1)] if "/K" in one else []


def _of(one: generic.DictionaryObject, pages: Pages, aside: set[str]) -> bytes:
    return pages.digest(generic.DictionaryObject({name: one.raw_get(name) for name in one if name not in aside}))


def _is_signature(one: object) -> bool:
    return isinstance(one, generic.DictionaryObject) and field_type(one) == "/Sig" and not says_something(one)


def _is_for_signature(element: generic.DictionaryObject) -> bool:
    """Whether it holds a signature, which is looked at on its page, and says nothing itself."""
    kids = array(entry(element, "/K"))
    held = [entry(kid, "/Obj") for kid in kids if isinstance(kid, generic.DictionaryObject)]
    return len(held) == len(kids) > 0 and all(map(_is_signature, held)) and set(element) <= OF_ELEMENT | {"/S"}


def _has_fields_for_more(root: generic.DictionaryObject) -> bool:
    """Whether there is any field for something else than a signature, on a page or not."""
    form = entry(root, "/AcroForm")
    if not form:
        return False
    waiting = array(entry(form, "/Fields"))
    for _ in range(PARTS_MOST):
        if not waiting:
            return bool(set(form) - OF_FORM)
        one = waiting.pop()
        if not isinstance(one, generic.DictionaryObject):
            return True
        kids = array(entry(one, "/Kids"))
        if not kids and (field_type(one) != "/Sig" or says_something(one)):
            return True
        waiting += kids
    return True


def _description(reader: PdfHandler) -> list[str]:
    """Title, author and whatever else is told of the document, in the older form and in the newer."""
    info = entry(reader.trailer_view, "/Info") or {}
    found = [str(info[name]) for name in info if name not in OF_WRITING]
    if metadata := entry(reader.root, "/Metadata"):
        try:
            properties = [prop for part in parse_xmp(BytesIO(metadata.data)) for prop in part]
        except (ValueError, NotImplementedError):
            return ["?"]
        found += [text for name, value in properties if not _is_of_writing(name) for text in _texts_of(value)]
    return [shown for text in found if (shown := one_line(text)[:TEXT_MOST])]


def _is_of_writing(name: ExpandedName) -> bool:
    return name.ns == IDS_XMP or (name.ns, name.local_name) in OF_WRITING_XMP


def _texts_of(value: XmpValue) -> Iterator[str]:
    match value.value:
        case XmpArray() as several:
            for one in several.entries:
                yield from _texts_of(one)
        case XmpStructure() as parts:
            for _, one in parts:
                yield from _texts_of(one)
        case plain:
            yield str(plain)


def _texts(here: generic.DictionaryObject, there: generic.DictionaryObject, name: str) -> list[str]:
    """What stands in this entry and not in the original's; pages and signatures are shown elsewhere."""
    known = set(_texts_in(there, name))
    return [text for text in dict.fromkeys(_texts_in(here, name)) if text not in known][:TEXTS_MOST]


def _texts_in(root: generic.DictionaryObject, name: str) -> Iterator[str]:
    waiting = [root.raw_get(name)] if name in root else []
    seen: set[object] = set()
    while waiting and len(seen) < PARTS_MOST:
        one = waiting.pop()
        if isinstance(one, generic.IndirectObject):
            if one.reference in seen:
                continue
            seen.add(one.reference)
            one = one.get_object()
        if isinstance(one, generic.DictionaryObject):
            if entry(one, "/Type") not in ("/Page", "/Pages", "/Catalog") and "/ByteRange" not in one:
                waiting += [one.raw_get(key) for key in reversed(one)]
        elif isinstance(one, generic.ArrayObject):
            waiting += [one.raw_get(place) for place in reversed(range(len(one)))]
        elif isinstance(one, generic.TextStringObject) and (shown := one_line(str(one))[:TEXT_MOST]):
            yield shown
