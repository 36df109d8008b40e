"""Mail that does not arrive: an operator is asked for the right address, or what becomes of the mail."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models import questions
from models.agreement import Agreement
from models.audit import record
from models.db import Facts, transaction
from models.decision import Decision, DecisionKind, drop_mails
from models.link import Link
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.mail_address import email_address
from models.people.person import Person, Role
from models.questions import HoldReason
from models.time.clock import now

ACTS = {"bounced": "mail.bounced", "complaint": "mail.complained", "not_me": "person.not_me"}
"""What the audit trail calls it, for each reason not to write to somebody."""


def note_bounce(report: Facts) -> list[int]:
    """Somebody says that mail came back or was marked as spam; returns the cases concerned.

    *report* names the mail by ``message_id``, or everybody with this ``address``; its ``kind`` is hard, soft (for now:
    we go on as before) or complaint.
    """
    if not report.get("message_id") and report.get("kind") == "soft":
        return []
    about = select(Outgoing.id, Outgoing.person_id, Outgoing.onboarding_id).where(Outgoing.person_id.is_not(None))
    if report.get("message_id"):
        about = about.where(Outgoing.message_id == report["message_id"])
    else:
        about = about.where(Outgoing.to_address == email_address(report["address"]))
    with transaction() as session:
        newest = {row.person_id: row for row in session.execute(about.order_by(Outgoing.id))}
        cases = sorted({row.onboarding_id for row in newest.values() if row.onboarding_id is not None})
        for case_id in cases:
            Onboarding.get(session, case_id)  # Each before its mails, as everybody takes them.
        mails = select(Outgoing).where(Outgoing.id.in_([row.id for row in newest.values()])).order_by(Outgoing.id)
        for mail in session.scalars(mails.with_for_update()):
            if mail.message_id == (report.get("message_id") or mail.message_id):  # Not addressed anew meanwhile.
                _judge(session, mail, report)
        return [] if report.get("kind") == "soft" else cases


def _judge(session: Session, mail: Outgoing, report: Facts) -> None:
    fault = str(report.get("diagnostic", ""))
    match report.get("kind"):
        case "soft":
            mail.fault = fault[:500] or None
        case "complaint" if mail.complained_at is None:
            mail.complained_at = now()
            hold(session, mail, fault, now(), "complaint")
        # Of one way of the mail it is said once.
        case _ if mail.failed_at is None and report.get("kind") != "complaint":
            bounced(session, mail, fault, now())


def bounced(session: Session, mail: Outgoing, fault: str, at: datetime) -> None:
    """The mail came back for good: hold further mail to the person and ask an operator for the right address."""
    mail.bounce(fault, at)
    hold(session, mail, fault, at, "bounced")


def hold(session: Session, mail: Outgoing, fault: str, at: datetime, reason: HoldReason) -> None:
    """Hold further mail to whom this one went, for this *reason*, until an operator has dealt with the address."""
    if mail.person_id is None or mail.onboarding_id is None:
        return
    person = session.get_one(Person, mail.person_id)
    if person.email != mail.to_address or person.withdrawn_at is not None:
        return  # The address was corrected since, or nobody waits for the person any longer.
    hold_person(session, mail.onboarding_id, person, at, reason, fault)


def hold_person(
    session: Session, case_id: int, person: Person, at: datetime, reason: HoldReason, fault: str = ""
) -> None:
    """Write to this person no more until an operator has dealt with the address; one question asks for it.

    In a case that was stopped nobody is asked: ``ask_for_addresses`` does it when the case goes on.
    """
    case = Onboarding.get(session, case_id)  # One after the other: the audit trail has an order.
    person.bounced_at = person.bounced_at or at
    if Decision.about(session, case_id, person.id, DecisionKind.BAD_ADDRESS):
        return
    if Decision.ask(session, questions.bad_address(case, at, person=person, fault=fault, reason=reason)):
        record(session, case_id, at, ACTS[reason], person=person.id, fault=fault[:500])


def ask_for_addresses(session: Session, case: Onboarding, at: datetime) -> None:
    """Ask for the address of everybody to whom nothing can be written though it should, and of whom nobody is asked."""
    silent = select(Person).where(Person.firm_id == case.firm_id, Person.bounced_at.is_not(None))
    silent = silent.where(Person.withdrawn_at.is_(None), Person.paused_at.is_(None)).order_by(Person.id)
    agreement = Agreement.latest(session, case.id)
    for person in session.scalars(silent).all():
        if person.role is Role.SIGNATORY and (agreement is None or agreement.delegate_id != person.id):
            continue  # Nobody else is asked to sign any more.
        came_back = select(Outgoing.fault, Outgoing.complained_at).where(Outgoing.person_id == person.id)
        came_back = came_back.where(or_(Outgoing.failed_at.is_not(None), Outgoing.complained_at.is_not(None)))
        fault, complained_at = session.execute(came_back.order_by(Outgoing.id.desc())).first() or ("", None)
        hold_person(session, case.id, person, at, "complaint" if complained_at else "bounced", fault or "")


def given_up(session: Session, mail: Outgoing, at: datetime) -> None:
    """A mail of a case cannot be delivered, and its address is not to blame: ask an operator what becomes of it."""
    person = session.get(Person, mail.person_id) if mail.person_id else None
    if mail.onboarding_id is None or (person is not None and person.bounced_at is not None):
        return  # Whoever waits for a new password asks again; and about a bad address somebody is asked already.
    case = Onboarding.get(session, mail.onboarding_id)  # One after the other: the audit trail has an order.
    if Decision.ask(session, questions.mail_failed(case, at, mail=mail)):
        record(session, case.id, at, "mail.failed", mail=mail.kind, person=mail.person_id, fault=mail.fault)


def reads_mail(session: Session, case: Onboarding, person: Person, at: datetime) -> None:
    """Whoever has an account with this address, or follows a link sent there, can be written to."""
    person.bounced_at = None
    for question in Decision.about(session, case.id, person.id, DecisionKind.BAD_ADDRESS):
        question.close(at)
    used = select(Link.id).where(Link.person_id == person.id, Link.used_at.is_not(None))
    drop_mails(session, at, Outgoing.person_id == person.id, Outgoing.link_id.in_(used))
