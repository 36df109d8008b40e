"""Files with many clients: records a second beside raw inserts of the same rows, and memory at 1,000 and at 100,000."""

import resource
from secrets import token_hex
from time import perf_counter

import pytest
from sqlalchemy import func, insert, select, text

from models.audit import Entry, Value
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact
from models.clients.imports import Import, ImportContact
from models.clients.words import ClientWords
from models.db import engine, reading, transaction
from models.people.person import Person, Role
from models.settings import settings
from models.time.clock import now
from tasks.clients.imports import course, work
from tests import factories

pytestmark = pytest.mark.benchmark


def file_of(number: int) -> bytes:
    lines = (
        f"K{n:06};{f'Firma {n} GmbH' if n % 3 == 0 else ''};Max;Müller{n};k{n}@kunde.example;0221 47{n:06};50667;Köln\n"
        for n in range(number)
    )
    return ("Kundennummer;Firma;Vorname;Nachname;E-Mail;Telefon;PLZ;Ort\n" + "".join(lines)).encode()


def raw_inserts(firm_id: int, number: int) -> None:
    """The rows that an import writes, made up beforehand, as fast as this library writes them."""
    at = now()
    with transaction() as session:
        row = Import(firm_id=firm_id, by="raw", file_name="raw", content=b"", created_at=at)
        session.add(row)
        session.flush()
        import_id = row.id
        case_id, entry = session.execute(select(Entry.case_id, Entry.number).order_by(Entry.id.desc())).first() or (
            0,
            0,
        )
    base = 10_000_000
    for first in range(0, number, work.AT_ONCE):
        some = range(first, min(first + work.AT_ONCE, number))
        people = [
            {"id": base + n, "firm_id": firm_id, "role": Role.CLIENT, "email": f"r{n}@kunde.example", "added_at": at}
            | {"given_name": "Max", "family_name": f"Raw{n}", "invitation_waits": True}
            for n in some
        ]
        accounts = [
            {"id": base + n, "firm_id": firm_id, "name": f"Raw{n}, Max", "name_key": f"max raw{n}", "company_key": ""}
            | {"number": f"R{n:06}", "postcode": "50667", "city": "Köln", "created_at": at}
            for n in some
        ]
        words = [
            {"client_id": base + n, "firm_id": firm_id, "names": f"raw{n} max r{n:06} 50667 koeln raw{n} max koln"}
            | {"contacts": f"max raw{n} r{n} kunde example", "places": "50667 koeln 50667 koln"}
            for n in some
        ]
        told = [
            {"case_id": case_id, "number": entry, "about": f"{kind}:{base + n}", "value": value, "salt": token_hex(32)}
            for n in some
            for kind, value in (
                ("client", {"accounts": {str(n): f"Raw{n}, Max"}}),
                (
                    "person",
                    {"rows": {"persons": [{"id": n, "email": f"r{n}@kunde.example", "family_name": f"Raw{n}"}]}},
                ),
            )
        ]
        with transaction() as session:
            connection = session.connection()
            for table, rows in (
                (Person, people),
                (Client, accounts),
                (Card, [{"person_id": base + n, "postcode": "50667", "city": "Köln"} for n in some]),
                (
                    Phone,
                    [
                        {"person_id": base + n, "kind": "landline", "number": f"+49221{n:07}", "is_primary": True}
                        for n in some
                    ],
                ),
                (ClientContact, [{"client_id": base + n, "person_id": base + n} for n in some]),
                (ClientWords, words),
                (Value, told),
                (
                    ImportContact,
                    [{"import_id": import_id, "record": n, "client_id": base + n, "person_id": base + n} for n in some],
                ),
            ):
                connection.execute(insert(table.__table__), rows)


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_records_a_second_beside_raw_inserts_in_the_same_run(product, no_runs):
    firm_id = factories.firm_of(factories.countersigned())
    number = 5_000
    began = perf_counter()
    import_id = course.start(firm_id, "command line", "mandanten.csv", file_of(number))
    work.go_on(import_id)
    planned = perf_counter() - began
    if product == "postgresql":
        with engine(settings().database).connect() as connection:
            connection.execute(text("ANALYZE"))
    course.begin(firm_id, import_id)
    began = perf_counter()
    work.go_on(import_id)
    written = perf_counter() - began
    began = perf_counter()
    raw_inserts(firm_id, number)
    raw = perf_counter() - began
    with reading() as session:
        assert session.scalars(select(func.count()).select_from(ImportContact)).one() == 2 * number
    figures = (
        f"read and planned {number / planned:,.0f}/s, written {number / written:,.0f}/s, raw {number / raw:,.0f}/s"
    )
    print(f"\n{product:10} {figures}: {raw / written:.2f} of raw inserts", end="")


@pytest.mark.parametrize("number", [1_000, 100_000])
def test_memory_does_not_grow_with_the_records(no_runs, number):
    firm_id = factories.firm_of(factories.countersigned())
    content = file_of(number)
    import_id = course.start(firm_id, "command line", "mandanten.csv", content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work.go_on(import_id)
    course.begin(firm_id, import_id)
    work.go_on(import_id)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    more = f"{(after - before) / 1024:.0f} MB more at the most"
    print(f"\n{number:7,} records, a file of {len(content) / 1e6:.1f} MB: {more}", end="")
