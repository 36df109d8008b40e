"""What an operator sees of all cases: read in a constant number of queries, however many cases there are.

The board's pages and the command line both show it, and ``as_json`` writes it down for machines: field names and
values of enums are its keys and values, moments are ISO 8601 in UTC. One case is told by ``models.queries.casefile``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from models.contracts.contract import Contract
from models.contracts.fault import ContractFault, Work
from models.db import Facts, Holds
from models.decision import VERDICTS, Decision, DecisionKind, Verdict
from models.firm import Firm, LineOfBusiness, spellings
from models.inbox import Incoming
from models.link import Link
from models.mail.mail_server import MailServer
from models.mail.outbox import Outgoing
from models.onboarding import STUCK_AFTER, Onboarding, Party, Step, StepName, StepState
from models.people.person import Person, Role
from models.reminders.cadence import Level, Pause, WaitKind
from models.reminders.reminder import Reminder
from models.settings import settings
from models.spelling import Spelled
from models.time.clock import days_since, now
from models.time.working_time import working_days_before

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Line = TypeVar("Line", bound="DataclassInstance")

CONNECTING = {"und", "u", "and", "et"}
"""Words that a search passes over, since others write “&” for them."""


class CaseState(StrEnum):
    OPEN = "open"
    FINISHED = "finished"
    STOPPED = "stopped"
    CLOSED = "closed"  # The firm's account was, for good.


class Trouble(StrEnum):
    """What went wrong in an open case, so that an operator should look."""

    BOUNCED = "bounced"  # Mail to somebody came back for good.
    MAIL_FAILED = "mail_failed"  # A mail was given up, for another reason.
    DECISION_OVERDUE = "decision_overdue"  # An open decision waits for too long.
    STUCK = "stuck"  # Its passes break down again and again.


@dataclass(frozen=True)
class Wait:
    """A step that waits for somebody."""

    step: StepName
    waiting_for: Party
    since: datetime
    overdue: bool
    """It lasts longer than ``patience`` allows."""
    next_reminder_at: datetime | None
    """When somebody is to be reminded of it next; none as well while that is held."""
    paused: bool
    """Nobody is reminded in this case until an operator resumes."""


@dataclass(frozen=True)
class Mark:
    """Where one of the seven steps stands, as far as one sign tells it."""

    step: StepName
    state: StepState
    waiting_for: Party | None
    since: datetime
    overdue: bool


class Order(StrEnum):
    """In which order the board shows cases; those that are not open come last where it is about waiting."""

    URGENT = "urgent"  # Overdue ones first, then open ones, the newest first.
    NEWEST = "newest"
    OLDEST = "oldest"
    WAITING = "waiting"  # What has waited for longest first.
    NEARLY_DONE = "nearly_done"
    FIRM = "firm"


@dataclass(frozen=True)
class Case:
    """One line of the board. ``step`` is the first one that is not done, where the case stands."""

    case_id: int
    company_id: int | None
    firm: str
    line_of_business: LineOfBusiness
    business: str
    state: CaseState
    opened_at: datetime
    step: StepName | None
    step_number: int | None
    waiting_for: Party | None
    since: datetime | None
    waits: list[Wait]
    """Every step that waits, in their order; several may at once."""
    marks: list[Mark]
    """All seven steps, in their order."""
    done: int
    """How many of them are."""
    open_decisions: int
    stuck: bool
    """Its passes break down again and again: an operator should look at the runs in Prefect."""
    troubles: list[Trouble]
    is_test: bool
    """Its account is a test account, which is never billed."""


@dataclass(frozen=True)
class BrokenEvent:
    """An event from outside that waits for an operator: its handling broke down too often, or a rule refused it."""

    event_id: int
    type: str
    received_at: datetime
    refusal: str = ""


@dataclass(frozen=True)
class BrokenContract:
    """A contract that breaks down when it is to go on by itself, however often it is tried."""

    firm_id: int
    firm: str
    work: list[Work]
    since: datetime


@dataclass(frozen=True)
class MailTrouble:
    """The mail server takes no mail, for a fault of ours: one thing to see to, however many mails wait."""

    since: datetime
    fault: str
    """What it last said."""
    waiting: int
    """Mails that wait, and are tried again by themselves."""


@dataclass(frozen=True)
class Board:
    """One page of cases, and what there is in all."""

    cases: list[Case]
    total: int
    """Cases that were looked for, on all pages."""
    page: int
    pages: int
    by_step: dict[StepName, int]
    """In how many open cases each step waits for somebody, whatever of *step*, *waiting_for*, *trouble* and
    *overdue* was looked for. The same holds of the counts below."""
    by_party: dict[Party, int]
    """In how many open cases something waits for each of them."""
    by_trouble: dict[Trouble, int]
    overdue: int
    """In how many open cases something waits for too long."""
    tests: int
    """How many of those that were looked for are test accounts; all counts have them as well."""

    @property
    def numbers(self) -> list[int | None]:
        """Pages to choose from: the first, the last and those about this one; None where some are left out."""
        shown = sorted({1, self.pages, *range(max(1, self.page - 2), min(self.pages, self.page + 2) + 1)})
        numbers: list[int | None] = []
        for number in shown:
            numbers += [None] if numbers and number - (numbers[-1] or 0) > 1 else []
            numbers.append(number)
        return numbers


@dataclass(frozen=True)
class DecisionLine:
    decision_id: int
    case_id: int
    firm: str
    company_id: int | None
    kind: DecisionKind
    facts: Facts
    choices: list[Verdict]
    opened_at: datetime
    escalated_at: datetime | None
    days: int
    """How many days ago it was opened."""
    overdue: bool
    answered_at: datetime | None
    answered_by: str | None
    verdict: Verdict | None
    answer: Facts | None
    is_test: bool
    """Of a test account."""


def patience(at: datetime) -> dict[Party, datetime]:
    """For each of them: what has waited since before this moment has waited for too long."""
    people = at - timedelta(days=settings().overdue_days)
    return {
        Party.PROVISION: at - timedelta(days=1),
        Party.OPERATOR: working_days_before(at, settings().decision_days),
        Party.ORGANISER: people,
        Party.SIGNATORY: people,
        Party.CASEWORKER: people,
        Party.CLIENT: people,
    }


def board(
    session: Session,
    *,
    search: str = "",
    line_of_business: LineOfBusiness | None = None,
    state: CaseState | None = None,
    step: StepName | None = None,
    waiting_for: Party | None = None,
    trouble: Trouble | None = None,
    overdue: bool = False,
    order: Order = Order.URGENT,
    page: int = 1,
    size: int = 50,
    labels: Mapping[LineOfBusiness, str] | None = None,
) -> Board:
    """The cases that fit all that is given, in this *order*.

    *search* is looked for in the firm's name, its own words for what it does, what *labels* call its line of business,
    its address, names and mail addresses of those who work there, and as the beginning of its company ID or postcode.
    With *step* or *waiting_for*, the open cases in which this step waits, for this party. A page beyond the last one
    is the last one.
    """
    at, conditions = now(), []
    if search.strip():
        conditions.append(_searched(search, labels or {}))
    if line_of_business is not None:
        conditions.append(Firm.line_of_business == line_of_business)
    if state is not None:
        conditions.append(_state == state.value)
    by_step, by_party = _counts_of_waiting(session, conditions)
    by_trouble, overdue_cases = _counts_of_trouble(session, at, conditions)
    if step is not None or waiting_for is not None or overdue:
        conditions += [_is_open, _waits_so(at, step, waiting_for, overdue=overdue)]
    if trouble is not None:
        conditions += [_is_open, _troubles(at)[trouble]]
    counts = _cases(func.count(), func.sum(case((_is_test, 1), else_=0))).where(*conditions)
    total, tests = (count or 0 for count in session.execute(counts).one())
    pages = max(1, -(-total // size))
    page = min(max(1, page), pages)
    rows = lines(session, at, conditions, size, (page - 1) * size, order)
    return Board(rows, total, page, pages, by_step, by_party, by_trouble, overdue_cases, tests)


def _counts_of_waiting(
    session: Session, conditions: Sequence[ColumnElement[bool]]
) -> tuple[dict[StepName, int], dict[Party, int]]:
    """How many open cases wait in each step, and for each party."""
    cases = func.count(Onboarding.id.distinct())
    joined = (
        select(Onboarding)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .join(Step, Step.onboarding_id == Onboarding.id)
        .where(*conditions, _is_open, Step.state == StepState.WAITING)
    )
    by_step, by_party = (
        {value: count for value, count in session.execute(joined.with_only_columns(column, cases).group_by(column))}  # noqa: C416  (rows are no pairs to mypy)
        for column in (Step.name, Step.waiting_for)
    )
    return {name: by_step.get(name, 0) for name in StepName}, {party: by_party.get(party, 0) for party in Party}


def _counts_of_trouble(
    session: Session, at: datetime, conditions: Sequence[ColumnElement[bool]]
) -> tuple[dict[Trouble, int], int]:
    """How many open cases have each trouble, and how many are overdue."""
    troubles = _troubles(at)
    counts = [func.sum(case((applies, 1), else_=0)) for applies in (*troubles.values(), _overdue(at))]
    whole = (
        select(*counts).select_from(Onboarding).join(Firm, Firm.id == Onboarding.firm_id).where(*conditions, _is_open)
    )
    *by_trouble, overdue = (count or 0 for count in session.execute(whole).one())
    return dict(zip(troubles, by_trouble, strict=True)), overdue


def _waits_so(at: datetime, step: StepName | None, party: Party | None, *, overdue: bool) -> ColumnElement[bool]:
    """Cases in which this step waits, for this party; only too long if *overdue*."""
    steps = select(Step.id).where(Step.onboarding_id == Onboarding.id, Step.state == StepState.WAITING)
    steps = steps if step is None else steps.where(Step.name == step)
    steps = steps if party is None else steps.where(Step.waiting_for == party)
    steps = steps.where(_too_long(at)) if overdue else steps
    return steps.correlate(Onboarding).exists()


def open_decisions(session: Session) -> list[DecisionLine]:
    """Everything that waits for an operator's word, oldest first."""
    return decisions(session, Decision.answered_at.is_(None))


def broken_events(session: Session) -> list[BrokenEvent]:
    """Events that nobody tries any more, oldest first, those refused at the end."""
    waiting = [*Incoming.given_up(session), *Incoming.refused(session)]
    return [BrokenEvent(event.id, event.type, event.received_at, event.refusal or "") for event in waiting]


def broken_contracts(session: Session) -> list[BrokenContract]:
    """Each once, the one that has been so for longest first."""
    rows = select(ContractFault, Firm.name).join(Firm, Firm.id == ContractFault.firm_id).order_by(ContractFault.since)
    found: dict[int, BrokenContract] = {}
    for fault, name in session.execute(rows.order_by(ContractFault.id)).tuples():
        found.setdefault(fault.firm_id, BrokenContract(fault.firm_id, name, [], fault.since)).work.append(fault.work)
    return [*found.values()]


def mail_trouble(session: Session) -> MailTrouble | None:
    """What is wrong with the mail server; None as long as it takes mail."""
    server = MailServer.configured(session)
    if server is None or server.fault_since is None:
        return None
    waiting = session.scalar(select(func.count()).where(Outgoing.due_at.is_not(None))) or 0
    return MailTrouble(server.fault_since, server.fault or "", waiting)


def as_json(value: Any) -> Any:
    """The same in plain values, with keys that stay."""
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, dict):
        return {str(as_json(name)): as_json(item) for name, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


_state = case(
    (Firm.closed_at.is_not(None), CaseState.CLOSED.value),
    (Onboarding.stopped_at.is_not(None), CaseState.STOPPED.value),
    (Onboarding.finished_at.is_not(None), CaseState.FINISHED.value),
    else_=CaseState.OPEN.value,
)
_is_test = select(Contract.id).where(Contract.firm_id == Firm.id, Contract.is_test).correlate(Firm).exists()
_is_open = _state == CaseState.OPEN.value


def _current() -> Select[tuple[int, int]]:
    """The first step of each case that is not done."""
    return (
        select(Step.onboarding_id, func.min(Step.id).label("step_id"))
        .where(Step.state != StepState.DONE)
        .group_by(Step.onboarding_id)
    )


def _cases(*columns: Any) -> Select[Any]:
    """Cases with their firm and the step where they stand, if there is one."""
    current = _current().subquery()
    return (
        select(*columns)
        .select_from(Onboarding)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .outerjoin(current, current.c.onboarding_id == Onboarding.id)
        .outerjoin(Step, Step.id == current.c.step_id)
    )


def _too_long(at: datetime, step: type[Step] = Step) -> ColumnElement[bool]:
    """Steps that wait for somebody for too long."""
    return or_(*(and_(step.waiting_for == party, step.since < since) for party, since in patience(at).items()))


def _overdue(at: datetime) -> ColumnElement[bool]:
    """Cases with such a step."""
    late = aliased(Step)
    steps = select(late.id).where(late.onboarding_id == Onboarding.id, late.state == StepState.WAITING)
    return steps.where(_too_long(at, late)).correlate(Onboarding).exists()


def _troubles(at: datetime) -> dict[Trouble, ColumnElement[bool]]:
    """What went wrong, as conditions on cases."""
    since = patience(at)[Party.OPERATOR]
    bounced = select(Person.id).where(Person.firm_id == Onboarding.firm_id, Person.bounced_at.is_not(None))
    failed = (
        select(Outgoing.id)
        .outerjoin(Person, Person.id == Outgoing.person_id)
        .outerjoin(Link, Link.id == Outgoing.link_id)
        .where(Outgoing.onboarding_id == Onboarding.id, Outgoing.failed_at.is_not(None), Outgoing.to_address != "")
        .where(Person.bounced_at.is_(None), Link.used_at.is_(None))
    )
    undecided = select(Decision.id).where(
        Decision.onboarding_id == Onboarding.id, Decision.answered_at.is_(None), Decision.opened_at < since
    )
    return {
        Trouble.BOUNCED: bounced.correlate(Onboarding).exists(),
        Trouble.MAIL_FAILED: failed.correlate(Onboarding).exists(),
        Trouble.DECISION_OVERDUE: undecided.correlate(Onboarding).exists(),
        Trouble.STUCK: Onboarding.attempts >= STUCK_AFTER,
    }


def _ordered(at: datetime, order: Order) -> list[Any]:
    """By what the cases are sorted."""
    closed = case((_is_open, 0), else_=1)
    step = aliased(Step)
    of_case = select(func.min(step.since)).where(step.onboarding_id == Onboarding.id).correlate(Onboarding)
    longest = of_case.where(step.state == StepState.WAITING).scalar_subquery()
    done = of_case.with_only_columns(func.count()).where(step.state == StepState.DONE).scalar_subquery()
    orders: dict[Order, list[Any]] = {
        Order.URGENT: [case((and_(_is_open, _overdue(at)), 0), (_is_open, 1), else_=2), Onboarding.id.desc()],
        Order.NEWEST: [Onboarding.id.desc()],
        Order.OLDEST: [Onboarding.id],
        Order.WAITING: [closed, longest, Onboarding.id],
        Order.NEARLY_DONE: [closed, done.desc(), Onboarding.id.desc()],
        Order.FIRM: [Firm.search, Onboarding.id],
    }
    return orders[order]


def lines(
    session: Session,
    at: datetime,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
    offset: int,
    order: Order = Order.URGENT,
) -> list[Case]:
    undecided = (
        select(func.count())
        .where(Decision.onboarding_id == Onboarding.id, Decision.answered_at.is_(None))
        .correlate(Onboarding)
        .scalar_subquery()
    )
    wrong = _troubles(at)
    rows = session.execute(
        _cases(
            Onboarding.id,
            Onboarding.opened_at,
            Onboarding.attempts,
            _state,
            Firm,
            Step,
            undecided,
            _is_test,
            *wrong.values(),
        )
        .where(*conditions)
        .order_by(*_ordered(at, order))
        .limit(limit)
        .offset(offset)
    ).all()
    keys = [row[0] for row in rows]
    waits, marks = _waits(session, at, keys), _marks(session, at, keys)
    made = []
    for case_id, opened_at, attempts, state_value, firm, step, decisions, is_test, *is_wrong in rows:
        state = CaseState(state_value)
        stands = step if state is CaseState.OPEN else None
        made.append(
            Case(
                case_id=case_id,
                company_id=firm.company_id,
                firm=firm.name,
                line_of_business=firm.line_of_business,
                business=firm.business,
                state=state,
                opened_at=opened_at,
                step=stands and stands.name,
                step_number=stands and stands.name.number,
                waiting_for=stands and stands.waiting_for,
                since=stands and stands.since,
                waits=waits[case_id] if stands else [],
                marks=marks[case_id]
                if stands or state is CaseState.FINISHED
                else [_at_rest(one) for one in marks[case_id]],
                done=sum(one.state is StepState.DONE for one in marks[case_id]),
                open_decisions=decisions,
                stuck=attempts >= STUCK_AFTER,
                troubles=[trouble for trouble, so in zip(wrong, is_wrong, strict=True) if so and stands],
                is_test=is_test,
            )
        )
    return made


def _marks(session: Session, at: datetime, cases: Sequence[int]) -> dict[int, list[Mark]]:
    """Where each step of these cases stands."""
    longest = patience(at)
    marks: dict[int, list[Mark]] = {case_id: [] for case_id in cases}
    for step in session.scalars(select(Step).where(Step.onboarding_id.in_(cases)).order_by(Step.id)):
        late = step.waiting_for is not None and step.since < longest[step.waiting_for]
        marks[step.onboarding_id].append(Mark(step.name, step.state, step.waiting_for, step.since, late))
    return marks


def _at_rest(mark: Mark) -> Mark:
    """What is not done of a case that goes on no more waits for nobody."""
    if mark.state is StepState.DONE:
        return mark
    return replace(mark, state=StepState.STOPPED, waiting_for=None, overdue=False)


def _waits(session: Session, at: datetime, cases: Sequence[int]) -> dict[int, list[Wait]]:
    """What waits in each of these cases."""
    longest = patience(at)
    of_case = Pause.level == Level.CASE, Pause.owner_id == Onboarding.id
    of_firm = Pause.level == Level.FIRM, Pause.owner_id == Onboarding.firm_id
    of_person = Pause.level == Level.PERSON, Pause.owner_id == Reminder.person_id
    pauses = select(Onboarding.id).join(Pause, or_(and_(*of_case), and_(*of_firm))).where(Onboarding.id.in_(cases))
    paused = set(session.scalars(pauses))
    held = or_(
        Person.bounced_at.is_not(None),
        and_(Reminder.kind == WaitKind.TASK, Person.registered_at.is_(None)),
        select(Pause.id).where(*of_person).correlate(Reminder).exists(),
    )
    planned = select(Reminder.onboarding_id, Reminder.step, func.min(Reminder.due_at))
    planned = planned.outerjoin(Person, Person.id == Reminder.person_id)
    planned = planned.where(Reminder.onboarding_id.in_(set(cases) - paused), Reminder.due_at.is_not(None), ~held)
    due = {
        (case_id, step): next_at
        for case_id, step, next_at in session.execute(planned.group_by(Reminder.onboarding_id, Reminder.step))
    }
    waits: dict[int, list[Wait]] = {case_id: [] for case_id in cases}
    waiting = select(Step).where(Step.onboarding_id.in_(cases), Step.state == StepState.WAITING).order_by(Step.id)
    for step in session.scalars(waiting):
        assert step.waiting_for is not None
        late = step.since < longest[step.waiting_for]
        waits[step.onboarding_id].append(
            Wait(
                step.name,
                step.waiting_for,
                step.since,
                late,
                due.get((step.onboarding_id, step.name)),
                step.onboarding_id in paused,
            )
        )
    return waits


def _searched(search: str, labels: Mapping[LineOfBusiness, str]) -> ColumnElement[bool]:
    """The cases whose firm has every word that is looked for."""
    called = {line: spellings(label) for line, label in labels.items()}
    conditions = []
    words = [ways for ways in map(spellings, search.split()) if ways[0]]
    if not words:
        return false()
    for ways in [ways for ways in words if ways[0] not in CONNECTING] or words:
        fits = [and_(*(Firm.search.contains(word) for word in way.split())) for way in ways]
        fits += [
            Firm.line_of_business == line for line, names in called.items() if any(ways[0] in name for name in names)
        ]
        if not ways[0].isdigit():
            fits += [and_(*(Holds(Spelled(_PLACE), word) for word in way.split())) for way in ways]
            fits += [_works_there(way) for way in ways]
        if re.fullmatch(r"\d{1,6}", ways[0], re.ASCII):
            fits.append(Firm.postcode.startswith(ways[0]))
            beyond = 10 ** (6 - len(ways[0]))
            fits.append(Firm.company_id.between(int(ways[0]) * beyond, (int(ways[0]) + 1) * beyond - 1))
        conditions.append(or_(*fits))
    return and_(*conditions)


_PLACE = Firm.street + " " + Firm.city
_WHO = Person.given_name + " " + Person.family_name + " " + Person.email


def _works_there(way: str) -> ColumnElement[bool]:
    """Firms with somebody called so. Clients, who may be a hundred thousand, are looked for at their firm."""
    staff = Person.role.in_([role for role in Role if role is not Role.CLIENT])
    called = [Holds(Spelled(_WHO), word) for word in way.split()]
    there = select(Person.id).where(Person.firm_id == Firm.id, Person.withdrawn_at.is_(None), staff, *called)
    return there.correlate(Firm).exists()


def decisions(session: Session, condition: ColumnElement[bool]) -> list[DecisionLine]:
    at = now()
    since = patience(at)[Party.OPERATOR]
    query = (
        select(Decision, Firm.name, Firm.company_id, _is_test)
        .join(Onboarding, Onboarding.id == Decision.onboarding_id)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .where(condition)
        .order_by(Decision.answered_at.is_not(None), Decision.id)
    )
    return [
        copied(
            DecisionLine,
            decision,
            decision_id=decision.id,
            case_id=decision.onboarding_id,
            firm=firm,
            company_id=company_id,
            choices=VERDICTS[decision.kind],
            days=days_since(decision.opened_at, at),
            overdue=decision.answered_at is None and decision.opened_at < since,
            is_test=is_test,
        )
        for decision, firm, company_id, is_test in session.execute(query)
    ]


def copied(made: type[Line], row: object, **extras: object) -> Line:
    """The line with this row's values; rows end with their session."""
    names = [field.name for field in fields(made)]
    return made(**{name: extras[name] if name in extras else getattr(row, name) for name in names})
