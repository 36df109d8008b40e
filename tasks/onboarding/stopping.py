"""A case ends without going live, and may be taken up again: what ended with it begins anew."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import record
from models.contracts.booking import Change
from models.contracts.legal import Consent, ConsentState
from models.db import transaction
from models.decision import Decision, DecisionKind, Verdict, drop_mails
from models.errors import N_, ProvisionError
from models.mail.outbox import OUTLIVES_CASE, MailKind, Outgoing
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from models.people.succession import Succession, SuccessionEnd
from models.reminders.cadence import Cadences, WaitKind
from models.reminders.reminder import Reminder
from models.retention.rules import CASES_STOPPED
from models.text import fitting, paragraphs
from models.time.clock import now
from tasks.agreement.sending import mail_agreement
from tasks.mail.address_holds import ask_for_addresses
from tasks.mail.letterheads import Turn, letterhead
from tasks.mail.letters import onboarding as letters
from tasks.onboarding.company_ids import tell_of_number
from tasks.onboarding.registration import STEP_OF, invite, welcome
from tasks.people.membership import end_succession


class NotStopped(ProvisionError):
    says = N_("This case was not ended, or goes on already: nothing was changed.")


class CaseEmptied(ProvisionError):
    status = 410
    says = N_(
        "The time for which people and documents of this case are kept is over, and they are removed: open a new case."
    )


def take_up(case_id: int, by: str) -> int:
    """An operator takes the case up again; returns its id. Raises NotStopped, AccountClosed, CaseEmptied.

    Whoever was waited for gets a fresh link, reminders count anew, and what operators were asked is asked once more.
    The organiser is told that it goes on. A preferred number is held again unless somebody has it by now.
    """
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        stopped = case.stopped_at
        if stopped is None:
            raise NotStopped
        erased = Person.one(session, case.firm_id, Role.ORGANISER) is None
        if erased or case.emptied_at is not None or stopped <= CASES_STOPPED.term.limit(at):
            raise CaseEmptied
        case.take_up(at)
        session.flush()
        record(session, case.id, at, "case.taken_up", by)
        _ask_again(session, case, stopped, at)
        _wait_again(session, case, stopped, at, by)
        _tell(session, case, at)
        return case.id


def _ask_again(session: Session, case: Onboarding, stopped: datetime, at: datetime) -> None:
    """What was open when the case ended, and what ended it; and for addresses that have failed since.

    Not how silence goes on, nor what becomes of a mail with a link: both begin anew.
    """
    ended = select(Decision).where(Decision.onboarding_id == case.id, Decision.answered_at == stopped)
    questions = []
    for question in session.scalars(
        ended.where(Decision.verdict.in_([Verdict.MOOT, Verdict.STOP])).order_by(Decision.id)
    ):
        if question.kind is DecisionKind.COMPANY_ID and not case.firm.reserve(session, question.facts["number"]):
            tell_of_number(session, case, f"taken:{case.id}:{at.isoformat()}", question.facts["number"], granted=False)
        elif question.kind is not DecisionKind.SILENT and not _is_settled(session, question):
            questions.append(question)
    Decision.ask_again(session, case, questions, at)
    ask_for_addresses(session, case, at)


def _is_settled(session: Session, question: Decision) -> bool:
    """Whether nobody need be asked again: whom it was about has left meanwhile, or a fresh mail takes its place.

    Or what was to be undone has taken effect, or was answered on the page of the contract.
    """
    if question.kind is DecisionKind.UNDO:
        change = session.get_one(Change, question.facts["change_id"])
        return not change.is_pending or change.undo_asked_at is None
    if question.kind is DecisionKind.CONSENT_REFUSED:
        consent = session.get_one(Consent, question.facts["consent_id"])
        return consent.state is not ConsentState.REFUSED or consent.is_outdated(session)
    if question.kind is DecisionKind.MAIL_FAILED:
        mail = session.get(Outgoing, question.facts["mail_id"])  # It may have been past its time.
        return mail is None or not mail.to_address or mail.link_id is not None
    person = session.get(Person, question.facts["person_id"]) if "person_id" in question.facts else None
    return person is not None and person.withdrawn_at is not None


def _wait_again(session: Session, case: Onboarding, stopped: datetime, at: datetime, by: str) -> None:
    """Whoever was waited for when the case ended is asked like the first time."""
    ended = select(Reminder, Person).join(Person, Person.id == Reminder.person_id)
    ended = ended.where(Reminder.onboarding_id == case.id, Reminder.ended_at == stopped).order_by(Reminder.id)
    cadences, turns = Cadences(session, [(case.id, case.firm_id)]), []
    for wait, person in session.execute(ended).all():
        wait.start_anew(cadences.rhythm(wait.kind, case.id), person, at)
        if wait.kind is WaitKind.AGREEMENT:
            mail_agreement(session, [Turn(case, person)])
        elif wait.step == STEP_OF.get(person.role) and person.registered_at is None:
            turns.append(Turn(case, person))
    invite(session, turns, by)


def _tell(session: Session, case: Onboarding, at: datetime) -> None:
    """The organiser hears that it goes on, once there is an account to look; the contact person what will happen."""
    organiser, contact = Person.organiser(session, case.firm_id), Person.one(session, case.firm_id, Role.CONTACT)
    if organiser.registered_at is not None:
        Outgoing.post(session, letters.case_taken_up(case, organiser, letterhead(session, case.firm), at))
    if contact is not None and contact.invited_at is not None:
        welcomes = select(Outgoing.id).where(Outgoing.person_id == contact.id, Outgoing.to_address == contact.email)
        welcomes = welcomes.where(Outgoing.kind == MailKind.WELCOME)
        if session.scalars(welcomes.where(Outgoing.delivered_at.is_not(None))).first() is None:
            welcome(session, case, contact)


REASON_MOST = 2000


class CaseEnded(ProvisionError):
    says = N_("This case has ended already: nothing was changed.")


class StopReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: write down why the case ends.")


def end_case(session: Session, case: Onboarding, at: datetime, reason: str, by: str) -> None:
    """The case ends without going live: nobody is reminded or asked any more, and no link opens anything.

    What ends with it ends at this very moment: by that ``take_up`` knows what to begin anew.
    """
    case.stop(at)
    record(session, case.id, at, "case.stopped", by, reason=reason)
    wind_up(session, case, at)


def wind_up(session: Session, case: Onboarding, at: datetime) -> None:
    """Nothing is waited for in this case from this moment on."""
    case.firm.release_preference(session)
    pointless = [kind for kind, outlives in OUTLIVES_CASE.items() if not outlives]
    drop_mails(session, at, Outgoing.onboarding_id == case.id, Outgoing.kind.in_(pointless))
    for question in Decision.pending(session, case.id):
        question.close(at)
    succession = Succession.open_of(session, case.id)
    if succession is not None:
        end_succession(session, case, succession, SuccessionEnd.MOOT, "provision", at)
    for step in StepName:
        Reminder.end(session, step, at, case=case.id)


def stop_case(case_id: int, reason: str, by: str) -> None:
    """An operator ends the case; raises StopReasonMissing, CaseEnded."""
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        if case.stopped_at is not None or case.finished_at is not None:
            raise CaseEnded
        reason = fitting(paragraphs(reason), REASON_MOST, "stop_reason")
        if not reason:
            raise StopReasonMissing
        at = now()
        end_case(session, case, at, reason, by)
        case.touch(at)


def restart_pass(case_id: int, by: str) -> None:
    """An operator wants a pass over the case now, however often passes broke down before; raises CaseEnded."""
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        if case.stopped_at is not None or case.finished_at is not None:
            raise CaseEnded
        case.attempts = 0
        case.touch(now())
        record(session, case.id, now(), "pass.restarted", by)
