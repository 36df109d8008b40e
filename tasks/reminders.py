"""Reminding whoever is waited for, at an hour at which they can be reached: sending, foreseeing, pausing."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from hmac import compare_digest
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, true, tuple_, update
from sqlalchemy.orm import Session, contains_eager, lazyload

from models.audit import record
from models.cadence import (
    FOLLOWS,
    Cadence,
    Cadences,
    Follow,
    FollowUnfit,
    Level,
    Pause,
    Rhythm,
    WaitKind,
    days_of,
    most_of,
)
from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.errors import N_, ProvisionError
from models.exchange import MailKind, Outgoing
from models.firm import Firm
from models.link import LinkUnknown, later_token
from models.onboarding import Onboarding, Reminder, StepName
from models.person import Person, Role
from models.schedule import Reach, next_reachable, now
from tasks.accounts import invite, record_people
from tasks.agreements import mail_agreement
from tasks.bounces import hold_person
from tasks.cases import Turn, letterheads
from tasks.operators import remind_operators, tell_managers
from tasks.passes import kick_mail
from tasks.policy import side_effect

REMINDERS_AT_ONCE = 200
FORESEEN_AT_ONCE = 2000
FORESEEN_DAYS = timedelta(days=14)
LONGEST_PEACE = timedelta(days=60)
"""For so long a person may put reminders off."""


class DayInvalid(ProvisionError):
    status = 422
    says = N_("“%(day)s” is not a day in the future: write it like 2027-03-31.")

    def __init__(self, day: str) -> None:
        super().__init__(day)
        self.day = day


class DayTooFar(ProvisionError):
    status = 422
    says = N_("Choose a day from tomorrow on, at most %(days)s days from now.")

    def __init__(self, days: int) -> None:
        super().__init__(days)
        self.days = days


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


@side_effect(name="send reminders")
def send_reminders() -> Reminded:
    """Write every reminder that is due into the outbox, and do what follows about those who stayed silent.

    Repeating it changes nothing: a reminder that was written has its next date. Dates missed, at night or while the
    product stood still, give one mail, not several.
    """
    done = Reminded()
    while _send_batch(done) == REMINDERS_AT_ONCE:
        pass
    if done.mails or done.followed:
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
        elif due > at:
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


def _send_batch(done: Reminded) -> int:
    """Look at up to REMINDERS_AT_ONCE that are due, in as many statements for many as for one; returns how many."""
    with transaction() as session:
        at = now()
        rows = session.execute(
            _waits()
            .where(Reminder.due_at <= at)
            .limit(REMINDERS_AT_ONCE)
            # A case that a pass is looking at is left to the next run: what we wait for may just be happening.
            .with_for_update(of=(Reminder, Onboarding), key_share=True, skip_locked=True)
        ).all()
        if not rows:
            return 0
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
        _remind(session, sent, at)
        _follow(session, silent, at)
        return len(rows)


def _remind(session: Session, due: list[_Looked], at: datetime) -> None:
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
        send = mail_agreement if step is StepName.AGREEMENT else invite
        send(session, asked)
        record_people(session, [(turn.case, turn.person) for turn in asked], "person.reminded", step=step)
    if tasks:
        _ask_organisers(session, list(tasks.values()))
    undecided = {one.wait.decision_id: one for one in due if one.wait.decision_id is not None}
    if undecided:
        _remind_operators(session, undecided, at)


def _follow(session: Session, silent: list[_Looked], at: datetime) -> None:
    """Do what follows the last reminder: ask operators, tell organisers, or tell managers."""
    questions = [_question(one.wait, at) for one in silent if one.rhythm.follow is Follow.OPERATOR]
    if questions:
        Decision.ask_each(session, questions)
    undecided = [one.wait.decision_id for one in silent if one.rhythm.follow is Follow.MANAGERS]
    decisions = {one.id: one for one in session.scalars(select(Decision).where(Decision.id.in_(undecided)))}
    theirs: dict[tuple[int, StepName], list[tuple[Reminder, Person, Onboarding]]] = defaultdict(list)
    for wait, person, case, rhythm in silent:
        if rhythm.follow is Follow.ORGANISER and person is not None and wait.step is not None:
            theirs[case.firm_id, wait.step].append((wait, person, case))
        elif rhythm.follow is Follow.MANAGERS and wait.decision_id is not None:
            decision = decisions[wait.decision_id]
            key = f"decision_overdue:{decision.id}:{wait.since.isoformat()}"
            tell_managers(session, case, decision, key, wait.sent)
    if theirs:
        _tell_organisers(session, theirs, at)


def _tell_organisers(
    session: Session,
    silent: dict[tuple[int, StepName], list[tuple[Reminder, Person, Onboarding]]],
    at: datetime,
) -> None:
    """Tell each organiser once a day of whom reminders have not moved, in the first hour of the next day that suits.

    Until that mail leaves, whoever falls silent as well is added to it.
    """
    firms = {firm_id for firm_id, _ in silent}
    roles = select(Person).where(Person.firm_id.in_(firms), Person.role == Role.ORGANISER)
    organisers = {person.firm_id: person for person in session.scalars(roles)}
    about = letterheads(session, [people[0][2].firm for people in silent.values()])
    for (firm_id, step), people in silent.items():
        organiser, case = organisers[firm_id], people[0][2]
        tomorrow = at.astimezone(ZoneInfo(organiser.time_zone)).date() + timedelta(days=1)
        begin = datetime.combine(tomorrow, time(), ZoneInfo(organiser.time_zone))
        due = next_reachable(begin, timedelta(), organiser)
        told = [{"name": one.name, "email": one.email, "reminders": wait.sent} for wait, one, _ in people]
        key = f"people_silent:{organiser.id}:{step}:{due:%Y-%m-%d}"
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
                step=step,
                people=told,
                path=f"/firm/{firm_id}/{step}",
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
        key=f"silent:{wait.id}:{wait.since.isoformat()}",
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
                f"your_turn:{person.id}:{'+'.join(steps)}:{at:%Y-%m-%d}",
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


def _remind_operators(session: Session, waits: dict[int, _Looked], at: datetime) -> None:
    """One mail to each operator about all that waits for their word, by the decision's id."""
    asked = (
        select(Decision, Firm.name)
        .join(Onboarding, Onboarding.id == Decision.onboarding_id)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .where(Decision.id.in_(waits))
        .order_by(Decision.opened_at)
    )
    questions = [
        {
            "kind": one.kind,
            "firm": firm,
            "days": (at - one.opened_at).days,
            "last": waits[one.id].is_last and waits[one.id].rhythm.follow is Follow.MANAGERS,
            "path": f"/board/cases/{one.onboarding_id}#decision-{one.id}",
        }
        for one, firm in session.execute(asked)
    ]
    remind_operators(session, questions, f"decisions_wait:{min(waits)}:{at.isoformat()}")


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
    berlin = ZoneInfo("Europe/Berlin")
    try:
        day = date.fromisoformat(text.strip()) if text.strip() else now().astimezone(berlin).date() + FORESEEN_DAYS
    except ValueError as error:
        raise DayInvalid(text[:40]) from error
    return datetime.combine(day, time.max, berlin).astimezone(UTC)


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


# ---- cadences and pauses, as operators set them


def set_cadence(
    level: Level, owner_id: int, kind: WaitKind, by: str, *, name: str, days: str, most: str, follow: Follow
) -> None:
    """Remind by this cadence from now on, there and wherever nothing narrower is set; what is pending is planned anew.

    *owner_id*: the firm or the case, 0 for the provider. Raises DaysInvalid, MostInvalid, FollowUnfit.
    """
    row, limit = days_of(days), most_of(most)
    if follow not in FOLLOWS[kind]:
        raise FollowUnfit(follow, FOLLOWS[kind])
    with transaction() as session:
        at = now()
        case_id = _case_of(session, level, owner_id)
        cadence = Cadence.at(session, level, owner_id, kind) or Cadence(level=level, owner_id=owner_id, kind=kind)
        cadence.name, cadence.days, cadence.most, cadence.follow = name.strip()[:80] or kind.value, row, limit, follow
        cadence.set_at, cadence.set_by = at, by[:254]
        session.add(cadence)
        session.flush()
        _replan(session, level, owner_id, case_id, kind)
        told = {"level": level, "kind": kind, "days": row, "most": limit, "follow": follow}
        record(session, case_id, at, "cadence.set", by, **told)


def inherit_cadence(level: Level, owner_id: int, kind: WaitKind, by: str) -> None:
    """Take the cadence away that is set there, so that the wider one counts again."""
    with transaction() as session:
        case_id = _case_of(session, level, owner_id)
        cadence = Cadence.at(session, level, owner_id, kind)
        if cadence is None:
            return
        session.delete(cadence)
        session.flush()
        _replan(session, level, owner_id, case_id, kind)
        record(session, case_id, now(), "cadence.inherited", by, level=level, kind=kind)


def pause(level: Level, owner_id: int, by: str) -> None:
    """Remind nobody there until ``resume``; what falls due meanwhile is held."""
    with transaction() as session:
        case_id, at = _case_of(session, level, owner_id), now()
        if session.scalars(_pause(level, owner_id)).one_or_none() is None:
            session.add(Pause(level=level, owner_id=owner_id, since=at, by=by[:254]))
            record(session, case_id, at, "reminders.paused", by, level=level, **_whom(level, owner_id))


def resume(level: Level, owner_id: int, by: str, *, anew: bool = False) -> None:
    """Remind there again. What fell due meanwhile gives one mail each, in the next hour in which its person is there.

    *anew*: instead, every wait begins now, and with it the count.
    """
    with transaction() as session:
        case_id, at = _case_of(session, level, owner_id), now()
        paused = session.scalars(_pause(level, owner_id)).one_or_none()
        if paused is None:
            return
        session.delete(paused)
        if anew:
            fresh = {"since": at, "sent": 0, "last_at": None, "not_before": None, "followed_at": None}
            session.execute(update(Reminder).where(Reminder.ended_at.is_(None), _within(level, owner_id)).values(fresh))
        for kind, rhythm in _rhythms(session, case_id).items():
            Reminder.replan(session, rhythm, _within(level, owner_id), Reminder.kind == kind)
        record(session, case_id, at, "reminders.resumed", by, level=level, anew=anew, **_whom(level, owner_id))


def missed(session: Session, level: Level, owner_id: int) -> int:
    """How many waits there have a reminder that fell due and was not sent."""
    due = [
        and_(Reminder.kind == kind, Reminder.planned(rhythm) <= now())
        for kind, rhythm in _rhythms(session, _case_of(session, level, owner_id)).items()
    ]
    open_there = Reminder.ended_at.is_(None), _within(level, owner_id)
    return session.scalar(select(func.count()).select_from(Reminder).where(*open_there, or_(*due))) or 0


def _case_of(session: Session, level: Level, owner_id: int) -> int:
    """The case concerned, whose audit trail tells of it; 0 for the provider's own. Locked; raises NotFound."""
    if level is Level.PROVIDER:
        return 0
    if level is Level.CASE:
        return Onboarding.get(session, owner_id).id
    firm_id: int | None = owner_id
    if level is Level.PERSON:
        firm_id = session.scalars(select(Person.firm_id).where(Person.id == owner_id)).one_or_none()
    return Onboarding.of_firm(session, firm_id or 0).id


def _rhythms(session: Session, case_id: int) -> dict[WaitKind, Rhythm]:
    """What applies in this case."""
    firm_id = session.scalars(select(Onboarding.firm_id).where(Onboarding.id == case_id)).one()
    cadences = Cadences(session, [(case_id, firm_id)])
    return {kind: cadences.rhythm(kind, case_id) for kind in WaitKind}


def _within(level: Level, owner_id: int) -> ColumnElement[bool]:
    match level:
        case Level.FIRM:
            return Reminder.onboarding_id.in_(select(Onboarding.id).where(Onboarding.firm_id == owner_id))
        case Level.CASE:
            return Reminder.onboarding_id == owner_id
        case Level.PERSON:
            return Reminder.person_id == owner_id
    return true()


def _replan(session: Session, level: Level, owner_id: int, case_id: int, kind: WaitKind) -> None:
    """Plan anew what this cadence, set or taken away at this level, decides about."""
    firm_id = session.scalars(select(Onboarding.firm_id).where(Onboarding.id == case_id)).one_or_none()
    cadences = Cadences(session, [] if firm_id is None else [(case_id, firm_id)])
    narrower = select(Cadence.owner_id).where(Cadence.kind == kind)
    which = [_within(level, owner_id), Reminder.kind == kind]
    if level is not Level.CASE:
        which.append(Reminder.onboarding_id.not_in(narrower.where(Cadence.level == Level.CASE)))
    if level is Level.PROVIDER:
        firms = narrower.where(Cadence.level == Level.FIRM)
        which.append(Reminder.onboarding_id.not_in(select(Onboarding.id).where(Onboarding.firm_id.in_(firms))))
    above = Level.CASE if level is Level.FIRM else None
    Reminder.replan(session, cadences.rhythm(kind, case_id, above=above), *which)


def _pause(level: Level, owner_id: int) -> Select[tuple[Pause]]:
    return select(Pause).where(Pause.level == level, Pause.owner_id == owner_id).with_for_update()


def _whom(level: Level, owner_id: int) -> dict[str, int]:
    return {"person": owner_id} if level is Level.PERSON else {}


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


# ---- what the reminded say


@dataclass(frozen=True)
class Asked:
    """Somebody behind the link of a reminder, and what is waited for."""

    person: Person
    firm: str
    steps: list[StepName]
    deferred_until: datetime | None


def asked(token: str) -> Asked:
    """Look behind the link in a reminder; nothing changes. Raises LinkUnknown."""
    with reading() as session:
        person = _behind(session, token)
        waits = _waits_for(session, person)
        peace = max((wait.not_before for wait in waits if wait.not_before is not None), default=None)
        return Asked(
            person=person,
            firm=session.get_one(Firm, person.firm_id).name,
            steps=[wait.step for wait in waits if wait.step is not None],
            deferred_until=peace if peace is not None and peace > now() else None,
        )


def defer(token: str, day: date) -> None:
    """Remind this person of nothing before that day; raises DayTooFar and changes nothing then."""
    with transaction() as session:
        person, at = _behind(session, token), now()
        zone = ZoneInfo(person.time_zone)
        until = datetime.combine(day, time(), zone)
        if not at < until <= at + LONGEST_PEACE:
            raise DayTooFar(LONGEST_PEACE.days)
        case_id = _case_of(session, Level.PERSON, person.id)
        rhythms = _rhythms(session, case_id)
        for wait in _waits_for(session, person):
            wait.not_before = until
            wait.plan(rhythms[wait.kind], person)
        record(session, case_id, at, "reminders.deferred", f"person:{person.id}", person=person.id, until=f"{day}")


def not_me(token: str) -> int:
    """Whoever reads the address is not the person: write there no more, ask an operator. Returns the case's id."""
    with transaction() as session:
        person, at = _behind(session, token), now()
        case_id = _case_of(session, Level.PERSON, person.id)
        if person.bounced_at is None:
            hold_person(session, case_id, person, f"not_me:{person.id}:{at.isoformat()}", at, "not_me")
        return case_id


def _behind(session: Session, token: str) -> Person:
    number, _, _ = token.partition("-")
    known = number.isascii() and number.isdigit() and len(number) < 12
    person = session.get(Person, int(number)) if known else None
    if person is None or not compare_digest(later_token(person.id, person.email).encode(), token.encode()):
        raise LinkUnknown
    return person


def _waits_for(session: Session, person: Person) -> Sequence[Reminder]:
    open_ones = select(Reminder).where(Reminder.person_id == person.id, Reminder.ended_at.is_(None))
    return session.scalars(open_ones.order_by(Reminder.id)).all()
