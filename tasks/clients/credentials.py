"""What a contact signs in with before they have an account of their own: the address, and a first password."""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import evidence, record
from models.clients.client import Client, ClientContact
from models.clients.standing import Todo, todos
from models.clients.words import refold_of
from models.db import Facts, reading, transaction
from models.errors import N_, ProvisionError
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.login import AccountExists, Login, hash_password
from models.people.person import Person
from models.time.clock import now
from tasks.clients.grants import NoAddress, Place, end_invitation, require_told
from tasks.mail.letterheads import Turn
from tasks.onboarding.address_checks import mail_check
from tasks.onboarding.invitations import require_link_rested
from tasks.onboarding.registration import invite
from tasks.people.addresses import AddressSettled, readdress

SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvz" for vowel in "aeiou"]
PARTS = 6
"""Of a password that the program makes: groups of two syllables, 76 bits in all, and easy to read out."""


class AddressConfirmed(ProvisionError):
    says = N_("%(address)s is confirmed already: nothing was sent.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def change_address(session: Session, case: Onboarding, person: Person, written: str, by: str) -> None:
    """Another address of a contact, or none, in a transaction that holds the case.

    The links sent to the one before are dead, and whoever was invited is invited at the new one. Without an address
    nobody signs in. Raises AddressSettled for who is active: what they sign in with is theirs; AddressTaken,
    AddressInvalid.
    """
    before = person.email
    if written.strip() == before:
        return
    if person.registered_at is not None:
        raise AddressSettled(person.name)
    if not written.strip():
        _take_address(session, case, person, by)
        return
    readdress(session, case, person, written, by)
    if person.invited_at is not None and not _is_under_way(session, person):
        invite(session, [Turn(case, person)], by)
    case.touch(now())


def _take_address(session: Session, case: Onboarding, person: Person, by: str) -> None:
    before = person.email
    end_invitation(session, case, person)
    person.email, person.bounced_at, person.address_confirmed_at = "", None, None
    for contact in session.scalars(select(ClientContact).where(ClientContact.person_id == person.id)):
        contact.login, contact.told_at = False, None
    refold_of(session, person)
    Client.settle_of(session, [person.id])
    facts: Facts = {"person": person.id, "before": before, "after": "", "rows": evidence(person)}
    record(session, case.id, now(), "address.corrected", by, **facts)


def _is_under_way(session: Session, person: Person) -> bool:
    """Whether a mail with a link to a password is about to leave for the address that they have now."""
    links = select(Link.id).where(Link.person_id == person.id, Link.purpose == Purpose.ACTIVATE)
    mails = select(Outgoing.id).where(Outgoing.link_id.in_(links), Outgoing.to_address == person.email)
    return session.scalars(mails.where(Outgoing.due_at.is_not(None)).limit(1)).first() is not None


def made_password() -> str:
    """A long password that can be read out: “koba-tiru-…”."""
    return "-".join("".join(secrets.choice(SYLLABLES) for _ in range(2)) for _ in range(PARTS))


def set_password(firm_id: int, client_id: int, person_id: int, by: str, typed: str = "") -> str:
    """Set a contact's first password, as *typed* or made here; returns it, to be shown once and told by hand.

    It opens the portal to them until they have chosen their own, which is asked for before all else, and proves
    nothing about the address. Only where the address has no account yet: raises AccountExists, NoAddress.
    """
    with reading() as session:
        place = Place.of(session, firm_id, client_id, person_id)
        about = [place.person.email, place.person.name, *place.case.firm.known]
    _require_no_account(place.person)
    password = typed or made_password()
    hashed = hash_password(password, *about)
    with transaction() as session:
        place = Place.of(session, firm_id, client_id, person_id)
        require_told(place)
        _require_no_account(place.person)
        login = _new_login(session, place.person)
        login.keep_password(session, hashed)
        login.must_change_password = True
        person, place.contact.login = place.person, True
        person.account_id = login.id
        person.invitation_waits = person.invited_at is None
        Client.settle_of(session, [person.id])
        record(session, place.case.id, now(), "password.given", by, **place.facts(), rows=evidence(person))
        return password


def _require_no_account(person: Person) -> None:
    if not person.email:
        raise NoAddress(person.name)
    if person.registered_at is not None or person.account_id is not None:
        raise AccountExists(person.email)


def _new_login(session: Session, person: Person) -> Login:
    """One for their address, where nobody has got in with it yet, however many want one at this moment."""
    made = Login.begin(session, person.email, now())
    if not made.is_blank:
        raise AccountExists(person.email)
    made.language, made.address_form = person.language, person.address_form
    return made


def ask_to_confirm(firm_id: int, client_id: int, person_id: int, by: str) -> int:
    """Ask the contact by mail whether the address is theirs; returns the case's id.

    Raises NoAddress, AddressBad, AddressConfirmed, SentJustNow, SentOften.
    """
    with transaction() as session:
        place = Place.of(session, firm_id, client_id, person_id)
        person = place.person
        require_told(place)
        login = None if person.account_id is None else session.get(Login, person.account_id)
        if Todo.EMAIL_UNCONFIRMED not in todos(person, login):
            raise AddressConfirmed(person.email)
        require_link_rested(session, place.case, person, Purpose.CONFIRM)
        mail_check(session, place.case, person)
        facts: Facts = {"person": person.id, "purpose": Purpose.CONFIRM.value}
        record(session, place.case.id, now(), "link.resent", by, **facts)
        place.case.touch(now())
        return place.case.id
