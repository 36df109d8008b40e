"""Reminding whoever is waited for, at an hour at which they can be reached: what is due, and what would be."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, and_, or_, select, tuple_
from sqlalchemy.orm import Session, contains_eager, lazyload

from models.cadence import (
    Cadences,
    Follow,
    Level,
    Pause,
    Rhythm,
    WaitKind,
)
from models.db import reading, transaction
from models.decision import Decision, DecisionKind, silence_key
from models.errors import N_, ProvisionError
from models.exchange import MailKind, Outgoing
from models.firm import Firm
from models.onboarding import Onboarding, Reminder, StepName
from models.person import Person, Role
from models.schedule import LOCAL_ZONE, Reach, local_day, next_reachable, now, today
from tasks.agreement.lifecycle import mail_agreement
from tasks.engine.passes import kick_mail
from tasks.engine.retry import raise_all, side_effect
from tasks.mail.letterheads import Turn, letterheads
from tasks.onboarding.registration import invite, record_people
from tasks.people.operators import question, remind_operators, tell_managers

REMINDERS_AT_ONCE = 200
TOGETHER = timedelta(hours=1)
"""What falls due for one person within this time is one mail."""
FORESEEN_AT_ONCE = 2000
FORESEEN_DAYS = timedelta(days=14)


class DayInvalid(ProvisionError):
    status = 422
    says = N_("“%(day)s” is not a day in the future: write it like 2027-03-31.")

    def __init__(self, day: str) -> None:
        super().__init__(day)
        self.day = day


class Held(StrEnum):
    """Why a reminder that was looked at did not leave."""

    HOURS = "hours"  # Nobody is there now; it leaves in the next hour at which the person can be reached.
    LATER = "later"  # It is not due yet: the cadence was changed, or the person asked for peace.
    PAUSED = "paused"
    ADDRESS = "address"  # An operator is asked for the right one.
    ACCOUNT = "account"  # They make an account first, of which they are reminded.
    OVER = "over"  # What we waited for has happened, or the case has ended.


@dataclass
class Reminded:
    """What one round did, by kind of wait: reminders (with their number), what followed the last, what was held."""

    mails: Counter[tuple[WaitKind, int]] = field(default_factory=Counter)
    followed: Counter[tuple[WaitKind, Follow]] = field(default_factory=Counter)
    held: Counter[tuple[WaitKind, Held]] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.mails.total()

    def add(self, more: "Reminded") -> None:
        self.mails.update(more.mails)
        self.followed.update(more.followed)
        self.held.update(more.held)


@side_effect(name="send reminders")
def send_reminders() -> Reminded:
    """Write every reminder that is due into the outbox, and do what follows about those who stayed silent.

    Repeating it changes nothing: a reminder that was written has its next date. Dates missed, at night or while the
    product stood still, give one mail, not several.
    """
    done, faults = Reminded(), list[Exception]()
    for waits in _due():
        _send(waits, done, faults)
    if done.mails or done.followed:
        kick_mail()
    raise_all(faults)
    return done


def _due() -> Iterator[list[int]]:
    """The waits that are due, each once, the soonest first, up to REMINDERS_AT_ONCE at a time."""
    at, last = now(), None
    while True:
        query = select(Reminder.due_at, Reminder.id).where(Reminder.due_at <= at)
        if last is not None:
            query = query.where(tuple_(Reminder.due_at, Reminder.id) > last)
        with reading() as session:
            rows = session.execute(query.order_by(Reminder.due_at, Reminder.id).limit(REMINDERS_AT_ONCE)).all()
        if not rows:
            return
        last = tuple(rows[-1])
        yield [wait_id for _, wait_id in rows]


def _send(waits: list[int], done: Reminded, faults: list[Exception], reach: timedelta = TOGETHER) -> None:
    """Send all of these in one transaction, with what falls due for the same people within *reach*.

    If that breaks down, each half by itself, so that one holds up no other.
    """
    try:
        done.add(_send_batch(waits, reach))
    except Exception as error:  # noqa: BLE001  (raised when the others have had their turn)
        if len(waits) == 1:
            faults.append(error)
            return
        _send(waits[: len(waits) // 2], done, faults, timedelta())
        _send(waits[len(waits) // 2 :], done, faults, timedelta())


def _waits() -> Select[tuple[Reminder, Person, Onboarding, datetime | None]]:
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


class _Looked(NamedTuple):
    """A wait that was looked at, with all that its mail needs."""

    wait: Reminder
    person: Person | None
    case: Onboarding
    rhythm: Rhythm

    @property
    def is_last(self) -> bool:
        return self.wait.sent == self.rhythm.most


def _send_batch(waits: list[int], reach: timedelta) -> Reminded:
    """Look at these waits, and what falls due soon for the same people, in as many statements for many as for one."""
    done = Reminded()
    with transaction() as session:
        at = now()
        due = and_(Reminder.due_at <= at, Reminder.id.in_(waits))
        people = select(Reminder.person_id).where(due, Reminder.person_id.is_not(None))
        theirs = session.scalars(people).all() if reach else ()
        soon = and_(Reminder.due_at <= at + reach, Reminder.person_id.in_(theirs))
        rows = session.execute(
            _waits()
            .where(or_(due, soon))
            # A case that a pass is looking at is left to the next run: what we wait for may just be happening.
            .with_for_update(of=(Reminder, Onboarding), key_share=True, skip_locked=True)
        ).all()
        if not rows:
            return done
        known = _Batch(session, rows)
        sent: list[_Looked] = []
        silent: list[_Looked] = []
        for wait, person, case, answered_at in rows:
            rhythm = known.rhythm(wait)
            held = known.hold(wait, person, case, answered_at, at)
            if held is not None:
                done.held[wait.kind, held] += 1
            elif wait.sent >= rhythm.most:
                wait.followed_at, wait.due_at = at, None
                silent.append(_Looked(wait, person, case, rhythm))
                done.followed[wait.kind, rhythm.follow] += 1
            else:
                wait.count(rhythm, person or Reach(), at)
                sent.append(_Looked(wait, person, case, rhythm))
                done.mails[wait.kind, wait.sent] += 1
        _remind(session, sent)
        _follow(session, silent, at)
        return done


def _remind(session: Session, due: list[_Looked]) -> None:
    """Write the mails of these reminders, which are counted already."""
    turns: dict[StepName, list[Turn]] = defaultdict(list)
    tasks: dict[int, list[tuple[StepName, Turn]]] = defaultdict(list)
    for one in due:
        if one.person is not None and one.wait.step is not None:
            turn = Turn(one.case, one.person, one.wait.sent, last=one.is_last)
            if one.wait.kind is WaitKind.TASK:
                tasks[one.person.id].append((one.wait.step, turn))
            else:
                turns[one.wait.step].append(turn)
    for step, asked in turns.items():
        # The same mail as the first time, with a fresh link, as reminder number so and so.
        if step is StepName.AGREEMENT:
            _ask_to_sign(session, asked, tasks)
        else:
            invite(session, asked)
        record_people(session, [(turn.case, turn.person) for turn in asked], "person.reminded", step=step)
    if tasks:
        _ask_organisers(session, list(tasks.values()))
    undecided = {one.wait.decision_id: one for one in due if one.wait.decision_id is not None}
    if undecided:
        _remind_operators(session, undecided)


def _ask_to_sign(session: Session, asked: list[Turn], tasks: dict[int, list[tuple[StepName, Turn]]]) -> None:
    """Whoever is to sign is told in the same mail what else is missing; that is no task of its own any more."""
    also = {person: [step for step, _ in theirs] for person, theirs in tasks.items()}
    turns = [
        turn._replace(also=tuple(sorted(also.get(turn.person.id, ()), key=list(StepName).index))) for turn in asked
    ]
    for person in mail_agreement(session, turns):
        for step, turn in tasks.pop(person, []):
            record_people(session, [(turn.case, turn.person)], "person.reminded", step=step)


def _follow(session: Session, silent: list[_Looked], at: datetime) -> None:
    """Do what follows the last reminder: ask operators, tell organisers, or tell managers."""
    questions = [_question(one.wait, at) for one in silent if one.rhythm.follow is Follow.OPERATOR]
    if questions:
        Decision.ask_each(session, questions)
    undecided = [one.wait.decision_id for one in silent if one.rhythm.follow is Follow.MANAGERS]
    decisions = {one.id: one for one in session.scalars(select(Decision).where(Decision.id.in_(undecided)))}
    overdue = []
    theirs: dict[int, list[tuple[Reminder, Person, Onboarding]]] = defaultdict(list)
    for wait, person, case, rhythm in silent:
        if rhythm.follow is Follow.ORGANISER and person is not None and wait.step is not None:
            theirs[case.firm_id].append((wait, person, case))
        elif rhythm.follow is Follow.MANAGERS and wait.decision_id is not None:
            overdue.append((case, decisions[wait.decision_id], wait.sent))
    if overdue:
        tell_managers(session, overdue)
    if theirs:
        _tell_organisers(session, theirs, at)


def _tell_organisers(
    session: Session, silent: dict[int, list[tuple[Reminder, Person, Onboarding]]], at: datetime
) -> None:
    """Tell each organiser once a day of whom reminders have not moved, in the first hour of the next day that suits.

    Until that mail leaves, whoever falls silent as well is added to it.
    """
    roles = select(Person).where(Person.firm_id.in_(silent), Person.role == Role.ORGANISER)
    organisers = {person.firm_id: person for person in session.scalars(roles)}
    about = letterheads(session, [people[0][2].firm for people in silent.values()])
    for firm_id, people in silent.items():
        organiser, case = organisers[firm_id], people[0][2]
        tomorrow = at.astimezone(ZoneInfo(organiser.time_zone)).date() + timedelta(days=1)
        begin = datetime.combine(tomorrow, time(), ZoneInfo(organiser.time_zone))
        due = next_reachable(begin, timedelta(), organiser)
        told = [
            {"id": one.id, "name": one.name, "email": one.email, "reminders": wait.sent, "step": wait.step}
            for wait, one, _ in people
        ]
        key = f"people_silent:{organiser.id}:{due.astimezone(begin.tzinfo):%Y-%m-%d}"
        waiting = session.scalars(select(Outgoing).where(Outgoing.key == key).with_for_update()).one_or_none()
        if waiting is not None and waiting.due_at == due:
            waiting.facts = {**waiting.facts, "people": [*waiting.facts["people"], *told]}
        else:
            mail = Outgoing.draft(
                MailKind.PEOPLE_SILENT,
                key if waiting is None else f"{key}:{people[0][0].id}",
                organiser,
                at,
                case_id=case.id,
                **about[firm_id],
                people=told,
                path=f"/firm/{firm_id}",
            )
            mail.due_at = due
            Outgoing.post_all(session, [mail])
    told_of = [(case, person) for people in silent.values() for _, person, case in people]
    record_people(session, told_of, "organiser.told")


def _question(wait: Reminder, at: datetime) -> Decision:
    """Put to an operator after the last reminder."""
    return Decision(
        onboarding_id=wait.onboarding_id,
        kind=DecisionKind.SILENT,
        key=silence_key(wait, wait.since),
        facts={"person_id": wait.person_id, "step": wait.step, "wait": wait.kind, "reminders": wait.sent},
        opened_at=at,
    )


def _ask_organisers(session: Session, tasks: list[list[tuple[StepName, Turn]]]) -> None:
    """One mail to each organiser about all that is to be told or supplied, however much it is."""
    at, about = now(), letterheads(session, [asked[0][1].case.firm for asked in tasks])
    mails = []
    for asked in tasks:
        case, person = asked[0][1].case, asked[0][1].person
        steps = sorted((step for step, _ in asked), key=list(StepName).index)
        mails.append(
            Outgoing.draft(
                MailKind.YOUR_TURN,
                f"your_turn:{person.id}:{'+'.join(steps)}:{local_day(at)}",
                person,
                at,
                case_id=case.id,
                **about[case.firm_id],
                steps=steps,
                paths={step: f"/firm/{case.firm_id}/{step}" for step in steps},
                count=max(turn.reminders for _, turn in asked),
                last=all(turn.last for _, turn in asked),
                missing=case.firm.missing,
                path=f"/firm/{case.firm_id}",
            )
        )
        record_people(session, [(case, person)], "person.reminded", steps=steps)
    Outgoing.post_all(session, mails)


def _remind_operators(session: Session, waits: dict[int, _Looked]) -> None:
    """One mail to each operator about all that waits for their word, by the decision's id."""
    asked = (
        select(Decision, Firm.name)
        .join(Onboarding, Onboarding.id == Decision.onboarding_id)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .where(Decision.id.in_(waits))
        .order_by(Decision.opened_at)
    )
    remind_operators(
        session,
        [
            question(
                one,
                firm,
                "waiting",
                last=waits[one.id].is_last and waits[one.id].rhythm.follow is Follow.MANAGERS,
            )
            for one, firm in session.execute(asked)
        ],
    )


# ---- what would go out


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
                if known.held(wait, person, case, answered_at) is None:
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


# ---- what is waited for in a case


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


def waits_of(session: Session, case_id: int) -> list[WaitLine]:
    """Everybody who is waited for in this case, the soonest to be reminded first."""
    rows = session.execute(_waits().where(Reminder.onboarding_id == case_id, Reminder.ended_at.is_(None))).all()
    known, start, lines = _Batch(session, rows), now(), []
    for wait, person, case, answered_at in rows:
        held = known.held(wait, person, case, answered_at)
        if held is Held.OVER:
            continue
        rhythm, due = known.rhythm(wait), wait.due(known.rhythm(wait))
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
