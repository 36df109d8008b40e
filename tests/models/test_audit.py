from datetime import UTC, datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from models.audit import Entry, first_broken, record, record_each, trail
from models.db import reading, transaction

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FACTS = st.dictionaries(TEXT, st.none() | st.integers(-9, 9) | TEXT, max_size=3)


def written(case_id, count=5):
    with transaction() as session:
        session.execute(delete(Entry))
        for number in range(count):
            record(session, case_id, NOW + timedelta(minutes=number), "done", "Müller & Söhne", number=number, by="„ü“")
    with reading() as session:
        return trail(session, case_id)


def test_entries_are_counted_and_chained_for_each_case():
    with transaction() as session:
        for _ in range(2):
            record_each(session, {7: {"a": 1}, 8: {"b": [1, None, "x"]}}, NOW, "done")

    with reading() as session:
        for case_id in (7, 8):
            entries = trail(session, case_id)
            assert [entry.number for entry in entries] == [1, 2]
            assert first_broken(entries) is None


def test_the_chain_holds_in_whatever_zone_the_moment_was_given():
    with transaction() as session:
        record(session, 7, NOW.astimezone(timezone(timedelta(hours=5))), "done")

    with reading() as session:
        assert first_broken(trail(session, 7)) is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(FACTS, min_size=1, max_size=4))
def test_the_chain_holds_for_whatever_is_told(facts):
    with transaction() as session:
        session.execute(delete(Entry))
        for told in facts:
            record_each(session, {7: told}, NOW, "done")

    with reading() as session:
        assert first_broken(trail(session, 7)) is None


CHANGES = {
    "case_id": 8, "number": 99, "at": NOW - timedelta(days=1), "actor": "somebody else", "action": "undone",
    "facts": {"number": 99}, "previous": "f" * 64, "hash": "f" * 64,
}  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 4), column=st.sampled_from(sorted(CHANGES)))
def test_a_changed_row_is_found(place, column):
    entries = written(7)

    setattr(entries[place], column, CHANGES[column])

    assert first_broken(entries) is not None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.integers(0, 4), other=st.integers(0, 4))
def test_a_row_removed_added_or_swapped_is_found(one, other):
    entries = written(7)

    assert one == 4 or first_broken(entries[:one] + entries[one + 1 :]) == one + 1
    assert first_broken([*entries[:one], entries[other], *entries[one:]]) is not None
    swapped = list(entries)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert (first_broken(swapped) is None) == (one == other)


def test_an_entry_outlives_what_it_tells_of():
    assert not Entry.__table__.foreign_keys
