"""PDF files made by hand, to put into them what no library would write."""

import zlib
from io import BytesIO

from pypdf import PdfWriter

CATALOG, PAGES, PAGE, CONTENT = 1, 2, 3, 4


def pdf(
    extra: dict[int, bytes] | None = None,
    *,
    catalog: bytes = b"",
    page: bytes = b"",
    pages: int = 1,
    trailer: bytes = b"",
    packed: dict[int, bytes] | None = None,
) -> bytes:
    """A small whole file; *catalog*, *page* and *trailer* are entries to be added, *extra* further objects by number.

    *packed* objects lie in an object stream.
    """
    kids = b" ".join(b"%d 0 R" % (PAGE if number == 0 else 1000 + number) for number in range(pages))
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R%s>>"
    objects = {
        CATALOG: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        PAGES: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
        PAGE: leaf % page,
        CONTENT: stream(b"0 0 100 100 re f"),
        **{1000 + number: leaf % b"" for number in range(1, pages)},
        **(extra or {}),
    }
    return written(objects, trailer, packed)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def flate(content: bytes, times: int = 1, entries: bytes = b"") -> bytes:
    for _ in range(times):
        content = zlib.compress(content, 9)
    return stream(content, entries + b"/Filter[%s]" % (b"/FlateDecode" * times))


def locked(content: bytes, user: str, owner: str) -> bytes:
    writer, made = PdfWriter(BytesIO(content)), BytesIO()
    writer.encrypt(user, owner, algorithm="AES-128")
    writer.write(made)
    return made.getvalue()


def written(objects: dict[int, bytes], trailer: bytes = b"", packed: dict[int, bytes] | None = None) -> bytes:
    made, places = b"%PDF-1.7\n", {}
    if packed:
        return _with_object_stream(objects, packed)
    for number, content in objects.items():
        places[number] = len(made)
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    return made + _table(places, max(objects) + 1, len(made), trailer)


def updated(before: bytes, objects: dict[int, bytes], trailer: bytes = b"") -> bytes:
    """The file with an update that replaces or adds objects."""
    made, places = before + b"\n", {}
    for number, content in objects.items():
        places[number] = len(made)
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    previous = int(before.rpartition(b"startxref")[2].split()[0])
    return made + _table(places, 2000, len(made), trailer + b"/Prev %d" % previous, first=b"")


def _table(
    places: dict[int, int], size: int, start: int, trailer: bytes, first: bytes = b"0 1\n0000000000 65535 f \n"
) -> bytes:
    lines = first + b"".join(b"%d 1\n%010d 00000 n \n" % pair for pair in sorted(places.items()))
    return b"xref\n%strailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (lines, size, trailer, start)


def _with_object_stream(objects: dict[int, bytes], packed: dict[int, bytes]) -> bytes:
    made, places = b"%PDF-1.7\n", {}
    head, body = b"", b""
    for number, content in packed.items():
        head += b"%d %d " % (number, len(body))
        body += content + b" "
    holder, table = 900, 901
    entries = b"/Type/ObjStm/N %d/First %d" % (len(packed), len(head))
    for number, content in {**objects, holder: flate(head + body, 1, entries)}.items():
        places[number] = len(made)
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    rows = {number: (1, place, 0) for number, place in places.items()}
    rows |= {number: (2, holder, place) for place, number in enumerate(packed)}
    rows |= {table: (1, len(made), 0), 0: (0, 0, 255)}
    index = b" ".join(b"%d 1" % number for number in sorted(rows))
    content = b"".join(
        kind.to_bytes(1, "big") + place.to_bytes(4, "big") + further.to_bytes(1, "big")
        for _, (kind, place, further) in sorted(rows.items())
    )
    entries = b"/Type/XRef/Size %d/Root 1 0 R/W[1 4 1]/Index[%s]" % (max(rows) + 1, index)
    return made + b"%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, stream(content, entries), len(made))
