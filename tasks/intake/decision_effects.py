"""What follows when somebody answers a question that a case has raised."""

from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import questions
from models.agreement import Agreement, SignedHow, close_questions
from models.audit import HOUSE, evidence, of, record
from models.contracts.catalogue import Authority
from models.contracts.legal import Consent, ConsentState
from models.contracts.plans import plan_prices
from models.db import Facts, transaction
from models.decision import Decision, DecisionKind, Verdict
from models.errors import N_, ProvisionError
from models.link import Link
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.operator import operator_name
from models.people.person import Person, Role
from models.reminders.cadence import Cadences
from models.reminders.reminder import Reminder
from models.subscription import Change, Interval, Plan, Subscription
from models.time.clock import local_day, now
from tasks.agreement.signatures import give_back, refuse_signature, sign_for_firm, sign_for_provider
from tasks.contracts.changes import judge_undo
from tasks.contracts.orders import Who
from tasks.logos.publish import logo_chosen
from tasks.onboarding.company_ids import tell_of_number
from tasks.onboarding.stopping import end_case
from tasks.people.addresses import AddressSettled, readdress
from tasks.people.membership import stop_waiting_for


class PlanMissing(ProvisionError):
    status = 422
    says = N_("Advice ends with a plan and a billing interval: choose both.")


class DayInvalid(ProvisionError):
    status = 422
    says = N_(
        "“%(typed)s” is not the day of a signature: write it like 2026-03-31, not in the future, or leave it out."
    )

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed[:40]


def answer_decision(decision_id: int, verdict: str, by: str, **answer: str) -> int:
    """Settle an open question and do what follows from it; returns the case's id. The first answer wins.

    *answer* holds what was said besides the verdict: ``note``, ``plan`` and ``interval`` (advice, and for a new version
    of the agreement with ``price``, ``discount``, ``notice`` and ``clause``), ``number`` (an offered company ID),
    ``address`` (a corrected one), ``choice`` (the number of a picture), ``name`` (of who signs for the provider) and
    ``signed_on`` (the day on a signed copy). Whatever is wrong with it leaves the question open.
    """
    with transaction() as session:
        decision = Decision.get(session, decision_id)
        case, at = Onboarding.get(session, decision.onboarding_id), now()
        if not decision.settle(verdict, by, at, {name: text for name, text in answer.items() if text}):
            return case.id
        _CONSEQUENCES[decision.kind](session, case, decision)
        # Prefect does not know its people by name.
        named = {"by_name": answer["name"]} if by == "operator" and "name" in answer else {}
        decision.tell_answer(session, **named, rows=evidence(case.firm, Subscription.of(session, case.firm_id)))
        case.touch(at)
        return case.id


def _advised(session: Session, case: Onboarding, decision: Decision) -> None:
    answer = decision.answer or {}
    if answer.get("plan") not in list(Plan) or answer.get("interval") not in list(Interval):
        raise PlanMissing
    subscription = Subscription.of(session, case.firm_id)
    subscription.advice = str(answer.get("note", ""))[:2000]
    at = decision.answered_at or now()
    subscription.confirm(Plan(answer["plan"]), Interval(answer["interval"]), plan_prices(session, at), at)


def _number_decided(session: Session, case: Onboarding, decision: Decision) -> None:
    preferred, granted = case.firm.preferred_number, decision.verdict is Verdict.GRANT
    changed = case.firm.grant_preference(session) if granted else case.firm.refuse_preference(session)
    if not changed:
        return  # The firm has another number by now; it was told of that one.
    note = str((decision.answer or {}).get("note", ""))
    tell_of_number(session, case, f"decided:{decision.id}", preferred, granted=granted, note=note)


def _signature_judged(session: Session, case: Onboarding, decision: Decision) -> None:
    """Yes: we sign as well, and the next pass does the paper work. No: the firm is asked for its signature again."""
    agreement = Agreement.latest(session, case.id)
    if agreement is None or agreement.id != decision.facts["agreement_id"] or agreement.countersigned_at is not None:
        return  # Meanwhile it was signed by another way, or another version was sent.
    by, at, answer = decision.answered_by or "", now(), decision.answer or {}
    if decision.verdict is Verdict.REFUSE:
        refuse_signature(session, case, by, at)
    else:
        name = _signatory(session, by, str(answer.get("name", "")))
        if decision.kind is DecisionKind.SIGNED_COPY:
            agreement.uploaded_id = decision.facts["document_id"]
            day = _day_written(str(answer.get("signed_on", "")), at)
            arrived = decision.facts.get("arrived_at")  # Asked again, the question is younger than the copy.
            dates: Facts = {"arrived_at": datetime.fromisoformat(arrived) if arrived else decision.opened_at}
            dates["signed_on"] = day
            sign_for_firm(session, case, decision.facts["signer"], SignedHow.UPLOAD, by, at, **dates)
        sign_for_provider(session, case, name, by, at)
    close_questions(session, case.id, at)


def _signatory(session: Session, by: str, typed: str) -> str:
    """The name with which an operator signs: that of the account, else the one typed, which the account keeps."""
    account = Login.by_email(session, by)
    if account is not None and account.name:
        return account.name
    name = operator_name(typed)
    if account is not None:
        account.name = name
        record(session, HOUSE, now(), "operator.named", by, account=account.id, email=by, before=None, after=name)
    return name


def _day_written(typed: str, at: datetime) -> date | None:
    """The day beside a signature on paper, as an operator has read it; None if none was told."""
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed)
    except ValueError as error:
        raise DayInvalid(typed) from error
    if day > local_day(at):
        raise DayInvalid(typed)
    return day


def _not_signed(session: Session, case: Onboarding, decision: Decision) -> None:
    """Resend: the next pass writes a new version, with what was agreed anew. Stop: the case ends here.

    Talk: the question stays, as a task, until somebody has found out how to go on.
    """
    answer = decision.answer or {}
    if decision.verdict is Verdict.TALK:
        Decision.ask(session, questions.talk(decision, now(), note=answer.get("note", "")))
    if decision.verdict is Verdict.RESEND:
        subscription = Subscription.of(session, case.firm_id)
        before = subscription.agreed
        subscription.agree(Change.parse(answer), plan_prices(session, now()))
        if before != subscription.agreed:
            facts = {"before": of(case.firm, before), "after": of(case.firm, subscription.agreed)}
            record(session, case.id, now(), "subscription.agreed", decision.answered_by or "", **facts)
    if decision.verdict is Verdict.STOP:
        end_case(session, case, decision.answered_at or now(), str(answer.get("note", "")), decision.answered_by or "")


def _address_corrected(session: Session, case: Onboarding, decision: Decision) -> None:
    """What came back goes to the new address, with new links; those sent to the old one are dead.

    Or the person has left, and is waited for no longer.
    """
    person = session.get_one(Person, decision.facts["person_id"])
    by = decision.answered_by or ""
    if decision.verdict is Verdict.WITHDRAW and person.role is Role.SIGNATORY:
        give_back(session, case, person, by, now())
    elif decision.verdict is Verdict.WITHDRAW:
        stop_waiting_for(session, case, person, by)
    else:
        readdress(session, case, person, (decision.answer or {}).get("address", ""), by)


def _mail_judged(session: Session, case: Onboarding, decision: Decision) -> None:  # noqa: ARG001
    """Resend: the mail goes out once more, with a link that is good. Leave: the person was told by another way."""
    if decision.verdict is Verdict.RESEND:
        mail, at = session.get_one(Outgoing, decision.facts["mail_id"]), now()
        link = session.get(Link, mail.link_id) if mail.link_id is not None else None
        if link is not None and link.used_at is None and link.expires_at <= at:
            link.renew(at)
        mail.send_again(at)


def _silence_broken(session: Session, case: Onboarding, decision: Decision) -> None:
    """Resend: reminders begin anew, the first one in the next hour at which the person can be reached."""
    if decision.verdict is Verdict.LEAVE:
        return
    person = session.get_one(Person, decision.facts["person_id"])
    if decision.verdict is Verdict.CORRECT and person.registered_at is not None:
        raise AddressSettled(person.name)
    if decision.verdict in {Verdict.CORRECT, Verdict.WITHDRAW}:
        _address_corrected(session, case, decision)
        return
    waits = select(Reminder).where(Reminder.person_id == person.id, Reminder.step == decision.facts["step"])
    for wait in session.scalars(waits.where(Reminder.ended_at.is_(None))):
        rhythm = Cadences(session, [(case.id, case.firm_id)]).rhythm(wait.kind, case.id)
        wait.start_anew(rhythm, person, now() - timedelta(days=rhythm.day(0)))


def _undo_judged(session: Session, case: Onboarding, decision: Decision) -> None:
    """Agreed: the module goes on as before. Refused: it ends as was declared. The firm is told either way."""
    note, agreed = str((decision.answer or {}).get("note", "")), decision.verdict is Verdict.AGREED
    who = Who(decision.answered_by or "", Authority.OPERATOR)
    booking_id, change_id = decision.facts["booking_id"], decision.facts["change_id"]
    judge_undo(session, case, booking_id, change_id, who, decision.answered_at or now(), agreed=agreed, note=note)


def _consent_judged(session: Session, case: Onboarding, decision: Decision) -> None:
    """Resend: the firm is asked once more, unless a newer version has taken the place of this one.

    Leave: the version counts for it to which it agreed before.
    """
    consent = session.get_one(Consent, decision.facts["consent_id"])
    is_open = consent.state is ConsentState.REFUSED and not consent.is_outdated(session)
    if decision.verdict is Verdict.RESEND and is_open:
        consent.ask_again(now())
        session.flush()
        record(session, case.id, now(), "consent.asked", decision.answered_by or "", rows=evidence(consent))


_CONSEQUENCES = {
    DecisionKind.ADVICE: _advised,
    DecisionKind.COMPANY_ID: _number_decided,
    DecisionKind.COUNTERSIGN: _signature_judged,
    DecisionKind.SIGNED_COPY: _signature_judged,
    DecisionKind.DECLINED: _not_signed,
    DecisionKind.LAPSED: _not_signed,
    DecisionKind.TALK: _not_signed,
    DecisionKind.BAD_ADDRESS: _address_corrected,
    DecisionKind.MAIL_FAILED: _mail_judged,
    DecisionKind.CONSENT_REFUSED: _consent_judged,
    DecisionKind.LOGO: logo_chosen,
    DecisionKind.SILENT: _silence_broken,
    DecisionKind.UNDO: _undo_judged,
}
