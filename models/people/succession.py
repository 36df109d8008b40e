"""The account of a firm passes to another owner: who is asked to take over, until when, and what came of it.

Until whoever is asked has said yes nothing changes. A firm has one open succession at most.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import TELLS, Base, Instant, Key, tells_of
from models.errors import N_, ProvisionError
from models.people.person import Person

WORDS_MOST = 2000
"""Characters of a reason, and of what proves it."""
ASKED_A_DAY = 3
"""So often an owner asks somebody within a day: each of them is written to by us."""
DAY = timedelta(days=1)


class SuccessionEnd(StrEnum):
    """What came of it."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TAKEN_BACK = "taken_back"
    RUN_OUT = "run_out"
    """Nobody has answered in time."""
    MOOT = "moot"
    """Whoever was asked has no access any more, or the case has ended."""


class SuccessionOver(ProvisionError):
    status = 410
    says = N_(
        "Nobody waits for this answer any more: it was given, taken back, or its time has passed. Ask the owner of "
        "%(firm)s if you are to take over after all."
    )

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class SuccessionOpen(ProvisionError):
    says = N_("%(name)s is asked already to take over: take that back first, then ask somebody else.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NoSuccession(ProvisionError):
    says = N_("Nobody is asked to take over any more: nothing was changed. You see here what is so now.")


class AskedOften(ProvisionError):
    status = 429
    says = N_("You have asked somebody to take over %(most)s times within a day: do it tomorrow, or write to us.")

    def __init__(self) -> None:
        super().__init__()
        self.most = ASKED_A_DAY


class Succession(Base):
    """Somebody was asked to become the owner in the place of who is it."""

    __tablename__ = "successions"
    __table_args__ = (
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_somehow"),
        Index(
            "uq_successions_open",
            "onboarding_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_successions_ended",
            "ended_at",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
    )

    id: Mapped[Key]
    onboarding_id: Mapped[int] = mapped_column(ForeignKey("onboardings.id"), index=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), index=True)
    successor_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), index=True)
    stays: Mapped[bool]
    """Whether the owner is an administrator afterwards; else they have no access any more."""
    by_provider: Mapped[bool]
    """Whether we have asked, as the owner could not."""
    begun_by: Mapped[str] = mapped_column(String(254), info=TELLS)
    reason: Mapped[str] = mapped_column(String(WORDS_MOST), default="", info=tells_of("owner_id"))
    """Why we have asked in the owner's place; they are told."""
    proof: Mapped[str] = mapped_column(String(WORDS_MOST), default="", info=tells_of("owner_id"))
    """By what we know that whoever wanted it may want it; for operators."""
    began_at: Mapped[Instant]
    answer_by: Mapped[Instant]
    reminded_at: Mapped[Instant | None]
    outcome: Mapped[SuccessionEnd | None]
    ended_at: Mapped[Instant | None]

    @property
    def remind_at(self) -> datetime:
        """When whoever is asked is reminded, once: half of the time has passed then."""
        return self.began_at + (self.answer_by - self.began_at) / 2

    @classmethod
    def open_of(cls, session: Session, case_id: int) -> Self | None:
        """The one that waits for an answer, as it is now; the case is locked."""
        waiting = select(cls).where(cls.onboarding_id == case_id, cls.ended_at.is_(None))
        return session.scalars(waiting.execution_options(populate_existing=True)).one_or_none()

    @classmethod
    def waits_for(cls, session: Session, person: Person) -> Self | None:
        """The one that this person is to answer."""
        waiting = select(cls).where(cls.successor_id == person.id, cls.ended_at.is_(None))
        return session.scalars(waiting.execution_options(populate_existing=True)).one_or_none()

    @classmethod
    def due(cls, at: datetime) -> ColumnElement[bool]:
        """Those of which something may have to be told: the time is over, or half of it without a reminder."""
        return cls.ended_at.is_(None) & ((cls.answer_by <= at) | cls.reminded_at.is_(None))

    @classmethod
    def require_seldom(cls, session: Session, case_id: int, at: datetime) -> None:
        """Raises AskedOften."""
        lately = select(func.count()).where(
            cls.onboarding_id == case_id, cls.began_at > at - DAY, cls.by_provider.is_(False)
        )
        if session.scalars(lately).one() >= ASKED_A_DAY:
            raise AskedOften

    def require_answerable(self, at: datetime, firm: str) -> None:
        """Raises SuccessionOver."""
        if self.ended_at is not None or self.answer_by <= at:
            raise SuccessionOver(firm)

    def end(self, outcome: SuccessionEnd, at: datetime) -> None:
        self.outcome, self.ended_at = outcome, at
