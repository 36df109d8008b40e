"""A person is erased: what may go is gone from everywhere, what the law keeps stays, and nobody else loses anything."""

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update

from deployments.catcher import read_mails
from models.clients.imports import Import
from models.contracts.contract import Recipient
from models.db import Base, reading, transaction
from models.errors import ProvisionError
from models.inbox import Incoming
from models.link import Purpose
from models.mail.outbox import MailKind, Outgoing
from models.people.login import Login
from models.people.manners import Language
from models.people.person import Person
from models.request import Named
from models.retention import erasure
from models.retention.erasure import (
    ErasureHeld,
    Judge,
    StillAskedToSign,
    StillInvoiced,
    StillNeeded,
    StillUnderWay,
    WorkedHere,
    plan,
    shares,
)
from models.retention.rules import RECORDS
from models.settings import settings
from models.time.clock import now
from tasks.audit.verification import verify
from tasks.clients.imports import course, errors, telling, undo, work
from tasks.mail import delivery
from tasks.onboarding import corrections, invitations, registration, stopping
from tasks.people import sessions
from tasks.retention import tidy
from tasks.retention.erasure import Replayed, _Work, finish_erasures, forget, replay
from tasks.retention.forgotten import Forgotten, ListUnreadable, ListWithinData, put_down
from tasks.retention.holds import lift_hold, set_hold
from tasks.text.i18n import Reader
from tests import erased, factories
from tests.contacts import ERIKA, MAX, STAFF, contact, other_firm
from tests.factories import at_once, everything, firm_of
from tests.tasks.test_delivery import mail_server as mail_server  # noqa: PLC0414  (a fixture)
from tests.tasks.test_imports import written
from tests.traces import digests_found, found


def share(who: str) -> erasure.Share:
    with reading() as session:
        (only,) = shares(session, who)
        return only


def everywhere(who: str) -> list[erasure.Share]:
    with reading() as session:
        return shares(session, who)


def planned(who: str) -> erasure.Plan:
    with reading() as session:
        return plan(session, share(who), now())


def faults() -> set[str]:
    """Agreements of the tests are not sealed, which is told."""
    return {str(fault) for one in verify() for fault in one.faults}


@pytest.fixture(autouse=True)
def awake(monkeypatch):
    """Nobody else writes here, for whom there would be a pause."""
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)


def left_in_file(mark: bytes) -> int:
    """How often it stands between the rows of SQLite's file, or in its journal."""
    file = Path(settings().database.removeprefix("sqlite:///"))
    parts = (file, file.with_name(f"{file.name}-wal")) if file.exists() else ()
    return sum(part.read_bytes().lower().count(mark) for part in parts if part.exists())


def add(row: Base) -> None:
    with transaction() as session:
        session.add(row)


def copied() -> dict[str, list]:
    """All that stands in all tables."""
    with reading() as session:
        return {
            table.name: [dict(row) for row in session.execute(select(table)).mappings()]
            for table in Base.metadata.sorted_tables
        }


def put_back(kept: dict[str, list]) -> None:
    with transaction() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET session_replication_role = replica"))
        else:
            session.execute(text("PRAGMA defer_foreign_keys=ON"))
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(delete(table))
        for table in Base.metadata.sorted_tables:
            if kept[table.name]:
                session.execute(insert(table), kept[table.name])
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET session_replication_role = DEFAULT"))


def test_a_clients_contact_is_gone_from_everywhere_when_the_firm_has_said_so():
    factories.with_client()
    before, told = faults(), planned(MAX)
    assert (told.judge, told.obstacles, told.stays[-1].what) == (Judge.FIRM, (), erasure.NUMBERS)
    assert found("max@beispiel.example", "Max Beispiel")

    forget(share(MAX), ERIKA)

    assert found("max@beispiel.example", "Max Beispiel") == set()
    assert faults() == before
    with pytest.raises(erasure.WhoUnknown):
        share(MAX)


def test_a_caseworker_is_gone_from_everywhere_but_the_contract():
    case_id = factories.countersigned(caseworkers=STAFF)
    factories.registered(STAFF[0]["email"])
    factories.advance(case_id)
    before = faults()
    assert planned(STAFF[0]["email"]).judge is Judge.OPERATOR

    forget(share(STAFF[0]["email"]), "otto@provider.example")

    assert found(STAFF[0]["email"], STAFF[0]["name"]) == set()
    assert found(STAFF[1]["email"])
    assert faults() == before


PEOPLE = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "many" else 10
MARKS = (erased.GIVEN, erased.FAMILY, "zyxqwvut", "tsrqponm", erased.PHONE, "030 555")


def test_people_in_every_state_are_found_nowhere_but_where_the_law_keeps_them(no_runs):
    """Everywhere all of them are looked for by the mark that they bear, and each by the digests of who they are."""
    them = [who for index in range(PEOPLE // erased.AT_EACH) for who in erased.firm(index)]
    erased.caught()
    before, there = faults(), found(*MARKS)
    assert {"persons.email", "outbox.facts", "inbox.payload", "audit_values.value", "import_records.draft"} <= there
    assert {"sign_ups.email", "client_words.contacts", "decisions.facts", "phones.number", "imports.content"} <= there
    assert any(place.endswith(".eml") for place in there)

    for who in them:
        for each in everywhere(who):
            forget(each, ERIKA)

    assert found(*MARKS) == set()
    assert digests_found(them) == set()
    assert left_in_file(b"zyxqwvut") == 0
    assert faults() <= before  # Of rows that the factories have put there by hand the trail knows now.
    assert {"persons.family_name", "persons.email", "inbox.payload", "client_words.contacts"} <= found("bleibt")


def test_what_was_erased_does_not_come_back_by_taking_an_import_back_or_by_the_same_message_again(no_runs):
    firm_id = firm_of(factories.countersigned())
    lines = ["Kundennummer;Firma;Vorname;Nachname;E-Mail\n", "7;;Max;Beispiel;max@beispiel.example\n"]
    lines += ["8;Rest GmbH;Rita;Rest;rita@rest.example\n"]
    import_id = written(firm_id, "".join(lines).encode())
    again = ("webhook", "1", "person.named", {"email": MAX, "name": "Max Beispiel"})
    with transaction() as session:
        Incoming.store(session, *again, now())
        session.execute(update(Incoming).values(handled_at=now()))

    forget(share(MAX), ERIKA)

    with transaction() as session:
        assert not Incoming.store(session, *again, now())
    undo.undo(firm_id, import_id, ERIKA)
    work.go_on(import_id)
    assert found(MAX, "Max Beispiel") == set()
    assert found("Rita Rest") <= {"audit_values.value"}


def test_an_import_that_nobody_has_begun_goes_as_a_whole_and_one_at_work_is_waited_for(no_runs):
    firm_id = firm_of(factories.countersigned())
    contact(firm_id, "Max", "Beispiel", MAX)
    file = b"Vorname;Nachname;E-Mail\nMax;Beispiel;max@beispiel.example\n"
    course.start(firm_id, "command line", "mandanten.csv", file)
    with pytest.raises(StillUnderWay):
        forget(share(MAX), ERIKA)
    assert found(MAX)
    with reading() as session:
        import_id = session.scalars(select(Import.id)).one()
    work.go_on(import_id)

    forget(share(MAX), ERIKA)

    with reading() as session:
        assert session.scalars(select(Import.id)).all() == []
    assert found(MAX, "Max Beispiel") == set()


def test_nothing_goes_while_a_hold_stands(clock):
    case_id = factories.with_client()
    for whose in ("", MAX):
        hold_id = set_hold(case_id, "otto@provider.example", whose=whose, reason="4 O 12/26", until="2027-06-30")
        before = everything()
        with pytest.raises(ErasureHeld):
            forget(share(MAX), ERIKA)
        assert everything() == before
        lift_hold(case_id, hold_id, "otto@provider.example")

    assert forget(share(MAX), ERIKA).total > 5


@pytest.mark.parametrize("who", ["erika@freitag.example", "konrad@freitag.example"])
def test_who_is_needed_is_replaced_first(who):
    factories.handed_over()
    before = everything()

    with pytest.raises((StillNeeded, StillAskedToSign)):
        forget(share(who), "command line")

    assert everything() == before


def test_whoever_works_here_is_not_erased_as_if_they_were_a_firms():
    case_id = factories.with_client()
    factories.operator()
    for address in ("operator@convent-it.example", settings().provider_email):
        with transaction() as session:
            mail = Outgoing.draft(MailKind.FIRM_CHANGED, address, None, now(), case_id=case_id)
            mail.to_address = address
            Outgoing.post(session, mail)
        before = everything()

        for each in everywhere(address):
            with pytest.raises(WorkedHere):
                forget(each, "command line")

        assert everything() == before


def test_who_gets_the_invoices_alone_is_replaced_first_and_known_by_that_alone():
    firm_id = firm_of(factories.with_client())
    add(Recipient(firm_id=firm_id, email="rechnung@freitag.example"))
    with pytest.raises(StillInvoiced):
        forget(share("Rechnung@freitag.example"), "command line")
    add(Recipient(firm_id=firm_id, email="neu@freitag.example"))

    forget(share("rechnung@freitag.example"), "command line")

    assert found("rechnung@freitag.example") == set()
    assert found("neu@freitag.example") == {"invoice_recipients.email"}


def test_a_namesake_elsewhere_keeps_all():
    factories.with_client()
    contact(other_firm(), "Max", "Beispiel", "max@anderswo.example")
    refused = {"name": "Max Beispiel", "email": "max@anderswo.example"}
    with transaction() as session:
        Incoming.store(session, "webhook", "1", "onboarding.requested", refused, now())
        session.execute(update(Incoming).values(handled_at=now()))

    forget(share(MAX), ERIKA)

    assert {"inbox.payload", "persons.family_name"} <= found("Max Beispiel") | found("Beispiel")
    with reading() as session:
        assert session.scalars(select(Incoming.payload)).one() == refused


def test_a_case_that_ended_without_a_signature_goes_with_its_organiser():
    case_id = factories.with_organiser()
    stopping.stop_case(case_id, "Erika Muster hat abgesagt.", "otto@provider.example")
    assert erasure.WHOLE in [line.what for line in planned(ERIKA).goes]

    forget(share(ERIKA), "command line")

    assert found(ERIKA, "Erika Muster", "Lindenweg") == set()
    with pytest.raises(stopping.CaseEmptied):
        stopping.take_up(case_id, "otto@provider.example")


def test_the_records_of_a_contract_stay_as_long_as_the_law_says():
    case_id = factories.countersigned()
    stopping.stop_case(case_id, "Vorbei.", "otto@provider.example")
    stays = {line.what: line for line in planned(ERIKA).stays}
    assert stays[erasure.RECORDS_OF].law == RECORDS
    assert stays[erasure.RECORDS_OF].until.year >= now().year + 8

    forget(share(ERIKA), "command line")

    left = found(ERIKA, "Erika Muster")
    assert "agreements.signer_email" in left
    assert {place.partition(".")[0] for place in left} <= {*erasure.KEPT, "audit_values", "documents"}
    assert "agreement.signed" in factories.acts(case_id)


def test_each_firm_erases_its_own_and_the_account_goes_with_the_last():
    firm_id = firm_of(factories.with_client())
    factories.registered(MAX, Purpose.ACTIVATE)
    other = other_firm()
    at_other = contact(other, "Max", "Beispiel", MAX)
    with transaction() as session:
        account_id = session.scalars(select(Login.id).where(Login.email == MAX)).one()
        session.execute(update(Person).where(Person.id == at_other).values(account_id=account_id))
    first, second = everywhere(MAX)
    assert (first.firm_id, second.firm_id, first.logins, second.logins) == (firm_id, other, (), ())

    forget(first, ERIKA)
    assert found(MAX) == {"persons.email", "accounts.email"}
    forget(second, "sara@sued.example")

    assert found(MAX) == set()


def test_a_namesake_at_the_firm_keeps_the_name():
    firm_id = firm_of(factories.with_client())
    contact(firm_id, "Max", "Beispiel", "der-andere@beispiel.example")

    forget(share(MAX), ERIKA)

    assert found(MAX) == set()
    assert "persons.email" in found("der-andere@beispiel.example")


def test_a_mail_to_somebody_else_loses_the_name_and_nothing_more():
    factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    erased.caught()
    theirs = {mail.id for mail in factories.mails("client_active")}

    forget(share(MAX), ERIKA)

    assert {mail.id for mail in factories.mails("client_active")} == theirs
    assert found("max@beispiel.example", "Max Beispiel") == set()
    assert [mail for mail in read_mails(settings().mail_folder) if mail.to.endswith("erika@freitag.example>")]


def test_who_is_on_the_list_is_erased_again_after_a_restore(no_runs):
    """A back-up is what the tables held before."""
    factories.with_client()
    kept = copied()
    forget(share(MAX), ERIKA)
    listed = (settings().forgotten / "forgotten.jsonl").read_text()
    assert "max" not in listed.lower()
    put_back(kept)
    assert found(MAX)

    assert replay() == Replayed(erased=1)

    assert found(MAX, "Max Beispiel") == set()
    assert replay() == Replayed()
    assert (settings().forgotten / "forgotten.jsonl").read_text() == listed


def test_a_list_that_was_written_with_another_secret_is_not_passed_over(monkeypatch):
    factories.with_client()
    forget(share(MAX), ERIKA)
    monkeypatch.setenv("PROVISION_SECRET", "another")
    settings.cache_clear()

    with pytest.raises(ListUnreadable):
        replay()


def test_a_line_that_was_cut_off_counts_for_nothing_and_harms_no_other():
    file = settings().forgotten / "forgotten.jsonl"
    put_down(["one"], now())
    with file.open("a") as opened:
        opened.write('{"at": "2026')
    assert set(Forgotten.read().moments) == {json.loads(file.read_text().splitlines()[0])["id"]}

    put_down(["two"], now())

    assert len(Forgotten.read().moments) == 2
    assert Forgotten.read().since("two") is not None


def test_killed_on_the_way_it_is_done_by_the_next_one(monkeypatch):
    factories.with_client()
    whole = everywhere(MAX)
    for step in ("imports", "mails", "rows", "texts", "trail", "end"):
        with monkeypatch.context() as patched:
            patched.setattr(f"tasks.retention.erasure._Work.{step}", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                forget(share(MAX), ERIKA)

    forget(*whole, ERIKA)

    assert found(MAX, "Max Beispiel") == set()
    assert forget(*whole, ERIKA).counts == {}
    assert factories.acts(1).count("person.erased") == 1


@pytest.mark.parametrize("meanwhile", ["forget", "sign_in", "deliver", "tidy", "invite", "register"])
def test_whatever_happens_at_the_same_moment_nothing_is_left(meanwhile, no_runs, mail_server):
    case_id = factories.with_client()
    token = factories.token(MAX, Purpose.ACTIVATE)
    if meanwhile != "register":
        factories.registered(MAX, Purpose.ACTIVATE)
    theirs = share(MAX)
    manners = {"given_name": "Max", "family_name": "Beispiel", "language": "de", "address_form": "sie"}
    acts = {
        "forget": lambda: forget(theirs, ERIKA),
        "sign_in": lambda: sessions.sign_in(MAX, factories.PASSWORD),
        "deliver": lambda: delivery.deliver_outbox.fn(),
        "tidy": lambda: tidy.remove_past.fn(),
        "invite": lambda: factories.advance(case_id),
        "register": lambda: registration.register(token, Purpose.ACTIVATE, factories.PASSWORD, **manners),
    }

    _, other = at_once(lambda: forget(theirs, ERIKA), acts[meanwhile])

    assert not isinstance(other, Exception) or isinstance(other, ProvisionError)
    assert found(MAX, "Max Beispiel") == set()
    assert factories.acts(case_id).count("person.erased") == 1


def test_every_table_that_points_to_people_says_what_becomes_of_its_rows():
    pointing = {
        table.name
        for table in Base.metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name in {"persons", "accounts"}
    }
    said = {*erasure.DELETED, *erasure.OWNED, *erasure.OWN_COLUMNS, *erasure.KEPT, *erasure.NUMBERS_ONLY}

    assert pointing - said == set()
    assert {name for names in erasure.CLASSES.values() for name in names} <= {*Base.metadata.tables}


def test_pages_show_nothing_of_an_imports_record_whose_people_were_erased(no_runs):
    firm_id = firm_of(factories.countersigned())
    lines = ["Kundennummer;Firma;Vorname;Nachname;E-Mail\n", "7;;Max;Beispiel;max@beispiel.example\n"]
    import_id = written(firm_id, "".join([*lines, "8;Rest GmbH;Rita;Rest;rita@rest.example\n"]).encode())
    forget(share(MAX), ERIKA)

    first, second = (telling.told(row, Reader(Language.ENGLISH)) for row in course.each_record(import_id))

    assert (first.name, first.account, first.raw) == ("", None, "")
    assert second.name == "Rest GmbH"
    with pytest.raises(course.FileErased):
        errors.error_rows(firm_id, import_id)


def test_who_is_erased_at_their_own_word_does_not_stand_in_the_trail_for_it():
    factories.with_client()

    forget(share(MAX), MAX)

    assert found(MAX, "Max Beispiel") == set()


def test_what_was_broken_off_is_finished_in_the_night_and_not_while_a_hold_stands(monkeypatch):
    case_id = factories.with_client()
    with monkeypatch.context() as patched:
        patched.setattr("tasks.retention.erasure._Work.mails", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            forget(share(MAX), ERIKA)
    hold_id = set_hold(case_id, "otto@provider.example", whose=MAX, reason="4 O 12/26", until="2027-06-30")
    assert finish_erasures.fn() == 0
    lift_hold(case_id, hold_id, "otto@provider.example")

    assert finish_erasures.fn() == 1

    assert found(MAX, "Max Beispiel") == set()


def test_who_is_named_anew_on_the_way_is_let_go_once_more(monkeypatch):
    firm_id = firm_of(factories.with_client())
    again = [Named(name="Max Beispiel", email=MAX)]
    end = _Work.end

    def named_anew(work):
        invitations.add_clients(firm_id, ERIKA, again, "Noch einmal!")
        factories.advance(work.share.case_id)
        return end(work)

    monkeypatch.setattr("tasks.retention.erasure._Work.end", named_anew)
    forget(share(MAX), ERIKA)

    assert found(MAX, "Max Beispiel") == set()


def test_who_was_replaced_before_they_answered_goes_and_whoever_came_instead_stays():
    case_id = factories.opened()
    factories.advance(case_id)
    corrections.correct_organiser(firm_of(case_id), ERIKA, Named(name="Nora Neu", email="nora@freitag.example"))
    factories.advance(case_id)

    for each in everywhere(ERIKA):
        forget(each, "command line")

    assert found(ERIKA, "Erika Muster") == set()
    assert {"persons.email", "outbox.to_address"} <= found("nora@freitag.example")


def test_the_list_never_lies_where_a_back_up_takes_it_along(monkeypatch):
    monkeypatch.setenv("PROVISION_FORGOTTEN_FOLDER", str(settings().data / "forgotten"))
    settings.cache_clear()

    with pytest.raises(ListWithinData):
        put_down(["one"], now())
