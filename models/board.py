"""What an operator sees of all cases and of one: read in a constant number of queries, however many cases there are.

The board's pages and the command line both show these, and ``as_json`` writes them down for machines: field names and
values of enums are its keys and values, moments are ISO 8601 in UTC. Personal links are in none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from unicodedata import combining, normalize

from sqlalchemy import ColumnElement, Select, bindparam, case, func, select
from sqlalchemy.orm import Session, undefer

from models.agreement import Agreement, SignedHow
from models.audit import trail
from models.client import Client, ClientContact
from models.db import Facts
from models.decision import VERDICTS, Decision, DecisionKind, Verdict
from models.document import Document
from models.errors import NotFound
from models.exchange import Incoming, MailKind, Outgoing
from models.firm import Firm, LineOfBusiness
from models.logo import Logo, LogoPermission, LogoSource
from models.onboarding import STUCK_AFTER, Onboarding, Party, Step, StepName, StepState
from models.person import Language, Person, Role
from models.schedule import Land
from models.subscription import Interval, Plan, Subscription

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Line = TypeVar("Line", bound="DataclassInstance")

UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "œ": "oe", "æ": "ae"})


class CaseState(StrEnum):
    OPEN = "open"
    FINISHED = "finished"
    STOPPED = "stopped"


class MailState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


@dataclass(frozen=True)
class Wait:
    """A step that waits for somebody."""

    step: StepName
    waiting_for: Party
    since: datetime


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
    open_decisions: int
    stuck: bool
    """Its passes break down again and again: an operator should look at the runs in Prefect."""


@dataclass(frozen=True)
class BrokenEvent:
    """An event from outside that waits for an operator: its handling broke down too often, or a rule refused it."""

    event_id: int
    type: str
    received_at: datetime
    refusal: str = ""


@dataclass(frozen=True)
class Board:
    """One page of cases, and what there is in all."""

    cases: list[Case]
    total: int
    """Cases that were looked for, on all pages."""
    page: int
    pages: int
    by_step: dict[StepName, int]
    """In how many open cases each step waits for somebody, whatever *step* and *waiting_for* were looked for."""


@dataclass(frozen=True)
class StepLine:
    number: int
    name: StepName
    state: StepState
    waiting_for: Party | None
    since: datetime
    done_at: datetime | None


@dataclass(frozen=True)
class PersonLine:
    person_id: int
    role: Role
    name: str
    email: str
    client: str | None
    """The client account whose contact this is."""
    language: Language
    invited_at: datetime | None
    registered_at: datetime | None
    bounced_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class SubscriptionLine:
    plan: Plan | None
    interval: Interval | None
    price_cents: int
    """Net, for one interval."""
    currency: str
    question: str
    advice: str
    confirmed_at: datetime | None


@dataclass(frozen=True)
class LogoLine:
    source: LogoSource
    source_url: str | None
    width: int
    height: int
    score: int
    """How many of the four criteria it meets."""
    chosen_at: datetime


@dataclass(frozen=True)
class PermissionLine:
    website: str
    granted_by: str
    granted_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class AgreementLine:
    version: int
    language: Language
    sent_at: datetime
    expires_at: datetime
    is_open: bool
    delegate_id: int | None
    delegate_function: str | None
    viewed_at: datetime | None
    parts_read: Facts
    signed_at: datetime | None
    signed_how: SignedHow | None
    signer: str | None
    signer_function: str | None
    code_used: bool
    drawing_id: int | None
    declined_at: datetime | None
    decline_reason: str | None
    expired_at: datetime | None
    withdrawn_at: datetime | None
    withdraw_reason: str | None
    countersigned_at: datetime | None
    countersigned_by: str | None
    document_id: int
    uploaded_id: int | None
    final_id: int | None


@dataclass(frozen=True)
class DecisionLine:
    decision_id: int
    case_id: int
    firm: str
    kind: DecisionKind
    facts: Facts
    choices: list[Verdict]
    opened_at: datetime
    answered_at: datetime | None
    answered_by: str | None
    verdict: Verdict | None
    answer: Facts | None


@dataclass(frozen=True)
class MailLine:
    kind: MailKind
    to_name: str
    to_address: str
    state: MailState
    created_at: datetime
    delivered_at: datetime | None
    attempts: int
    fault: str | None


@dataclass(frozen=True)
class Act:
    """One entry of the audit trail."""

    number: int
    at: datetime
    actor: str
    action: str
    facts: Facts


@dataclass(frozen=True)
class CaseDetail:
    """All there is to know of one case."""

    case: Case
    firm_id: int
    website: str
    street: str
    postcode: str
    city: str
    land: Land | None
    preferred_number: int | None
    offered_numbers: list[int] | None
    finished_at: datetime | None
    stopped_at: datetime | None
    steps: list[StepLine]
    people: list[PersonLine]
    subscription: SubscriptionLine | None
    logo: LogoLine | None
    logo_permission: PermissionLine | None
    agreements: list[AgreementLine]
    """Newest version first."""
    decisions: list[DecisionLine]
    """Open ones first."""
    mails: list[MailLine]
    """Newest first."""
    audit: list[Act]


def board(
    session: Session,
    *,
    search: str = "",
    line_of_business: LineOfBusiness | None = None,
    state: CaseState | None = None,
    step: StepName | None = None,
    waiting_for: Party | None = None,
    page: int = 1,
    size: int = 50,
) -> Board:
    """The cases that fit all that is given; open ones first, then the newest.

    *search* is looked for in the firm's name and its own words for what it does, and as the beginning of its company
    ID. With *step* or *waiting_for*, the open cases in which this step waits, for this party. A page beyond the last
    one is the last one.
    """
    wanted = []
    if search.strip():
        wanted.append(_searched(session, search))
    if line_of_business is not None:
        wanted.append(Firm.line_of_business == line_of_business)
    if state is not None:
        wanted.append(_state == state.value)
    waiting = Step.state == StepState.WAITING, _state == CaseState.OPEN.value
    by_step = (
        select(Step.name, func.count())
        .select_from(Onboarding)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .join(Step, Step.onboarding_id == Onboarding.id)
        .where(*wanted, *waiting)
        .group_by(Step.name)
    )
    counted = {name: count for name, count in session.execute(by_step)}  # noqa: C416  (rows are no pairs to mypy)
    if step is not None or waiting_for is not None:
        found = select(Step.id).where(Step.onboarding_id == Onboarding.id, *waiting).correlate(Onboarding)
        found = found if step is None else found.where(Step.name == step)
        found = found if waiting_for is None else found.where(Step.waiting_for == waiting_for)
        wanted.append(found.exists())
    total = session.scalar(_cases(func.count()).where(*wanted)) or 0
    pages = max(1, -(-total // size))
    page = min(max(1, page), pages)
    rows = _lines(session, wanted, size, (page - 1) * size)
    return Board(rows, total, page, pages, {name: counted.get(name, 0) for name in StepName})


def open_decisions(session: Session) -> list[DecisionLine]:
    """Everything that waits for an operator's word, oldest first."""
    return _decisions(session, Decision.answered_at.is_(None))


def broken_events(session: Session) -> list[BrokenEvent]:
    """Events that nobody tries any more, oldest first, those refused at the end."""
    waiting = [*Incoming.given_up(session), *Incoming.refused(session)]
    return [BrokenEvent(one.id, one.type, one.received_at, one.refusal or "") for one in waiting]


def case_detail(session: Session, case_id: int) -> CaseDetail:
    """The case; raises NotFound."""
    lines = _lines(session, [Onboarding.id == case_id], 1, 0)
    if not lines:
        raise NotFound(f"Onboarding {case_id}")
    onboarding, firm = session.execute(select(Onboarding, Firm).join(Firm).where(Onboarding.id == case_id)).one()
    subscription = session.scalars(select(Subscription).where(Subscription.firm_id == firm.id)).one_or_none()
    logo = Logo.of(session, firm.id)
    permission = session.scalars(
        select(LogoPermission).where(LogoPermission.firm_id == firm.id).order_by(LogoPermission.id.desc()).limit(1)
    ).one_or_none()
    agreements = session.scalars(
        select(Agreement).where(Agreement.onboarding_id == case_id).order_by(Agreement.version.desc())
    )
    return CaseDetail(
        case=lines[0],
        firm_id=firm.id,
        website=firm.website,
        street=firm.street,
        postcode=firm.postcode,
        city=firm.city,
        land=firm.land,
        preferred_number=firm.preferred_number,
        offered_numbers=firm.offered_numbers,
        finished_at=onboarding.finished_at,
        stopped_at=onboarding.stopped_at,
        steps=[_copy(StepLine, one, number=one.name.number) for one in onboarding.steps],
        people=_people(session, firm.id),
        subscription=_copy(SubscriptionLine, subscription) if subscription else None,
        logo=_copy(LogoLine, logo, score=logo.measured.score) if logo else None,
        logo_permission=_copy(PermissionLine, permission) if permission else None,
        agreements=[_copy(AgreementLine, one) for one in agreements],
        decisions=_decisions(session, Decision.onboarding_id == case_id),
        mails=_mails(session, case_id),
        audit=[_copy(Act, entry) for entry in trail(session, case_id)],
    )


def case_of(session: Session, company_id: int) -> int:
    """The case of the firm with this company ID; raises NotFound."""
    firm = Firm.by_company_id(session, company_id)
    return session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm.id)).one()


def case_document(session: Session, case_id: int, document_id: int) -> Document:
    """A file of this case with its content; raises NotFound for any other."""
    agreements = session.scalars(select(Agreement).where(Agreement.onboarding_id == case_id))
    files = [(one.document_id, one.uploaded_id, one.final_id, one.drawing_id) for one in agreements]
    known = {number for numbers in files for number in numbers}
    for facts in session.scalars(select(Decision.facts).where(Decision.onboarding_id == case_id)):
        known.add(facts.get("document_id"))
        known |= {one["documents"]["png"] for one in facts.get("candidates", [])}
    if document_id not in known:
        raise NotFound(f"Document {document_id}")
    return session.get_one(Document, document_id, options=[undefer(Document.content)])


def as_json(told: Any) -> Any:
    """The same in plain values, with keys that stay."""
    if is_dataclass(told):
        return {field.name: as_json(getattr(told, field.name)) for field in fields(told)}
    if isinstance(told, datetime):
        return told.astimezone(UTC).isoformat()
    if isinstance(told, StrEnum):
        return told.value
    if isinstance(told, dict):
        return {str(as_json(name)): as_json(value) for name, value in told.items()}
    return [as_json(one) for one in told] if isinstance(told, list) else told


def folded(text: str) -> str:
    """The text as a search compares it: “Mueller” finds “MÜLLER”, “cafe” finds “Café”."""
    spelled_out = normalize("NFC", text).casefold().translate(UMLAUTS)
    return "".join(char for char in normalize("NFKD", spelled_out) if not combining(char))


_state = case(
    (Onboarding.stopped_at.is_not(None), CaseState.STOPPED.value),
    (Onboarding.finished_at.is_not(None), CaseState.FINISHED.value),
    else_=CaseState.OPEN.value,
)


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


def _lines(session: Session, wanted: Sequence[ColumnElement[bool]], limit: int, offset: int) -> list[Case]:
    undecided = (
        select(func.count())
        .where(Decision.onboarding_id == Onboarding.id, Decision.answered_at.is_(None))
        .correlate(Onboarding)
        .scalar_subquery()
    )
    found = session.execute(
        _cases(Onboarding.id, Onboarding.opened_at, Onboarding.attempts, _state, Firm, Step, undecided)
        .where(*wanted)
        .order_by(case((_state == CaseState.OPEN.value, 0), else_=1), Onboarding.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    waits: dict[int, list[Wait]] = {row[0]: [] for row in found}
    waiting = select(Step).where(Step.onboarding_id.in_(waits), Step.state == StepState.WAITING).order_by(Step.id)
    for one in session.scalars(waiting):
        assert one.waiting_for is not None
        waits[one.onboarding_id].append(Wait(one.name, one.waiting_for, one.since))
    made = []
    for case_id, opened_at, attempts, said, firm, step, decisions in found:
        state = CaseState(said)
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
                open_decisions=decisions,
                stuck=attempts >= STUCK_AFTER,
            )
        )
    return made


def _searched(session: Session, search: str) -> ColumnElement[bool]:
    """The cases whose firm has every word that is looked for.

    Compared here and not by the database, since SQLite and PostgreSQL have each their own idea of letters.
    """
    words = [folded(word) for word in search.split()]
    found = []
    for case_id, name, business, company_id in session.execute(
        select(Onboarding.id, Firm.name, Firm.business, Firm.company_id).join(Firm, Firm.id == Onboarding.firm_id)
    ):
        text = folded(f"{name} {business}")
        if all(word in text or str(company_id).startswith(word) for word in words):
            found.append(case_id)
    # Written into the statement: a database takes only so many parameters.
    return Onboarding.id.in_(bindparam("found", found, expanding=True, literal_execute=True))


def _people(session: Session, firm_id: int) -> list[PersonLine]:
    query = (
        select(Person, Client.name)
        .outerjoin(ClientContact, ClientContact.person_id == Person.id)
        .outerjoin(Client, Client.id == ClientContact.client_id)
        .where(Person.firm_id == firm_id)
    )
    rows = sorted(session.execute(query), key=lambda row: (list(Role).index(row[0].role), row[0].id))
    return [_copy(PersonLine, person, person_id=person.id, client=client) for person, client in rows]


def _decisions(session: Session, wanted: ColumnElement[bool]) -> list[DecisionLine]:
    query = (
        select(Decision, Firm.name)
        .join(Onboarding, Onboarding.id == Decision.onboarding_id)
        .join(Firm, Firm.id == Onboarding.firm_id)
        .where(wanted)
        .order_by(Decision.answered_at.is_not(None), Decision.id)
    )
    return [
        _copy(DecisionLine, one, decision_id=one.id, case_id=one.onboarding_id, firm=firm, choices=VERDICTS[one.kind])
        for one, firm in session.execute(query)
    ]


def _mails(session: Session, case_id: int) -> list[MailLine]:
    rows = session.scalars(select(Outgoing).where(Outgoing.onboarding_id == case_id).order_by(Outgoing.id.desc()))
    return [_copy(MailLine, one, state=_mail_state(one)) for one in rows]


def _mail_state(mail: Outgoing) -> MailState:
    if mail.complained_at is not None:
        return MailState.COMPLAINED
    if mail.failed_at is not None and mail.delivered_at is not None:
        return MailState.BOUNCED
    if mail.failed_at is not None:
        return MailState.FAILED
    return MailState.WAITING if mail.delivered_at is None else MailState.DELIVERED


def _copy(made: type[Line], row: object, **known: object) -> Line:
    """The line with this row's values; rows end with their session."""
    names = [field.name for field in fields(made)]
    return made(**{name: known[name] if name in known else getattr(row, name) for name in names})
