"""What comes back as a signed agreement: the firm's signature, something to look at, or a clear refusal soon."""

import re
from contextlib import suppress
from dataclasses import replace
from functools import cache
from io import BytesIO

import pytest
from markupsafe import Markup
from PIL import ExifTags, Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.metadata.xmp_xml import MetadataStream
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pypdf import PdfReader, PdfWriter

from models.document import Doubt
from models.settings import settings
from tasks.agreement import rendering, uploaded_copy
from tasks.agreement.uploaded_copy import (
    FileDamaged,
    FileLaunches,
    FileLocked,
    FileReachesOut,
    FileSends,
    FilesMixed,
    FileTooCostly,
    FileTooLarge,
    FileWithFiles,
    FileWithMedia,
    FileWithScript,
    FileWithXfa,
    NotAPdf,
    NothingSigned,
    OtherTextSigned,
    PhotoUnreadable,
    ReturnRefused,
    SignatureBroken,
    TooManyPages,
    TooManyPhotos,
    as_pdf,
    inspect,
)
from tasks.untrusted import sandbox
from tasks.untrusted.pdfs.forbidden import Forbidden
from tasks.untrusted.pdfs.reader import Reader
from tests.each import each
from tests.memory import peak_memory
from tests.pdfs import flate, locked, pdf, stream, updated
from tests.signing import ISSUER, digitally_signed, scanned, trust_roots
from tests.soon import within
from tests.tasks.test_rendering import data, rendered

ERIKA = ["Erika Muster"]
SECONDS_MOST, MEMORY_MOST = 25, 1 << 30
"""What one file may take, memory in bytes; the machine that tests may be busy."""


PAGES = 3


@cache
def original(language="de", line_of_business="law") -> bytes:
    """The agreement with the beginnings of its cover and last annex: its parts are looked at one by one each time."""
    cover, *_, annex = rendering.agreement_parts(data(language, line_of_business))
    begun = [
        replace(part, html=Markup("</p>".join(part.html.split("</p>")[:most]) + "</p>"))
        for part, most in ((cover, 1), (annex, 3))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "agreement_parts", lambda *_: begun)
        return rendering.render_agreement(data(language, line_of_business))


@pytest.fixture
def roots(tmp_path, monkeypatch):
    monkeypatch.setenv("PROVISION_TRUST_ROOTS", str(trust_roots(tmp_path / "roots")))
    settings.cache_clear()


def looked_at(content, signers=ERIKA, against=None):
    return inspect(content, "Vertrag.pdf", against or original(), signers)


SCRIPT = b"<</S/JavaScript/JS(app.alert\\(1\\))>>"
NOTE = b"/Annots[<</Type/Annot/Subtype/%s/Rect[0 0 9 9]%s>>]"
LINK = b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/%s>>>>]"
KIDS = {
    2: b"<</Type/Pages/Kids[5 0 R 5 0 R]/Count 9>>",
    5: b"<</Type/Pages/Kids[6 0 R 6 0 R]>>",
    6: b"<</Kids[3 0 R]>>",
}
HOSTILE = {
    "a script when it is opened": (lambda: pdf(catalog=b"/OpenAction" + SCRIPT), FileWithScript),
    "a script by name": (lambda: pdf(catalog=b"/Names<</JavaScript<</Names[(a)5 0 R]>>>>"), FileWithScript),
    "a script spelled with escapes": (lambda: pdf(page=LINK % b"J#61vaScript/J#53(1)"), FileWithScript),
    "a script spelled elsewhere": (lambda: pdf({5: b"/JavaScript"}, page=LINK[:-8] + b" 5 0 R>>>>]"), FileWithScript),
    "a script when a page is turned": (lambda: pdf(page=b"/AA<</O<</S/Named/N/Print>>>>"), FileWithScript),
    "a script that no page leads to": (lambda: pdf({5: SCRIPT}), FileWithScript),
    "a script among packed objects": (lambda: pdf(packed={7: b"<<>>", 8: SCRIPT}), FileWithScript),
    "a script that was replaced": (lambda: updated(pdf({5: SCRIPT}), {5: b"<<>>"}), FileWithScript),
    "a script that was added": (lambda: updated(pdf(), {5: SCRIPT}), FileWithScript),
    "a drawing in PostScript": (lambda: pdf({5: stream(b"", b"/Subtype/PS")}), FileWithScript),
    "another program": (lambda: pdf(page=LINK % b"Launch/F(calc.exe)"), FileLaunches),
    "an attached file": (lambda: pdf({5: stream(b"MZ", b"/Type/EmbeddedFile")}), FileWithFiles),
    "attached files by name": (lambda: pdf(catalog=b"/Names<</EmbeddedFiles<</Names[(a)5 0 R]>>>>"), FileWithFiles),
    "a file on a page": (lambda: pdf(page=NOTE % (b"FileAttachment", b"/FS<</EF<</F 5 0 R>>>>")), FileWithFiles),
    "a portfolio": (lambda: pdf(catalog=b"/Collection<<>>"), FileWithFiles),
    "a link into an attached file": (lambda: pdf(page=LINK % b"GoToE/T<</R/C/N(x)>>"), FileWithFiles),
    "a link into another file": (lambda: pdf(page=LINK % b"GoToR/F(\\\\\\\\host\\\\share)/D[0/Fit]"), FileReachesOut),
    "a link to a local file": (lambda: pdf(page=LINK % b"URI/URI(file:///etc/passwd)"), FileReachesOut),
    "a link that is a script": (lambda: pdf(page=LINK % b"URI/URI(javascript:alert)"), FileReachesOut),
    "an address opened at once": (lambda: pdf(catalog=b"/OpenAction<</S/URI/URI(https://x.example)>>"), FileReachesOut),
    "content from elsewhere": (lambda: pdf({4: stream(b"", b"/F(http://x.example/a)")}), FileReachesOut),
    "a page of another file": (lambda: pdf({5: stream(b"", b"/Subtype/Form/Ref<</F(x)>>")}), FileReachesOut),
    "a form that sends": (lambda: pdf(page=LINK % b"SubmitForm/F(https://x.example)"), FileSends),
    "a form that fetches data": (lambda: pdf(page=LINK % b"ImportData/F(x.fdf)"), FileSends),
    "an XFA form": (lambda: pdf(catalog=b"/AcroForm<</Fields[]/XFA 4 0 R>>"), FileWithXfa),
    "rich media": (lambda: pdf(page=NOTE % (b"RichMedia", b"")), FileWithMedia),
    "a film": (lambda: pdf(page=LINK % b"Rendition/OP 0"), FileWithMedia),
    "a 3D drawing": (lambda: pdf(page=NOTE % (b"3D", b"")), FileWithMedia),
    "a password": (lambda: locked(pdf(), "geheim", "geheim"), FileLocked),
    "a script behind a lock": (lambda: locked(pdf(catalog=b"/OpenAction" + SCRIPT), "", "geheim"), FileWithScript),
    "a script in a file with faults": (lambda: faulty(pdf(catalog=b"/OpenAction" + SCRIPT)), FileWithScript),
    "a script out of reach in a file with faults": (lambda: faulty(pdf({9: pdf({5: SCRIPT})[50:-50]})), FileDamaged),
    "a script called like a font": (lambda: pdf({5: b"<</Font<</AA<</O" + SCRIPT + b">>>>>>"}), FileWithScript),
    "a base for addresses on this machine": (lambda: pdf(catalog=b"/URI<</Base(file:///C:/)>>"), FileReachesOut),
    "a link to a share": (lambda: pdf(page=LINK % b"URI/URI(\\\\\\\\host\\\\share)"), FileReachesOut),
    "a link to whatever is there": (lambda: pdf(page=LINK % b"URI/URI(//host/share)"), FileReachesOut),
    "a link to a program of this machine": (lambda: pdf(page=LINK % b"URI/URI(ms-msdt:/id)"), FileReachesOut),
    "printing when it is opened": (lambda: pdf(catalog=b"/OpenAction<</S/Named/N/Print>>"), FileReachesOut),
    "a page and then a script": (
        lambda: pdf(catalog=b"/OpenAction<</S/GoTo/D[3 0 R]/Next" + SCRIPT + b">>"),
        FileWithScript,
    ),
    "nothing": (lambda: b"", NotAPdf),
    "an archive": (lambda: b"PK\x03\x04", NotAPdf),
    "a program before it": (lambda: b"MZ" + pdf(), NotAPdf),
    "a web page before it": (lambda: b"<html>" + pdf(), NotAPdf),
    "too much before it": (lambda: b" " * 1024 + pdf(), NotAPdf),
    "a beginning only": (lambda: b"%PDF-1.7 nothing else", FileDamaged),
    "half of the agreement": (lambda: original()[: len(original()) // 2], FileDamaged),
    "no pages": (lambda: pdf({2: b"<</Type/Pages/Kids[]/Count 0>>"}), FileDamaged),
    "pages in a circle": (lambda: pdf({2: b"<</Type/Pages/Kids[2 0 R]/Count 1>>"}), FileDamaged),
    "pages that multiply": (lambda: pdf(KIDS), FileDamaged),
    "a length in a circle": (lambda: pdf({4: b"<</Length 4 0 R>>stream\n\nendstream"}), FileTooCostly),
    "a list of lists of lists": (lambda: pdf({5: b"[" * 100_000 + b"]" * 100_000}), FileTooCostly),
    "a bomb": (lambda: pdf({5: flate(bytes(1 << 24), 3)}), FileTooCostly),
    "many small bombs": (lambda: pdf(dict.fromkeys(range(5, 25), flate(bytes(1 << 26)))), FileTooCostly),
    "a bomb of packed objects": (lambda: pdf(packed={8: b"(" + bytes(1 << 27) + b")"}), FileTooCostly),
    "too many pages": (lambda: pdf(pages=201), TooManyPages),
    "too many bytes": (lambda: pdf({5: stream(bytes(uploaded_copy.LARGEST))}), FileTooLarge),
}


def faulty(content: bytes) -> bytes:
    """As careless programs write: where the table begins is not told."""
    return content[: content.rindex(b"startxref")] + b"startxref\n0\n%%EOF\n"


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_soon_with_what_is_wrong(what):
    make, refusal = HOSTILE[what]
    content = make()

    with within(SECONDS_MOST), peak_memory() as peak, pytest.raises(ReturnRefused) as refused:
        looked_at(content)

    assert refused.type is refusal
    assert "Vertrag.pdf" in str(refused.value)
    assert peak() < MEMORY_MOST


def photo(color: str, kind: str = "JPEG", size: tuple[int, int] = (4000, 3000), **more) -> bytes:
    made = BytesIO()
    Image.new("RGBA" if kind == "PNG" else "RGB", size, color).save(made, kind, **more)
    return made.getvalue()


def on_its_side() -> bytes:
    """With what a camera writes beside it: how it was held, and where."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSMapDatum] = "WGS-84 here"
    return photo("navy", exif=exif)


def test_photos_of_pages_become_one_pdf_in_their_order_upright_and_without_the_place():
    files = [("Seite 1.jpg", on_its_side()), ("2.png", photo("#00000000", "PNG", (900, 1200)))]
    assert b"WGS-84 here" in files[0][1]

    name, made = as_pdf(files)

    pages = PdfReader(BytesIO(made)).pages
    assert (name, len(pages)) == ("Seite 1.pdf", 2)
    assert [page.mediabox.height > page.mediabox.width for page in pages] == [True, True]
    shown = [page.images[0].image.getpixel((5, 5)) for page in pages]
    assert shown[1] == (255, 255, 255)
    assert shown[0][2] > 100 > shown[0][0]
    assert b"WGS-84" not in made
    assert as_pdf(files)[1] == made, "sent twice it is the same document"
    assert inspect(made, name, original(), ERIKA).doubts == (Doubt.NO_SIGNATURE, Doubt.PAGES_MISSING)
    assert as_pdf([("a.pdf", b"%PDF-1.7")]) == ("a.pdf", b"%PDF-1.7")


@each(
    "files, refusal, says",
    [
        ([("1.jpg", photo("red", size=(9, 9))), ("2.pdf", b"%PDF-1.7")], FilesMixed, "2.pdf"),
        ([("1.jpg", photo("red", size=(9, 9))), ("2.jpg", photo("red")[:600])], PhotoUnreadable, "2.jpg"),
        ([("1.jpg", b"\xff\xd8\xff")], PhotoUnreadable, "1.jpg"),
        ([("bomb.png", photo("red", "PNG", (20_000, 10_000)))], PhotoUnreadable, "bomb.png"),
        ([("1.jpg", photo("red", size=(9, 9)))] * 41, TooManyPhotos, "40"),
    ],
)
def test_what_is_no_photo_of_a_page_is_refused_by_its_name(files, refusal, says):
    with pytest.raises(refusal, match=re.escape(says)):
        as_pdf(files)


def test_every_kind_of_danger_has_its_sentence():
    assert set(uploaded_copy._FORBIDDEN) == set(Forbidden)


def test_the_agreement_itself_with_an_attachment_of_ours_passes():
    """PDF/A-3 may carry files; ours are known, and others are not."""
    writer, made = PdfWriter(BytesIO(original())), BytesIO()
    writer.add_attachment("daten.json", b"{}")
    writer.write(made)
    ours = made.getvalue()

    assert looked_at(digitally_signed(ours), against=ours).signatures
    with pytest.raises(FileWithFiles):
        looked_at(digitally_signed(ours))


# ---- digital signatures


def changed(pdf: bytes, *, page: int = 0, was: bytes = b"", now: bytes = b"0 0 200 200 re f\n") -> bytes:
    """The file with an update that puts something onto a page."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    ref, _ = writer.find_page_for_modification(page)
    holder = ref.get_object()
    content = holder["/Contents"].data
    assert was in content
    new = content.replace(was, now, 1) if was else content + now
    holder["/Contents"] = writer.add_object(generic.StreamObject(stream_data=new))
    writer.update_container(holder)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@cache
def rebuilt(pdf: bytes) -> bytes:
    """The same document as other software would write it: other numbers, other order, other packing."""
    out = BytesIO()
    copy_into_new_writer(Reader(BytesIO(pdf))).write(out)
    return out.getvalue()


def noted(pdf: bytes) -> bytes:
    """With a note that covers a part of the first page."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    ref, _ = writer.find_page_for_modification(0)
    note = {
        "/Type": pdf_name("/Annot"),
        "/Subtype": pdf_name("/FreeText"),
        "/Rect": generic.ArrayObject(map(generic.NumberObject, (100, 500, 300, 600))),
        "/Contents": generic.pdf_string("1 €"),
    }
    note = writer.add_object(generic.DictionaryObject({pdf_name(name): value for name, value in note.items()}))
    ref.get_object()[pdf_name("/Annots")] = generic.ArrayObject([note])
    writer.update_container(ref.get_object())
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_the_agreement_signed_by_one_of_the_firm_counts_at_once(roots):
    found = looked_at(digitally_signed(original(), "Dr. Muster, Erika Maria"))

    assert found.counts
    assert found.signer == "Dr. Muster, Erika Maria"
    (signature,) = found.signatures
    assert (signature.trusted, signature.timestamped) == (True, False)
    assert "Musterzertifikate CA" in signature.issuer
    assert signature.serial
    assert signature.signed_at.endswith("+00:00")


def test_without_trust_roots_it_says_that_nobody_checked_the_issuer():
    found = looked_at(digitally_signed(original()))

    assert found.doubts == (Doubt.ISSUER_UNCHECKED,)
    assert found.signatures[0].trusted is None


def test_a_certificate_of_another_issuer_is_for_a_person_to_judge(roots):
    assert looked_at(digitally_signed(original(), issuer="Fremde CA")).doubts == (Doubt.ISSUER_UNTRUSTED,)


@pytest.mark.parametrize("name", ["Karl Anders", "Erika", "Erika Musterfrau", "Anwaltskanzlei Freitag & Kollegen", "–"])
def test_a_signature_by_somebody_else_is_for_a_person_to_judge(name, roots):
    found = looked_at(digitally_signed(original(), name))

    assert found.doubts == (Doubt.SIGNER_UNKNOWN,)
    assert found.signer == ""


@pytest.mark.parametrize(
    ("certificate", "person"),
    [
        ("Erika Muster", "Erika Muster"),
        ("MUSTER ERIKA", "Erika Muster"),
        ("Prof. Dr. Jürgen Groß-Müller", "Juergen Gross-Mueller"),
        ("René Lefèvre", "Rene Lefevre"),
    ],
)
def test_names_are_the_same_however_they_are_spelled(certificate, person, roots):
    assert looked_at(digitally_signed(original(), certificate), [person]).counts


def test_a_family_name_alone_is_nobody_in_particular(roots):
    assert looked_at(digitally_signed(original()), ["Muster"]).doubts == (Doubt.SIGNER_UNKNOWN,)


@pytest.mark.parametrize("names", [("Erika Muster", "Karl Kontakt"), ("Karl Kontakt", "Erika Muster")])
def test_of_two_signatures_one_has_to_be_expected(names, roots):
    once = digitally_signed(original(), names[0])
    found = looked_at(digitally_signed(once, names[1], field="Zweite"))

    assert found.counts
    assert [one.name for one in found.signatures] == list(names)
    assert found.signer == "Erika Muster"


@pytest.mark.parametrize("place", ["head", "text", "signature", "padding", "end"])
def test_one_changed_byte_is_found(place, roots):
    content = bytearray(digitally_signed(original()))
    begin, end = content.rindex(b"/Contents <"), content.index(b"0>", content.rindex(b"/Contents <"))
    signature = begin + len(content[begin:end].rstrip(b"0"))
    places = {
        "head": 1_000,
        "text": len(original()) // 2,
        "signature": signature - 20,
        "padding": end - 40,
        "end": len(content) - 3,
    }
    content[places[place]] ^= 1

    with pytest.raises((SignatureBroken, FileDamaged)):
        looked_at(bytes(content))


@pytest.mark.parametrize("change", [changed, noted])
def test_what_is_changed_after_signing_is_found(change, roots):
    with pytest.raises(SignatureBroken):
        looked_at(change(digitally_signed(original())))


def test_another_text_that_is_signed_is_refused(roots):
    for other in (original(line_of_business="tax"), original("fr"), scanned(PAGES), pdf()):
        with pytest.raises((OtherTextSigned, FileDamaged)):
            looked_at(digitally_signed(other, strict=False))


def test_a_text_changed_before_it_was_signed_is_refused_although_the_file_begins_with_ours(roots):
    with pytest.raises(OtherTextSigned):
        looked_at(digitally_signed(changed(original(), page=PAGES - 1)))


def test_the_agreement_built_anew_before_signing_is_ours_all_the_same(roots):
    again = rebuilt(original())
    assert not again.startswith(original()[:5_000])

    assert looked_at(digitally_signed(again)).counts


def test_pages_drawn_otherwise_that_look_the_same_are_for_a_person_to_judge(roots):
    same = changed(original(), now=b"\nq Q\n")

    assert looked_at(digitally_signed(same)).doubts == (Doubt.REWRITTEN,)


def test_a_note_on_a_page_is_for_a_person_to_judge(roots):
    assert looked_at(digitally_signed(noted(original()))).doubts == (Doubt.MARKED,)


def test_a_visible_signature_may_stand_where_nothing_is_written(roots):
    assert looked_at(digitally_signed(original(), box=(300, 70, 480, 120))).counts


def test_a_visible_signature_over_the_text_is_for_a_person_to_judge(roots):
    assert looked_at(digitally_signed(original(), box=(100, 500, 480, 640), page=2)).doubts == (Doubt.COVERED,)


def test_bytes_that_no_signature_covers_are_for_a_person_to_judge(roots):
    assert looked_at(digitally_signed(original()) + b"% more\n").doubts == (Doubt.COVERS_PART,)


# ---- what is shown beside the text that was signed


BLANK = (300, 70, 480, 120)
"""A place on the last page where nothing is written."""


def numbers(*values) -> generic.ArrayObject:
    return generic.ArrayObject(map(generic.FloatObject, values))


def dictionary(**entries) -> generic.DictionaryObject:
    return generic.DictionaryObject({pdf_name(f"/{name}"): value for name, value in entries.items()})


def drawn(writer, width: float = 180, height: float = 50, **entries) -> generic.IndirectObject:
    """A look: some text in white space."""
    made = generic.StreamObject(stream_data=b"0 0 1 rg 2 2 90 20 re f")
    shown = {"/Type": pdf_name("/XObject"), "/Subtype": pdf_name("/Form"), "/BBox": numbers(0, 0, width, height)}
    for name, value in (shown | {f"/{name}": value for name, value in entries.items()}).items():
        made[pdf_name(name)] = value
    return writer.add_object(made)


def layer(writer) -> generic.IndirectObject:
    made = {"/Type": pdf_name("/OCG"), "/Name": generic.pdf_string("Text")}
    return writer.add_object(generic.DictionaryObject({pdf_name(name): value for name, value in made.items()}))


def with_mark(content: bytes, pages=(PAGES - 1,), twice: bool = False, **entries) -> bytes:
    """The file with an annotation in white space, an empty field for a signature unless *entries* say otherwise."""
    writer = IncrementalPdfFileWriter(BytesIO(content))
    shown = {"Type": "/Annot", "Subtype": "/Widget", "FT": "/Sig", "Rect": numbers(*BLANK), **entries}
    mark = generic.DictionaryObject()
    for name, value in shown.items():
        value = value(writer) if callable(value) else value
        mark[pdf_name(f"/{name}")] = pdf_name(value) if type(value) is str else value
    if "AP" not in entries:
        mark[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): drawn(writer)})
    mark[pdf_name("/T")] = generic.pdf_string("Feld")
    added = writer.add_object(mark)
    for number in pages:
        ref, _ = writer.find_page_for_modification(number)
        page = ref.get_object()
        page[pdf_name("/Annots")] = generic.ArrayObject([*page.get("/Annots", []), *[added] * (2 if twice else 1)])
        writer.update_container(page)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def by_state(writer):
    states = generic.DictionaryObject({pdf_name("/On"): drawn(writer), pdf_name("/Off"): drawn(writer)})
    return generic.DictionaryObject({pdf_name("/N"): states})


def on_layer(writer):
    return generic.DictionaryObject({pdf_name("/N"): drawn(writer, OC=layer(writer))})


SIDE_LETTERS = {
    "in an empty field for a signature": {},
    "over a page, by five numbers": {"Rect": numbers(0, 0, 595, 842, 0)},
    "in a box of three numbers": {"Rect": numbers(0, 0, 595)},
    "in a box of names": {"Rect": generic.ArrayObject([pdf_name("/a")] * 4)},
    "in a box without numbers": {"Rect": generic.ArrayObject([generic.NullObject()] * 4)},
    "in a box turned round": {"Rect": numbers(480, 120, 300, 70)},
    "in a box told elsewhere": {"Rect": lambda writer: writer.add_object(numbers(*BLANK))},
    "in a box of numbers told elsewhere": {
        "Rect": lambda writer: generic.ArrayObject(writer.add_object(generic.NumberObject(at)) for at in BLANK)
    },
    "in a huge box": {"Rect": numbers(-9e9, -9e9, 9e9, 9e9)},
    "in a field that is hidden now": {"F": generic.NumberObject(2)},
    "in a field that is only printed": {"F": generic.NumberObject(4 + 32)},
    "in a look by state": {"AP": by_state, "AS": "/On"},
    "on a layer": {"AP": on_layer},
    "on a layer of the field": {"OC": layer},
    "in a field for text": {"FT": "/Tx"},
    "in a field for a choice": {"FT": "/Ch"},
    "in a button": {"FT": "/Btn"},
    "in a stamp": {"Subtype": "/Stamp"},
    "in ink": {"Subtype": "/Ink"},
    "in a watermark": {"Subtype": "/Watermark"},
    "in a link": {"Subtype": "/Link"},
    "in something unknown": {"Subtype": "/Beiblatt"},
    "on the first page": {"pages": (0,), "Rect": numbers(20, 20, 180, 40)},
    "on every page": {"pages": range(PAGES)},
}


@pytest.mark.parametrize("where", SIDE_LETTERS)
def test_what_is_shown_beside_the_text_is_for_a_person_to_judge(where, roots):
    content = with_mark(original(), **SIDE_LETTERS[where])

    assert Doubt.MARKED in looked_at(digitally_signed(content)).doubts
    assert Doubt.NO_SIGNATURE in looked_at(content).doubts


def test_an_empty_field_that_shows_nothing_is_nothing(roots):
    empty = with_mark(original(), Rect=numbers(0, 0, 0, 0))

    assert looked_at(digitally_signed(empty)).counts
    with pytest.raises(NothingSigned):
        looked_at(empty)


def seen(annotation, writer, /, rect=BLANK, **entries):
    """Draw a signature's field so."""
    annotation[pdf_name("/Rect")] = rect if isinstance(rect, generic.PdfObject) else numbers(*rect)
    annotation[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): drawn(writer)})
    for name, value in entries.items():
        annotation[pdf_name(f"/{name}")] = value(writer) if callable(value) else value
    writer.update_container(annotation)


LOOKS = {
    "by five numbers": {"rect": (0, 0, 595, 842, 0)},
    "in a box turned round": {"rect": (480, 120, 300, 70)},
    "in a box told elsewhere": {"rect": generic.ArrayObject([generic.NullObject()] * 4)},
    "beyond the page": {"rect": (500, 70, 900, 120)},
    "below the page": {"rect": (300, -40, 480, 40)},
    "larger than a signature": {"rect": (60, 60, 530, 300)},
    "by state": {"AP": by_state},
    "on a layer": {"AP": on_layer},
    "on a layer of its own": {"OC": layer},
    "otherwise under the mouse": {
        "AP": lambda writer: generic.DictionaryObject({pdf_name(name): drawn(writer) for name in ("/N", "/R")})
    },
    "when pressed": {
        "AP": lambda writer: generic.DictionaryObject({pdf_name(name): drawn(writer) for name in ("/N", "/D")})
    },
}


def test_a_signature_may_be_drawn_as_its_signer_likes_in_white_space(roots):
    assert looked_at(digitally_signed(original(), box=BLANK, look=seen)).counts


@pytest.mark.parametrize("how", LOOKS)
def test_but_a_signature_drawn_in_other_ways_is_for_a_person_to_judge(how, roots):
    def look(annotation, writer):
        seen(annotation, writer, **LOOKS[how])

    found = looked_at(digitally_signed(original(), box=BLANK, look=look))

    assert found.doubts
    assert set(found.doubts) <= {Doubt.MARKED, Doubt.COVERED}


@pytest.mark.parametrize(("name", "issuer"), [("Karl Anders", ISSUER), ("Erika Muster", "Fremde CA")])
def test_a_second_signature_shows_nothing_unless_its_signer_was_asked(name, issuer, roots):
    once = digitally_signed(original())

    invisible = looked_at(digitally_signed(once, name, issuer=issuer, field="Zweite"))
    visible = looked_at(digitally_signed(once, name, issuer=issuer, field="Zweite", box=BLANK))

    assert invisible.counts
    assert visible.doubts == (Doubt.MARKED,)


def test_a_signature_redrawn_before_the_next_one_does_not_count(roots):
    once = digitally_signed(original(), box=BLANK)
    writer = IncrementalPdfFileWriter(BytesIO(once))
    ref, _ = writer.find_page_for_modification(PAGES - 1)
    seen(ref.get_object()["/Annots"][-1], writer)
    redrawn = BytesIO()
    writer.write(redrawn)

    for content in (redrawn.getvalue(), digitally_signed(redrawn.getvalue(), field="Zweite")):
        try:
            assert not looked_at(content).counts
        except SignatureBroken:
            continue


# ---- what is shown or done beside the pages


def updated_so(content: bytes, change) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(content))
    change(writer)
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def in_root(name, value):
    """The file's catalogue says so."""

    def change(writer):
        writer.root[pdf_name(name)] = value(writer) if callable(value) else value

    return change


def on_first_page(name, value):
    def change(writer):
        ref, _ = writer.find_page_for_modification(0)
        ref.get_object()[pdf_name(name)] = writer.add_object(value)
        writer.update_container(ref.get_object())

    return change


def bookmark(writer):
    one = writer.add_object(dictionary(Title=CONDITION))
    return writer.add_object(dictionary(First=one, Last=one, Count=generic.NumberObject(1)))


def another_bookmark(writer):
    """Behind all of ours."""
    last = writer.root["/Outlines"]["/Last"]
    last[pdf_name("/Next")] = writer.add_object(dictionary(Title=CONDITION))
    writer.update_container(last)


def read_aloud_otherwise(writer):
    part = writer.root["/StructTreeRoot"]["/K"][0]
    part[pdf_name("/ActualText")] = CONDITION
    writer.update_container(part)


def title(writer):
    writer.set_info(writer.add_object(dictionary(Title=CONDITION)))


def title_in_xmp(writer):
    known = writer.root["/Metadata"].data
    assert b"</dc:title>" in known
    said = known.replace(b"</rdf:li></rdf:Alt></dc:title>", b"; Preis 1 Euro</rdf:li></rdf:Alt></dc:title>")
    assert said != known
    writer.root[pdf_name("/Metadata")] = writer.add_object(MetadataStream(stream_data=said))


def title_of_the_provider(writer):
    """A text that stands in the original too, under another name."""
    info = generic.DictionaryObject(writer.prev.trailer_view["/Info"])
    author = info["/Author"]
    writer.set_info(writer.add_object(generic.DictionaryObject(info | {pdf_name("/Title"): author})))


def text_as_date(writer):
    info = generic.DictionaryObject(writer.prev.trailer_view["/Info"])
    writer.set_info(writer.add_object(generic.DictionaryObject(info | {pdf_name("/CreationDate"): CONDITION})))


def remark_in_xmp(writer):
    known = writer.root["/Metadata"].data
    said = re.sub(
        rb"(<dc:format[^>]*>)(.*?)(</dc:format>)|</rdf:RDF>",
        b"<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'>"
        b"<dc:format>Nur f\xc3\xbcr den Preis 1 Euro</dc:format></rdf:Description></rdf:RDF>",
        known,
    )
    writer.root[pdf_name("/Metadata")] = writer.add_object(MetadataStream(stream_data=said))


def text_field_above_a_signature(writer):
    kid = writer.add_object(dictionary(FT=pdf_name("/Sig")))
    field = dictionary(FT=pdf_name("/Tx"), T=generic.pdf_string("Feld"), V=CONDITION, Kids=generic.ArrayObject([kid]))
    fields = generic.ArrayObject([writer.add_object(field)])
    writer.root[pdf_name("/AcroForm")] = writer.add_object(dictionary(Fields=fields))


def text_field_on_no_page(writer):
    field = dictionary(FT=pdf_name("/Tx"), T=generic.pdf_string("Feld"), V=CONDITION)
    fields = generic.ArrayObject([writer.add_object(field)])
    writer.root[pdf_name("/AcroForm")] = writer.add_object(dictionary(Fields=fields))


CONDITION = generic.pdf_string("Nur wenn der Preis 1 Euro beträgt")
BESIDE = {
    "bookmarks": (in_root("/Outlines", bookmark), "/Outlines"),
    "a bookmark behind ours": (another_bookmark, "/Outlines"),
    "the pane of bookmarks at once": (in_root("/PageMode", pdf_name("/UseOutlines")), "/PageMode"),
    "names of pages": (
        in_root(
            "/PageLabels",
            dictionary(Nums=generic.ArrayObject([generic.NumberObject(0), dictionary(P=CONDITION)])),
        ),
        "/PageLabels",
    ),
    "another title": (title, "/Info"),
    "another title, told the newer way": (title_in_xmp, "/Info"),
    "a text of ours in place of the title": (title_of_the_provider, "/Info"),
    "a text in place of a date": (text_as_date, "/Info"),
    "a text in place of the kind of file": (remark_in_xmp, "/Info"),
    "a small picture of another page": (
        on_first_page("/Thumb", generic.StreamObject(stream_data=bytes(300))),
        "/Thumb",
    ),
    "other words when it is read aloud": (read_aloud_otherwise, "/StructTreeRoot"),
    "another page first": (in_root("/OpenAction", dictionary(S=pdf_name("/GoTo"), D=CONDITION)), "/OpenAction"),
    "no menus": (
        in_root("/ViewerPreferences", dictionary(HideToolbar=generic.BooleanObject(True))),
        "/ViewerPreferences",
    ),
    "layers": (
        in_root(
            "/OCProperties",
            lambda writer: dictionary(OCGs=generic.ArrayObject([layer(writer)]), D=dictionary()),
        ),
        "/OCProperties",
    ),
    "a note of lawyers": (in_root("/Legal", dictionary(Attestation=CONDITION)), "/Legal"),
    "usage rights": (in_root("/Perms", dictionary(UR3=dictionary(Reason=CONDITION))), "/Perms"),
    "a field on no page": (text_field_on_no_page, "/AcroForm"),
    "a text field above a signature": (text_field_above_a_signature, "/AcroForm"),
    "something unknown": (in_root("/Beiblatt", CONDITION), "/Beiblatt"),
}


@pytest.mark.parametrize("what", BESIDE)
def test_what_is_shown_beside_the_pages_is_as_in_the_original_or_for_a_person_to_judge(what, roots):
    change, name = BESIDE[what]
    content = updated_so(original(), change)

    found = looked_at(digitally_signed(content))

    assert found.doubts == (Doubt.BESIDE,)
    assert [told["entry"] for told in found.beside] == [name]
    silent = name in {"/PageMode", "/ViewerPreferences", "/Thumb", "/OCProperties"} or change is title_of_the_provider
    assert any("Preis" in text for text in found.beside[0]["texts"]) == (not silent)
    assert looked_at(content).doubts == (Doubt.NO_SIGNATURE,)


def written_by_others(writer):
    """As signing programs leave a file: their names, rules and data, and the signature among the parts read aloud."""
    writer.root[pdf_name("/PieceInfo")] = dictionary(Programm=dictionary(LastModified=generic.pdf_string("D:2026")))
    writer.root[pdf_name("/Extensions")] = dictionary(ESIC=dictionary(ExtensionLevel=generic.NumberObject(2)))
    writer.root[pdf_name("/DSS")] = dictionary(Certs=generic.ArrayObject())
    info = writer.prev.trailer_view["/Info"]
    changed_info = generic.DictionaryObject(info) | {pdf_name("/Producer"): generic.pdf_string("Signaturprogramm 7")}
    writer.set_info(writer.add_object(generic.DictionaryObject(changed_info)))
    field = dictionary(Subtype=pdf_name("/Widget"), FT=pdf_name("/Sig"), T=generic.pdf_string("Signature1"))
    held = dictionary(Type=pdf_name("/OBJR"), Obj=writer.add_object(field))
    root = writer.root["/StructTreeRoot"]
    part = root["/K"][0]
    element = dictionary(S=pdf_name("/Form"), P=root["/K"].raw_get(0), K=held)
    kids = part["/K"] if isinstance(part["/K"], generic.ArrayObject) else generic.ArrayObject([part.raw_get("/K")])
    part[pdf_name("/K")] = generic.ArrayObject([*kids, writer.add_object(element)])
    writer.update_container(part)


def test_what_signing_programs_leave_beside_the_pages_says_nothing(roots):
    assert looked_at(digitally_signed(updated_so(original(), written_by_others))).counts


@pytest.mark.parametrize(
    "entries",
    [
        {"TU": generic.pdf_string("Nebenabrede: Preis 1 Euro")},
        {"Contents": generic.pdf_string("Nebenabrede: Preis 1 Euro")},
        {"A": dictionary(S=pdf_name("/URI"), URI=generic.pdf_string("https://nebenabrede.example"))},
    ],
    ids=lambda entries: "".join(entries),
)
def test_a_signature_that_tells_or_does_more_on_its_page_is_for_a_person_to_judge(entries, roots):
    def look(annotation, writer):
        seen(annotation, writer, **entries)

    own = looked_at(digitally_signed(original(), box=BLANK, look=look))
    empty = looked_at(digitally_signed(with_mark(original(), Rect=numbers(0, 0, 0, 0), **entries)))

    assert Doubt.MARKED in own.doubts
    assert empty.doubts == (Doubt.MARKED,)


# ---- what is said with a signature


SAID = {
    "as reason": {"/Reason": CONDITION},
    "as reason, in a plain word": {"/Reason": generic.pdf_string("Zustimmung")},
    "as place": {"/Location": CONDITION},
    "as contact": {"/ContactInfo": CONDITION},
    "as the signer’s name": {"/Name": CONDITION},
    "behind the signer’s name": {"/Name": generic.pdf_string("Erika Muster (Preis 1 Euro)")},
    "as a sign behind the signer’s name": {"/Name": generic.pdf_string("Erika Muster ✗")},
    "as date": {"/M": CONDITION},
    "in an unknown entry": {"/Vorbehalt": CONDITION},
    "as bytes that are no text": {"/Reason": generic.ByteStringObject(b"\x81\x8d Preis 1 Euro")},
    "as a name": {"/Reason": pdf_name("/Preis1Euro")},
    "beside the rules for later changes": {
        "/Reference": generic.ArrayObject(
            [
                dictionary(
                    TransformMethod=pdf_name("/DocMDP"),
                    TransformParams=dictionary(P=generic.NumberObject(2), V=pdf_name("/1.2"), Msg=CONDITION),
                )
            ]
        )
    },
}
USUAL = {
    "nothing": {},
    "empty": dict.fromkeys(("/Reason", "/Location", "/ContactInfo", "/Name"), generic.pdf_string("")),
    "blank": {"/Reason": generic.pdf_string(" \u200b"), "/Location": generic.NullObject()},
    "the signer’s name": {"/Name": generic.pdf_string("MUSTER, Erika")},
    "a date without a zone": {"/M": generic.pdf_string("D:20261129120000")},
    "the program, as Adobe’s name themselves": {"/Prop_Build": dictionary(App=dictionary(Name=pdf_name("/Acrobat")))},
}


@pytest.mark.parametrize("how", SAID)
def test_what_is_said_with_a_signature_is_for_a_person_to_read(how, roots):
    found = looked_at(digitally_signed(original(), said=SAID[how]))

    assert found.doubts == (Doubt.SAYS_MORE,)
    assert any(word in found.signatures[0].reason for word in ("Preis", "Zustimmung", "✗"))


@pytest.mark.parametrize("what", USUAL)
def test_what_programs_write_with_every_signature_says_nothing(what, roots):
    found = looked_at(digitally_signed(original(), said=USUAL[what]))

    assert found.counts
    assert found.signatures[0].reason == ""


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_said_with_one_of_several_signatures_is_read(order, roots):
    said = [{}, SAID["as reason"]][::order]
    once = digitally_signed(original(), said=said[0])

    assert looked_at(digitally_signed(once, field="Zweite", said=said[1])).doubts == (Doubt.SAYS_MORE,)


# ---- what bears no digital signature


@cache
def scan() -> bytes:
    return scanned(PAGES)


def without(content: bytes, word: bytes) -> bytes:
    return content.replace(word, b" " * len(word))


def in_loop() -> bytes:
    """A table of contents that names itself as the one before."""
    whole = pdf()
    start = int(whole.rpartition(b"startxref")[2].split()[0])
    return whole.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %010d" % start)


def hybrid() -> bytes:
    """A table of contents in two forms, of which old and new readers take one each."""
    whole = pdf(packed={7: b"<<>>"})
    start = int(whole.rpartition(b"startxref")[2].split()[0])
    update = updated(pdf(), {})
    return update.replace(b"/Root 1 0 R/Prev", b"/Root 1 0 R/XRefStm %d/Prev" % start)


FAULTY = {
    "a byte order mark before it": lambda: b"\xef\xbb\xbf" + scan(),
    "a line before it": lambda: b"\r\n" + scan(),
    "a remark before it": lambda: b"% from the scanner\n" + scan(),
    "a printer's words before it": lambda: b"\x1b%-12345X@PJL JOB\n@PJL ENTER LANGUAGE=PDF\n" + scan(),
    "a table that begins with 1": lambda: scan().replace(b"xref\n0 ", b"xref\n1 ", 1),
    "a table in the wrong place": lambda: scan().replace(b"startxref\n", b"startxref\n1", 1),
    "no place of the table": lambda: faulty(scan()),
    "places that are wrong": lambda: scan().replace(b"\n00000", b"\n00001"),
    "no end": lambda: scan()[: scan().rindex(b"startxref")],
    "much behind its end": lambda: scan() + b"Gesendet von meinem Telefon\n" * 120,
    "zeros behind its end": lambda: scan() + bytes(5_000),
    "no ends of objects": lambda: without(scan(), b"endobj"),
    "lengths that are wrong": lambda: scan().replace(b"/Length ", b"/Length 1"),
    "an owner's password only": lambda: locked(scan(), "", "geheim"),
    "a lock and a line before it": lambda: b"\n" + locked(scan(), "", "geheim"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_scan_that_viewers_open_is_for_a_person_to_look_at_whatever_its_faults(fault):
    content = FAULTY[fault]()

    found = looked_at(content)

    assert found.doubts == (Doubt.NO_SIGNATURE,)
    assert found.pages == PAGES
    assert uploaded_copy.picture(content, PAGES, 320) == uploaded_copy.picture(scan(), PAGES, 320)


@pytest.mark.parametrize("make", [in_loop, hybrid])
def test_so_is_a_file_whose_tables_of_contents_lead_astray(make):
    assert looked_at(make()).doubts == (Doubt.NO_SIGNATURE, Doubt.PAGES_MISSING)


@pytest.mark.parametrize("fault", ["a line before it", "no place of the table", "much behind its end"])
def test_what_is_signed_has_to_be_without_faults(fault, roots):
    signed = digitally_signed(original())
    faults = {"a line before it": b"\n" + signed, "no place of the table": faulty(signed)}
    content = faults.get(fault, signed + b"Gesendet von meinem Telefon\n" * 120)

    with suppress(FileDamaged):
        assert not looked_at(content).counts


@pytest.mark.parametrize(
    "content",
    [
        pdf(page=LINK % b"URI/URI(www.kanzlei.example)"),
        pdf(page=LINK % b"URI/URI(www.kanzlei.example:8080/a)"),
        pdf(page=LINK % b"URI/URI(kanzlei@kanzlei.example)"),
        pdf(page=LINK % b"URI/URI()"),
        pdf(page=LINK % b"URI/URI(#seite2)"),
        pdf(page=LINK % b"URI/URI(fax:+49301234)"),
        pdf(catalog=b"/OpenAction<</S/Named/N/FirstPage>>"),
        pdf(catalog=b"/OpenAction[3 0 R/Fit]"),
        pdf(catalog=b"/OpenAction<</S/GoTo/D[3 0 R/Fit]>>"),
        pdf(catalog=b"/Names<</EmbeddedFiles<</Names[]>>>>"),  # As programs leave it that took files out.
        pdf(catalog=b"/AcroForm null/AA null/Names<</JavaScript null>>"),
    ],
)
def test_what_reaches_nothing_by_itself_is_taken(content):
    assert Doubt.NO_SIGNATURE in looked_at(content).doubts


@pytest.mark.parametrize(
    "name", ["AA", "JS", "JavaScript", "EF", "EmbeddedFiles", "Collection", "XFA", "RichMediaContent"]
)
def test_a_font_may_be_called_as_it_likes(name):
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    content = pdf({5: font}, page=b"/Resources<</Font<</%s 5 0 R>>>>" % name.encode())

    assert Doubt.NO_SIGNATURE in looked_at(content).doubts


def test_a_certificate_page_is_put_behind_a_scan_only_if_the_scan_stays_to_be_seen():
    sheet = scanned(1)
    for make in FAULTY.values():
        told, joined = sandbox.ask("tasks.untrusted.pdfs.join", {"information": {"/Title": "Vertrag"}}, make(), sheet)
        if told["joined"]:
            assert uploaded_copy.picture(joined, PAGES, 320) == uploaded_copy.picture(scan(), PAGES, 320)
            assert uploaded_copy.picture(joined, PAGES + 1, 320)


def test_a_scan_is_for_a_person_to_look_at():
    found = looked_at(scanned(PAGES))

    assert found.doubts == (Doubt.NO_SIGNATURE,)
    assert (found.pages, found.original_pages, found.signatures) == (PAGES, PAGES, ())
    assert not found.counts


def test_a_scan_that_lacks_pages_says_so():
    assert looked_at(scanned(2)).doubts == (Doubt.NO_SIGNATURE, Doubt.PAGES_MISSING)


def test_the_agreement_without_any_signature_is_refused():
    for unsigned in (original(), rebuilt(original())):
        with pytest.raises(NothingSigned):
            looked_at(unsigned)


def test_the_agreement_with_a_drawn_signature_is_for_a_person_to_look_at():
    assert looked_at(noted(original())).doubts == (Doubt.NO_SIGNATURE,)
    assert looked_at(changed(original(), page=PAGES - 1)).doubts == (Doubt.NO_SIGNATURE,)


# ---- pictures


def test_pages_become_pictures_of_bounded_size():
    png = uploaded_copy.picture(original(), 1, 640)
    large = uploaded_copy.picture(original(), PAGES, 1_000_000)

    assert Image.open(BytesIO(png)).size == (640, 906)
    assert Image.open(BytesIO(large)).width == uploaded_copy.WIDEST_PICTURE
    assert uploaded_copy.picture(original(), PAGES + 1, 640) is None
    assert uploaded_copy.picture(original(), 0, 640) is None


def test_a_visible_signature_is_in_the_picture():
    signed = digitally_signed(original(), box=(300, 70, 480, 120))

    assert uploaded_copy.picture(original(), PAGES, 640) != uploaded_copy.picture(signed, PAGES, 640)


HARD_TO_DRAW = {
    "a bomb": lambda: pdf({4: flate(bytes(1 << 28), 2)}),
    "a stripe": lambda: pdf({3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 1e9 1]/Contents 4 0 R>>"}),
    "very many shapes": lambda: pdf({4: stream(b"0 0 9 9 re f " * 300_000)}),
    "none": lambda: b"%PDF-1.7 nothing",
}


@pytest.mark.parametrize("what", HARD_TO_DRAW)
def test_a_page_that_is_hard_to_draw_ends_soon(what):
    content = HARD_TO_DRAW[what]()

    with within(SECONDS_MOST), peak_memory() as peak:
        uploaded_copy.picture(content, 1, 640)

    assert 0 < peak() < MEMORY_MOST


# ---- the process, begun with nothing as in the product


@pytest.mark.parametrize(
    "what",
    ["another program", "half of the agreement", "a list of lists of lists", "a bomb", "a password"],
)
def test_a_hostile_file_is_refused_as_well_where_nothing_is_loaded_ahead(what, started_anew):
    make, refusal = HOSTILE[what]

    with peak_memory() as peak, pytest.raises(refusal):
        looked_at(make())

    assert 0 < peak() < MEMORY_MOST


def test_the_whole_agreement_is_read_as_well(roots, started_anew):
    assert looked_at(digitally_signed(rendered()), against=rendered()).counts
    assert looked_at(noted(rendered()), against=rendered()).doubts == (Doubt.NO_SIGNATURE,)


def test_the_process_has_no_secrets_and_ends_with_its_time(monkeypatch, started_anew):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.05)

    with pytest.raises(FileTooCostly):
        looked_at(original())
