"""Takes an import back as a whole, as long as nothing was built on it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, select, tuple_, update
from sqlalchemy.orm import Session

from models.audit import Entry, Parts, Value, evidence, record
from models.clients.access import ClientAccess
from models.clients.bulk_invitation import BulkRecipient
from models.clients.bulk_invitation import Outcome as BulkOutcome
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact, name_key
from models.clients.imports import WRITTEN, Import, ImportContact, ImportRecord, ImportState
from models.clients.tag import ClientTag, ContactTag, Tag
from models.clients.words import ClientWords, refold
from models.db import Base, Facts, reading, transaction
from models.errors import N_, ProvisionError
from models.many import update_each
from models.onboarding import Onboarding
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role
from models.time.clock import now
from tasks.clients.imports.course import AT_ONCE, is_mine, renew, row_of
from tasks.clients.imports.write import ids_of_places

OWN = {
    "clients.imported",
    "clients.import_undone",
    "import.done",
    "import.cancelled",
    "import.undo_begun",
    "import.undone",
}
"""Acts of imports, which say nothing against taking one back."""
THEIRS = ("client_contacts", "contact_cards", "phones", "contact_tags", "client_tags", "client_access")
"""Tables in which an import writes; import_* and words go with them."""
NAMED = 20


class BuiltOn(ProvisionError):
    says = N_(
        "“%(file)s” cannot be taken back as a whole: %(count)s accounts or contacts of it were used since, for example "
        "%(names)s. Archive what is not wanted."
    )

    def __init__(self, file: str, count: int, names: str) -> None:
        super().__init__(file, count, names)
        self.file = file
        self.count = count
        self.names = names


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way of taking an import back."""

    name: str
    what: str
    """``signed_in``, ``invited``, an ``act`` since then, a later ``import``, or the table of what points to it."""


def undo(firm_id: int, import_id: int, by: str) -> None:
    """Take it back from now on; ``go_on`` does it. Raises BuiltOn, with what stands in the way."""
    require_unused(firm_id, import_id)
    begin_undo(firm_id, import_id, by)


def require_unused(firm_id: int, import_id: int) -> None:
    """Of a long import this takes its time: it is asked before anybody has to wait."""
    obstacles = in_the_way(firm_id, import_id)
    if obstacles:
        with reading() as session:
            file = row_of(session, firm_id, import_id).file_name
        names = [*dict.fromkeys(each.name for each in obstacles)]
        raise BuiltOn(file, len(names), ", ".join(names[:3]))


def begin_undo(firm_id: int, import_id: int, by: str) -> None:
    """What is used in spite of that is met by ``go_on``, which looks again at what it takes back."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        row = Import.get(session, firm_id, import_id)
        row.require(ImportState.DONE, ImportState.CANCELLED)
        done = row.done
        row.go(ImportState.UNDOING, now())
        row.done = done
        record(session, case.id, now(), "import.undo_begun", by, imported=row.id)


def in_the_way(firm_id: int, import_id: int) -> list[Obstacle]:
    """Everything that was built on what this import has made or changed."""
    found: list[Obstacle] = []
    last = 0
    with reading() as session:
        row = row_of(session, firm_id, import_id)
        case_id = session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm_id)).one()
        while rows := _placed(session, import_id, ImportRecord.record > last):
            found += _in_the_way(session, case_id, row, rows)
            last = rows[-1].record
    return list(dict.fromkeys(found))


def _placed(
    session: Session, import_id: int, *which: Any, most: int = AT_ONCE, backwards: bool = False
) -> Sequence[Row[Any]]:
    """The next records that stand for an account, with what takes them back."""
    rows = select(
        ImportRecord.id, ImportRecord.record, ImportRecord.client_id, ImportRecord.undo, ImportRecord.told
    ).where(ImportRecord.import_id == import_id, ImportRecord.client_id.is_not(None), *which)
    turn = ImportRecord.record.desc() if backwards else ImportRecord.record
    return session.execute(rows.order_by(turn).limit(most)).all()


def _in_the_way(session: Session, case_id: int, row: Import, rows: Sequence[Any]) -> list[Obstacle]:
    changed = [each for each in rows if each.undo]
    accounts = {each.client_id for each in changed if each.client_id is not None}
    made_accounts = {each.client_id for each in changed if each.undo.get("client") and each.client_id is not None}
    made = {key for each in changed for key in each.undo.get("people", ())}
    touched = made | {
        int(key) for each in changed for key in (*each.undo.get("contacts", ()), *each.undo.get("switches", ()))
    }
    found = []
    for person in session.scalars(select(Person).where(Person.id.in_(made))):
        if person.registered_at is not None or person.account_id is not None:
            found.append(Obstacle(person.name, "signed_in"))
        elif person.invited_at is not None:
            found.append(Obstacle(person.name, "invited"))
    abouts = [f"client:{key}" for key in accounts] + [f"person:{key}" for key in touched]
    acts = select(Value.about).join(Entry, (Entry.case_id == Value.case_id) & (Entry.number == Value.number)).distinct()
    acts = acts.where(Value.case_id == case_id, Value.about.in_(abouts), Entry.action.not_in(OWN))
    if row.started_at is not None:
        acts = acts.where(Entry.at >= row.started_at)
    about = set(session.scalars(acts))
    later = select(ImportRecord.client_id).where(ImportRecord.import_id > row.id, ImportRecord.client_id.in_(accounts))
    newer = set(session.scalars(later.where(ImportRecord.outcome.in_(WRITTEN)).distinct()))
    for client in session.scalars(select(Client).where(Client.id.in_(accounts))):
        if f"client:{client.id}" in about:
            found.append(Obstacle(client.name, "act"))
        elif client.id in newer:
            found.append(Obstacle(client.name, "import"))
    people = select(Person).where(Person.id.in_([int(each[7:]) for each in about if each.startswith("person:")]))
    found += [Obstacle(person.name, "act") for person in session.scalars(people)]
    mine = exists().where(
        ImportContact.import_id == row.id,
        ImportContact.client_id == ClientContact.client_id,
        ImportContact.person_id == ClientContact.person_id,
    )
    elsewhere = select(Person).join(ClientContact, ClientContact.person_id == Person.id)
    elsewhere = elsewhere.where(Person.id.in_(made) | ClientContact.client_id.in_(made_accounts), ~mine)
    found += [Obstacle(person.name, "client_contacts") for person in session.scalars(elsewhere)]
    found += [Obstacle(name, table) for table, name in _hanging(session, made_accounts, made)]
    return found


def _hanging(session: Session, accounts: Collection[int], people: Collection[int]) -> Iterable[tuple[str, str]]:
    """Rows of other tables that point to what was made."""
    for table in Base.metadata.sorted_tables:
        if table.name in THEIRS or table.name.startswith("import") or table.name == "client_words":
            continue
        for column in table.columns:
            for key in column.foreign_keys:
                kinds: dict[str, tuple[type[Client | Person], Collection[int]]] = {
                    "clients": (Client, accounts),
                    "persons": (Person, people),
                }
                if key.column.table.name in kinds:
                    kind, ids = kinds[key.column.table.name]
                    names = _names(session, column, kind, ids)
                    yield from ((table.name, name) for name in names)


def _names(session: Session, column: Any, kind: type[Client | Person], ids: Collection[int]) -> list[str]:
    if not ids:
        return []
    pointing = select(column).where(column.in_(ids)).limit(NAMED)
    rows: Sequence[Any] = session.scalars(select(kind).where(kind.id.in_(pointing))).all()
    return [row.name for row in rows]


def take_back_some(firm_id: int, import_id: int, lease: datetime, most: int) -> tuple[datetime, int, int] | None:
    """The last records that are not taken back yet; None: there is no more to do for us.

    Whoever was about to be invited is forgotten with them; where something else was built on them since it began, it
    stops there, and says what (``in_the_way``).
    """
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        row = Import.get(session, firm_id, import_id)
        if not is_mine(row, lease):
            return None
        some = _placed(session, import_id, ImportRecord.record <= row.done, most=most, backwards=True)
        if not some:
            row.go(ImportState.UNDONE, now())
            record(session, case.id, now(), "import.undone", row.by, imported=row.id, **row.origin)
            case.touch(now())
            return None
        _uninvite(session, some)
        if _in_the_way(session, case.id, row, some):
            give_up(session, case, row)
            return None
        _take_back(session, case, row, some)
        row.done = some[-1].record - 1
        return renew(row), row.done, row.records


def give_up(session: Session, case: Onboarding, row: Import) -> None:
    """What is left of it stays, as if it had been stopped on the way; those whom it concerns find it in the inbox."""
    done = row.done
    row.go(ImportState.CANCELLED, now())
    row.done = done
    begun = select(Entry).where(Entry.case_id == case.id, Entry.action == "import.undo_begun")
    asked = session.scalars(begun.order_by(Entry.number.desc()).limit(1)).one_or_none()
    account_id = int(asked.actor_id.partition(":")[2]) if asked and asked.actor_id.startswith("account:") else None
    people = select(Person.id).where(Person.firm_id == case.firm_id, Person.role != Role.CLIENT)
    path, facts = f"/firm/{row.firm_id}/accounts/imports/{row.id}", {"name": row.file_name}
    for person_id in session.scalars(people.where((Person.id == row.person_id) | (Person.account_id == account_id))):
        entry = {"kind": NoticeKind.UNDO_STOPPED, "facts": facts, "path": path}
        session.add(Notice(**entry, person_id=person_id, created_at=now()))
    record(session, case.id, now(), "import.cancelled", row.by, imported=row.id, done=done, **row.origin)


def _uninvite(session: Session, rows: Sequence[Any]) -> None:
    """Invitations of many that met these accounts while they are taken back have not had their turn with them."""
    made = [each.client_id for each in rows if each.undo.get("client")]
    people = [key for each in rows for key in each.undo.get("people", ())]
    waiting = BulkRecipient.outcome == BulkOutcome.WAITING
    theirs = BulkRecipient.client_id.in_(made) | BulkRecipient.person_id.in_(people)
    _now(session, delete(BulkRecipient).where(waiting, theirs))


def _take_back(session: Session, case: Onboarding, row: Import, rows: Sequence[Any]) -> None:
    """These records, the last of the file first; what an earlier one has made goes with it."""
    accounts = {each.client_id: _name_of(each) for each in rows if each.undo}
    _restore(session, case.firm_id, rows)
    people = [key for each in rows for key in each.undo.get("people", ())]
    made = [each.client_id for each in rows if each.undo.get("client")]
    ids = {each.client_id for each in rows}
    _now(session, delete(ClientContact).where(ClientContact.person_id.in_(people)))
    for table in (Card, Phone, ContactTag):
        _now(session, delete(table).where(table.person_id.in_(people)))
    _now(session, update(Person).where(Person.id.in_(people)).values(withdrawn_at=now()))
    mine = ImportContact.import_id == row.id, ImportContact.record.in_([each.record for each in rows])
    _now(session, delete(ImportContact).where(ImportContact.client_id.in_(ids), *mine))
    _now(session, delete(ImportContact).where(ImportContact.client_id.in_(made)))  # Also of others that met them.
    theirs = ImportRecord.id.in_([each.id for each in rows]) | ImportRecord.client_id.in_(made)
    _now(session, update(ImportRecord).where(theirs).values(client_id=None))
    remove_accounts(session, made)
    left = ids - {*made}
    refold(session, left)
    Client.settle(session, Client.id.in_(left))
    session.expire_all()
    changed = [int(key) for each in rows for key, before in each.undo.get("contacts", {}).items() if "email" in before]
    kept = session.scalars(select(Person).where(Person.id.in_([*people, *changed]))).all()
    names = Parts((f"client:{key}", {str(key): name}) for key, name in accounts.items())
    facts: Facts = {"imported": row.id, "clients": [*accounts], "accounts": names}
    record(session, case.id, now(), "clients.import_undone", row.by, **facts, **row.origin, rows=evidence(*kept))


def _name_of(row: Any) -> str:
    return str(row.told.get("account", {}).get("name", ""))


def _restore(session: Session, firm_id: int, rows: Sequence[Any]) -> None:
    """What the records have changed of what was there before: as it was before the first of them."""
    of_accounts, of_people, of_cards, of_places = (defaultdict[Any, Facts](dict) for _ in range(4))
    tagged, named, called, placed = (set[tuple[int, Any]]() for _ in range(4))
    for each in rows:  # What an earlier one says comes later, and counts.
        account = {**each.undo.get("account", {})}
        tagged |= {(each.client_id, key) for key in account.pop("tags", ())}
        of_accounts[each.client_id] |= account
        for key, held in each.undo.get("contacts", {}).items():
            before, person_id = {**held}, int(key)
            named |= {(person_id, tag) for tag in before.pop("tags", ())}
            called |= {(person_id, number) for number in before.pop("phones", ())}
            of_people[person_id] |= {name: before.pop(name) for name in OF_PERSON if name in before}
            of_cards[person_id] |= before
        for key, before in each.undo.get("switches", {}).items():
            of_places[each.client_id, int(key)] |= before
        placed |= {(each.client_id, person_id) for person_id in each.undo.get("places", ())}
    keys = {"name": "name_key", "company_name": "company_key"}
    for before in of_accounts.values():
        before.update({keys[name]: name_key(before[name]) for name in keys.keys() & before.keys()})
        if "number" in before:
            before["number"] = before["number"] or None
    update_each(session, Client, of_accounts.items())
    update_each(session, Person, of_people.items())
    update_each(session, Card, of_cards.items(), by="person_id")
    place_ids = ids_of_places(session, {*of_places, *placed})
    update_each(session, ClientContact, [(place_ids[pair], before) for pair, before in of_places.items()])
    _now(session, delete(ClientContact).where(ClientContact.id.in_([place_ids[pair] for pair in placed])))
    _now(session, delete(Phone).where(tuple_(Phone.person_id, Phone.number).in_(called)))
    ids = _tags(session, firm_id, {key for _, key in tagged | named})
    for table, whose, pairs in ((ClientTag, ClientTag.client_id, tagged), (ContactTag, ContactTag.person_id, named)):
        some = [(key, ids[tag]) for key, tag in pairs if tag in ids]
        _now(session, delete(table).where(tuple_(whose, table.tag_id).in_(some)))


OF_PERSON = ("email", "language", "address_form")


def _tags(session: Session, firm_id: int, folded: Collection[str]) -> dict[str, int]:
    rows = select(Tag.folded, Tag.id).where(Tag.firm_id == firm_id, Tag.folded.in_(folded))
    return dict(session.execute(rows).tuples().all()) if folded else {}


def _now(session: Session, statement: Any) -> None:
    """Nothing that was read of these rows is used any more."""
    session.execute(statement.execution_options(synchronize_session=False))


def remove_accounts(session: Session, client_ids: Sequence[int]) -> None:
    """Accounts that nothing hangs on but what an import has made."""
    for table in (ClientTag, ClientAccess, ClientWords):
        _now(session, delete(table).where(table.client_id.in_(client_ids)))
    _now(session, delete(Client).where(Client.id.in_(client_ids)))
