"""What a booking costs: its billing periods, and what is due for each.

A period begins on the day of the month on which the phase was anchored, or the last day of a month that has none such,
so that no day drifts. It is due on its first day. Who has a module for a part of it pays for the days of that part, of
all days that the whole period has; each position is rounded once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from models.contracts.booking import BookedOption, Phase
from models.contracts.catalogue import Article, ArticleKey
from models.contracts.money import in_cents
from models.contracts.terms import ONE_DAY, day_of_month
from models.subscription import Interval


@dataclass(frozen=True)
class Days:
    """From one day to another, both included."""

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Position:
    """One row of what is to be billed."""

    phase: Phase
    article: Article
    period: Days
    """The whole billing period."""
    days: Days
    """The part of it that is paid for."""
    quantity: int
    price: Decimal
    """Of one, for a whole period."""

    @property
    def total(self) -> Decimal:
        """Net, in whole cents."""
        full = self.price * self.quantity
        if self.article.key is ArticleKey.SETUP or self.days == self.period:
            return in_cents(full)
        return in_cents(full * len(self.days) / len(self.period))


def periods(anchor: date, interval: Interval, begin: Days) -> Iterator[Days]:
    """The billing periods of which the first day is one of these."""
    number = max(0, _months(anchor, begin.first) // interval.months)
    while (first := day_of_month(anchor, number * interval.months, anchor.day)) <= begin.last:
        number += 1
        if first >= begin.first:
            yield Days(first, day_of_month(anchor, number * interval.months, anchor.day) - ONE_DAY)


def period_of(anchor: date, interval: Interval, day: date) -> Days:
    """The billing period in which *day* is, not before the *anchor*."""
    before = day_of_month(day, -interval.months - 1, 1)
    *_, running = periods(anchor, interval, Days(max(anchor, before), day))
    return running


def _months(anchor: date, day: date) -> int:
    return 12 * (day.year - anchor.year) + day.month - anchor.month


def first_period_from(anchor: date, interval: Interval, day: date) -> date:
    """The first day of the first billing period that does not begin before *day*."""
    return next(periods(anchor, interval, Days(day, date.max))).first


def positions(
    phase: Phase,
    interval: Interval,
    prices: Sequence[tuple[Article, Decimal]],
    options: Sequence[tuple[BookedOption, Article]],
    begin: Days,
    *,
    is_first: bool,
) -> Iterator[Position]:
    """What is due on these days for a phase: of periods that begin in it, and the part of one in which it begins.

    *prices* are those of its version of the price list; set-up is paid in the first phase of a booking alone.
    """
    for period in _periods_of(phase, interval, begin):
        days = Days(max(period.first, phase.starts_on), min(period.last, phase.ends_on or period.last))
        for article, price in prices:
            if article.key is ArticleKey.BASE:
                yield Position(
                    phase, article, period, days, 1, price if phase.base_amount is None else phase.base_amount
                )
            elif (
                article.key is ArticleKey.SETUP
                and is_first
                and period.first == phase.anchor_on == phase.starts_on
                and price
            ):
                yield Position(phase, article, period, days, 1, price)
    for option, article in options:
        yield from _positions_of_option(phase, interval, option, article, begin)


def _periods_of(phase: Phase, interval: Interval, begin: Days) -> Iterator[Days]:
    """Periods in which the phase begins or that begin in it, due on the first day that the phase has of them."""
    if begin.first <= phase.starts_on <= begin.last:
        yield period_of(phase.anchor_on, interval, phase.starts_on)
    first = max(begin.first, phase.starts_on + ONE_DAY)
    last = min(begin.last, phase.ends_on or begin.last)
    yield from periods(phase.anchor_on, interval, Days(first, last))


def _positions_of_option(
    phase: Phase, interval: Interval, option: BookedOption, article: Article, begin: Days
) -> Iterator[Position]:
    """An option is due with the base, and on the day on which it is added for the rest of that period."""
    starts, ends = max(option.starts_on, phase.starts_on), min(option.ends_on or date.max, phase.ends_on or date.max)
    if starts > ends:
        return
    due = [period_of(phase.anchor_on, interval, starts)] if begin.first <= starts <= begin.last else []
    due += periods(phase.anchor_on, interval, Days(max(begin.first, starts + ONE_DAY), min(begin.last, ends)))
    for period in due:
        days = Days(max(period.first, starts), min(period.last, ends))
        yield Position(phase, article, period, days, option.quantity, option.amount)


def due_between(
    phases: Sequence[Phase],
    intervals: Mapping[int, Interval],
    prices: Mapping[int, Sequence[tuple[Article, Decimal]]],
    options: Sequence[tuple[BookedOption, Article]],
    begin: Days,
) -> list[Position]:
    """What is due on these days for a booking, by its phases; intervals by tariff, prices by version of the list."""
    return [
        position
        for number, phase in enumerate(phases)
        for position in positions(
            phase, intervals[phase.tariff_id], prices[phase.price_list_id], options, begin, is_first=number == 0
        )
    ]
