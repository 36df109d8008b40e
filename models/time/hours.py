"""The hours of a week, as a grid and as people write them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Self

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from models.errors import N_, ProvisionError

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
    says = N_("No hour is marked, and messages go out in marked hours only: mark at least one.")


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
        """Like “Mo–Fr 8–18; Sa 9–12”: what ``parse`` reads; French has a blank before a semicolon."""
        names = short_days(language)
        parts: dict[str, list[int]] = {}
        for day in range(7):
            if self.of_day(day):
                parts.setdefault(", ".join(_ranges(self.of_day(day))), []).append(day)
        return ("\u202f; " if language == "fr" else "; ").join(
            f"{_listed(days, names)} {hours}" for hours, days in parts.items()
        )


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
