"""Cases whose time is over: nothing tells of anybody any more, and all trails hold."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import LargeBinary, Text, cast, func, select, update

from models.audit import Value, trail
from models.db import Base, reading, transaction
from models.document import Document
from models.firm import Firm
from models.people.person import Person
from models.privacy import telling
from models.retention.hold import Hold
from models.time.clock import LOCAL_ZONE, now, today
from tasks.audit.verification import verify
from tasks.onboarding.stopping import CaseEmptied, stop_case, take_up
from tasks.retention import cases, tidy
from tests.contacts import account, contact
from tests.factories import advance, countersigned, firm_of, with_organiser

WORDS = ("erika", "freitag &", "freitag.example", "lindenweg", "80331", "will nicht mehr", "otto@")


@pytest.fixture(autouse=True)
def awake(monkeypatch):
    """Nobody else writes here, for whom there would be a pause."""
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)


def removed() -> dict[str, int]:
    return tidy.remove_past.fn()


def faults() -> set[str]:
    """Agreements of the tests are not sealed, which is told."""
    return {str(fault) for one in verify() for fault in one.faults}


def told_of(*words: str) -> set[str]:
    """The columns in which one of these stands, in whatever spelling of JSON or letters."""
    found = set()
    spelled = {each for word in words for each in (word, json.dumps(word)[1:-1])}
    with reading() as session:
        for table in Base.metadata.sorted_tables:
            for column in telling(table):
                text = column if isinstance(column.type, LargeBinary) else func.lower(cast(column, Text))
                for value in session.scalars(select(text).where(column.is_not(None))):
                    plain = value.decode("latin-1").lower() if isinstance(value, bytes) else str(value)
                    if any(word in plain for word in spelled):
                        found.add(f"{table.name}.{column.name}")
    return found


def stopped() -> int:
    case_id = with_organiser()
    stop_case(case_id, "Erika Muster will nicht mehr.", "otto@provider.example")
    return case_id


def test_a_case_that_was_ended_tells_of_nobody_once_its_time_is_over(clock):
    case_id = stopped()
    before = faults()
    assert {"persons.email", "firms.name", "accounts.email", "agreements.data", "audit_values.value"} <= told_of(*WORDS)
    clock(days=179, hours=23)
    assert "cases stopped" not in removed()

    clock(hours=1)
    assert removed()["cases stopped"] == 1

    assert told_of(*WORDS) == set()
    assert faults() == before
    with reading() as session:
        assert trail(session, case_id)[-1].action == "case.emptied"
        assert session.scalars(select(Value.id).where(Value.case_id == case_id)).all() == []
        assert {*session.scalars(select(Document.content).where(Document.erased_at.is_not(None)))} == {b""}
    assert "cases stopped" not in removed()
    with pytest.raises(CaseEmptied):
        take_up(case_id, "otto@provider.example")


def test_what_is_held_of_anybody_in_a_case_keeps_all_of_it(clock):
    stopped()
    clock(days=181)
    with transaction() as session:
        person = session.scalars(select(Person)).first()
        hold = {"reason": "Klage", "set_at": now(), "set_by": "x", "until": today()}
        session.add(Hold(firm_id=person.firm_id, person_id=person.id, **hold))

    assert "cases stopped" not in removed()
    clock(days=1)
    assert removed()["cases stopped"] == 1


def test_one_that_was_ended_can_be_taken_up_until_then(clock):
    case_id = stopped()
    clock(days=179)

    take_up(case_id, "otto@provider.example")

    clock(days=365)
    assert "cases stopped" not in removed()


@pytest.mark.parametrize("step", [1, 3, 10])
def test_whoever_is_killed_in_between_has_done_nothing_by_halves(step, monkeypatch, clock):
    stopped()
    before = faults()
    clock(days=180)
    go, count = cases._go, iter(range(99))

    def dies(*given):
        if next(count) == step:
            raise KeyboardInterrupt
        return go(*given)

    monkeypatch.setattr(cases, "_go", dies)
    with pytest.raises(KeyboardInterrupt):
        removed()
    monkeypatch.setattr(cases, "_go", go)
    clock(days=180)
    assert faults() == before
    assert removed()["cases stopped"] == 1
    assert told_of(*WORDS) == set()


def closed() -> int:
    """A firm with an account of a client, whose contract is over."""
    case_id = countersigned()
    advance(case_id)
    firm_id = firm_of(case_id)
    account(firm_id, "Nordlicht GmbH", contact(firm_id, "Max", "Sommer", "max@nordlicht.example"))
    with transaction() as session:
        session.execute(update(Firm).values(closed_at=now()))
    return case_id


CLIENTS = ("nordlicht", "sommer")


def test_what_a_firm_has_of_its_clients_goes_some_time_after_its_contract(clock):
    case_id = closed()
    before = faults()
    assert {"clients.name", "persons.email", "client_words.names"} <= told_of(*CLIENTS)
    clock(days=89, hours=23)
    assert "clients of closed accounts" not in removed()

    clock(hours=1)
    assert removed()["clients of closed accounts"] == 1

    assert told_of(*CLIENTS) == set()
    assert {"persons.email", "firms.name"} <= told_of(*WORDS)
    assert faults() == before
    with reading() as session:
        assert trail(session, case_id)[-1].action == "clients.emptied"
    assert "clients of closed accounts" not in removed()


def test_a_contract_is_kept_to_the_end_of_the_eighth_year_after_it(clock):
    closed()
    before = faults()
    ends = datetime(2035, 1, 1, tzinfo=LOCAL_ZONE)
    clock(ends - timedelta(hours=1))
    removed()
    assert {"firms.name", "agreements.signer"} <= told_of(*WORDS)

    clock(ends + timedelta(minutes=1))
    assert removed()["accounts closed"] == 1

    assert told_of(*WORDS, *CLIENTS) == set()
    assert faults() <= before  # Of a seal that is gone nothing is told any more.
    assert "accounts closed" not in removed()
