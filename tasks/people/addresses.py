"""Another address of somebody who was named: what came back or was held goes there."""

from datetime import timedelta

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from models.audit import evidence, record
from models.clients.words import refold_of
from models.db import Facts, transaction
from models.decision import Decision, DecisionKind, close_mail_questions
from models.errors import N_, NotFound, ProvisionError
from models.link import Link
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.mail_address import writable_address
from models.people.person import ADDRESSED, Person, Role
from models.reminders.cadence import Cadences
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.people.membership import end_doubles
from tasks.people.naming import WorksThereAlready


class AddressTaken(ProvisionError):
    says = N_("%(address)s belongs to somebody else in the same role at this firm: check whom the mail was for.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class AddressSettled(ProvisionError):
    says = N_("%(name)s signs in with this address, or is not asked any more: it cannot be changed here.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


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
        readdress(session, case, person, address, by)
        case.touch(now())


def readdress(session: Session, case: Onboarding, person: Person, written: str, by: str) -> None:
    """Write to this person at another address from now on, what is held or came back as well."""
    address, before = writable_address(written), person.email
    same = (Person.firm_id == person.firm_id, Person.role == person.role, Person.email == address, text(ADDRESSED))
    if session.scalars(select(Person.id).where(*same, Person.id != person.id)).first() is not None:
        raise AddressTaken(address)
    if person.role is Role.CASEWORKER and address == Person.organiser(session, person.firm_id).email:
        raise WorksThereAlready(address)
    forget_account(session, person)
    person.email, person.bounced_at, person.address_confirmed_at = address, None, None
    refold_of(session, person)
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
    facts: Facts = {"person": person.id, "before": before, "after": address, "rows": evidence(person)}
    record(session, case.id, now(), "address.corrected", by, **facts)


def forget_account(session: Session, person: Person) -> None:
    """Whoever has another address than that for which somebody set a password does not sign in with it."""
    account = None if person.account_id is None else session.get(Login, person.account_id)
    if account is not None and person.registered_at is None:
        person.account_id = None
        account.forget_unproven(session)
