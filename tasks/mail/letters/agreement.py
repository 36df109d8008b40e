"""To whoever is asked to sign, has signed, or need not."""

from datetime import datetime
from typing import Literal, TypedDict

from models.agreement import Agreement
from models.code import Code
from models.db import Facts
from models.document import Document
from models.link import Link
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from tasks.mail.letterheads import Letterhead, Turn
from tasks.mail.letters.draft import draft


class AskedBefore(TypedDict):
    """Who was asked to sign the version before, in the organiser's place, and what entitled them to it."""

    name: str
    function: str | None


class Delegation(TypedDict):
    """Who handed the signature over to the reader, and what entitles the reader to sign."""

    delegated_by: str
    function: str | None


class PageOfStep(TypedDict):
    """A step that waits for the reader as well, and where it is done."""

    step: StepName
    path: str


def agreement(
    turn: Turn,
    version: Agreement,
    link: Link,
    head: Letterhead,
    at: datetime,
    *,
    changes: Facts,
    note: str,
    delegation: Delegation | None,
    asked_before: AskedBefore | None,
) -> Outgoing:
    """To who is asked to sign, at first and as a reminder, the PDF attached.

    *changes*: what this version says otherwise than the one before; *note*: what an operator adds to it.
    """
    case, to, count, last, also = turn
    others: Facts = {**delegation} if delegation else {}
    others |= {"asked_before": asked_before} if asked_before else {}
    return draft(
        MailKind.AGREEMENT,
        f"agreement:{version.id}:{to.id}:{link.generation}",
        case,
        to,
        head,
        at,
        link=link,
        document_id=version.document_id,
        count=count,
        last=last,
        version=version.version,
        note=note,
        also=[PageOfStep(step=step, path=f"/firm/{case.firm_id}/{step}") for step in also],
        changes=changes,
        sign_until_at=version.expires_at.isoformat(),
        **others,
    )


def sign_code(
    case: Onboarding, to: Person, head: Letterhead, at: datetime, *, code: Code, valid_until: datetime
) -> Outgoing:
    """To who is about to sign; the digits of the code are written into it as it leaves."""
    key, until = f"sign_code:{code.id}:{code.generation}", valid_until.isoformat()
    facts: Facts = {"code_id": code.id, "generation": code.generation, "valid_until_at": until}
    return draft(MailKind.SIGN_CODE, key, case, to, head, at, **facts)


def agreement_done(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, version: Agreement, document: Document
) -> Outgoing:
    """To both sides once both have signed, the final *document* attached."""
    # Only who can sign in is led to a page behind the sign-in.
    page: Facts = {"path": f"/firm/{case.firm_id}"} if to is not None and to.role is Role.ORGANISER else {}
    return draft(
        MailKind.AGREEMENT_DONE,
        f"agreement_done:{version.id}:{to.id if to else 'provider'}",
        case,
        to,
        head,
        at,
        document_id=document.id,
        signer=version.signer,
        countersigned_at=version.countersigned_at and version.countersigned_at.isoformat(),
        sha256=document.sha256,
        **page,
    )


def agreement_declined(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, version: Agreement, signer: Person
) -> Outgoing:
    """To the provider, and to the organiser where the *signer* is somebody else: the firm does not sign."""
    key = f"agreement_declined:{version.id}" + (":organiser" if to else "")
    facts: Facts = {"signer": signer.name, "reason": version.decline_reason, "path": f"/board/cases/{case.id}"}
    return draft(MailKind.AGREEMENT_DECLINED, key, case, to, head, at, **facts)


def agreement_withdrawn(
    case: Onboarding,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    key: str,
    version: Agreement,
    by: Literal["provider", "organiser", "time"],
    who: str = "",
    reason: str = "",
    new_from: Link | None = None,
) -> Outgoing:
    """To whoever was asked to sign, or has handed the signature over: it can no longer be signed, or not by them.

    *who*: the name of who took it back; *new_from*: where a new version is to be had once its time has run out.
    """
    until: Facts = {"sign_until_at": version.expires_at.isoformat()} if by == "time" else {}
    return draft(
        MailKind.AGREEMENT_WITHDRAWN,
        key,
        case,
        to,
        head,
        at,
        link=new_from,
        by=by,
        who=who,
        reason=reason,
        sent_at=version.sent_to(to.id).isoformat(),
        **until,
    )
