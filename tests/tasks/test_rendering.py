import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import get_args

import pypdfium2
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE
from weasyprint.urls import FatalURLFetchingError

from tasks.agreement import rendering
from tasks.agreement.contract_texts import current_texts
from tasks.agreement.rendering import (
    AgreementData,
    DigitalSignature,
    Proof,
    Signature,
    agreement_filename,
    agreement_parts,
    render_agreement,
)
from tests.agreements import short

LANGUAGES = ("de", "fr", "en")
FIRM = "Anwaltskanzlei Freitag & Kollegen"
STATUTES = {"tax": "§ 62a StBerG", "law": "§ 43e BRAO", "audit": "§ 50a WPO"}
PROFESSIONS = {"de": "law", "fr": "tax", "en": "audit"}
"""Whose agreement is printed in each language; what the others say is read before it is printed."""
HOSTILE = (
    FIRM,
    "Müller „Steuer“ <b>GmbH",
    "<script>alert(1)</script> & Söhne",
    "Kanzlei {{ 7 * 7 }} {% include 'x' %}",
    "100 % O’Neill \"Recht\" 'Rat' %(firm)s",
    'x"><img src="file:///etc/passwd"><a href="https://boese.example">',
)
PRICES = {"de": "1.234,50 €", "fr": "1 234,50 €", "en": "€1,234.50"}  # The French spaces are normalised by plain().
DATES = {"de": "24. November 2026", "fr": "24 novembre 2026", "en": "24 November 2026"}
LETTERS = "abcdefgh"
ART_28 = {
    "de": ("Gegenstand und Dauer", "Art und Zweck", "Art der personenbezogenen Daten",
           "Kategorien betroffener Personen",
           "Pflichten und Rechte des Verantwortlichen", *(f"Art. 28 Abs. 3 lit. {letter}" for letter in LETTERS),
           "Art. 28 Abs. 3 UAbs. 2"),
    "fr": ("Objet et durée", "Nature et finalité", "Type de données à caractère personnel",
           "Catégories de personnes concernées", "Obligations et droits du responsable du traitement",
           *(f"art. 28, par. 3, point {letter}" for letter in LETTERS), "art. 28, par. 3, al. 2"),
    "en": ("Subject matter and duration", "Nature and purpose", "Type of personal data", "Categories of data subjects",
           "Obligations and rights of the controller", *(f"Art. 28(3)({letter})" for letter in LETTERS),
           "Art. 28(3), second subparagraph"),
}  # fmt: skip
SECRECY = {
    "de": ("strafrechtlichen Folgen (§ 203 StGB)", "Kenntnisnahme nur soweit erforderlich", "weiterer Personen",
           "im Ausland"),
    "fr": ("conséquences pénales (§ 203 StGB)", "limitée au nécessaire", "Recours à d’autres personnes",
           "à l’étranger"),
    "en": ("criminal consequences (§ 203 StGB)", "only as far as necessary", "further persons", "Services abroad"),
}  # fmt: skip


def logo() -> bytes:
    picture = BytesIO()
    Image.new("RGBA", (600, 160), (160, 30, 60, 128)).save(picture, "PNG")
    return picture.getvalue()


@cache
def scan() -> bytes:
    """A page that came from a scanner."""
    paged = BytesIO()
    Image.new("RGB", (600, 800), "white").save(paged, "PDF")
    return paged.getvalue()


def data(language="de", line_of_business="", **facts) -> AgreementData:
    usual = AgreementData(
        number="V-861272-1",
        version="2026-11",
        language=language,
        date=date(2026, 11, 24),
        product="Provision",
        provider_name="Convent IT",
        provider_address=("Musterstraße 1", "10115 Berlin"),
        provider_email="service@convent-it.example",
        firm_name=FIRM,
        company_id="861272",
        line_of_business=line_of_business or PROFESSIONS[language],
        line_of_business_label="Rechtsanwaltskanzlei",
        address=("Lindenallee 12", "50667 Köln"),
        website="https://freitag.example",
        organiser_name="Dr. Ute Freitag",
        organiser_email="ute.freitag@freitag.example",
        contact_person="Jörg Sommer",
        plan="Kanzlei Plus",
        billing="quarterly",
        price_cents=123450,
    )
    return replace(usual, **facts)


@cache
def rendered(language="de") -> bytes:
    return render_agreement(data(language))


@cache
def brief() -> bytes:
    """The German agreement without its terms."""
    return short(data())


def plain(text: str) -> str:
    """With every kind and number of spaces as one."""
    return " ".join(text.split())


@cache
def read(pdf: bytes) -> PdfReader:
    return PdfReader(BytesIO(pdf))


@cache
def pages(pdf: bytes) -> list[str]:
    return [plain(page.extract_text()) for page in read(pdf).pages]


def last_page(pdf: bytes) -> str:
    return plain(read(pdf).pages[-1].extract_text())


def text_of(*parts) -> str:
    return plain(" ".join(f"{part.title} {BeautifulSoup(part.html, 'html.parser').get_text(' ')}" for part in parts))


def embedded_fonts(pdf: bytes) -> dict[str, bool]:
    found = {}
    for page in read(pdf).pages:
        for font in page["/Resources"]["/Font"].values():
            for descendant in font.get_object()["/DescendantFonts"]:
                descriptor = descendant.get_object()["/FontDescriptor"]
                found[font["/BaseFont"]] = "/FontFile2" in descriptor or "/FontFile3" in descriptor
    return found


def pictures(pdf: bytes) -> list[list[tuple[int, int]]]:
    """Of every page the sizes of its pictures in pixels."""
    document = pypdfium2.PdfDocument(pdf)
    found = [[picture.get_px_size() for picture in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE])] for page in document]
    document.close()
    return found


def render(pdf: bytes, page: int) -> bytes:
    """The page as pixels."""
    document = pypdfium2.PdfDocument(pdf)
    drawn = document[page].render(scale=1).to_pil().tobytes()
    document.close()
    return drawn


def edges(pdf: bytes) -> tuple[float, float, float, float]:
    """Of all letters in the document: leftmost, lowest, rightmost and highest edge, in points."""
    boxes = []
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        text = page.get_textpage()
        letters = text.get_text_range()
        boxes += [text.get_charbox(at) for at in range(text.count_chars()) if letters[at : at + 1].strip()]
        text.close()
        page.close()
    document.close()
    left, bottom, right, top = zip(*boxes, strict=True)
    return min(left), min(bottom), max(right), max(top)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_cover_names_both_parties_the_subscription_and_the_price(language):
    cover = pages(rendered(language))[0]

    for fact in (FIRM, "Lindenallee 12", "50667 Köln", "https://freitag.example", "861272", "Rechtsanwaltskanzlei"):
        assert fact in cover
    for fact in ("Dr. Ute Freitag", "ute.freitag@freitag.example", "Jörg Sommer", "Kanzlei Plus", "V-861272-1"):
        assert fact in cover
    for fact in ("Convent IT", "Musterstraße 1", "service@convent-it.example", PRICES[language], DATES[language]):
        assert fact in cover


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_processing_annex_has_every_item_of_article_28_in_a_heading(language):
    part = next(part for part in agreement_parts(data(language)) if part.key == "processing")
    headings = [plain(heading.get_text()) for heading in BeautifulSoup(part.html, "html.parser")("h2")]

    for item in ART_28[language]:
        assert any(item in heading for heading in headings), item
        assert item in plain(" ".join(pages(rendered(language)))), item


def statutes_in(document: str) -> list[str]:
    return [name for name, statute in STATUTES.items() if statute in document]


@pytest.mark.parametrize(("language", "line_of_business"), list(product(LANGUAGES, STATUTES)))
def test_a_profession_gets_its_own_secrecy_annex_and_no_other(language, line_of_business):
    document = text_of(*agreement_parts(data(language, line_of_business)))

    assert statutes_in(document) == [line_of_business]
    for item in SECRECY[language]:
        assert item in document


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_secrecy_annex_of_the_profession_is_printed(language):
    document = " ".join(pages(rendered(language)))

    assert statutes_in(document) == [PROFESSIONS[language]]
    for item in SECRECY[language]:
        assert item in document


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_firm_without_a_duty_of_secrecy_gets_no_secrecy_annex(language):
    parts = agreement_parts(data(language, "other"))
    documents = [text_of(*parts)]
    if language == "de":
        documents.append(" ".join(pages(short(data(language, "other")))))

    for document in documents:
        assert statutes_in(document) == []
        assert "§ 203 StGB" not in document
    assert [part.key for part in parts] == ["cover", "terms", "processing"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_of_text_says_that_it_is_a_sample(language):
    for part in agreement_parts(data(language))[1:]:
        assert BeautifulSoup(part.html, "html.parser").select(".sample")


@pytest.mark.parametrize(
    ("billing", "german", "french", "english"),
    [
        ("monthly", "je Monat", "par mois", "per month"),
        ("quarterly", "je Vierteljahr", "par trimestre", "per quarter"),
        ("half_yearly", "je Halbjahr", "par semestre", "per half-year"),
        ("yearly", "je Jahr", "par an", "per year"),
    ],
)
def test_the_price_is_told_per_billing_interval(billing, german, french, english):
    for language, words in zip(LANGUAGES, (german, french, english), strict=True):
        cover, terms = agreement_parts(data(language, billing=billing))[:2]
        assert f"{PRICES[language]} {words}" in text_of(cover)
        assert f"{PRICES[language]} {words}" in text_of(terms)


@pytest.mark.parametrize(
    ("language", "numbered"), [("de", "Seite 3 von {}"), ("fr", "Page 3 sur {}"), ("en", "Page 3 of {}")]
)
def test_every_page_tells_its_number_and_the_document_it_belongs_to(language, numbered):
    found = pages(rendered(language))

    assert 8 <= len(found) <= 13
    assert numbered.format(len(found)) in found[2]
    assert all("V-861272-1" in page and "2026-11" in page for page in found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contents_point_to_the_pages_where_the_headings_are(language):
    found = pages(rendered(language))
    reader = read(rendered(language))
    entries = [entry for level in reader.outline if isinstance(level, list) for entry in level]
    assert len(entries) > 30

    for entry in entries:
        heading, page = plain(entry.title), reader.get_destination_page_number(entry)
        told = found[1].split(heading, 1)[1].lstrip(". ").split(" ")[0]
        assert heading in found[page]
        assert int(told) == page + 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_document_is_marked_as_pdf_a_3b_in_its_language_with_title_and_bookmarks(language):
    reader = read(rendered(language))
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()

    assert 'pdfaid:part="3"' in metadata
    assert 'pdfaid:conformance="B"' in metadata
    assert reader.trailer["/Root"]["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert reader.trailer["/Root"]["/OutputIntents"][0]["/DestOutputProfile"].get_data()
    assert reader.trailer["/Root"]["/Lang"][:2] == language
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert FIRM in reader.metadata.title
    assert reader.metadata.creation_date_raw.startswith("D:20261124")
    assert reader.trailer["/ID"]
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in reader.pages} == {(595, 842)}


def test_nothing_in_the_document_runs_or_leads_outside():
    reader = read(rendered())

    assert not {"/OpenAction", "/AA", "/AcroForm"} & set(reader.trailer["/Root"])
    assert "/JavaScript" not in reader.trailer["/Root"].get("/Names", {})
    for page in reader.pages:
        for annotation in page.get("/Annots", []):
            assert annotation.get_object().get("/A", {}).get("/S") in (None, "/GoTo")


def test_every_font_is_embedded():
    fonts = embedded_fonts(rendered())

    assert len(fonts) > 2
    assert all(fonts.values())


def test_the_same_data_gives_the_same_bytes_here_and_in_another_process():
    again = (
        "import datetime, hashlib; from tasks.agreement.rendering import AgreementData, render_agreement;"
        f"print(hashlib.sha256(render_agreement({data()!r})).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", again],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        cwd=Path(rendering.__file__).parents[2],
    )

    assert short(data()) == brief()
    assert other.stdout.strip() == hashlib.sha256(rendered()).hexdigest()


def test_other_data_give_other_bytes():
    assert short(data(price_cents=123451)) != brief()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_a_name_and_never_markup(name):
    cover = agreement_parts(data(firm_name=name, organiser_name=name, contact_person=name, address=(name,), plan=name))[
        0
    ]

    assert text_of(cover).count(plain(name)) == 5
    assert not BeautifulSoup(cover.html, "html.parser").find_all(["b", "script", "img", "a"])


def test_names_like_markup_are_printed_as_they_are():
    name = " ".join(HOSTILE)
    pdf = short(data(firm_name=name, organiser_name=name, contact_person=name, address=HOSTILE, plan=name))

    assert all(plain(one) in pages(pdf)[0] for one in HOSTILE)
    assert plain(name) in read(pdf).metadata.title
    assert not any(pictures(pdf))


@pytest.mark.parametrize("address", ["https://boese.example/x.png", "file:///etc/passwd", "data:image/png;base64,AA=="])
def test_rendering_fetches_nothing(address):
    with pytest.raises(FatalURLFetchingError, match="fetches nothing"):
        rendering._pdf(f'<img src="{address}">', tagged=False)


def test_the_logo_stands_on_the_cover_and_only_there():
    found = pictures(short(data(logo=logo())))

    assert found[0] == [(600, 160)]
    assert not any(found[1:])
    assert not any(pictures(rendered()))


def test_a_broken_logo_does_not_keep_the_agreement_back():
    assert FIRM in pages(short(data(logo=b"\x89PNG broken")))[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_leaves_the_text_area(language):
    long = "Donaudampfschifffahrtsgesellschaftssteuerberatungsgesellschaft" * 3
    awkward = data(
        language,
        firm_name=long,
        provider_name="Provider " * 12,
        organiser_name="Bärbel " * 30,
        organiser_email=f"{long}@freitag.example",
        website=f"https://freitag.example/{long}",
        address=(long, long),
        number="V-861272-1" * 3,
    )
    millimetre = 72 / 25.4

    for pdf in (rendered(language), short(awkward)):  # The terms tell none of these facts.
        left, bottom, right, top = edges(pdf)
        assert left >= 24.5 * millimetre
        assert right <= 185.5 * millimetre
        assert bottom >= 10 * millimetre
        assert top <= 290 * millimetre


def test_parts_are_fragments_without_their_title():
    parts = agreement_parts(data())

    assert [part.key for part in parts] == ["cover", "terms", "processing", "secrecy"]
    assert plain(parts[3].title) == "Anlage 2: Verschwiegenheit (§ 43e BRAO)"
    for part in parts:
        found = BeautifulSoup(part.html, "html.parser")
        assert not found.find_all(["html", "head", "body", "h1", "style", "script", "img"])
        assert part.title not in found.get_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_read_on_the_page_is_what_the_paper_says(language):
    document = "".join("".join(pages(rendered(language))).split()).replace("-", "")

    for part in agreement_parts(data(language))[1:]:
        for block in BeautifulSoup(part.html, "html.parser").find_all("h2"):
            assert "".join(block.get_text().split()).replace("-", "") in document


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_citation_falls_apart_at_the_end_of_a_line(language):
    for part in agreement_parts(data(language))[1:]:
        text = BeautifulSoup(part.html, "html.parser").get_text()
        assert not re.search(r"(§|[Aa]rts?\.|Abs\.|Nr\.|lit\.|par\.) [\da-h]\b", text)
        assert "§\N{NO-BREAK SPACE}" in text or part.key == "processing"


# The sheet that records the signatures.


def signatures() -> list[Signature]:
    return [
        Signature(
            party_name=FIRM,
            signer_name="Dr. Ute Freitag",
            role="Partnerin",
            email="ute.freitag@freitag.example",
            signed_at=datetime(2026, 7, 24, 7, 15, 3, tzinfo=UTC),
            how="page",
            authentication=("mail_link", "mail_code"),
            sent_at=datetime(2026, 7, 20, 6, 0, 1, tzinfo=UTC),
            viewed_at=datetime(2026, 7, 24, 7, 2, 2, tzinfo=UTC),
            visits=(("203.0.113.7", "Mozilla/5.0 <i>(X11; Linux)</i>"), ("2001:db8::7", "")),
        ),
        Signature(
            party_name="Convent IT",
            signer_name="Max Muster",
            signed_at=datetime(2026, 11, 24, 21, 30, tzinfo=timezone(timedelta(hours=9))),
            how="countersigned",
        ),
    ]


PROOF = Proof(
    document_id="861272-1",
    trail_entries=12,
    trail_head="ab12" * 16,
    house_entries=3,
    house_head="ef56" * 16,
    seal_level="PAdES B-B",
    seal_holder="Convent IT 2026, Convent IT",
    seal_fingerprint="cd34" * 16,
    seal_is_self_made=True,
)


def sign_off(pdf, signatures, language, proof=PROOF) -> bytes:
    return rendering.sign_off(pdf, signatures, language, proof)


@cache
def signed(language="de") -> bytes:
    return sign_off(rendered(language), signatures(), language)


@cache
def signed_scan() -> bytes:
    return sign_off(scan(), signatures(), "de")


def test_signing_off_keeps_the_original_byte_for_byte_and_adds_one_page():
    assert signed().startswith(rendered())
    *before, last = pages(rendered())
    assert pages(signed())[:-2] == before
    assert all(line in pages(signed())[-2] for line in (last[:200], *(one.signer_name for one in signatures())))
    assert pages(signed())[-1].startswith("Signaturnachweis")


@pytest.mark.parametrize(
    ("language", "level"),
    [
        ("de", "Einfache elektronische Signatur"),
        ("fr", "Signature électronique simple"),
        ("en", "Simple electronic signature"),
    ],
)
def test_the_sheet_tells_who_signed_how_when_and_what(language, level):
    original = rendered(language)

    sheet = last_page(signed(language))

    assert hashlib.sha256(original).hexdigest() in sheet
    assert f"head -c {len(original)} " in sheet
    assert level in sheet
    for fact in (
        FIRM,
        "Dr. Ute Freitag, Partnerin",
        "ute.freitag@freitag.example",
        "203.0.113.7",
        "<i>(X11; Linux)</i>",
    ):
        assert fact in sheet
    assert "09:15:03 (UTC+02:00) · 2026-07-24 07:15:03 UTC" in sheet
    assert "09:02:02 (UTC+02:00) · 2026-07-24 07:02:02 UTC" in sheet
    assert "08:00:01 (UTC+02:00) · 2026-07-20 06:00:01 UTC" in sheet
    assert "Max Muster" in sheet
    assert "13:30:00 (UTC+01:00) · 2026-11-24 12:30:00 UTC" in sheet
    for fact in ("861272-1", "2001:db8::7", "ab12" * 16, "cd34" * 16, "PAdES B-B", "Convent IT 2026"):
        assert fact in sheet


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_way_of_signing_has_words_in_every_language(language):
    ways = current_texts(language).words["certificate"]["ways"]
    assert set(ways) == set(get_args(rendering.Way))

    every = [replace(signatures()[0], signer_name=f"Signer {how}", how=how) for how in ways]
    sheet = "".join("".join(pages(sign_off(scan(), every, language))).split())

    for how, words in ways.items():
        whose = sheet.partition(f"Signer{how},")[2].partition("Signer")[0]
        assert "".join(words.split()) in whose


def test_the_joined_file_keeps_the_mark_of_pdf_a_title_bookmarks_and_embedded_fonts():
    reader = read(signed())

    assert 'pdfaid:part="3"' in reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert reader.trailer["/Root"]["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert FIRM in reader.metadata.title
    assert reader.metadata["/OriginalSHA256"] == hashlib.sha256(rendered()).hexdigest()
    assert len(reader.outline) == len(read(rendered()).outline)
    assert all(embedded_fonts(signed()).values())


def test_who_signed_stands_on_the_lines_that_the_agreement_has_for_it():
    page, before = pages(signed())[-2], pages(rendered())[-1]

    for fact in ("elektronisch, 24. Juli 2026", "Dr. Ute Freitag, Partnerin", "elektronisch, 24. November 2026"):
        assert fact in page
        assert fact not in before
    assert page.count("Elektronisch unterzeichnet") == page.count("Max Muster") == 2


def test_a_copy_in_the_attachment_is_pointed_to_from_the_lines():
    attached = [replace(signatures()[0], how="attached"), signatures()[1]]

    page = pages(sign_off(brief(), attached, "de"))[-2]

    assert page.count("siehe das unterzeichnete Exemplar im Anhang") == 3
    assert "Dr. Ute Freitag" not in page
    assert "Max Muster" in page


def test_the_certificate_does_not_take_the_arrival_of_a_file_for_its_signing():
    stamped = DigitalSignature("CN=U", "CN=R", True, None, datetime(2026, 7, 23, 9, tzinfo=UTC), True)
    known = {
        "Unterzeichnet 22. Juli 2026, wie es auf dem Exemplar steht": {"signed_on": date(2026, 7, 22)},
        "Unterzeichnet Der Tag ist uns nicht bekannt": {},
        "Unterzeichnet Siehe digitale Signatur": {"digital": (stamped,)},
        "Unterzeichnet 2026-07-20, wie der Signaturdienst mitteilt": {"how": "webhook", "told_at": "2026-07-20"},
    }
    came = [replace(signatures()[0], **{"how": "upload"} | facts) for facts in known.values()]

    sheet = " ".join(pages(sign_off(scan(), came, "de")))

    _, *told = sheet.split("Dr. Ute Freitag, Partnerin")
    for says, one, facts in zip(known, told, came, strict=True):
        assert says in one
        assert ("Gemeldet 24. Juli" if facts.how == "webhook" else "Hochgeladen 24. Juli") in one


def test_the_head_of_the_audit_trail_can_be_read_back():
    information = read(signed_scan()).metadata

    assert (information["/AuditEntries"], information["/AuditHead"]) == ("12", "ab12" * 16)
    assert (information["/HouseEntries"], information["/HouseHead"]) == ("3", "ef56" * 16)


def test_what_is_attached_lies_in_the_file_as_pdf_a_3_asks():
    attached = rendering.attach(signed(), scan(), "Müller – unterschrieben.pdf")

    root = read(attached).trailer["/Root"]
    (spec,) = (one.get_object() for one in root["/AF"])
    assert spec["/UF"] == "Müller – unterschrieben.pdf"
    assert spec["/F"]
    assert spec["/AFRelationship"] == "/Supplement"
    assert spec["/EF"]["/F"].get_object()["/Subtype"] == "/application/pdf"
    assert spec["/EF"]["/F"].get_object().get_data() == scan()
    assert b'pdfaid:part="3"' in root["/Metadata"].get_data()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_drawn_signature_is_shown(kind):
    drawn = (
        logo()
        if kind == "png"
        else b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 3"><path d="M1 1L8 2"/></svg>'
    )
    shown = sign_off(scan(), [replace(signatures()[0], drawing=drawn), signatures()[1]], "de")

    assert pictures(shown)[1] == ([(600, 160)] if kind == "png" else [])
    assert render(shown, 1) != render(signed_scan(), 1)


def test_a_drawing_fetches_nothing(caplog):
    spying = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd" width="9" height="9"/></svg>'

    joined = sign_off(scan(), [replace(signatures()[0], drawing=spying)], "de")

    assert "Failed to render SVG image" in caplog.text
    assert not any(pictures(joined)[1:])


def test_a_signature_in_the_copy_is_told_for_what_it_is():
    found = {
        (True, True): "the provider trusts the certificate’s issuer",
        (True, False): "the provider does not know the certificate’s issuer",
        (True, None): "the certificate’s issuer was not checked",
        (False, None): "could not be checked",
    }
    digital = tuple(DigitalSignature("CN=Ute Freitag", "CN=Trust Center, O=Beispiel", *state) for state in found)

    sheet = " ".join(pages(sign_off(scan(), [replace(signatures()[0], how="attached", digital=digital)], "en")))

    assert "signature’s level applies" in sheet
    _, *told = sheet.split("CN=Ute Freitag")
    for said, one in zip(found.values(), told, strict=True):
        assert "Issued by: CN=Trust Center, O=Beispiel" in one
        assert [each for each in found.values() if each in one] == [said]


def test_a_seal_that_somebody_issued_is_not_called_self_made():
    assert "selbst ausgestellt" in last_page(signed_scan())
    issued = sign_off(scan(), signatures(), "de", replace(PROOF, seal_is_self_made=False))
    assert "selbst ausgestellt" not in last_page(issued)


def test_an_identifier_from_outside_stands_in_the_file_and_makes_it_another():
    one, other = (render_agreement(data(), identifier=digit * 32) for digit in (b"1", b"2"))

    assert one != other
    assert one.replace(b"1" * 32, b"2" * 32) == other


def test_signing_off_twice_gives_the_same_bytes():
    assert sign_off(scan(), signatures(), "de") == signed_scan()


def test_the_sheet_is_added_to_a_document_that_is_not_ours_too():
    joined = sign_off(scan(), signatures(), "fr")

    assert joined.startswith(scan())
    assert len(pages(joined)) == 2
    assert "Sans titre" in pages(joined)[-1]


# File names.


@pytest.mark.parametrize(
    ("firm", "language", "name"),
    [
        (FIRM, "de", "Vertrag Provision – Anwaltskanzlei Freitag & Kollegen.pdf"),
        (FIRM, "fr", "Contrat Provision – Anwaltskanzlei Freitag & Kollegen.pdf"),
        (FIRM, "en", "Agreement Provision – Anwaltskanzlei Freitag & Kollegen.pdf"),
        ("Müller „Steuer“ <b>GmbH", "de", "Vertrag Provision – Müller „Steuer“ (b)GmbH.pdf"),
        ('A/B\\C: "D" | E? *', "de", "Vertrag Provision – A-B-C- 'D' - E.pdf"),
        ("  Weber\n\tund\u00a0Söhne Co. ", "de", "Vertrag Provision – Weber und Söhne Co.pdf"),
        ("gnp\u202efdp.exe\x00", "de", "Vertrag Provision – gnpfdp.exe.pdf"),
        ("Mu\u0308ller", "de", "Vertrag Provision – Müller.pdf"),
        ("?*", "de", "Vertrag Provision.pdf"),
    ],
)
def test_a_file_name_stays_readable(firm, language, name):
    assert agreement_filename(firm, language) == name


@given(st.text(), st.sampled_from(LANGUAGES))
def test_a_file_name_suits_every_system(firm, language):
    name = agreement_filename(firm, language)

    assert not set(name) & set('<>:"/\\|?*')
    assert name.isprintable()
    assert name.endswith(".pdf")
    assert not name.removesuffix(".pdf").endswith((".", " "))
    assert len(name.encode()) <= 200
