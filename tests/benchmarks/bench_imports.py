"""Files with many clients: records a second beside raw inserts of the same rows, and memory at 1,000 and at 100,000."""

import resource
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import pytest
from sqlalchemy import and_, func, insert, select, text
from sqlalchemy.orm import Session

from models.audit import Entry, Value
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact
from models.clients.imports import Import, ImportContact
from models.clients.words import ClientWords
from models.db import Base, Facts, engine, reading, transaction
from models.onboarding import Onboarding
from models.people.person import Person
from models.settings import settings
from models.time.clock import now
from tasks.clients.imports import course, work
from tasks.clients.imports.draft import Question
from tests import factories

pytestmark = pytest.mark.benchmark


def file_of(number: int) -> bytes:
    lines = (
        f"K{n:06};{f'Firma {n} GmbH' if n % 3 == 0 else ''};Max;Müller{n};k{n}@kunde.example;0221 47{n:06};50667;Köln\n"
        for n in range(number)
    )
    return ("Kundennummer;Firma;Vorname;Nachname;E-Mail;Telefon;PLZ;Ort\n" + "".join(lines)).encode()


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and those in which this process reckoned."""
    began = perf_counter(), process_time()
    act()
    return perf_counter() - began[0], process_time() - began[1]


WRITTEN = (Person, Client, Card, Phone, ClientContact, ClientWords, Value, ImportContact)
"""The tables in which an import writes rows, but for one row of the trail with each batch."""


def raw_inserts(from_import: int, for_firm: int, for_case: int) -> tuple[float, float]:
    """The very rows that an import has written, once more for another firm: in as many transactions, and nothing else
    is done there but that SQLAlchemy inserts them, many with one statement. Seconds, and those of this process alone.
    """
    with reading() as session:
        row = session.get_one(Import, from_import)
        case_id = session.scalars(select(Onboarding.id).where(Onboarding.firm_id == row.firm_id)).one()
        mine = select(ImportContact.person_id).where(ImportContact.import_id == from_import)
        which = {
            Person: Person.id.in_(mine),
            Client: Client.firm_id == row.firm_id,
            Card: Card.person_id.in_(mine),
            Phone: Phone.person_id.in_(mine),
            ClientContact: ClientContact.person_id.in_(mine),
            ClientWords: ClientWords.firm_id == row.firm_id,
            Value: and_(Value.case_id == case_id, Value.number.in_(_entries(case_id))),
            ImportContact: ImportContact.import_id == from_import,
        }
        rows = {kind: _rows(session, kind, which[kind]) for kind in WRITTEN}
        acts = _rows(session, Entry, and_(Entry.case_id == case_id, Entry.number.in_(_entries(case_id))))
        last = session.scalars(select(func.max(Entry.number)).where(Entry.case_id == for_case)).one()
    numbers = {each["number"]: last + at for at, each in enumerate(acts, start=1)}
    with transaction() as session:
        other = Import(firm_id=for_firm, by="raw", file_name="raw", content=b"", created_at=now())
        session.add(other)
        session.flush()
        session.execute(insert(Entry.__table__), [_otherwise(each, for_firm, for_case, 0, numbers) for each in acts])
        copied = {
            kind: [_otherwise(each, for_firm, for_case, other.id, numbers) for each in some]
            for kind, some in rows.items()
        }

    def insert_them() -> None:
        for at in range(len(acts)):
            with transaction() as session:
                connection = session.connection()
                for kind, some in copied.items():
                    first, behind = (len(some) * part // len(acts) for part in (at, at + 1))
                    connection.execute(insert(kind.__table__), some[first:behind])

    return timed(insert_them)


def _entries(case_id: int) -> Any:
    return select(Entry.number).where(Entry.case_id == case_id, Entry.action == "clients.imported")


def _rows(session: Session, kind: type[Base], which: Any) -> list[Facts]:
    table = kind.__table__
    return [dict(row) for row in session.execute(select(table).where(which).order_by(*table.primary_key)).mappings()]


def _otherwise(row: Facts, firm_id: int, case_id: int, import_id: int, numbers: dict[int, int]) -> Facts:
    """The same row for that firm: ids from ten millions on."""
    ids = ("id", "person_id", "client_id")
    other = {name: value + 10_000_000 if name in ids and value else value for name, value in row.items()}
    given = {"firm_id": firm_id, "case_id": case_id, "import_id": import_id}
    other |= {name: value for name, value in given.items() if name in row}
    if "case_id" in row:
        other["number"] = numbers[row["number"]]
        del other["id"]
    return other


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_records_a_second_beside_raw_inserts_in_the_same_run(product, no_runs):
    case_id, other_case = factories.countersigned(), factories.opened("raw", firm_name="Raw KG")
    firm_id, other_firm = factories.firm_of(case_id), factories.firm_of(other_case)
    number = 5_000
    import_id = course.start(firm_id, "command line", "mandanten.csv", file_of(number))
    planned, _ = timed(lambda: work.go_on(import_id))
    if product == "postgresql":
        with engine(settings().database).connect() as connection:
            connection.execute(text("ANALYZE"))
    course.begin(firm_id, import_id)
    written, busy = timed(lambda: work.go_on(import_id))
    raw, raw_busy = raw_inserts(import_id, other_firm, other_case)
    with reading() as session:
        assert session.scalars(select(func.count()).select_from(ImportContact)).one() == 2 * number
    figures = (
        f"read and planned {number / planned:,.0f}/s, written {number / written:,.0f}/s, raw {number / raw:,.0f}/s"
    )
    print(f"\n{product:10} {figures}: {raw / written:.2f} of raw inserts", end="")
    print(f" ({raw_busy / busy:.2f} by the time of this process alone)", end="")


@pytest.mark.parametrize("number", [1_000, 100_000])
def test_memory_does_not_grow_with_the_records(no_runs, number):
    firm_id = factories.firm_of(factories.countersigned())
    content = file_of(number)
    import_id = course.start(firm_id, "command line", "mandanten.csv", content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    planned, _ = timed(lambda: work.go_on(import_id))
    shown, _ = timed(lambda: (course.progress(firm_id, import_id), course.preview(firm_id, import_id)))
    course.answer(firm_id, import_id, Question.BAD_EMAIL, "skip", number // 2)
    answered, _ = timed(lambda: work.carry_on(import_id))
    course.begin(firm_id, import_id)
    written, _ = timed(lambda: work.go_on(import_id))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    more = f"{(after - before) / 1024:.0f} MB more at the most"
    took = f"planned {planned:.1f} s, looked at {shown:.3f} s, one answer {answered:.3f} s, written {written:.1f} s"
    print(f"\n{number:7,} records, a file of {len(content) / 1e6:.1f} MB: {took}; {more}", end="")
