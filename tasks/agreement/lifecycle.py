"""Step 5: the agreement: sent, awaited, out of date or taken back, countersigned; what is answered: ``responses``."""

import logging
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models import questions
from models.agreement import Agreement, BeingDiscussed, close_questions
from models.audit import record
from models.db import Facts, reading, transaction
from models.decision import Decision, Verdict
from models.errors import ProvisionError
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, Party, Standing, StepName
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.settings import settings
from models.time.clock import now
from tasks.agreement.finalize import complete_agreement
from tasks.agreement.sending import mail_agreement, send_what_is_due
from tasks.agreement.signatures import sign_for_provider
from tasks.agreement.viewing import behind
from tasks.engine.retry import side_effect
from tasks.mail.letterheads import Turn, letterhead
from tasks.mail.letters import agreement as letters

log = logging.getLogger(__name__)


@side_effect(name="5 Agreement")
def conclude_agreement(case_id: int) -> Standing:
    """Send the agreement once organiser and details are there, and put the signed one before an operator.

    Repeating it changes nothing: each version is kept under its SHA-256 and mailed under one key; a signature raises
    one question; the final copy is made once.
    """
    with reading() as session:
        case = Onboarding.get(session, case_id)
        over = case.agreement_done or case.stopped_at is not None
        agreement = None if over else Agreement.latest(session, case_id)
    if not send_what_is_due(case_id) and agreement is not None:
        if agreement.countersigned_at is not None:
            complete_agreement(case_id)
        else:
            _await(case_id)
            _countersign_by_itself(case_id)
    with reading() as session:
        return Onboarding.get(session, case_id).standing(StepName.AGREEMENT)


def _awaited(session: Session, case: Onboarding) -> Agreement | None:
    """The agreement that has been sent and not been countersigned; None in a case that is further, or stopped."""
    agreement = None if case.stopped_at is not None else Agreement.latest(session, case.id)
    return None if agreement is None or agreement.countersigned_at is not None else agreement


def _await(case_id: int) -> None:
    """Ask for the signature; once it is there, or can no longer be had, an operator says how to go on."""
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        agreement = _awaited(session, case)
        if agreement is None:
            return
        if agreement.expire(at):  # It was open only as long as its signed copy was being checked.
            _record_expiry(session, case, agreement)
        if agreement.is_open and not agreement.is_being_checked:
            _ask_to_sign(session, case, agreement)
            return
        _ask_operator(session, case, agreement, at)
        case.wait(StepName.AGREEMENT, Party.OPERATOR, at)
        Reminder.end(session, StepName.AGREEMENT, at, case=case.id)


def _ask_to_sign(session: Session, case: Onboarding, agreement: Agreement) -> None:
    """Once more where a signature was not accepted; else that was done as it was sent."""
    signer, at = agreement.asked_to_sign(session, case.firm_id), now()
    party = Party.ORGANISER if agreement.delegate_id is None else Party.SIGNATORY
    if case.wait(StepName.AGREEMENT, party, at):
        mail_agreement(session, [Turn(case, signer)])
        Reminder.begin(session, case, signer, StepName.AGREEMENT, at)


def _ask_operator(session: Session, case: Onboarding, agreement: Agreement, at: datetime) -> None:
    """Put the question that the agreement raises; about a signed copy it was put as that came."""
    if agreement.declined_at is not None:
        _ask_about_refusal(session, case, agreement, at)
    elif agreement.expired_at is not None or agreement.withdrawn_at is not None:
        Decision.ask(session, questions.lapsed(agreement, at))
    elif agreement.signed_at is not None and settings().countersign == "operator":
        Decision.ask(session, questions.countersign(agreement, at))


def _ask_about_refusal(session: Session, case: Onboarding, agreement: Agreement, at: datetime) -> None:
    signer = agreement.asked_to_sign(session, case.firm_id)
    if not Decision.ask(session, questions.declined(agreement, at, signer=signer)):
        return
    readers, head = [None, *_who_handed_over(session, signer)], letterhead(session, case.firm)
    mails = [letters.agreement_declined(case, to, head, at, version=agreement, signer=signer) for to in readers]
    Outgoing.post_all(session, mails)


def _countersign_by_itself(case_id: int) -> None:
    """Sign for the provider at once, where the settings leave that to the product."""
    if settings().countersign != "auto":
        return
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        agreement, name = _awaited(session, case), settings().provider_signatory
        if agreement is None or agreement.signed_at is None:
            return
        if not sign_for_provider(session, case, name, "provision", at):
            return
        close_questions(session, case.id, at)
    complete_agreement(case_id)


@side_effect(name="find agreements out of date")
def expire_agreements() -> int:
    """Mark every agreement whose time has run out unsigned, and have its case looked at; returns how many.

    Repeating it changes nothing: what is marked is no longer open.
    """
    with reading() as session:
        query = select(Agreement.onboarding_id).join(Onboarding, Onboarding.id == Agreement.onboarding_id)
        still_open = (Agreement.signed_at, Agreement.declined_at, Agreement.withdrawn_at, Agreement.expired_at)
        query = query.where(*(column.is_(None) for column in still_open), Agreement.uploaded_id.is_(None))
        query = query.where(Agreement.expires_at <= now(), Onboarding.stopped_at.is_(None))
        cases = session.scalars(query.order_by(Agreement.id)).all()
    return sum(_expire(case_id) for case_id in cases)


def _expire(case_id: int) -> bool:
    """Mark the agreement of one case, which by now may be signed or stopped; one that breaks waits for the next sweep.

    What is wrong with one case must not keep the others waiting: a rule that says no, a lock that is held, or a row
    that holds what it should not, which the columns' types tell by LookupError or ValueError.
    """
    try:
        with transaction() as session:
            case, at = Onboarding.get(session, case_id), now()
            agreement = Agreement.current(session, case.id)
            if case.stopped_at is not None or not agreement.expire(at):
                return False
            _record_expiry(session, case, agreement)
            case.touch(at)
            return True
    except (ProvisionError, SQLAlchemyError, LookupError, ValueError):
        log.exception("The agreement of case %s could not be marked as out of date", case_id)
        return False


def _record_expiry(session: Session, case: Onboarding, agreement: Agreement) -> None:
    facts: Facts = {"version": agreement.version, "sha256": agreement.sha256(session)}
    at = agreement.expired_at or now()
    record(session, case.id, at, "agreement.expired", until=agreement.expires_at.isoformat(), **facts)
    close_questions(session, case.id, at)


def ask_anew(token: str, *, ip: str, agent: str) -> int:
    """Who holds the link of an agreement that was not signed in time wants a new one; returns the case's id."""
    with transaction() as session:
        case, person = behind(session, token)
        send_anew(session, case, person, ip=ip, agent=agent)
        return case.id


def send_anew(session: Session, case: Onboarding, person: Person, **where: str) -> None:
    """Have a version as it would be written now take the place of one that was not signed in time.

    The next pass writes it and sends it to the organiser's address. Repeating it changes nothing. Raises
    BeingDiscussed where an operator has already said how to go on.
    """
    agreement, at = Agreement.current(session, case.id), now()
    if not agreement.has_run_out(at):
        agreement.require_open()
        return  # Asked for twice: the new version is there.
    if agreement.expire(at):
        _record_expiry(session, case, agreement)
    Decision.ask(session, questions.lapsed(agreement, at))
    question = Decision.by_key(session, agreement.lapsed_key)
    if question is None or question.verdict not in {None, Verdict.RESEND}:
        raise BeingDiscussed
    if question.verdict is None:
        question.settle(Verdict.RESEND, person.email, at, {})
        question.tell_answer(session)
        facts: Facts = {"version": agreement.version, "sha256": agreement.sha256(session), **where}
        record(session, case.id, at, "agreement.asked_anew", person, **facts)
        case.touch(at)


def withdraw(case_id: int, reason: str, by: str) -> int:
    """The provider takes back an agreement that is open; who was asked to sign is told why. Returns the case's id."""
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        case.require_going()
        agreement = Agreement.current(session, case.id)
        if agreement.withdraw(reason, by, at):
            _tell_of_withdrawal(session, case, agreement, at)
            facts = {"version": agreement.version, "sha256": agreement.sha256(session)}
            record(session, case.id, at, "agreement.withdrawn", by, reason=agreement.withdraw_reason, **facts)
            close_questions(session, case.id, at)
            case.touch(at)
        return case.id


def _tell_of_withdrawal(session: Session, case: Onboarding, agreement: Agreement, at: datetime) -> None:
    signer, head = agreement.asked_to_sign(session, case.firm_id), letterhead(session, case.firm)
    mails = [
        letters.agreement_withdrawn(
            case,
            reader,
            head,
            at,
            key=f"agreement_withdrawn:{agreement.id}" + (":organiser" if reader is not signer else ""),
            version=agreement,
            by="provider",
            who=settings().provider_name,
            reason=agreement.withdraw_reason or "",
        )
        for reader in [signer, *_who_handed_over(session, signer)]
    ]
    Outgoing.post_all(session, mails)


def _who_handed_over(session: Session, signer: Person) -> list[Person]:
    """The organiser, where somebody else was asked to sign: they hear what became of it as well."""
    return [] if signer.role is Role.ORGANISER else [Person.organiser(session, signer.firm_id)]
