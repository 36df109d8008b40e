"""Contracts that broke down when they were to go on by themselves, until they work again."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import Base, Instant, Key


class Work(StrEnum):
    """What contracts do by themselves."""

    EFFECTS = "effects"
    PRICES = "prices"
    REMINDERS = "reminders"
    QUESTIONS = "questions"
    CONSENT = "consent"


class ContractFault(Base):
    """One contract breaks down at one work: operators see it until it works again."""

    __tablename__ = "contract_faults"
    __table_args__ = (UniqueConstraint("firm_id", "work"),)

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    work: Mapped[Work]
    since: Mapped[Instant]
    """When it broke down for the first time in a row."""

    @classmethod
    def known(cls, session: Session, work: Work) -> set[int]:
        """The firms of which the contract broke down at it."""
        return {*session.scalars(select(cls.firm_id).where(cls.work == work))}

    @classmethod
    def keep(cls, session: Session, work: Work, broken: Collection[int], now: datetime) -> None:
        """These firms' contracts break down at it, and no others do."""
        known = cls.known(session, work)
        over = known.difference(broken)
        if over:
            session.execute(delete(cls).where(cls.work == work, cls.firm_id.in_(over)))
        session.add_all(cls(firm_id=firm_id, work=work, since=now) for firm_id in broken if firm_id not in known)
