"""Ways to tamper with a copied database, and what is found of each."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from io import BytesIO

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore
from sqlalchemy import delete, insert, select, update

from models.agreement import Agreement
from models.audit import HOUSE, START, Entry, Head, heads, record, trail
from models.db import Base, engine, reading, transaction
from models.document import Document
from models.link import Purpose
from models.onboarding import Onboarding
from models.person import Account
from models.schedule import now
from models.settings import settings
from tasks import agreements, answers, cases, completion, operators, paper, signing, verification
from tasks import seal as seals
from tasks.sandbox import TooCostly
from tasks.verification import Kind, verify
from tests.factories import (
    FROM,
    advance,
    agreement,
    concluded,
    decide,
    opened,
    read_all,
    registered,
    sign,
    token,
    with_organiser,
)
from tests.tasks.test_paper import scan

ERIKA = "erika@freitag.example"
KEPT = {}
"""By the kind of database, the rows of all tables and the seal's key, as they were made once."""


@dataclass
class World:
    """Three cases: signed on the page with a drawing, signed on paper, and opened only."""

    page: int = 1
    paper: int = 2
    open: int = 3


@pytest.fixture
def sealed(monkeypatch, quick):
    """Final documents tell of their own trail, and bear a seal."""
    monkeypatch.setattr(completion, "sign_off", paper.sign_off)
    monkeypatch.setattr(completion, "seal", seals.seal)


@pytest.fixture
def world(product, tmp_path, sealed):
    """A copy of a whole database, which a test may change as it likes."""
    if product not in KEPT:
        KEPT[product] = made(tmp_path)
    else:
        rows, key = KEPT[product]
        (tmp_path / key[0]).write_text(key[1])
        with engine(settings().database).begin() as connection:
            for table in Base.metadata.sorted_tables:
                if rows[table.name]:
                    connection.execute(insert(table), rows[table.name])
            if product == "postgresql":  # Rows that bring their numbers do not move what counts them.
                connection.exec_driver_sql("SELECT setval(sequencename::regclass, 1000) FROM pg_sequences")
    return World()


def made(folder):
    operators.appoint("chef@convent-it.example", "command line", manager=True)
    assert with_organiser() == World.page
    sign(strokes="10,60 60,10 110,60;120,40 300,40")
    advance(World.page)
    decide(World.page, "countersign")
    advance(World.page)
    organiser = {"name": "Olga Ott", "email": "olga@ott.example"}
    assert opened("test:2", organiser=organiser, firm_name="Kanzlei Ott") == World.paper
    advance(World.paper)
    registered("olga@ott.example")
    advance(World.paper)
    answers.upload(token("olga@ott.example", Purpose.AGREEMENT), scan(), "scan.pdf", ip="", agent="")
    decide(World.paper, "accept")
    advance(World.paper)
    assert opened("test:3", organiser={"name": "Max Neu", "email": "max@neu.example"}) == World.open
    (key,) = folder.glob("seal-*.pem")
    with engine(settings().database).connect() as connection:
        rows = {
            table.name: [row._asdict() for row in connection.execute(select(table))]
            for table in Base.metadata.sorted_tables
        }
    return rows, (key.name, key.read_text())


def faults(known=(), only=None):
    return {(fault.case_id, fault.kind) for one in verify(known, only) for fault in one.faults}


def told(known=()):
    return [str(fault) for one in verify(known) for fault in one.faults]


def change(table, which, **values):
    with transaction() as session:
        assert session.execute(update(table).where(which).values(**values)).rowcount == 1


def change_agreement(case_id, **values):
    change(Agreement, Agreement.id == agreement(case_id).id, **values)


def rechain(case_id, changed=lambda _: None, without=lambda _: False):
    """Change entries, or leave some out, and compute everything anew, as whoever can write the table may."""
    with transaction() as session:
        entries = trail(session, case_id)
        session.execute(delete(Entry).where(Entry.case_id == case_id))
        session.expunge_all()
        before = None
        for entry in entries:
            if without(entry):
                continue
            changed(entry)
            number, previous = (before.number + 1, before.hash) if before else (1, START)
            before = Entry(
                id=entry.id, case_id=case_id, number=number, at=entry.at, actor=entry.actor, action=entry.action,
                facts=dict(entry.facts), previous=previous,
            )  # fmt: skip
            before.hash = before.computed_hash()
            session.add(before)
            session.flush()


def cut(case_id, after=0):
    with transaction() as session:
        session.execute(delete(Entry).where(Entry.case_id == case_id, Entry.number > after))


def content(column, case_id):
    with reading() as session:
        return session.get_one(Document, getattr(agreement(case_id), column)).content


def exchange(column, case_id, fresh):
    """Another content under the same id, with a sum that fits, and a trail that tells of it from the beginning."""
    before = sha256(content(column, case_id)).hexdigest()
    digest = sha256(fresh).hexdigest()
    change(Document, Document.id == getattr(agreement(case_id), column), content=fresh, sha256=digest, size=len(fresh))

    def retell(entry):
        entry.facts = {name: digest if fact == before else fact for name, fact in entry.facts.items()}

    rechain(case_id, retell)


def sealed_by_another(pdf, folder):
    """The same file with a seal by a certificate of the same name."""
    settings().data.joinpath("elsewhere").mkdir()
    key = seals._make_certificate()
    (folder / "elsewhere" / "seal.pem").write_text(key)
    private = seals.load_pem_private_key(key.encode(), None)
    der = private.private_bytes(seals.Encoding.DER, seals.PrivateFormat.PKCS8, seals.NoEncryption())
    issued = seals.x509.load_pem_x509_certificate(key.encode()).public_bytes(seals.Encoding.DER)
    certificate = seals.asn1_x509.Certificate.load(issued)
    signer = SimpleSigner(certificate, seals.PrivateKeyInfo.load(der), SimpleCertificateStore.from_certs([certificate]))
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    meta = PdfSignatureMetadata(field_name=seals.FIELD, subfilter=seals.SigSeedSubFilter.PADES, certify=True)
    return PdfSigner(meta, signer).sign_pdf(writer).getvalue()


def unsealed(pdf):
    """The file as it was before its seal."""
    return pdf[: pdf.rindex(b"%%EOF", 0, pdf.rindex(b"%%EOF")) + 6]


def test_a_whole_database_is_proven_with_chain_0(world):
    whole = list(verify())

    assert [one.case_id for one in whole] == [world.page, world.paper, world.open, HOUSE]
    assert all(one.is_whole for one in whole), told()
    with reading() as session:
        assert [one.entries for one in whole] == [len(trail(session, one.case_id)) for one in whole]
        assert faults(heads(session)) == set()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("signer", "Somebody Else"),
        ("signer_email", "else@freitag.example"),
        ("signer_function", "Prokuristin"),
        ("code_used", False),
        ("drawing_id", None),
        ("signed_on", now().date()),
        ("countersigned_by", "Somebody Else"),
        ("final_id", None),
        ("version", 2),
        ("data", {"price_cents": 1}),
        ("parts_read", {}),
    ],
)
def test_a_column_that_does_not_say_what_the_trail_says_is_named(world, column, value):
    change_agreement(world.page, **{column: value})

    expected = {(world.page, Kind.ROW)} | ({(world.page, Kind.NO_ROW)} if column == "version" else set())
    assert faults() == expected
    assert all(f"version {2 if column == 'version' else 1} of the agreement" in one or "gone" in one for one in told())


@pytest.mark.parametrize("column", ["sent_at", "viewed_at", "signed_at", "countersigned_at"])
def test_a_moment_that_was_moved_is_named(world, column):
    change_agreement(world.page, **{column: getattr(agreement(world.page), column) - timedelta(days=1)})

    assert faults() == {(world.page, Kind.ROW)}
    assert f"{column}: the database says 2026-09-14T" in told()[0]


@pytest.mark.parametrize(("column", "at"), [("stopped_at", now()), ("finished_at", now()), ("opened_at", now())])
def test_a_case_is_not_ended_or_begun_behind_the_trails_back(world, column, at):
    change(Onboarding, Onboarding.id == world.open, **{column: at})

    assert faults() == {(world.open, Kind.ROW)}


def test_a_case_that_was_stopped_stays_so(world):
    cases.stop_case(world.open, "Kein Bedarf", "chef@convent-it.example")
    assert faults() == set()

    change(Onboarding, Onboarding.id == world.open, stopped_at=None)

    assert faults() == {(world.open, Kind.ROW)}


@pytest.mark.parametrize("column", ["document_id", "drawing_id", "final_id"])
def test_changed_bytes_of_a_document_are_found(world, column):
    change(Document, Document.id == getattr(agreement(world.page), column), content=b"%PDF-1.7 another")

    assert (world.page, Kind.FILE) in faults()
    assert faults() - {(world.page, Kind.FILE)} == ({(world.page, Kind.SEAL)} if column == "final_id" else set())


def test_changed_bytes_with_a_sum_that_fits_are_found(world):
    fresh = b"%PDF-1.7 another"
    kept = Document.id == agreement(world.page).document_id
    change(Document, kept, content=fresh, sha256=sha256(fresh).hexdigest())

    assert faults() == {(world.page, Kind.NO_FILE), (world.page, Kind.ROW)}


def test_a_document_of_another_id_in_place_of_the_one_that_was_sent_is_found(world):
    change_agreement(world.page, document_id=agreement(world.paper).document_id)

    assert faults() == {(world.page, Kind.ROW)}


def test_the_signed_agreement_of_another_case_is_found(world):
    change_agreement(world.page, final_id=agreement(world.paper).final_id)

    assert (world.page, Kind.ROW) in faults()


def test_a_copy_that_came_back_and_was_exchanged_is_found(world):
    exchange("uploaded_id", world.paper, b"%PDF-1.7 another")

    assert faults() == {(world.paper, Kind.CHANGED)}  # The certificate page knows the trail as it was.


@pytest.mark.parametrize(
    ("forged", "kind"),
    [
        (lambda pdf, _: pdf + b"\n% later\n", Kind.SEAL),
        (lambda pdf, _: pdf.replace(b"/Reason", b"/Raisin", 1), Kind.SEAL),
        (lambda pdf, _: unsealed(pdf), Kind.SEAL),
        (lambda *_: scan() + b"\n", Kind.SEAL),
        (lambda *_: b"no PDF at all", Kind.SEAL),
        (lambda pdf, folder: sealed_by_another(unsealed(pdf), folder), Kind.STRANGE_SEAL),
    ],
    ids=["added", "changed", "unsealed", "other", "junk", "another_certificate"],
)
def test_a_signed_agreement_without_our_seal_is_found_though_rows_and_trail_fit(world, tmp_path, forged, kind):
    exchange("final_id", world.page, forged(content("final_id", world.page), tmp_path))

    assert faults() == {(world.page, kind)}


def test_a_certificate_that_sealed_elsewhere_counts_once_it_is_named(world, tmp_path, monkeypatch):
    (key,) = tmp_path.glob("seal-*.pem")
    key.rename(tmp_path / "former.pem")
    assert faults() == {(world.page, Kind.STRANGE_SEAL), (world.paper, Kind.STRANGE_SEAL)}
    assert list(tmp_path.glob("seal-*.pem")) == []  # Looking makes no certificate.

    monkeypatch.setenv("PROVISION_SEAL_KNOWN", str(tmp_path / "former.pem"))
    settings.cache_clear()

    assert faults() == set()


@pytest.mark.parametrize("number", [1, 2, 5])
def test_an_entry_forged_with_all_hashes_computed_anew_is_found_by_the_sealed_agreement(world, number):
    def forge(entry):
        if entry.number == number:
            entry.actor = "somebody else"

    rechain(world.page, forge)

    assert faults() == {(world.page, Kind.CHANGED)}


def test_an_entry_left_out_with_all_hashes_computed_anew_is_found(world):
    rechain(world.page, without=lambda entry: entry.action == "agreement.code_sent")

    assert faults() == {(world.page, Kind.CHANGED)}


def test_an_end_cut_off_is_found_by_the_sealed_agreement_and_by_what_the_rows_say(world):
    with reading() as session:
        number = next(one.number for one in trail(session, world.page) if one.action == "agreement.completed")
    cut(world.page, number - 2)

    assert (world.page, Kind.MISSING) in faults()
    assert (world.page, Kind.ROW) in faults()


def test_chain_0_cannot_go(world):
    cut(HOUSE)

    assert faults() == {(HOUSE, Kind.NO_TRAIL), (HOUSE, Kind.ROW)}


def test_an_act_on_operators_forged_in_chain_0_is_found_by_any_sealed_agreement(world):
    rechain(HOUSE, without=lambda entry: entry.action == "operator.appointed")

    assert faults() == {(HOUSE, Kind.CHANGED), (HOUSE, Kind.ROW)}


def test_whoever_makes_themselves_an_operator_is_found(world):
    change(Account, Account.email == "olga@ott.example", is_operator=True, is_manager=True)

    assert faults() == {(HOUSE, Kind.ROW)}
    assert "whether olga@ott.example is a manager: the database says yes, the trail no." in told()[1]


def test_the_trail_of_a_case_cannot_go(world):
    cut(world.open)

    assert faults() == {(world.open, Kind.NO_TRAIL)}
    assert faults(only=world.open) == {(world.open, Kind.NO_TRAIL)}


def test_a_case_cannot_go_with_its_trail(world):
    remove_case(world.open)

    assert faults() == {(world.open, Kind.NO_TRAIL)}


def test_a_case_cannot_go_and_leave_its_trail(world):
    cases_only(world.open)

    assert faults() == {(world.open, Kind.NO_CASE)}


def test_a_case_that_goes_with_its_trail_and_from_chain_0_is_found_by_a_later_seal(world):
    remove_case(world.page)
    rechain(HOUSE, without=lambda entry: entry.facts.get("case") == world.page)

    assert faults() == {(HOUSE, Kind.CHANGED)}


def test_an_agreement_that_is_gone_is_missed(world):
    unbound(delete(Agreement).where(Agreement.onboarding_id == world.page))

    assert faults() == {(world.page, Kind.NO_ROW)}


def test_a_case_that_the_product_did_not_open_is_found(world):
    with transaction() as session:
        record(session, 999, now(), "case.opened")

    assert faults() == {(999, Kind.NO_CASE), (999, Kind.NOT_LISTED)}


def test_rows_of_another_shape_are_told_and_hold_up_no_other_case(world):
    change(Entry, (Entry.case_id == world.page) & (Entry.action == "agreement.sent"), facts=["not", "facts"])
    change(Entry, (Entry.case_id == HOUSE) & (Entry.number == 1), facts=None)

    assert faults() == {(world.page, Kind.UNREADABLE), (HOUSE, Kind.UNREADABLE)}


def test_a_check_that_takes_too_long_is_not_taken_for_a_broken_seal(world, monkeypatch):
    def slow(*_):
        raise TooCostly

    monkeypatch.setattr(verification, "ask", slow)

    assert faults() == {(world.page, Kind.UNCHECKED), (world.paper, Kind.UNCHECKED)}


def delegated(case_id):
    signing.delegate(token(ERIKA, Purpose.AGREEMENT), "Gesa Graf", "gesa@freitag.example", "Partnerin", **FROM)
    sign("gesa@freitag.example", "Gesa Graf")
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)


def taken_back(case_id):
    signing.delegate(token(ERIKA, Purpose.AGREEMENT), "Gesa Graf", "gesa@freitag.example", "Partnerin", **FROM)
    read_all("gesa@freitag.example")
    signing.take_back(token(ERIKA, Purpose.AGREEMENT), **FROM)


def declined_and_sent_anew(case_id):
    answers.decline(token(ERIKA, Purpose.AGREEMENT), " Zu teuer. ", **FROM)
    advance(case_id)
    decide(case_id, "resend", plan="basic", interval="yearly")
    advance(case_id)
    concluded(case_id)


def withdrawn_and_stopped(case_id):
    agreements.withdraw(case_id, " Tippfehler ", "chef@convent-it.example")
    advance(case_id)
    decide(case_id, "stop", note="Kein Bedarf")


def refused_and_signed_again(case_id):
    sign(strokes="10,60 60,10 110,60;120,40 300,40")
    advance(case_id)
    decide(case_id, "refuse")
    advance(case_id)
    concluded(case_id)


def copy_refused_and_signed_on_the_page(case_id):
    answers.upload(token(ERIKA, Purpose.AGREEMENT), scan(), "scan.pdf", ip="", agent="")
    decide(case_id, "refuse")
    answers.upload(token(ERIKA, Purpose.AGREEMENT), scan() + b"\n", "scan.pdf", ip="", agent="")
    sign()


def signed_elsewhere(case_id):
    answers.sign_by_notice(cases_firm(case_id).company_id, 1, "Erika Muster", "2026-09-15T08:00:00Z")
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)


def run_out(case_id):
    change(Agreement, Agreement.id == agreement(case_id).id, expires_at=now() - timedelta(days=1))
    assert agreements.expire_agreements.fn() == 1


WAYS = [delegated, taken_back, declined_and_sent_anew, withdrawn_and_stopped, refused_and_signed_again]
WAYS += [copy_refused_and_signed_on_the_page, signed_elsewhere, run_out]


@pytest.mark.parametrize("way", WAYS)
def test_whatever_way_an_agreement_goes_its_rows_say_what_its_trail_says(sealed, way):
    case_id = with_organiser()

    way(case_id)

    assert faults() == set(), told()


def cases_firm(case_id):
    with reading() as session:
        return Onboarding.get(session, case_id).firm


def test_what_only_a_list_kept_outside_can_find_is_found_by_it(world):
    with reading() as session:
        kept = list(heads(session))
        entries = len(trail(session, world.open))
    with transaction() as session:
        record(session, world.open, now(), "link.resent", "chef@convent-it.example", person=1)
    newer = list(heads_now())
    cut(world.open, entries)

    assert faults() == set()
    assert faults(kept) == set()  # The list is older than what was cut off.
    assert faults(newer) == {(world.open, Kind.MISSING)}
    assert faults([Head(4711, 3, "f" * 64)]) == {(4711, Kind.NO_TRAIL), (4711, Kind.NO_CASE)}


def test_it_is_said_what_cannot_be_seen_without_a_list():
    without = " ".join(verification.unseen(with_list=False))

    assert "cut off" in without
    assert "whole database" in without
    assert "audit heads" in without
    assert "keep a new list" in " ".join(verification.unseen(with_list=True))


def test_the_number_of_queries_does_not_grow_with_the_cases(world, statements, monkeypatch):
    monkeypatch.setattr(verification._Seals, "look", lambda _, files: [verification._NOTHING for _ in files])

    def asked():
        with statements() as seen:
            list(verify())
        return len(seen)

    before = asked()
    for number in range(4, 24):
        opened(f"test:{number}", organiser={"name": "Max Neu", "email": "max@neu.example"})

    assert asked() == before


def heads_now():
    with reading() as session:
        yield from list(heads(session))


def unbound(*statements):
    """As whoever has the database file may do: without foreign keys."""
    bound = engine(settings().database)
    with bound.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(statement)
        connection.connection.commit()
        connection.invalidate()


def cases_only(case_id):
    """The rows of the case go, and what hangs on them."""
    hanging = [table for table in Base.metadata.sorted_tables if "onboarding_id" in table.c]
    rows = [delete(table).where(table.c.onboarding_id == case_id) for table in hanging]
    unbound(*rows, delete(Onboarding).where(Onboarding.id == case_id))


def remove_case(case_id):
    cases_only(case_id)
    cut(case_id)
