from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.time.clock import ZoneUnknown, days_since, end_of_day, local_day, time_zone
from models.time.hours import WORKING_HOURS, Hours, HoursEmpty, HoursUnreadable
from models.time.land import Land, is_holiday
from models.time.working_time import Reach, next_reachable
from tests.each import each

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.integers(1_735_700_000, 1_988_000_000).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)  # 2025 to 2032
ZONES = st.sampled_from(
    ["Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "America/Santiago"]
)
GRIDS = st.integers(1, (1 << 168) - 1).map(Hours) | st.sets(
    st.tuples(st.integers(0, 6), st.integers(0, 23)), min_size=1, max_size=3
).map(Hours.of)
TOWNS = st.sampled_from(["", "86150", "37308", "20095"])
REACHES = st.builds(Reach, GRIDS, st.none() | st.sampled_from(Land), TOWNS, ZONES)


def berlin(*when):
    return datetime(*when, tzinfo=BERLIN)


@cache
def law(land, year):
    return holidays.country_holidays("DE", subdiv=land and land.value, years=year)


def may_be_written_to(who, moment):
    local = moment.astimezone(ZoneInfo(who.time_zone))
    return (local.weekday(), local.hour) in who.hours and local.date() not in law(who.land, local.year)


@given(MOMENTS, st.integers(0, 30), REACHES)
def test_the_next_reachable_moment_is_reachable_after_the_gap_and_stays(moment, days, who):
    slot = next_reachable(moment, timedelta(days=days), who)

    assert slot >= moment + timedelta(days=days)
    assert may_be_written_to(who, slot)
    assert next_reachable(slot, timedelta(), who) == slot


@given(MOMENTS, REACHES)
def test_no_reachable_moment_is_passed_over(moment, who):
    slot = next_reachable(moment, timedelta(), who)

    quarter = timedelta(minutes=15)
    between = (moment + n * quarter for n in range(min(7 * 96, (slot - moment) // quarter)))
    assert not any(may_be_written_to(who, one) for one in between)


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])
@given(minutes=st.integers(-1440, 240), grid=GRIDS)
def test_both_clock_changes_move_nothing_out_of_the_hours(change, minutes, grid):
    who = Reach(grid)

    slot = next_reachable(change + timedelta(minutes=minutes), timedelta(), who)

    assert may_be_written_to(who, slot)


def test_an_hour_that_a_clock_change_leaves_out_does_not_come():
    only_then = Reach(Hours.parse("So 2–3"))

    assert next_reachable(berlin(2026, 3, 28, 12), timedelta(), only_then) == berlin(2026, 4, 5, 2)
    twice = next_reachable(berlin(2026, 10, 25, 2, 59).replace(fold=1), timedelta(), only_then)
    assert twice == datetime(2026, 10, 25, 1, 59, tzinfo=UTC)


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
def test_who_has_said_nothing_can_be_reached_in_the_next_working_hour(after, land, slot):
    assert next_reachable(after, timedelta(), Reach(land=land)) == slot


def test_local_hours_hold_on_both_sides_of_a_clock_change():
    assert next_reachable(berlin(2026, 3, 27, 20), timedelta(), Reach()).hour == 6
    assert next_reachable(berlin(2026, 10, 23, 20), timedelta(), Reach()).hour == 7


@pytest.mark.parametrize(
    ("land", "postcode", "day", "off"),
    [
        (Land.BAVARIA, "80331", date(2028, 8, 15), True),  # Munich: Assumption Day.
        (Land.BAVARIA, "", date(2028, 8, 15), True),
        (Land.SAARLAND, "66111", date(2028, 8, 15), True),
        (Land.HESSE, "60311", date(2028, 8, 15), False),
        (Land.BAVARIA, "86150", date(2028, 8, 8), True),  # Augsburg: the Peace Festival.
        (Land.BAVARIA, "86199", date(2028, 8, 15), True),
        (Land.BAVARIA, "86316", date(2028, 8, 8), False),  # Next to it.
        (Land.BAVARIA, "80331", date(2028, 8, 8), False),
        (None, "86150", date(2028, 8, 8), False),
        (Land.THURINGIA, "37308", date(2028, 6, 15), True),  # Heiligenstadt: Corpus Christi.
        (Land.THURINGIA, "99084", date(2028, 6, 15), False),
        (Land.SAXONY, "01920", date(2028, 6, 15), True),  # Crostwitz.
        (Land.SAXONY, "01067", date(2028, 6, 15), False),
        (Land.SAXONY, "", date(2028, 6, 15), False),
    ],
)
def test_a_holiday_may_be_that_of_a_town(land, postcode, day, off):
    evening = datetime.combine(day, time(18, 30), ZoneInfo("Europe/Berlin")) - timedelta(days=1)

    assert is_holiday(day, land, postcode) is off
    assert (next_reachable(evening, timedelta(), Reach(land=land, postcode=postcode)).date() > day) is off


def test_a_holiday_depends_on_the_land():
    corpus_christi = date(2026, 6, 4)

    assert is_holiday(corpus_christi, Land.BAVARIA)
    assert not is_holiday(corpus_christi, Land.BERLIN)
    assert not is_holiday(corpus_christi, None)


@given(GRIDS, st.sampled_from(["de", "fr", "en"]))
def test_hours_written_as_text_are_read_as_the_same_hours(hours, language):
    assert Hours.parse(hours.text(language), language) == hours


@pytest.mark.parametrize(
    ("text", "language", "hours"),
    [
        ("Mo–Fr 8–18", "de", "Mo–Fr 8–18"),
        ("mo-fr 8-18 Uhr", "de", "Mo–Fr 8–18"),
        ("Montag bis Freitag von 8:00 bis 18:00 Uhr", "de", "Mo–Fr 8–18"),
        ("Mo–Do 8–12, 13–17; Fr 8–12", "de", "Mo–Do 8–12, 13–17; Fr 8–12"),
        ("Mo, Mi, Fr 9–12\nSonnabend 10–11", "de", "Mo, Mi, Fr 9–12; Sa 10–11"),
        ("Fr–Mo 20–24", "de", "Mo, Fr–So 20–24"),
        ("täglich 0–24", "de", "Mo–So 0–24"),
        ("du lundi au vendredi de 8 h à 18 h", "fr", "Mo–Fr 8–18"),
        ("di 9–10", "fr", "So 9–10"),  # dimanche
        ("Di 9–10", "de", "Di 9–10"),
        ("tous les jours 9h-10h", "fr", "Mo–So 9–10"),
        ("Mon to Fri 8-18; Saturday 9–12", "en", "Mo–Fr 8–18; Sa 9–12"),
        ("Mon–Fri 8–18", "de", "Mo–Fr 8–18"),
    ],
)
def test_people_may_write_their_hours_in_many_ways(text, language, hours):
    assert Hours.parse(text, language).text() == hours


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("8–18", "8–18"),
        ("Mo", "Mo"),
        ("Mo–Fr 18–8", "18–8"),
        ("Mo–Fr 8:30–12", "8:30–12"),
        ("Mo 8–12; Xx 9–10", "Xx 9–10"),
        ("Mo 8–25", "8–25"),
        ("Mo 8", "8"),
        ("Mo–", "Mo–"),
        ("Mo 800–900", "800–900"),
        ("<script>", "<script>"),
    ],
)
def test_what_cannot_be_read_is_named_with_an_example(text, part):
    with pytest.raises(HoursUnreadable) as refused:
        Hours.parse(text)

    assert f"“{part}”" in str(refused.value)
    assert Hours.parse(refused.value.example) != WORKING_HOURS


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(HoursUnreadable, HoursEmpty):
        assert Hours.parse(text).bits


def test_an_empty_grid_is_refused():
    for empty in (lambda: Hours.of([]), lambda: Hours(0), lambda: Hours.parse("  ")):
        with pytest.raises(HoursEmpty):
            empty()


def test_a_zone_that_does_not_exist_is_refused():
    assert time_zone("America/New_York") == "America/New_York"
    with pytest.raises(ZoneUnknown):
        time_zone("Mars/Olympus")


@each(
    "postcode, land",
    [
        *{"80331": "BY", "50667": "NW", "10115": "BE", "20095": "HH", "28195": "HB", "27568": "HB"}.items(),
        *{"01067": "SN", "99084": "TH", "39104": "ST", "19053": "MV", "14467": "BB", "24103": "SH"}.items(),
        *{"30159": "NI", "60311": "HE", "55116": "RP", "66111": "SL", "70173": "BW", "89073": "BW"}.items(),
        *{"89231": "BY", "68519": "HE", "07743": "TH", "06108": "ST", "04103": "SN", "17291": "BB"}.items(),
        *{"37671": "NW", "49477": "NW", "49074": "NI", "53474": "RP", "36433": "TH", "96450": "BY"}.items(),
        *{"21465": "SH", "27498": "SH", "27499": "HH", "63739": "BY", "66482": "RP", "76829": "RP"}.items(),
    ],
)
def test_the_land_follows_from_the_postcode(postcode, land):
    assert Land.of_postcode(postcode) is Land(land)


def test_what_is_no_postcode_has_no_land():
    assert [Land.of_postcode(one) for one in ("", "8033", "803311", "00123", "8033a", "٨٠٣٣١")] == [None] * 6


def test_days_are_those_of_the_providers_clock_and_last_night_was_yesterday():
    late, early = datetime(2026, 9, 15, 21, 59, tzinfo=UTC), datetime(2026, 9, 15, 22, 1, tzinfo=UTC)

    assert [local_day(late), local_day(early)] == [date(2026, 9, 15), date(2026, 9, 16)]
    assert [days_since(late, late), days_since(late, early), days_since(early, late)] == [0, 1, -1]


@pytest.mark.parametrize(
    ("moment", "last"),
    [
        (datetime(2026, 9, 15, 9, tzinfo=UTC), datetime(2026, 9, 15, 21, 59, 59, 999999, tzinfo=UTC)),
        (datetime(2026, 9, 15, 22, 1, tzinfo=UTC), datetime(2026, 9, 16, 21, 59, 59, 999999, tzinfo=UTC)),
        (datetime(2026, 12, 1, 9, tzinfo=UTC), datetime(2026, 12, 1, 22, 59, 59, 999999, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 22, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_a_day_ends_where_the_provider_is(moment, last):
    assert end_of_day(moment) == last
    assert local_day(last) == local_day(moment) != local_day(last + timedelta(seconds=1))
