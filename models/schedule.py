"""Time: the one clock, and the hours at which a person may be written to."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from itertools import groupby
from typing import Protocol, Self
from zoneinfo import ZoneInfo, available_timezones

import holidays
from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from models.errors import N_, ProvisionError
from models.settings import settings


class Land(StrEnum):
    """The German federal states, by their official letters; public holidays are their law."""

    BADEN_WUERTTEMBERG = "BW"
    BAVARIA = "BY"
    BERLIN = "BE"
    BRANDENBURG = "BB"
    BREMEN = "HB"
    HAMBURG = "HH"
    HESSE = "HE"
    MECKLENBURG_VORPOMMERN = "MV"
    LOWER_SAXONY = "NI"
    NORTH_RHINE_WESTPHALIA = "NW"
    RHINELAND_PALATINATE = "RP"
    SAARLAND = "SL"
    SAXONY = "SN"
    SAXONY_ANHALT = "ST"
    SCHLESWIG_HOLSTEIN = "SH"
    THURINGIA = "TH"

    @classmethod
    def of_postcode(cls, postcode: str) -> Self | None:
        """Where most addresses with this German postcode lie; None if it is not one.

        A suggestion: some postcodes along a border serve villages on both sides of it.
        """
        if not re.fullmatch(r"\d{5}", postcode, re.ASCII) or postcode < FIRST_POSTCODES[0]:
            return None
        return cls(LAENDER[bisect_right(FIRST_POSTCODES, postcode) - 1])


# From this postcode on, up to the next one that is named.
_POSTCODES = """
01000 SN 01940 BB 02000 SN 03000 BB 04000 SN 04580 TH 04640 SN 04890 BB 04940 SN 06000 ST 06550 TH 06600 ST 07000 TH
07919 SN 07920 TH 07952 SN 07953 TH 07985 SN 07986 TH 08000 SN 10000 BE 12529 BB 12530 BE 14400 BB 17000 MV 17261 BB
17300 MV 17326 BB 17327 MV 17337 BB 17338 MV 19271 NI 19274 MV 19309 BB 19358 MV 20000 HH 21200 NI 21450 SH 21522 NI
21523 SH 21600 NI 22000 HH 22800 SH 23920 MV 24000 SH 26000 NI 27483 SH 27499 HH 27500 HB 27600 NI 28000 HB 28784 NI
29410 ST 29420 NI 32000 NW 34000 HE 34346 NI 34347 HE 34355 NI 34356 HE 34400 NW 34441 HE 36400 TH 36470 HE 37000 NI
37200 HE 37300 TH 37400 NI 37650 NW 37691 NI 37692 NW 37697 NI 38480 ST 38490 NI 38800 ST 40000 NW 48442 NI 48466 NW
48478 NI 48481 NW 48486 NI 48489 NW 48497 NI 48540 NW 49000 NI 49460 NW 49550 NI 50000 NW 51598 RP 51599 NW 53400 RP
53580 NW 53614 RP 53620 NW 54000 RP 55240 HE 55253 RP 57000 NW 57500 RP 58000 NW 60000 HE 63700 BY 64000 HE 65558 RP
65583 HE 65621 RP 65627 HE 65628 RP 65630 HE 66000 SL 66460 RP 66510 SL 66840 RP 68000 BW 68501 HE 68520 BW 68600 HE
68700 BW 69235 HE 69240 BW 69430 HE 69435 BW 69470 HE 69489 BW 69503 HE 69510 BW 69515 HE 69519 BW 76710 RP 77000 BW
80000 BY 88000 BW 88100 BY 88147 BW 88148 BY 88180 BW 89200 BY 89500 BW 90000 BY 96500 TH 96530 BY 97860 BW 97888 BY
97893 BW 97901 BY 97910 BW 98000 TH
""".split()  # noqa: SIM905  (a table)
FIRST_POSTCODES, LAENDER = _POSTCODES[::2], _POSTCODES[1::2]

DAYS = {
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
"""The days of the week in the languages in which hours are written and read."""
_LETTERS = {"de": 2, "fr": 3, "en": 3}
_TO = {"-", "–", "—", "bis", "to", "à", "au", "until"}
_AND = {",", ";", "+", "&", "und", "and", "et", "uhr", "h", "von", "from", "de", "du", "/", ":", "\n"}
_DAILY = {"täglich", "daily", "tous", "jeden", "every", "quotidien"}
_TOKEN = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?(?!\d)|([^\W\d_]+)\.?|([-–—,;+&/:\n])|(\S)")


class HoursUnreadable(ProvisionError):
    status = 422
    says = N_("“%(part)s” cannot be read as hours: write them like “%(example)s”, whole hours from 0 to 24.")

    def __init__(self, part: str, language: str = "de") -> None:
        super().__init__(part, language)
        self.part = part
        self.example = Hours.parse(EXAMPLE).text(language if language in DAYS else "de")


class HoursEmpty(ProvisionError):
    status = 422
    says = N_("No hour is marked, so that we could never write to you: mark at least one.")


class ZoneUnknown(ProvisionError):
    status = 422
    says = N_("“%(zone)s” is not a time zone that we know: choose one from the list, for example Europe/Berlin.")

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.zone = zone


EXAMPLE = "Mo–Do 8–12, 13–17; Fr 8–12"


@dataclass(frozen=True)
class Hours:
    """The hours of a week at which a person can be reached: a grid of weekday and hour, never empty."""

    bits: int
    """Bit 24 × weekday + hour, Monday being 0, for the hour that begins then."""

    def __post_init__(self) -> None:
        if not 0 < self.bits < 1 << 168:
            raise HoursEmpty

    @classmethod
    def of(cls, cells: Iterable[tuple[int, int]]) -> Self:
        """From pairs of weekday (0 is Monday) and hour (0 to 23); raises HoursEmpty."""
        bits = 0
        for day, hour in cells:
            bits |= 1 << 24 * day + hour
        return cls(bits)

    @classmethod
    def parse(cls, text: str, language: str = "de") -> Self:
        """From “Mo–Fr 8–18; Sa 9–12”, in any of our languages; where a word is ambiguous, in *language*.

        Raises HoursUnreadable, HoursEmpty.
        """
        return cls.of(_Reading(text, language).cells())

    def __contains__(self, cell: tuple[int, int]) -> bool:
        return bool(self.bits >> 24 * cell[0] + cell[1] & 1)

    def of_day(self, day: int) -> int:
        """The 24 bits of this weekday."""
        return self.bits >> 24 * day & 0xFFFFFF

    def text(self, language: str = "de") -> str:
        """Like “Mo–Fr 8–18; Sa 9–12”: what ``parse`` reads."""
        names = short_days(language)
        parts: dict[str, list[int]] = {}
        for day in range(7):
            if self.of_day(day):
                parts.setdefault(", ".join(_ranges(self.of_day(day))), []).append(day)
        return "; ".join(f"{_listed(days, names)} {hours}" for hours, days in parts.items())


def short_days(language: str) -> list[str]:
    """The days of the week, Monday first, as they stand in hours written in this language."""
    return [name[: _LETTERS[language]] for name in DAYS[language]]


def _ranges(day: int) -> Iterator[str]:
    for on, hours in groupby(range(24), lambda hour: day >> hour & 1):
        run = list(hours)
        if on:
            yield f"{run[0]}–{run[-1] + 1}"


def _listed(days: list[int], names: list[str]) -> str:
    """“Mo, Mi–Fr”: days in a row are drawn together."""
    runs = [[day for _, day in run] for _, run in groupby(enumerate(days), lambda pair: pair[1] - pair[0])]
    return ", ".join(names[run[0]] if len(run) == 1 else f"{names[run[0]]}–{names[run[-1]]}" for run in runs)


class _Reading:
    """One text as it is read: days, then the hours that go with them."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language = text.strip(), language
        self.tokens = list(_TOKEN.finditer(self.text))
        self.days: list[int] = []
        self.found: list[tuple[int, int]] = []
        self.begun = self.place = 0

    def cells(self) -> list[tuple[int, int]]:
        had_hours = True
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            self.begun = self.place
            if token[1]:
                self._hours()
                had_hours = True
            elif (token[3] or token[4] or "").casefold() in _AND:
                self.place += 1
            elif token[3]:
                if had_hours:
                    self.days, had_hours = [], False
                self._days()
            else:
                raise self._unreadable()
        if not had_hours:
            raise HoursUnreadable(self.text[:60], self.language)
        return self.found

    def _days(self) -> None:
        word = self.tokens[self.place][3].casefold()
        if word in _DAILY:
            self.days = list(range(7))
            self.place += 1
            while self._word() in {"les", "jours", "tag", "day"}:
                self.place += 1
            return
        first = last = self._day()
        self.place += 1
        if self._word() in _TO:
            self.place += 1
            if not self._word():
                raise self._unreadable()
            last = self._day()
            self.place += 1
        self.days += [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]

    def _day(self) -> int:
        word = self._word()
        if word == "sonnabend":
            return 5
        for language in (self.language, *DAYS):
            fit = [n for n, name in enumerate(DAYS[language]) if name.casefold().startswith(word)]
            if len(word) > 1 and len(fit) == 1:
                return fit[0]
        raise self._unreadable()

    def _hours(self) -> None:
        first = self._hour()
        if self._word() not in _TO:
            raise self._unreadable()
        self.place += 1
        last = self._hour()
        if not (self.days and first < last):
            raise self._unreadable()
        self.found += [(day, hour) for day in self.days for hour in range(first, last)]

    def _hour(self) -> int:
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        if token is None or not token[1] or int(token[1]) > 24 or int(token[2] or 0):
            raise self._unreadable()
        self.place += 1
        if self._word() in {"uhr", "h"}:
            self.place += 1
        return int(token[1])

    def _word(self) -> str:
        """The token here, if it is a word or a sign."""
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        return "" if token is None else (token[3] or token[4] or "").casefold()

    def _unreadable(self) -> HoursUnreadable:
        """Named from where the part begins that went wrong."""
        start = self.tokens[self.begun].start() if self.tokens else 0
        return HoursUnreadable(self.text[start:][:60], self.language)


WORKING_HOURS = Hours.of((day, hour) for day in range(5) for hour in range(8, 18))
"""Monday to Friday, 8 to 18: when a person can be reached who has not said otherwise."""


class HoursColumn(TypeDecorator[Hours]):
    """Hours as 42 hexadecimal digits."""

    impl = String(42)
    cache_ok = True

    def process_bind_param(self, value: Hours | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else f"{value.bits:042x}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Hours | None:  # noqa: ARG002
        return _hours(value) if value else None


@cache
def _hours(digits: str) -> Hours:
    return Hours(int(digits, 16))


class Reachable(Protocol):
    """Somebody who can be written to at some hours and not at others."""

    @property
    def hours(self) -> Hours: ...
    @property
    def land(self) -> Land | None: ...
    @property
    def postcode(self) -> str: ...
    @property
    def time_zone(self) -> str: ...


@dataclass(frozen=True)
class Reach:
    """When somebody can be reached, by itself."""

    hours: Hours = WORKING_HOURS
    land: Land | None = None
    postcode: str = ""
    time_zone: str = "Europe/Berlin"


LOCAL_ZONE = ZoneInfo("Europe/Berlin")
"""The clock on the provider's wall. Days that are shown or counted are its days, unless they are a person's own."""


def local_day(moment: datetime) -> date:
    """The day that it is at this moment where the provider is; in UTC it may be another one."""
    return moment.astimezone(LOCAL_ZONE).date()


def today() -> date:
    """The day that it is where the provider is."""
    return local_day(now())


def days_since(moment: datetime, at: datetime) -> int:
    """How many days ago *moment* was, as people count: what was last night was yesterday."""
    return (local_day(at) - local_day(moment)).days


def end_of_day(moment: datetime) -> datetime:
    """The last moment of the day that it is then where the provider is: what is good until a day is good all day."""
    return datetime.combine(local_day(moment), time.max, LOCAL_ZONE).astimezone(UTC)


def time_zone(name: str) -> str:
    """The name of a time zone that there is; raises ZoneUnknown."""
    if name not in available_timezones():
        raise ZoneUnknown(name[:60])
    return name


def now() -> datetime:
    """The present moment, aware, in UTC; the only place that reads the clock."""
    return datetime.now(UTC) + settings().time_shift


_CATHOLIC = {
    # Assumption Day: in 1,704 of 2,056 municipalities; in the others a mail comes a day later, which hurts nobody.
    Land.BAVARIA: re.compile(r""),
    # Corpus Christi: Sorbian and Eichsfeld towns.
    Land.SAXONY: re.compile(r"01920|02997"),
    Land.THURINGIA: re.compile(r"373(08|18|27|39|45|51|55|59)"),
}
"""Where a day is a holiday in Catholic towns alone: their postcodes."""
_PEACE_FESTIVAL = re.compile(r"861[5-9]\d")
"""Postcodes of Augsburg, which has a holiday of its own."""


@cache
def _holidays(place: str | None, year: int, *, catholic: bool) -> frozenset[date]:
    categories = ("public", "catholic") if catholic else ("public",)
    return frozenset(holidays.country_holidays("DE", subdiv=place, years=year, categories=categories))


def is_holiday(day: date, land: Land | None, postcode: str = "") -> bool:
    """Whether it is a public holiday in *land* (none given: one of the whole country), in the town of this postcode."""
    catholic = land in _CATHOLIC and _CATHOLIC[land].match(postcode) is not None
    place = "Augsburg" if land is Land.BAVARIA and _PEACE_FESTIVAL.fullmatch(postcode) else land and land.value
    return day in _holidays(place, day.year, catholic=catholic)


def working_days_before(moment: datetime, days: int, land: Land | None = None) -> datetime:
    """The moment after which not as many as *days* working days have gone by, at the same time of the day in Berlin.

    On a day off it is counted from that day's beginning.
    """
    local = moment.astimezone(LOCAL_ZONE)
    day, hour = local.date(), local.time()
    if not _is_working_day(day, land):
        hour = time()
        while not _is_working_day(day - timedelta(days=1), land):
            day -= timedelta(days=1)
    while days:
        day -= timedelta(days=1)
        days -= _is_working_day(day, land)
    return datetime.combine(day, hour, LOCAL_ZONE).astimezone(UTC)


def _is_working_day(day: date, land: Land | None) -> bool:
    return day.weekday() < 5 and not is_holiday(day, land)


def next_reachable(after: datetime, gap: timedelta, who: Reachable) -> datetime:
    """The first moment, *gap* after *after* or later, at which this person may be written to.

    That is an hour of the person's week, by the clock on the person's wall, on no public holiday in their town. An
    hour that a clock change leaves out does not come; one that comes twice counts twice.
    """
    moment, zone = after.astimezone(UTC) + gap, ZoneInfo(who.time_zone)
    while True:
        local = moment.astimezone(zone)
        left = who.hours.of_day(local.weekday()) >> local.hour
        if not left or is_holiday(local.date(), who.land, who.postcode):
            moment = datetime.combine(local.date() + timedelta(days=1), time(), zone).astimezone(UTC)
        elif left & 1:
            return moment
        else:  # To the next full hour and look again: in between, the clock may have been changed.
            moment += timedelta(hours=1) - timedelta(
                minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
