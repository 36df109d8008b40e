"""What tidying up costs: by what goes, and not by what is there; for how long others wait; how large the file stays.

``RETENTION_ROWS=1000000 make bench`` measures a million rows of each sort instead of a hundred thousand.
"""

import os
import resource
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update

from models.audit import Entry, Head, Value, write
from models.db import engine, transaction
from models.inbox import Incoming
from models.mail.outbox import MailKind, Outgoing
from models.many import insert_all
from models.onboarding import Onboarding
from models.retention.hold import Holds
from models.retention.rules import RULES
from models.settings import settings
from models.time.clock import now
from tasks.retention import tidy
from tests.factories import with_organiser

pytestmark = pytest.mark.benchmark
ROWS = int(os.environ.get("RETENTION_ROWS", "100000"))
AT_ONCE = 10_000


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def fill_inbox(number: int, age: timedelta, name: str) -> None:
    at = now() - age
    for first in range(0, number, AT_ONCE):
        rows = [
            {
                "source": "webhook",
                "external_id": f"{name}{first + count}",
                "type": "mail.bounced",
                "payload": {"to": f"p{count}@x.example", "reason": "550 " + "no such user " * 8},
                "received_at": at,
                "handled_at": at + timedelta(milliseconds=first + count),
            }
            for count in range(min(AT_ONCE, number - first))
        ]
        with transaction() as session:
            insert_all(session, Incoming, rows)


def fill_outbox(number: int, age: timedelta, name: str) -> None:
    at = now() - age
    for first in range(0, number, AT_ONCE):
        rows = [
            {
                "key": f"{name}{first + count}",
                "message_id": f"<{name}{first + count}@x.example>",
                "kind": MailKind.YOUR_TURN,
                "onboarding_id": 1,
                "person_id": 1,
                "to_name": "Erika Muster",
                "to_address": "erika@freitag.example",
                "language": "de",
                "address_form": "sie",
                "facts": {"firm": "Anwaltskanzlei Freitag & Kollegen", "steps": ["details", "logo"], "path": "/firm/1"},
                "created_at": at,
                "addressed_at": at + timedelta(milliseconds=first + count),
                "delivered_at": at,
                "attempts": 1,
            }
            for count in range(min(AT_ONCE, number - first))
        ]
        with transaction() as session:
            insert_all(session, Outgoing, rows)


def fill_values(case_id: int, number: int) -> None:
    """So many more entries in this case's trail, each with what it tells of somebody."""
    with transaction() as session:
        newest = session.scalars(select(Entry).where(Entry.case_id == case_id).order_by(Entry.number.desc()).limit(1))
        last = newest.one()
        before = Head(case_id, last.number, last.hash)
    who = {"by": "erika@freitag.example", "by_name": "Erika Muster", "ip": "198.51.100.7", "agent": "Mozilla/5.0 " * 8}
    for first in range(0, number, AT_ONCE):
        entries = []
        for _ in range(min(AT_ONCE, number - first)):
            entry = Entry.after(before, case_id, now(), "person:1", "agreement.opened", {}, {"person:1": who})
            before = Head(case_id, entry.number, entry.hash)
            entries.append(entry)
        with transaction() as session:
            write(session, entries)


@contextmanager
def locks():
    """For how long each transaction that writes holds up others, in milliseconds."""
    bound, took, began = engine(settings().database), [], {}

    def begin(connection, _cursor, statement, *_):
        if statement == "BEGIN IMMEDIATE" or (
            connection not in began and not statement.startswith(("BEGIN", "SELECT"))
        ):
            began.setdefault(connection, time.perf_counter())

    def end(connection):
        if connection in began:
            took.append(1000 * (time.perf_counter() - began.pop(connection)))

    def begin_all(connection):
        if bound.dialect.name == "postgresql":
            began[connection] = time.perf_counter()

    event.listen(bound, "after_cursor_execute", begin)
    event.listen(bound, "begin", begin_all)
    event.listen(bound, "commit", end)
    event.listen(bound, "rollback", end)
    try:
        yield took
    finally:
        for name, act in (("after_cursor_execute", begin), ("begin", begin_all), ("commit", end), ("rollback", end)):
            event.remove(bound, name, act)


def tidied() -> tuple[dict[str, int], float, float, list[float]]:
    """What went, seconds of it and of CPU here, and the milliseconds of each transaction."""
    with locks() as took:
        began, cpu = time.perf_counter(), time.process_time()
        went = tidy.remove_past.fn()
        return went, time.perf_counter() - began, time.process_time() - cpu, took


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_tidying_costs_what_goes_and_not_what_is_there(product):
    case_id = with_organiser()
    with transaction() as session:
        session.execute(update(Outgoing).values(due_at=now() + timedelta(days=9999)))
    few = ROWS // 10
    costs = {}
    for there in (0, ROWS):  # The same goes from among none and from among very many.
        if there:
            fill_inbox(there, timedelta(days=1), "young")
            fill_outbox(there, timedelta(days=1), "young")
        fill_inbox(few, timedelta(days=100), f"old{there}-")
        fill_outbox(few, timedelta(days=400), f"old{there}-")
        before = memory()
        went, seconds, cpu, took = tidied()
        assert (went["events"], went["mails"]) == (few, few)
        took.sort()
        costs[there] = cpu
        print(
            f"\n{product}: {2 * few} rows among {2 * there} go in {seconds:.1f} s"
            f" ({1e6 * cpu / 2 / few:.0f} µs of CPU a row); {len(took)} transactions,"
            f" median {took[len(took) // 2]:.0f} ms, 99 of 100 below"
            f" {took[int(0.99 * len(took))]:.0f} ms, longest {took[-1]:.0f} ms; memory {memory() - before} MB more"
        )
        assert took[int(0.99 * len(took)) - 1] < 200
    assert costs[ROWS] < 3 * costs[0]

    fill_values(case_id, few)
    with transaction() as session:
        session.execute(update(Onboarding).values(stopped_at=now() - timedelta(days=200)))
    before = memory()
    went, seconds, cpu, took = tidied()
    took.sort()
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Value).where(Value.case_id == case_id)) == 0
    print(
        f"{product}: a case with {few} values of its trail in {seconds:.1f} s"
        f" ({1e6 * cpu / few:.0f} µs of CPU a value); {len(took)} transactions,"
        f" median {took[len(took) // 2]:.0f} ms, longest {took[-1]:.0f} ms;"
        f" memory {memory() - before} MB more"
    )
    assert took[int(0.99 * len(took)) - 1] < 200


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_the_rows_that_go_are_found_by_an_index(product):
    """Also where every row is young: the first look is the whole cost."""
    with_organiser()
    fill_inbox(ROWS, timedelta(days=1), "young")
    fill_outbox(ROWS, timedelta(days=1), "young")
    with transaction() as session:
        if product == "postgresql":
            session.connection().exec_driver_sql("ANALYZE")
        began = time.perf_counter()
        for rule in RULES:
            if rule.rows is not None:
                rule.rows.due(session, rule.term.limit(now()), Holds(), None, 1000)
        took = time.perf_counter() - began
    print(f"\n{product}: nothing to do among {2 * ROWS} rows: {1000 * took:.0f} ms for all {len(RULES)} rules")
    assert took < 0.5
