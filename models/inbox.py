"""What comes in: events from outside, stored once under their sender's id, handled afterwards (``flows.receive``)."""

from datetime import datetime
from typing import Self

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Facts, Instant, Key

MOST_ATTEMPTS = 20
"""After so many breakdowns an event is left to an operator."""


class Incoming(Base):
    """One event from outside. The same id from the same source is the same event."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index("ix_inbox_waiting", "handled_at", "id"),
        Index(
            "ix_inbox_refused",
            "id",
            sqlite_where=text("refusal IS NOT NULL AND dismissed_at IS NULL"),
            postgresql_where=text("refusal IS NOT NULL AND dismissed_at IS NULL"),
        ),
    )

    id: Mapped[Key]
    source: Mapped[str] = mapped_column(String(40), info=MUTE)
    """``webhook`` or ``prefect`` (an answered form)."""
    external_id: Mapped[str] = mapped_column(String(200), info=MUTE)
    type: Mapped[str] = mapped_column(String(60), info=MUTE)
    payload: Mapped[Facts] = mapped_column(info=TELLS)
    received_at: Mapped[Instant]
    onboarding_id: Mapped[int | None] = mapped_column(ForeignKey("onboardings.id"))
    """The case that it moved."""
    handled_at: Mapped[Instant | None]
    refusal: Mapped[str | None] = mapped_column(String(1000), info=TELLS)
    """Why a rule said no; the event counts as handled."""
    dismissed_at: Mapped[Instant | None]
    """When an operator took note of the refusal."""
    attempts: Mapped[int] = mapped_column(default=0, info=MUTE)
    """How often handling broke down; after too many it waits for an operator."""

    @classmethod
    def waiting(cls, session: Session, limit: int) -> list[Self]:
        """Events not handled yet, oldest first; those whose handling broke down too often wait for an operator."""
        query = select(cls).where(cls.handled_at.is_(None), cls.attempts < MOST_ATTEMPTS).order_by(cls.id)
        return list(session.scalars(query.limit(limit)))

    @classmethod
    def given_up(cls, session: Session) -> list[Self]:
        """Events whose handling broke down too often, oldest first."""
        return list(
            session.scalars(select(cls).where(cls.handled_at.is_(None), cls.attempts >= MOST_ATTEMPTS).order_by(cls.id))
        )

    @classmethod
    def refused(cls, session: Session) -> list[Self]:
        """Events of other systems that a rule refused and no operator has taken note of, oldest first.

        Their sender was told that they are stored, and hears nothing more.
        """
        query = select(cls).where(cls.source == "webhook", cls.refusal.is_not(None), cls.dismissed_at.is_(None))
        return list(session.scalars(query.order_by(cls.id)))

    @classmethod
    def try_again(cls, session: Session, event_id: int) -> bool:
        """Give up no longer; False if the event does not wait for that."""
        event = session.get(cls, event_id, with_for_update=True)
        if event is None or not (event.is_given_up or event.is_refused):
            return False
        event.attempts, event.handled_at, event.refusal = 0, None, None
        return True

    @classmethod
    def dismiss(cls, session: Session, event_id: int, now: datetime) -> bool:
        """Take note of a refusal; False if the event does not wait for that."""
        event = session.get(cls, event_id, with_for_update=True)
        if event is None or not event.is_refused:
            return False
        event.dismissed_at = now
        return True

    @property
    def is_given_up(self) -> bool:
        return self.handled_at is None and self.attempts >= MOST_ATTEMPTS

    @property
    def is_refused(self) -> bool:
        return self.refusal is not None and self.dismissed_at is None

    @classmethod
    def by_external_id(cls, session: Session, source: str, external_id: str) -> Self:
        return session.scalars(select(cls).where(cls.source == source, cls.external_id == external_id)).one()

    @classmethod
    def store(cls, session: Session, source: str, external_id: str, kind: str, payload: Facts, now: datetime) -> bool:
        """Keep the event; False if it was there already, in which case nothing changes."""
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        result = session.execute(
            insert(cls)
            .values(source=source, external_id=external_id, type=kind, payload=payload, received_at=now, attempts=0)
            .on_conflict_do_nothing(index_elements=["source", "external_id"])
            .returning(cls.id)
        )
        return result.first() is not None
