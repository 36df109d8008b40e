"""Many rows at once stand there as if each had been written by itself."""

import gc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Text, cast, select
from sqlalchemy.exc import DataError, IntegrityError

from models.audit import Value
from models.db import reading, transaction
from models.firm import Firm
from models.many import as_json, insert_all, uncollected, update_all
from models.onboarding import Onboarding
from models.people.manners import Language
from models.people.person import Person, Role
from tests.factories import firm_of, opened

AT = datetime(2026, 9, 15, 11, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
WORDS = ["", "Müller & Söhne", '😀\x7f\t"\\/', "\u0000", "\ud800", 2**80, -1, None, True, 1e-7, {"ß": [{}, []]}]


def people(firm_id: int, *names: str) -> list[dict]:
    rest = {"firm_id": firm_id, "role": Role.CLIENT, "added_at": AT, "invitation_waits": True}
    return [{"email": f"{n}@kunde.example", "given_name": "", "family_name": n, **rest} for n in names]


def test_rows_that_are_inserted_or_changed_together_are_as_if_each_was_by_itself():
    firm_id = firm_of(opened())
    rows = people(firm_id, "Müller", "O'Hara %s \\", "😀")
    with transaction() as session:
        session.add_all(Person(**{**row, "email": f"other-{row['email']}"}) for row in rows)
        session.flush()
        insert_all(session, Person, rows)
        insert_all(session, Person, [])

    with reading() as session:
        both = session.scalars(select(Person).where(Person.role == Role.CLIENT).order_by(Person.id)).all()
    columns = [column.key for column in Person.__table__.columns if column.key not in {"id", "email"}]
    one, other = (
        [[getattr(person, name) for name in columns] for person in both if person.email.startswith("other") is is_so]
        for is_so in (True, False)
    )
    assert one == other
    assert both[0].added_at == AT.astimezone(UTC)

    with transaction() as session:
        found = session.scalars(select(Person.id).where(Person.email.in_([row["email"] for row in rows]))).all()
        update_all(session, Person, [{"id": key, "language": Language.FRENCH, "paused_at": AT} for key in found])
    with reading() as session:
        french = session.scalars(select(Person.id).where(Person.language == Language.FRENCH, Person.paused_at == AT))
        assert set(french) == set(found)


def test_what_breaks_a_rule_is_refused_or_left_out():
    firm_id = firm_of(opened())
    with transaction() as session:
        case_id = session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm_id)).one()
    value = {"case_id": case_id, "number": 1, "about": "client:1", "value": {}, "salt": ""}
    with transaction() as session:
        insert_all(session, Value, [value])
        insert_all(session, Value, [value, {**value, "about": "client:2"}], unless_there=True)
        assert session.scalars(select(Value.about).where(Value.about.startswith("client:"))).all() == [
            "client:1",
            "client:2",
        ]
    with pytest.raises(IntegrityError), transaction() as session:
        insert_all(session, Value, [value])
    with pytest.raises((DataError, IntegrityError)), transaction() as session:
        insert_all(session, Firm, [{"name": None}])


def test_whatever_stands_in_json_is_read_as_it_was_and_written_in_ascii():
    case_id = opened()
    with transaction() as session:
        row = {"case_id": case_id, "number": 1, "salt": ""}
        insert_all(session, Value, [{**row, "about": f"odd:{at}", "value": {"word": w}} for at, w in enumerate(WORDS)])

    with reading() as session:
        kept = select(Value.value, cast(Value.value, Text).label("written")).where(Value.about.startswith("odd:"))
        rows = session.execute(kept.order_by(Value.id)).tuples().all()
    assert [value for value, _ in rows] == [{"word": word} for word in WORDS]
    assert [text for _, text in rows] == [as_json({"word": word}) for word in WORDS]
    assert all(text.isascii() for _, text in rows)


def test_while_a_batch_is_made_nothing_is_looked_through_and_afterwards_it_is_again():
    def break_off() -> None:
        with uncollected():
            with uncollected():
                assert not gc.isenabled()
            assert not gc.isenabled()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_off()
    assert gc.isenabled()
