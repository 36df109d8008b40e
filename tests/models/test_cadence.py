from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from models.db import reading, transaction
from models.reminders.cadence import (
    DEFAULTS,
    FOLLOWS,
    Cadence,
    Cadences,
    DaysInvalid,
    Follow,
    Level,
    MostInvalid,
    Rhythm,
    WaitKind,
    days_of,
    most_of,
)
from models.reminders.reminder import SHORTEST_GAP, Reminder
from models.time.clock import now
from models.time.hours import Hours
from models.time.working_time import Reach, next_reachable
from tests.factories import advance, firm_of, opened
from tests.models.test_working_time import REACHES, may_be_written_to

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAYS = st.sets(st.integers(1, 40), min_size=1, max_size=4).map(sorted).map(tuple)
RHYTHMS = st.builds(Rhythm, st.just("test"), DAYS, st.integers(0, 6), st.sampled_from(Follow))


def wait(since=START, **state):
    return Reminder(since=since, sent=0, onboarding_id=1, **state)


@given(
    rhythm=RHYTHMS,
    who=REACHES,
    since=st.integers(0, 365 * 24 * 60).map(lambda minute: START + timedelta(minutes=minute)),  # Both clock changes.
    delays=st.lists(st.integers(0, 20 * 24), min_size=8, max_size=8),
)
def test_a_wait_is_reminded_in_the_hours_at_its_distance_up_to_the_limit(rhythm, who, since, delays):
    """Lived through, whoever looks coming late by so many hours each time."""
    row, sent, followed = wait(since), [], None
    row.plan(rhythm, who)
    for late in delays:
        if row.due_at is None:
            break
        assert may_be_written_to(who, row.due_at)
        at = next_reachable(row.due_at + timedelta(hours=late), timedelta(), who)
        due = row.due(rhythm)
        assert due <= at
        if row.sent >= rhythm.most:
            followed = row.followed_at = at
            row.plan(rhythm, who)
        else:
            row.count(rhythm, who, at)
            sent.append(at)

    assert all(may_be_written_to(who, at) for at in sent)
    assert row.due_at is None
    assert len(sent) == rhythm.most  # None is lost, none is sent twice.
    assert (followed is not None) == (rhythm.follow is not Follow.NOTHING)
    for number, at in enumerate(sent):
        assert at >= since + timedelta(days=rhythm.day(number))
        if number:
            assert at - sent[number - 1] >= timedelta(days=min(SHORTEST_GAP, rhythm.gap(number)))


def test_the_last_distance_repeats_beyond_the_days_given():
    rhythm = Rhythm("x", (3, 7, 12), 6)

    assert [rhythm.day(number) for number in range(6)] == [3, 7, 12, 17, 22, 27]
    assert [Rhythm("x", (4,), 3).day(number) for number in range(3)] == [4, 8, 12]


@given(
    rhythm=RHYTHMS,
    sent=st.integers(0, 7),
    last=st.none() | st.integers(0, 40 * 24),
    peace=st.none() | st.integers(0, 60),
    followed=st.booleans(),
)
def test_planned_in_the_database_is_what_is_planned_here(case_id, rhythm, sent, last, peace, followed):
    with transaction() as session:
        row = session.scalars(select(Reminder)).first()
        row.since, row.sent = START + timedelta(microseconds=999_999), sent
        row.last_at = None if last is None else START + timedelta(hours=last, microseconds=123)
        row.not_before = None if peace is None else START + timedelta(days=peace)
        row.followed_at = START if followed else None
        session.flush()
        wanted = row.due(rhythm)

        Reminder.replan(session, rhythm, Reminder.id == row.id)

        assert row.due_at == wanted


@pytest.fixture
def case_id():
    made = opened()
    advance(made)
    return made


def put(level, owner_id, name="own", kind=WaitKind.ORGANISER):
    with transaction() as session:
        facts = {"days": [2, 4], "most": 2, "follow": Follow.NOTHING, "set_at": now(), "set_by": "test"}
        session.add(Cadence(level=level, owner_id=owner_id, kind=kind, name=name, **facts))


def test_the_narrower_cadence_counts_and_above_it_is_what_it_hides(case_id):
    places = {Level.PROVIDER: 0, Level.FIRM: firm_of(case_id), Level.CASE: case_id}

    def applies(**how):
        with reading() as session:
            known = Cadences(session, [(case_id, firm_of(case_id))])
        return known.rhythm(WaitKind.ORGANISER, case_id, **how)

    assert applies() == DEFAULTS[WaitKind.ORGANISER]
    for level, owner_id in places.items():
        put(level, owner_id, level.value)
        assert (applies().name, applies().level) == (level.value, level)
        assert applies(above=level).level != level
    with reading() as session:
        elsewhere = Cadences(session, [(case_id + 1, firm_of(case_id) + 1)])
        assert elsewhere.rhythm(WaitKind.ORGANISER, case_id + 1).level is Level.PROVIDER
        assert elsewhere.rhythm(WaitKind.CLIENT, case_id + 1) == DEFAULTS[WaitKind.CLIENT]


@pytest.mark.parametrize(("text", "days"), [("3, 7, 12", [3, 7, 12]), (" 5 ", [5]), ("1;2 9", [1, 2, 9])])
def test_days_are_read(text, days):
    assert days_of(text) == days


@pytest.mark.parametrize("text", ["", "0", "3, 3", "7, 3", "366", "3, x", "-3", "1 2 3 4 5 6 7 8 9 10 11 12 13"])
def test_what_is_no_row_of_days_is_refused(text):
    with pytest.raises(DaysInvalid):
        days_of(text)


@pytest.mark.parametrize("text", ["", "x", "-1", "13", "1.5"])
def test_what_is_no_number_of_reminders_is_refused(text):
    with pytest.raises(MostInvalid):
        most_of(text)


def test_every_kind_of_wait_has_a_cadence_that_ends():
    assert set(DEFAULTS) == set(FOLLOWS) == set(WaitKind)
    for kind, rhythm in DEFAULTS.items():
        assert rhythm.most > 0
        assert rhythm.follow in FOLLOWS[kind]
        # Whoever is silent in the end, somebody hears of it; nobody owes an answer to a last day for notice.
        assert (rhythm.follow is Follow.NOTHING) == (kind in {WaitKind.NOTICE, WaitKind.CONSENT})
        row = wait()
        row.plan(rhythm, Reach(Hours.parse("Mo–So 0–24")))
        assert row.due_at >= START + timedelta(days=rhythm.day(0))
