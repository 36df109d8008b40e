"""Whether a customer's VAT identification number is good: what VIES, the service of the EU, has said of it, and when.

Each answer is kept as the proof that it is, and never changed. It is good for that moment only, so it is asked for anew
before a month is closed in which it would be too old. As long as it does not come nothing is billed by reverse charge.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import ForeignKey, Index, String, and_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.contracts.contract import Contract
from models.contracts.terms import day_of_month
from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.time.clock import LOCAL_ZONE, local_day

KNOWN_THERE = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU"),
        *("LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI"),
    }
)
"""The letters before the numbers that VIES knows; Greece writes EL, Northern Ireland XI."""
FAULT_MOST, CONSULTATION_MOST = 40, 40


class VatResult(StrEnum):
    VALID = "valid"
    INVALID = "invalid"


class VatAnswer(Base):
    """What VIES has said of one number."""

    __tablename__ = "vat_answers"
    EVIDENCE = ("firm_id", "vat_id", "own_id", "answered_at", "result", "consultation", "details")
    __table_args__ = (Index("ix_vat_answers_newest", "firm_id", "answered_at"),)

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    vat_id: Mapped[str] = mapped_column(String(20), info=TELLS)
    own_id: Mapped[str] = mapped_column(String(20), info=MUTE)
    """The provider's, by which the answer is a qualified one with a consultation number; empty: it has none."""
    answered_at: Mapped[Instant]
    result: Mapped[VatResult]
    consultation: Mapped[str] = mapped_column(String(CONSULTATION_MOST), info=MUTE)
    """The number by which the EU can tell that it was asked."""
    details: Mapped[Facts] = mapped_column(info=TELLS)
    """``name`` and ``address`` as registered there, ``differs``: what of those that we know is not the same, ``dated``:
    the day that the answer itself says."""

    @classmethod
    def standing(cls, session: Session, firm_ids: Collection[int], since: datetime) -> dict[int, Self]:
        """By firm, the newest answer to the number that it has now, among those that came *since* then."""
        same = and_(Contract.firm_id == cls.firm_id, Contract.vat_id == cls.vat_id)
        rows = select(cls).join(Contract, same).where(cls.firm_id.in_(firm_ids), cls.answered_at >= since)
        return {row.firm_id: row for row in session.scalars(rows.order_by(cls.id))}


class VatSilence(Base):
    """VIES was asked about a firm's number and has not answered."""

    __tablename__ = "vat_silences"

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), unique=True)
    vat_id: Mapped[str] = mapped_column(String(20), info=TELLS)
    since: Mapped[Instant]
    tried_at: Mapped[Instant]
    fault: Mapped[str] = mapped_column(String(FAULT_MOST), info=MUTE)
    """Why not, in the word that VIES has for it, or one of ours."""
    told_at: Mapped[Instant | None]
    """When operators heard of it."""

    @classmethod
    def of(cls, session: Session, firm_id: int) -> Self | None:
        return session.scalars(select(cls).where(cls.firm_id == firm_id)).one_or_none()


def good_since(month: date, today: date, days: int) -> datetime:
    """From when on an answer counts in what is billed in this *month*: so many *days* before it ends.

    Before that moment it is not asked for yet, and what counted for the month before counts.
    """
    month = min(month, today.replace(day=1))
    opens = day_of_month(month, 1, 1) - timedelta(days=days)
    return datetime.combine(opens if today >= opens else month - timedelta(days=days), time.min, LOCAL_ZONE)


def good_now(at: datetime, days: int) -> datetime:
    """The same for the month that runs."""
    return good_since(local_day(at).replace(day=1), local_day(at), days)
