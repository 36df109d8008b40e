"""Reminding whoever is waited for, at an hour at which they can be reached: what is due, and what would be."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select, tuple_
from sqlalchemy.orm import Session

from models import questions
from models.contracts.contract import Contract
from models.db import reading, transaction
from models.decision import Decision
from models.firm import Firm
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from models.reminders.cadence import (
    Follow,
    Rhythm,
    WaitKind,
)
from models.reminders.reminder import Reminder
from models.time.clock import now
from models.time.working_time import Reach, next_reachable
from tasks.agreement.sending import mail_agreement
from tasks.engine.passes import kick_mail
from tasks.engine.retry import raise_all, side_effect
from tasks.mail.letterheads import Letterhead, Turn, letterheads
from tasks.mail.letters import onboarding as letters
from tasks.mail.letters.onboarding import SilentPerson
from tasks.onboarding.registration import invite, record_people
from tasks.people.calls import ask_to_call
from tasks.people.operators import question, remind_operators, tell_managers
from tasks.reminders.waits import TOGETHER, Batch, Held, open_waits

REMINDERS_AT_ONCE = 200


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
def send_reminders(which: Collection[WaitKind] = tuple(WaitKind), case_id: int | None = None) -> Reminded:
    """Write every reminder that is due into the outbox, and do what follows about those who stayed silent.

    Of these kinds of wait, and in one case if that is said.

    Repeating it changes nothing: a reminder that was written has its next date. Dates missed, at night or while the
    product stood still, give one mail, not several.
    """
    done, faults = Reminded(), list[Exception]()
    for waits in _due(which, case_id):
        _send(waits, done, faults)
    if done.mails or done.followed:
        kick_mail()
    raise_all(faults)
    return done


def _due(which: Collection[WaitKind], case_id: int | None) -> Iterator[list[int]]:
    """The waits of these kinds that are due, each once, the soonest first, up to REMINDERS_AT_ONCE at a time."""
    at, last = now(), None
    while True:
        query = select(Reminder.due_at, Reminder.id).where(Reminder.due_at <= at, Reminder.kind.in_(which))
        if case_id is not None:
            query = query.where(Reminder.onboarding_id == case_id)
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
        person_ids = session.scalars(people).all() if reach else ()
        soon = and_(Reminder.due_at <= at + reach, Reminder.person_id.in_(person_ids))
        rows = session.execute(
            open_waits()
            .where(or_(due, soon))
            # A case that a pass is looking at is left to the next run: what we wait for may just be happening.
            .with_for_update(of=(Reminder, Onboarding), key_share=True, skip_locked=True)
        ).all()
        if not rows:
            return done
        batch = Batch(session, rows)
        sent: list[_Looked] = []
        silent: list[_Looked] = []
        for wait, person, case, answered_at in rows:
            rhythm = batch.rhythm(wait)
            held = batch.hold(wait, person, case, answered_at, at)
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
    for looked in due:
        if looked.person is not None and looked.wait.step is not None:
            turn = Turn(looked.case, looked.person, looked.wait.sent, last=looked.is_last)
            if looked.wait.kind is WaitKind.TASK:
                tasks[looked.person.id].append((looked.wait.step, turn))
            else:
                turns[looked.wait.step].append(turn)
    for step, asked in turns.items():
        # The same mail as the first time, with a fresh link, as reminder number so and so.
        if step is StepName.AGREEMENT:
            _ask_to_sign(session, asked, tasks)
        else:
            invite(session, asked)
        record_people(session, [(turn.case, turn.person) for turn in asked], "person.reminded", step=step)
    if tasks:
        _ask_organisers(session, list(tasks.values()))
    undecided = {looked.wait.decision_id: looked for looked in due if looked.wait.decision_id is not None}
    if undecided:
        _remind_operators(session, undecided)


def _ask_to_sign(session: Session, asked: list[Turn], tasks: dict[int, list[tuple[StepName, Turn]]]) -> None:
    """Whoever is to sign is told in the same mail what else is missing; that is no task of its own any more."""
    also = {person: [step for step, _ in missing] for person, missing in tasks.items()}
    turns = [
        turn._replace(also=tuple(sorted(also.get(turn.person.id, ()), key=list(StepName).index))) for turn in asked
    ]
    for person in mail_agreement(session, turns):
        for step, turn in tasks.pop(person, []):
            record_people(session, [(turn.case, turn.person)], "person.reminded", step=step)


def _follow(session: Session, silent: list[_Looked], at: datetime) -> None:
    """Do what follows the last reminder: ask operators, tell organisers, or tell managers; have clients called."""
    to_call = [looked.person for looked in silent if looked.wait.kind is WaitKind.CLIENT and looked.person is not None]
    if to_call:
        ask_to_call(session, to_call, at)
    asked = [questions.silent(looked.wait, at) for looked in silent if looked.rhythm.follow is Follow.OPERATOR]
    if asked:
        Decision.ask_each(session, asked)
    undecided = [looked.wait.decision_id for looked in silent if looked.rhythm.follow is Follow.MANAGERS]
    decisions = {
        decision.id: decision for decision in session.scalars(select(Decision).where(Decision.id.in_(undecided)))
    }
    overdue = []
    by_firm: dict[int, list[tuple[Reminder, Person, Onboarding]]] = defaultdict(list)
    for wait, person, case, rhythm in silent:
        if rhythm.follow is Follow.ORGANISER and person is not None and wait.step is not None:
            by_firm[case.firm_id].append((wait, person, case))
        elif rhythm.follow is Follow.MANAGERS and wait.decision_id is not None:
            overdue.append((case, decisions[wait.decision_id], wait.sent))
    if overdue:
        tell_managers(session, overdue)
    if by_firm:
        _tell_organisers(session, by_firm, at)


def _tell_organisers(
    session: Session, silent: dict[int, list[tuple[Reminder, Person, Onboarding]]], at: datetime
) -> None:
    """Tell each organiser once a day of whom reminders have not moved, in the first hour of the next day that suits.

    Until that mail leaves, whoever falls silent as well is added to it.
    """
    roles = select(Person).where(Person.firm_id.in_(silent), Person.role == Role.ORGANISER)
    organisers = {person.firm_id: person for person in session.scalars(roles)}
    heads = letterheads(session, [waits[0][2].firm for waits in silent.values()])
    for firm_id, waits in silent.items():
        _tell_organiser(session, organisers[firm_id], waits, heads[firm_id], at)
    silent_people = [(case, person) for waits in silent.values() for _, person, case in waits]
    record_people(session, silent_people, "organiser.told")


def _tell_organiser(
    session: Session,
    organiser: Person,
    waits: list[tuple[Reminder, Person, Onboarding]],
    head: Letterhead,
    at: datetime,
) -> None:
    zone = ZoneInfo(organiser.time_zone)
    tomorrow = datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time(), zone)
    due = next_reachable(tomorrow, timedelta(), organiser)
    people = [
        SilentPerson(id=person.id, name=person.name, email=person.email, reminders=wait.sent, step=wait.step)
        for wait, person, _ in waits
    ]
    key = f"people_silent:{organiser.id}:{due.astimezone(zone):%Y-%m-%d}"
    begun = session.scalars(select(Outgoing).where(Outgoing.key == key).with_for_update()).one_or_none()
    if begun is not None and begun.due_at == due:
        begun.facts = {**begun.facts, "people": [*begun.facts["people"], *people]}
        return
    (first, _, case), *_ = waits
    key = key if begun is None else f"{key}:{first.id}"
    mail = letters.people_silent(case, organiser, head, at, key=key, people=people)
    mail.due_at = due
    Outgoing.post(session, mail)


def _ask_organisers(session: Session, tasks: list[list[tuple[StepName, Turn]]]) -> None:
    """One mail to each organiser about all that is to be told or supplied, however much it is."""
    at, heads = now(), letterheads(session, [asked[0][1].case.firm for asked in tasks])
    mails = []
    for asked in tasks:
        case, person = asked[0][1].case, asked[0][1].person
        steps = sorted((step for step, _ in asked), key=list(StepName).index)
        count, last = max(turn.reminders for _, turn in asked), all(turn.last for _, turn in asked)
        head = heads[case.firm_id]
        mails.append(letters.your_turn(case, person, head, at, steps=steps, count=count, last=last))
        record_people(session, [(case, person)], "person.reminded", steps=steps)
    Outgoing.post_all(session, mails)


def _remind_operators(session: Session, waits: dict[int, _Looked]) -> None:
    """One mail to each operator about all that waits for their word, by the decision's id."""
    asked = (
        select(Decision, Firm)
        .join(Onboarding, Onboarding.id == Decision.onboarding_id)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .where(Decision.id.in_(waits))
        .order_by(Decision.opened_at)
    )
    rows = session.execute(asked).tuples().all()
    tests = Contract.tests(session, {firm.id for _, firm in rows})
    remind_operators(
        session,
        [
            question(
                decision,
                firm,
                "waiting",
                tests=tests,
                last=waits[decision.id].is_last and waits[decision.id].rhythm.follow is Follow.MANAGERS,
            )
            for decision, firm in rows
        ],
    )
