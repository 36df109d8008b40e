"""Steps 6 and 7: caseworkers and clients are named, invited, and register."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import Entry, evidence, record
from models.clients.access import ClientAccess
from models.clients.client import Client, ClientContact
from models.clients.message import message_for_many
from models.clients.naming import filed_as
from models.clients.words import refold
from models.db import Facts, transaction
from models.errors import N_, NotFound, ProvisionError
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, Party, Standing, StepName
from models.people.mail_address import email_address
from models.people.person import ADDRESSED, UNINVITED, NoLongerInvited, Person, Role
from models.reminders.reminder import Reminder
from models.request import Named, check_people
from models.settings import settings
from models.time.clock import now
from tasks.agreement.sending import mail_agreement
from tasks.engine.retry import side_effect
from tasks.mail.letterheads import Turn
from tasks.onboarding.registration import PURPOSE_OF, RESEND_PAUSE, invite, welcome
from tasks.people.naming import WorksThereAlready, add_people

INVITATIONS_AT_ONCE = 500
"""So many are written with the same few statements."""
RESENDS_A_DAY = 3
"""By hand, to one person within 24 hours."""
DAY = timedelta(days=1)
NAMED = {Role.CASEWORKER: "caseworkers.named", Role.CLIENT: "clients.named"}
"""What the audit trail calls it when the firm names people in a role."""
INVITED_SINGLY = "contact.invited"
"""What it calls it when somebody invites one contact, whom others may have named long ago."""
INVITED_AGAIN = "contacts.reinvited"
"""The same of several who were invited before, each of whom is sent another link."""
INVITATIONS_MOST = 100_000
"""Beyond that nobody allows more in a day."""


class NobodyNamed(ProvisionError):
    status = 422
    says = N_("Nobody is named: give at least one name with an e-mail address.")


class InvitationsToday(ProvisionError):
    """Whoever names people has mail sent to strangers under our name."""

    says = N_(
        "Of the %(most)s people whom a firm may invite in 24 hours, %(left)s can still be named, and these are "
        "%(wanted)s: name the others tomorrow, or ask us to allow more."
    )

    def __init__(self, wanted: int, left: int, most: int) -> None:
        super().__init__(wanted, left, most)
        self.wanted = wanted
        self.left = left
        self.most = most


class InvitationsInvalid(ProvisionError):
    status = 422
    says = N_("“%(number)s” is no number of invitations a day: write a whole number from 1 to %(most)s.")

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number
        self.most = INVITATIONS_MOST


class SentJustNow(ProvisionError):
    status = 429
    says = N_("%(name)s was written to a few minutes ago: wait until %(until)s before sending another link.")

    def __init__(self, name: str, until: datetime) -> None:
        super().__init__(name, until)
        self.name = name
        self.until = until


class SentOften(ProvisionError):
    status = 429
    says = N_("%(name)s was sent %(most)s links within a day: the next one may go out on %(until)s.")

    def __init__(self, name: str, until: datetime) -> None:
        super().__init__(name, until)
        self.name = name
        self.until = until
        self.most = RESENDS_A_DAY


class RegisteredAlready(ProvisionError):
    says = N_("%(name)s has an account already: nothing was sent.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotInvitedYet(ProvisionError):
    says = N_("%(name)s was not invited yet: send the invitation first.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AccessRests(ProvisionError):
    says = N_("The access of %(name)s is paused: give it back first.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@side_effect(name="6 Caseworkers")
def invite_caseworkers(case_id: int) -> Standing:
    """Invite every caseworker who was named and not yet invited; done when all of them have registered.

    Repeating it changes nothing: whoever was invited is not invited again.
    """
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        if not case.may_begin(StepName.CASEWORKERS):
            return case.standing(StepName.CASEWORKERS)
        _invite_new(session, case, Role.CASEWORKER)
        named = Person.count(session, case.firm_id, Role.CASEWORKER)
        active = Person.count(session, case.firm_id, Role.CASEWORKER, Person.registered_at.is_not(None))
        _wait_for(session, case, StepName.CASEWORKERS, Party.CASEWORKER if named else Party.ORGANISER)
        if active == named and (named or case.no_caseworkers_at is not None):
            case.finish(StepName.CASEWORKERS, at)
            Reminder.end(session, StepName.CASEWORKERS, at, case=case.id)
        return case.standing(StepName.CASEWORKERS)


@side_effect(name="7 Clients")
def invite_clients(case_id: int) -> Standing:
    """Invite every client who was named and not yet invited; done when the first one is active.

    Repeating it changes nothing: whoever was invited is not invited again.
    """
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        if not case.may_begin(StepName.CLIENTS):
            return case.standing(StepName.CLIENTS)
        _invite_new(session, case, Role.CLIENT)
        clients = Person.there(case.firm_id, Role.CLIENT).limit(1)
        first, first_active = (
            session.scalars(which).first() for which in (clients, clients.where(Person.registered_at.is_not(None)))
        )
        _wait_for(session, case, StepName.CLIENTS, Party.CLIENT if first else Party.ORGANISER)
        if first_active is not None:
            case.finish(StepName.CLIENTS, at)
            organiser = Person.one(session, case.firm_id, Role.ORGANISER)
            if organiser is not None:
                Reminder.end(session, StepName.CLIENTS, at, person=organiser.id)
        return case.standing(StepName.CLIENTS)


def _invite_new(session: Session, case: Onboarding, role: Role) -> None:
    new = Person.there(case.firm_id, role).where(text(UNINVITED)).limit(INVITATIONS_AT_ONCE)
    last = 0
    while people := session.scalars(new.where(Person.id > last)).all():
        last = people[-1].id
        invite(session, [Turn(case, person) for person in people])


def _wait_for(session: Session, case: Onboarding, step: StepName, party: Party) -> None:
    """Wait for the people named, or for the organiser to name somebody."""
    at = now()
    organiser = Person.one(session, case.firm_id, Role.ORGANISER)
    if case.wait(step, party, at) and organiser is not None:
        if party is Party.ORGANISER:
            Reminder.begin(session, case, organiser, step, at)
        else:
            Reminder.end(session, step, at, person=organiser.id)


def add_caseworkers(firm_id: int, by: str, people: list[Named]) -> int:
    """Name caseworkers; the next pass invites them. Who is named already stays as he is. Returns the case's id."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_agreement()
        _add(session, case, Role.CASEWORKER, by, people)
        return case.id


def no_caseworkers(firm_id: int, by: str) -> int:
    """The organiser says that nobody else works with it; people may still be added later. Returns the case's id."""
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_agreement()
        case.no_caseworkers_at = case.no_caseworkers_at or at
        record(session, case.id, at, "caseworkers.none", by)
        case.touch(at)
        return case.id


def add_clients(firm_id: int, by: str, people: list[Named], message: str = "", opener: int | None = None) -> int:
    """Name clients with the words that go with their invitations; the next pass sends them. Returns the case's id.

    *opener* is the member who opens their accounts, if they would not see these by default.
    """
    words = message_for_many(message)
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_agreement()
        added = _add(session, case, Role.CLIENT, by, people)
        form = case.firm.name_format
        named = [filed_as(person.given_name, person.family_name, form) for person in added]
        clients = [Client(firm_id=firm_id, name=name, created_at=at) for name in named]
        session.add_all(clients)
        session.flush()
        session.add_all(
            ClientContact(client_id=client.id, person_id=person.id, message=words, invited_by=by[:200])
            for client, person in zip(clients, added, strict=True)
        )
        refold(session, [client.id for client in clients])
        if opener is not None:
            session.add_all(ClientAccess(client_id=each.id, person_id=opener, has_access=True) for each in clients)
        return case.id


def allow_invitations(case_id: int, number: str, by: str) -> None:
    """An operator allows the firm to name so many people a day; empty: as many as any. Raises InvitationsInvalid."""
    written = number.strip()
    limit = int(written) if written.isascii() and written.isdigit() and len(written) <= 6 else 0
    if written and not 1 <= limit <= INVITATIONS_MOST:
        raise InvitationsInvalid(written[:20])
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        before, case.firm.invitations_a_day = case.firm.invitations_a_day, limit or None
        if before != case.firm.invitations_a_day:
            facts: Facts = {"before": before, "number": limit or None, "rows": evidence(case.firm)}
            record(session, case.id, now(), "invitations.allowed", by, **facts)


def _named_today(session: Session, case: Onboarding) -> int:
    """How many people the firm has named, or invited one by one, or several of them again, within a day; whoever was
    withdrawn and named again counts again.
    """
    actions = [*(NAMED[role] for role in NAMED), INVITED_SINGLY, INVITED_AGAIN]
    named = select(Entry.plain).where(Entry.case_id == case.id, Entry.action.in_(actions))
    return sum(len(facts["persons"]) for facts in session.scalars(named.where(Entry.at > now() - DAY)))


def require_allowed(session: Session, case: Onboarding, people: Sequence[Person]) -> None:
    """The firm may have these people invited today; raises InvitationsToday, SentOften."""
    left = left_today(session, case)
    if len(people) > left:
        raise InvitationsToday(len(people), left, most_a_day(case))
    for refusal in invited_often(session, case, people).values():
        raise refusal


def left_today(session: Session, case: Onboarding) -> int:
    """How many invitations the firm may still have sent today."""
    return max(0, most_a_day(case) - _named_today(session, case))


def most_a_day(case: Onboarding) -> int:
    """How many people the firm may have invited within a day."""
    return case.firm.invitations_a_day or settings().invitations_a_day


def invited_often(session: Session, case: Onboarding, people: Sequence[Person]) -> dict[str, SentOften]:
    """Who of these, by address, must wait: nobody gets more invitations in a day because they are withdrawn and named
    again.
    """
    names, since = {person.email: person.name for person in people}, now() - DAY
    sent = select(Outgoing.to_address, func.min(Outgoing.created_at)).group_by(Outgoing.to_address)
    sent = sent.where(Outgoing.kind.in_([MailKind.REGISTER, MailKind.INVITATION]), Outgoing.created_at > since)
    # By the people with these addresses: a firm may have written very many mails.
    theirs = select(Person.id).where(Person.firm_id == case.firm_id, Person.email.in_(names), text(ADDRESSED))
    sent = sent.where(Outgoing.person_id.in_(theirs), Outgoing.to_address.in_(names))
    often = session.execute(sent.having(func.count() >= RESENDS_A_DAY).order_by(Outgoing.to_address))
    return {address: SentOften(names[address], first + DAY) for address, first in often}


def _add(session: Session, case: Onboarding, role: Role, by: str, people: list[Named]) -> list[Person]:
    if not people:
        raise NobodyNamed
    organiser = Person.organiser(session, case.firm_id)
    check_people(people)
    if role is Role.CASEWORKER and any(email_address(person.email) == organiser.email for person in people):
        raise WorksThereAlready(organiser.email)
    added = add_people(session, case.firm, role, people, organiser)
    require_allowed(session, case, added)
    facts: Facts = {"persons": [person.id for person in added], "rows": evidence(*added)}
    record(session, case.id, now(), NAMED[role], by, **facts)
    case.touch(now())
    return added


def resend(person_id: int, by: str) -> int:
    """Send a person a new link; the old one dies, and reminders count anew.

    At most every ten minutes and three times a day; raises SentJustNow, SentOften.
    Returns the case's id.
    """
    with transaction() as session:
        person = session.get(Person, person_id)
        if person is None:
            raise NotFound(f"Person {person_id}")
        case = Onboarding.of_firm(session, person.firm_id)
        case.require_going()
        session.refresh(person)  # They may have registered while we waited for the case.
        resend_link(session, case, person, by)
        return case.id


def resend_link(session: Session, case: Onboarding, person: Person, by: str) -> None:
    """The same within a transaction that holds the case: whichever button is pressed, this is what is done."""
    if person.withdrawn_at is not None:
        raise NoLongerInvited
    if person.paused_at is not None:
        raise AccessRests(person.name)
    if person.registered_at is not None and case.is_done(StepName.AGREEMENT):
        raise RegisteredAlready(person.name)
    if person.role in {Role.CASEWORKER, Role.CLIENT}:
        case.require_agreement()
    if person.role is Role.SUCCESSOR or (person.invitation_waits and person.invited_at is None):
        raise NotInvitedYet(person.name)
    signer = person.role is Role.SIGNATORY or (person.role is Role.ORGANISER and person.registered_at is not None)
    purpose = Purpose.AGREEMENT if signer else PURPOSE_OF[person.role]
    require_link_rested(session, case, person, purpose)
    if signer:
        _resend_agreement(session, case, person)
    elif person.role is Role.CONTACT:
        welcome(session, case, person)
    else:
        invite(session, [Turn(case, person)], by)
    record(session, case.id, now(), LINK_RESENT, by, person=person.id, purpose=purpose)


LINK_RESENT = "link.resent"


def require_link_rested(session: Session, case: Onboarding, person: Person, purpose: Purpose) -> None:
    """Raises SentJustNow, SentOften: see ``unrested``."""
    refusal = unrested(session, case, [person], purpose).get(person.id)
    if refusal is not None:
        raise refusal


def unrested(
    session: Session, case: Onboarding, people: Sequence[Person], purpose: Purpose
) -> dict[int, SentJustNow | SentOften]:
    """Who of these is sent no other link now, and why, by their ids; two statements, however many they are.

    Some minutes lie between two links by hand for one purpose, and there are few a day.
    """
    at, ids = now(), [person.id for person in people]
    links = select(Link.person_id, Link.made_at).where(Link.person_id.in_(ids), Link.purpose == purpose)
    made = dict(session.execute(links).tuples().all())
    by_hand = _resends(session, case.id, at - DAY)
    refusals: dict[int, SentJustNow | SentOften] = {}
    for person in people:
        last, times = made.get(person.id), by_hand.get(person.id, [])
        if last is not None and last + RESEND_PAUSE > at:
            refusals[person.id] = SentJustNow(person.name, last + RESEND_PAUSE)
        elif len(times) >= RESENDS_A_DAY:
            refusals[person.id] = SentOften(person.name, times[-RESENDS_A_DAY] + DAY)
    return refusals


def _resend_agreement(session: Session, case: Onboarding, person: Person) -> None:
    """The agreement once more, if it can be signed and this person may see it."""
    agreement = Agreement.current(session, case.id)
    agreement.require_open(now())
    if person.role is Role.SIGNATORY and agreement.delegate_id != person.id:
        raise NoLongerInvited
    mail_agreement(session, [Turn(case, person)])
    if agreement.asked_to_sign(session, case.firm_id).id == person.id:
        Reminder.begin(session, case, person, StepName.AGREEMENT, now())


def _resends(session: Session, case_id: int, since: datetime) -> dict[int, list[datetime]]:
    """When each person of a case was sent a link by hand, oldest first."""
    entries = select(Entry.at, Entry.plain).where(Entry.case_id == case_id, Entry.at > since)
    times: dict[int, list[datetime]] = defaultdict(list)
    for at, facts in session.execute(
        entries.where(Entry.action.in_([LINK_RESENT, INVITED_AGAIN])).order_by(Entry.number)
    ):
        for person_id in facts.get("persons", [facts.get("person")]):
            times[person_id].append(at)
    return times
