import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import delete

from models.audit import Entry, Head, first_broken, heads, record, record_each, trail
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


@given(place=st.integers(0, 4), column=st.sampled_from(sorted(CHANGES)))
def test_a_changed_row_is_found(place, column):
    entries = written(7)

    setattr(entries[place], column, CHANGES[column])

    assert first_broken(entries) is not None


@given(one=st.integers(0, 4), other=st.integers(0, 4))
def test_a_row_removed_added_or_swapped_is_found(one, other):
    entries = written(7)

    assert one == 4 or first_broken(entries[:one] + entries[one + 1 :]) == one + 1
    assert first_broken([*entries[:one], entries[other], *entries[one:]]) is not None
    swapped = list(entries)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert (first_broken(swapped) is None) == (one == other)


VALUES = st.none() | st.booleans() | st.integers(-9, 9) | TEXT | st.lists(st.integers(), max_size=2)
ACTS = st.lists(st.tuples(st.integers(0, 10**6), TEXT, TEXT, st.dictionaries(TEXT, VALUES, max_size=2)), max_size=7)


def chained(acts, case_id=7) -> list[Entry]:
    entries: list[Entry] = []
    for seconds, actor, action, facts in acts:
        before = entries[-1] if entries else None
        entries.append(Entry.after(before, case_id, NOW + timedelta(seconds=seconds), actor, action, facts))
    return entries


def copied(entry: Entry, **changes) -> Entry:
    return Entry(**{column.name: getattr(entry, column.name) for column in Entry.__table__.columns} | changes)


def rechained(entries) -> list[Entry]:
    """As a forger would leave them who can write the table: numbered and hashed anew."""
    return chained([((entry.at - NOW).total_seconds(), entry.actor, entry.action, entry.facts) for entry in entries])


@given(ACTS, st.data())
def test_a_chain_as_written_holds_against_every_head_it_ever_had(acts, data):
    entries = chained(acts)
    known = [Head(7, entry.number, entry.hash) for entry in entries]

    assert first_broken(entries, data.draw(st.lists(st.sampled_from(known))) if known else []) is None


@given(ACTS.filter(bool), st.data())
def test_any_row_changed_is_found_and_named(acts, data):
    entries = chained(acts)
    place = data.draw(st.integers(0, len(entries) - 1))
    column = data.draw(st.sampled_from(["case_id", "number", "at", "actor", "action", "facts", "previous", "hash"]))
    other = {
        "case_id": st.integers(), "number": st.integers(), "at": st.datetimes(timezones=st.just(UTC)),
        "actor": TEXT, "action": TEXT, "facts": st.dictionaries(TEXT, VALUES, max_size=2),
        "previous": st.text("0123456789abcdef", min_size=64, max_size=64),
        "hash": st.text("0123456789abcdef", min_size=64, max_size=64),
    }  # fmt: skip
    before = json.dumps(getattr(entries[place], column), default=str, sort_keys=True)
    value = data.draw(other[column].filter(lambda new: json.dumps(new, default=str, sort_keys=True) != before))

    entries[place] = copied(entries[place], **{column: value})
    assume(json.dumps(getattr(entries[place], column), default=str, sort_keys=True) != before)  # Not all is kept.

    assert first_broken(entries) == place + 1


@given(ACTS.filter(bool), st.data())
def test_any_row_removed_is_found_and_named_the_last_ones_by_a_known_head(acts, data):
    entries = chained(acts)
    newest = Head(7, entries[-1].number, entries[-1].hash)
    first = data.draw(st.integers(0, len(entries) - 1))
    last = data.draw(st.integers(first + 1, len(entries)))

    left = entries[:first] + entries[last:]

    assert first_broken(left, [newest]) == first + 1


@given(ACTS.filter(lambda acts: len(acts) > 1), st.data())
def test_any_two_rows_swapped_are_found(acts, data):
    entries = chained(acts)
    one, other = sorted(data.draw(st.sets(st.integers(0, len(entries) - 1), min_size=2, max_size=2)))

    entries[one], entries[other] = entries[other], entries[one]

    assert first_broken(entries) == one + 1


@given(ACTS.filter(bool), st.data())
def test_any_row_added_between_is_found(acts, data):
    entries = chained(acts)
    place = data.draw(st.integers(0, len(entries) - 1))
    forged = Entry.after(entries[place - 1] if place else None, 7, NOW, "forger", "was never done", {})

    assert first_broken([*entries[:place], forged, *entries[place:]]) == place + 2


@given(ACTS.filter(bool), st.data())
def test_a_chain_computed_anew_from_a_change_on_is_found_by_a_known_head(acts, data):
    entries = chained(acts)
    newest = Head(7, entries[-1].number, entries[-1].hash)
    place = data.draw(st.integers(0, len(entries) - 1))
    forged = rechained([*entries[:place], copied(entries[place], actor="never me"), *entries[place + 1 :]])

    assert first_broken(forged) is None
    assert first_broken(forged, [newest]) == newest.number


def test_the_heads_of_all_cases_are_told():
    with transaction() as session:
        for _ in range(2):
            record_each(session, {7: {}, 8: {}}, NOW, "done")
        record(session, 8, NOW, "done")

    with reading() as session:
        assert [(head.case_id, head.number) for head in heads(session)] == [(7, 2), (8, 3)]
        assert list(heads(session))[1].hash == trail(session, 8)[-1].hash


def test_an_entry_outlives_what_it_tells_of():
    assert not Entry.__table__.foreign_keys
