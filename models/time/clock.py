"""The one clock, and the days on the provider's wall."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, available_timezones

from models.errors import N_, ProvisionError
from models.settings import settings


class ZoneUnknown(ProvisionError):
    status = 422
    says = N_("“%(zone)s” is not a time zone that we know: choose one from the list, for example Europe/Berlin.")

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.zone = zone


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
