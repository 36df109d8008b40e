"""What a firm subscribes to: plan, how often it is billed, and what was agreed for this firm alone.

That is a price, a discount, a time of notice, a clause: typed, so that agreement, data and pages say the same.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Self

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.errors import N_, ProvisionError
from models.text import fitting, one_line, paragraphs

MOST_CENTS = 100_000_000
LONGEST_CLAUSE = 4000


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
    """The variants on offer. At each interval one is a tariff of the catalogue, which says what it costs."""

    BASIC = "basic"
    PLUS = "plus"
    PREMIUM = "premium"


class Listed(NamedTuple):
    """What a plan costs at an interval by the catalogue: net, for one interval."""

    cents: int
    price_list_id: int
    """The version of the price list that says so."""


PriceOf = Callable[[Plan, Interval], Listed]


class NoticeUnit(StrEnum):
    """In what a time of notice is counted."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"

    @property
    def most(self) -> int:
        return {"days": 365, "weeks": 52, "months": 24}[self.value]


class PriceInvalid(ProvisionError):
    status = 422
    says = N_("“%(price)s” is not a price: write the net price of one billing interval, for example 147.00.")

    def __init__(self, price: str) -> None:
        super().__init__(price)
        self.price = price


class PriceNothing(PriceInvalid):
    """0 takes away a discount, a notice or a clause, and is no price."""

    says = N_("“%(price)s” would give it away: leave the price empty if it stays, or write a discount of 100 percent.")


class DiscountInvalid(ProvisionError):
    status = 422
    says = N_("“%(discount)s” is not a discount: write percent from 0 (none) to 100, for example 12.5.")

    def __init__(self, discount: str) -> None:
        super().__init__(discount)
        self.discount = discount


class NoticeInvalid(ProvisionError):
    status = 422
    says = N_("“%(notice)s” is not a time of notice: write for example “3 months”, “6 weeks” or “14 days”, 0 for none.")

    def __init__(self, notice: str) -> None:
        super().__init__(notice)
        self.notice = notice


@dataclass(frozen=True)
class Change:
    """What is agreed anew; None leaves it as it was."""

    plan: Plan | None = None
    interval: Interval | None = None
    full_cents: int | None = None
    """Net price of one billing interval before the discount."""
    discount: int | None = None
    """Hundredths of a percent; 0: none any more."""
    notice: tuple[int, NoticeUnit] | None = None
    """0: what the general terms say."""
    clause: str | None = None
    """Empty: none any more."""

    @classmethod
    def parse(cls, form: Facts) -> Self:
        """From a form: an empty field leaves as it was, 0 or a dash takes away; a price cannot be taken away.

        Raises PriceInvalid, PriceNothing, DiscountInvalid, NoticeInvalid, TextTooLong.
        """
        text = {name: one_line(str(form.get(name) or "")) for name in ("price", "discount", "notice")}
        clause = paragraphs(str(form.get("clause") or ""))
        return cls(
            plan=Plan(form["plan"]) if form.get("plan") in list(Plan) else None,
            interval=Interval(form["interval"]) if form.get("interval") in list(Interval) else None,
            full_cents=_cents(text["price"]) if text["price"] else None,
            discount=_hundredths(text["discount"]) if text["discount"] else None,
            notice=_notice(text["notice"]) if text["notice"] else None,
            clause=_clause(clause) if clause else None,
        )


_UNITS = (
    (NoticeUnit.DAYS, r"d|days?|tage?n?|t|jours?|j"),
    (NoticeUnit.WEEKS, r"w|weeks?|wochen?|semaines?"),
    (NoticeUnit.MONTHS, r"m|months?|monate?n?|mois"),
)
_DASHES = {"-", "\N{EN DASH}", "\N{EM DASH}"}


def _cents(text: str) -> int:
    match = re.fullmatch(r"(\d{1,7}|\d{1,3}(?:[.,' ]\d{3})+)(?:[.,](\d{1,2}))?\s*(?:€|EUR)?", text, re.ASCII)
    cents = int(re.sub(r"\D", "", match[1])) * 100 + _decimals(match[2]) if match else MOST_CENTS
    if cents >= MOST_CENTS:
        raise PriceInvalid(text[:40])
    if cents == 0:
        raise PriceNothing(text[:40])
    return cents


def _decimals(digits: str | None) -> int:
    return int((digits or "").ljust(2, "0"))


def _hundredths(text: str) -> int:
    match = re.fullmatch(r"(\d{1,3})(?:[.,](\d{1,2}))?\s*%?", text, re.ASCII)
    hundredths = int(match[1]) * 100 + _decimals(match[2]) if match else -1
    if text not in _DASHES and not 0 <= hundredths <= 100_00:
        raise DiscountInvalid(text[:40])
    return max(hundredths, 0)


def _notice(text: str) -> tuple[int, NoticeUnit]:
    if text in {"0", *_DASHES}:
        return 0, NoticeUnit.MONTHS
    match = re.fullmatch(r"(\d{1,3})\s*([a-z]+)\.?", text.casefold(), re.ASCII)
    unit = next((unit for unit, words in _UNITS if match and re.fullmatch(words, match[2])), None)
    if match is None or unit is None or not 0 < int(match[1]) <= unit.most:
        raise NoticeInvalid(text[:40])
    return int(match[1]), unit


def _clause(text: str) -> str:
    return "" if text in {"0", *_DASHES} else fitting(text, LONGEST_CLAUSE, "clause")


class Subscription(Base):
    """One firm's subscription. Without a plan the firm wants advice first."""

    __tablename__ = "subscriptions"
    AGREED = ("plan", "interval", "price_cents", "full_cents", "discount", "notice_count", "notice_unit", "clause")
    EVIDENCE = (*AGREED, "currency", "question", "advice", "confirmed_at", "price_list_id")
    __table_args__ = (
        CheckConstraint("confirmed_at IS NULL OR (plan IS NOT NULL AND interval IS NOT NULL)", name="confirmed_whole"),
        CheckConstraint("price_cents >= 0", name="price_not_negative"),
        CheckConstraint("discount BETWEEN 0 AND 10000", name="discount_in_hundredths"),
        CheckConstraint("notice_count >= 0", name="notice_not_negative"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), unique=True)
    plan: Mapped[Plan | None]
    interval: Mapped[Interval | None]
    price_cents: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Net price of one billing interval as agreed, not as the price list says today, less the discount."""
    full_cents: Mapped[int] = mapped_column(default=0, info=MUTE)
    """The same before the discount."""
    price_list_id: Mapped[int | None] = mapped_column(ForeignKey("price_lists.id"))
    """The version of the price list by which plan and interval were agreed; None: before one was kept."""
    discount: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Hundredths of a percent."""
    notice_count: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Time of notice agreed with this firm; 0: what the general terms say."""
    notice_unit: Mapped[NoticeUnit] = mapped_column(default=NoticeUnit.MONTHS)
    clause: Mapped[str] = mapped_column(String(LONGEST_CLAUSE), default="", info=TELLS)
    """What was agreed with this firm beside all that, in words of its own."""
    currency: Mapped[str] = mapped_column(String(3), default="EUR", info=MUTE)
    question: Mapped[str] = mapped_column(String(2000), default="", info=TELLS)
    """What the firm wants advice on."""
    advice: Mapped[str] = mapped_column(String(2000), default="", info=TELLS)
    """What was said in answer."""
    confirmed_at: Mapped[Instant | None]

    @classmethod
    def of(cls, session: Session, firm_id: int) -> Self:
        return session.scalars(select(cls).where(cls.firm_id == firm_id)).one()

    def confirm(self, plan: Plan, interval: Interval, price_of: PriceOf, now: datetime) -> bool:
        """Agree on plan and interval at what they cost now; False if that was done before."""
        if self.confirmed_at is not None:
            return False
        self.confirmed_at = now
        self.agree(Change(plan, interval), price_of)
        return True

    def agree(self, change: Change, price_of: PriceOf) -> None:
        """Agree on something else; what is unchanged stays, and so does the price of an unchanged plan."""
        plan, interval = change.plan or self.plan, change.interval or self.interval
        if plan is not None and interval is not None and (self.plan, self.interval) != (plan, interval):
            self.plan, self.interval = plan, interval
            self.full_cents, self.price_list_id = price_of(plan, interval)
        if change.full_cents is not None:
            self.full_cents = change.full_cents
        if change.discount is not None:
            self.discount = change.discount
        if change.notice is not None:
            self.notice_count, self.notice_unit = change.notice
        if change.clause is not None:
            self.clause = change.clause
        less = Decimal(self.full_cents or 0) * (100_00 - (self.discount or 0)) / 100_00
        self.price_cents = int(less.quantize(Decimal(1), ROUND_HALF_UP))

    @property
    def agreed(self) -> dict[str, Any]:
        """All that is agreed, as plain values."""
        return {name: getattr(self, name) for name in self.AGREED}
