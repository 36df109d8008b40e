"""What would go out if nothing happened until then; nothing is changed."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import tuple_

from models.db import reading
from models.errors import N_, ProvisionError
from models.people.person import Person
from models.reminders.cadence import (
    Follow,
    Rhythm,
    WaitKind,
)
from models.reminders.reminder import Reminder
from models.time.clock import LOCAL_ZONE, now, today
from models.time.working_time import Reach, next_reachable
from tasks.reminders.waits import Batch, open_waits

FORESEEN_AT_ONCE = 2000


FORESEEN_DAYS = timedelta(days=14)


class DayInvalid(ProvisionError):
    status = 422
    says = N_("“%(day)s” is not a day in the future: write it like 2027-03-31.")

    def __init__(self, day: str) -> None:
        super().__init__(day)
        self.day = day


@dataclass(frozen=True)
class Foreseen:
    """One reminder, or what follows the last one, if nothing happens until then."""

    at: datetime
    kind: WaitKind
    number: int
    """Which reminder; 0 for what follows the last one."""
    follow: Follow
    """What follows the last one."""
    most: int
    case_id: int
    to: str
    """Name of the person; empty for operators."""
    since: datetime
    """When the wait began."""
    day: int
    """The day of the wait on which it falls due by the cadence."""
    cadence: str
    moved: bool
    """Whether it leaves later than on that day: at the person's hours, or at the distance from the one before."""
    deferred: bool
    """Whether the person has asked for peace until then."""


def until_day(text: str) -> datetime:
    """The end of this day in Berlin, written as 2027-03-31; empty: of the one in two weeks. Raises DayInvalid."""
    try:
        day = date.fromisoformat(text.strip()) if text.strip() else today() + FORESEEN_DAYS
    except ValueError as error:
        raise DayInvalid(text[:40]) from error
    return datetime.combine(day, time.max, LOCAL_ZONE).astimezone(UTC)


def foresee(
    until: datetime, which: Collection[WaitKind] = tuple(WaitKind), case_id: int | None = None
) -> Iterator[Foreseen]:
    """What would be sent from now on up to *until*, wait by wait, and nothing is changed.

    Of these kinds of wait, and in one case if that is said.
    """
    start, last = now(), None
    while True:
        with reading() as session:
            query = open_waits().where(Reminder.due_at <= until, Reminder.kind.in_(which)).limit(FORESEEN_AT_ONCE)
            if case_id is not None:
                query = query.where(Reminder.onboarding_id == case_id)
            if last is not None:
                query = query.where(tuple_(Reminder.due_at, Reminder.id) > last)
            rows = session.execute(query).all()
            if not rows:
                return
            last = (rows[-1][0].due_at, rows[-1][0].id)
            batch = Batch(session, rows)
            for wait, person, case, answered_at in rows:
                if batch.held(wait, person, case, answered_at) is None:
                    yield from _foreseen(wait, person, batch.rhythm(wait), start, until)


def _foreseen(
    wait: Reminder, person: Person | None, rhythm: Rhythm, start: datetime, until: datetime
) -> Iterator[Foreseen]:
    """Lives through the wait in memory; what becomes of the row here is never kept."""
    who = person or Reach()
    while (due := wait.due(rhythm)) is not None:
        follows = wait.sent >= rhythm.most
        at = max(due, start) if follows else next_reachable(max(due, start), timedelta(), who)
        if at > until:
            return
        day = rhythm.day(min(wait.sent, rhythm.most))
        yield Foreseen(
            at=at,
            kind=wait.kind,
            number=0 if follows else wait.sent + 1,
            follow=rhythm.follow,
            most=rhythm.most,
            case_id=wait.onboarding_id,
            to="" if person is None else person.name,
            since=wait.since,
            day=day,
            cadence=rhythm.name,
            moved=at > wait.since + timedelta(days=day),
            deferred=due == wait.not_before,
        )
        if follows:
            return
        wait.count(rhythm, who, at)
