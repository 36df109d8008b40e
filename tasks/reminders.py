"""Reminding whoever is waited for, at an hour at which they can be reached: sending, foreseeing, pausing."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.orm import Session, contains_eager

from models.cadence import Cadences, Level, Pause, Rhythm, WaitKind
from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.exchange import MailKind, Outgoing
from models.firm import Firm
from models.onboarding import Onboarding, Reminder, StepName
from models.person import Person
from models.schedule import Reach, next_reachable, now
from tasks.accounts import STEP_OF, invite, record_people
from tasks.agreements import mail_agreement
from tasks.cases import Turn, letterheads
from tasks.passes import kick_mail
from tasks.policy import side_effect

REMINDERS_AT_ONCE = 200
FORESEEN_AT_ONCE = 2000


class Held(StrEnum):
    """Why a reminder that was looked at did not leave."""

    HOURS = "hours"  # Nobody is there now; it leaves in the next hour at which the person can be reached.
    LATER = "later"  # It is not due yet: the cadence was changed, or the person asked for peace.
    PAUSED = "paused"
    ADDRESS = "address"  # An operator is asked for the right one.
    OVER = "over"  # What we waited for has happened, or the case has ended.


@dataclass
class Reminded:
    """What one round did, by kind of wait: reminders that were sent (with their number), questions, what was held."""

    mails: Counter[tuple[WaitKind, int]] = field(default_factory=Counter)
    asked: Counter[WaitKind] = field(default_factory=Counter)
    held: Counter[tuple[WaitKind, Held]] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.mails.total()

    @property
    def seen(self) -> int:
        return self.sent + self.asked.total() + self.held.total()


@side_effect(name="send reminders")
def send_reminders() -> Reminded:
    """Write every reminder that is due into the outbox, and ask operators about those who stayed silent.

    Repeating it changes nothing: a reminder that was written has its next date. Dates missed, at night or while the
    product stood still, give one mail, not several.
    """
    done, before = Reminded(), -1
    while done.seen > before:
        before = done.seen
        _send_batch(done)
    kick_mail()
    return done


def _waits() -> Select[tuple[Reminder, Person, Onboarding, datetime | None]]:
    """Waits with whom and what they are for, the soonest first."""
    return (
        select(Reminder, Person, Onboarding, Decision.answered_at)
        .join(Onboarding, Onboarding.id == Reminder.onboarding_id)
        .join(Onboarding.firm)
        .outerjoin(Person, Person.id == Reminder.person_id)
        .outerjoin(Decision, Decision.id == Reminder.decision_id)
        .options(contains_eager(Onboarding.firm))
        .order_by(Reminder.due_at, Reminder.id)
    )


class _Batch:
    """What must be known of some waits to tell whether one may be sent; two queries, however many they are."""

    def __init__(
        self, session: Session, rows: Sequence[Row[tuple[Reminder, Person, Onboarding, datetime | None]]]
    ) -> None:
        firms = {case.id: case.firm_id for _, _, case, _ in rows}
        people = {person.id for _, person, _, _ in rows if person is not None}
        self._cadences = Cadences(session, firms.items())
        self._pauses = Pause.among(session, set(firms.values()), firms, people)

    def rhythm(self, wait: Reminder) -> Rhythm:
        return self._cadences.rhythm(wait.kind, wait.onboarding_id)

    def held(self, person: Person | None, case: Onboarding, answered_at: datetime | None) -> Held | None:
        """What keeps it back whatever the hour."""
        if case.stopped_at is not None or answered_at is not None:
            return Held.OVER
        places = [(Level.FIRM, case.firm_id), (Level.CASE, case.id)]
        if person is not None:
            places.append((Level.PERSON, person.id))
        if any(place in self._pauses for place in places):
            return Held.PAUSED
        return Held.ADDRESS if person is not None and person.bounced_at is not None else None

    def hold(
        self, wait: Reminder, person: Person | None, case: Onboarding, answered_at: datetime | None, at: datetime
    ) -> Held | None:
        """Why this wait, now looked at, is held back, having set when to look at it again; None if it is not."""
        rhythm, who = self.rhythm(wait), person or Reach()
        held, due = self.held(person, case, answered_at), wait.due(rhythm)
        if held is Held.OVER:
            wait.over(at)
        elif held is not None or due is None:
            wait.due_at = None
            held = held or Held.LATER
        elif due > at:
            wait.due_at, held = next_reachable(due, timedelta(), who), Held.LATER
        elif wait.sent < rhythm.most and (slot := next_reachable(at, timedelta(), who)) > at:
            wait.due_at, held = slot, Held.HOURS
        return held


def _send_batch(done: Reminded) -> None:
    """Look at up to REMINDERS_AT_ONCE that are due, in as many statements for many as for one."""
    with transaction() as session:
        at = now()
        rows = session.execute(
            _waits()
            .where(Reminder.due_at <= at)
            .limit(REMINDERS_AT_ONCE)
            # A case that a pass is looking at is left to the next run: what we wait for may just be happening.
            .with_for_update(of=(Reminder, Onboarding), key_share=True, skip_locked=True)
        ).all()
        known = _Batch(session, rows)
        turns: dict[StepName, list[Turn]] = defaultdict(list)
        silent, undecided = [], []
        for wait, person, case, answered_at in rows:
            rhythm = known.rhythm(wait)
            held = known.hold(wait, person, case, answered_at, at)
            if held is not None:
                done.held[wait.kind, held] += 1
            elif wait.sent >= rhythm.most:
                wait.followed_at, wait.due_at = at, None
                silent.append(_silent(wait, at))
                done.asked[wait.kind] += 1
            else:
                count = wait.count(rhythm, person or Reach(), at)
                done.mails[wait.kind, count] += 1
                if person is None or wait.step is None:
                    undecided.append(wait)
                else:
                    turns[wait.step].append(Turn(case, person, count, last=count == rhythm.most))
        for step, asked in turns.items():
            _remind(session, step, asked)
        if silent:
            Decision.ask_each(session, silent)
        if undecided:
            _remind_operators(session, undecided, at)


def _silent(wait: Reminder, at: datetime) -> Decision:
    """The question that follows the last reminder."""
    return Decision(
        onboarding_id=wait.onboarding_id,
        kind=DecisionKind.SILENT,
        key=f"silent:{wait.id}:{wait.since.isoformat()}",
        facts={"person_id": wait.person_id, "step": wait.step, "wait": wait.kind, "reminders": wait.sent},
        opened_at=at,
    )


def _remind(session: Session, step: StepName, turns: list[Turn]) -> None:
    """The same mail as the first time, with a fresh link, as reminder number so and so."""
    if step is StepName.AGREEMENT:
        mail_agreement(session, turns)
    else:
        invite(session, [turn for turn in turns if STEP_OF[turn.person.role] is step])
        _ask_organisers(session, step, [turn for turn in turns if STEP_OF[turn.person.role] is not step])
    record_people(session, [(turn.case, turn.person) for turn in turns], "person.reminded", step=step)


def _ask_organisers(session: Session, step: StepName, turns: list[Turn]) -> None:
    at, about = now(), letterheads(session, [turn.case.firm for turn in turns])
    mails = [
        Outgoing.draft(
            MailKind.YOUR_TURN,
            f"your_turn:{person.id}:{step}:{at:%Y-%m-%d}",
            person,
            at,
            case_id=case.id,
            **about[case.firm_id],
            step=step,
            count=count,
            last=last,
            missing=case.firm.missing,
            path=f"/firm/{case.firm_id}",
        )
        for case, person, count, last in turns
    ]
    Outgoing.post_all(session, mails)


def _remind_operators(session: Session, waits: list[Reminder], at: datetime) -> None:
    """One mail to the provider about all that waits for its word."""
    asked = (
        select(Decision, Firm.name)
        .join(Onboarding, Onboarding.id == Decision.onboarding_id)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .where(Decision.id.in_([wait.decision_id for wait in waits]))
        .order_by(Decision.opened_at)
    )
    questions = [
        {
            "kind": one.kind,
            "firm": firm,
            "days": (at - one.opened_at).days,
            "path": f"/board/cases/{one.onboarding_id}#decision-{one.id}",
        }
        for one, firm in session.execute(asked)
    ]
    key = f"decisions_wait:{waits[0].id}:{at.isoformat()}"
    facts = {"firm": "", "company_id": None, "logo": False, "path": "/board", "questions": questions}
    Outgoing.post(session, MailKind.DECISIONS_WAIT, key, None, at, **facts)


# ---- what would go out


@dataclass(frozen=True)
class Foreseen:
    """One reminder, or the question to an operator after the last one, if nothing happens until then."""

    at: datetime
    kind: WaitKind
    number: int
    """Which reminder; 0 for the question that follows the last one."""
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


def foresee(until: datetime) -> Iterator[Foreseen]:
    """What would be sent from now on up to *until*, wait by wait, and nothing is changed."""
    start, last = now(), None
    while True:
        with reading() as session:
            query = _waits().where(Reminder.due_at <= until).limit(FORESEEN_AT_ONCE)
            if last is not None:
                query = query.where(tuple_(Reminder.due_at, Reminder.id) > last)
            rows = session.execute(query).all()
            if not rows:
                return
            last = (rows[-1][0].due_at, rows[-1][0].id)
            known = _Batch(session, rows)
            for wait, person, case, answered_at in rows:
                if known.held(person, case, answered_at) is None:
                    yield from _foreseen(wait, person, known.rhythm(wait), start, until)


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
