from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.schedule import REMINDER_DAYS, Land, is_working_day, next_slot, reminder_due

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.integers(1_735_700_000, 1_988_000_000).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)  # 2025 to 2032
ZONES = st.sampled_from(["Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe"])


def berlin(*when):
    return datetime(*when, tzinfo=BERLIN)


@given(MOMENTS, st.none() | st.sampled_from(Land), ZONES)
def test_nobody_is_written_to_outside_of_working_hours_days_and_holidays(moment, land, zone):
    slot = next_slot(moment, land, zone)

    local = slot.astimezone(ZoneInfo(zone))
    assert slot >= moment
    assert 8 <= local.hour < 18
    assert local.weekday() < 5
    assert local.date() not in holidays.country_holidays("DE", subdiv=land and land.value, years=local.year)


@given(MOMENTS, st.sampled_from(Land))
def test_the_next_slot_is_stable_and_never_far(moment, land):
    slot = next_slot(moment, land)

    assert next_slot(slot, land) == slot
    assert slot - moment < timedelta(days=7)


@pytest.mark.parametrize(
    ("after", "land", "slot"),
    [
        (berlin(2026, 3, 2, 9, 30), None, berlin(2026, 3, 2, 9, 30)),  # A Monday.
        (berlin(2026, 3, 2, 7, 59), None, berlin(2026, 3, 2, 8)),
        (berlin(2026, 3, 2, 18), None, berlin(2026, 3, 3, 8)),
        (berlin(2026, 3, 6, 18), None, berlin(2026, 3, 9, 8)),  # From Friday to Monday.
        (berlin(2026, 3, 27, 19), None, berlin(2026, 3, 30, 8)),  # Over the change to summer time.
        (berlin(2026, 10, 23, 19), None, berlin(2026, 10, 26, 8)),  # And back.
        (berlin(2026, 1, 6, 10), Land.BAVARIA, berlin(2026, 1, 7, 8)),  # Epiphany in the south,
        (berlin(2026, 1, 6, 10), Land.BERLIN, berlin(2026, 1, 6, 10)),  # not in the north.
        (berlin(2026, 11, 18, 10), Land.SAXONY, berlin(2026, 11, 19, 8)),  # Repentance Day.
        (berlin(2026, 12, 24, 19), None, berlin(2026, 12, 28, 8)),  # Christmas and a weekend.
    ],
)
def test_a_slot_is_the_next_working_hour_where_the_person_is(after, land, slot):
    assert next_slot(after, land) == slot


def test_local_hours_hold_on_both_sides_of_a_clock_change():
    assert next_slot(berlin(2026, 3, 27, 20), None).hour == 6
    assert next_slot(berlin(2026, 10, 23, 20), None).hour == 7


def test_a_working_day_depends_on_the_land():
    corpus_christi = date(2026, 6, 4)

    assert not is_working_day(corpus_christi, Land.BAVARIA)
    assert is_working_day(corpus_christi, Land.BERLIN)
    assert is_working_day(corpus_christi, None)


@given(MOMENTS, st.integers(0, len(REMINDER_DAYS) - 1))
def test_reminders_fall_due_by_the_cadence(since, sent):
    due = reminder_due(since, sent, None)

    assert due >= since + timedelta(days=REMINDER_DAYS[sent])
    assert due == next_slot(due, None)


def test_after_the_last_reminder_none_falls_due():
    assert reminder_due(berlin(2026, 3, 2, 9), len(REMINDER_DAYS), None) is None
