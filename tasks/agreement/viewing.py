"""Who may open an agreement by the link in a mail, and what they are shown there."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import Agreement, HandedOver
from models.audit import Entry
from models.db import reading
from models.decision import Decision, Verdict
from models.document import Document
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.link import Link, Purpose
from models.onboarding import Onboarding
from models.people.person import Person, Role
from models.time.clock import now
from tasks.agreement.finalize import kept_texts
from tasks.agreement.rendering import AgreementData, Part, agreement_parts


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
        asked = agreement.asked_to_sign(session, case.firm_id)
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


def final_pdf(firm_id: int, version: int | None = None) -> tuple[str, bytes]:
    """File name and content of the agreement that both sides have signed: the newest, or that version.

    Raises NotFound.
    """
    with reading() as session:
        case_id = Onboarding.of_firm(session, firm_id).id
        if version is None:
            agreement = Agreement.latest(session, case_id)
        else:
            this = select(Agreement).where(Agreement.onboarding_id == case_id, Agreement.version == version)
            agreement = session.scalars(this).one_or_none()
        if agreement is None or agreement.final_id is None:
            raise NotFound("Agreement")
        document = session.get_one(Document, agreement.final_id)
        return document.name, document.content


def organisers_token(firm_id: int) -> str:
    """That of the link in the organiser's newest mail with the agreement; raises NotFound if none was sent."""
    with reading() as session:
        mine = (Link.person_id == Person.organiser(session, firm_id).id, Link.purpose == Purpose.AGREEMENT)
        link = session.scalars(select(Link).where(*mine)).one_or_none()
        if link is None:
            raise NotFound("Agreement")
        return link.token


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
    taken = select(Entry).where(Entry.case_id == agreement.onboarding_id, Entry.action == "agreement.taken_back")
    of_version = [entry for entry in session.scalars(taken) if entry.plain["version"] == agreement.version]
    # Older entries name the person by the address alone.
    return any(
        person.id == entry.plain.get("person") or person.email == entry.facts.get("from") for entry in of_version
    )


def require_asked(person: Person, agreement: Agreement) -> None:
    """Raise HandedOver for the organiser who has asked somebody else."""
    if agreement.is_open and agreement.delegate_id not in {None, person.id}:
        raise HandedOver


def signer_of(case_id: int) -> int:
    """Who is asked to sign the case's agreement."""
    with reading() as session:
        case = Onboarding.get(session, case_id)
        return Agreement.current(session, case.id).asked_to_sign(session, case.firm_id).id
