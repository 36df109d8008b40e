"""A case from outside: opening it, asking for its next pass, answering the questions it raises."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agreement import Agreement, SignedHow, close_questions
from models.audit import HOUSE, evidence, record, record_each
from models.cadence import Cadences
from models.company_id import company_number
from models.db import Facts, alone, transaction
from models.decision import Decision, DecisionKind, Verdict, close_mail_questions, drop_mails
from models.errors import N_, NotFound, ProvisionError
from models.exchange import OUTLIVES_CASE, MailKind, Outgoing
from models.firm import Firm, firm_name, same_name
from models.link import Link
from models.logo import LogoPermission
from models.onboarding import Onboarding, Reminder, StepName
from models.operator import operator_name
from models.person import Account, Person, Role, email_address, name_parts, writable_address
from models.request import Named, OnboardingRequest, named, parse_people
from models.schedule import local_day, now
from models.settings import settings
from models.subscription import Change, Interval, Plan, Subscription
from models.text import TextTooLong, fitting, paragraphs
from tasks.engine.passes import kick
from tasks.engine.retry import side_effect
from tasks.logos.publish import logo_chosen
from tasks.mail.letterheads import letterhead
from tasks.people.membership import end_doubles, stop_waiting_for
from tasks.signatures import give_back, refuse_signature, sign_for_firm, sign_for_provider

REASON_MOST = 2000


class CaseThere(ProvisionError):
    """A firm is seldom opened twice on purpose, and often by two people, or by a form and a webhook."""

    says = N_(
        "This firm has a case with this organiser already: %(address)s."
        " If a second one is meant, say so and send it again."
    )

    def __init__(self, case_id: int) -> None:
        super().__init__(case_id)
        self.case_id = case_id
        self.address = f"{settings().base_url}/board/cases/{case_id}"


class PlanMissing(ProvisionError):
    status = 422
    says = N_("Advice ends with a plan and a billing interval: choose both.")


class FormInvalid(ProvisionError):
    status = 422
    says = N_("The field %(field)s cannot be “%(value)s”: %(reason)s.")

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(field, value, reason)
        self.field = field
        self.value = value
        self.reason = reason


class FieldTooLong(TextTooLong):
    """Of a form that cannot show the refusal at its field."""

    says = N_("The field %(field)s has %(length)s characters: shorten it to %(most)s.")


class AddressTaken(ProvisionError):
    says = N_("%(address)s belongs to somebody else in the same role at this firm: check whom the mail was for.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class CaseEnded(ProvisionError):
    says = N_("This case has ended already: nothing was changed.")


class AddressSettled(ProvisionError):
    says = N_("%(name)s signs in with this address, or is not asked any more: it cannot be changed here.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class DayInvalid(ProvisionError):
    status = 422
    says = N_(
        "“%(typed)s” is not the day of a signature: write it like 2026-03-31, not in the future, or leave it out."
    )

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed[:40]


class StopReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: write down why the case ends.")


@side_effect(name="open the case")
def open_case(request_key: str, form: Facts, caseworkers: str) -> int:
    """Open a case from an operator's form, *caseworkers* one a line; returns the case's id and asks for its pass.

    Repeating it changes nothing: the same *request_key* is the same case.
    """
    people = parse_people(caseworkers)
    for who in filter(None, (form["organiser"], form["contact"])):
        named(who["name"], who["email"])  # Says what is wrong as the board's form does.
    case_id = start_case(request_of({**form, "caseworkers": people}), request_key, "operator")
    kick(case_id)
    return case_id


def request_of(form: Facts) -> OnboardingRequest:
    """What a form asks for; raises FieldTooLong or FormInvalid, which name the field."""
    try:
        return OnboardingRequest.model_validate(form)
    except ValidationError as error:
        first = error.errors()[0]
        field, value = ".".join(map(str, first["loc"])), str(first["input"])
        if first["type"] == "string_too_long":
            raise FieldTooLong(value[:20], len(value), first["ctx"]["max_length"], field) from error
        raise FormInvalid(field, value[:100], first["msg"]) from error


def start_case(request: OnboardingRequest, request_key: str, actor: str) -> int:
    """Open a case for the firm and return its id; the same *request_key* again returns the same case.

    Raises CaseThere if the firm has one with this organiser, unless another one is meant.
    """
    request.check()
    with transaction() as session:
        known = session.scalars(select(Onboarding.id).where(Onboarding.request_key == request_key)).one_or_none()
        if known is not None:
            return known
        _require_new(session, request)
        at = now()
        firm = Firm(
            name=firm_name(request.firm_name),
            line_of_business=request.line_of_business,
            business=request.business,
            created_at=at,
        )
        firm.describe(
            street=request.street,
            postcode=request.postcode,
            city=request.city,
            land=request.land,
            website=request.website,
        )
        session.add(firm)
        session.flush()
        preferred = company_number(request.preferred_number) if request.preferred_number else None
        taken = preferred is not None and not firm.reserve(session, preferred)
        case = Onboarding.open(session, firm, request_key, at)
        subscription = Subscription(firm_id=firm.id, question=request.question)
        session.add(subscription)
        if request.plan is not None and request.interval is not None:
            subscription.confirm(request.plan, request.interval, at)
        named: list[Person] = []
        organiser = email_address(request.organiser.email)  # Who works there, whatever list they stand on as well.
        for role, people in {
            Role.ORGANISER: [request.organiser],
            Role.CONTACT: [request.contact or request.organiser],
            Role.CASEWORKER: [one for one in request.caseworkers if email_address(one.email) != organiser],
        }.items():
            named += add_people(session, firm, role, people, request)
        if request.logo_permission_by:
            session.add(
                LogoPermission(
                    firm_id=firm.id, website=firm.website, granted_by=request.logo_permission_by, granted_at=at
                )
            )
        asked = {"request": request.model_dump(mode="json"), "rows": evidence(firm, subscription, *named)}
        told: dict[int, Facts] = {case.id: asked, HOUSE: {"case": case.id}}
        record_each(session, told, at, "case.opened", actor)
        if taken:
            tell_of_number(session, case, f"taken:{case.id}", preferred, granted=False)
        return case.id


def _require_new(session: Session, request: OnboardingRequest) -> None:
    organiser = email_address(request.organiser.email)
    alone(session, "organiser", organiser)  # Of two who ask at once the second sees the case of the first.
    if request.again:
        return
    theirs = select(Onboarding.id, Firm.name).join(Firm, Firm.id == Onboarding.firm_id)
    theirs = theirs.join(Person, Person.firm_id == Firm.id)
    theirs = theirs.where(Person.role == Role.ORGANISER, Person.email == organiser).order_by(Onboarding.id.desc())
    for case_id, name in session.execute(theirs):
        if same_name(name, request.firm_name):
            raise CaseThere(case_id)


def add_people(
    session: Session, firm: Firm, role: Role, people: Sequence[Named], manners: OnboardingRequest | Person
) -> list[Person]:
    """Add who is not there yet in this role, spoken to in the *manners* of the request or of who names them.

    Whoever was withdrawn is there again.
    """
    named = {email_address(one.email): one for one in reversed(people)}  # Of two with one address the first counts.
    here = select(Person).where(Person.firm_id == firm.id, Person.role == role, Person.email.in_(named))
    known = {person.email: person for person in session.scalars(here)}
    added = []
    for email in reversed(named):
        if email in known and known[email].withdrawn_at is not None:
            known[email].give_way(named[email].name, email)
            known[email].added_at = now()
            added.append(known[email])
        elif email not in known:
            given, family = name_parts(named[email].name)
            person = Person(
                firm_id=firm.id,
                role=role,
                email=email,
                given_name=given,
                family_name=family,
                language=manners.language,
                address_form=manners.address_form,
                land=firm.land,
                postcode=firm.postcode,
                added_at=now(),
            )
            added.append(person)
    session.add_all(added)
    session.flush()
    return added


class Turn(NamedTuple):
    """Somebody whose turn it is in a case; *reminders* counts this one and those before, *last* says no more come.

    *also*: other steps that wait for the same person, told in the same mail.
    """

    case: Onboarding
    person: Person
    reminders: int = 0
    last: bool = False
    also: tuple[StepName, ...] = ()


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
    said = decision.answer or {}
    if said.get("plan") not in list(Plan) or said.get("interval") not in list(Interval):
        raise PlanMissing
    subscription = Subscription.of(session, case.firm_id)
    subscription.advice = str(said.get("note", ""))[:2000]
    subscription.confirm(Plan(said["plan"]), Interval(said["interval"]), decision.answered_at or now())


def _number_decided(session: Session, case: Onboarding, decision: Decision) -> None:
    preferred, granted = case.firm.preferred_number, decision.verdict is Verdict.GRANT
    changed = case.firm.grant_preference(session) if granted else case.firm.refuse_preference(session)
    if not changed:
        return  # The firm has another number by now; it was told of that one.
    note = str((decision.answer or {}).get("note", ""))
    tell_of_number(session, case, f"decided:{decision.id}", preferred, granted=granted, note=note)


def tell_of_number(
    session: Session, case: Onboarding, key: str, preferred: int | None, *, granted: bool, note: str = ""
) -> None:
    """Mail the organiser what became of the preferred number, with free ones near it if it was refused."""
    Outgoing.post(
        session,
        MailKind.COMPANY_ID,
        f"company_id:{key}",
        Person.one(session, case.firm_id, Role.ORGANISER),
        now(),
        case_id=case.id,
        **letterhead(session, case.firm),
        granted=granted,
        preferred=preferred,
        alternatives=case.firm.offered_numbers or [],
        note=note,
        path=f"/firm/{case.firm_id}" if granted else f"/firm/{case.firm_id}/details",
    )


def _signature_judged(session: Session, case: Onboarding, decision: Decision) -> None:
    """Yes: we sign as well, and the next pass does the paper work. No: the firm is asked for its signature again."""
    agreement = Agreement.latest(session, case.id)
    if agreement is None or agreement.id != decision.facts["agreement_id"] or agreement.countersigned_at is not None:
        return  # Meanwhile it was signed by another way, or another version was sent.
    by, at, said = decision.answered_by or "", now(), decision.answer or {}
    if decision.verdict is Verdict.REFUSE:
        refuse_signature(session, case, by, at)
    else:
        name = _signatory(session, by, str(said.get("name", "")))
        if decision.kind is DecisionKind.SIGNED_COPY:
            agreement.uploaded_id = decision.facts["document_id"]
            day = _day_written(str(said.get("signed_on", "")), at)
            arrived = decision.facts.get("arrived_at")  # Asked again, the question is younger than the copy.
            told: Facts = {"arrived_at": datetime.fromisoformat(arrived) if arrived else decision.opened_at}
            told["signed_on"] = day
            sign_for_firm(session, case, decision.facts["signer"], SignedHow.UPLOAD, by, at, **told)
        sign_for_provider(session, case, name, by, at)
    close_questions(session, case.id, at)


def _signatory(session: Session, by: str, typed: str) -> str:
    """The name with which an operator signs: that of the account, else the one typed, which the account keeps."""
    account = Account.by_email(session, by)
    if account is not None and account.name:
        return account.name
    name = operator_name(typed)
    if account is not None:
        account.name = name
        record(session, HOUSE, now(), "operator.named", by, account=by, before=None, after=name)
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
    said = decision.answer or {}
    if decision.verdict is Verdict.TALK:
        facts = {**decision.facts, "note": said.get("note", "")}
        key = f"{DecisionKind.TALK}:{decision.facts['agreement_id']}"
        Decision.ask(session, case.id, DecisionKind.TALK, key, now(), **facts)
    if decision.verdict is Verdict.RESEND:
        subscription = Subscription.of(session, case.firm_id)
        before = subscription.agreed
        subscription.agree(Change.parse(said))
        if before != subscription.agreed:
            told = {"before": before, "after": subscription.agreed}
            record(session, case.id, now(), "subscription.agreed", decision.answered_by or "", **told)
    if decision.verdict is Verdict.STOP:
        _stop(session, case, decision.answered_at or now(), str(said.get("note", "")), decision.answered_by or "")


def _stop(session: Session, case: Onboarding, at: datetime, reason: str, by: str) -> None:
    """The case ends without going live: nobody is reminded or asked any more, and no link opens anything.

    What ends with it ends at this very moment: by that ``tasks.stopped`` knows what to begin anew.
    """
    case.stop(at)
    case.firm.release_preference(session)
    record(session, case.id, at, "case.stopped", by, reason=reason)
    pointless = [kind for kind, outlives in OUTLIVES_CASE.items() if not outlives]
    drop_mails(session, at, Outgoing.onboarding_id == case.id, Outgoing.kind.in_(pointless))
    for question in Decision.pending(session, case.id):
        question.close(at)
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
        _stop(session, case, at, reason, by)
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


def correct_address(case_id: int, person_id: int, address: str, by: str) -> None:
    """An operator was told another address of somebody who has no account yet.

    Raises NotFound, AddressInvalid, AddressTaken, AddressSettled.
    """
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        case.require_going()
        person = session.get(Person, person_id)
        if person is None or person.firm_id != case.firm_id:
            raise NotFound(f"Person {person_id}")
        if person.registered_at is not None or person.withdrawn_at is not None:
            raise AddressSettled(person.name)
        _readdress(session, case, person, address, by)
        case.touch(now())


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
        _readdress(session, case, person, (decision.answer or {}).get("address", ""), by)


def _readdress(session: Session, case: Onboarding, person: Person, written: str, by: str) -> None:
    """Write to this person at another address from now on, what is held or came back as well."""
    address, before = writable_address(written), person.email
    same = (Person.firm_id == person.firm_id, Person.role == person.role, Person.email == address)
    if session.scalars(select(Person.id).where(*same, Person.id != person.id)).first() is not None:
        raise AddressTaken(address)
    person.email, person.bounced_at = address, None
    if person.role is Role.ORGANISER:
        end_doubles(session, case, person, by)
    for question in Decision.about(session, case.id, person.id, DecisionKind.BAD_ADDRESS):
        question.close(now())
    held = select(Outgoing).where(Outgoing.person_id == person.id, Outgoing.to_address == before)
    held = held.where(or_(Outgoing.failed_at.is_not(None), Outgoing.due_at.is_not(None)))
    links = {link.id: link for link in session.scalars(select(Link).where(Link.person_id == person.id))}
    mails = session.scalars(held.order_by(Outgoing.id)).all()
    # What a used link asks for was done.
    mails = [mail for mail in mails if mail.link_id is None or links[mail.link_id].used_at is None]
    close_mail_questions(session, now(), mails)
    for mail in mails:
        mail.readdress(person.email, now())
    for link in links.values():
        if link.used_at is None:
            link.renew(now())
    cadences = Cadences(session, [(case.id, case.firm_id)])
    for wait in session.scalars(select(Reminder).where(Reminder.person_id == person.id, Reminder.ended_at.is_(None))):
        rhythm = cadences.rhythm(wait.kind, case.id)
        # Where nothing came back that could be sent again, the first reminder does not wait for its day.
        wait.start_anew(rhythm, person, now() - timedelta(days=0 if mails else rhythm.day(0)))
    told: Facts = {"person": person.id, "before": before, "after": address, "rows": evidence(person)}
    record(session, case.id, now(), "address.corrected", by, **told)


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
    wanted = select(Reminder).where(Reminder.person_id == person.id, Reminder.step == decision.facts["step"])
    for wait in session.scalars(wanted.where(Reminder.ended_at.is_(None))):
        rhythm = Cadences(session, [(case.id, case.firm_id)]).rhythm(wait.kind, case.id)
        wait.start_anew(rhythm, person, now() - timedelta(days=rhythm.day(0)))


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
    DecisionKind.LOGO: logo_chosen,
    DecisionKind.SILENT: _silence_broken,
}
