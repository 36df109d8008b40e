"""Step 5: the agreement: written, sent, read, signed or declined, countersigned, copied to both sides."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy.orm import Session

from models.agreement import Agreement, SignedAlready, SignedHow
from models.audit import record
from models.db import reading, transaction
from models.decision import Decision, DecisionKind, Verdict
from models.document import Document
from models.errors import NotFound
from models.exchange import MailKind, Outgoing
from models.firm import Firm, LineOfBusiness
from models.link import Link, Purpose
from models.logo import Logo
from models.onboarding import Onboarding, Party, Reminder, Standing, StepName
from models.person import Person, Role
from models.schedule import now
from models.settings import settings
from models.subscription import Subscription
from tasks.cases import Turn, letterhead, letterheads
from tasks.completion import complete_agreement
from tasks.paper import AgreementData, Part, agreement_filename, agreement_parts, render_agreement
from tasks.policy import side_effect
from tasks.returned import inspect
from tasks.texts import Reader
from tasks.wording import Texts, current_texts


@side_effect(name="5 Agreement")
def conclude_agreement(case_id: int) -> Standing:
    """Send the agreement once organiser and details are there, and put the signed one before an operator.

    Repeating it changes nothing: each version is rendered from facts that do not change, kept under its SHA-256 and
    mailed under one key; a signature raises one question; the final copy is made once.
    """
    with reading() as session:
        case = Onboarding.get(session, case_id)
        agreement = Agreement.latest(session, case_id)
        again = agreement is not None and _to_be_sent_again(session, agreement)
    if case.may_begin(StepName.AGREEMENT) and not case.agreement_done and case.stopped_at is None:
        if agreement is None or again:
            _send(case_id, 1 if agreement is None else agreement.version + 1)
        elif agreement.countersigned_at is not None:
            complete_agreement(case_id)
        else:
            _await(case_id)
    with reading() as session:
        return Onboarding.get(session, case_id).standing(StepName.AGREEMENT)


def _to_be_sent_again(session: Session, agreement: Agreement) -> bool:
    decision = Decision.by_key(session, f"declined:{agreement.id}")
    return decision is not None and decision.verdict is Verdict.RESEND


def _send(case_id: int, version: int) -> None:
    """Write the next version and mail it to the organiser."""
    with reading() as session:
        case = Onboarding.get(session, case_id)
        texts = current_texts(_organiser(session, case.firm_id).language.value)
        data = agreement_data(session, case, version, texts)
    pdf = render_agreement(data, texts)
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        latest = Agreement.latest(session, case.id)
        if latest is not None and latest.version >= version:
            return  # Another pass was faster.
        organiser = _organiser(session, case.firm_id)
        Document.keep(session, texts.bundle, f"texts-{texts.language}.json", "application/json")
        document = Document.keep(
            session, pdf, agreement_filename(case.firm.name, organiser.language.value), "application/pdf"
        )
        agreement = Agreement(
            onboarding_id=case.id,
            version=version,
            language=organiser.language,
            data={**asdict(data), "date": data.date.isoformat(), "logo": None},
            document_id=document.id,
            sent_at=at,
        )
        session.add(agreement)
        session.flush()
        record(session, case.id, at, "agreement.sent", to=organiser.email, version=version, sha256=document.sha256)
        mail_agreement(session, [Turn(case, organiser)])
        Reminder.begin(session, case, organiser, StepName.AGREEMENT, at)
        case.wait(StepName.AGREEMENT, Party.ORGANISER, at)


def mail_agreement(session: Session, turns: Sequence[Turn]) -> None:
    """Mail each organiser the open agreement with a fresh link to read and sign it; the link before dies.

    It takes as many statements for many as for one.
    """
    newest = Agreement.latest_of(session, [turn.case.id for turn in turns])
    about = letterheads(session, [turn.case.firm for turn in turns])
    signers = [turn for turn in turns if turn.case.id in newest and newest[turn.case.id].is_open]
    links = Link.to_each(session, Purpose.AGREEMENT, now(), [turn.person.id for turn in signers])
    mails = []
    for case, organiser, count, last in signers:
        agreement, link = newest[case.id], links[organiser.id]
        mails.append(
            Outgoing.draft(
                MailKind.AGREEMENT,
                f"agreement:{agreement.id}:{link.generation}",
                organiser,
                now(),
                case_id=case.id,
                link=link,
                document_id=agreement.document_id,
                **about[case.firm_id],
                count=count,
                last=last,
            )
        )
    Outgoing.post_all(session, mails)


def _await(case_id: int) -> None:
    """Ask for the signature, for a decision about it, or for one about a refusal."""
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        agreement = _latest(session, case.id)
        organiser = _organiser(session, case.firm_id)
        if agreement.declined_at is not None:
            facts = {"agreement_id": agreement.id, "signer": organiser.name, "reason": agreement.decline_reason}
            if Decision.ask(session, case.id, DecisionKind.DECLINED, f"declined:{agreement.id}", at, **facts):
                Outgoing.post(
                    session,
                    MailKind.AGREEMENT_DECLINED,
                    f"agreement_declined:{agreement.id}",
                    None,
                    at,
                    case_id=case.id,
                    **letterhead(session, case.firm),
                    signer=organiser.name,
                    reason=agreement.decline_reason,
                )
            case.wait(StepName.AGREEMENT, Party.OPERATOR, at)
        elif agreement.signed_at is not None:
            key = f"countersign:{agreement.id}:{agreement.signed_at.isoformat()}"
            facts = {"agreement_id": agreement.id, "signer": agreement.signer}
            Decision.ask(session, case.id, DecisionKind.COUNTERSIGN, key, at, **facts)
            case.wait(StepName.AGREEMENT, Party.OPERATOR, at)
        elif agreement.uploaded_id is not None:
            case.wait(StepName.AGREEMENT, Party.OPERATOR, at)
        else:
            if case.wait(StepName.AGREEMENT, Party.ORGANISER, at):  # A signature was not accepted.
                mail_agreement(session, [Turn(case, organiser)])
                Reminder.begin(session, case, organiser, StepName.AGREEMENT, at)
            return
        Reminder.end(session, StepName.AGREEMENT, at, case=case.id)


def agreement_data(session: Session, case: Onboarding, version: int, texts: Texts) -> AgreementData:
    """What the agreement says, from the case as it is now."""
    firm = case.firm
    organiser, contact = _organiser(session, firm.id), Person.one(session, firm.id, Role.CONTACT)
    subscription = Subscription.of(session, firm.id)
    logo = Logo.of(session, firm.id)
    reader = Reader(organiser.language, organiser.address_form)
    assert subscription.plan is not None and subscription.interval is not None  # noqa: PT018  (step 1 is done)
    return AgreementData(
        number=f"{firm.company_id}-{version}",
        version=texts.sha256[:12],
        texts_sha256=texts.sha256,
        language=organiser.language.value,
        date=(organiser.registered_at or case.opened_at).date(),
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


def opened(token: str) -> Shown:
    """The agreement behind a link. Looking changes nothing."""
    with reading() as session:
        case, person = _behind(session, token)
        agreement = _latest(session, case.id)
        said = {**agreement.data, "date": date.fromisoformat(agreement.data["date"])}
        parts = agreement_parts(AgreementData(**said), _texts_of(session, agreement))
        document = session.get_one(Document, agreement.document_id)
        return Shown(agreement, case.firm, person, parts, document.name, case.id)


def _texts_of(session: Session, agreement: Agreement) -> Texts | None:
    """The texts with which it was written, whatever the texts on the disk say by now."""
    kept = Document.by_sha256(session, agreement.data.get("texts_sha256", ""))
    return Texts.from_bundle(kept.content) if kept else None


def pdf(token: str) -> tuple[str, bytes]:
    """File name and content of the agreement as it was sent."""
    with reading() as session:
        case, _ = _behind(session, token)
        document = session.get_one(Document, _latest(session, case.id).document_id)
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


def sign(token: str, name: str, *, ip: str, agent: str) -> int:
    """The organiser signs on the page; returns the case's id. Signing again changes nothing."""
    with transaction() as session:
        case, person = _behind(session, token)
        return _sign(session, case, name, SignedHow.PAGE, person.email, ip=ip, agent=agent)


def sign_by_notice(company_id: int, version: int, signer: str, told_at: str = "") -> int:
    """Another system says that the agreement was signed there, at a time that we write down but did not see.

    Returns the case's id.
    """
    with transaction() as session:
        case = Onboarding.of_firm(session, Firm.by_company_id(session, company_id).id)
        _require_version(session, case, version)
        return _sign(session, case, signer, SignedHow.WEBHOOK, "webhook", told_at=told_at)


def _sign(
    session: Session,
    case: Onboarding,
    name: str,
    how: SignedHow,
    actor: str,
    *,
    ip: str = "",
    agent: str = "",
    told_at: str = "",
) -> int:
    agreement, at = _latest(session, case.id), now()
    if agreement.sign(name, how, at, ip=ip, agent=agent):
        document = session.get_one(Document, agreement.document_id)
        facts = {"signer": agreement.signer, "how": how, "ip": ip, "agent": agent[:300], "sha256": document.sha256}
        if told_at:
            facts["told_at"] = told_at
        record(session, case.id, at, "agreement.signed", actor, **facts)
        case.wait(StepName.AGREEMENT, Party.OPERATOR, at)
        case.touch(at)
    return case.id


def decline(token: str, reason: str) -> int:
    """The organiser says no and why; an operator decides how to go on. Returns the case's id."""
    with transaction() as session:
        case, person = _behind(session, token)
        return _decline(session, case, reason, person.email)


def decline_by_notice(company_id: int, version: int, reason: str) -> int:
    """Another system says that the agreement was declined there; returns the case's id."""
    with transaction() as session:
        case = Onboarding.of_firm(session, Firm.by_company_id(session, company_id).id)
        _require_version(session, case, version)
        return _decline(session, case, reason, "webhook")


def _decline(session: Session, case: Onboarding, reason: str, actor: str) -> int:
    if _latest(session, case.id).decline(reason, now()):
        record(session, case.id, now(), "agreement.declined", actor, reason=reason.strip()[:2000])
        case.touch(now())
    return case.id


def upload(token: str, content: bytes, name: str, *, ip: str, agent: str) -> int:
    """A signed copy comes back as a file; returns the case's id.

    A digital signature without any doubt counts at once; whatever else is an agreement, an operator looks at. Raises
    a ReturnRefused and changes nothing for all other files.
    """
    with reading() as session:
        case, person = _behind(session, token)
        agreement = _latest(session, case.id)
        if not agreement.is_open:
            raise SignedAlready
        original = session.get_one(Document, agreement.document_id).content
        signers = _signers(session, case.firm_id, person)
    returned = inspect(content, name[:200], original, signers)
    with transaction() as session:
        case, person = _behind(session, token)
        agreement, at = _latest(session, case.id), now()
        if not agreement.is_open:
            raise SignedAlready
        document = Document.keep(session, content, name[:200], "application/pdf")
        if agreement.uploaded_id == document.id:
            return case.id  # The same file is being looked at.
        agreement.uploaded_id = document.id
        told = {"document_id": document.id, "original_id": agreement.document_id, **returned.facts}
        trail = {"sha256": document.sha256, "ip": ip, "agent": agent[:300], **told}
        record(session, case.id, at, "agreement.uploaded", person.email, **trail)
        if returned.counts:
            return _sign(session, case, returned.signer, SignedHow.UPLOAD, person.email, ip=ip, agent=agent)
        key = f"signed_copy:{agreement.id}:{at.isoformat()}"
        told |= {"agreement_id": agreement.id, "name": document.name, "signer": person.name}
        Decision.ask(session, case.id, DecisionKind.SIGNED_COPY, key, at, **told)
        case.touch(at)
        return case.id


def _signers(session: Session, firm_id: int, holder: Person) -> list[str]:
    """Whose signature is expected: who holds the link, the organiser, the contact person."""
    people = [holder, Person.one(session, firm_id, Role.ORGANISER), Person.one(session, firm_id, Role.CONTACT)]
    return list({person.name: None for person in people if person is not None})


def _behind(session: Session, token: str) -> tuple[Onboarding, Person]:
    link = Link.open(session, token, Purpose.AGREEMENT, now())
    person = session.get_one(Person, link.person_id)
    return Onboarding.of_firm(session, person.firm_id), person


def _require_version(session: Session, case: Onboarding, version: int) -> None:
    if _latest(session, case.id).version != version:
        raise NotFound(f"Agreement version {version}")


def _latest(session: Session, case_id: int) -> Agreement:
    agreement = Agreement.latest(session, case_id)
    if agreement is None:
        raise NotFound("Agreement")
    return agreement


def _organiser(session: Session, firm_id: int) -> Person:
    person = Person.one(session, firm_id, Role.ORGANISER)
    if person is None:
        raise NotFound("Organiser")
    return person
