"""For how long something is kept: so many days from a moment, or to the end of a calendar year and so many more."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models.settings import Settings, settings
from models.time.clock import LOCAL_ZONE


@dataclass(frozen=True)
class Term:
    """So many days, or years from the end of the calendar year, as a setting says or as is written here."""

    setting: str = ""
    """Its name ends in ``_days`` or ``_years``; empty: it is nobody's to choose."""
    days: int = 0
    """If it is nobody's to choose; else so many more than the setting says."""

    @property
    def is_years(self) -> bool:
        return self.setting.endswith("_years")

    @property
    def number(self) -> int:
        return (getattr(settings(), self.setting) if self.setting else 0) + self.days

    def limit(self, now: datetime) -> datetime:
        """What began then or before is past its time now."""
        if not self.is_years:
            return now - timedelta(days=self.number)
        # Within the year that began so many years ago nothing is; the year before is all over.
        first = datetime(now.astimezone(LOCAL_ZONE).year - self.number, 1, 1, tzinfo=LOCAL_ZONE)
        return first.astimezone(UTC) - timedelta(microseconds=1)

    def end(self, moment: datetime) -> datetime:
        """When that which began at *moment* is past its time."""
        if not self.is_years:
            return moment + timedelta(days=self.number)
        year = moment.astimezone(LOCAL_ZONE).year + self.number + 1
        return datetime(year, 1, 1, tzinfo=LOCAL_ZONE).astimezone(UTC)

    def __str__(self) -> str:
        """As the documents have it, without anybody's settings."""
        number = (Settings.model_fields[self.setting].default if self.setting else 0) + self.days
        if self.is_years:
            return f"to the end of the calendar year, and {number} years"
        return "at once" if number == 0 else "1 day" if number == 1 else f"{number} days"
