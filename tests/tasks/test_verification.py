"""Ways to tamper with a copied database, and what is found of each."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from types import SimpleNamespace

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore
from sqlalchemy import JSON, Enum, Text, delete, insert, literal, select, update

from models.agreement import Agreement
from models.audit import (
    HOUSE,
    RENEWED,
    START,
    Entry,
    Head,
    Value,
    canonical,
    erase,
    heads,
    origin,
    record,
    trail,
    write,
)
from models.db import Base, UTCDateTime, engine, reading, transaction
from models.decision import Decision, DecisionKind
from models.document import Document
from models.firm import Firm, LineOfBusiness
from models.link import Purpose
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.person import Person, Role
from models.privacy import places_of
from models.reminders.reminder import Reminder
from models.request import Named
from models.settings import settings
from models.subscription import Subscription
from models.time.clock import now
from tasks.agreement import finalize, lifecycle, rendering, responses, signing
from tasks.agreement import seal as seals
from tasks.audit import files, verification
from tasks.audit.faults import Kind
from tasks.audit.rows import UNHELD
from tasks.audit.verification import verify
from tasks.intake import decision_effects
from tasks.logos import publish
from tasks.onboarding import corrections, firm_page, invitations, registration, stopping
from tasks.people import addresses, membership, operators
from tasks.untrusted.sandbox import TooCostly
from tests import remembered
from tests.factories import (
    FROM,
    advance,
    agreement,
    concluded,
    decide,
    firm_of,
    opened,
    read_all,
    registered,
    sign,
    token,
    with_organiser,
)
from tests.tasks.test_rendering import scan

ERIKA = "erika@freitag.example"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
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
    monkeypatch.setattr(finalize, "sign_off", rendering.sign_off)
    monkeypatch.setattr(finalize, "seal", seals.seal)
    remembered.patched("sealed")


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
    responses.upload(token("olga@ott.example", Purpose.AGREEMENT), scan(), "scan.pdf", ip="", agent="")
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


def change(table, *which, **values):
    with transaction() as session:
        assert session.execute(update(table).where(*which).values(**values)).rowcount == 1


def change_agreement(case_id, **values):
    change(Agreement, Agreement.id == agreement(case_id).id, **values)


def rechain(case_id, changed=lambda _: None, without=lambda _: False):
    """Change entries, or leave some out, and compute everything anew, as whoever can write the table may."""
    with transaction() as session:
        entries = [
            SimpleNamespace(
                number=entry.number, at=entry.at, actor_id=entry.actor_id, action=entry.action, plain=entry.plain,
                told={value.about: value.value for value in entry.values},
            )
            for entry in trail(session, case_id)
        ]  # fmt: skip
        remove(session, case_id)
        before, fresh = None, []
        for entry in entries:
            if not without(entry):
                changed(entry)
                made = Entry.after(before, case_id, entry.at, entry.actor_id, entry.action, entry.plain, entry.told)
                before = Head(case_id, made.number, made.hash)
                fresh.append(made)
        write(session, fresh)


def remove(session, case_id, after=0):
    for table in (Value, Entry):
        session.execute(delete(table).where(table.case_id == case_id, table.number > after))
    session.expunge_all()


def cut(case_id, after=0):
    with transaction() as session:
        remove(session, case_id, after)


def content(column, case_id):
    with reading() as session:
        return session.get_one(Document, getattr(agreement(case_id), column)).content


def exchange(column, case_id, fresh):
    """Another content under the same id, with a sum that fits, and a trail that tells of it from the beginning."""
    before = sha256(content(column, case_id)).hexdigest()
    digest = sha256(fresh).hexdigest()
    change(Document, Document.id == getattr(agreement(case_id), column), content=fresh, sha256=digest, size=len(fresh))

    def retell(entry):
        entry.plain = {name: digest if fact == before else fact for name, fact in entry.plain.items()}

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
    stopping.stop_case(world.open, "Kein Bedarf", "chef@convent-it.example")
    assert faults() == set()

    change(Onboarding, Onboarding.id == world.open, stopped_at=None)

    assert faults() == {(world.open, Kind.ROW)}


HELD = [Onboarding, Agreement, Decision, Subscription, Firm, Person]
"""Tables that repeat what the trail of a case says."""


def another(column, value):
    """Something else of the same kind."""
    kind = column.type
    if isinstance(kind, Enum):
        return [one for one in kind.enum_class if one != value][-1]
    if isinstance(kind, JSON):
        return {"something": "else"}
    fresh = {str: "x", int: 1, bool: True, datetime: FIRST, date: FIRST.date()}
    plain = datetime if isinstance(kind, UTCDateTime) else kind.python_type
    if value is None:
        return fresh[plain]
    return not value if plain is bool else value + {str: "x", int: 1}.get(plain, timedelta(days=1))


def test_every_column_that_repeats_what_the_trail_says_is_held_against_it_or_has_a_reason_why_not(
    world, product, monkeypatch
):
    if product == "postgresql":
        pytest.skip("its checks of what fits together cannot be put aside; what is found is the same")
    monkeypatch.setattr(files.Seals, "look", lambda _, some: [files._NOTHING for _ in some])
    rows, firm = {Kind.ROW, Kind.NO_ROW, Kind.STRANGE_ROW}, firm_of(world.page)
    whose = {"onboarding_id": world.page, "firm_id": firm}
    unfound, needless = [], []
    for table in (one.__table__ for one in HELD):
        mine = next((table.c[name] == of for name, of in whose.items() if name in table.c), table.c.id == firm)
        with reading() as session:
            row = session.execute(select(table).where(mine).order_by(table.c.id)).mappings().first()
        reasons = UNHELD.get(table.name, {})
        needless += [f"{table.name}.{name}" for name in reasons if name not in table.c]
        for column in (one for one in table.c if one.name not in reasons and not one.primary_key):
            unbound(update(table).where(table.c.id == row["id"]).values({column: another(column, row[column.name])}))
            if (world.page, True) not in {(case_id, kind in rows) for case_id, kind in faults()}:
                unfound.append(f"{table.name}.{column.name}")
            unbound(update(table).where(table.c.id == row["id"]).values({column: row[column.name]}))

    assert unfound == []
    assert needless == []
    assert {kind for _, kind in faults()}.isdisjoint(rows), told()


def test_an_answer_that_nobody_has_given_is_found(world):
    with transaction() as session:
        Decision.ask(
            session, Decision.draft(world.open, DecisionKind.COMPANY_ID, "asked", now(), number=123456, alternatives=[])
        )
    assert faults() == set()

    forged = {"verdict": "grant", "answered_by": "chef@convent-it.example", "answered_at": now(), "answer": {}}
    change(Decision, Decision.key == "asked", **forged)

    assert faults() == {(world.open, Kind.ROW)}
    assert "verdict: the database says “grant”, the trail nothing" in " ".join(told())


def test_an_answer_that_is_taken_away_or_called_needless_is_found(world):
    nothing = dict.fromkeys(("verdict", "answered_by", "answered_at", "answer"))
    asked = Decision.onboarding_id == world.page
    with reading() as session:
        was = {name: getattr(session.scalars(select(Decision).where(asked)).one(), name) for name in nothing}
    for forged in (nothing, {**was, "verdict": "moot", "answered_by": "provision", "answer": None}):
        change(Decision, asked, **forged)

        assert faults() == {(world.page, Kind.ROW)}


def test_a_question_that_is_gone_is_missed(world):
    with reading() as session:
        asked = session.scalars(select(Decision.id).where(Decision.onboarding_id == world.page)).all()
    unbound(delete(Reminder).where(Reminder.decision_id.in_(asked)), delete(Decision).where(Decision.id.in_(asked)))

    assert faults() == {(world.page, Kind.NO_ROW)}


def test_somebody_whom_nobody_has_named_is_found(world):
    at = now()
    with transaction() as session:
        firm_id = Onboarding.get(session, world.open).firm_id
        session.add(Person(firm_id=firm_id, role=Role.CASEWORKER, email="e@x.example", family_name="E", added_at=at))

    assert faults() == {(world.open, Kind.STRANGE_ROW)}


def test_somebody_who_was_moved_to_another_firm_is_missed_and_found(world):
    change(Person, Person.email == "olga@ott.example", Person.role == Role.CONTACT, firm_id=firm_of(world.page))

    assert faults() == {(world.paper, Kind.NO_ROW), (world.page, Kind.STRANGE_ROW)}


def test_what_entries_of_an_earlier_release_do_not_tell_is_said_and_raises_no_alarm(world):
    newer = ("rows", "language", "expires_at", "question_sha256")

    with transaction() as session:
        told = [(entry.at, entry.actor, entry.action, entry.facts) for entry in trail(session, world.open)]
        remove(session, world.open)
        before, entries = START, []
        for number, (at, actor, action, facts) in enumerate(told, start=1):
            entry = Entry(version=1, case_id=world.open, number=number, at=at, actor_id=actor, action=action)
            entry.plain = {name: fact for name, fact in facts.items() if name not in newer}
            entry.previous, entry.commitments, entry.values = before, {}, []
            before = entry.hash = entry.computed_hash()
            entries.append(entry)
        closed = {"head": before, "entries": len(entries)}
        entries.append(Entry.after(Head(0, len(entries), before), world.open, now(), "provision", RENEWED, closed))
        write(session, entries)
    change(Firm, Firm.id == firm_of(world.open), name="Somebody Else")

    assert faults() == set()
    assert [one.case_id for one in verify() if one.is_older] == [world.open]
    assert "Entries of an earlier release in 1 cases" in verification.unseen(with_list=True, older=1)[0]
    assert "earlier" not in " ".join(verification.unseen(with_list=True))


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
            entry.actor_id = "account:9"

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
    change(Login, Login.email == "olga@ott.example", is_operator=True, is_manager=True)

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
    rechain(HOUSE, without=lambda entry: entry.plain.get("case") == world.page)

    assert faults() == {(HOUSE, Kind.CHANGED)}


def test_an_agreement_that_is_gone_is_missed(world):
    unbound(delete(Agreement).where(Agreement.onboarding_id == world.page))

    assert faults() == {(world.page, Kind.NO_ROW)}


def test_a_case_that_the_product_did_not_open_is_found(world):
    with transaction() as session:
        record(session, 999, now(), "case.opened")

    assert faults() == {(999, Kind.NO_CASE), (999, Kind.NOT_LISTED)}


def test_rows_of_another_shape_are_told_and_hold_up_no_other_case(world):
    change(Entry, (Entry.case_id == world.page) & (Entry.action == "agreement.sent"), plain=["not", "facts"])
    change(Entry, (Entry.case_id == HOUSE) & (Entry.number == 1), plain=None)

    assert faults() == {(world.page, Kind.UNREADABLE), (HOUSE, Kind.UNREADABLE)}


@pytest.mark.parametrize("column", ["plain", "commitments"])
def test_an_entry_nested_without_end_is_told_and_holds_up_no_other_case(world, column, product):
    if product == "postgresql":
        pytest.skip("it takes no such JSON")
    where = (Entry.case_id == world.page) & (Entry.number == 1)
    with transaction() as session:
        session.execute(update(Entry).where(where).values({column: literal("[" * 200_000, Text)}))

    assert faults() == {(world.page, Kind.UNREADABLE)}


def test_a_check_that_takes_too_long_is_not_taken_for_a_broken_seal(world, monkeypatch):
    def slow(*_):
        raise TooCostly

    monkeypatch.setattr(files, "ask", slow)

    assert faults() == {(world.page, Kind.UNCHECKED), (world.paper, Kind.UNCHECKED)}


# ---- what was erased


def erased(*which):
    with transaction() as session:
        return erase(session, now(), "chef@convent-it.example", *which)


def of_person(email):
    """The values that tell of whoever has this address, in whatever trail."""
    with reading() as session:
        people = session.scalars(select(Person).where(Person.email == email)).all()
        places = {place for person in people for place in places_of(session, person)}
    return Value.id.in_([place.row for place in places if place.table == "audit_values"])


def test_whatever_was_erased_raises_no_alarm_and_is_told(world):
    with reading() as session:
        subjects = session.scalars(select(Value.about).distinct().order_by(Value.about)).all()
        ids = session.scalars(select(Value.id).order_by(Value.id)).all()
    assert {"person:1", "account:1", "firm:1"} <= {*subjects}
    for value_id in ids[::7]:
        assert erased(Value.id == value_id) == 1
    assert faults() == set()
    for about in subjects:
        erased(Value.about == about)
        assert faults() == set()
    told = sum(act.values for one in verify() for act in one.erasures)
    with reading() as session:
        assert not session.scalars(select(Value.id).where(Value.id.in_(ids))).all()
    assert told >= len(ids)  # Some acts have erased who did earlier ones.


def test_everything_that_tells_of_a_person_is_erased_and_all_else_is_proven(world):
    whose = of_person(ERIKA)
    with transaction() as session:
        gone = session.scalars(select(Value.value).where(whose)).all()
    assert {ERIKA, "Erika Muster"} <= {word for value in gone for word in words(value)}
    erased(whose)

    assert faults() == set()
    with reading() as session:
        left = "".join(map(str, session.execute(select(Entry.plain, Entry.actor_id)))) + str(
            session.scalars(select(Value.value)).all()
        )
        promised = {digest for of in session.scalars(select(Entry.commitments)) for digest in of.values()}
        salts = ["", *session.scalars(select(Value.salt))]
    for text in ("Erika Muster", ERIKA):
        assert text not in left
    for guess in {each for value in gone for each in (canonical(value), *words(value))}:
        assert not promised & {sha256(f"{salt}{guess}".encode()).hexdigest() for salt in salts}
    change_agreement(world.paper, signer="Somebody Else")
    change_agreement(world.page, countersigned_by="Somebody Else")
    assert faults() == {(world.paper, Kind.ROW), (world.page, Kind.ROW)}


def words(fact):
    """Every text in it."""
    match fact:
        case str():
            yield fact
        case dict():
            for each in fact.values():
                yield from words(each)
        case list():
            for each in fact:
                yield from words(each)


@pytest.mark.parametrize("case_id", [1, HOUSE])
def test_a_value_that_somebody_else_has_removed_changed_or_put_back_is_found(world, case_id):
    with reading() as session:
        one, other, third = session.scalars(select(Value).where(Value.case_id == case_id).limit(3)).all()
    erased(Value.id == one.id)
    with transaction() as session:
        session.execute(delete(Value).where(Value.id == other.id))
    assert faults() == {(case_id, Kind.LOST)}
    assert f"what entry {other.number} told of {other.about} is gone" in told()[-1]

    put = {"case_id": case_id, "number": one.number, "about": one.about, "value": one.value, "salt": one.salt}
    with transaction() as session:
        session.execute(insert(Value), put)
    assert faults() == {(case_id, Kind.LOST), (case_id, Kind.LEFT)}
    change(Value, Value.id == third.id, salt="0" * 64)
    assert (case_id, Kind.CHANGED) in faults()


def test_a_value_of_an_entry_that_there_is_not_is_named(world):
    row = {"case_id": world.page, "number": 999, "about": "person:1", "value": {"by": "x"}, "salt": "0" * 64}
    unbound(insert(Value).values(row))

    assert faults() == {(HOUSE, Kind.STRANGE_ROW)}


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
    responses.decline(token(ERIKA, Purpose.AGREEMENT), " Zu teuer. ", **FROM)
    advance(case_id)
    decide(case_id, "resend", plan="basic", interval="yearly")
    advance(case_id)
    concluded(case_id)


def withdrawn_and_stopped(case_id):
    lifecycle.withdraw(case_id, " Tippfehler ", "chef@convent-it.example")
    advance(case_id)
    decide(case_id, "stop", note="Kein Bedarf")


def refused_and_signed_again(case_id):
    sign(strokes="10,60 60,10 110,60;120,40 300,40")
    advance(case_id)
    decide(case_id, "refuse")
    advance(case_id)
    concluded(case_id)


def copy_refused_and_signed_on_the_page(case_id):
    responses.upload(token(ERIKA, Purpose.AGREEMENT), scan(), "scan.pdf", ip="", agent="")
    decide(case_id, "refuse")
    responses.upload(token(ERIKA, Purpose.AGREEMENT), scan() + b"\n", "scan.pdf", ip="", agent="")
    sign()


def signed_elsewhere(case_id):
    responses.sign_by_notice(cases_firm(case_id).company_id, 1, "Erika Muster", "2026-09-15T08:00:00Z")
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)


def stopped_and_taken_up(case_id):
    responses.decline(token(ERIKA, Purpose.AGREEMENT), "Zu teuer.", **FROM)
    advance(case_id)
    decide(case_id, "stop", note="Kein Bedarf")
    stopping.take_up(case_id, "chef@convent-it.example")
    decide(case_id, "talk", note="Nächste Woche")
    decide(case_id, "resend", price="120", discount="10", notice="6 weeks", clause="Ohne Logo.")
    advance(case_id)


def copy_accepted_from_the_board(case_id):
    responses.upload(token(ERIKA, Purpose.AGREEMENT), scan(), "scan.pdf", **FROM)
    before = origin.set({"ip": "198.51.100.7", "agent": "browser of an operator"})
    decide(case_id, "accept")
    origin.reset(before)
    advance(case_id)


def corrected(case_id):
    firm_id, by = firm_of(case_id), "chef@convent-it.example"
    lifecycle.withdraw(case_id, "Tippfehler", by)
    name = {"name": " Kanzlei  Freitag ", "line_of_business": LineOfBusiness.OTHER, "business": " Notare "}
    corrections.correct_firm(firm_id, by, **name, as_operator=True)
    where = {"street": " Weg 1 ", "postcode": "80331", "city": "München", "land": None, "website": "freitag.example"}
    firm_page.complete_details(firm_id, ERIKA, **where)
    corrections.correct_contact(firm_id, by, Named(name="Karl Kontakt", email="karl@freitag.example"), as_operator=True)
    publish.permit_logo(firm_id, ERIKA, "Erika Muster", "www.freitag.example")
    invitations.allow_invitations(case_id, "700", by)


def people_come_and_go(case_id):
    sign()
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)
    firm_id, by = firm_of(case_id), "erika@freitag.example"
    invitations.add_caseworkers(firm_id, by, [Named(name="Jan Klein", email="jan@freitag.example")])
    clients = [Named(name=name, email=f"{name.lower()}@beispiel.example") for name in ("Max", "Ute")]
    invitations.add_clients(firm_id, by, clients)
    advance(case_id)
    registered("jan@freitag.example")
    registered("max@beispiel.example", Purpose.ACTIVATE, family_name="Beispiel")
    ids = {one.email: one.id for role in Role for one in people_of(firm_id, role)}
    membership.pause(ids["jan@freitag.example"], by)
    membership.pause(ids["max@beispiel.example"], by)
    membership.resume(ids["max@beispiel.example"], by)
    membership.withdraw(ids["max@beispiel.example"], by)
    addresses.correct_address(
        case_id, ids["ute@beispiel.example"], "Ute.Neu@beispiel.example", "chef@convent-it.example"
    )
    membership.withdraw(ids["ute@beispiel.example"], by)
    invitations.add_clients(firm_id, by, [Named(name="Uta", email="ute.neu@beispiel.example")])
    advance(case_id)
    invitations.no_caseworkers(firm_id, by)
    invitations.no_caseworkers(firm_id, by)


WAYS = [delegated, taken_back, declined_and_sent_anew, withdrawn_and_stopped, refused_and_signed_again]
WAYS += [copy_refused_and_signed_on_the_page, signed_elsewhere, stopped_and_taken_up, copy_accepted_from_the_board]
WAYS += [corrected, people_come_and_go]


@pytest.mark.parametrize("way", WAYS)
def test_whatever_way_an_agreement_goes_its_rows_say_what_its_trail_says(sealed, way):
    case_id = with_organiser()

    way(case_id)

    assert faults() == set(), told()


def test_an_agreement_that_ran_out_and_is_asked_for_anew_says_what_its_trail_says(sealed, clock):
    case_id = with_organiser()
    firm_id = firm_of(case_id)
    clock(days=91)
    assert lifecycle.expire_agreements.fn() == 1
    assert faults() == set(), told()

    with transaction() as session:
        lifecycle.send_anew(session, Onboarding.get(session, case_id), Person.organiser(session, firm_id))
    advance(case_id)

    assert agreement(case_id).version == 2
    assert faults() == set(), told()


@pytest.mark.parametrize("verdict", ["grant", "refuse"])
def test_what_is_said_before_there_is_an_agreement_is_told_by_the_trail(sealed, verdict):
    case_id = opened(plan=None, interval=None, question="Was passt?", preferred_number="123456")
    advance(case_id)
    with reading() as session:
        asked = {one.kind: one.id for one in Decision.pending(session, case_id)}
    answer = {"plan": "basic", "interval": "yearly", "note": "Der kleine."}
    decision_effects.answer_decision(asked[DecisionKind.ADVICE], "agreed", "operator", **answer)
    decision_effects.answer_decision(asked[DecisionKind.COMPANY_ID], verdict, "operator", note="Gern.")
    corrections.correct_organiser(firm_of(case_id), "operator", Named(name="Olga Ott", email="olga@freitag.example"))
    advance(case_id)
    registration.registered_elsewhere("olga@freitag.example", "42", "Olga", "Otter")
    if verdict == "refuse":
        firm_page.choose_number(firm_of(case_id), "olga@freitag.example", None)

    assert faults() == set(), told()


def people_of(firm_id, role):
    with reading() as session:
        return Person.of(session, firm_id, role)


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
    monkeypatch.setattr(files.Seals, "look", lambda _, some: [files._NOTHING for _ in some])

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
    """As whoever has the database file may do: without foreign keys and, on SQLite, checks."""
    bound = engine(settings().database)
    with bound.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")
            connection.connection.driver_connection.execute("PRAGMA ignore_check_constraints = ON")
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
