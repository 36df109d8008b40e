"""What comes back from whoever is asked to sign: the agreement signed, declined, or as a file."""

from typing import Any

from sqlalchemy.orm import Session

from models import questions
from models.agreement import Agreement, SignedHow, close_questions
from models.audit import Actor, of, record
from models.db import reading, transaction
from models.decision import Decision
from models.document import Document
from models.errors import NotFound
from models.firm import Firm
from models.onboarding import Onboarding, Party, StepName
from models.people.person import Person, Role
from models.time.clock import now
from tasks.agreement.signatures import sign_for_firm
from tasks.agreement.uploaded_copy import inspect
from tasks.agreement.viewing import behind, require_asked


def sign_by_notice(company_id: int, version: int, signer: str, told_at: str = "") -> int:
    """Another system says that the agreement was signed there, at a time that we write down but did not see.

    Returns the case's id.
    """
    with transaction() as session:
        case = Onboarding.of_firm(session, Firm.by_company_id(session, company_id).id)
        _require_version(session, case, version)
        return keep_signature(session, case, signer, SignedHow.WEBHOOK, "webhook", told_at=told_at)


def keep_signature(
    session: Session,
    case: Onboarding,
    name: str,
    how: SignedHow,
    actor: str | Actor,
    **proof: Any,
) -> int:
    """The firm has signed: what follows from it in the case. Returns the case's id; a second time nothing changes.

    *proof* is what ``sign_for_firm`` keeps with it.
    """
    at = now()
    if sign_for_firm(session, case, name, how, actor, at, **proof):
        case.require_going()
        close_questions(session, case.id, at)
        case.wait(StepName.AGREEMENT, Party.OPERATOR, at)
        case.touch(at)
    return case.id


def decline(token: str, reason: str, *, version: int | None = None, ip: str = "", agent: str = "") -> int:
    """Who is asked to sign says no to the version shown, and why; an operator decides how to go on.

    Returns the case's id.
    """
    with transaction() as session:
        case, person = behind(session, token)
        agreement = Agreement.current(session, case.id)
        agreement.require_version(version)
        require_asked(person, agreement)
        return _decline(session, case, reason, person, ip=ip, agent=agent)


def decline_by_notice(company_id: int, version: int, reason: str) -> int:
    """Another system says that the agreement was declined there; returns the case's id."""
    with transaction() as session:
        case = Onboarding.of_firm(session, Firm.by_company_id(session, company_id).id)
        _require_version(session, case, version)
        return _decline(session, case, reason, "webhook")


def _decline(
    session: Session, case: Onboarding, reason: str, actor: str | Actor, *, ip: str = "", agent: str = ""
) -> int:
    agreement, at = Agreement.current(session, case.id), now()
    if agreement.decline(reason, at):
        case.require_going()
        facts = {"ip": ip, "agent": agent[:300], "version": agreement.version}
        facts["sha256"] = agreement.sha256(session)
        signatory = agreement.asked_to_sign(session, case.firm_id) if isinstance(actor, str) else actor
        record(
            session, case.id, at, "agreement.declined", actor, reason=of(signatory, agreement.decline_reason), **facts
        )
        close_questions(session, case.id, at)
        case.touch(at)
    return case.id


def upload(token: str, content: bytes, name: str, *, ip: str, agent: str) -> int:
    """A signed copy comes back as a file; returns the case's id.

    A digital signature without any doubt counts at once; whatever else is an agreement, an operator looks at. Raises
    a ReturnRefused and changes nothing for all other files.
    """
    while (case_id := _upload(token, content, name, ip=ip, agent=agent)) is None:
        pass
    return case_id


def _upload(token: str, content: bytes, name: str, *, ip: str, agent: str) -> int | None:
    """None if another version was sent, or somebody else may sign, while the file was looked at."""
    with reading() as session:
        case, person = behind(session, token)
        agreement = Agreement.current(session, case.id)
        require_asked(person, agreement)
        agreement.require_open(now())
        original_id = agreement.document_id
        original = session.get_one(Document, original_id).content
        signers = _signers(session, case.firm_id, person)
    returned = inspect(content, name[:200], original, signers)
    with transaction() as session:
        case, person = behind(session, token)
        agreement, at = Agreement.current(session, case.id), now()
        require_asked(person, agreement)
        agreement.require_open(at)
        if (agreement.document_id, _signers(session, case.firm_id, person)) != (original_id, signers):
            return None
        document = Document.keep(session, content, name[:200], "application/pdf")
        if agreement.uploaded_id == document.id:
            return case.id  # The same file is being looked at.
        agreement.uploaded_id = document.id
        close_questions(session, case.id, at)  # About the copy that this one replaces.
        trail = {"version": agreement.version, "sha256": document.sha256, "ip": ip, "agent": agent[:300]}
        trail |= {"document_id": document.id, "original_id": agreement.document_id, **returned.facts}
        record(session, case.id, at, "agreement.uploaded", person, **trail)
        if returned.counts:
            return keep_signature(session, case, returned.signer, SignedHow.UPLOAD, person, ip=ip, agent=agent)
        question = questions.signed_copy(agreement, at, document=document, sender=person, findings=returned.facts)
        Decision.ask(session, question)
        case.touch(at)
        return case.id


def _signers(session: Session, firm_id: int, holder: Person) -> list[str]:
    """Whose signature is expected: who holds the link, the organiser, the contact person."""
    people = [holder, Person.one(session, firm_id, Role.ORGANISER), Person.one(session, firm_id, Role.CONTACT)]
    return list({person.name: None for person in people if person is not None})


def _require_version(session: Session, case: Onboarding, version: int) -> None:
    if Agreement.current(session, case.id).version != version:
        raise NotFound(f"Agreement version {version}")
