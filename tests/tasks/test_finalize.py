from io import BytesIO

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pypdf import PdfReader

from models.audit import Value, erase, trail
from models.db import reading, transaction
from models.document import Document
from models.link import Purpose
from models.mail.outbox import Outgoing
from models.settings import settings
from models.time.clock import now
from tasks.agreement import finalize, lifecycle, rendering, responses, seal, signing
from tasks.untrusted.sandbox import TooCostly
from tests import remembered
from tests.factories import (
    FROM,
    advance,
    agreement,
    at_once,
    countersigned,
    decide,
    sign,
    signed,
    token,
    with_organiser,
)
from tests.pdfs import pdf
from tests.tasks.test_rendering import pictures, scan


@pytest.fixture(autouse=True)
def for_real(monkeypatch, quick):
    """Certificate pages tell of the case itself, and seals are made."""
    monkeypatch.setattr(finalize, "sign_off", rendering.sign_off)
    monkeypatch.setattr(finalize, "seal", seal.seal)
    remembered.patched("sealed")


def final(case_id) -> bytes:
    with reading() as session:
        return session.get_one(Document, agreement(case_id).final_id).content


def signed_by_the_firm(pdf: bytes) -> bytes:
    """The PDF with a digital signature in it."""
    own = seal.own_seal()
    signer = SimpleSigner(own.certificate, own.key, SimpleCertificateStore.from_certs([own.certificate]))
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    return PdfSigner(PdfSignatureMetadata(field_name="Firm"), signer).sign_pdf(writer).getvalue()


def returned(content: bytes, case_id: int = 0) -> int:
    """The case of an agreement that came back as a file and was accepted."""
    case_id = case_id or with_organiser()
    link = token("erika@freitag.example", Purpose.AGREEMENT)
    responses.upload(link, content, "Unterschrieben – Müller.pdf", ip="", agent="")
    advance(case_id)
    decide(case_id, "accept")
    advance(case_id)
    return case_id


def test_the_final_document_is_sealed_and_begins_with_the_original():
    case_id = countersigned()
    with reading() as session:
        original = session.get_one(Document, agreement(case_id).document_id).content

    reader = PdfFileReader(BytesIO(final(case_id)))
    trusted = ValidationContext(trust_roots=[seal.own_seal().certificate])
    status = validate_pdf_signature(reader.embedded_signatures[0], trusted)
    assert status.bottom_line
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert reader.embedded_signatures[0].sig_object["/Reason"].startswith("Von beiden Seiten unterzeichnet")
    assert reader.embedded_signatures[0].sig_object["/Name"] == settings().provider_name
    assert final(case_id).startswith(original)


def test_the_certificate_tells_what_is_known_and_anchors_the_trail():
    case_id = countersigned()
    told = PdfReader(BytesIO(final(case_id))).metadata
    number, head = int(told["/AuditEntries"]), told["/AuditHead"]
    sheet = " ".join(PdfReader(BytesIO(final(case_id))).pages[-1].extract_text().split())

    with reading() as session:
        entries = trail(session, case_id)
    assert (entries[number - 1].hash, entries[number].action) == (head, "agreement.completed")
    for fact in (head, seal.own_seal().fingerprint, "Erika Muster, Organisator", "erika@freitag.example", "127.0.0.1"):
        assert fact in sheet
    assert agreement(case_id).data["number"] in sheet


def test_who_signs_for_the_organiser_is_told_with_code_and_drawing():
    case_id = with_organiser()
    link = token("erika@freitag.example", Purpose.AGREEMENT)
    signing.delegate(link, "Frieda Freitag", "frieda@freitag.example", "Partnerin", **FROM)
    advance(case_id)
    sign("frieda@freitag.example", "Frieda Freitag", strokes="10,60 60,10 110,60;120,40 300,40")
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)

    pdf = final(case_id)

    sheet = " ".join(PdfReader(BytesIO(pdf)).pages[-1].extract_text().split())
    for fact in (
        "Frieda Freitag, Partnerin",
        "Beauftragt von Erika Muster, erika@freitag.example",
        "Erstmals geöffnet",
    ):
        assert fact in sheet
    for fact in ("Persönlicher Link, gesendet an diese", "Einmalcode, gesendet an diese", "127.0.0.1 test"):
        assert fact in sheet
    assert len(pictures(pdf)[-1]) == 1


def test_two_passes_at_once_keep_one_document_and_everybody_gets_that_one():
    case_id = signed()
    decide(case_id, "countersign")

    at_once(*[lambda: lifecycle.conclude_agreement.fn(case_id)] * 3)

    with reading() as session:
        kept = session.get_one(Document, agreement(case_id).final_id)
        mails = [mail for mail in session.query(Outgoing) if mail.kind == "agreement_done"]
        (told,) = [entry.facts for entry in trail(session, case_id) if entry.action == "agreement.completed"]
        assert {mail.document_id for mail in mails} == {kept.id}
        assert {mail.facts["sha256"] for mail in mails} == {kept.sha256} == {told["sha256"]}


def test_a_scan_that_came_back_is_what_people_see():
    case_id = returned(scan())

    assert final(case_id).startswith(scan())
    assert len(PdfReader(BytesIO(final(case_id))).pages) == 2


def test_a_copy_signed_digitally_is_attached_as_it_came_and_its_signature_stays_good():
    case_id = with_organiser()
    with reading() as session:
        original = session.get_one(Document, agreement(case_id).document_id).content
    copy = signed_by_the_firm(original)

    reader = PdfReader(BytesIO(final(returned(copy, case_id))))

    assert reader.attachments["Unterschrieben – Müller.pdf"] == [copy]
    assert len(reader.pages) == len(PdfReader(BytesIO(original)).pages) + 1
    inner = PdfFileReader(BytesIO(reader.attachments["Unterschrieben – Müller.pdf"][0]), strict=False)
    trusted = ValidationContext(trust_roots=[seal.own_seal().certificate])
    assert validate_pdf_signature(inner.embedded_signatures[0], trusted).bottom_line
    sheet = " ".join(reader.pages[-1].extract_text().split())
    assert f"CN={settings().provider_name}" in sheet
    assert "Geprüft und unversehrt; der Aussteller des Zertifikats wurde nicht geprüft." in sheet


def test_a_copy_of_which_the_trail_has_forgotten_whether_it_was_signed_digitally_stays_as_it_came():
    case_id = with_organiser()
    with reading() as session:
        copy = signed_by_the_firm(session.get_one(Document, agreement(case_id).document_id).content)
    link = token("erika@freitag.example", Purpose.AGREEMENT)
    responses.upload(link, copy, "Unterschrieben.pdf", ip="", agent="")
    decide(case_id, "accept")
    with transaction() as session:
        assert erase(session, now(), "operator", Value.about.like("person:%"))
    advance(case_id)

    assert PdfReader(BytesIO(final(case_id))).attachments["Unterschrieben.pdf"] == [copy]


def test_a_copy_that_cannot_be_written_on_is_attached(monkeypatch):
    written = finalize.seal

    def picky(pdf, reason):
        if pdf.startswith(scan()):
            raise PdfError("damaged")
        return written(pdf, reason)

    monkeypatch.setattr(finalize, "seal", picky)

    reader = PdfReader(BytesIO(final(returned(scan()))))

    assert reader.attachments["Unterschrieben – Müller.pdf"] == [scan()]


def test_the_copy_that_came_back_is_never_opened_where_the_key_of_the_seal_is_before_it_stood_a_trial(monkeypatch):
    asked = []

    def apart(module, facts, *files):
        asked.append(module)
        raise TooCostly

    monkeypatch.setattr(rendering, "ask", apart)

    reader = PdfReader(BytesIO(final(returned(scan()))))

    assert asked == ["tasks.untrusted.pdfs.join"]
    assert reader.attachments["Unterschrieben – Müller.pdf"] == [scan()]


def test_what_the_process_apart_hands_back_counts_only_with_the_copy_byte_for_byte(monkeypatch):
    monkeypatch.setattr(rendering, "ask", lambda *_: ({"joined": True}, pdf()))

    reader = PdfReader(BytesIO(final(returned(scan()))))

    assert reader.attachments["Unterschrieben – Müller.pdf"] == [scan()]


def test_the_certificate_names_the_reading_of_each_part_and_when_who_signs_was_asked(clock):
    case_id = with_organiser()
    clock(days=3)
    link = token("erika@freitag.example", Purpose.AGREEMENT)
    signing.delegate(link, "Frieda Freitag", "frieda@freitag.example", "Partnerin", **FROM)
    advance(case_id)
    sign("frieda@freitag.example", "Frieda Freitag")
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)

    sheet = " ".join(PdfReader(BytesIO(final(case_id))).pages[-1].extract_text().split())

    _, _, told = sheet.partition(" Gelesen ")
    places = [told.find(part) for part in ("Parteien, Abonnement", "Allgemeine Gesch", "Anlage 1", "Anlage 2")]
    assert -1 < places[0] < places[1] < places[2] < places[3]
    delegated = agreement(case_id).delegated_at
    assert sheet.count(f"{delegated:%Y-%m-%d %H:%M:%S} UTC") >= 2  # Handed over, and sent to who signs.
