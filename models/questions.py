"""Every question to operators: one function for each kind, whose parameters are what must be known to answer it.

Each makes a question that ``Decision.ask`` puts. Its key says what is asked: that is asked once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.contracts.booking import Change
from models.contracts.catalogue import Module
from models.contracts.legal import Consent, LegalText
from models.decision import Decision, DecisionKind, silence_key
from models.document import Document
from models.logo import LogoPermission
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.manners import Language
from models.people.person import Person
from models.reminders.reminder import Reminder


def advice(case: Onboarding, at: datetime, *, question: str) -> Decision:
    """The firm has no plan yet and wants advice: which one is agreed with it?"""
    return Decision.draft(case.id, DecisionKind.ADVICE, f"advice:{case.id}", at, question=question)


def company_id(case: Onboarding, at: datetime, *, number: int, alternatives: Sequence[int]) -> Decision:
    """The firm prefers this *number*, held until then: may it have it? The *alternatives* are free and near it."""
    key = f"company_id:{case.id}:{number}"
    return Decision.draft(case.id, DecisionKind.COMPANY_ID, key, at, number=number, alternatives=alternatives)


# ---- the agreement; ``close_questions`` knows those about it by their ``agreement_id``


def countersign(agreement: Agreement, at: datetime) -> Decision:
    """The firm has signed: do we?"""
    facts = {"agreement_id": agreement.id, "signer": agreement.signer}
    return Decision.draft(agreement.onboarding_id, DecisionKind.COUNTERSIGN, agreement.countersign_key, at, **facts)


def signed_copy(
    agreement: Agreement, at: datetime, *, document: Document, sender: Person, findings: Mapping[str, Any]
) -> Decision:
    """A file came back from the *sender*, who was asked to sign: is it the agreement, and signed?

    *findings*: what the file was found to be, as ``inspect`` of ``tasks.agreement.uploaded_copy`` has it.
    """
    return Decision.draft(
        agreement.onboarding_id,
        DecisionKind.SIGNED_COPY,
        f"signed_copy:{agreement.id}:{at.isoformat()}",
        at,
        agreement_id=agreement.id,
        document_id=document.id,
        original_id=agreement.document_id,
        name=document.name,
        signer=sender.name,
        arrived_at=at.isoformat(),
        **findings,
    )


def declined(agreement: Agreement, at: datetime, *, signer: Person) -> Decision:
    """The *signer* has declined: a new version, a talk, or the end of the case?"""
    return Decision.draft(
        agreement.onboarding_id,
        DecisionKind.DECLINED,
        f"{DecisionKind.DECLINED}:{agreement.id}",
        at,
        agreement_id=agreement.id,
        signer=signer.name,
        reason=agreement.decline_reason,
    )


def lapsed(agreement: Agreement, at: datetime) -> Decision:
    """It can no longer be signed, expired or withdrawn: a new version, a talk, or the end of the case?"""
    return Decision.draft(
        agreement.onboarding_id,
        DecisionKind.LAPSED,
        agreement.lapsed_key,
        at,
        agreement_id=agreement.id,
        why="expired" if agreement.expired_at is not None else "withdrawn",
        reason=agreement.withdraw_reason or "",
    )


def talk(asked: Decision, at: datetime, *, note: str) -> Decision:
    """Somebody talks to the firm: how does it go on? Told with all that was *asked* before, and the *note* on it."""
    facts = {**asked.facts, "note": note}
    key = f"{DecisionKind.TALK}:{asked.facts['agreement_id']}"
    return Decision.draft(asked.onboarding_id, DecisionKind.TALK, key, at, **facts)


# ---- mail and silence


HoldReason = Literal["bounced", "complaint", "not_me"]
"""Why nothing more is written to somebody."""


def bad_address(
    case: Onboarding,
    at: datetime,
    *,
    person: Person,
    fault: str,
    reason: HoldReason,
) -> Decision:
    """Nothing can be written to this *person*: what is the right address? *fault*: what the mail server said."""
    key = f"{DecisionKind.BAD_ADDRESS}:{person.id}:{at.isoformat()}"
    facts = {"person_id": person.id, "address": person.email, "fault": fault[:500], "reason": reason}
    return Decision.draft(case.id, DecisionKind.BAD_ADDRESS, key, at, **facts)


def mail_failed(case: Onboarding, at: datetime, *, mail: Outgoing) -> Decision:
    """The *mail* cannot be delivered though its address is good: once more, or leave it?"""
    key = f"{DecisionKind.MAIL_FAILED}:{mail.id}:{at.isoformat()}"
    facts = {"mail_id": mail.id, "mail": mail.kind, "address": mail.to_address, "fault": mail.fault}
    return Decision.draft(case.id, DecisionKind.MAIL_FAILED, key, at, **facts)


def silent(wait: Reminder, at: datetime) -> Decision:
    """The last reminder has not moved somebody either: how does this *wait* go on?"""
    facts = {"person_id": wait.person_id, "step": wait.step, "wait": wait.kind, "reminders": wait.sent}
    return Decision.draft(wait.onboarding_id, DecisionKind.SILENT, silence_key(wait, wait.since), at, **facts)


# ---- the contract


def undo(case: Onboarding, at: datetime, *, change: Change, module: Module, by: str) -> Decision:
    """The firm wants the *module* to go on, whose end was declared by this *change*: do we agree? *by*: who asks."""
    facts = {"change_id": change.id, "booking_id": change.booking_id, "module": module.called(Language.GERMAN)}
    facts |= {"ends_on": change.ends_on.isoformat(), "by": by}
    return Decision.draft(case.id, DecisionKind.UNDO, change.undo_key, at, **facts)


def close_undo(session: Session, changes: Iterable[Change], at: datetime) -> None:
    """Whether they are undone is no question any more: they took effect, or another one has taken their place."""
    keys = [change.undo_key for change in changes if change.undo_asked_at is not None]
    asked = select(Decision).where(Decision.key.in_(keys), Decision.answered_at.is_(None))
    for question in session.scalars(asked) if keys else ():
        question.close(at)


def consent_refused(case: Onboarding, at: datetime, *, consent: Consent, text: LegalText) -> Decision:
    """The firm does not agree to this version: ask once more, or let the one count to which it agreed before?"""
    key = f"{DecisionKind.CONSENT_REFUSED}:{consent.id}:{at.isoformat()}"
    facts = {"consent_id": consent.id, "what": text.kind, "number": text.number, "name": consent.answered_name}
    return Decision.draft(case.id, DecisionKind.CONSENT_REFUSED, key, at, reason=consent.reason, **facts)


# ---- the logo


class Evidence(TypedDict):
    """What speaks for or against a picture, and how many points it gives."""

    sign: str
    points: int
    detail: str


class Picture(TypedDict):
    """A picture from a firm's website that may be its logo; *documents*: its versions, as they are kept."""

    number: int
    address: str
    confidence: float
    reasons: list[Evidence]
    width: int
    height: int
    report: dict[str, Any]
    documents: dict[str, int]


def logo(case: Onboarding, at: datetime, *, permission: LogoPermission, candidates: Sequence[Picture]) -> Decision:
    """The website shows no logo beyond doubt: which of the *candidates* is it?"""
    facts = {"permission_id": permission.id, "website": permission.website, "candidates": candidates}
    return Decision.draft(case.id, DecisionKind.LOGO, logo_key(permission), at, **facts)


def logo_key(permission: LogoPermission) -> str:
    """Names the question which picture of the website is the logo."""
    return f"{DecisionKind.LOGO}:{permission.id}"
