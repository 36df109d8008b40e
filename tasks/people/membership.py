"""Who stands for a firm: what ends when somebody else takes a role, or is no longer waited for."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models.audit import Entry, evidence, record
from models.clients.access import ClientAccess
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact
from models.clients.group import GroupMember
from models.clients.portfolio import PortfolioMember
from models.clients.tag import ContactTag
from models.clients.words import refold
from models.db import Facts, reading, transaction
from models.decision import Decision, drop_mails
from models.errors import N_, NotFound, ProvisionError
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.person import Person, Role
from models.people.staff import Staff
from models.people.succession import Succession, SuccessionEnd
from models.reminders.cadence import Cadences, Level, Pause, WaitKind
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.mail.address_holds import ask_for_addresses
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import people as letters
from tasks.mail.letters import succession as succession_letters
from tasks.mail.letters.people import AccessChange
from tasks.mail.letters.succession import Turned
from tasks.people.calls import settle_calls
from tasks.people.sessions import Manners, told


class Needed(ProvisionError):
    """Without an organiser and a contact person there is no case."""

    status = 422
    says = N_("%(name)s can only be replaced: name another person on the page of the case.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotActive(ProvisionError):
    says = N_("%(name)s has no account yet: there is no access to pause.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


RESUMED_A_DAY = 3
"""Times that one person is given access back within 24 hours: they get a mail each time."""
DAY = timedelta(days=1)
GIVEN = (
    Staff.person_id,
    Card.person_id,
    Phone.person_id,
    ClientAccess.person_id,
    GroupMember.person_id,
    ContactTag.person_id,
    PortfolioMember.person_id,
)
"""Whose rights, access, groups, tags and portfolios these are."""


class ResumedOften(ProvisionError):
    """To take access away is never refused, so what gives it back is counted."""

    status = 429
    says = N_("%(name)s was given access back %(most)s times within a day: the next time is possible on %(until)s.")

    def __init__(self, name: str, until: datetime) -> None:
        super().__init__(name, until)
        self.name = name
        self.until = until
        self.most = RESUMED_A_DAY


class KeepsThemselves(ProvisionError):
    says = N_("%(name)s has an account and keeps this themselves: ask them to change it under “Reachability”.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def person_of(firm_id: int, person_id: int) -> Person | None:
    """A caseworker or client of this firm who has not been withdrawn."""
    with reading() as session:
        person = session.get(Person, person_id)
    belongs = person is not None and person.firm_id == firm_id and person.withdrawn_at is None
    return person if belongs and person is not None and person.role in {Role.CASEWORKER, Role.CLIENT} else None


def set_manners(person_id: int, by: str, manners: Manners) -> None:
    """The firm knows when and how this person is to be written to; raises KeepsThemselves once they have an account."""
    with transaction() as session:
        person = session.get_one(Person, person_id)
        case = Onboarding.of_firm(session, person.firm_id)
        case.require_going()
        session.refresh(person)  # They may have registered while we waited for the case.
        if person.registered_at is not None:
            raise KeepsThemselves(person.name)
        before = told(person)
        manners.keep(session, [person])
        record(session, case.id, now(), "reach.set", by, person=person.id, before=before, after=told(person))


def withdraw(person_id: int, by: str) -> int:
    """Invite a caseworker or client no longer, or end the access of one who is active; returns the case's id.

    Who is active loses it at once, and is told. Repeating it changes nothing; naming the address again invites it anew.
    Raises Needed.
    """
    with transaction() as session:
        case, person = _locked(session, person_id)
        if person.registered_at is None:
            case.require_going()
        stop_waiting_for(session, case, person, by)
        return case.id


def pause(person_id: int, by: str) -> int:
    """Take the access of an active caseworker or client away for now; returns the case's id.

    It ends at once, with every session and link, and they are told. Repeating it changes nothing. Raises Needed,
    NotActive.
    """
    with transaction() as session:
        case, person = _locked(session, person_id)
        _require_replaceable(person)
        if person.registered_at is None or person.withdrawn_at is not None:
            raise NotActive(person.name)
        if person.paused_at is None:
            person.paused_at = now()
            let_go(session, case, person)
            _tell(session, case, person, AccessChange.PAUSED)
            record(session, case.id, now(), "person.paused", by, **_facts(person))
        return case.id


def resume(person_id: int, by: str) -> int:
    """Give back the access that was paused, and tell the person; returns the case's id. Repeating changes nothing.

    Raises ResumedOften.
    """
    with transaction() as session:
        case, person = _locked(session, person_id)
        if person.paused_at is not None and person.withdrawn_at is None:
            _require_seldom(session, case, person)
            person.paused_at = None
            ask_for_addresses(session, case, now())
            _tell(session, case, person, AccessChange.RESUMED)
            record(session, case.id, now(), "person.resumed", by, **_facts(person))
        return case.id


def _require_seldom(session: Session, case: Onboarding, person: Person) -> None:
    resumed = select(Entry.at, Entry.plain).where(Entry.case_id == case.id, Entry.action == "person.resumed")
    today = session.execute(resumed.where(Entry.at > now() - DAY).order_by(Entry.number))
    times = [at for at, facts in today if facts.get("person") == person.id]
    if len(times) >= RESUMED_A_DAY:
        raise ResumedOften(person.name, times[-RESUMED_A_DAY] + DAY)


def _locked(session: Session, person_id: int) -> tuple[Onboarding, Person]:
    """The person's case, locked, and the person as they are then."""
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound(f"Person {person_id}")
    case = Onboarding.of_firm(session, person.firm_id)
    session.refresh(person)  # They may have registered while we waited for the case.
    return case, person


def _require_replaceable(person: Person) -> None:
    if person.role not in {Role.CASEWORKER, Role.CLIENT}:
        raise Needed(person.name)


def stop_waiting_for(session: Session, case: Onboarding, person: Person, by: str) -> None:
    """Withdraw a person of a case that is locked already."""
    at = now()
    if person.withdrawn_at is not None:
        return
    _require_replaceable(person)
    end_access(session, case, person, at)
    active = person.registered_at is not None
    if active:
        _tell(session, case, person, AccessChange.ENDED)
    record(session, case.id, at, "person.removed" if active else "person.withdrawn", by, **_facts(person))
    case.touch(at)


def end_access(session: Session, case: Onboarding, person: Person, at: datetime) -> None:
    """They are none of the firm's people any more, and nothing of theirs opens anything; nobody is told."""
    person.withdrawn_at = at
    let_go(session, case, person)
    end_links(session, person, at)
    _take_off_accounts(session, person, at)


def _take_off_accounts(session: Session, person: Person, at: datetime) -> None:
    """Nothing that was given to them is waiting for whoever is named with this address later.

    An account that is left without a contact is put away.
    """
    for column in GIVEN:
        session.execute(delete(column.class_).where(column == person.id))
    theirs = session.scalars(select(ClientContact.client_id).where(ClientContact.person_id == person.id)).all()
    session.execute(delete(ClientContact).where(ClientContact.person_id == person.id))
    refold(session, theirs)
    still = select(ClientContact.client_id).where(ClientContact.client_id.in_(theirs))
    alone = update(Client).where(Client.id.in_(theirs), Client.id.not_in(still), Client.archived_at.is_(None))
    session.execute(alone.values(archived_at=at))
    Client.settle(session, Client.id.in_(theirs))


def end_doubles(session: Session, case: Onboarding, organiser: Person, by: str) -> None:
    """Who is the organiser now works there already, and is not invited as a caseworker as well."""
    for person in Person.of(session, case.firm_id, Role.CASEWORKER):
        if person.email == organiser.email and person.registered_at is None:
            stop_waiting_for(session, case, person, by)


def _facts(person: Person) -> Facts:
    return {"person": person.id, "role": person.role, "rows": evidence(person)}


def _tell(session: Session, case: Onboarding, person: Person, change: AccessChange) -> None:
    """Mail the person what became of their access."""
    head = letterhead(session, case.firm)
    Outgoing.post(session, letters.access_changed(case, person, head, now(), change=change))


def replace(session: Session, case: Onboarding, person: Person, name: str, email: str) -> None:
    """Somebody else takes the role of this person; what was sent to the one before opens nothing any more.

    What the one before was to tell or supply is waited for as before.
    """
    at = now()
    tasks = select(Reminder).where(Reminder.person_id == person.id, Reminder.kind == WaitKind.TASK)
    open_ones = session.scalars(tasks.where(Reminder.ended_at.is_(None))).all()
    let_go(session, case, person)
    for link in session.scalars(select(Link).where(Link.person_id == person.id)):
        link.renew(at)
    person.give_way(name, email)
    Staff.end(session, person)
    for wait in open_ones:
        wait.start_anew(Cadences(session, [(case.id, case.firm_id)]).rhythm(wait.kind, case.id), person, at)


def end_links(session: Session, person: Person, at: datetime, *purposes: Purpose) -> None:
    """What was sent to this person, for these purposes or any, opens nothing any more, whatever comes later."""
    theirs = select(Link).where(Link.person_id == person.id, Link.used_at.is_(None))
    for link in session.scalars(theirs.where(Link.purpose.in_(purposes or list(Purpose)))):
        link.renew(at)


def end_succession(
    session: Session, case: Onboarding, succession: Succession, outcome: SuccessionEnd, by: str, at: datetime
) -> None:
    """Nobody is to take over any more; who was asked and was nobody at the firm before is nobody there again."""
    succession.end(outcome, at)
    successor = session.get_one(Person, succession.successor_id)
    if successor.role is Role.SUCCESSOR:
        successor.withdrawn_at = successor.withdrawn_at or at
        for question in Decision.pending(session, case.id):
            if question.facts.get("person_id") == successor.id:
                question.close(at)
    drop_mails(session, at, Outgoing.person_id == successor.id, Outgoing.kind == MailKind.SUCCESSION_ASKED)
    facts: Facts = {"person": successor.id, "outcome": outcome.value, "rows": evidence(successor)}
    record(session, case.id, at, "owner.stays", by, **facts)


def _stands_down(session: Session, case: Onboarding, person: Person, at: datetime) -> None:
    """Who was to take over cannot any more, which the owner is told."""
    succession = Succession.waits_for(session, person)
    if succession is None:
        return
    end_succession(session, case, succession, SuccessionEnd.MOOT, "provision", at)
    owner, head = session.get_one(Person, succession.owner_id), letterhead(session, case.firm)
    people = {"owner": owner.name, "successor": person.name}
    mail = succession_letters.succession_told(case, owner, head, at, succession=succession, what=Turned.MOOT, **people)
    Outgoing.post(session, mail)


def let_go(session: Session, case: Onboarding, person: Person) -> None:
    """End what is under way with whoever this person was until now: reminders, unsent mail, open questions.

    And sessions, where nothing else gives them access.
    """
    at = now()
    _stands_down(session, case, person, at)
    session.flush()
    account = session.get(Login, person.account_id) if person.account_id is not None else None
    if account is not None and not account.is_operator and not Person.behind(session, account.id):
        account.sign_out(session)
        if person.registered_at is None:
            account.forget_unproven(session)
    for wait in session.scalars(select(Reminder).where(Reminder.person_id == person.id, Reminder.ended_at.is_(None))):
        wait.over(at)
    settle_calls(session, case, at)
    drop_mails(session, at, Outgoing.person_id == person.id)
    for question in Decision.pending(session, case.id):
        if question.facts.get("person_id") == person.id:
            question.close(at)
    session.execute(delete(Pause).where(Pause.level == Level.PERSON, Pause.owner_id == person.id))
