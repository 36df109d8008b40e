import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from threading import Event

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import delete, event, inspect, select, text

from models.audit import (
    ERASED,
    HOUSE,
    RENEWED,
    START,
    Chain,
    Entry,
    Head,
    Value,
    canonical,
    commitment,
    erase,
    first_broken,
    heads,
    of,
    record,
    record_each,
    trail,
)
from models.db import reading, transaction
from models.firm import Firm
from models.people.login import Login
from models.people.person import Person

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FACTS = st.dictionaries(TEXT, st.none() | st.integers(-9, 9) | TEXT, max_size=3)


def written(case_id, count=5):
    with transaction() as session:
        session.execute(delete(Value))
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
        session.execute(delete(Value))
        session.execute(delete(Entry))
        for told in facts:
            record_each(session, {7: told}, NOW, "done")

    with reading() as session:
        assert first_broken(trail(session, 7)) is None


CHANGES = {
    "version": 1, "case_id": 8, "number": 99, "at": NOW - timedelta(days=1), "actor_id": "account:9",
    "action": "undone", "plain": {"number": 99}, "commitments": {}, "previous": "f" * 64, "hash": "f" * 64,
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
TOLD = st.dictionaries(st.sampled_from(["person:1", "person:2", "firm:1"]), FACTS, max_size=2)
ACTS = st.lists(
    st.tuples(st.integers(0, 10**6), TEXT, TEXT, st.dictionaries(TEXT, VALUES, max_size=2), TOLD), max_size=7
)


def after(entries: list[Entry], at=NOW, actor="", action="done", plain=None, told=None) -> Entry:
    before = Head(7, entries[-1].number, entries[-1].hash) if entries else None
    return Entry.after(before, 7, at, actor, action, plain or {}, told or {})


def chained(acts) -> list[Entry]:
    entries: list[Entry] = []
    for seconds, actor, action, plain, told in acts:
        entries.append(after(entries, NOW + timedelta(seconds=seconds), actor, action, plain, told))
    return entries


def copied(entry: Entry, **changes) -> Entry:
    columns = inspect(Entry).column_attrs.keys()
    values = [Value(about=value.about, value=value.value, salt=value.salt) for value in entry.values]
    return Entry(**{"values": values, **{name: getattr(entry, name) for name in columns}, **changes})


def rechained(entries) -> list[Entry]:
    """As a forger would leave them who can write the table: numbered and hashed anew."""
    return chained(
        [
            (
                (entry.at - NOW).total_seconds(),
                entry.actor_id,
                entry.action,
                entry.plain,
                {v.about: v.value for v in entry.values},
            )
            for entry in entries
        ]
    )


@given(ACTS, st.data())
def test_a_chain_as_written_holds_against_every_head_it_ever_had(acts, data):
    entries = chained(acts)
    known = [Head(7, entry.number, entry.hash) for entry in entries]

    assert first_broken(entries, data.draw(st.lists(st.sampled_from(known))) if known else []) is None


@given(ACTS.filter(bool), st.data())
def test_any_row_changed_is_found_and_named(acts, data):
    entries = chained(acts)
    place = data.draw(st.integers(0, len(entries) - 1))
    other = {
        "version": st.integers(0, 3),
        "case_id": st.integers(), "number": st.integers(), "at": st.datetimes(timezones=st.just(UTC)),
        "actor_id": TEXT, "action": TEXT, "plain": st.dictionaries(TEXT, VALUES, max_size=2), "commitments": TOLD,
        "previous": st.text("0123456789abcdef", min_size=64, max_size=64),
        "hash": st.text("0123456789abcdef", min_size=64, max_size=64),
    }  # fmt: skip
    column = data.draw(st.sampled_from(sorted(other)))
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
    forged = after(entries[:place], action="was never done")

    assert first_broken([*entries[:place], forged, *entries[place:]]) == place + 2


@given(ACTS.filter(bool), st.data())
def test_a_chain_computed_anew_from_a_change_on_is_found_by_a_known_head(acts, data):
    entries = chained(acts)
    newest = Head(7, entries[-1].number, entries[-1].hash)
    place = data.draw(st.integers(0, len(entries) - 1))
    forged = rechained([*entries[:place], copied(entries[place], actor_id="account:9"), *entries[place + 1 :]])

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


# ---- erased values


@dataclass(frozen=True)
class Told:
    """What was found wrong, by either verifier."""

    broken: bool
    lost: bool
    left: bool

    @classmethod
    def by_chain(cls, entries) -> "Told":
        chain = Chain()
        for entry in entries:
            chain.take(entry)
        return cls(chain.broken is not None, chain.lost is not None, chain.left is not None)

    @classmethod
    def slowly(cls, entries) -> "Told":
        """The same, entry by entry against all before it, from the text of the format alone."""

        def digest(whole: str) -> str:
            return sha256(whole.encode()).hexdigest()

        broken, there, promised, named = False, set(), set(), set()
        for at, entry in enumerate(entries):
            array = [entry.case_id, entry.number, entry.at.isoformat(), entry.actor_id, entry.action, entry.plain]
            array = array if entry.version == 1 else [entry.version, *array, entry.commitments]
            before = entries[at - 1].hash if at else "0" * 64
            text = json.dumps(array, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            broken |= entry.number != at + 1 or entry.previous != before or entry.hash != digest(before + text)
            broken |= entry.version == 1 and bool(entry.commitments)
            broken |= entry.version not in (1, 2) or (at > 0 and entry.version < entries[at - 1].version)
            if at and entry.version > entries[at - 1].version:
                broken |= entry.action != "chain.renewed" or entry.plain != {"entries": at, "head": before}
            for value in entry.values:
                whole = json.dumps(value.value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
                broken |= entry.commitments.get(value.about) != digest(value.salt + whole)
                there.add((at + 1, value.about))
            promised |= {(at + 1, about) for about in entry.commitments}
            if entry.action == "values.erased" and entry.version == 2:
                named |= {
                    (number, about) for about, numbers in entry.plain.get("erased", {}).items() for number in numbers
                }
        gone = promised - there
        return cls(broken, not gone <= named, not named <= gone)


def forget(entries: list[Entry], *which: tuple[Entry, Value]) -> None:
    """Erase these values as the product does, in memory."""
    erased: dict[str, list[int]] = {}
    for entry, value in which:
        entry.values.remove(value)
        erased.setdefault(value.about, []).append(entry.number)
    entries.append(after(entries, action=ERASED, plain={"erased": erased}))


def left_in(entries) -> list[tuple[Entry, Value]]:
    return [(entry, value) for entry in entries for value in entry.values]


def harm_value(harm, entry, value):
    match harm:
        case "change a value":
            value.value = {**value.value, "forged": "yes"}
        case "change a salt":
            value.salt = "0" * 64
        case "move a value":
            value.about = "person:9"
        case "remove a value":
            entry.values.remove(value)


def harm_entry(harm, entries, place, data):
    match harm:
        case "change a column":
            column = data.draw(st.sampled_from(sorted(CHANGES)))
            assume(getattr(entries[place], column) != CHANGES[column])
            entries[place] = copied(entries[place], **{column: CHANGES[column]})
        case "add a value":
            entries[place].values.append(Value(about="person:9", value={}, salt=""))
        case "remove an entry":
            assume(place < len(entries) - 1)  # A cut end is known by a head from elsewhere.
            del entries[place]
        case "swap entries":
            other = data.draw(st.integers(0, len(entries) - 1))
            assume(other != place)
            entries[place], entries[other] = entries[other], entries[place]


def harm_erased(harm, entries, entry, value):
    if harm == "put a value back":
        entry.values.append(value)
    else:
        entries.append(after(entries, action=ERASED, plain={"erased": {value.about: [entry.number]}}))


WHOLE = Told(broken=False, lost=False, left=False)


@given(
    acts=ACTS.filter(bool),
    harm=st.sampled_from(
        [
            *("change a value", "change a salt", "move a value", "remove a value", "say that it was erased"),
            *("put a value back", "change a column", "add a value", "remove an entry", "swap entries", "nothing"),
        ]
    ),
    data=st.data(),
)
def test_what_was_erased_is_never_taken_for_tampering_nor_tampering_for_it(acts, harm, data):
    entries, erased = chained(acts), []
    for _ in range(data.draw(st.integers(0, 4))):
        if there := left_in(entries):
            pairs = st.lists(st.sampled_from(there), min_size=1, max_size=3, unique_by=lambda pair: id(pair[1]))
            some = data.draw(pairs)
            forget(entries, *some)
            erased += some
        if data.draw(st.booleans()):
            entries.append(after(entries, told=data.draw(TOLD)))
    assert Told.by_chain(entries) == Told.slowly(entries) == WHOLE

    there = erased if harm == "put a value back" else left_in(entries)
    if harm in {"put a value back", "say that it was erased"}:
        assume(there)
        harm_erased(harm, entries, *data.draw(st.sampled_from(there)))
    elif harm.endswith((" value", " salt")) and harm != "add a value":
        assume(there)
        harm_value(harm, *data.draw(st.sampled_from(there)))
    else:
        harm_entry(harm, entries, data.draw(st.integers(0, len(entries) - 1)), data)

    told = Told.by_chain(entries)
    assert told == Told.slowly(entries)
    assert (told == WHOLE) == (first_broken(entries) is None) == (harm == "nothing")
    if harm == "remove a value":
        assert told == Told(broken=False, lost=True, left=False)
    if harm in {"put a value back", "say that it was erased"}:
        assert told == Told(broken=False, lost=False, left=True)


@pytest.mark.parametrize(
    "plain", [{}, {"erased": None}, {"erased": {"person:1": 5}}, {"erased": {"person:1": ["x", 2**70]}}]
)
def test_an_act_of_erasing_that_was_changed_into_nonsense_is_tampering_and_stops_no_verifier(plain):
    first = after([], told={"person:1": {"name": "Erika"}})
    entries = [first]
    forget(entries, (first, first.values[0]))
    entries[1].plain = plain

    assert first_broken(entries) is not None


def test_what_is_erased_is_nowhere_and_cannot_be_guessed_any_more():
    person = Person(id=12, email="erika@freitag.example", given_name="Erika", family_name="Muster")
    with transaction() as session:
        record(session, 7, NOW, "done", person, reason="Weil ich umziehe", number=3)
        record(session, 7, NOW, "done", "webhook", reason="Anderes")
        record(session, 8, NOW, "done", person)
        assert erase(session, NOW, "operator", Value.about == "person:12") == 2
        assert erase(session, NOW, "operator", Value.about == "person:12") == 0

    with reading() as session:
        assert [entry.action for entry in trail(session, 7)] == ["done", "done", ERASED]
        one, other, act = trail(session, 7)
        assert (one.actor, one.facts, one.erased) == ("person:12", {"number": 3}, ["person:12"])
        assert act.facts == {"erased": {"person:12": [1]}}
        assert [first_broken(trail(session, case_id)) for case_id in (7, 8)] == [None, None]
        salts = ["", *session.scalars(select(Value.salt))]
        everything = str([session.execute(text(f"SELECT * FROM {table}")).all() for table in ("audit", "audit_values")])
    was = {"by": person.email, "by_name": person.name, "reason": "Weil ich umziehe"}
    for guess in (*was.values(), canonical(was), *map(canonical, was.values())):
        assert guess not in everything
        for salt in salts:
            assert sha256(f"{salt}{guess}".encode()).hexdigest() not in everything
    assert other.facts["reason"] == "Anderes"


def test_each_fact_tells_of_whom_it_is_said_to_or_whom_the_act_names_or_who_acts():
    ada = Login(id=3, email="ada@convent-it.example", name="Ada")
    erika = Person(id=12, email="erika@freitag.example", given_name="Erika", family_name="Muster")
    firm = Firm(id=5)
    with transaction() as session:
        record(
            session, 7, NOW, "done", ada, person=13, note="Zu teuer", ip="198.51.100.7", website=of(firm, "a.example")
        )
        record(session, 7, NOW, "done", erika, note="Zu teuer", kind="tax", before=4, after=None)
        record(session, 7, NOW, "done", "webhook", note="Zu teuer")
        record(session, 7, NOW, "done", "niemand@nirgends.example")

    with reading() as session:
        told = [(entry.actor_id, entry.plain, {v.about: v.value for v in entry.values}) for entry in trail(session, 7)]
    by = {"by": ada.email, "by_name": "Ada"}
    assert told == [
        (
            "account:3",
            {"person": 13},
            {
                "account:3": {**by, "ip": "198.51.100.7"},
                "person:13": {"note": "Zu teuer"},
                "firm:5": {"website": "a.example"},
            },
        ),
        (
            "person:12",
            {"kind": "tax", "before": 4, "after": None},
            {"person:12": {"by": erika.email, "by_name": "Erika Muster", "note": "Zu teuer"}},
        ),
        ("webhook", {}, {"case:7": {"note": "Zu teuer"}}),
        ("", {}, {"case:7": {"by": "niemand@nirgends.example"}}),
    ]


def test_an_act_costs_one_statement_more_for_what_it_tells_for_many_cases_as_for_one(statements):
    counts = []
    for cases in (range(1, 2), range(2, 42)):
        with transaction() as session, statements() as asked:
            record_each(session, {case_id: {"note": "Zu teuer"} for case_id in cases}, NOW, "done")
        counts.append(len([statement for statement in asked if statement.lstrip().startswith(("SELECT", "INSERT"))]))
    assert counts == [3, 3]


def first_version(facts: list[dict]) -> list[Entry]:
    """As releases before it wrote them."""
    entries: list[Entry] = []
    for number, told in enumerate(facts, start=1):
        before = entries[-1].hash if entries else START
        plain = {"version": 1, "case_id": 7, "number": number, "at": NOW, "actor_id": "erika@freitag.example"}
        entry = Entry(**plain, action="done", plain=told, commitments={}, previous=before, values=[])
        entry.hash = entry.computed_hash()
        entries.append(entry)
    return entries


def test_a_chain_of_the_first_version_goes_on_behind_an_entry_that_names_its_head():
    old = first_version([{"a": "b"}, {"c": 1}])
    assert (old[0].actor, old[0].facts, first_broken(old)) == ("erika@freitag.example", {"a": "b"}, None)
    closed = {"head": old[-1].hash, "entries": 2}

    renewed = [*old, after(old, action=RENEWED, plain=closed)]
    assert first_broken([*renewed, after(renewed)]) is None

    assert first_broken([*old, after(old)]) == 3
    assert first_broken([*old, after(old, action=RENEWED, plain={**closed, "entries": 1})]) == 3
    late = copied(after(renewed), version=1)
    late.hash = late.computed_hash()
    assert first_broken([*renewed, late]) == 4


def test_nothing_can_be_put_beside_an_entry_of_the_first_version():
    old = first_version([{"a": "b"}, {"c": 1}])
    forged = Value(about="person:1", value={"a": "forged", "by": "somebody@else.example"}, salt="")
    old[1].values, old[1].commitments = [forged], {"person:1": forged.commitment}

    assert first_broken(old) == 2
    assert Told.slowly(old) == Told(broken=True, lost=False, left=False)


def test_what_was_changed_before_an_erasure_is_kept_and_what_was_read_is_read_again():
    with transaction() as session:
        record(session, 7, NOW, "done", "webhook", note="Zu teuer")
        login = Login(email="ada@convent-it.example", created_at=NOW)
        session.add(login)
        session.flush()
        (entry,) = trail(session, 7)
        with session.no_autoflush:
            login.name = "Ada"
            assert erase(session, NOW, "operator", Value.case_id == 7) == 1
        assert entry.erased == ["case:7"]

    assert login.name == "Ada"  # Whoever has it goes on with it after the transaction.
    with reading() as session:
        assert session.scalars(select(Login.name)).one() == "Ada"


def test_whoever_has_no_name_acts_without_one():
    with transaction() as session:
        record(session, 7, NOW, "done", Login(id=3, email="ada@convent-it.example"))

    with reading() as session:
        assert trail(session, 7)[0].facts == {"by": "ada@convent-it.example"}


def test_what_is_told_while_it_is_erased_is_erased_and_named_or_stays(product):
    if product != "postgresql":
        pytest.skip("SQLite lets one writer in at a time")
    with transaction() as session:
        record(session, HOUSE, NOW, "done", "webhook", note="Zu teuer")
    told, may_end = Event(), Event()

    def tell():
        with transaction() as session:
            record(session, HOUSE, NOW, "done", "webhook", note="Anderes")
            told.set()
            may_end.wait(5)

    def forget(telling):
        def others_end(*_):
            may_end.set()
            telling.result(5)

        told.wait(5)
        with transaction() as session:
            event.listen(session.connection(), "after_cursor_execute", others_end)
            return erase(session, NOW, "operator", Value.case_id == HOUSE)

    with ThreadPoolExecutor(2) as pool:
        count = pool.submit(forget, pool.submit(tell)).result()

    with reading() as session:
        entries = trail(session, HOUSE)
    assert [entry.action for entry in entries] == ["done", "done", ERASED]
    assert sum(len(numbers) for numbers in entries[2].plain["erased"].values()) == count
    assert first_broken(entries) is None


WHATEVER = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, WHATEVER))
def test_whatever_a_value_holds_it_is_proven_by_how_pythons_own_json_writes_it(value):
    plain = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    assert commitment("salt", value) == sha256(f"salt{plain}".encode()).hexdigest()
