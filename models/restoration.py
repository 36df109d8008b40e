"""That a back-up was restored, and what waits until an operator has said go."""

from datetime import datetime
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from models.db import Base, Instant, Key


class Restoration(Base):
    """The product as it was once. Mails rest until an operator says go: many of them may have left since then."""

    __tablename__ = "restorations"

    id: Mapped[Key]
    made_at: Mapped[Instant]
    """When the back-up was made: what happened later is not known here."""
    restored_at: Mapped[Instant]
    released_at: Mapped[Instant | None]
    """When mails were let go."""

    @classmethod
    def holding(cls, session: Session) -> Self | None:
        """The one for which mails rest; locked, unless it is only read."""
        rows = select(cls).where(cls.released_at.is_(None)).order_by(cls.id.desc()).limit(1)
        return session.scalars(rows if session.info.get("reading") else rows.with_for_update(read=True)).first()

    @classmethod
    def release(cls, session: Session, at: datetime) -> list[Self]:
        """Nothing rests any more; those for which mails rested."""
        rows = session.scalars(select(cls).where(cls.released_at.is_(None)).order_by(cls.id).with_for_update()).all()
        for row in rows:
            row.released_at = at
        return [*rows]
