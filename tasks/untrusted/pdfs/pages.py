"""The pages of a PDF: what they consist of, so that two files can be compared, and how they look."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from math import ceil, floor

import pypdfium2
from PIL import Image, ImageChops
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.rw_common import PdfHandler

from models.text import one_line
from tasks.untrusted.pdfs.reader import entry

INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
ASIDE = {"/Type", "/Parent", "/Annots", "/Contents", "/StructParents", "/Tabs", "/Metadata", "/LastModified"}
ASIDE |= {"/PieceInfo", "/ID", "/SeparationInfo", "/Thumb", "/B"}
"""Entries of a page that change nothing of what it shows, and those that are looked at one by one."""
OF_SIGNATURES = {"/Type", "/Subtype", "/FT", "/T", "/V", "/F", "/Ff", "/Rect", "/P", "/Parent", "/Kids", "/NM", "/M"}
OF_SIGNATURES |= {
    "/Lock",
    "/SV",
    "/DA",
    "/DR",
    "/Q",
    "/H",
    "/StructParent",
    "/AP",
    "/AS",
    "/MK",
    "/BS",
    "/Border",
    "/OC",
}
"""Entries of a field for a signature: what it is, where it stands, how it may be signed, and its looks.

Whatever else is there may say or do something: a text under the mouse, a link.
"""
SHOWN_BY = {"/AP", "/OC", "/MK", "/BS", "/Border"}
PACKING = {"/Length", "/Filter", "/DecodeParms", "/DL"}
DEPTH_MOST = 40
LONGEST = 3
"""How many times longer than wide a picture of a page may be."""
LARGEST_SIGNATURE = 1 / 8
"""Of a page: what is larger may be a text of its own."""
Ref = tuple[int, int]
"""Number and generation of an object."""
Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""
COMPARED_AT = 1.5
"""Pixels per point at which pages are compared: 108 dpi."""


@dataclass(frozen=True)
class Mark:
    """Something that lies on a page: a link, a note, a field."""

    page: int
    digest: str
    paints: bool
    """Whether it might show anything; only a field for a signature can show nothing."""
    field: Ref | None
    """The field for a signature of which this is the only look, if it is nothing but that."""
    box: Box | None
    """Where it shows something, if that is told as it should be."""


class Pages:
    """All pages of the newest revision, in order."""

    def __init__(self, reader: PdfHandler, most: int) -> None:
        self._dictionaries = list(_leaves(reader, most))
        self._numbers = {page.container_ref: number for number, page in enumerate(self._dictionaries)}
        self._done: dict[object, bytes] = {}

    def __len__(self) -> int:
        return len(self._dictionaries)

    def digests(self) -> list[str]:
        """Of each page, what it is made of: content, fonts, pictures and size, however it is packed or numbered."""
        return [self._digest_of_page(page) for page in self._dictionaries]

    def marks(self) -> list[Mark]:
        """What lies on the pages."""
        marks = []
        for number, page in enumerate(self._dictionaries):
            listed = entry(page, "/Annots")
            for place, annotation in enumerate(array(listed)):
                if not isinstance(annotation, generic.DictionaryObject):
                    raise PdfReadError("an annotation is no dictionary")
                kept = {
                    name: annotation.raw_get(name)
                    for name in annotation
                    if name not in {"/P", "/Parent", "/StructParent"}
                }
                digest = self._digest(generic.DictionaryObject(kept), ()).hex()
                is_field = entry(annotation, "/Subtype") == "/Widget" and field_type(annotation) == "/Sig"
                box = _box(annotation.raw_get("/Rect")) if "/Rect" in annotation else None
                is_empty = box is not None and (box[0] == box[2] or box[1] == box[3])
                says = says_something(annotation)
                field = (
                    _field_of(listed.raw_get(place), annotation)
                    if is_field and _is_plain(annotation) and not says
                    else None
                )
                paints = not is_field or says or ("/AP" in annotation and not is_empty) or "/MK" in annotation
                marks.append(Mark(number, digest, paints, field, box if "/AP" in annotation and not is_empty else None))
        of_fields = Counter(mark.field for mark in marks)
        return [replace(mark, field=mark.field if of_fields[mark.field] == 1 else None) for mark in marks]

    def thumbnails(self) -> list[bytes | None]:
        """Of each page, the small picture that stands for it, if there is one."""
        return [self.digest(page.raw_get("/Thumb")) if "/Thumb" in page else None for page in self._dictionaries]

    def digest(self, value: generic.PdfObject) -> bytes:
        """Of anything in the file; the same for what says the same in another."""
        return self._digest(value, ())

    def _digest_of_page(self, page: generic.DictionaryObject) -> str:
        made = sha256()
        for content in array(entry(page, "/Contents")):
            if not isinstance(content, generic.StreamObject):
                raise PdfReadError("a page's content is no stream")
            made.update(b"\n" + _unpacked(content))
        entries = {name: page.raw_get(name) for name in page if name not in ASIDE}
        above = page
        for _ in range(DEPTH_MOST):
            entries |= {name: above.raw_get(name) for name in INHERITED if name in above and name not in entries}
            if (parent := entry(above, "/Parent")) is None:
                break
            above = parent
        made.update(self._digest(generic.DictionaryObject(entries), ()))
        return made.hexdigest()

    def _digest(self, value: generic.PdfObject, above: tuple[object, ...]) -> bytes:
        """Of an object with all that it refers to; numbers of objects do not count."""
        if isinstance(value, generic.IndirectObject):
            ref = value.reference
            if ref in self._numbers:
                return b"page %d" % self._numbers[ref]
            if ref in above:
                return b"above %d" % (len(above) - above.index(ref))
            if ref not in self._done:
                self._done[ref] = self._digest(value.get_object(), (*above, ref))
            return self._done[ref]
        if isinstance(value, generic.DictionaryObject):
            return self._digest_of_dictionary(value, above)
        if isinstance(value, generic.ArrayObject):
            items = [self._digest(value.raw_get(place), above) for place in range(len(value))]
            return sha256(b"array" + b"".join(items)).digest()
        return sha256(_plain(value)).digest()

    def _digest_of_dictionary(self, dictionary: generic.DictionaryObject, above: tuple[object, ...]) -> bytes:
        made, aside = sha256(b"dictionary"), PACKING if isinstance(dictionary, generic.StreamObject) else set()
        for name in sorted(set(dictionary) - aside):
            made.update(sha256(name.encode()).digest() + self._digest(dictionary.raw_get(name), above))
        if isinstance(dictionary, generic.StreamObject):
            made.update(sha256(b"stream" + _unpacked(dictionary)).digest())
        return made.digest()


def _plain(value: generic.PdfObject) -> bytes:
    """A number, text, name, truth or nothing; 1 and 1.0 are the same, and so is a text in another encoding."""
    match value:
        case generic.NumberObject() | generic.FloatObject():
            return b"number %.6f" % float(value)
        case generic.ByteStringObject():
            return b"text" + value
        case generic.TextStringObject():
            return b"text" + str(value).encode("utf-8", "surrogatepass")
    return repr(value).encode()


def _leaves(reader: PdfHandler, most: int) -> Iterator[generic.DictionaryObject]:
    """The pages in order; one more than *most* at the utmost. Raises PdfReadError for a tree that is none."""
    seen: set[object] = set()
    waiting, count = [reader.root.raw_get("/Pages")], 0
    while waiting:
        raw = waiting.pop()
        if not isinstance(raw, generic.IndirectObject) or raw.reference in seen:
            raise PdfReadError("the pages are no tree")
        seen.add(raw.reference)
        node = raw.get_object()
        if not isinstance(node, generic.DictionaryObject):
            raise PdfReadError("a page is no dictionary")
        if "/Kids" in node:
            kids = node["/Kids"]
            waiting += [kids.raw_get(place) for place in reversed(range(len(kids)))]
        else:
            yield node
            count += 1
            if count > most:
                return


def array(value: generic.PdfObject | None) -> list[generic.PdfObject]:
    """Its items, wherever in the file they stand; what is no list is one of one item, nothing none."""
    if value is None or isinstance(value, generic.NullObject):
        return []
    return [value[place] for place in range(len(value))] if isinstance(value, generic.ArrayObject) else [value]


def _unpacked(stream: generic.StreamObject) -> bytes:
    try:
        return bytes(stream.data)
    except (NotImplementedError, ValueError):  # A filter for pictures: packed alike, or not the same.
        return repr(entry(stream, "/Filter")).encode() + bytes(stream.encoded_data)


def field_type(field: generic.DictionaryObject) -> str:
    for _ in range(DEPTH_MOST):
        if (kind := entry(field, "/FT")) is not None:
            return str(kind)
        if (above := entry(field, "/Parent")) is None:
            break
        field = above
    return ""


def says_something(field: generic.DictionaryObject) -> bool:
    """Whether a signature's field says more than that it is one, itself or what is above it."""
    for _ in range(DEPTH_MOST):
        if any(name not in OF_SIGNATURES and one_line(str(entry(field, name) or "")) for name in field):
            return True
        if len(str(entry(field, "/T") or "").split()) > 1:  # Programs number their fields; several words may be a text.
            return True
        if (above := entry(field, "/Parent")) is None:
            return False
        field = above
    return True


def _field_of(raw: generic.PdfObject, annotation: generic.DictionaryObject) -> Ref | None:
    """The field itself, or the one above of which this is the only look."""
    if "/V" not in annotation and (above := entry(annotation, "/Parent")) is not None:
        raw = annotation.raw_get("/Parent")
        if len(array(entry(above, "/Kids"))) != 1:
            return None
    return (raw.idnum, raw.generation) if isinstance(raw, generic.IndirectObject) else None


def _is_plain(annotation: generic.DictionaryObject) -> bool:
    """Whether it has one look, which is the same on every screen and on paper."""
    if "/AP" in annotation:
        looks = entry(annotation, "/AP")
        if not isinstance(looks, generic.DictionaryObject) or set(looks) != {"/N"}:
            return False
        if not isinstance(entry(looks, "/N"), generic.StreamObject):
            return False
    return not _has_layers(
        generic.DictionaryObject({name: annotation.raw_get(name) for name in annotation if name in SHOWN_BY})
    )


def _has_layers(dictionary: generic.DictionaryObject) -> bool:
    """Whether anything in it can be switched on and off (optional content)."""
    seen: set[object] = set()
    waiting: list[generic.PdfObject] = [dictionary]
    while waiting:
        part = waiting.pop()
        if isinstance(part, generic.IndirectObject):
            if part.reference in seen:
                continue
            seen.add(part.reference)
            part = part.get_object()
        if isinstance(part, generic.DictionaryObject):
            if "/OC" in part or entry(part, "/Type") in ("/OCG", "/OCMD"):
                return True
            waiting += [part.raw_get(name) for name in part]
        elif isinstance(part, generic.ArrayObject):
            waiting += [part.raw_get(place) for place in range(len(part))]
    return False


def _box(raw: generic.PdfObject) -> Box | None:
    """Four plain numbers in the right order; a reader that finds anything else there may see it elsewhere."""
    sides = [raw.raw_get(place) for place in range(len(raw))] if isinstance(raw, generic.ArrayObject) else []
    if len(sides) != 4 or not all(isinstance(side, generic.NumberObject | generic.FloatObject) for side in sides):
        return None
    left, bottom, right, top = (float(side) for side in sides)
    return (left, bottom, right, top) if left <= right and bottom <= top else None


class Picture:
    """How a file's pages look when they are drawn; with *marks* together with what lies on them."""

    def __init__(self, content: bytes, *, marks: bool = False) -> None:
        """Raises PdfiumError for a file that cannot be drawn."""
        self._file = pypdfium2.PdfDocument(content)
        self._marks = marks
        if marks:
            self._file.init_forms()  # Without it no field is drawn, not even a visible signature.

    def __len__(self) -> int:
        return len(self._file)

    def size(self, number: int) -> tuple[float, float]:
        """Width and height in points."""
        page = self._file[number]
        across, down = page.get_size()
        page.close()
        return max(across, 1), max(down, 1)

    def drawn(self, number: int, scale: float) -> Image.Image:
        page = self._file[number]
        drawn: Image.Image = page.render(scale=scale, draw_annots=self._marks, may_draw_forms=self._marks).to_pil()
        page.close()
        return drawn.convert("RGB")

    def looks_like(self, other: "Picture") -> bool:
        """Whether every page looks exactly the same in both files."""
        if len(self) != len(other):
            return False
        for number in range(len(self)):
            mine, theirs = (one.drawn(number, COMPARED_AT) for one in (self, other))
            if mine.size != theirs.size or ImageChops.difference(mine, theirs).getbbox() is not None:
                return False
        return True

    def is_blank(self, number: int, box: Box) -> bool:
        """Whether the page shows nothing in this box."""
        _, height = self.size(number)
        left, bottom, right, top = box
        corners = (left, height - top, right, height - bottom)
        page = self.drawn(number, COMPARED_AT).convert("L")
        across, down, farther, deeper = (side * COMPARED_AT for side in corners)
        place = (floor(across), floor(down), ceil(farther), ceil(deeper))
        if place[0] < 0 or place[1] < 0 or place[2] > page.width or place[3] > page.height:
            return False
        low, high = page.crop(place).getextrema()
        return low == high

    def is_small(self, number: int, box: Box) -> bool:
        """Whether it is no larger than a signature needs."""
        width, height = self.size(number)
        return (box[2] - box[0]) * (box[3] - box[1]) <= LARGEST_SIGNATURE * width * height


def whole(content: bytes) -> bytes:
    """The file as PDFium understands it, written anew: without its faults, and open if it opens without a password.

    Raises PdfiumError for a file that it cannot open.
    """
    made = BytesIO()
    pypdfium2.PdfDocument(content).save(made, flags=pypdfium2.raw.FPDF_REMOVE_SECURITY)
    return made.getvalue()


def picture(content: bytes, number: int, width: int) -> bytes | None:
    """The page (from 0) as a PNG of this width in pixels, with what lies on it; None if there is no such page."""
    shown = Picture(content, marks=True)
    if not 0 <= number < len(shown):
        return None
    across, down = shown.size(number)
    made = BytesIO()
    shown.drawn(number, min(width / across, LONGEST * width / down)).save(made, "PNG")
    return made.getvalue()


def what_lies_on(mine: list[Mark], theirs: list[Mark]) -> list[Mark] | None:
    """What lies on my pages and not on theirs; None if something of theirs is missing."""
    here, there = (Counter((mark.page, mark.digest) for mark in marks) for marks in (mine, theirs))
    if there - here:
        return None
    added = here - there
    return [mark for mark in mine if added[mark.page, mark.digest]]
