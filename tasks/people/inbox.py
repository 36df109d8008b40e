"""The inbox of each of a firm's people, read and marked as read."""

from sqlalchemy import update

from models.db import reading, transaction
from models.errors import N_, NotFound
from models.people.notice import Notice
from models.time.clock import now


def entries(people: list[int]) -> list[Notice]:
    """The newest entries of somebody who is these people at firms, unread ones first."""
    with reading() as session:
        return Notice.inbox(session, people)


def opened(people: list[int], entry_id: int) -> str:
    """Mark one of their entries as read; returns where it leads. Raises NotFound for somebody else's."""
    with transaction() as session:
        entry = session.get(Notice, entry_id)
        if entry is None or entry.person_id not in people:
            raise NotFound(N_("The entry"))
        entry.open(now())
        return entry.path


def read_all(people: list[int]) -> None:
    """Mark all of theirs as read."""
    unread = update(Notice).where(Notice.person_id.in_(people), Notice.read_at.is_(None))
    with transaction() as session:
        session.execute(unread.values(read_at=now()))
