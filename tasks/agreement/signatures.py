"""The two signatures under an agreement: what each of them changes, and what the trail keeps of it.

Every way to sign ends here: on the page, as a file, by notice of another system, by an operator, by the product.
"""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import Agreement, SignedHow
from models.audit import Actor, of, record
from models.db import Facts
from models.document import Document
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from tasks.agreement.uploaded_copy import names_them
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import agreement as letters
from tasks.people.membership import let_go


def sign_for_firm(
    session: Session,
    case: Onboarding,
    signer: str,
    how: SignedHow,
    actor: str | Actor,
    now: datetime,
    *,
    arrived_at: datetime | None = None,
    signed_on: date | None = None,
    email: str = "",
    code_used: bool = False,
    drawing_id: int | None = None,
    ip: str = "",
    agent: str = "",
    told_at: str = "",
) -> bool:
    """The firm has signed the case's agreement; False if it had before.

    A file counts from when it arrived, whenever it was accepted; *signed_on* is the day that is written on it.
    """
    agreement = Agreement.current(session, case.id)
    proof: Facts = {"email": email, "code_used": code_used, "drawing_id": drawing_id, "signed_on": signed_on}
    if how is not SignedHow.PAGE and agreement.delegate_id is not None:
        # A file, or another system, may tell of anybody's signature, whoever was asked.
        proof["by_delegate"] = names_them(signer, session.get_one(Person, agreement.delegate_id).name)
    if not agreement.sign(signer, how, arrived_at or now, ip=ip, agent=agent, **proof):
        return False
    facts: Facts = {
        "version": agreement.version,
        "sha256": digest(session, agreement.document_id),
        "signer": agreement.signer,
        "how": how,
        "email": agreement.signer_email,
        "function": agreement.signer_function,
        "ip": ip,
        "agent": agent[:300],
        "code": code_used,
        "drawing_sha256": digest(session, drawing_id),
        "copy_sha256": digest(session, agreement.uploaded_id),
        "arrived_at": arrived_at and arrived_at.isoformat(),
        "signed_on": signed_on and signed_on.isoformat(),
        "told_at": told_at,
    }
    kept = {name: fact for name, fact in facts.items() if fact is not None and (fact != "" or name in {"ip", "agent"})}
    if how is not SignedHow.PAGE:  # Whoever tells of it, or looks at the file, may be somebody else.
        ask = agreement.asked_to_sign if proof.get("by_delegate") else Person.organiser
        signatory = ask(session, case.firm_id)
        kept |= {name: of(signatory, kept[name]) for name in ("signer", "email", "function") if name in kept}
    record(session, case.id, now, "agreement.signed", actor, **kept)
    return True


def sign_for_provider(session: Session, case: Onboarding, name: str, actor: str, now: datetime) -> bool:
    """The person of this *name* has signed for the provider; False if somebody had before."""
    agreement = Agreement.current(session, case.id)
    if not agreement.countersign(name, now):
        return False
    facts: Facts = {"name": agreement.countersigned_by, "version": agreement.version}
    facts["sha256"] = digest(session, agreement.document_id)
    record(session, case.id, now, "agreement.countersigned", actor, **facts)
    return True


def refuse_signature(session: Session, case: Onboarding, actor: str, now: datetime) -> None:
    """What was signed, or came back as signed, does not count: the firm is asked again.

    Where it can no longer be signed, whoever was asked is told so, and where a new version is to be had.
    """
    agreement = Agreement.current(session, case.id)
    agreement.reopen()
    record(session, case.id, now, "agreement.reopened", actor, version=agreement.version)
    if not agreement.has_run_out(now):
        return
    organiser = Person.organiser(session, case.firm_id)
    asked = {agreement.delegate_id or organiser.id, organiser.id}
    for reader in session.scalars(select(Person).where(Person.id.in_(asked)).order_by(Person.id)).all():
        link, head = Link.to(session, Purpose.AGREEMENT, now, person=reader.id), letterhead(session, case.firm)
        key = f"agreement_late:{agreement.id}:{link.id}:{link.generation}"
        mail = letters.agreement_withdrawn(
            case, reader, head, now, key=key, version=agreement, by="time", new_from=link
        )
        Outgoing.post(session, mail)


def give_back(session: Session, case: Onboarding, signatory: Person, actor: str | Actor, now: datetime) -> None:
    """Whoever the signature was handed over to is asked no longer: the next pass asks the organiser, if it is open."""
    agreement = Agreement.latest(session, case.id)
    if agreement is not None and agreement.is_open and agreement.delegate_id == signatory.id:
        agreement.take_back()
        organiser = Person.organiser(session, case.firm_id)
        facts: Facts = {"person": signatory.id, "from": signatory.email, "to": of(organiser, organiser.email)}
        facts["version"] = agreement.version
        record(session, case.id, now, "agreement.taken_back", actor, **facts)
    let_go(session, case, signatory)
    case.touch(now)


def digest(session: Session, document_id: int | None) -> str | None:
    """The SHA-256 of a document that is kept."""
    return None if document_id is None else session.get_one(Document, document_id).sha256
