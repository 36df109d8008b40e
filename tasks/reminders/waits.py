"""Who is waited for, since when, and what keeps a reminder back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.orm import Session, contains_eager, lazyload

from models.clients.recipients import muted
from models.decision import Decision
from models.onboarding import Onboarding, StepName
from models.people.person import Person
from models.reminders.cadence import (
    Cadences,
    Follow,
    Level,
    Pause,
    Rhythm,
    WaitKind,
)
from models.reminders.reminder import Reminder
from models.time.clock import now
from models.time.working_time import Reach, next_reachable

TOGETHER = timedelta(hours=1)
"""What falls due for one person within this time is one mail."""


class Held(StrEnum):
    """Why a reminder that was looked at did not leave."""

    HOURS = "hours"  # Nobody is there now; it leaves in the next hour at which the person can be reached.
    LATER = "later"  # It is not due yet: the cadence was changed, or the person asked for peace.
    PAUSED = "paused"
    ADDRESS = "address"  # An operator is asked for the right one.
    MUTED = "muted"  # Every account of theirs has NOTIFY off or is archived: nothing comes by itself.
    ACCOUNT = "account"  # They make an account first, of which they are reminded.
    OVER = "over"  # What we waited for has happened, or the case has ended.


def open_waits() -> Select[tuple[Reminder, Person, Onboarding, datetime | None]]:
    """Waits with whom and what they are for, the soonest first."""
    return (
        select(Reminder, Person, Onboarding, Decision.answered_at)
        .join(Onboarding, Onboarding.id == Reminder.onboarding_id)
        .join(Onboarding.firm)
        .outerjoin(Person, Person.id == Reminder.person_id)
        .outerjoin(Decision, Decision.id == Reminder.decision_id)
        .options(contains_eager(Onboarding.firm), lazyload(Onboarding.steps))  # Steps are looked at for hardly any.
        .order_by(Reminder.due_at, Reminder.id)
    )


class Batch:
    """What must be known of some waits to tell whether one may be sent; three queries, however many they are."""

    def __init__(
        self, session: Session, rows: Sequence[Row[tuple[Reminder, Person, Onboarding, datetime | None]]]
    ) -> None:
        firms = {case.id: case.firm_id for _, _, case, _ in rows}
        people = {person.id for _, person, _, _ in rows if person is not None}
        self._cadences = Cadences(session, firms.items())
        self._muted = muted(session, people)
        self._pauses = Pause.among(session, set(firms.values()), firms, people)

    def rhythm(self, wait: Reminder) -> Rhythm:
        return self._cadences.rhythm(wait.kind, wait.onboarding_id)

    def held(
        self, wait: Reminder, person: Person | None, case: Onboarding, answered_at: datetime | None
    ) -> Held | None:
        """What keeps it back whatever the hour."""
        withdrawn = person is not None and person.withdrawn_at is not None
        if case.stopped_at is not None or answered_at is not None or withdrawn:
            return Held.OVER
        places = [(Level.FIRM, case.firm_id), (Level.CASE, case.id)]
        if person is not None:
            places.append((Level.PERSON, person.id))
        if any(place in self._pauses for place in places):
            return Held.PAUSED
        if person is not None and person.bounced_at is not None:
            return Held.ADDRESS
        if person is not None and person.id in self._muted:
            return Held.MUTED
        if person is not None and wait.kind is WaitKind.TASK and person.registered_at is None:
            return Held.ACCOUNT
        return None

    def hold(
        self, wait: Reminder, person: Person | None, case: Onboarding, answered_at: datetime | None, at: datetime
    ) -> Held | None:
        """Why this wait, now looked at, is held back, having set when to look at it again; None if it is not."""
        rhythm, who = self.rhythm(wait), person or Reach()
        held, due = self.held(wait, person, case, answered_at), wait.due(rhythm)
        if held is Held.OVER:
            wait.over(at)
        elif held is not None or due is None:
            wait.due_at = None
            held = held or Held.LATER
        elif due > (at if wait.due_at is None or wait.due_at <= at else at + TOGETHER):
            wait.due_at, held = next_reachable(due, timedelta(), who), Held.LATER
        elif wait.sent < rhythm.most and (slot := next_reachable(at, timedelta(), who)) > at:
            wait.due_at, held = slot, Held.HOURS
        return held


@dataclass(frozen=True)
class WaitLine:
    """One wait as operators see it."""

    kind: WaitKind
    step: StepName | None
    person_id: int | None
    name: str
    since: datetime
    sent: int
    most: int
    next_at: datetime | None
    """When the next reminder leaves, or what follows the last is done; none: neither will be."""
    follow: Follow | None
    """What is done then, if it is no reminder."""
    held: Held | None
    deferred_until: datetime | None


def waits_of(session: Session, case_id: int, *which: ColumnElement[bool]) -> list[WaitLine]:
    """Everybody who is waited for in this case, of those *which*, the soonest to be reminded first."""
    waits = open_waits().where(Reminder.onboarding_id == case_id, Reminder.ended_at.is_(None), *which)
    rows = session.execute(waits).all()
    batch, start, lines = Batch(session, rows), now(), []
    for wait, person, case, answered_at in rows:
        held = batch.held(wait, person, case, answered_at)
        if held is Held.OVER:
            continue
        rhythm, due = batch.rhythm(wait), wait.due(batch.rhythm(wait))
        peace = wait.not_before if wait.not_before is not None and wait.not_before > start else None
        lines.append(
            WaitLine(
                kind=wait.kind,
                step=wait.step,
                person_id=wait.person_id,
                name="" if person is None else person.name,
                since=wait.since,
                sent=wait.sent,
                most=rhythm.most,
                next_at=due and next_reachable(max(due, start), timedelta(), person or Reach()),
                follow=rhythm.follow if due is not None and wait.sent >= rhythm.most else None,
                held=held,
                deferred_until=peace,
            )
        )
    return lines
