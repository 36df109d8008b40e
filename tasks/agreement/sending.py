"""The agreement is written from what the case says, kept, and mailed to whoever is asked to sign it."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from secrets import token_hex

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import Agreement, close_questions
from models.audit import record
from models.db import Facts, reading, transaction
from models.document import Document
from models.firm import LineOfBusiness
from models.link import Link, Purpose
from models.logo import Logo
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, Party, StepName
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.settings import settings
from models.subscription import Subscription
from models.time.clock import now, today
from tasks.agreement.contract_texts import Texts, current_texts
from tasks.agreement.rendering import AgreementData, agreement_filename, render_agreement
from tasks.mail.letterheads import Turn, letterheads
from tasks.mail.letters import agreement as letters
from tasks.mail.letters.agreement import AskedBefore, Delegation
from tasks.text.i18n import Reader

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


def _version_due(session: Session, case: Onboarding) -> int | None:
    """Which version is to be sent now; None if none is."""
    if not case.may_begin(StepName.AGREEMENT) or case.agreement_done or case.stopped_at is not None:
        return None
    agreement = Agreement.latest(session, case.id)
    if agreement is None:
        return 1
    return agreement.version + 1 if agreement.resend_asked(session) is not None else None


def send_what_is_due(case_id: int) -> bool:
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
        # Its checksum stays in the trail: nobody is to find out by it what an erased name was.
        pdf = render_agreement(data, texts, identifier=token_hex(16).encode())
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
    record(session, agreement.onboarding_id, agreement.sent_at, "agreement.sent", person=to.id, to=to.email, **facts)


def _note_on(session: Session, before: Agreement | None) -> str:
    """What an operator has said to whoever gets a version in place of the one *before*."""
    answer = before.resend_asked(session) if before is not None else None
    return str((answer.answer or {}).get("note", "")) if answer is not None else ""


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


def _changes(before: Agreement, agreement: Agreement | None = None) -> Facts:
    """What is agreed otherwise than in the version before, as its own data say it; nothing in the first version."""
    old, new = (
        {name: version.data.get(name, AGREED[name]) for name in AGREED} for version in (before, agreement or before)
    )
    changed = {name: new[name] for name in AGREED if old[name] != new[name]}
    both = ("notice_count", "notice_unit")  # Neither says anything alone.
    return changed | {name: new[name] for name in both if changed.keys() & set(both)}


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
