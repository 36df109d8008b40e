"""What was handed over to accounting: of each month that is over the positions, as they were known when it was closed.

A month that runs is reckoned anew whenever somebody asks. Once it is over it is closed: its positions are written down,
with all that an invoice says of them, and from then on told as they are written. So asking again gives the same,
whatever has changed since; a comparison with what was written finds what became known later, and puts it into the next
month: a position that does not hold any more is taken back there as a whole, and what is right instead is added. That
way each row is what it says, price by days, rounded once, and all rows together add up to the cent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.contracts.billing import Days, Position
from models.contracts.catalogue import ArticleKey
from models.contracts.money import Amount
from models.contracts.terms import YEARS, Unreadable, day_of_month
from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.errors import N_

REACH = 24
"""So many months back it is looked for what became known later."""


class MonthUnreadable(Unreadable):
    says = N_("“%(written)s” is no month from 1900 to 2199: write it like 2027-01.")


def read_month(written: str) -> date:
    """The first day of a month as it is typed, like 2027-01; raises MonthUnreadable."""
    text = written.strip()
    try:
        day = date.fromisoformat(f"{text}-01") if len(text) == len("2027-01") else None
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        raise MonthUnreadable(written)
    return day


def month_of(day: date) -> date:
    return day.replace(day=1)


def months_on(month: date, months: int) -> date:
    """The first day of the month so many *months* later."""
    return day_of_month(month, months, 1)


def days_of(month: date) -> Days:
    return Days(month, day_of_month(month, 0, 31))


class BilledMonth(Base):
    """A month that is closed, by its first day."""

    __tablename__ = "billed_months"

    id: Mapped[Key]
    month: Mapped[date] = mapped_column(unique=True, info=MUTE)
    closed_at: Mapped[Instant]

    @classmethod
    def last(cls, session: Session) -> date | None:
        return session.scalars(select(cls.month).order_by(cls.month.desc()).limit(1)).first()


class Billing(Base):
    """What one firm is billed in one month, and what stands on its document."""

    __tablename__ = "billings"
    __table_args__ = (UniqueConstraint("month", "firm_id"),)

    id: Mapped[Key]
    month: Mapped[date] = mapped_column(info=MUTE)
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    document: Mapped[Facts] = mapped_column(info=TELLS)
    """Who is billed and where, who gets it and how, their numbers, when it is to be paid."""


class Charge(Base):
    """A position that was handed over."""

    __tablename__ = "charges"

    id: Mapped[Key]
    billing_id: Mapped[int] = mapped_column(ForeignKey("billings.id"), index=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), index=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    option_id: Mapped[int | None] = mapped_column(ForeignKey("booked_options.id"))
    period_first: Mapped[date] = mapped_column(info=MUTE)
    period_last: Mapped[date] = mapped_column(info=MUTE)
    first_day: Mapped[date] = mapped_column(info=MUTE)
    last_day: Mapped[date] = mapped_column(info=MUTE)
    quantity: Mapped[int] = mapped_column(info=MUTE)
    """Negative where a position is taken back."""
    price: Mapped[Decimal] = mapped_column(Amount, info=MUTE)
    net: Mapped[Decimal] = mapped_column(Amount, info=MUTE)
    cancels_id: Mapped[int | None] = mapped_column(ForeignKey("charges.id"), unique=True)
    """The position that it takes back; each is taken back once."""
    told: Mapped[Facts] = mapped_column(info=TELLS)
    """What module, tariff and article were called then, and how it is taxed."""


class Line(NamedTuple):
    """What makes a position this one and no other, of one booking."""

    article_id: int
    option_id: int | None
    period: tuple[date, date]
    days: tuple[date, date]
    quantity: int
    price: Decimal

    @property
    def what(self) -> tuple[int, int | None, date]:
        """What is paid for, however many days of it."""
        return self.article_id, self.option_id, self.period[0]


class Handed(Protocol):
    """A ``Charge``, or as much of it as is compared."""

    id: int
    article_id: int
    option_id: int | None
    period_first: date
    period_last: date
    first_day: date
    last_day: date
    quantity: int
    price: Decimal
    cancels_id: int | None


def line_of(position: Position) -> Line:
    period, days = ((each.first, each.last) for each in (position.period, position.days))
    return Line(position.article.id, position.option_id, period, days, position.quantity, position.price)


def _line(charge: Handed) -> Line:
    period, days = (charge.period_first, charge.period_last), (charge.first_day, charge.last_day)
    return Line(charge.article_id, charge.option_id, period, days, charge.quantity, charge.price)


def settle(
    due: Iterable[Position], handed: Sequence[Handed], billed_from: date | None
) -> tuple[list[int], list[Position]]:
    """What of all that was *handed* over for a booking is taken back, by id, and what of all that is *due* is added.

    What costs nothing is left out, and so are the days before *billed_from* unless they were billed before.
    """
    cancelled = {charge.cancels_id for charge in handed}
    there = {_line(one): one.id for one in handed if one.cancels_id is None and one.id not in cancelled}
    if billed_from is not None:
        due = _without_past(due, there, billed_from)
    right = {line_of(position): position for position in due if position.total}
    return (
        [charge_id for line, charge_id in there.items() if line not in right],
        [position for line, position in right.items() if line not in there],
    )


def _without_past(due: Iterable[Position], there: Iterable[Line], billed_from: date) -> Iterable[Position]:
    begun: dict[tuple[int, int | None, date], date] = {}
    for line in there:
        begun[line.what] = min(line.days[0], begun.get(line.what, date.max))
    for position in due:
        first = begun.get(line_of(position).what, billed_from)
        if position.days.first >= min(first, billed_from):
            yield position
        elif position.article.key is not ArticleKey.SETUP and first <= position.days.last:
            yield replace(position, days=Days(first, position.days.last))
