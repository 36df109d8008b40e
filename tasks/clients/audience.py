"""Whom an invitation of many reaches: an audience as it was asked for, how many that is, and each contact by name."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, exists, func, insert, select
from sqlalchemy import case as case_when
from sqlalchemy.orm import Session

from models.clients.bulk_invitation import BulkInvitation, BulkRecipient
from models.clients.client import Client, ClientContact, ClientState
from models.clients.imports import Import, ImportContact
from models.db import Facts, reading
from models.people.person import Person
from models.time.clock import now
from models.time.working_time import Reach, next_reachable
from tasks.clients.accounts import Filter, matching, visible_to
from tasks.clients.pending import Mark, Sought, pending
from tasks.people.sessions import Membership

ACCOUNTS_AT_ONCE = 1000
"""So many are gathered in one transaction: others wait no longer than that takes."""
AGAIN = "again"


@dataclass(frozen=True)
class Audience:
    """Whom to invite: the contacts of the accounts that a filter shows, or of these, or those whom an import has
    brought; or again who is pending.
    """

    asked: Filter = field(default_factory=Filter)
    accounts: tuple[int, ...] = ()
    imported: int = 0
    """The number of the import."""
    again: Sought | None = None
    """Contacts who are sought among those who were invited and are not active: no accounts count then."""

    @property
    def brought(self) -> int:
        """The number of the import that brought these accounts, or all those that the filter shows; else 0."""
        return self.imported or self.asked.imported

    @property
    def facts(self) -> Facts:
        if self.again is not None:
            return {AGAIN: {name: value for name, value in asdict(self.again).items() if value}}
        if self.imported:
            return {"import": self.imported}
        if self.accounts:
            return {"accounts": sorted(self.accounts)}
        return {"filter": {name: value for name, value in asdict(self.asked).items() if value}}

    @classmethod
    def of(cls, facts: Facts) -> "Audience":
        if AGAIN in facts:
            sought = dict(facts[AGAIN])
            mark = sought.pop("mark", None)
            return cls(again=Sought(**sought, mark=Mark(mark) if mark else None))
        if "import" in facts:
            return cls(imported=facts["import"])
        if "accounts" in facts:
            return cls(accounts=tuple(facts["accounts"]))
        written = dict(facts["filter"])
        state = written.pop("state", None)
        return cls(Filter(**written, state=ClientState(state) if state else None))

    def clients(self, session: Session, member: Membership) -> Select[tuple[Client]]:
        """Those of them that the member sees."""
        if self.imported:
            brought = select(ImportContact.client_id).where(ImportContact.import_id == self.imported)
            return select(Client).where(visible_to(member), Client.id.in_(brought))
        if self.accounts:
            return select(Client).where(visible_to(member), Client.id.in_(self.accounts))
        return matching(session, member, self.asked)

    def places(self, query: Select[Any]) -> Select[Any]:
        """Of contacts who are there; after an import of nobody else at these accounts."""
        if not self.imported:
            return _places(query)
        return _places(query).where(
            exists().where(
                ImportContact.import_id == self.imported,
                ImportContact.client_id == ClientContact.client_id,
                ImportContact.person_id == ClientContact.person_id,
            )
        )


@dataclass(frozen=True)
class Outlook:
    """How many would be asked, as far as can be said before."""

    accounts: int
    contacts: int
    without_address: int
    active: int
    first: tuple[int, int] | None
    """An account and a contact of it, to show the mail as somebody would get it."""


def outlook(member: Membership, audience: Audience) -> Outlook:
    """Of whom the audience consists now."""
    with reading() as session:
        ids = audience.clients(session, member).with_only_columns(Client.id).subquery()
        places = audience.places(select(func.count())).where(ClientContact.client_id.in_(select(ids.c.id)))
        first = audience.places(select(ClientContact.client_id, ClientContact.person_id))
        first = first.where(ClientContact.client_id.in_(select(ids.c.id)), Person.email != "", ClientContact.login)
        row = session.execute(first.order_by(ClientContact.client_id, ClientContact.id).limit(1)).first()
        return Outlook(
            accounts=session.scalars(select(func.count()).select_from(ids)).one(),
            contacts=session.scalars(places).one(),
            without_address=session.scalars(places.where(Person.email == "")).one(),
            active=session.scalars(places.where(Person.registered_at.is_not(None))).one(),
            first=(row[0], row[1]) if row else None,
        )


def _places(query: Select[Any]) -> Select[Any]:
    """Of contacts who are there."""
    joined = query.select_from(ClientContact).join(Person, Person.id == ClientContact.person_id)
    return joined.where(Person.withdrawn_at.is_(None))


def gather(session: Session, bulk: BulkInvitation, member: Membership) -> None:
    """The contacts of the next accounts wait for their turn, each until they can be reached."""
    at, audience = now(), Audience.of(bulk.audience)
    of_next = _of_accounts if audience.again is None else _of_pending
    ids, rows = of_next(session, bulk, member, audience, at)
    if rows:
        session.execute(insert(BulkRecipient), rows)
    if len(ids) == ACCOUNTS_AT_ONCE:
        bulk.after_client = ids[-1]
    else:
        bulk.resolved_at = at


def _of_accounts(
    session: Session, bulk: BulkInvitation, member: Membership, audience: Audience, at: datetime
) -> tuple[Sequence[int], list[Facts]]:
    """Keys of the next accounts, and rows for their contacts."""
    accounts = audience.clients(session, member).with_only_columns(Client.id)
    accounts = accounts.where(Client.id > bulk.after_client).order_by(Client.id).limit(ACCOUNTS_AT_ONCE)
    ids = session.scalars(accounts).all()
    places = audience.places(select(ClientContact.client_id, *HOURS)).where(ClientContact.client_id.in_(ids))
    found = session.execute(places.order_by(ClientContact.client_id, ClientContact.id))
    return ids, [_row(bulk, *place, at=at) for place in found]


def _of_pending(
    session: Session, bulk: BulkInvitation, member: Membership, audience: Audience, at: datetime
) -> tuple[Sequence[int], list[Facts]]:
    """Keys of the next who are pending, and a row for each at one account: where they were told of it, if that is still
    there.
    """
    assert audience.again is not None
    people = pending(session, member, audience.again, at).where(Person.id > bulk.after_client)
    ids = session.scalars(people.order_by(Person.id).limit(ACCOUNTS_AT_ONCE)).all()
    places = _places(select(ClientContact.client_id, *HOURS)).join(Client, Client.id == ClientContact.client_id)
    is_told = and_(ClientContact.login, ClientContact.told_at.is_not(None), Client.archived_at.is_(None))
    places = places.where(Person.id.in_(ids), visible_to(member))
    first: dict[int, Facts] = {}
    for place in session.execute(places.order_by(Person.id, case_when((is_told, 0), else_=1), ClientContact.id)):
        row = _row(bulk, *place, at=at)
        first.setdefault(row["person_id"], row)
    return ids, [*first.values()]


HOURS = (Person.id, Person.hours, Person.land, Person.postcode, Person.time_zone)


def _row(bulk: BulkInvitation, client_id: int, person_id: int, *hours: Any, at: datetime) -> Facts:
    due_at = next_reachable(at, timedelta(), Reach(*hours))
    return {"bulk_id": bulk.id, "client_id": client_id, "person_id": person_id, "due_at": due_at}


def file_name(member: Membership, audience: Audience) -> str:
    """Of the import whose contacts these are; empty if they are of none, or of one that the member does not see."""
    if not audience.brought:
        return ""
    with reading() as session:
        return file_names(session, member, [audience.facts]).get(audience.brought, "")


def file_names(session: Session, member: Membership, audiences: Collection[Facts]) -> dict[int, str]:
    """Of the imports among them, by their ids."""
    ids = {Audience.of(facts).brought for facts in audiences} - {0}
    mine = select(Import.id, Import.file_name).where(Import.firm_id == member.firm_id, Import.id.in_(ids))
    if not member.rights.sees_all:
        mine = mine.where(Import.person_id == member.person_id)
    return {row.id: row.file_name for row in session.execute(mine)} if ids else {}
