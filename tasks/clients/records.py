"""Accounts and contacts as other systems read them: by their ids, page by page, whatever comes in meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.clients.access import seen_by
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact
from models.clients.custom_field import CustomField, FieldOf
from models.clients.standing import Standing, standing_of
from models.clients.tag import ContactTag, Tag
from models.db import Facts, reading
from models.errors import N_, Faults, NotFound, ProvisionError
from models.people.mail_address import email_address
from models.people.person import Person, Role
from models.text import one_line
from tasks.clients.accounts import Filter, Row, account_of, matching, rows_of
from tasks.clients.contacts import contact_of, in_fields, seen_contacts
from tasks.people.sessions import Membership

T = TypeVar("T")


class FieldUnknown(ProvisionError):
    status = 422
    says = N_("The firm has no field “%(name)s” for this: check its name in the settings.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Page(Generic[T]):
    """So many in the order of their ids."""

    records: list[T]
    after: int | None
    """Behind which id the next page begins; None: there is no more."""


@dataclass(frozen=True)
class AccountRecord(Row):
    fields: dict[str, str]
    """What stands in the firm's own fields, by their names."""


@dataclass(frozen=True)
class ContactRecord:
    person: Person
    card: Card | None
    phones: list[Phone]
    tags: list[str]
    fields: dict[str, str]
    standing: Standing
    account_ids: list[int]
    """At which accounts that the reader sees."""


def accounts(member: Membership, asked: Filter, number: str, after: int, most: int) -> Page[AccountRecord]:
    """The accounts that this member sees and that are asked for, behind the id *after*; *number*: only of this one."""
    with reading() as session:
        clients = matching(session, member, asked).where(Client.id > after)
        if one_line(number):
            clients = clients.where(Client.number == one_line(number))
        found = list(session.scalars(clients.order_by(Client.id).limit(most + 1)))
        shown = found[:most]
        return Page(_accounts(session, member, shown), shown[-1].id if len(found) > most else None)


def account(member: Membership, client_id: int) -> AccountRecord:
    """Raises NotFound for accounts that this member does not see."""
    with reading() as session:
        return _accounts(session, member, [account_of(session, member, client_id)])[0]


def _accounts(session: Session, member: Membership, clients: Sequence[Client]) -> list[AccountRecord]:
    shown = CustomField.shown(session, member.firm_id, FieldOf.ACCOUNT)
    return [
        AccountRecord(row.client, row.contacts, row.tags, _named(shown, row.client.fields))
        for row in rows_of(session, clients)
    ]


def place(member: Membership, client_id: int, person_id: int) -> tuple[ClientContact, Person]:
    """What the contact may do at the account; raises NotFound."""
    for contact, person in account(member, client_id).contacts:
        if person.id == person_id:
            return contact, person
    raise NotFound(N_("The contact"))


def contacts(member: Membership, email: str, after: int, most: int) -> Page[ContactRecord]:
    """The contacts whom this member sees, behind the id *after*; *email*: only who has this address.

    Raises AddressInvalid.
    """
    there = Person.firm_id == member.firm_id, Person.role == Role.CLIENT, Person.withdrawn_at.is_(None)
    people = select(Person).where(*there, seen_contacts(member), Person.id > after)
    if one_line(email):
        people = people.where(Person.email == email_address(email))
    with reading() as session:
        found = list(session.scalars(people.order_by(Person.id).limit(most + 1)))
        shown = found[:most]
        return Page(_contacts(session, member, shown), shown[-1].id if len(found) > most else None)


def contact(member: Membership, person_id: int) -> ContactRecord:
    """Raises NotFound for contacts whom this member does not see."""
    with reading() as session:
        return _contacts(session, member, [contact_of(session, member, person_id)])[0]


def _contacts(session: Session, member: Membership, people: Sequence[Person]) -> list[ContactRecord]:
    ids = [person.id for person in people]
    shown = CustomField.shown(session, member.firm_id, FieldOf.CONTACT)
    cards = {card.person_id: card for card in session.scalars(select(Card).where(Card.person_id.in_(ids)))}
    phones, standings = Phone.of(session, ids), standing_of(session, people)
    tags: dict[int, list[str]] = {key: [] for key in ids}
    tagged = select(ContactTag.person_id, Tag.name).join(Tag).where(ContactTag.person_id.in_(ids))
    for key, name in session.execute(tagged.order_by(Tag.folded)):
        tags[key].append(name)
    places: dict[int, list[int]] = {key: [] for key in ids}
    at = select(ClientContact.person_id, Client.id).join(Client).where(ClientContact.person_id.in_(ids))
    seen = at.where(seen_by(member.person_id, member.rights)).order_by(Client.id)
    for key, client_id in session.execute(seen):
        places[key].append(client_id)
    return [
        ContactRecord(
            person,
            cards.get(person.id),
            phones.get(person.id, []),
            tags[person.id],
            _named(shown, cards[person.id].fields if person.id in cards else {}),
            standings[person.id],
            places[person.id],
        )
        for person in people
    ]


def _named(shown: Collection[CustomField], held: Facts) -> dict[str, str]:
    values = in_fields(held)
    return {field.name: values[field.key] for field in shown if field.key in values}


def keys_of(member: Membership, belongs_to: FieldOf) -> dict[str, str]:
    """By the names of the firm's own fields what each is called in forms."""
    with reading() as session:
        return {field.name: field.key for field in CustomField.shown(session, member.firm_id, belongs_to)}


def written_in(keys: Mapping[str, str], values: Mapping[str, str], faults: Faults, at: str) -> dict[str, str]:
    """What was written into fields of these names, as forms send it; a name that is none is among the faults."""
    for name in values:
        if name not in keys:
            faults[f"{at}{name}"] = FieldUnknown(one_line(name)[:60])
    return {keys[name]: text for name, text in values.items() if name in keys}
