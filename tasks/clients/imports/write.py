"""Writes a batch of planned records in a transaction that holds the case, in as many statements for many as for few."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, cast, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.orm import Session

from models.audit import Parts, evidence, record
from models.clients.access import ClientAccess
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact, ClientState, name_key
from models.clients.imports import Import, ImportContact, ImportRecord
from models.clients.phone import PhoneKind
from models.clients.tag import ClientTag, ContactTag, Tag
from models.clients.words import ClientWords, folded, refold
from models.db import Base, Facts
from models.many import as_json, insert_all, update_each
from models.onboarding import Onboarding
from models.people.person import Person, Role
from tasks.clients.imports.outcome import ADDRESS, Planned, outcome_of
from tasks.clients.imports.world import SWITCHES, Account, Place, Someone

OF_CARD = ("title", *ADDRESS, "website", "particulars")
OF_ACCOUNT = ("kind", "name", "is_named_by_hand", "company_name", "vat_id", *ADDRESS, "website", "particulars")
OF_PERSON = ("email", "given_name", "family_name", "language", "address_form")
_of_card, _of_account, _of_person = attrgetter(*OF_CARD), attrgetter(*OF_ACCOUNT), attrgetter(*OF_PERSON)
_of_place = attrgetter(*SWITCHES)


class _Written(SimpleNamespace):
    """A person as their row was written, for the trail, without the weight of a row."""

    __table__, __tablename__, EVIDENCE = Person.__table__, Person.__tablename__, Person.EVIDENCE


@dataclass
class Batch:
    """What is written together. Rows of one account or person are written once, as the last record leaves them."""

    session: Session
    case: Onboarding
    row: Import
    at: datetime
    seer: int | None
    """Who of the firm does not see new accounts unless it is said."""
    clients: dict[int, int] = field(default_factory=dict)
    """The ids of new accounts."""
    people: dict[int, int] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    evidence: list[Any] = field(default_factory=list)

    def write(self, planned: Sequence[Planned], kept: Sequence[Row[Any]]) -> None:
        """Write what these records bring; *kept* are their rows."""
        placed = [each for each in planned if each.account is not None]
        self._name_tags(placed)
        self._make_accounts(placed)
        self._make_people(placed)
        self._change_accounts(placed)
        self._change_people(placed)
        self._place(placed)
        self._settle(placed)
        self._keep_records(planned, kept)
        self._record(placed)

    def client_id(self, account: Account) -> int:
        return self.clients.get(account.id, account.id)

    def person_id(self, person: Someone) -> int:
        return self.people.get(person.id, person.id)

    # ---- accounts

    def _name_tags(self, planned: Sequence[Planned]) -> None:
        names: dict[str, str] = {}
        for each in planned:
            for row in (each.account, *each.contacts):
                names |= row.tags if row else {}
        if names:
            self.tags = {tag.folded: tag.id for tag in Tag.named(self.session, self.case.firm_id, names.values())}

    def _make_accounts(self, planned: Sequence[Planned]) -> None:
        made = [each.account for each in planned if each.is_account_new and each.account is not None]
        if not made:
            return
        logins = {each.account.id for each in planned if each.account for place in each.places.values() if place.login}
        keys = self._keys(Client, len(made))
        self.clients = {account.id: key for account, key in zip(made, keys, strict=True)}
        self._insert(Client, [self._account_row(account, has_login=account.id in logins) for account in made])
        tagged = [
            {"client_id": self.clients[account.id], "tag_id": self.tags[key]}
            for account in made
            for key in account.tags
        ]
        self._insert(ClientTag, tagged)
        if self.seer is not None:
            said = {"person_id": self.seer, "has_access": True}
            self._insert(ClientAccess, [{"client_id": key, **said} for key in self.clients.values()])

    def _account_row(self, account: Account, *, has_login: bool) -> Facts:
        row = dict(zip(OF_ACCOUNT, _of_account(account), strict=True)) | {
            "id": self.clients[account.id],
            "firm_id": self.case.firm_id,
            "number": account.number or None,
            "created_at": self.at,
            "fields": {},
        }
        row |= {"name_key": name_key(account.name), "company_key": name_key(account.company_name)}
        return row | {"state": ClientState.PREPARED if has_login else ClientState.CLOSED}

    def _change_accounts(self, planned: Sequence[Planned]) -> None:
        changed: dict[int, tuple[Account, set[str]]] = {}
        tagged: set[tuple[int, str]] = set()
        for each in planned:
            if each.account is not None and each.account.id > 0 and each.of_account:
                changed.setdefault(each.account.id, (each.account, set()))[1].update(each.of_account)
                old, new = each.of_account.get("tags", ({}, {}))
                tagged |= {(each.account.id, key) for key in new.keys() - old.keys()}
        rows = []
        for account, names in changed.values():
            values = {name: getattr(account, name) for name in names - {"tags"}}
            if "number" in values:
                values["number"] = values["number"] or None
            keys = {"name": "name_key", "company_name": "company_key"}
            values |= {keys[name]: name_key(values[name]) for name in keys.keys() & values.keys()}
            rows.append((account.id, values))
        self._update(Client, rows)
        self._insert(ClientTag, [{"client_id": key, "tag_id": self.tags[tag]} for key, tag in sorted(tagged)])

    # ---- people

    def _make_people(self, planned: Sequence[Planned]) -> None:
        made: dict[int, Someone] = {}
        for each in planned:
            made |= {person.id: person for person in each.contacts if person.id in each.new_people}
        if not made:
            return
        fresh = [person for person in made.values() if person.id < 0]
        back = [person for person in made.values() if person.id > 0]
        keys = self._keys(Person, len(fresh))
        self.people = {person.id: key for person, key in zip(fresh, keys, strict=True)}
        self._insert(Person, [{"id": self.people[person.id], **self._person_row(person)} for person in fresh])
        if back:
            ids = [person.id for person in back]
            for table in (Card, Phone, ContactTag):
                self.session.execute(delete(table).where(table.person_id.in_(ids)))
            gone = dict.fromkeys(
                ("account_id", "invited_at", "registered_at", "bounced_at", "withdrawn_at", "paused_at")
            )
            gone["address_confirmed_at"] = None
            self._update(Person, [(person.id, {**self._person_row(person), **gone}) for person in back])
            self.session.expire_all()
        self._insert(Card, [self._card_row(person) for person in made.values()])
        phones = [row for person in made.values() for row in self._phone_rows(person, person.phones, has_primary=False)]
        self._insert(Phone, phones)
        tagged = [
            {"person_id": self.person_id(person), "tag_id": self.tags[key]}
            for person in made.values()
            for key in person.tags
        ]
        self._insert(ContactTag, tagged)
        held = {"account_id": None, "registered_at": None, "withdrawn_at": None, "paused_at": None}
        for person in made.values():
            values = {name: getattr(person, name) for name in ("email", "given_name", "family_name")}
            self.evidence.append(_Written(id=self.person_id(person), role=Role.CLIENT, **values, **held))

    def _person_row(self, person: Someone) -> Facts:
        return {
            "firm_id": self.case.firm_id,
            "role": Role.CLIENT,
            **dict(zip(OF_PERSON, _of_person(person), strict=True)),
            "land": self.case.firm.land,
            "postcode": self.case.firm.postcode,
            "added_at": self.at,
            "invitation_waits": True,
        }

    def _card_row(self, person: Someone) -> Facts:
        return {"person_id": self.person_id(person), **dict(zip(OF_CARD, _of_card(person), strict=True)), "fields": {}}

    def _phone_rows(self, person: Someone, numbers: Mapping[str, PhoneKind], *, has_primary: bool) -> Iterable[Facts]:
        first = next((number for number, kind in numbers.items() if kind is PhoneKind.MOBILE), None)
        first = first or next((number for number, kind in numbers.items() if kind is not PhoneKind.FAX), None)
        for number, kind in numbers.items():
            is_primary = number == first and not has_primary
            yield {"person_id": self.person_id(person), "number": number, "kind": kind, "is_primary": is_primary}

    def _change_people(self, planned: Sequence[Planned]) -> None:
        changed: dict[int, tuple[Someone, set[str]]] = {}
        numbers: dict[int, dict[str, PhoneKind]] = {}
        tagged: set[tuple[int, str]] = set()
        had: set[int] = set()
        for each in planned:
            for person in each.contacts:
                changes = each.of_people.get(person.id)
                if changes and person.id > 0 and person.id not in each.new_people:
                    changed.setdefault(person.id, (person, set()))[1].update(changes)
                    old, new = changes.get("phones", ({}, {}))
                    had |= {person.id} if old else set()
                    numbers.setdefault(person.id, {}).update({n: new[n] for n in new.keys() - old.keys()})
                    old, new = changes.get("tags", ({}, {}))
                    tagged |= {(person.id, key) for key in new.keys() - old.keys()}
        if not changed:
            return
        own = ("email", "language", "address_form")
        self._update(
            Person, [(p.id, {name: getattr(p, name) for name in names & {*own}}) for p, names in changed.values()]
        )
        carded = [(person, names & {*OF_CARD}) for person, names in changed.values() if names & {*OF_CARD}]
        there = set(self.session.scalars(select(Card.person_id).where(Card.person_id.in_([p.id for p, _ in carded]))))
        self._insert(Card, [self._card_row(person) for person, _ in carded if person.id not in there])
        self._update(
            Card,
            [(p.id, {name: getattr(p, name) for name in names}) for p, names in carded if p.id in there],
            by="person_id",
        )
        phones = [
            row
            for key, some in numbers.items()
            for row in self._phone_rows(changed[key][0], some, has_primary=key in had)
        ]
        self._insert(Phone, phones)
        self._insert(ContactTag, [{"person_id": key, "tag_id": self.tags[tag]} for key, tag in sorted(tagged)])
        addressed = [person.id for person, names in changed.values() if "email" in names]
        self.session.expire_all()
        self.evidence += self.session.scalars(select(Person).where(Person.id.in_(addressed)))

    # ---- places, and what follows

    def _place(self, planned: Sequence[Planned]) -> None:
        made: dict[tuple[int, int], Place] = {}
        changed: dict[tuple[int, int], tuple[Place, set[str]]] = {}
        for each in planned:
            assert each.account is not None
            for person in each.contacts:
                pair = self.client_id(each.account), self.person_id(person)
                place = each.places[person.id]
                if person.id in each.new_places:
                    made.setdefault(pair, place)
                elif pair not in made and person.id in each.of_places:
                    changed.setdefault(pair, (place, set()))[1].update(each.of_places[person.id])
        rows = [
            {"client_id": client, "person_id": person, **dict(zip(SWITCHES, _of_place(place), strict=True))}
            for (client, person), place in made.items()
        ]
        self._insert(ClientContact, rows)
        ids = ids_of_places(self.session, changed)
        self._update(
            ClientContact,
            [(ids[pair], {name: getattr(place, name) for name in names}) for pair, (place, names) in changed.items()],
        )

    def _settle(self, planned: Sequence[Planned]) -> None:
        renamed = {"name", "company_name", "number", "email", *ADDRESS}
        fold, settle = set[int](), set[int]()
        for each in planned:
            assert each.account is not None
            key = self.client_id(each.account)
            changed = {*each.of_account, *(name for changes in each.of_people.values() for name in changes)}
            is_known = any(person.id not in each.new_people for person in each.contacts)
            if (each.new_places and (is_known or each.account.id > 0)) or each.of_places:
                settle.add(key)
            if (each.new_places and each.account.id > 0) or renamed & changed:
                fold.add(key)
        made = [each for each in planned if each.account is not None and each.account.id < 0]
        self._find_new(made, {*self.clients.values()} - fold)
        if fold:
            refold(self.session, fold)
        if settle:
            Client.settle(self.session, Client.id.in_(settle))

    def _find_new(self, planned: Sequence[Planned], client_ids: Collection[int]) -> None:
        """New accounts are found by what this batch says of them; nothing else is known yet."""
        at: dict[int, tuple[Account, dict[int, Someone]]] = {}
        for each in planned:
            assert each.account is not None
            people = at.setdefault(self.client_id(each.account), (each.account, {}))[1]
            people.update({person.id: person for person in each.contacts})
        rows = []
        for client_id in client_ids:
            account, people = at[client_id]
            own = (account.name, account.company_name, account.number, account.street, account.postcode, account.city)
            called = [word for one in people.values() for word in (one.given_name, one.family_name, one.email)]
            lives = [word for one in people.values() for word in (one.street, one.postcode, one.city)]
            words = {"names": folded(*own), "contacts": folded(*called), "places": folded(*lives)}
            rows.append({"client_id": client_id, "firm_id": self.case.firm_id, **words})
        self._insert(ClientWords, rows)

    def _keep_records(self, planned: Sequence[Planned], kept: Sequence[Row[Any]]) -> None:
        rows: list[tuple[int, Facts]] = []
        contacts: dict[tuple[int, int], Facts] = {}
        for each, row in zip(planned, kept, strict=True):
            client_id = self.client_id(each.account) if each.account is not None else None
            is_as_planned = each.outcome is row.outcome and each.reason == row.reason
            is_told = is_as_planned and (not each.told or as_json(each.told) == row.told)
            values = {} if is_told else outcome_of(each)
            rows.append((row.id, {**values, "client_id": client_id, "undo": self._undo(each)}))
            for person in each.contacts if client_id is not None else ():
                pair = client_id or 0, self.person_id(person)
                contacts.setdefault(
                    pair,
                    {"record": each.draft.record, "import_id": self.row.id, "client_id": pair[0], "person_id": pair[1]},
                )
        self._update(ImportRecord, rows)
        insert_all(self.session, ImportContact, [*contacts.values()], unless_there=True)

    def _undo(self, planned: Planned) -> Facts:
        """What takes the record back: what it made, and what stood there."""
        undo: Facts = {}
        if planned.is_account_new:
            undo["client"] = True
        if planned.new_people:
            undo["people"] = [self.person_id(person) for person in planned.contacts if person.id in planned.new_people]
        if planned.new_places:
            undo["places"] = [self.person_id(person) for person in planned.contacts if person.id in planned.new_places]
        if planned.is_new:
            return undo
        if planned.of_account:
            undo["account"] = plain_before(planned.of_account)
        for name, changed, new in (
            ("contacts", planned.of_people, planned.new_people),
            ("switches", planned.of_places, planned.new_places),
        ):
            before = {
                str(self.people.get(key, key)): plain_before(each) for key, each in changed.items() if key not in new
            }
            if before:
                undo[name] = before
        return undo

    def _record(self, planned: Sequence[Planned]) -> None:
        """One entry for all of them, which stands in the history of each account."""
        names: dict[int, str] = {}
        for each in planned:
            assert each.account is not None
            if each.is_account_new or each.new_places or each.of_account or each.of_people or each.of_places:
                names[self.client_id(each.account)] = each.account.name
        if names:
            parts = Parts((f"client:{key}", {str(key): name}) for key, name in names.items())
            facts: Facts = {"imported": self.row.id, "clients": [*names], "accounts": parts}
            record(
                self.session,
                self.case.id,
                self.at,
                "clients.imported",
                self.row.by,
                **self.row.origin,
                **facts,
                rows=evidence(*self.evidence),
            )

    # ---- statements

    def _keys(self, table: type[Client | Person], number: int) -> list[int]:
        """So many ids that nobody else is given: rows that know theirs are written in one go."""
        if self.session.get_bind().dialect.name == "sqlite":  # Only one at a time writes.
            last = self.session.scalars(select(func.max(table.id))).one() or 0
            return [*range(last + 1, last + 1 + number)]
        sequence = func.pg_get_serial_sequence(table.__tablename__, "id")
        numbers = select(func.nextval(cast(sequence, REGCLASS))).select_from(func.generate_series(1, number))
        return [*self.session.scalars(numbers)]

    def _insert(self, table: type[Base], rows: Sequence[Facts]) -> None:
        insert_all(self.session, table, rows)

    def _update(self, table: type[Base], rows: Iterable[tuple[int, Facts]], *, by: str = "id") -> None:
        update_each(self.session, table, rows, by=by)


def ids_of_places(session: Session, pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """By account and contact, of those places that are there."""
    rows = select(ClientContact.client_id, ClientContact.person_id, ClientContact.id)
    rows = rows.where(tuple_(ClientContact.client_id, ClientContact.person_id).in_(pairs))
    return {(client_id, person_id): key for client_id, person_id, key in session.execute(rows)} if pairs else {}


def plain_before(changes: Mapping[str, tuple[Any, Any]]) -> Facts:
    """What stood there; of tags and numbers the ones that were added."""
    before: Facts = {}
    for name, (old, new) in changes.items():
        before[name] = sorted(new.keys() - old.keys()) if name in {"tags", "phones"} else old
    return before
