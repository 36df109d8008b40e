"""What a firm subscribes to: plan, how often it is billed, and the price agreed."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import Base, Instant, Key


class Interval(StrEnum):
    """How often a subscription is billed."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    YEARLY = "yearly"

    @property
    def months(self) -> int:
        return {"monthly": 1, "quarterly": 3, "half_yearly": 6, "yearly": 12}[self.value]


class Plan(StrEnum):
    """The variants on offer, with the net price a month in cents. Sample figures: the provider's price list rules."""

    BASIC = "basic"
    PLUS = "plus"
    PREMIUM = "premium"

    @property
    def monthly_cents(self) -> int:
        return {"basic": 2900, "plus": 5900, "premium": 9900}[self.value]


class Subscription(Base):
    """One firm's subscription. Without a plan the firm wants advice first."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint("confirmed_at IS NULL OR (plan IS NOT NULL AND interval IS NOT NULL)", name="confirmed_whole"),
        CheckConstraint("price_cents >= 0", name="price_not_negative"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), unique=True)
    plan: Mapped[Plan | None]
    interval: Mapped[Interval | None]
    price_cents: Mapped[int] = mapped_column(default=0)
    """Net price of one billing interval as agreed, not as the price list says today."""
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    question: Mapped[str] = mapped_column(String(2000), default="")
    """What the firm wants advice on."""
    advice: Mapped[str] = mapped_column(String(2000), default="")
    """What was said in answer."""
    confirmed_at: Mapped[Instant | None]

    @classmethod
    def of(cls, session: Session, firm_id: int) -> Self:
        return session.scalars(select(cls).where(cls.firm_id == firm_id)).one()

    def confirm(self, plan: Plan, interval: Interval, now: datetime) -> bool:
        """Agree on plan and interval; False if that was done before."""
        if self.confirmed_at is not None:
            return False
        self.confirmed_at = now
        self.amend(plan, interval)
        return True

    def amend(self, plan: Plan, interval: Interval) -> None:
        """Agree on something else; what is unchanged keeps its price."""
        if (self.plan, self.interval) != (plan, interval):
            self.plan, self.interval = plan, interval
            self.price_cents = plan.monthly_cents * interval.months
