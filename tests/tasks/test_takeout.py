# ruff: noqa: F401, F811  (fixtures)
"""All data of a firm, as files for it to take along: complete, nobody else's, and put together once."""

import csv
import io
import json
from datetime import date, timedelta
from hashlib import sha256
from zipfile import ZipFile

import pytest
from sqlalchemy import func, select, update

from models.audit import first_broken, trail
from models.contracts import takeout as rules
from models.contracts.booking import CameBy, ChangeKind
from models.contracts.legal import Consent, LegalKind, LegalText
from models.contracts.takeout import STAYS_HERE, TAKEN, Takeout, TakeoutPiece
from models.db import Base, reading, transaction
from models.document import Document
from models.errors import NotFound
from models.migrate import register_tables
from models.onboarding import AccountClosed, Onboarding
from models.people.manners import Language
from models.people.person import Person
from models.time.clock import now
from tasks.agreement.lifecycle import withdraw
from tasks.contracts import changes, legal, takeout
from tasks.contracts.changes import Wish
from tasks.contracts.takeout import TakenOverError, make_takeout, make_takeouts
from tasks.retention.tidy import remove_past
from tests.contacts import account, contact
from tests.factories import acts, advance, at_once, countersigned, firm_of, give_logo, mails, opened, with_organiser
from tests.tasks.test_contracts import MANAGER, OPERATOR, at, firm_id, no_faults, ordered, phone

ERIKA = "erika@freitag.example"
LETTER = b"%PDF-1.4 a letter"


@pytest.fixture
def owner(firm_id) -> int:
    with reading() as session:
        return Person.organiser(session, firm_id).id


def asked(firm_id: int, owner: int, language: Language = Language.GERMAN) -> int:
    return takeout.ask(firm_id, owner, ERIKA, language).id


def fetched(firm_id: int, takeout_id: int) -> ZipFile:
    made, pieces = takeout.fetch(firm_id, takeout_id, ERIKA)
    content = b"".join(pieces)
    assert (len(content), sha256(content).hexdigest()) == (made.size, made.sha256)
    return ZipFile(io.BytesIO(content))


def rows(archive: ZipFile, name: str) -> list[dict]:
    return json.loads(archive.read(f"tables/{name}.json"))


def test_every_table_is_taken_along_or_has_a_reason_why_not():
    register_tables()
    assert TAKEN.keys() | STAYS_HERE.keys() == Base.metadata.tables.keys()
    assert TAKEN.keys() & STAYS_HERE.keys() == set()
    assert {column.name for table in Base.metadata.tables.values() for column in table.columns} >= rules.LEFT_OUT


def asked_to_accept(firm_id: int) -> tuple[int, str]:
    """Terms that were published since: the version, and the hash of its document."""
    with transaction() as session:
        terms = Document.keep(session, b"Neue AGB", "terms-2.txt", "text/plain")
        version = LegalText(kind=LegalKind.TERMS, number="2", document_id=terms.id, valid_from=date(2027, 3, 1))
        version.is_material, version.changes, version.published_at = True, "Preise", takeout.now()
        session.add(version)
        session.flush()
        consent = {"legal_text_id": version.id, "sha256": terms.sha256, "asked_at": takeout.now()}
        session.add(Consent(firm_id=firm_id, **consent))
        return version.id, terms.sha256


def answered_by_letters(firm_id: int) -> None:
    """No, and then yes."""
    text_id, digest = asked_to_accept(firm_id)
    for is_accepted, scan in ((False, LETTER + b": no"), (True, LETTER + b": yes")):
        paper = legal.Paper("2027-03-01", "letter", "Erika", scan=("brief.pdf", scan))
        legal.enter(firm_id, OPERATOR, text_id, digest, paper, is_accepted=is_accepted)


def test_the_archive_holds_all_of_this_firm_and_nothing_of_another(firm_id, owner, phone, clock):
    at(clock, 2027, 3, 1)
    max_ = contact(firm_id, "Max", "Beispiel", "max@beispiel.example")
    formula = account(firm_id, '=HYPERLINK("https://boese.example")', max_)
    south = firm_of(opened("test:2", firm_name="Steuerbüro Süd", organiser={"name": "Sara", "email": "s@sued.example"}))
    account(south, "Mandant von Süd", contact(south, "Nina", "Neu", "nina@sued.example"))
    booking_id = ordered(firm_id, phone)
    wish = Wish(ChangeKind.TERMINATION, received_at=None, reason="Streng vertraulich", chosen=None)
    letter = Wish(ChangeKind.TARIFF, phone["large"], received_at=takeout.now(), came_by=CameBy.LETTER)
    prices = changes.preview(firm_id, booking_id, OPERATOR, letter).prices.id
    changes.declare_change(firm_id, booking_id, OPERATOR, letter, price_list_id=prices, scan=("brief.pdf", LETTER))
    changes.ask_undo(firm_id, booking_id, OPERATOR)
    changes.declare_change(firm_id, booking_id, MANAGER, wish)
    answered_by_letters(firm_id)
    takeout_id = asked(firm_id, owner, Language.FRENCH)

    assert make_takeout.fn(takeout_id)
    assert not make_takeout.fn(takeout_id)

    archive = fetched(firm_id, takeout_id)
    assert archive.testzip() is None
    everything = b"".join(archive.read(name) for name in archive.namelist())
    for other in (b"S\xc3\xbcd", b"sued.example", b"vertraulich", b"password", b"token_sha256", b"manager@"):
        assert other not in everything, other
    manifest = json.loads(archive.read("manifest.json"))
    told = {one["name"]: one for one in manifest["files"]}
    assert {*told, "manifest.json"} == {*archive.namelist()}
    for name, one in told.items():
        content = archive.read(name)
        assert (one["bytes"], one["sha256"]) == (len(content), sha256(content).hexdigest())
    assert [row["name"] for row in rows(archive, "firms")] == ["Anwaltskanzlei Freitag & Kollegen"]
    assert [(row["id"], row["name"]) for row in rows(archive, "clients")] == [
        (formula, '=HYPERLINK("https://boese.example")')
    ]
    read = [*csv.DictReader(io.StringIO(archive.read("tables/clients.csv").decode("utf-8-sig")))]
    assert [row["name"][:2] for row in read] == ["'="]
    assert told["tables/clients.csv"]["rows"] == told["tables/clients.json"]["rows"] == 1
    assert [row["person_id"] for row in rows(archive, "client_contacts")] == [max_]
    assert [row["kind"] for row in rows(archive, "changes")] == ["tariff", "termination"]
    assert len(rows(archive, "bookings")) == 2
    assert {row["code"] for row in rows(archive, "modules")} >= {"phone"}
    assert archive.read("letters/1.pdf") == LETTER
    assert archive.read("letters/consent-1.pdf") == LETTER + b": yes"
    assert archive.read("letters/consent-former-1.pdf") == LETTER + b": no"
    assert archive.read("legal/1.txt") == b"Neue AGB"
    assert [row["state"] for row in rows(archive, "consents")] == ["accepted"]
    assert archive.read("agreement/1/sent.pdf").startswith(b"%PDF")
    assert archive.read("README.txt").decode("utf-8-sig").startswith("Toutes les données de Anwaltskanzlei")
    entries = json.loads(archive.read("trail.json"))
    with reading() as session:
        kept = trail(session, 1)
    assert [entry["hash"] for entry in entries] == [entry.hash for entry in kept[: len(entries)]]
    assert {entry["by"] for entry in entries} <= {ERIKA, "Convent IT"}
    assert any(entry.get("values") for entry in entries)


def test_asked_twice_it_is_one_and_whoever_asked_is_told_once(firm_id, owner, clock):
    first, second = at_once(lambda: asked(firm_id, owner), lambda: asked(firm_id, owner))
    assert first == second
    make_takeout.fn(first)
    assert asked(firm_id, owner) == first
    (mail,) = mails("takeout_ready")
    assert (mail.to_address, mail.facts["path"]) == (ERIKA, f"/firm/{firm_id}/contract#data")
    clock(hours=2)
    again = asked(firm_id, owner)
    assert again != first
    assert make_takeouts.fn() == 0  # Without Prefect nothing is begun.
    make_takeout.fn(again)
    assert len(mails("takeout_ready")) == 2
    assert no_faults()


def test_who_dies_over_it_leaves_it_to_the_next_and_nobody_keeps_it_twice(firm_id, owner, clock, monkeypatch):
    takeout_id = asked(firm_id, owner)
    monkeypatch.setattr(takeout, "PIECE", 5_000)
    real = takeout._keep

    def overtaken(key, lease, file):
        with monkeypatch.context() as undone:
            undone.setattr(takeout, "_keep", real)
            clock(minutes=16)
            assert make_takeout.fn(takeout_id)
        real(key, lease, file)

    monkeypatch.setattr(takeout, "_keep", overtaken)
    with pytest.raises(TakenOverError):
        make_takeout.fn(takeout_id)

    archive = fetched(firm_id, takeout_id)
    assert archive.testzip() is None
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(TakeoutPiece)) > 4
    assert len(mails("takeout_ready")) == 1


def test_it_is_fetched_by_its_firm_alone_in_its_time_and_then_it_is_gone(firm_id, owner, clock):
    takeout_id = asked(firm_id, owner)
    with pytest.raises(NotFound):
        takeout.fetch(firm_id, takeout_id, ERIKA)
    make_takeout.fn(takeout_id)
    with pytest.raises(NotFound):
        takeout.fetch(firm_of(opened("test:2")), takeout_id, ERIKA)
    clock(days=29)
    fetched(firm_id, takeout_id)
    clock(days=2)
    with pytest.raises(NotFound):
        takeout.fetch(firm_id, takeout_id, ERIKA)
    remove_past.fn()
    with reading() as session:
        assert session.scalars(select(Takeout)).all() == []
        assert session.scalars(select(TakeoutPiece.id)).all() == []
    assert acts(1)[-3:] == ["takeout.asked", "takeout.made", "takeout.fetched"]


def test_whose_account_was_closed_meanwhile_neither_asks_nor_fetches_and_is_not_called_to_it(firm_id, owner, clock):
    takeout_id = asked(firm_id, owner)
    with transaction() as session:
        Onboarding.of_firm(session, firm_id).close(now())
    make_takeout.fn(takeout_id)
    assert mails("takeout_ready") == []
    with pytest.raises(AccountClosed):
        takeout.fetch(firm_id, takeout_id, ERIKA)
    with pytest.raises(AccountClosed):
        asked(firm_id, owner)


def test_who_acted_for_the_provider_is_the_provider_to_the_firm(no_runs, clock):
    case_id = with_organiser()
    advance(case_id)
    withdraw(case_id, "Der Preis war falsch.", "otto@convent-it.example")
    with reading() as session:
        owner = Person.organiser(session, firm_of(case_id)).id
    takeout_id = asked(firm_of(case_id), owner)
    make_takeout.fn(takeout_id)
    archive = fetched(firm_of(case_id), takeout_id)
    assert rows(archive, "agreements")[0]["withdraw_reason"] == "Der Preis war falsch."
    assert [name for name in archive.namelist() if b"otto@" in archive.read(name)] == []
