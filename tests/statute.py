"""When contracts end, walked day by day: slow, and knowing nothing of how the product reckons it.

Lengths have a ``count`` and a ``unit`` (D, W, M); terms a ``start``, a ``first_term``, an ``extension`` or none, a
``notice``, and ``to`` what day it is given: the product's own, or any other that have these.
"""

from datetime import date, timedelta
from functools import cache
from itertools import count
from typing import Any

DAY = timedelta(days=1)
BEGINS = {"month_end": range(1, 13), "quarter_end": (1, 4, 7, 10), "year_end": (1,)}
"""The months that begin when one, a quarter or a year has ended."""


def walked(day: date, months: int, number: int) -> date:
    """The first day of this number in the month so many months on; where it has none, the day after that month."""
    seen = 0
    while seen < months or day.day < number:
        day += DAY
        seen += day.day == 1
        if seen > months:
            return day
    return day


@cache
def walked_term(start: date, length: Any) -> date:
    """The first day counts; months end before the day of the same number, or with their last one."""
    if length.unit == "M":
        return walked(start, length.count, start.day) - DAY
    end = start
    for _ in range(length.count * (7 if length.unit == "W" else 1) - 1):
        end += DAY
    return end


@cache
def walked_notice(received: date, notice: Any) -> date:
    """The first day does not count; months end with the day of the same number, or with their last one."""
    if notice.unit == "M":
        end = walked(received, notice.count, received.day)
        return end if end.day == received.day else end - DAY
    end = received
    for _ in range(notice.count * (7 if notice.unit == "W" else 1)):
        end += DAY
    return end


def may_end(terms: Any, day: date, term_ends: set[date]) -> bool:
    """Whether notice may end it with this day, of which the ends of all terms until then are known."""
    if day < walked_term(terms.start, terms.first_term):
        return False
    if terms.to in BEGINS:
        return (day + DAY).day == 1 and (day + DAY).month in BEGINS[terms.to]
    return terms.to == "any_day" or day in term_ends


def walked_end(terms: Any, day: date) -> date | None:
    """The first day from *day* on with which it may end."""
    ends = {end := walked_term(terms.start, terms.first_term)}
    while terms.extension is not None and end < day:
        ends.add(end := walked_term(end + DAY, terms.extension))
    if terms.extension is None and terms.to == "term_end" and end < day:
        return None
    return next(one for n in count() if may_end(terms, one := day + n * DAY, ends))


def walked_last_day(end: date, notice: Any) -> date:
    """Back from the end, until notice that is received then has run in time."""
    return next(day for n in count() if walked_notice(day := end - n * DAY, notice) <= end)
