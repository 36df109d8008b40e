"""The inbox of each of a firm's people, read and marked as read."""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.clients.access import seen_by
from models.clients.client import Client
from models.db import reading, transaction
from models.errors import N_, NotFound
from models.people.notice import Notice
from models.time.clock import now
from tasks.people.sessions import Visitor


class Became(StrEnum):
    """What became of that to which an entry leads."""

    THERE = "there"
    ARCHIVED = "archived"
    """An account that was put away; it is still shown."""
    SHUT = "shut"
    """An account that the reader sees no more."""


def entries(visitor: Visitor) -> list[tuple[Notice, Became]]:
    """The newest entries of whoever the visitor is at firms, unread ones first."""
    with reading() as session:
        found = Notice.inbox(session, visitor.staff)
        became = _became(session, visitor, found)
        return [(entry, became[entry.id]) for entry in found]


def opened(visitor: Visitor, entry_id: int) -> str:
    """Mark one of their entries as read; returns where it leads, or nothing if that is shut to them.

    Raises NotFound for somebody else's.
    """
    with transaction() as session:
        entry = session.get(Notice, entry_id)
        if entry is None or entry.person_id not in visitor.staff:
            raise NotFound(N_("The entry"))
        entry.open(now())
        return "" if _became(session, visitor, [entry])[entry.id] is Became.SHUT else entry.path


def read_all(people: list[int]) -> None:
    """Mark all of theirs as read."""
    unread = update(Notice).where(Notice.person_id.in_(people), Notice.read_at.is_(None))
    with transaction() as session:
        session.execute(unread.values(read_at=now()))


def _became(session: Session, visitor: Visitor, found: Sequence[Notice]) -> dict[int, Became]:
    """Of these entries, by their ids, with one query for each firm."""
    firms = {member.person_id: member.firm_id for member in visitor.memberships}
    became = {entry.id: Became.SHUT if entry.account_id else Became.THERE for entry in found}
    for firm_id in {firms[entry.person_id] for entry in found if entry.account_id}:
        member = visitor.staff_of(firm_id)
        mine = [entry for entry in found if entry.account_id and firms[entry.person_id] == firm_id]
        if member is not None:
            ids = {entry.account_id for entry in mine}
            clients = select(Client.id, Client.archived_at).where(Client.firm_id == firm_id, Client.id.in_(ids))
            seen = dict(session.execute(clients.where(seen_by(member.person_id, member.rights))).tuples().all())
            for entry in mine:
                if entry.account_id in seen:
                    became[entry.id] = Became.ARCHIVED if seen[entry.account_id] else Became.THERE
    return became
