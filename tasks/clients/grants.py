"""What one contact may do at one account, and how they are told: switches and invitations.

Each account is granted by itself: a person has one way in, and
whoever is let in to another account as well keeps the link that they have.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import of, record
from models.clients.client import Client, ClientContact
from models.clients.message import message_for_many
from models.clients.recipients import muted
from models.clients.standing import COLUMNS, Standing, Switch, Todo, standing_of, todos_of
from models.db import Facts, reading, transaction
from models.errors import N_, NotFound, ProvisionError
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from models.reminders.cadence import Cadences
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.clients.assignment import page_of
from tasks.mail.compose import write
from tasks.mail.letterheads import Letterhead, Turn, letterhead
from tasks.mail.letters import clients as letters
from tasks.onboarding import registration
from tasks.onboarding.invitations import (
    INVITED_SINGLY,
    LINK_RESENT,
    RESENDS_A_DAY,
    AccessRests,
    InvitationsToday,
    NotInvitedYet,
    SentOften,
    invited_often,
    left_today,
    most_a_day,
    resend_link,
    unrested,
)
from tasks.onboarding.registration import invite, words_of
from tasks.people.addresses import forget_account
from tasks.people.membership import end_links, let_go

DAY = timedelta(days=1)


class NoAddress(ProvisionError):
    says = N_("%(name)s has no e-mail address, and signs in with one: write it down first.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AddressBad(ProvisionError):
    says = N_("Mail to %(address)s comes back: correct the address first.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class SeesAlready(ProvisionError):
    says = N_("%(name)s sees the account “%(account)s” already, and was told: nothing was sent.")

    def __init__(self, name: str, account: str) -> None:
        super().__init__(name, account)
        self.name = name
        self.account = account


class MailDeclined(ProvisionError):
    says = N_("%(name)s gets no mail to many, as NOTIFY is off at all of their accounts: invite them by themselves.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AccountArchived(ProvisionError):
    says = N_("The account “%(account)s” is archived: take it back before you invite anybody to it.")

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account


@dataclass(frozen=True)
class Place:
    """A contact's place at an account, and the case of the firm; all as they are now, the case locked."""

    case: Onboarding
    client: Client
    person: Person
    contact: ClientContact

    @classmethod
    def of(cls, session: Session, firm_id: int, client_id: int, person_id: int) -> "Place":
        """Raises NotFound, also for what belongs to another firm, and Stopped."""
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        client = Client.get(session, firm_id, client_id)
        rows = select(ClientContact, Person).join(Person, Person.id == ClientContact.person_id)
        rows = rows.where(ClientContact.client_id == client_id, ClientContact.person_id == person_id)
        row = session.execute(rows.where(Person.firm_id == firm_id, Person.withdrawn_at.is_(None))).one_or_none()
        if row is None:
            raise NotFound(N_("The contact"))
        return cls(case, client, row[1], row[0])

    @property
    def page(self) -> str:
        return page_of(self.client)

    def facts(self) -> Facts:
        """For the trail: of whom the act tells."""
        names = {"account": of(self.client, self.client.name), "contact": of(self.person, self.person.name)}
        return {"client": self.client.id, "person": self.person.id, **names}


def place_of(firm_id: int, client_id: int, person_id: int) -> Place:
    """To look at; raises NotFound."""
    with reading() as session:
        return Place.of(session, firm_id, client_id, person_id)


def standing_of_one(person: Person) -> Standing:
    """How far this contact has come."""
    with reading() as session:
        return standing_of(session, [person])[person.id]


def left_of_one(person: Person) -> list[Todo]:
    """What is still to do about this contact."""
    with reading() as session:
        return todos_of(session, [person])[person.id]


# ---- invited, or let in without a word


def invite_contact(firm_id: int, client_id: int, person_id: int, by: str, message: str = "") -> int:
    """Let a contact in to this account and tell them now, with a message of who invites; returns the case's id.

    Whoever was never invited gets the invitation. Whoever has been, to another account, is told that they can see this
    one as well: with a link to a password that is as good as the one before, or to sign in if they are active. Whoever
    was told of this account and is not active yet is sent the invitation again. Raises SeesAlready, NoAddress,
    AddressBad, AccountArchived, AccessRests, MessageTooLong, PlaceholderUnknown, InvitationsToday, SentJustNow,
    SentOften.
    """
    words = message_for_many(message)
    with transaction() as session:
        at, place = now(), Place.of(session, firm_id, client_id, person_id)
        place.case.require_agreement()
        for refusal in invite_each(session, place.case, [place], by, words).refused.values():
            raise refusal
        record(session, place.case.id, at, INVITED_SINGLY, by, persons=[person_id], **place.facts())
        place.case.touch(at)
        return place.case.id


class Way(StrEnum):
    """How a contact is told that they are let in."""

    INVITED = "invited"
    """For the first time, with a link to a password."""
    TOLD = "told"
    """Invited before, they can see one more account."""
    RESENT = "resent"
    """They were told of it before and are not active yet: the invitation comes again."""


class LetIn(NamedTuple):
    """What became of contacts who are let in together, each by the id of their place at an account."""

    mails: dict[int, tuple[Way, Outgoing]]
    refused: dict[int, ProvisionError]


def invite_each(
    session: Session, case: Onboarding, places: Sequence[Place], by: str, words: str | None, *, is_bulk: bool = False
) -> LetIn:
    """Let these contacts of one firm in to their accounts and tell them, in as many statements for many as for one.

    *words* that are None: those of whoever has invited them before, under that name. What is refused to one of them,
    as ``invite_contact`` says, leaves the others alone, and changes nothing. *is_bulk*: raises MailDeclined as well,
    for who was invited before and wants no mail to many.
    """
    at = now()
    ways, refused = _ways(places, muted(session, [place.person.id for place in places]) if is_bulk else ())
    checks = {Way.INVITED: _invited_today, Way.TOLD: _told_often, Way.RESENT: _links_rest}
    for way, check in checks.items():
        held = check(session, case, ways[way]) if ways[way] else {}
        refused |= held
        ways[way] = [place for place in ways[way] if place.contact.id not in held]
    let_in = [place for there in ways.values() for place in there]
    # Whoever is told of one more account gets a link with that: the invitation need not come beside it.
    told_of = {place.person.id for place in ways[Way.TOLD]}
    beside = [place for place in ways[Way.RESENT] if place.person.id in told_of]
    ways[Way.RESENT] = [place for place in ways[Way.RESENT] if place.person.id not in told_of]
    people = {way: {place.person.id: place.person for place in there} for way, there in ways.items()}
    for place in let_in:
        place.contact.login = True
        if words is not None:
            place.contact.message, place.contact.invited_by = words, by[:200]
    for person in people[Way.INVITED].values():
        person.invitation_waits = False
    session.flush()
    again = [*people[Way.INVITED].values(), *people[Way.RESENT].values()]
    to_person = {mail.person_id: mail for mail in invite(session, [Turn(case, person) for person in again], by)}
    if people[Way.RESENT]:
        resent = {"persons": [*people[Way.RESENT]], "purpose": Purpose.ACTIVATE}
        record(session, case.id, at, LINK_RESENT, by, **resent)
    mails = {
        place.contact.id: (way, to_person[place.person.id]) for way in (Way.INVITED, Way.RESENT) for place in ways[way]
    }
    told = _tell_of_more(session, case, ways[Way.TOLD], at)
    mails |= {key: (Way.TOLD, mail) for key, mail in told.items()}
    with_link = {mail.person_id: mail for mail in told.values()}
    mails |= {place.contact.id: (Way.RESENT, with_link[place.person.id]) for place in beside}
    for place in let_in:
        place.contact.told_at = at
    Client.settle_of(session, [place.person.id for place in let_in])
    return LetIn(mails, refused)


def _ways(
    places: Sequence[Place], declined: Collection[int]
) -> tuple[dict[Way, list[Place]], dict[int, ProvisionError]]:
    """How each is told, and of whom a rule says no, by the id of the place; *declined*: who wants no mail to many."""
    ways: dict[Way, list[Place]] = {way: [] for way in Way}
    refused: dict[int, ProvisionError] = {}
    for place in places:
        person, contact = place.person, place.contact
        is_told = contact.login and contact.told_at is not None
        is_new = person.registered_at is None and person.invited_at is None
        try:
            require_told(place)
            if person.registered_at is not None and is_told:
                raise SeesAlready(person.name, place.client.name)
            if person.id in declined and not is_new:
                raise MailDeclined(person.name)
        except ProvisionError as refusal:
            refused[contact.id] = refusal
            continue
        ways[Way.INVITED if is_new else Way.RESENT if is_told else Way.TOLD].append(place)
    return ways, refused


def _invited_today(session: Session, case: Onboarding, places: Sequence[Place]) -> dict[int, ProvisionError]:
    """Who of these cannot be invited today: InvitationsToday for those beyond what the firm may, SentOften."""
    people = {place.person.id: place.person for place in places}
    left, most = left_today(session, case), most_a_day(case)
    beyond = [*people][left:]
    often = invited_often(session, case, [*people.values()])
    return {
        place.contact.id: InvitationsToday(len(people), left, most)
        if place.person.id in beyond
        else often[place.person.email]
        for place in places
        if place.person.id in beyond or place.person.email in often
    }


def _links_rest(session: Session, case: Onboarding, places: Sequence[Place]) -> dict[int, ProvisionError]:
    resting = unrested(session, case, [place.person for place in places], Purpose.ACTIVATE)
    return {place.contact.id: resting[place.person.id] for place in places if place.person.id in resting}


def _told_often(session: Session, _case: Onboarding, places: Sequence[Place]) -> dict[int, ProvisionError]:
    """SentOften for what is switched on and off again and again."""
    sent = select(Outgoing.key, Outgoing.created_at).where(
        Outgoing.kind == MailKind.GRANTED,
        Outgoing.person_id.in_({place.person.id for place in places}),
        Outgoing.created_at > now() - DAY,
    )
    times: dict[str, list[datetime]] = defaultdict(list)
    for key, at in session.execute(sent.order_by(Outgoing.id)):
        times[key.split(":")[1]].append(at)
    return {
        place.contact.id: SentOften(place.person.name, theirs[-RESENDS_A_DAY] + DAY)
        for place in places
        if len(theirs := times[str(place.contact.id)]) >= RESENDS_A_DAY
    }


def require_told(place: Place) -> None:
    """Somebody can be told by mail that they are let in to the account."""
    place.case.require_agreement()
    if place.client.archived_at is not None:
        raise AccountArchived(place.client.name)
    if not place.person.email:
        raise NoAddress(place.person.name)
    if place.person.paused_at is not None:
        raise AccessRests(place.person.name)
    if place.person.bounced_at is not None:
        raise AddressBad(place.person.email)


def _tell_of_more(session: Session, case: Onboarding, places: Sequence[Place], at: datetime) -> dict[int, Outgoing]:
    """Mail that there is one more account to see, by the id of each place."""
    if not places:
        return {}
    head = letterhead(session, case.firm)
    pending = {place.person.id for place in places if place.person.registered_at is None}
    links = Link.to_each(session, Purpose.ACTIVATE, at, pending)
    by = {place.contact.invited_by for place in places}
    names = {address: registration.inviter_name(session, case.firm_id, address) for address in by}
    mails = {
        place.contact.id: _granted(place, head, at, links.get(place.person.id), names[place.contact.invited_by])
        for place in places
    }
    Outgoing.post_all(session, [*mails.values()])
    return mails


def _granted(place: Place, head: Letterhead, at: datetime, link: Link | None, name: str) -> Outgoing:
    contact, account = place.contact, place.client.name
    words = words_of(contact, place.person, account, name)
    key = f"granted:{contact.id}:{at.isoformat()}"
    return letters.granted(place.case, place.person, head, at, key=key, client=account, link=link, words=words)


def _mail_to(session: Session, place: Place, by: str, message: str, at: datetime) -> tuple[Outgoing, Link | None]:
    """The mail that the contact would get if they were invited now, and a link in it that opens nothing."""
    person, head = place.person, letterhead(session, place.case.firm)
    contact = ClientContact(id=0, message=message_for_many(message), invited_by=by[:200])
    is_new = person.invited_at is None or place.contact.told_at is not None
    place = Place(place.case, place.client, person, contact)
    link = Link(purpose=Purpose.ACTIVATE, person_id=0)
    link.renew(at)
    name = registration.inviter_name(session, place.client.firm_id, by)
    if person.registered_at is not None:
        return _granted(place, head, at, None, name), None
    if is_new:
        words = words_of(contact, person, place.client.name, name)
        return letters.invitation(Turn(place.case, person), link, head, at, words=words), link
    return _granted(place, head, at, link, name), link


def drafted(firm_id: int, client_id: int, person_id: int, by: str, message: str) -> EmailMessage:
    """The whole mail that the contact would get if they were invited now, with dots in the place of the link.

    Raises MessageTooLong, PlaceholderUnknown.
    """
    with reading() as session:
        mail, link = _mail_to(session, Place.of(session, firm_id, client_id, person_id), by, message, now())
    return write(mail, link, redacted=True)


def preview(firm_id: int, client_id: int, person_id: int, member_id: int, message: str) -> None:
    """Send the member of the firm the mail that the contact would get; nothing else comes of it."""
    with transaction() as session:
        at, place = now(), Place.of(session, firm_id, client_id, person_id)
        member = session.get_one(Person, member_id)
        of, link = _mail_to(session, place, member.email, message, at)
        head, until = letterhead(session, place.case.firm), link.expires_at if link else None
        Outgoing.post(session, letters.preview(place.case, member, place.person, head, at, of=of, good_until=until))


def prepare_access(firm_id: int, client_id: int, person_id: int, by: str) -> None:
    """Let the contact in to this account and say nothing yet: what they find there can be prepared first.

    They can be invited later. Repeating it changes nothing. Raises NoAddress, AccountArchived and, for whom was told
    already, SeesAlready.
    """
    place = place_of(firm_id, client_id, person_id)
    if place.client.archived_at is not None:
        raise AccountArchived(place.client.name)
    if place.contact.login and place.contact.told_at is not None:
        raise SeesAlready(place.person.name, place.client.name)
    switch(firm_id, client_id, person_id, Switch.LOGIN, on=True, by=by)


# ---- switches


def switch(firm_id: int, client_id: int, person_id: int, which: Switch, *, on: bool, by: str) -> bool:
    """Switch one thing on or off; whether the contact can see the account and was not told of it yet.

    Nobody is written to. Without LOGIN at any account the invitation of who has not come in yet ends, with its link;
    who is active keeps what is theirs at other accounts. Raises NoAddress.
    """
    with transaction() as session:
        place = Place.of(session, firm_id, client_id, person_id)
        contact, before = place.contact, getattr(place.contact, COLUMNS[which])
        if before != on:
            _set(session, place, which, on=on)
            facts: Facts = {**place.facts(), "kind": which.value, "before": before, "after": on}
            record(session, place.case.id, now(), "contact.switched", by, **facts)
        return contact.login and contact.told_at is None


def _set(session: Session, place: Place, which: Switch, *, on: bool) -> None:
    contact, person = place.contact, place.person
    if which is Switch.LOGIN and on and not person.email:
        raise NoAddress(person.name)
    if which is Switch.MAIN_COMMERCIAL and on:
        _make_main(session, contact)
    setattr(contact, COLUMNS[which], on)
    session.flush()
    match which:
        case Switch.LOGIN:
            contact.told_at = contact.told_at if on else None
            end_if_blind(session, place.case, person)
            if on and person.invited_at is None and person.registered_at is None:
                person.invitation_waits = True  # Until somebody says that they are to be told.
        case Switch.NOTIFY if on:
            remind_again(session, place.case, [person.id])
        case Switch.COMMERCIAL if not on:
            contact.is_main_commercial = False
        case Switch.COMMERCIAL if not _has_main(session, contact.client_id):
            contact.is_main_commercial = True  # Somebody gets the invoices.
        case _:
            pass
    Client.settle_of(session, [person.id])


def _make_main(session: Session, contact: ClientContact) -> None:
    """Take it from whoever has it: one gets the invoices."""
    contact.is_commercial = True
    others = select(ClientContact).where(ClientContact.client_id == contact.client_id, ClientContact.id != contact.id)
    for other in session.scalars(others.where(ClientContact.is_main_commercial)):
        other.is_main_commercial = False
    session.flush()


def _has_main(session: Session, client_id: int) -> bool:
    main = select(ClientContact.id).where(ClientContact.client_id == client_id, ClientContact.is_main_commercial)
    return session.scalars(main).first() is not None


def end_if_blind(session: Session, case: Onboarding, person: Person) -> None:
    """Whoever has not come in yet, and sees no account any more, is not invited any longer."""
    if person.registered_at is None and not _sees_any(session, person):
        end_invitation(session, case, person)


def _sees_any(session: Session, person: Person) -> bool:
    seen = select(ClientContact.id).where(ClientContact.person_id == person.id, ClientContact.login)
    return session.scalars(seen.limit(1)).first() is not None


def end_invitation(session: Session, case: Onboarding, person: Person) -> None:
    """Nothing is left to be invited to: links and password that were given open nothing any more, whatever comes."""
    forget_account(session, person)
    let_go(session, case, person)
    end_links(session, person, now(), Purpose.ACTIVATE)
    person.invited_at, person.invitation_waits = None, True


def remind_again(session: Session, case: Onboarding, people: Collection[int]) -> None:
    """What was held back as long as nothing was to come to these people by itself falls due."""
    session.flush()
    waits = select(Reminder, Person).join(Person, Person.id == Reminder.person_id)
    waits = waits.where(Reminder.person_id.in_(people), Reminder.ended_at.is_(None))
    cadences = Cadences(session, [(case.id, case.firm_id)])
    for wait, person in session.execute(waits):
        wait.plan(cadences.rhythm(wait.kind, case.id), person)


def resend(firm_id: int, client_id: int, person_id: int, by: str) -> int:
    """Send the contact a new link; the one before stays good for its time. Returns the case's id.

    Raises NotInvitedYet, RegisteredAlready, AccessRests, AddressBad, SentJustNow, SentOften.
    """
    with transaction() as session:
        place = Place.of(session, firm_id, client_id, person_id)
        if place.person.registered_at is None and place.person.invited_at is None:
            raise NotInvitedYet(place.person.name)
        if place.person.bounced_at is not None:
            raise AddressBad(place.person.email)
        resend_link(session, place.case, place.person, by)
        return place.case.id
