"""When somebody may be written to: the next moment at which they can be reached, and working days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from models.time.clock import LOCAL_ZONE
from models.time.hours import WORKING_HOURS, Hours
from models.time.land import Land, is_holiday


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
