"""Step 5: the agreement: written, sent, read, expired or taken back, countersigned; what is answered: ``responses``."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models import questions
from models.agreement import Agreement, BeingDiscussed, HandedOver, close_questions
from models.audit import Entry, record
from models.db import Facts, reading, transaction
from models.decision import Decision, Verdict
from models.document import Document
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm, LineOfBusiness
from models.link import Link, Purpose
from models.logo import Logo
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, Party, Standing, StepName
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.settings import settings
from models.subscription import Subscription
from models.time.clock import now, today
from tasks.agreement.contract_texts import Texts, current_texts
from tasks.agreement.finalize import complete_agreement, kept_texts
from tasks.agreement.rendering import AgreementData, Part, agreement_filename, agreement_parts, render_agreement
from tasks.agreement.signatures import sign_for_provider
from tasks.engine.retry import side_effect
from tasks.mail import letters
from tasks.mail.letterheads import Turn, letterhead, letterheads
from tasks.mail.letters import AskedBefore, Delegation
from tasks.text.i18n import Reader

log = logging.getLogger(__name__)


AGREED: Facts = {
    "plan": "",
    "billing": "",
    "price_cents": 0,
    "discount": 0,
    "notice_count": 0,
    "notice_unit": "months",
    "clause": "",
}
"""What is agreed of the subscription, as an agreement's data name it, with what versions mean that do not say it."""


class NotAsked(ProvisionError):
    """The link is of somebody who was asked to sign and no longer is."""

    status = 410
    says = N_("You are no longer asked to sign this agreement: turn to the person in your firm who named you.")


class NewVersionSent(NotAsked):
    """The link is of somebody who was asked to sign a version before; each new one goes to the organiser."""

    says = N_(
        "A new version has taken the place of the agreement that you were asked to sign. It went to %(name)s, who can"
        " ask you once more."
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


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
    if not _send_what_is_due(case_id) and agreement is not None:
        if agreement.countersigned_at is not None:
            complete_agreement(case_id)
        else:
            _await(case_id)
            _countersign_by_itself(case_id)
    with reading() as session:
        return Onboarding.get(session, case_id).standing(StepName.AGREEMENT)


def _version_due(session: Session, case: Onboarding) -> int | None:
    """Which version is to be sent now; None if none is."""
    if not case.may_begin(StepName.AGREEMENT) or case.agreement_done or case.stopped_at is not None:
        return None
    agreement = Agreement.latest(session, case.id)
    if agreement is None:
        return 1
    return agreement.version + 1 if agreement.resend_asked(session) is not None else None


def _send_what_is_due(case_id: int) -> bool:
    """Write the version that is due and mail it to the organiser; False if none is.

    To render it takes a while, in which no lock is held: what it says is read again in the transaction that sends it,
    and whatever was put right meanwhile makes it be written anew.
    """
    while True:
        with reading() as session:
            case = Onboarding.get(session, case_id)
            version = _version_due(session, case)
            if version is None:
                return False
            texts = current_texts(Person.organiser(session, case.firm_id).language.value)
            data = agreement_data(session, case, version, texts)
        pdf = render_agreement(data, texts)
        with transaction() as session:
            case = Onboarding.get(session, case_id)
            if _version_due(session, case) != version:
                return True  # Another pass was faster, or the case was stopped.
            if agreement_data(session, case, version, texts) == data:
                _send(session, case, data, texts, pdf)
                return True


def _send(session: Session, case: Onboarding, data: AgreementData, texts: Texts, pdf: bytes) -> None:
    """Keep this version and mail it to the organiser."""
    at, organiser, before = now(), Person.organiser(session, case.firm_id), Agreement.latest(session, case.id)
    document = _keep_document(session, data, texts, pdf)
    agreement = Agreement(
        onboarding_id=case.id,
        version=1 if before is None else before.version + 1,
        language=organiser.language,
        data={**asdict(data), "date": data.date.isoformat(), "logo": None},
        document_id=document.id,
    )
    agreement.send(at)
    session.add(agreement)
    session.flush()
    close_questions(session, case.id, at)
    _record_sending(session, agreement, document, organiser)
    mail_agreement(session, [Turn(case, organiser)], _note_on(session, before))
    Reminder.begin(session, case, organiser, StepName.AGREEMENT, at)
    case.wait(StepName.AGREEMENT, Party.ORGANISER, at)


def _keep_document(session: Session, data: AgreementData, texts: Texts, pdf: bytes) -> Document:
    """The document, kept with the texts from which it was written."""
    Document.keep(session, texts.bundle, f"texts-{texts.language}.json", "application/json")
    return Document.keep(session, pdf, agreement_filename(data.firm_name, data.language), "application/pdf")


def _record_sending(session: Session, agreement: Agreement, document: Document, to: Person) -> None:
    facts: Facts = {"version": agreement.version, "sha256": document.sha256}
    facts |= {"texts_sha256": agreement.data["texts_sha256"], "data_sha256": agreement.data_sha256}
    facts |= {"language": agreement.language, "expires_at": agreement.expires_at.isoformat()}
    record(session, agreement.onboarding_id, agreement.sent_at, "agreement.sent", to=to.email, **facts)


def _note_on(session: Session, before: Agreement | None) -> str:
    """What an operator has said to whoever gets a version in place of the one *before*."""
    answer = before.resend_asked(session) if before is not None else None
    return str((answer.answer or {}).get("note", "")) if answer is not None else ""


def _changes(before: Agreement, agreement: Agreement | None = None) -> Facts:
    """What is agreed otherwise than in the version before, as its own data say it; nothing in the first version."""
    old, new = (
        {name: version.data.get(name, AGREED[name]) for name in AGREED} for version in (before, agreement or before)
    )
    changed = {name: new[name] for name in AGREED if old[name] != new[name]}
    both = ("notice_count", "notice_unit")  # Neither says anything alone.
    return changed | {name: new[name] for name in both if changed.keys() & set(both)}


def mail_agreement(session: Session, turns: Sequence[Turn], note: str = "") -> set[int]:
    """Mail each person who is asked to sign the open agreement, with their link to it.

    Besides the organiser only who was named instead gets one. Each mail about a new version tells what that says
    otherwise than the one before; *note* is what an operator adds, which is no part of it. It takes as many statements
    for many as for one; returns the people who are written to.
    """
    versions = Agreement.versions_of(session, [turn.case.id for turn in turns])
    newest = {case_id: agreements[-1] for case_id, agreements in versions.items()}
    heads = letterheads(session, [turn.case.firm for turn in turns])
    signers = [turn for turn in turns if turn.case.id in newest and _may_open(turn.person, newest[turn.case.id])]
    delegations, asked_before = _delegations(session, signers, newest), _asked_before(session, newest)
    links = Link.to_each(session, Purpose.AGREEMENT, now(), [turn.person.id for turn in signers])
    mails = [
        letters.agreement(
            turn,
            newest[turn.case.id],
            links[turn.person.id],
            heads[turn.case.firm_id],
            now(),
            changes=_changes(*versions[turn.case.id][-2:]),
            note=note,
            delegation=delegations.get(turn.case.id),
            asked_before=asked_before.get(turn.case.id),
        )
        for turn in signers
    ]
    Outgoing.post_all(session, mails)
    return {turn.person.id for turn in signers}


def _may_open(person: Person, agreement: Agreement) -> bool:
    return (
        agreement.is_open
        and not agreement.has_run_out(now())
        and (person.role is Role.ORGANISER or person.id == agreement.delegate_id)
    )


def _delegations(session: Session, turns: Collection[Turn], newest: dict[int, Agreement]) -> dict[int, Delegation]:
    """By case, who has handed the signature over to somebody whose turn it is, and why to them."""
    firms = {turn.case.firm_id: newest[turn.case.id] for turn in turns if turn.person.role is Role.SIGNATORY}
    organisers = select(Person).where(Person.firm_id.in_(firms), Person.role == Role.ORGANISER)
    return {
        firms[organiser.firm_id].onboarding_id: Delegation(
            delegated_by=organiser.name, function=firms[organiser.firm_id].delegate_function
        )
        for organiser in (session.scalars(organisers) if firms else ())
    }


def _asked_before(session: Session, newest: dict[int, Agreement]) -> dict[int, AskedBefore]:
    """By case, who was asked to sign the version before instead of the organiser: that has ended with it."""
    anew = [case_id for case_id, version in newest.items() if version.version > 1 and version.delegate_id is None]
    delegates = select(Agreement, Person).join(Person, Person.id == Agreement.delegate_id)
    return {
        version.onboarding_id: AskedBefore(name=person.name, function=version.delegate_function)
        for version, person in (session.execute(delegates.where(Agreement.onboarding_id.in_(anew))) if anew else ())
        if version.version == newest[version.onboarding_id].version - 1
    }


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
    signer, at = asked_to_sign(session, case, agreement), now()
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
    signer = asked_to_sign(session, case, agreement)
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
    facts: Facts = {"version": agreement.version, "sha256": sha256_of(session, agreement)}
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
        facts: Facts = {"version": agreement.version, "sha256": sha256_of(session, agreement), **where}
        record(session, case.id, at, "agreement.asked_anew", person.email, **facts)
        case.touch(at)


def agreement_data(session: Session, case: Onboarding, version: int, texts: Texts) -> AgreementData:
    """What the agreement says, from the case as it is now."""
    firm = case.firm
    organiser, contact = Person.organiser(session, firm.id), Person.one(session, firm.id, Role.CONTACT)
    subscription = Subscription.of(session, firm.id)
    logo = Logo.of(session, firm.id)
    reader = Reader(organiser.language, organiser.address_form)
    assert subscription.plan is not None and subscription.interval is not None  # noqa: PT018  (step 1 is done)
    return AgreementData(
        number=f"{firm.company_id}-{version}",
        version=texts.sha256[:12],
        texts_sha256=texts.sha256,
        language=organiser.language.value,
        date=today(),
        product=settings().product_name,
        provider_name=settings().provider_name,
        provider_address=tuple(line.strip() for line in settings().provider_address.split(",")),
        provider_email=settings().provider_email,
        firm_name=firm.name,
        company_id=str(firm.company_id),
        line_of_business=firm.line_of_business.value,
        line_of_business_label=(
            firm.business if firm.line_of_business is LineOfBusiness.OTHER else reader.label(firm.line_of_business)
        ),
        address=tuple(firm.address),
        website=firm.website,
        organiser_name=organiser.name,
        organiser_email=organiser.email,
        contact_person=contact.name if contact else "",
        plan=reader.label(subscription.plan),
        billing=subscription.interval.value,
        price_cents=subscription.price_cents,
        currency=subscription.currency,
        full_cents=subscription.full_cents,
        discount=subscription.discount,
        notice_count=subscription.notice_count,
        notice_unit=subscription.notice_unit.value,
        clause=subscription.clause,
        logo=logo.for_light if logo else None,
    )


@dataclass(frozen=True)
class Shown:
    """The agreement as its signer sees it."""

    agreement: Agreement
    firm: Firm
    person: Person
    parts: list[Part]
    name: str
    case_id: int
    asked: Person
    """Who is asked to sign: the organiser, or whom the organiser has named."""
    organiser: Person
    """To whom every new version goes."""
    has_run_out: bool
    """It was not signed in time."""
    answered: Verdict | None
    """How it goes on after that, if somebody has said so."""

    @property
    def is_asked(self) -> bool:
        """Whether it is the holder of the link."""
        return self.person.id == self.asked.id

    @property
    def next_part(self) -> str | None:
        """The first part that has not been read yet."""
        return next(iter(self.agreement.unread([part.key for part in self.parts])), None)


def opened(token: str) -> Shown:
    """The agreement behind a link. Looking changes nothing."""
    with reading() as session:
        case, person = behind(session, token)
        agreement = Agreement.current(session, case.id)
        data = {**agreement.data, "date": date.fromisoformat(agreement.data["date"])}
        parts = agreement_parts(AgreementData(**data), kept_texts(session, agreement))
        document = session.get_one(Document, agreement.document_id)
        asked = asked_to_sign(session, case, agreement)
        question = Decision.by_key(session, agreement.lapsed_key)
        answered, run_out = question.verdict if question else None, agreement.has_run_out(now())
        organiser = Person.organiser(session, case.firm_id)
        return Shown(agreement, case.firm, person, parts, document.name, case.id, asked, organiser, run_out, answered)


def pdf(token: str) -> tuple[str, bytes]:
    """File name and content of the agreement as it was sent."""
    with reading() as session:
        case, _ = behind(session, token)
        document = session.get_one(Document, Agreement.current(session, case.id).document_id)
        return document.name, document.content


def final_pdf(firm_id: int) -> tuple[str, bytes]:
    """File name and content of the agreement that both sides have signed."""
    with reading() as session:
        case_id = Onboarding.of_firm(session, firm_id).id
        agreement = Agreement.latest(session, case_id)
        if agreement is None or agreement.final_id is None:
            raise NotFound("Agreement")
        document = session.get_one(Document, agreement.final_id)
        return document.name, document.content


def withdraw(case_id: int, reason: str, by: str) -> int:
    """The provider takes back an agreement that is open; who was asked to sign is told why. Returns the case's id."""
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        case.require_going()
        agreement = Agreement.current(session, case.id)
        if agreement.withdraw(reason, by, at):
            _tell_of_withdrawal(session, case, agreement, at)
            facts = {"version": agreement.version, "sha256": sha256_of(session, agreement)}
            record(session, case.id, at, "agreement.withdrawn", by, reason=agreement.withdraw_reason, **facts)
            close_questions(session, case.id, at)
            case.touch(at)
        return case.id


def _tell_of_withdrawal(session: Session, case: Onboarding, agreement: Agreement, at: datetime) -> None:
    signer, head = asked_to_sign(session, case, agreement), letterhead(session, case.firm)
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


def behind(session: Session, token: str) -> tuple[Onboarding, Person]:
    """The case and the person of a link to an agreement; raises NotAsked for who no longer signs."""
    link = Link.open(session, token, Purpose.AGREEMENT, now())
    person = session.get_one(Person, link.person_id)
    case = Onboarding.of_firm(session, person.firm_id)
    newest = Agreement.current(session, case.id)
    if person.role is not Role.ORGANISER and newest.delegate_id != person.id:
        earlier = select(Agreement.id).where(Agreement.onboarding_id == case.id, Agreement.delegate_id == person.id)
        asked_before = session.scalars(earlier.limit(1)).first() is not None
        if asked_before and newest.is_open and not _taken_back_from(session, newest, person):
            raise NewVersionSent(Person.organiser(session, case.firm_id).name)
        raise NotAsked
    if not case.agreement_done:  # What both have signed can be read for ever.
        case.require_going()
    return case, person


def _taken_back_from(session: Session, agreement: Agreement, person: Person) -> bool:
    """Whether the organiser handed this very version to the person and took it back."""
    taken = select(Entry.facts).where(Entry.case_id == agreement.onboarding_id, Entry.action == "agreement.taken_back")
    ways = ((facts["from"], facts["version"]) for facts in session.scalars(taken))
    return (person.email, agreement.version) in ways


def require_asked(person: Person, agreement: Agreement) -> None:
    """Raise HandedOver for the organiser who has asked somebody else."""
    if agreement.is_open and agreement.delegate_id not in {None, person.id}:
        raise HandedOver


def _who_handed_over(session: Session, signer: Person) -> list[Person]:
    """The organiser, where somebody else was asked to sign: they hear what became of it as well."""
    return [] if signer.role is Role.ORGANISER else [Person.organiser(session, signer.firm_id)]


def asked_to_sign(session: Session, case: Onboarding, agreement: Agreement) -> Person:
    """The organiser, or whom the organiser has named."""
    if agreement.delegate_id is not None:
        return session.get_one(Person, agreement.delegate_id)
    return Person.organiser(session, case.firm_id)


def signer_of(case_id: int) -> int:
    """Who is asked to sign the case's agreement."""
    with reading() as session:
        case = Onboarding.get(session, case_id)
        return asked_to_sign(session, case, Agreement.current(session, case.id)).id


def sha256_of(session: Session, agreement: Agreement) -> str:
    """The hash of the document as it was sent."""
    return session.get_one(Document, agreement.document_id).sha256
