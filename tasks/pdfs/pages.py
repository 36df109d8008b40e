"""The pages of a PDF: what they consist of, so that two files can be compared, and how they look."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

import pypdfium2
from PIL import Image, ImageChops
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader

from tasks.pdfs.reader import entry

INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
ASIDE = {"/Type", "/Parent", "/Annots", "/Contents", "/StructParents", "/Tabs", "/Metadata", "/LastModified"}
ASIDE |= {"/PieceInfo", "/ID", "/SeparationInfo", "/Thumb", "/B"}
"""Entries of a page that change nothing of what it shows, and those that are looked at one by one."""
PACKING = {"/Length", "/Filter", "/DecodeParms", "/DL"}
DEPTH_MOST = 40
LONGEST = 3
"""How many times longer than wide a picture of a page may be."""
COMPARED_AT = 1.5
"""Pixels per point at which pages are compared: 108 dpi."""


@dataclass(frozen=True)
class Mark:
    """Something that lies on a page: a link, a note, a field."""

    page: int
    digest: str
    is_signature: bool
    box: tuple[float, float, float, float] | None
    """Left, bottom, right, top in points, where it shows something."""


class Pages:
    """All pages of the newest revision, in order."""

    def __init__(self, reader: PdfFileReader, most: int) -> None:
        self._dictionaries = list(_leaves(reader, most))
        self._numbers = {one.container_ref: number for number, one in enumerate(self._dictionaries)}
        self._done: dict[object, bytes] = {}

    def __len__(self) -> int:
        return len(self._dictionaries)

    def digests(self) -> list[str]:
        """Of each page, what it is made of: content, fonts, pictures and size, however it is packed or numbered."""
        return [self._digest_of_page(one) for one in self._dictionaries]

    def marks(self) -> list[Mark]:
        """What lies on the pages."""
        found = []
        for number, page in enumerate(self._dictionaries):
            for one in _array(entry(page, "/Annots")):
                if not isinstance(one, generic.DictionaryObject):
                    raise PdfReadError("an annotation is no dictionary")
                kept = {name: one.raw_get(name) for name in one if name not in {"/P", "/Parent", "/StructParent"}}
                shows = "/AP" in one and not int(entry(one, "/F") or 0) & 2
                found.append(
                    Mark(
                        number,
                        self._digest(generic.DictionaryObject(kept), ()).hex(),
                        entry(one, "/Subtype") == "/Widget" and _field_type(one) == "/Sig",
                        _box(entry(one, "/Rect")) if shows else None,
                    )
                )
        return found

    def _digest_of_page(self, page: generic.DictionaryObject) -> str:
        made = sha256()
        for content in _array(entry(page, "/Contents")):
            if not isinstance(content, generic.StreamObject):
                raise PdfReadError("a page's content is no stream")
            made.update(b"\n" + _unpacked(content))
        entries = {name: page.raw_get(name) for name in page if name not in ASIDE}
        above = page
        for _ in range(DEPTH_MOST):
            entries |= {name: above.raw_get(name) for name in INHERITED if name in above and name not in entries}
            if "/Parent" not in above:
                break
            above = above["/Parent"]
        made.update(self._digest(generic.DictionaryObject(entries), ()))
        return made.hexdigest()

    def _digest(self, one: generic.PdfObject, above: tuple[object, ...]) -> bytes:
        """Of an object with all that it refers to; numbers of objects do not count."""
        if isinstance(one, generic.IndirectObject):
            ref = one.reference
            if ref in self._numbers:
                return b"page %d" % self._numbers[ref]
            if ref in above:
                return b"above %d" % (len(above) - above.index(ref))
            if ref not in self._done:
                self._done[ref] = self._digest(one.get_object(), (*above, ref))
            return self._done[ref]
        if isinstance(one, generic.DictionaryObject):
            return self._digest_of_dictionary(one, above)
        if isinstance(one, generic.ArrayObject):
            items = [self._digest(one.raw_get(place), above) for place in range(len(one))]
            return sha256(b"array" + b"".join(items)).digest()
        return sha256(_plain(one)).digest()

    def _digest_of_dictionary(self, one: generic.DictionaryObject, above: tuple[object, ...]) -> bytes:
        made, aside = sha256(b"dictionary"), PACKING if isinstance(one, generic.StreamObject) else set()
        for name in sorted(set(one) - aside):
            made.update(sha256(name.encode()).digest() + self._digest(one.raw_get(name), above))
        if isinstance(one, generic.StreamObject):
            made.update(sha256(b"stream" + _unpacked(one)).digest())
        return made.digest()


def _plain(one: generic.PdfObject) -> bytes:
    """A number, text, name, truth or nothing; 1 and 1.0 are the same."""
    match one:
        case generic.NumberObject() | generic.FloatObject():
            return b"number %.6f" % float(one)
        case generic.ByteStringObject():
            return b"text" + one
        case generic.TextStringObject():
            return b"text" + bytes(one.original_bytes)
    return repr(one).encode()


def _leaves(reader: PdfFileReader, most: int) -> Iterator[generic.DictionaryObject]:
    """The pages in order; one more than *most* at the utmost. Raises PdfReadError for a tree that is none."""
    seen: set[object] = set()
    waiting, count = [reader.root.raw_get("/Pages")], 0
    while waiting:
        one = waiting.pop()
        if not isinstance(one, generic.IndirectObject) or one.reference in seen:
            raise PdfReadError("the pages are no tree")
        seen.add(one.reference)
        node = one.get_object()
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


def _array(one: generic.PdfObject | None) -> list[generic.PdfObject]:
    if one is None or isinstance(one, generic.NullObject):
        return []
    return [one[place] for place in range(len(one))] if isinstance(one, generic.ArrayObject) else [one]


def _unpacked(stream: generic.StreamObject) -> bytes:
    try:
        return bytes(stream.data)
    except (NotImplementedError, ValueError):  # A filter for pictures: packed alike, or not the same.
        return repr(entry(stream, "/Filter")).encode() + bytes(stream.encoded_data)


def _field_type(one: generic.DictionaryObject) -> str:
    for _ in range(DEPTH_MOST):
        if "/FT" in one:
            return str(one["/FT"])
        if "/Parent" not in one:
            break
        one = one["/Parent"]
    return ""


def _box(one: generic.PdfObject | None) -> tuple[float, float, float, float] | None:
    sides = [float(side) for side in _array(one) if isinstance(side, generic.NumberObject | generic.FloatObject)]
    if len(sides) != 4:
        return None
    left, right, bottom, top = *sorted(sides[::2]), *sorted(sides[1::2])
    return (left, bottom, right, top) if left < right and bottom < top else None


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

    def is_blank(self, number: int, box: tuple[float, float, float, float]) -> bool:
        """Whether the page shows nothing in this box (left, bottom, right, top in points)."""
        _, height = self.size(number)
        left, bottom, right, top = box
        corners = (left, height - top, right, height - bottom)
        shown = self.drawn(number, COMPARED_AT).convert("L").crop(tuple(int(side * COMPARED_AT) for side in corners))  # type: ignore[arg-type]
        low, high = shown.getextrema()
        return low == high


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
    here, there = (Counter((one.page, one.digest) for one in marks) for marks in (mine, theirs))
    if there - here:
        return None
    added = here - there
    return [one for one in mine if added[one.page, one.digest]]
