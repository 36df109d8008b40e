"""When contracts end, against vectors that were worked out by hand, and against the statute walked day by day."""

import csv
import pickle
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.contracts.terms import (
    DayUnreadable,
    Ending,
    Law,
    LawUnknown,
    MomentUnreadable,
    NoticeTo,
    NoticeToUnknown,
    Period,
    PeriodUnreadable,
    TermEmpty,
    Terms,
    Unit,
    end_of_notice,
    last_day_of_notice,
    read_day,
    read_moment,
)
from tests.each import each
from tests.statute import DAY, walked_end, walked_last_day, walked_notice, walked_term

with Path(__file__).with_name("contract_vectors.csv").open(encoding="utf-8", newline="") as opened:
    VECTORS = {vector["id"]: vector for vector in csv.DictReader(opened)}
BERLIN = "Europe/Berlin"
ZONES = [BERLIN, "UTC", "America/New_York", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]


# ---- What was worked out by hand


def terms_of(vector: dict[str, str]) -> Terms:
    return Terms(
        read_day(vector["start"]),
        Period.parse(vector["first_term"], least=1),
        None if vector["extension"] == "-" else Period.parse(vector["extension"], least=1),
        Period.parse(vector["notice"]),
        NoticeTo.parse(vector["notice_to"]),
        vector["zone"] or BERLIN,
    )


def columns(ending: Ending) -> dict[str, str]:
    in_time = ending.in_time_for_next_regular_end
    told = {
        "first_term_end": ending.first_term_end,
        "next_regular_end": ending.next_regular_end,
        "last_day_for_next_regular_end": ending.last_day_for_next_regular_end,
        "in_time_for_next_regular_end": None if in_time is None else ["no", "yes"][in_time],
        "effective_end": ending.effective_end,
        "last_day_for_effective_end": ending.last_day_for_effective_end,
        "ends_at_utc": ending.ends_at.isoformat().replace("+00:00", "Z"),
        "new_tariff_from": ending.new_tariff_from,
    }
    return {name: str(value or "") for name, value in told.items()}


@each("vector", VECTORS.values())
def test_a_contract_ends_as_was_worked_out_by_hand(vector):
    terms = terms_of(vector)

    ending = columns(terms.ending(read_moment(vector["received_at"], terms.zone)))

    assert ending == {name: vector[name] for name in ending}


# ---- The statute, walked day by day: slow, and knowing nothing of the other


def walked_ending(terms: Terms, day: date) -> Ending:
    """All that follows from a notice that is received on this day."""
    first_end = walked_term(terms.start, terms.first_term)
    end = walked_end(terms, walked_notice(day, terms.notice)) or first_end
    ends_at = next(at for hour in (22, 23) if berlin_day(at := datetime.combine(end, time(hour), UTC)) > end)
    if terms.to is NoticeTo.ANY_DAY:
        return Ending(first_end, None, None, True, end, None, ends_at)
    last_day, next_end = walked_last_day(end, terms.notice), walked_end(terms, day)
    if next_end is None:
        return Ending(first_end, None, None, None, end, last_day, ends_at)
    last_day_for_next = walked_last_day(next_end, terms.notice)
    return Ending(first_end, next_end, last_day_for_next, day <= last_day_for_next, end, last_day, ends_at)


def berlin_day(moment: datetime) -> date:
    """By the European rule of summer time: from the last Sunday of March to that of October, 01:00 UTC."""
    utc = moment.astimezone(UTC)
    begins, ends = (
        next(at for n in range(31, 24, -1) if (at := datetime(utc.year, month, n, 1, tzinfo=UTC)).weekday() == 6)
        for month in (3, 10)
    )
    return (utc + timedelta(hours=2 if begins <= utc < ends else 1)).date()


# Days about which something is odd come as often as all others.
ODD = [date(year, month, n) for year in (2023, 2024, 2025, 2027, 2028) for month, n in (
    (1, 1), (1, 29), (1, 30), (1, 31), (2, 1), (2, 28), (3, 1), (3, 30), (3, 31), (4, 30), (5, 31), (8, 31), (10, 31),
    (11, 30), (12, 1), (12, 30), (12, 31),
)] + [date(2024, 2, 29), date(2028, 2, 29), date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28)]  # fmt: skip
DAYS = st.sampled_from(ODD) | st.dates(date(2023, 1, 1), date(2029, 12, 31))
ODD_TIMES = [time(0), time(0, 30), time(2, 30), time(12), time(23, 59, 59, 999_999)]
CLOCKS = [ZoneInfo(BERLIN), *(timezone(timedelta(hours=hours)) for hours in (-12, -4, 0, 1, 2, 5.75, 14))]


def periods(least: int) -> st.SearchStrategy[Period]:
    usual = st.sampled_from(["14D", "30D", "60D", "90D", "2W", "6W", "1M", "2M", "3M", "6M", "12M"]).map(Period.parse)
    others = [
        st.builds(Period, st.integers(least, most), st.just(unit))
        for unit, most in zip(Unit, (120, 17, 15), strict=True)
    ]
    return usual | st.one_of(others)


MOMENTS = st.builds(datetime.combine, DAYS, st.sampled_from(ODD_TIMES) | st.times(), st.sampled_from(CLOCKS))
TERMS = st.builds(Terms, DAYS, periods(1), st.none() | periods(1), periods(0), st.sampled_from(NoticeTo))


@given(TERMS, MOMENTS, st.sampled_from([None, 0, 1]))
def test_no_contract_ends_a_day_early_or_late(terms, received, beside):
    """At any moment, and where it matters most: in the first of the last day for an end, and of the day after it."""
    last_day = walked_ending(terms, berlin_day(received)).last_day_for_effective_end
    if beside is not None and last_day is not None:
        received = datetime.combine(last_day + beside * DAY, time(), ZoneInfo(BERLIN))

    ending = terms.ending(received)

    assert ending == walked_ending(terms, berlin_day(received))
    assert ending.new_tariff_from == ending.effective_end + DAY


@given(DAYS, st.sampled_from(ZONES))
@example(date(2026, 9, 5), "America/Santiago")  # The following day begins at one o'clock.
@example(date(2026, 4, 4), "America/Santiago")  # Its last hour comes twice.
def test_an_end_is_the_first_moment_of_the_day_after_wherever_the_contract_is_at_home(day, zone):
    terms = Terms(day, Period.parse("1D"), None, Period.parse("0D"), NoticeTo.TERM_END, zone)

    ends_at = terms.after(day)

    assert ends_at.tzinfo is UTC
    assert ends_at.astimezone(ZoneInfo(zone)).date() == day + DAY
    assert (ends_at - timedelta.resolution).astimezone(ZoneInfo(zone)).date() == day


# ---- What is typed


@pytest.mark.parametrize("written", ["30D", "6W", "12M", "0D", "36500D", "1200M"])
def test_a_period_is_written_as_it_is_read(written):
    assert str(Period.parse(f" {written.lower()} ")) == written


@pytest.mark.parametrize(
    "written", ["", "-", "12", "M", "1Y", "-3M", "1.5M", "36501D", "5201W", "1201M", "9" * 99, "١M"]
)
def test_what_is_no_period_is_refused(written):
    with pytest.raises(PeriodUnreadable):
        Period.parse(written)


def test_what_cannot_be_read_is_refused_in_one_sentence_with_its_value():
    refused = []
    for read, written in (
        (read_day, "2026-02-29"),
        (read_day, "1899-12-31"),
        (lambda at: read_moment(at, BERLIN), "2026-09-30T24:61"),
        (lambda at: read_moment(at, BERLIN), "2200-01-01T00:00+02:00"),
        (lambda term: Period.parse(term, least=1), "0W"),
        (NoticeTo.parse, "monthly"),
        (Law.parse, "AT"),
    ):
        with pytest.raises((DayUnreadable, MomentUnreadable, TermEmpty, NoticeToUnknown, LawUnknown)) as refusal:
            read(written)
        refused.append(str(pickle.loads(pickle.dumps(refusal.value))))
        assert f"“{written}”" in refused[-1]

    assert all(to in refused[5] for to in NoticeTo)
    assert all(law in refused[6] for law in Law)


def test_a_time_without_an_offset_is_that_of_the_contracts_zone():
    assert read_moment("2026-09-30 23:59", "America/New_York") == datetime(2026, 10, 1, 3, 59, tzinfo=UTC)
    assert read_moment("2026-09-30", BERLIN) == datetime(2026, 9, 29, 22, tzinfo=UTC)
    assert read_moment("2026-09-30T23:59:59Z", BERLIN) == datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)


def test_the_two_functions_undo_each_other_at_the_ends_of_months():
    notice = Period.parse("1M")

    assert end_of_notice(date(2028, 1, 31), notice) == date(2028, 2, 29)
    assert last_day_of_notice(date(2028, 2, 29), notice) == date(2028, 1, 31)
    assert last_day_of_notice(date(2028, 2, 28), notice) == date(2028, 1, 28)
