"""What a PDF shows, says or does beside its pages: bookmarks, title, names of pages, how it opens or is read aloud.

All of it has to be as in the original. What may differ is told one by one, each with the reason why it says nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.metadata.model import NS, XmpArray, XmpStructure, XmpValue
from pyhanko.pdf_utils.metadata.xmp_xml import parse_xmp
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.rw_common import PdfHandler

from models.text import one_line
from tasks.untrusted.pdfs.pages import Pages, array, field_type, says_something
from tasks.untrusted.pdfs.reader import entry
from tasks.untrusted.pdfs.signatures import DATE

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
XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
PROGRAMS = {"/Producer", "/Creator", f"{NS['pdf']}Producer", f"{NS['xmp']}CreatorTool", f"{XMP_MM}History"}
"""Which programs wrote the file, in the older form and in the newer: every signing program puts itself there."""
DATES = {"/ModDate", "/CreationDate", *(f"{NS['xmp']}{name}" for name in ("ModifyDate", "MetadataDate", "CreateDate"))}
XMP_DATE = re.compile(r"\d{4}(-\d\d){0,2}(T[\d:.]{4,20}(Z|[+-]\d\d:?\d\d)?)?")
WORDS_OF_FORMAT = {"/Trapped", f"{NS['pdf']}Trapped", f"{NS['dc']}format"}
WORDS_OF_FORMAT |= {f"{XMP_MM}{name}" for name in ("DocumentID", "InstanceID", "OriginalDocumentID", "VersionID")}
"""They say nothing as long as they are one word, as the standard has it: a number, the kind of file."""
ALSO_CALLED = {
    f"{NS['dc']}title": "/Title",
    f"{NS['dc']}creator": "/Author",
    f"{NS['dc']}description": "/Subject",
    f"{NS['pdf']}Keywords": "/Keywords",
}
"""What has another name in the newer form; programs copy the one into the other."""
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
    root, our_root = reader.root, ours.root
    names = {
        name
        for name in {*root, *our_root} - LOOKED_AT - SAYING_NOTHING
        if _told(root, name, pages) != _told(our_root, name, our_pages)
    }
    if list(_bookmarks(root, pages)) != list(_bookmarks(our_root, our_pages)):
        names.add("/Outlines")
    if list(_structure(root, pages)) != list(_structure(our_root, our_pages)):
        names.add("/StructTreeRoot")
    if set(entry(root, "/Perms") or ()) - {"/DocMDP"}:  # Usage rights may bear a message.
        names.add("/Perms")
    if _has_fields_for_more(root):
        names.add("/AcroForm")
    made = [Beside(name, _texts(root, our_root, name)) for name in sorted(names)]
    if pages.thumbnails() != our_pages.thumbnails():
        made.append(Beside("/Thumb", []))
    our_description = set(_description(ours))
    described = [text[:TEXT_MOST] for name, text in _description(reader) if (name, text) not in our_description]
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
        bookmark = raw.get_object()
        shown = set(bookmark) - {"/First", "/Last", "/Next", "/Prev", "/Parent", "/Count"}
        is_open = int(entry(bookmark, "/Count") or 0) > 0
        yield depth, is_open, pages.digest(generic.DictionaryObject({name: bookmark.raw_get(name) for name in shown}))
        waiting += [(bookmark.raw_get("/Next"), depth)] if "/Next" in bookmark else []
        waiting += [(bookmark.raw_get("/First"), depth + 1)] if "/First" in bookmark else []
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
        part, page, depth = waiting.pop()
        if isinstance(part, generic.IndirectObject):
            if part.reference in seen:
                raise PdfReadError("the structure is no tree")
            seen.add(part.reference)
            part = part.get_object()
        if isinstance(part, generic.ArrayObject):
            waiting += [(part.raw_get(place), page, depth) for place in reversed(range(len(part)))]
        elif not isinstance(part, generic.DictionaryObject):
            yield depth, page, pages.digest(part)
        elif entry(part, "/Type") in ("/OBJR", "/MCR"):
            if not _is_signature(entry(part, "/Obj")):
                yield depth, page, _of(part, pages, {"/Obj"})
        else:
            if depth and not _is_for_signature(part):
                yield depth, _of(part, pages, OF_ELEMENT)
            page = pages.digest(part.raw_get("/Pg")) if "/Pg" in part else page
            waiting += [(part.raw_get("/K"), page, depth + 1)] if "/K" in part else []


def _of(part: generic.DictionaryObject, pages: Pages, aside: set[str]) -> bytes:
    return pages.digest(generic.DictionaryObject({name: part.raw_get(name) for name in part if name not in aside}))


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
        field = waiting.pop()
        if not isinstance(field, generic.DictionaryObject):
            return True
        kids = array(entry(field, "/Kids"))
        # What is inherited comes down the way by which readers come, whatever a field says of what is above it.
        if entry(field, "/FT") not in (None, "/Sig"):
            return True
        if says_something(field) or (not kids and field_type(field) != "/Sig"):
            return True
        waiting += kids
    return True


def _description(reader: PdfHandler) -> Iterator[tuple[str, str]]:
    """Title, author and whatever else is told of the document, in the older form and in the newer: its name and text.

    A reader's programs show each under its name, so a text counts for this name only.
    """
    info = entry(reader.trailer_view, "/Info") or generic.DictionaryObject()
    texts = [(name, str(value)) for name in info if (value := entry(info, name)) is not None]
    if metadata := entry(reader.root, "/Metadata"):
        try:
            properties = [prop for part in parse_xmp(BytesIO(metadata.data)) for prop in part]
        except (ValueError, NotImplementedError):
            return iter([("/Metadata", "?")])
        names = [
            (ALSO_CALLED.get(called := f"{name.ns}{name.local_name}", called), value) for name, value in properties
        ]
        texts += [(name, text) for name, value in names for text in _texts_of(value)]
    shown = ((name, one_line(text)) for name, text in texts)
    return ((name, text) for name, text in shown if text and not _is_of_writing(name, text))


def _is_of_writing(name: str, text: str) -> bool:
    """Whether it is told only with which program and when the file was written."""
    if name in DATES:
        return bool(DATE.fullmatch(text) or XMP_DATE.fullmatch(text))
    return name in PROGRAMS or (name in WORDS_OF_FORMAT and " " not in text)


def _texts_of(value: XmpValue) -> Iterator[str]:
    for _, remark in value.qualifiers.iter_quals(with_lang=False):
        yield from _texts_of(remark)
    match value.value:
        case XmpArray() as several:
            for part in several.entries:
                yield from _texts_of(part)
        case XmpStructure() as parts:
            for _, part in parts:
                yield from _texts_of(part)
        case plain:
            yield str(plain)


def _texts(root: generic.DictionaryObject, our_root: generic.DictionaryObject, name: str) -> list[str]:
    """What stands in this entry and not in the original's; pages and signatures are shown elsewhere."""
    our_texts = set(_texts_in(our_root, name))
    return [text for text in dict.fromkeys(_texts_in(root, name)) if text not in our_texts][:TEXTS_MOST]


def _texts_in(root: generic.DictionaryObject, name: str) -> Iterator[str]:
    waiting = [root.raw_get(name)] if name in root else []
    seen: set[object] = set()
    while waiting and len(seen) < PARTS_MOST:
        part = waiting.pop()
        if isinstance(part, generic.IndirectObject):
            if part.reference in seen:
                continue
            seen.add(part.reference)
            part = part.get_object()
        if isinstance(part, generic.DictionaryObject):
            if entry(part, "/Type") not in ("/Page", "/Pages", "/Catalog") and "/ByteRange" not in part:
                waiting += [part.raw_get(key) for key in reversed(part)]
        elif isinstance(part, generic.ArrayObject):
            waiting += [part.raw_get(place) for place in reversed(range(len(part)))]
        elif isinstance(part, generic.TextStringObject) and (shown := one_line(str(part))[:TEXT_MOST]):
            yield shown
