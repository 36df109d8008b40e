"""When a contract ends: terms, extensions and notice, by §§ 187, 188 and 190 BGB.

All of it is reckoned on days of the calendar where the contract is at home, never on moments: a moment becomes a day
when something is received, and the last day becomes a moment when the end is stored. What is kept of a contract is its
first day and what was agreed; each end is reckoned from there, so none drifts. Nothing moves to the next working day:
§ 193 does not hold for notice.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from models.errors import N_, ProvisionError

YEARS = range(1900, 2200)
"""The years in which contracts begin and notice is received."""


ONE_DAY = timedelta(days=1)


class Unreadable(ProvisionError):
    """What was *written* is not what stands there: the class below says what does."""

    status = 422

    def __init__(self, written: str) -> None:
        super().__init__(written)
        self.written = written[:60]


class DayUnreadable(Unreadable):
    says = N_("“%(written)s” is no day from 1900 to 2199: write it like 2026-01-31.")


class MomentUnreadable(Unreadable):
    says = N_(
        "“%(written)s” is no moment from 1900 to 2199: write it like 2026-09-30T23:59:59+02:00, "
        "or without the offset if it is the time where the contract is at home."
    )


class PeriodUnreadable(Unreadable):
    says = N_(
        "“%(written)s” is no period of at most a hundred years: "
        "write a number and D for days, W for weeks or M for months, like 30D, 6W or 12M."
    )


class TermEmpty(Unreadable):
    says = N_("A term of “%(written)s” would end before it begins: write at least 1D.")


class NoticeToUnknown(Unreadable):
    says = N_("Notice cannot be given to “%(written)s”: choose term_end, month_end, quarter_end, year_end or any_day.")


class LawUnknown(Unreadable):
    says = N_("Contracts cannot be reckoned by the law of “%(written)s” yet: choose DE, the law of Germany.")


class Law(StrEnum):
    """Whose law says how the terms of a contract are reckoned, by the letters of the country."""

    GERMANY = "DE"

    @classmethod
    def parse(cls, written: str) -> Self:
        """Raises LawUnknown."""
        try:
            return cls(written.strip().upper())
        except ValueError as error:
            raise LawUnknown(written) from error


class NoticeTo(StrEnum):
    """With which days notice may end a contract."""

    TERM_END = "term_end"
    MONTH_END = "month_end"
    QUARTER_END = "quarter_end"
    YEAR_END = "year_end"
    ANY_DAY = "any_day"

    @classmethod
    def parse(cls, written: str) -> Self:
        """Raises NoticeToUnknown."""
        try:
            return cls(written.strip().lower())
        except ValueError as error:
            raise NoticeToUnknown(written) from error


class Unit(StrEnum):
    """In what a period is counted."""

    DAY = "D"
    WEEK = "W"
    MONTH = "M"

    @property
    def most(self) -> int:
        """How many of them a period may have: a hundred years."""
        return {Unit.DAY: 36_500, Unit.WEEK: 5_200, Unit.MONTH: 1_200}[self]


@dataclass(frozen=True)
class Period:
    """So many days, weeks or months; ``str`` writes what ``parse`` reads."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, written: str, *, least: int = 0) -> Self:
        """From “30D”, “6W” or “12M”; a term has *least* 1. Raises PeriodUnreadable, TermEmpty."""
        read = re.fullmatch(r"([0-9]{1,9})([DWM])", written.strip().upper())
        if read is None or int(read[1]) > Unit(read[2]).most:
            raise PeriodUnreadable(written)
        if int(read[1]) < least:
            raise TermEmpty(written)
        return cls(int(read[1]), Unit(read[2]))

    @property
    def days(self) -> timedelta | None:
        """How long it is, if that is the same wherever it begins: months are not."""
        match self.unit:
            case Unit.DAY:
                return timedelta(days=self.count)
            case Unit.WEEK:
                return timedelta(weeks=self.count)
            case Unit.MONTH:
                return None

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


def end_of_term(start: date, length: Period) -> date:
    """The last day of a term, of which *start* is the first and counts (§ 187 II, § 188 II and III)."""
    if length.days is not None:
        return start + length.days - ONE_DAY
    if start.day == 1:
        return day_of_month(start, length.count - 1, 31)
    return day_of_month(start, length.count, start.day - 1)


def end_of_notice(received: date, notice: Period) -> date:
    """The day with which a notice has run; the day on which it is received does not count (§ 187 I, § 188)."""
    if notice.days is not None:
        return received + notice.days
    return day_of_month(received, notice.count, received.day)


def last_day_of_notice(end: date, notice: Period) -> date:
    """The last day on which a notice can be received that has run with *end*: ``end_of_notice`` the other way round."""
    if notice.days is not None:
        return end - notice.days
    is_last_of_month = (end + ONE_DAY).day == 1
    return day_of_month(end, -notice.count, 31 if is_last_of_month else end.day)


def day_of_month(day: date, months: int, number: int) -> date:
    """The day of this number in the month so many *months* later; the last one of a month that has no such day."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return date(year, month + 1, min(number, monthrange(year, month + 1)[1]))


def _end_of_months(day: date, months: int) -> date:
    """The last day of the month, quarter or year in which *day* is, by how many *months* that has."""
    return day_of_month(day, -day.month % months, 31)


@dataclass(frozen=True)
class Ending:
    """What follows from a notice; the last days are days on which notice for that end is still in time.

    Where notice may end the contract with any day there is no next regular end and no last day: it is always in time.
    A fixed term ends by itself, with or without notice; once it is over there is no next end.
    """

    first_term_end: date
    next_regular_end: date | None
    last_day_for_next_regular_end: date | None
    in_time_for_next_regular_end: bool | None
    effective_end: date
    """The last day of the contract."""
    last_day_for_effective_end: date | None
    ends_at: datetime
    """The first moment without the contract, in UTC."""

    @property
    def new_tariff_from(self) -> date:
        """The first day of another tariff, if it is not the contract that ends but its tariff."""
        return self.effective_end + ONE_DAY


@dataclass(frozen=True)
class Chance:
    """A last day on which notice can be given, the day with which it then ends, and with which it ends otherwise."""

    last_day: date
    ends_on: date
    goes_on_until: date


@dataclass(frozen=True)
class Terms:
    """What was agreed on how long a contract lasts and how it ends.

    Without *extension* it ends by itself with its first term, if notice is given to the end of a term; else it goes on
    until notice is given. Extensions bind only where notice is given to the end of a term: with any other day notice
    may end the contract as soon as the first term is over.
    """

    start: date
    first_term: Period
    extension: Period | None
    notice: Period
    to: NoticeTo
    zone: str = "Europe/Berlin"
    law: Law = Law.GERMANY

    @property
    def first_term_end(self) -> date:
        return end_of_term(self.start, self.first_term)

    @property
    def fixed_end(self) -> date | None:
        """The day with which it ends by itself, if it does."""
        return self.first_term_end if self.extension is None and self.to is NoticeTo.TERM_END else None

    def end_from(self, day: date) -> date | None:
        """The first day, not before *day*, with which notice may end the contract; None if it ended by itself before.

        An extension begins on the day after the term before it (§ 190).
        """
        earliest = max(day, self.first_term_end)
        match self.to:
            case NoticeTo.TERM_END:
                return self._end_of_running_term(day)
            case NoticeTo.MONTH_END:
                return _end_of_months(earliest, 1)
            case NoticeTo.QUARTER_END:
                return _end_of_months(earliest, 3)
            case NoticeTo.YEAR_END:
                return _end_of_months(earliest, 12)
            case NoticeTo.ANY_DAY:
                return earliest

    def _end_of_running_term(self, day: date) -> date | None:
        end = self.first_term_end
        while end < day:
            if self.extension is None:
                return None
            end = end_of_term(end + ONE_DAY, self.extension)
        return end

    def chance_from(self, day: date) -> "Chance | None":
        """The next last day for notice, not before *day*, and what follows from it; None where no day is the last."""
        if self.to is NoticeTo.ANY_DAY or (self.to is NoticeTo.TERM_END and self.extension is None):
            return None
        end = self.end_from(end_of_notice(day, self.notice))
        following = end and self.end_from(end + ONE_DAY)
        return Chance(last_day_of_notice(end, self.notice), end, following) if end and following else None

    def ending(self, received: datetime) -> Ending:
        """What becomes of a notice that is *received* then; the day counts that it is where the contract is at home."""
        day = received.astimezone(ZoneInfo(self.zone)).date()
        effective_end = self.end_from(end_of_notice(day, self.notice)) or self.first_term_end
        next_end = last_day = in_time = last_day_for_effective = None
        if self.to is NoticeTo.ANY_DAY:
            in_time = True
        else:
            last_day_for_effective = last_day_of_notice(effective_end, self.notice)
            next_end = self.end_from(day)
        if next_end is not None:
            last_day = last_day_of_notice(next_end, self.notice)
            in_time = day <= last_day
        return Ending(
            first_term_end=self.first_term_end,
            next_regular_end=next_end,
            last_day_for_next_regular_end=last_day,
            in_time_for_next_regular_end=in_time,
            effective_end=effective_end,
            last_day_for_effective_end=last_day_for_effective,
            ends_at=self.after(effective_end),
        )

    def after(self, last_day: date) -> datetime:
        """The first moment after this day where the contract is at home, in UTC."""
        return datetime.combine(last_day + ONE_DAY, time(), ZoneInfo(self.zone)).astimezone(UTC)


def read_day(written: str) -> date:
    """A day as it is typed, like 2026-01-31; raises DayUnreadable."""
    try:
        day = date.fromisoformat(written.strip())
    except ValueError as error:
        raise DayUnreadable(written) from error
    if day.year not in YEARS:
        raise DayUnreadable(written)
    return day


def read_moment(written: str, zone: str) -> datetime:
    """A moment as it is typed, with an offset or else by the clock of this *zone*; raises MomentUnreadable.

    Of a time that the clock shows twice it is the first; a mere day is its beginning.
    """
    try:
        moment = datetime.fromisoformat(written.strip())
    except ValueError as error:
        raise MomentUnreadable(written) from error
    if moment.year not in YEARS:
        raise MomentUnreadable(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
