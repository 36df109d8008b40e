"""All there is to know of one case, and its files and mails: read in a constant number of queries.

The page of the case and the command line both show it; ``models.queries.board.as_json`` writes it down for machines.
Personal links are in none of it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session, undefer

from models.agreement import Agreement, SignedHow
from models.audit import Entry, trail
from models.clients.client import Client, ClientContact, ClientKind
from models.db import Facts
from models.decision import Decision
from models.document import Document
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.link import Link
from models.logo import Logo, LogoPermission, LogoSource
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, Party, Step, StepName, StepState
from models.people.manners import Language
from models.people.person import Person, Role
from models.queries.board import Case, DecisionLine, copied, decisions, lines
from models.subscription import Interval, NoticeUnit, Plan, Subscription
from models.time.clock import now
from models.time.land import Land

CLIENTS_SHOWN = 200


class DocumentRemoved(ProvisionError):
    status = 410
    says = N_("This file was removed on %(at)s: the time for which it is kept is over.")

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


class MailState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DROPPED = "dropped"  # Never sent: what it asked for was done, or the case has ended.


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
    """The client account whose contact this is, where it is not called as they are."""
    language: Language
    invited_at: datetime | None
    registered_at: datetime | None
    bounced_at: datetime | None
    withdrawn_at: datetime | None
    paused_at: datetime | None


@dataclass(frozen=True)
class SubscriptionLine:
    plan: Plan | None
    interval: Interval | None
    price_cents: int
    """Net, for one interval, less the discount."""
    full_cents: int
    """The same before the discount."""
    discount: int
    """Hundredths of a percent."""
    notice_count: int
    """0: as in the general terms."""
    notice_unit: NoticeUnit
    clause: str
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
    emptied_at: datetime | None


@dataclass(frozen=True)
class MailLine:
    mail_id: int
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
    erased: list[str]
    """Of whom it told what is erased since."""


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
    invitations_a_day: int | None
    """That an operator has allowed; None: as many as any firm."""
    finished_at: datetime | None
    stopped_at: datetime | None
    steps: list[StepLine]
    people: list[PersonLine]
    """Of the clients, CLIENTS_SHOWN at most, the newest."""
    clients: int
    """How many there are, withdrawn ones too."""
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


def case_detail(session: Session, case_id: int) -> CaseDetail:
    """The case; raises NotFound."""
    cases = lines(session, now(), [Onboarding.id == case_id], 1, 0)
    if not cases:
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
        case=cases[0],
        firm_id=firm.id,
        website=firm.website,
        street=firm.street,
        postcode=firm.postcode,
        city=firm.city,
        land=firm.land,
        preferred_number=firm.preferred_number,
        offered_numbers=firm.offered_numbers,
        invitations_a_day=firm.invitations_a_day,
        finished_at=onboarding.finished_at,
        stopped_at=onboarding.stopped_at,
        steps=[_step_line(onboarding, step) for step in onboarding.steps],
        people=_people(session, firm.id),
        clients=session.scalars(
            select(func.count()).where(Person.firm_id == firm.id, Person.role == Role.CLIENT)
        ).one(),
        subscription=copied(SubscriptionLine, subscription) if subscription else None,
        logo=copied(LogoLine, logo, score=logo.measured.score) if logo else None,
        logo_permission=copied(PermissionLine, permission) if permission else None,
        agreements=[copied(AgreementLine, agreement) for agreement in agreements],
        decisions=decisions(session, Decision.onboarding_id == case_id),
        mails=_mails(session, case_id),
        audit=[copied(Act, entry) for entry in trail(session, case_id)],
    )


def _step_line(case: Onboarding, step: Step) -> StepLine:
    stands = case.standing(step.name)
    return StepLine(step.name.number, step.name, stands.state, stands.waiting_for, stands.since, step.done_at)


def case_of(session: Session, company_id: int) -> int:
    """The case of the firm with this company ID; raises NotFound."""
    firm = Firm.by_company_id(session, company_id)
    return session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm.id)).one()


def case_document(session: Session, case_id: int, document_id: int) -> Document:
    """A file of this case with its content; raises DocumentRemoved, and NotFound for any other."""
    agreements = session.scalars(select(Agreement).where(Agreement.onboarding_id == case_id))
    files = [
        (agreement.document_id, agreement.uploaded_id, agreement.final_id, agreement.drawing_id)
        for agreement in agreements
        if agreement.emptied_at is None
    ]
    document_ids = {number for numbers in files for number in numbers}
    for facts in session.scalars(select(Decision.facts).where(Decision.onboarding_id == case_id)):
        document_ids.add(facts.get("document_id"))
        document_ids |= {candidate["documents"]["png"] for candidate in facts.get("candidates", [])}
    document = session.get(Document, document_id, options=[undefer(Document.content)])
    if document is None:
        raise NotFound(f"Document {document_id}")
    if document_id in document_ids and document.erased_at is None:
        return document
    removed_at = _removed_at(session, case_id, document.sha256)
    if removed_at is None and document_id not in document_ids:
        raise NotFound(f"Document {document_id}")
    raise DocumentRemoved(removed_at or document.erased_at or now())


def _removed_at(session: Session, case_id: int, digest: str) -> datetime | None:
    """When the file ceased to be one of this case, as its trail tells."""
    acts = select(Entry).where(Entry.case_id == case_id, Entry.action == "documents.erased").order_by(Entry.number)
    return next((act.at for act in session.scalars(acts) if digest in act.plain.get("files", ())), None)


def case_mail(session: Session, case_id: int, mail_id: int) -> tuple[Outgoing, Link | None]:
    """A mail of this case and its link, to be shown without; raises NotFound for any other."""
    mail = session.get(Outgoing, mail_id)
    if mail is None or mail.onboarding_id != case_id or not mail.to_address:
        raise NotFound(f"Mail {mail_id}")
    return mail, None if mail.link_id is None else session.get_one(Link, mail.link_id)


def _people(session: Session, firm_id: int) -> list[PersonLine]:
    """Everybody but the clients, and of these the newest."""
    own_name = or_(Client.is_named_by_hand, Client.kind == ClientKind.COMPANY)
    named = select(Person, case((own_name, Client.name))).where(Person.firm_id == firm_id)
    named = named.outerjoin(ClientContact, ClientContact.person_id == Person.id)
    named = named.outerjoin(Client, Client.id == ClientContact.client_id)
    newest = named.where(Person.role == Role.CLIENT).order_by(Person.id.desc()).limit(CLIENTS_SHOWN)
    rows = [*session.execute(named.where(Person.role != Role.CLIENT)), *session.execute(newest)]
    rows.sort(key=lambda row: (list(Role).index(row[0].role), row[0].id))
    return [copied(PersonLine, person, person_id=person.id, client=client) for person, client in rows]


def person_of(session: Session, case_id: int, person_id: int) -> Person:
    """Somebody of this case, in whatever role; raises NotFound for all others."""
    people = select(Person).join(Onboarding, Onboarding.firm_id == Person.firm_id)
    person = session.scalars(people.where(Onboarding.id == case_id, Person.id == person_id)).one_or_none()
    if person is None:
        raise NotFound(f"Person {person_id}")
    return person


def _mails(session: Session, case_id: int) -> list[MailLine]:
    mine = select(Outgoing).where(Outgoing.onboarding_id == case_id, Outgoing.to_address != "")
    rows = session.scalars(mine.order_by(Outgoing.id.desc()))
    return [copied(MailLine, mail, mail_id=mail.id, state=_mail_state(mail)) for mail in rows]


def _mail_state(mail: Outgoing) -> MailState:
    if mail.complained_at is not None:
        return MailState.COMPLAINED
    if mail.failed_at is not None and mail.delivered_at is not None:
        return MailState.BOUNCED
    if mail.failed_at is not None:
        return MailState.FAILED
    if mail.delivered_at is not None:
        return MailState.DELIVERED
    return MailState.DROPPED if mail.due_at is None else MailState.WAITING
