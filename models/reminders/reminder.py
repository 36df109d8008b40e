"""One row for each person who is waited for: when they are reminded next, and how often they were."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    cast,
    null,
    select,
    text,
    update,
)
from sqlalchemy import case as case_when
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, Base, DaysAfter, Instant, Key, UTCDateTime
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from models.reminders.cadence import Cadences, Follow, Rhythm, WaitKind
from models.time.working_time import Reachable, next_reachable

SHORTEST_GAP = 2
"""Days between two reminders to the same person about the same step, unless the cadence wants them closer."""


def wait_kind(step: StepName, role: Role) -> WaitKind:
    """For what we wait when a person in this role is asked in this step."""
    if step is StepName.AGREEMENT:
        return WaitKind.AGREEMENT
    registering = {
        (StepName.ORGANISER, Role.ORGANISER): WaitKind.ORGANISER,
        (StepName.CASEWORKERS, Role.CASEWORKER): WaitKind.CASEWORKER,
        (StepName.CLIENTS, Role.CLIENT): WaitKind.CLIENT,
    }
    return registering.get((step, role), WaitKind.TASK)


class Reminder(Base):
    """A wait for a person or an operator's answer, with the moment to look at it again. Ends when the wait ends.

    ``due_at`` is never later than the next reminder falls due; whoever looks then asks ``due``, and whether the person
    can be reached.
    """

    __tablename__ = "reminders"
    __table_args__ = (
        UniqueConstraint("person_id", "step"),
        Index("ix_reminders_due", "due_at", "id"),
        Index(  # Counted from it alone, see models.queries.gauges.
            "ix_reminders_open",
            "kind",
            "since",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(  # Who has not answered the last one either.
            "ix_reminders_silent",
            "onboarding_id",
            "followed_at",
            sqlite_where=text("followed_at IS NOT NULL AND ended_at IS NULL"),
            postgresql_where=text("followed_at IS NOT NULL AND ended_at IS NULL"),
        ),
        Index(
            "ix_reminders_ended",
            "ended_at",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        CheckConstraint("sent >= 0", name="sent"),
        CheckConstraint("(person_id IS NULL) = (decision_id IS NOT NULL)", name="person_or_decision"),
        CheckConstraint("(person_id IS NULL) = (step IS NULL)", name="person_has_step"),
    )

    id: Mapped[Key]
    onboarding_id: Mapped[int] = mapped_column(ForeignKey("onboardings.id"), index=True)
    kind: Mapped[WaitKind]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    step: Mapped[StepName | None]
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"), unique=True)
    """What an operator is asked; there is no person then."""
    since: Mapped[Instant] = mapped_column(active_history=True)
    sent: Mapped[int] = mapped_column(default=0, info=MUTE)
    last_at: Mapped[Instant | None]
    """When the last one was sent."""
    not_before: Mapped[Instant | None]
    """The person has asked for peace until then."""
    followed_at: Mapped[Instant | None]
    """When what follows the last reminder was done."""
    due_at: Mapped[Instant | None]
    """When to look next; None: the wait is over, paused, held by a bad address, or the last one was sent."""
    ended_at: Mapped[Instant | None] = mapped_column(active_history=True)

    @classmethod
    def begin(cls, session: Session, case: Onboarding, person: Person, step: StepName, now: datetime) -> None:
        """Wait for this person from now on; a wait that began before starts anew."""
        cls.begin_each(session, step, [(case, person)], now)

    @classmethod
    def begin_each(
        cls, session: Session, step: StepName, awaited: Sequence[tuple[Onboarding, Person]], now: datetime
    ) -> None:
        """Wait for these people from now on, in as many statements for many as for one."""
        theirs = cls.person_id.in_([person.id for _, person in awaited]), cls.step == step
        # A wait that ended long ago may be removed at this very moment: then it is none, and a new one begins.
        query = select(cls).where(*theirs).order_by(cls.id).with_for_update().execution_options(populate_existing=True)
        rows = {row.person_id: row for row in session.scalars(query)}
        cadences = Cadences(session, {case.id: case.firm_id for case, _ in awaited}.items())
        for case, person in awaited:
            kind = wait_kind(step, person.role)
            row = rows.setdefault(person.id, cls(onboarding_id=case.id, person_id=person.id, step=step))
            row.kind = kind
            row.start_anew(cadences.rhythm(kind, case.id), person, now)
        session.add_all(rows.values())
        session.flush()

    @classmethod
    def begin_tasks(cls, session: Session, case: Onboarding, person: Person, now: datetime) -> None:
        """What the organiser is to tell or supply waits from now on: before there was no account to do it with."""
        steps = select(cls.step).where(cls.person_id == person.id, cls.kind == WaitKind.TASK, cls.ended_at.is_(None))
        for step in session.scalars(steps).all():
            if step is not None:
                cls.begin(session, case, person, step, now)

    @classmethod
    def end(
        cls, session: Session, step: StepName, now: datetime, *, case: int | None = None, person: int | None = None
    ) -> None:
        """The wait is over: for one person, or for everybody of a case who was waited for in this step."""
        whose = cls.person_id == person if person else cls.onboarding_id == case
        for row in session.scalars(select(cls).where(whose, cls.step == step, cls.ended_at.is_(None))):
            row.over(now)

    @classmethod
    def silent(cls, session: Session, case_id: int, person_ids: Collection[int]) -> set[int]:
        """Who of these people of a case has not answered the last reminder either."""
        last = cls.followed_at.is_not(None) | (cls.sent > 0) & cls.due_at.is_(None)
        theirs = cls.person_id.in_(person_ids)
        conditions = cls.onboarding_id == case_id, theirs, cls.ended_at.is_(None)
        return set(session.scalars(select(cls.person_id).where(*conditions, last)))

    def over(self, now: datetime) -> None:
        self.ended_at, self.due_at = now, None

    def start_anew(self, rhythm: Rhythm, who: Reachable, now: datetime) -> None:
        """The wait begins now, and with it the count."""
        self.since, self.sent = now, 0
        self.last_at = self.not_before = self.followed_at = self.ended_at = None
        self.plan(rhythm, who)

    def due(self, rhythm: Rhythm) -> datetime | None:
        """From when on the next one is due, or what follows the last; None if nothing is."""
        if self.ended_at is not None or self.followed_at is not None:
            return None
        if self.sent >= rhythm.most and rhythm.follow is Follow.NOTHING:
            return None
        number = min(self.sent, rhythm.most)
        due = self.since + timedelta(days=rhythm.day(number))
        if self.last_at is not None:
            due = max(due, self.last_at + timedelta(days=min(SHORTEST_GAP, rhythm.gap(number))))
        return max(due, self.not_before or due)

    def plan(self, rhythm: Rhythm, who: Reachable) -> None:
        """Look again when the next one is due and its person can be reached."""
        due = self.due(rhythm)
        self.due_at = due and next_reachable(due, timedelta(), who)

    def count(self, rhythm: Rhythm, who: Reachable, now: datetime) -> int:
        """One more is sent now; returns how many that makes. Those missed until now are not made up for."""
        self.sent, self.last_at = self.sent + 1, now
        self.plan(rhythm, who)
        return self.sent

    def uncount(self, rhythm: Rhythm, who: Reachable) -> None:
        """The last one was written and never left: it is due again."""
        self.sent, self.last_at = self.sent - 1, None
        self.plan(rhythm, who)

    @classmethod
    def planned(cls, rhythm: Rhythm) -> ColumnElement[datetime]:
        """What ``due`` gives, in SQL: so that any number of waits is planned anew in one statement."""
        numbers = range(rhythm.most + (rhythm.follow is not Follow.NOTHING))
        if not numbers:
            return cast(null(), UTCDateTime)
        beyond = numbers[-1] if rhythm.follow is not Follow.NOTHING else None

        def chosen(of: Callable[[int], DaysAfter]) -> ColumnElement[datetime]:
            each = {number: of(number) for number in numbers}
            return case_when(each, value=cls.sent, else_=null() if beyond is None else each[beyond])

        due = chosen(lambda number: DaysAfter(cls.since, rhythm.day(number)))
        after_last = chosen(lambda number: DaysAfter(cls.last_at, min(SHORTEST_GAP, rhythm.gap(number))))
        due = case_when((after_last > due, after_last), else_=due)
        due = case_when((cls.not_before > due, cls.not_before), else_=due)
        return case_when((cls.followed_at.is_(None), due))

    @classmethod
    def replan(cls, session: Session, rhythm: Rhythm, *which: ColumnElement[bool]) -> None:
        """The waits for which all of *which* holds keep this cadence from now on, however many they are."""
        session.execute(
            update(cls)
            .where(cls.ended_at.is_(None), *which)
            .values(due_at=cls.planned(rhythm))
            .execution_options(synchronize_session=False)
        )
        session.expire_all()
