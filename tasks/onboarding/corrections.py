"""What was said wrongly of a firm at the start and is put right: its name, what it does, who stands for it.

The firm itself may do so until its agreement is sent, an operator also once both have signed. A version that was sent
keeps what it says: an operator withdraws it, corrects, and sends a new one. Whom we write to, an operator may correct
until the firm has signed.
"""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import Agreement, AgreementSent, SignedAlready
from models.audit import Entry, evidence, of, record
from models.db import Facts, transaction
from models.errors import N_, ProvisionError
from models.firm import LineOfBusiness
from models.onboarding import Onboarding
from models.people.mail_address import email_address
from models.people.person import Person, Role
from models.request import Named
from models.time.clock import now
from tasks.mail.letterheads import Turn
from tasks.onboarding.firm_page import tell_of_change
from tasks.onboarding.registration import invite, name_contact
from tasks.people.membership import end_doubles, replace

CONTACTS_A_DAY = 5


class VersionOpen(ProvisionError):
    says = N_("The agreement that can be signed says otherwise: withdraw it, correct this, and send a new version.")


class OrganiserRegistered(ProvisionError):
    says = N_("%(name)s has registered as the organiser: have the account handed over, on the page “Another owner”.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class ContactNamedOften(ProvisionError):
    """Whoever is named gets a mail from us."""

    says = N_("Another contact person was named %(most)s times within a day: ask us to correct it, or do it tomorrow.")

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


def may_correct(agreement: Agreement | None) -> bool:
    """Whether the firm itself still may, with this as the newest version of its agreement."""
    return agreement is None or not (agreement.is_open or agreement.signed_at)


def correct_firm(
    firm_id: int, by: str, *, name: str, line_of_business: LineOfBusiness, business: str, as_operator: bool = False
) -> int:
    """Set what the firm is called and what it does; returns the case's id. Saying it again changes nothing.

    After both sides have signed, an operator may still do it, and both sides are told.
    """
    with transaction() as session:
        case = _locked(session, firm_id, as_operator=as_operator)
        before = _told(case)
        case.firm.name_anew(name, line_of_business, business)
        if before != (after := _told(case)):
            _require_unsaid(session, case)
            facts: Facts = {"before": of(case.firm, before), "after": of(case.firm, after), "rows": evidence(case.firm)}
            record(session, case.id, now(), "firm.corrected", by, **facts)
            tell_of_change(session, case, by, before, after)
            case.touch(now())
        return case.id


def correct_contact(firm_id: int, by: str, contact: Named, *, as_operator: bool = False) -> int:
    """Name whom we write to; returns the case's id. Saying it again changes nothing."""
    with transaction() as session:
        case = _locked(session, firm_id, as_operator=as_operator)
        if not as_operator:
            _require_seldom(session, case, email_address(contact.email))
        name_contact(session, case, Person.organiser(session, case.firm_id), contact, by)
        return case.id


def _require_seldom(session: Session, case: Onboarding, address: str) -> None:
    """Raise ContactNamedOften where yet another address would be named today; to take the last one back is free.

    What takes something back is not taken back for free itself, so that nobody is written to without end.
    """
    named = select(Entry).where(Entry.case_id == case.id, Entry.action == "contact.named")
    today = session.scalars(named.where(Entry.at > now() - timedelta(days=1)).order_by(Entry.id))
    told = [facts for entry in today if {"before", "after"} <= (facts := entry.facts).keys()]
    ways = [((facts["before"] or {}).get("email"), facts["after"]["email"]) for facts in told]
    contact = Person.one(session, case.firm_id, Role.CONTACT)
    counted, leads_back = 0, ""  # Where an act goes that takes back the one before.
    for before, after in [(before, after) for before, after in ways if before != after]:
        is_undo = after == leads_back
        counted, leads_back = (counted, "") if is_undo else (counted + 1, before or "")
    if counted >= CONTACTS_A_DAY and address not in {leads_back, contact.email if contact else ""}:
        raise ContactNamedOften(CONTACTS_A_DAY)


def correct_organiser(firm_id: int, by: str, named: Named) -> int:
    """Ask somebody else to be the organiser, as long as the one before has not registered; returns the case's id.

    The new one gets a link, the one sent before opens nothing. Was the organiser the contact person as well, so is the
    new one. Saying it again changes nothing.
    """
    named.check()
    with transaction() as session:
        case = _locked(session, firm_id, as_operator=True)
        organiser, address = Person.organiser(session, case.firm_id), email_address(named.email)
        if organiser.registered_at is not None:
            raise OrganiserRegistered(organiser.name)
        before = {"name": organiser.name, "email": organiser.email}
        contact = Person.one(session, firm_id, Role.CONTACT)
        is_contact = contact is not None and contact.email == organiser.email
        if organiser.email == address:
            organiser.rename(named.name)
        else:
            replace(session, case, organiser, named.name, address)
            end_doubles(session, case, organiser, by)
            invite(session, [Turn(case, organiser)], by)
        after = {"name": organiser.name, "email": organiser.email}
        if before != after:
            facts: Facts = {"person": organiser.id, "before": before, "after": after, "rows": evidence(organiser)}
            record(session, case.id, now(), "organiser.named", by, **facts)
            if is_contact:
                name_contact(session, case, organiser, named, by)
            case.touch(now())
        return case.id


def _locked(session: Session, firm_id: int, *, as_operator: bool) -> Onboarding:
    """The firm's case, in which may be corrected what was said."""
    case = Onboarding.of_firm(session, firm_id)
    case.require_going()
    agreement = Agreement.latest(session, case.id)
    if agreement is not None and agreement.signed_at is not None and not (as_operator and case.agreement_done):
        raise SignedAlready  # While only one side has signed, both must sign the same.
    if not as_operator and not may_correct(agreement):
        raise AgreementSent
    return case


def _require_unsaid(session: Session, case: Onboarding) -> None:
    """Raise if the firm can just now sign a version that says otherwise."""
    agreement = Agreement.latest(session, case.id)
    if agreement is not None and agreement.is_open:
        raise VersionOpen


def _told(case: Onboarding) -> dict[str, str]:
    firm = case.firm
    return {"name": firm.name, "line_of_business": firm.line_of_business.value, "business": firm.business}
