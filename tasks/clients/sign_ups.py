"""Registrations on a firm's own page: asked for by anybody, confirmed by mail, answered by the firm."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, select, text
from sqlalchemy.orm import Session

from models.audit import evidence, of, record
from models.clients.access import ClientAccess, seen_by
from models.clients.card import Card
from models.clients.client import Client, ClientContact, ClientKind
from models.clients.naming import NAME_MOST, Doubt, doubts, filed_as
from models.clients.sign_up import SignUp, SignUpAnswered, SignUpVerdict
from models.clients.words import is_found, refold
from models.db import Facts, reading, transaction
from models.errors import N_, Faults, NotFound, ProvisionError
from models.firm import Firm
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.mail_address import email_address, writable_address
from models.people.manners import AddressForm, Language
from models.people.notice import Notice, NoticeKind
from models.people.person import ADDRESSED, Person, Role
from models.people.staff import Staff
from models.text import one_line
from models.time.clock import now
from models.time.land import Land
from tasks.clients import public_page
from tasks.clients.contacts import seen_contacts
from tasks.mail.address_holds import reads_mail
from tasks.mail.letterheads import Turn, letterhead
from tasks.mail.letters import clients as letters
from tasks.onboarding.registration import DAY, HOUR, MOST_LINKS_A_DAY, ask_for_link, invite
from tasks.people.sessions import Membership

SENT = (MailKind.SIGN_UP_CONFIRM, MailKind.ALREADY_CLIENT)
"""What anybody can have sent to an address by registering with it: MOST_LINKS_A_DAY of them, at whichever firms."""
SIGN_UPS_SHOWN, ACCOUNTS_SHOWN = 100, 50
NAMED_MOST = 20
"""So many names stand in a mail about people who have registered; of the others it says how many they are."""


class Wish(NamedTuple):
    """What somebody tells who wants to be a client."""

    given_name: str
    family_name: str
    company_name: str
    email: str
    street: str
    postcode: str
    city: str
    country: str
    language: Language
    address_form: AddressForm

    def faults(self) -> dict[str, ProvisionError]:
        """Everything that cannot be, by the fields where it stands."""
        faults = Faults()
        with faults.at("email"):
            writable_address(self.email)
        SignUp(email=self.email).describe(faults, self._asdict())
        return faults


# ---- by whoever registers


def ask(company_id: int, wish: Wish) -> None:
    """Somebody registers on the firm's page: the address gets a mail, and only who reads it learns what is so.

    Who is new is asked to confirm the address; who is invited and has not accepted gets a fresh link; who has access
    already is told how to sign in. Nothing happens where nothing can: whoever asks has got the same answer before.
    """
    address = email_address(wish.email)
    with transaction() as session:
        firm_id = _taking(session, company_id)
        case, at = Onboarding.of_firm(session, firm_id or 0) if firm_id else None, now()
        if case is None or case.stopped_at is not None or not case.firm.takes_sign_ups:
            return
        client = _client(session, case.firm_id, address)
        is_invited = client is not None and client.invited_at is not None and client.registered_at is None
        written = Outgoing.kind.in_(SENT), Outgoing.to_address == address
        if not is_invited and len(Outgoing.sent_since(session, at - DAY, *written)) < MOST_LINKS_A_DAY:
            if client is not None and client.registered_at is not None:
                _tell_client(session, case, client, at)
            else:
                _write_down(session, case, address, wish, at)
    if is_invited:
        ask_for_link(str(company_id), address)


def _taking(session: Session, company_id: int) -> int | None:
    """The firm of this company ID, if people register there."""
    firms = public_page.with_page().where(Firm.company_id == company_id, Firm.takes_sign_ups)
    return session.scalars(firms.with_only_columns(Firm.id)).one_or_none()


def _client(session: Session, firm_id: int, address: str) -> Person | None:
    """The firm's contact with this address."""
    mine = _with_address(firm_id, address).where(Person.withdrawn_at.is_(None))
    return session.scalars(mine).one_or_none()


def _with_address(firm_id: int, address: str) -> Select[tuple[Person]]:
    """Who has this address among the firm's contacts, also who has been withdrawn."""
    mine = Person.firm_id == firm_id, Person.role == Role.CLIENT, Person.email == address
    return select(Person).where(*mine, text(ADDRESSED))


def _tell_client(session: Session, case: Onboarding, client: Person, at: datetime) -> None:
    if client.paused_at is None:
        head = letterhead(session, case.firm)
        Outgoing.post(session, letters.already_client(case, client, head, at, event=at.isoformat()))


def _write_down(session: Session, case: Onboarding, address: str, wish: Wish, at: datetime) -> None:
    """Keep what was told and ask to confirm it. What is confirmed stays: anybody may have told something else since."""
    row = SignUp.open_one(session, case.firm_id, address) or SignUp(firm_id=case.firm_id, email=address, asked_at=at)
    if row.confirmed_at is None:
        faults = Faults()
        row.describe(faults, wish._asdict())
        faults.check()
        row.language, row.address_form, row.asked_at = wish.language, wish.address_form, at
    session.add(row)
    session.flush()
    Outgoing.post(session, letters.sign_up_confirm(row, letterhead(session, case.firm), at))


@dataclass(frozen=True)
class Opened:
    """What the link in the mail to confirm the address shows."""

    sign_up: SignUp
    firm: Firm
    has_logo: bool


def opened(token: str) -> Opened:
    """Look behind the link; nothing changes. Raises SignUpLinkDead, Stopped."""
    with reading() as session:
        row = SignUp.holding(session, token, now())
        case = Onboarding.of_firm(session, row.firm_id)
        case.require_going()
        return Opened(row, case.firm, letterhead(session, case.firm)["logo"])


def confirm(token: str) -> None:
    """Whoever reads the mail says that it is their address: now the firm hears of it, once.

    Raises SignUpLinkDead, Stopped.
    """
    with transaction() as session:
        at = now()
        found = SignUp.holding(session, token, at)
        session.expunge(found)
        case = Onboarding.of_firm(session, found.firm_id)
        case.require_going()
        row = SignUp.holding(session, token, at, lock=True)  # As it is now that the case is ours.
        if row.answered_at is None and row.confirm(at):
            _tell_staff(session, case, row, at)
            record(session, case.id, at, "sign_up.confirmed", sign_up=row.id)


def _tell_staff(session: Session, case: Onboarding, row: SignUp, at: datetime) -> None:
    """Whoever of the firm manages accounts finds it in the inbox, and hears of it by mail, hourly at most."""
    staff, head = _managers(session, case.firm_id), letterhead(session, case.firm)
    path = f"/firm/{case.firm_id}/sign-ups/{row.id}"
    for reader in staff.values():
        entry = {"person_id": reader.id, "path": path, "created_at": at, "facts": {"name": row.name}}
        session.add(Notice(kind=NoticeKind.SIGN_UP, **entry))
    of_case = Outgoing.onboarding_id == case.id
    gathering = Outgoing.gathering(session, MailKind.SIGN_UP_WAITS, staff, at, of_case)
    named, fresh = letters.WaitingSignUp(id=row.id, name=row.name), []
    for address, reader in staff.items():
        if address not in gathering:
            fresh.append(letters.sign_up_waits(case, reader, head, at, sign_up=named))
            continue
        facts = gathering[address].facts
        is_full = len(facts["sign_ups"]) >= NAMED_MOST
        longer = {"more": facts["more"] + 1} if is_full else {"sign_ups": [*facts["sign_ups"], named]}
        gathering[address].facts = {**facts, **longer}
    Outgoing.post_gathering(session, fresh, at, HOUR)


def _managers(session: Session, firm_id: int) -> dict[str, Person]:
    """The firm's people who open and change accounts, and can be told, by their addresses."""
    people = [person for role in (Role.ORGANISER, Role.CASEWORKER) for person in Person.of(session, firm_id, role)]
    active = [person for person in people if person.registered_at is not None and person.paused_at is None]
    rights = Staff.of(session, active)
    return {person.email: person for person in reversed(active) if rights[person.id].may_manage}


# ---- by the firm


@dataclass(frozen=True)
class SignUpList:
    """Those that wait for the firm's answer, oldest first."""

    firm: Firm
    sign_ups: list[SignUp]
    first: bool
    after: int | None


@dataclass(frozen=True)
class SignUpDetail:
    """One of them, with what the firm should know before it answers."""

    firm: Firm
    sign_up: SignUp
    doubts: list[Doubt]
    """What may be wrong with the name."""
    person: Person | None
    """The contact who has this address already, if the member sees them."""
    accounts: list[Client]
    """Theirs, or, once it is answered, the one that came of it."""
    search: str
    found: list[Client]
    """Among these accounts the firm may choose."""
    first: bool
    after: int | None


def waiting(firm_id: int, after: int = 0) -> SignUpList:
    """What waits for the firm's answer, SIGN_UPS_SHOWN at a time, from behind the one of that number on."""
    with reading() as session:
        rows = SignUp.waiting(session, firm_id, SIGN_UPS_SHOWN + 1, after)
        shown = rows[:SIGN_UPS_SHOWN]
        firm = session.get_one(Firm, firm_id)
        return SignUpList(firm, shown, not after, shown[-1].id if len(rows) > len(shown) else None)


def count_waiting(firm_id: int) -> int:
    with reading() as session:
        return SignUp.count_waiting(session, firm_id)


def detail(firm_id: int, sign_up_id: int, member: Membership, search: str = "", after: int = 0) -> SignUpDetail:
    """One registration, and the accounts that the member sees and *search* finds, from behind the one *after* on."""
    words = one_line(search)
    with reading() as session:
        row = SignUp.get(session, firm_id, sign_up_id)
        known_one = _with_address(firm_id, row.email).where(Person.withdrawn_at.is_(None), seen_contacts(member))
        person = session.scalars(known_one).one_or_none()
        theirs = _visible(firm_id, member)
        mine = select(ClientContact.client_id).where(ClientContact.person_id == (person.id if person else 0))
        known = Client.id == row.client_id if row.client_id else Client.id.in_(mine)
        accounts = select(Client).where(*theirs, known).order_by(Client.id).limit(ACCOUNTS_SHOWN)
        found: list[Client] = []
        if words and row.answered_at is None:
            fitting_ones = select(Client).where(*theirs, is_found(firm_id, words), Client.id > after)
            found = list(session.scalars(fitting_ones.order_by(Client.id).limit(ACCOUNTS_SHOWN + 1)))
        shown = found[:ACCOUNTS_SHOWN]
        return SignUpDetail(
            firm=session.get_one(Firm, firm_id),
            sign_up=row,
            doubts=doubts(row.given_name, row.family_name),
            person=person,
            accounts=list(session.scalars(accounts)),
            search=words,
            found=shown,
            first=not after,
            after=shown[-1].id if len(found) > len(shown) else None,
        )


def _visible(firm_id: int, member: Membership) -> tuple[ColumnElement[bool], ...]:
    """The firm's accounts that are not archived, and which this member sees."""
    return Client.firm_id == firm_id, Client.archived_at.is_(None), seen_by(member.person_id, member.rights)


def accept(firm_id: int, sign_up_id: int, member: Membership, by: str) -> int:
    """They are a new client: an account of their own, and the invitation to it. Returns the case's id.

    Whose address is that of a contact already is that contact. Raises SignUpAnswered.
    """
    with transaction() as session:
        case, row, at = _to_answer(session, firm_id, sign_up_id)
        kind = ClientKind.COMPANY if row.company_name else ClientKind.INDIVIDUAL
        name = row.company_name or filed_as(row.given_name, row.family_name, case.firm.name_format)
        client = Client.open(session, firm_id, kind, at, name=name[:NAME_MOST].strip(), by_hand=False)
        client.company_name = row.company_name
        client.locate(Faults(), row.place)  # It was read when they registered.
        # Else nobody would get what is sent to it: there is no other contact yet.
        duties = {"is_commercial": True, "is_main_commercial": True, "is_operational": True}
        if not member.rights.has_default_access:
            ClientAccess.say(session, client.id, member.person_id, has_access=True)
        _let_in(session, case, row, client, member, by, SignUpVerdict.NEW, at, **duties)
        return case.id


def link(firm_id: int, sign_up_id: int, client_id: int, member: Membership, by: str) -> int:
    """They belong to an account that is there, and which the member sees. Returns the case's id.

    Raises SignUpAnswered; NotFound for any other account.
    """
    with transaction() as session:
        case, row, at = _to_answer(session, firm_id, sign_up_id)
        client = Client.get(session, firm_id, client_id)
        if session.scalars(select(Client.id).where(*_visible(firm_id, member), Client.id == client_id)).first() is None:
            raise NotFound(N_("The account"))
        _let_in(session, case, row, client, member, by, SignUpVerdict.LINKED, at)
        return case.id


def decline(firm_id: int, sign_up_id: int, by: str) -> int:
    """The firm does not take them on, and tells them so. Returns the case's id; raises SignUpAnswered."""
    with transaction() as session:
        case, row, at = _to_answer(session, firm_id, sign_up_id)
        row.answer(SignUpVerdict.DECLINED, at)
        Outgoing.post(session, letters.sign_up_declined(row, letterhead(session, case.firm), at))
        record(session, case.id, at, "sign_up.answered", by, sign_up=row.id, verdict=SignUpVerdict.DECLINED)
        return case.id


def _to_answer(session: Session, firm_id: int, sign_up_id: int) -> tuple[Onboarding, SignUp, datetime]:
    """The case and what waits for an answer, both locked; raises SignUpAnswered, NotFound."""
    case = Onboarding.of_firm(session, firm_id)
    case.require_agreement()
    row = SignUp.get(session, firm_id, sign_up_id)
    if row.answered_at is not None:
        raise SignUpAnswered(row.name)
    return case, row, now()


def _let_in(
    session: Session,
    case: Onboarding,
    row: SignUp,
    client: Client,
    member: Membership,
    by: str,
    verdict: SignUpVerdict,
    at: datetime,
    **duties: bool,
) -> None:
    """Make whoever has registered a contact of the account, and tell them."""
    row.answer(verdict, at, client.id)
    person = _person(session, case, row, at)
    place = select(ClientContact).where(ClientContact.client_id == client.id, ClientContact.person_id == person.id)
    contact = session.scalars(place).one_or_none() or ClientContact(client_id=client.id, person_id=person.id, **duties)
    contact.login, contact.told_at = True, contact.told_at or at
    reads_mail(session, case, person, at)
    contact.invited_by = contact.invited_by or member.name[:200]
    session.add(contact)
    refold(session, [client.id])
    Client.settle(session, Client.id == client.id)
    facts: Facts = {
        "person": person.id,
        "client": client.id,
        "account": of(client, client.name),
        "sign_up": row.id,
        "verdict": verdict,
    }
    record(session, case.id, at, "sign_up.answered", by, **facts, rows=evidence(person))
    if person.registered_at is None:
        invite(session, [Turn(case, person)], by)
    elif person.paused_at is None:
        head, event = letterhead(session, case.firm), f"sign-up:{row.id}"
        Outgoing.post(session, letters.already_client(case, person, head, at, event=event, client=client.name))
    case.touch(at)


def _person(session: Session, case: Onboarding, row: SignUp, at: datetime) -> Person:
    """The contact with this address; a new one if there is none, or none any longer."""
    person = session.scalars(_with_address(case.firm_id, row.email).with_for_update()).one_or_none()
    if person is not None and person.withdrawn_at is None:
        person.invitation_waits = False
        return person
    if person is None:
        person = Person(firm_id=case.firm_id, role=Role.CLIENT, email=row.email, added_at=at)
        session.add(person)
    else:
        person.give_way(row.name, row.email)
        person.added_at, person.invitation_waits = at, False
    person.call(row.given_name, row.family_name)
    person.language, person.address_form = row.language, row.address_form
    if row.country == "DE":
        person.postcode, person.land = row.postcode, Land.of_postcode(row.postcode)
    session.flush()
    Card.of(session, person).locate(Faults(), row.place)
    return person
