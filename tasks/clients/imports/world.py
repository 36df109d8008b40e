"""What an import is compared with: accounts and contacts that are stored, and those that earlier records of it bring.

A batch of drafts asks for what could concern it, in a number of statements that does not depend on the batch; nothing
else is held in memory.
"""

import pickle
import re
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Self

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session

from models.clients.access import seen_by
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact, ClientKind, name_key
from models.clients.imports import ImportContact, ImportRecord
from models.clients.phone import PhoneKind
from models.clients.tag import ClientTag, ContactTag, Tag
from models.db import Facts
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.people.staff import Rights
from models.text import one_line
from tasks.clients.imports.draft import ContactDraft, Draft

SWITCHES = ("login", "notify", "email_sync", "is_commercial", "is_operational")


@lru_cache(maxsize=8192)
def strict(name: str) -> str:
    """The name as it is compared: capitals, blanks and what nobody sees make no difference."""
    return one_line(name).casefold()


@lru_cache(maxsize=8192)
def words(name: str) -> tuple[str, ...]:
    """The same, whichever part comes first: “Muster, Erika” and “Erika Muster”."""
    return tuple(sorted(_BETWEEN_WORDS.split(strict(name).strip(" ,"))))


_BETWEEN_WORDS = re.compile(r"[\s,]+")


@dataclass(slots=True)
class Account:
    """An account as it stands, or will stand; its number is below 0 as long as it is not stored."""

    id: int
    kind: ClientKind
    name: str
    is_named_by_hand: bool = False
    company_name: str = ""
    number: str = ""
    vat_id: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = "DE"
    website: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    """By how they are compared."""
    particulars: Facts = field(default_factory=dict)
    is_seen: bool = True
    is_touched: bool = False
    """An earlier record of the file has spoken of it: what that said stays."""
    is_archived: bool = False


@dataclass(slots=True)
class Someone:
    """A contact, wherever they are one."""

    id: int
    given_name: str
    family_name: str
    email: str = ""
    title: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = "DE"
    website: str = ""
    language: Language = Language.GERMAN
    address_form: AddressForm = AddressForm.SIE
    phones: dict[str, PhoneKind] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    particulars: Facts = field(default_factory=dict)
    has_registered: bool = False
    is_withdrawn: bool = False
    is_seen: bool = True
    """At an account that whoever imports sees, or at none."""
    is_touched: bool = False

    @property
    def called(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(slots=True)
class Place:
    """Someone's place at an account."""

    login: bool = False
    notify: bool = True
    email_sync: bool = False
    is_commercial: bool = False
    is_operational: bool = False
    is_touched: bool = False


@dataclass(slots=True)
class World:
    """As much of it as a batch can concern."""

    accounts: dict[int, Account] = field(default_factory=dict)
    people: dict[int, Someone] = field(default_factory=dict)
    places: dict[tuple[int, int], Place] = field(default_factory=dict)
    by_number: dict[str, int] = field(default_factory=dict)
    by_key: dict[str, list[int]] = field(default_factory=dict)
    by_email: dict[str, int] = field(default_factory=dict)
    at: dict[int, list[int]] = field(default_factory=dict)
    """Whom there is at an account, of those who could be meant."""
    of: dict[int, list[int]] = field(default_factory=dict)
    """At which of the accounts somebody is."""
    with_contact: set[str] = field(default_factory=set)
    """Names and numbers (``number_key``) of accounts for which some record of the file has a contact."""
    next_id: int = -1

    def take_account(self, account: Account) -> None:
        if account.id in self.accounts:
            return
        self.accounts[account.id] = account
        if account.number:
            self.by_number.setdefault(account.number, account.id)
        for key in {name_key(account.name), name_key(account.company_name)} - {""}:
            held = self.by_key.setdefault(key, [])
            if account.id not in held:
                held.append(account.id)

    def take_person(self, person: Someone) -> None:
        self.people.setdefault(person.id, person)
        if person.email:
            self.by_email.setdefault(person.email, person.id)

    def take_place(self, account_id: int, person_id: int, place: Place) -> None:
        if (account_id, person_id) in self.places:
            return
        self.places[account_id, person_id] = place
        self.at.setdefault(account_id, []).append(person_id)
        self.of.setdefault(person_id, []).append(account_id)

    def by_number_or_name(self, draft: Draft) -> set[int]:
        """The accounts that this record could mean by its number or its name."""
        assert draft.account is not None
        found = {key for name in names_of(draft) for key in self.by_key.get(name_key(name), ())}
        return found | ({self.by_number[draft.account.number]} if draft.account.number in self.by_number else set())

    def new_id(self) -> int:
        """Of what is not stored yet."""
        self.next_id -= 1
        return self.next_id + 1


class Unasked(World):
    """For a batch of which each record is known to be new: nobody looks anything up, so nothing is kept."""

    def take_account(self, account: Account) -> None:
        pass

    def take_person(self, person: Someone) -> None:
        pass

    def take_place(self, account_id: int, person_id: int, place: Place) -> None:
        pass


@dataclass(frozen=True)
class Wanted:
    """What a batch of drafts could concern."""

    numbers: set[str]
    keys: set[str]
    emails: set[str]
    families: set[str]

    @classmethod
    def by(cls, drafts: Iterable[Draft]) -> Self:
        wanted = cls(set(), set(), set(), set())
        for draft in drafts:
            if draft.account is not None:
                wanted.keys.update({name_key(name) for name in names_of(draft)} - {""})
                if draft.account.number:
                    wanted.numbers.add(draft.account.number)
            for contact in draft.contacts:
                wanted.families.update(_capitals(contact.family_name))
                if contact.email:
                    wanted.emails.add(contact.email)
        return wanted


def names_of(draft: Draft) -> tuple[str, ...]:
    """By which names an account with this record could be there."""
    account = draft.account
    assert account is not None
    if account.name or account.company_name:
        return tuple(filter(None, (account.company_name, account.name)))
    return (called(draft.contacts[0]),) if draft.contacts else ()


def called(contact: ContactDraft) -> str:
    return f"{contact.given_name} {contact.family_name}".strip()


def number_key(number: str) -> str:
    return f"#{number}"


def _capitals(name: str) -> set[str]:
    """As ``lower`` of either database could write it, of which some know no letters but those of ASCII."""
    if name.isascii():
        return {name.lower()}
    return {_ascii_lower(each) for each in (name, name.lower(), name.upper(), name.title())} | {name.lower()}


def _family(name: str) -> str:
    return name.casefold()


def _ascii_lower(text: str) -> str:
    return text.translate(_ASCII_SMALL)


_ASCII_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def stored(
    session: Session, firm_id: int, wanted: Wanted, seer: tuple[int, Rights] | None, import_id: int | None = None
) -> World:
    """What is stored of it. *seer*: who must see the accounts; None: an operator. With *import_id*, what that import
    has written already is touched.
    """
    world = World()
    is_seen = seen_by(*seer) if seer else true()
    people = select(Person).where(Person.firm_id == firm_id, Person.role == Role.CLIENT)
    mailed = {person.id: person for person in session.scalars(people.where(Person.email.in_(wanted.emails)))}
    theirs = select(ClientContact.client_id).where(ClientContact.person_id.in_(mailed))
    at_theirs = and_(Client.id.in_(theirs), Client.kind == ClientKind.INDIVIDUAL)
    accounts: dict[int, tuple[Client, bool]] = {}
    ways: list[ColumnElement[bool]] = [Client.number.in_(wanted.numbers), Client.name_key.in_(wanted.keys)]
    ways += [and_(Client.company_key.in_(wanted.keys), Client.company_key != "")]
    ways += [at_theirs] if mailed else []
    for way in ways:
        for client, seen in session.execute(select(Client, is_seen).where(Client.firm_id == firm_id, way)).tuples():
            accounts[client.id] = client, seen
    theirs_alone = [key for key, (client, _) in accounts.items() if client.kind is ClientKind.INDIVIDUAL]
    named = func.lower(Person.family_name).in_(wanted.families)
    who = or_(
        and_(ClientContact.client_id.in_(accounts), named),
        ClientContact.client_id.in_(theirs_alone),
        ClientContact.person_id.in_(mailed),
    )
    rows = select(ClientContact, Person).join(Person, Person.id == ClientContact.person_id).where(who)
    places = session.execute(rows.order_by(ClientContact.id)).tuples().all() if accounts or mailed else []
    there = mailed | {person.id: person for _, person in places}
    if not (accounts or there):
        return world
    cards = {card.person_id: card for card in session.scalars(select(Card).where(Card.person_id.in_(there)))}
    phones = Phone.of(session, [*there])
    tags = _tags(session, ContactTag.person_id, ContactTag.tag_id, there)
    account_tags = _tags(session, ClientTag.client_id, ClientTag.tag_id, accounts)
    touched, pairs = _touched(session, import_id, accounts, there)
    spoken_of = {person_id for _, person_id in pairs}
    hidden = _hidden(session, there, is_seen) if seer else set[int]()
    for key, (client, seen) in sorted(accounts.items()):
        world.take_account(_account(client, account_tags.get(key, {}), is_seen=seen, is_touched=key in touched))
    for key, person in there.items():
        numbers = {phone.number: phone.kind for phone in phones.get(key, [])}
        someone = _someone(person, cards.get(key), numbers, tags.get(key, {}))
        someone.is_touched = key in spoken_of
        someone.is_seen = key not in hidden
        world.take_person(someone)
    for contact, _ in places:
        switches = {name: getattr(contact, name) for name in SWITCHES}
        pair = contact.client_id, contact.person_id
        world.take_place(*pair, Place(**switches, is_touched=pair in pairs))
    return world


def _hidden(session: Session, people: Collection[int], is_seen: ColumnElement[bool]) -> set[int]:
    """Those who are at accounts, of which none is seen."""
    mine = select(ClientContact.person_id).where(ClientContact.person_id.in_(people))
    seen = mine.join(Client, Client.id == ClientContact.client_id).where(is_seen)
    return {*session.scalars(mine)} - {*session.scalars(seen)}


def _tags(session: Session, whose: Any, which: Any, keys: Collection[int]) -> dict[int, dict[str, str]]:
    rows = select(whose, Tag.folded, Tag.name).join(Tag, Tag.id == which).where(whose.in_(keys)).order_by(Tag.folded)
    found: dict[int, dict[str, str]] = {}
    for key, folded, name in session.execute(rows):
        found.setdefault(key, {})[folded] = name
    return found


def _account(client: Client, tags: dict[str, str], *, is_seen: bool, is_touched: bool) -> Account:
    return Account(
        id=client.id,
        kind=client.kind,
        name=client.name,
        is_named_by_hand=client.is_named_by_hand,
        company_name=client.company_name,
        number=client.number or "",
        vat_id=client.vat_id,
        **client.place,
        website=client.website,
        tags=tags,
        particulars={**client.particulars},
        is_seen=bool(is_seen),
        is_touched=is_touched,
        is_archived=client.archived_at is not None,
    )


def _someone(person: Person, card: Card | None, phones: dict[str, PhoneKind], tags: dict[str, str]) -> Someone:
    held: Facts = {**card.place, "title": card.title, "website": card.website} if card else {}
    return Someone(
        id=person.id,
        given_name=person.given_name,
        family_name=person.family_name,
        email=person.email,
        **held,
        language=person.language,
        address_form=person.address_form,
        phones=phones,
        tags=tags,
        particulars={**card.particulars} if card else {},
        has_registered=person.registered_at is not None,
        is_withdrawn=person.withdrawn_at is not None,
    )


def _is_touched(row: Account | Someone) -> bool:
    return row.is_touched


class Earlier:
    """What earlier records of a file bring, as long as nothing of it is stored: in a file of its own, which nobody sees
    and which goes with this object.
    """

    def __init__(self) -> None:
        self._kept = sqlite3.connect("", isolation_level=None)  # The empty name: a temporary file.
        self._kept.execute("PRAGMA cache_size = -2000")
        self._kept.execute("CREATE TABLE kept (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
        self._kept.execute("CREATE TABLE alone (account INTEGER PRIMARY KEY, record INTEGER)")
        self._next_id = -1

    def close(self) -> None:
        self._kept.close()

    def add_to(self, world: World, drafts: Sequence[Draft], wanted: Wanted) -> None:
        """Complete the world of a batch."""
        world.next_id = self._next_id
        looked = [f"n{number}" for number in wanted.numbers] + [f"k{key}" for key in wanted.keys]
        held = self._get([*looked, *(f"e{email}" for email in wanted.emails)])
        mailed = {key for email in wanted.emails for key in held.get(f"e{email}", ())}
        at_theirs = self._get(f"o{key}" for key in {*mailed, *world.people})
        ids = {key for name in looked for key in held.get(name, ())}
        ids |= {account for kept in at_theirs.values() for account in kept} | {*world.accounts}
        for account in self._get(f"a{key}" for key in ids).values():
            known = world.accounts.pop(account.id, None)
            account.is_seen = account.is_seen if known is None else known.is_seen
            world.take_account(account)
        named = set()
        for draft in drafts:
            if draft.account is not None:
                could = {*world.by_number_or_name(draft), *held.get(f"n{draft.account.number}", ())}
                for contact in draft.contacts:
                    could |= {key for one in held.get(f"e{contact.email}", ()) for key in at_theirs.get(f"o{one}", ())}
                    named |= {f"f{key}:{_family(contact.family_name)}" for key in could}
        near = {key for kept in self._get(named).values() for key in kept} | mailed | {*world.people}
        for person in self._get(f"p{key}" for key in near).values():
            world.people.pop(person.id, None)
            world.take_person(person)
        at = self._get(f"o{key}" for key in near)
        pairs = {(account, key) for key in near for account in at.get(f"o{key}", ())}
        for (account_id, person_id), place in self._get(f"l{account}:{key}" for account, key in pairs).values():
            if (account_id, person_id) in world.places:
                world.places[account_id, person_id] = place
            elif account_id in world.accounts:
                world.take_place(account_id, person_id, place)

    def keep(self, world: World) -> None:
        """What the records of this batch have spoken of."""
        self._next_id = world.next_id
        rows: dict[str, Any] = {}
        sets: dict[str, set[int]] = {}
        for account in filter(_is_touched, world.accounts.values()):
            rows[f"a{account.id}"] = account
            names = (account.name, account.company_name) if account.id < 0 else ()
            for key in {f"k{name_key(name)}" for name in names if name} | {f"n{account.number}"}:
                sets.setdefault(key, set()).add(account.id)
        for person in filter(_is_touched, world.people.values()):
            rows[f"p{person.id}"] = person
            sets.setdefault(f"e{person.email}", set()).add(person.id)
        for (account_id, person_id), place in world.places.items():
            if place.is_touched:
                rows[f"l{account_id}:{person_id}"] = (account_id, person_id), place
                family = _family(world.people[person_id].family_name)
                sets.setdefault(f"f{account_id}:{family}", set()).add(person_id)
                sets.setdefault(f"o{person_id}", set()).add(account_id)
        for nothing in ("n", "e"):
            sets.pop(nothing, None)
        for key, held in self._get(sets).items():
            sets[key] |= held
        self._kept.execute("BEGIN")
        both = [(key, pickle.dumps(value)) for key, value in {**sets, **rows}.items()]
        self._kept.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", both)
        self._kept.execute("COMMIT")

    def leave_alone(self, account_id: int, record: int) -> None:
        """Remember that this record opens an account for which a contact must come."""
        self._kept.execute("INSERT OR IGNORE INTO alone VALUES (?, ?)", (account_id, record))

    def accompany(self, account_ids: Iterable[int]) -> None:
        """A contact has come."""
        self._kept.executemany("DELETE FROM alone WHERE account = ?", [(key,) for key in account_ids])

    def alone(self) -> list[int]:
        """The records that open accounts to which nobody came."""
        return [record for (record,) in self._kept.execute("SELECT record FROM alone ORDER BY record")]

    def _get(self, keys: Iterable[str]) -> dict[str, Any]:
        wanted, found = list(keys), dict[str, Any]()
        for first in range(0, len(wanted), 900):
            some = wanted[first : first + 900]
            marks = ",".join("?" * len(some))
            rows = self._kept.execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", some)  # noqa: S608
            found |= {key: pickle.loads(value) for key, value in rows}  # noqa: S301  (our own, of this moment)
        return found


def _touched(
    session: Session, import_id: int | None, accounts: Collection[int], people: Collection[int]
) -> tuple[set[int], set[tuple[int, int]]]:
    """What an import has written already: accounts, and places of people at them."""
    if import_id is None:
        return set(), set()
    mine = exists().where(ImportRecord.import_id == import_id, ImportRecord.client_id == Client.id)
    there = session.scalars(select(Client.id).where(Client.id.in_(accounts), mine.correlate(Client)))
    pairs = select(ImportContact.client_id, ImportContact.person_id).where(ImportContact.import_id == import_id)
    return set(there), set(session.execute(pairs.where(ImportContact.person_id.in_(people))).tuples())
