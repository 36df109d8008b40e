"""The inbox of each of a firm's people: what happened that concerns them, and where to go."""

from datetime import datetime
from enum import StrEnum
from re import fullmatch
from typing import Self

from sqlalchemy import ForeignKey, Index, String, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Facts, Instant, Key

SHOWN = 100


class NoticeKind(StrEnum):
    """What an entry tells."""

    ACCOUNT_GIVEN = "account_given"
    """Somebody gave the reader access to an account."""
    CLIENT_ACTIVE = "client_active"
    """A contact of an account of theirs has an account of their own now."""
    SIGN_UP = "sign_up"
    """Somebody has registered on the firm's page and waits for an answer."""
    CALL = "call"
    """Contacts of accounts of theirs have not answered the last reminder either: whoever is still silent is called."""
    BULK_ENDED = "bulk_ended"
    """Invitations to many for which the reader has asked are done, or were stopped: ``how``."""
    UNDO_STOPPED = "undo_stopped"
    """An import that the reader has brought, or wanted to take back, is taken back in part only."""


class Notice(Base):
    """One entry for one person."""

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_person_id", "person_id", "id"),
        Index(
            "ix_notices_unread",
            "person_id",
            "id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    kind: Mapped[NoticeKind]
    facts: Mapped[Facts] = mapped_column(info=TELLS)
    """What the sentence names: ``name``, ``by``, numbers."""
    path: Mapped[str] = mapped_column(String(200), info=MUTE)
    """Of the page to go to."""
    created_at: Mapped[Instant] = mapped_column(index=True)
    read_at: Mapped[Instant | None]

    @property
    def account_id(self) -> int | None:
        """Of the account whose page it leads to; None: it leads elsewhere."""
        page = fullmatch(r"/firm/\d+/accounts/(\d+)", self.path)
        return int(page[1]) if page else None

    @classmethod
    def unread(cls, session: Session, people: list[int]) -> int:
        """How many entries these people have not opened yet."""
        mine = select(func.count()).where(cls.person_id.in_(people), cls.read_at.is_(None))
        return session.scalars(mine).one()

    @classmethod
    def inbox(cls, session: Session, people: list[int]) -> list[Self]:
        """The newest entries of these people, those that are unread first."""
        mine = select(cls).where(cls.person_id.in_(people))
        ordered = mine.order_by(cls.read_at.is_not(None), cls.id.desc())
        return list(session.scalars(ordered.limit(SHOWN)))

    def open(self, now: datetime) -> None:
        self.read_at = self.read_at or now
