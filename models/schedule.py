"""Time: the one clock, and the hours at which a person may be written to."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from models.settings import settings

REMINDER_DAYS = (3, 7, 12)
"""Days after the wait began on which a reminder falls due; after the last one a person takes over."""
FIRST_HOUR, LAST_HOUR = time(8), time(18)
"""Between these hours, local time, a reminder may be sent."""


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


def now() -> datetime:
    """The present moment, aware, in UTC; the only place that reads the clock."""
    return datetime.now(UTC) + settings().time_shift


@cache
def _holidays(land: Land | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("DE", subdiv=land and land.value, years=year))


def is_working_day(day: date, land: Land | None) -> bool:
    """Monday to Friday and no public holiday in *land* (none given: no nationwide one)."""
    return day.weekday() < 5 and day not in _holidays(land, day.year)


def next_slot(after: datetime, land: Land | None, zone: str = "Europe/Berlin") -> datetime:
    """The first moment from *after* on at which a person in *land* may be written to."""
    local = after.astimezone(ZoneInfo(zone))
    if local.time() >= LAST_HOUR:
        local = datetime.combine(local.date() + timedelta(days=1), FIRST_HOUR, local.tzinfo)
    if local.time() < FIRST_HOUR:
        local = datetime.combine(local.date(), FIRST_HOUR, local.tzinfo)
    while not is_working_day(local.date(), land):
        local = datetime.combine(local.date() + timedelta(days=1), FIRST_HOUR, local.tzinfo)
    return local.astimezone(UTC)


def reminder_due(since: datetime, sent: int, land: Land | None, zone: str = "Europe/Berlin") -> datetime | None:
    """When reminder number *sent* + 1 falls due for a wait that began at *since*; None after the last."""
    if sent >= len(REMINDER_DAYS):
        return None
    return next_slot(since + timedelta(days=REMINDER_DAYS[sent]), land, zone)
