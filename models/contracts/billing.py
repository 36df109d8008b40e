"""What a booking costs: its billing periods, and what is due for each.

A period begins on the day of the month on which the phase was anchored, or the last day of a month that has none such,
so that no day drifts. It is due on its first day. Who has a module for a part of it pays for the days of that part, of
all days that the whole period has; each position is rounded once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Self

from models.contracts.booking import BookedOption, Change, ChangeKind, Phase
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
class Stretch:
    """Days in which a booking is billed alike: on one tariff, at one version of its prices."""

    tariff_id: int
    price_list_id: int
    anchor_on: date
    starts_on: date
    ends_on: date | None
    base_amount: Decimal | None = None

    @classmethod
    def of(cls, phase: Phase) -> Self:
        names = ("tariff_id", "price_list_id", "anchor_on", "starts_on", "ends_on", "base_amount")
        return cls(**{name: getattr(phase, name) for name in names})


def stretches(phases: Sequence[Phase], ends_on: date | None = None, change: Change | None = None) -> list[Stretch]:
    """How a booking runs if nothing else is declared: its phases, and what is known to come after them.

    That is its end, the *change* of tariff that waits for its day, and the prices that were announced.
    """
    *past, running = map(Stretch.of, phases)
    last = phases[-1]
    to_another = change if change is not None and change.kind is ChangeKind.TARIFF else None
    ends = (running.ends_on, ends_on, to_another.ends_on if to_another is not None else None)
    until = min((day for day in ends if day is not None), default=None)
    if last.reprices_on is not None and (until is None or last.reprices_on <= until):
        assert last.next_price_list_id is not None  # They go together.
        past.append(replace(running, ends_on=last.reprices_on - ONE_DAY))
        running = replace(running, price_list_id=last.next_price_list_id, starts_on=last.reprices_on)
    known = [*past, replace(running, ends_on=until)]
    if to_another is not None and until == to_another.ends_on and (ends_on is None or ends_on > until):
        assert to_another.tariff_id is not None and to_another.price_list_id is not None  # noqa: PT018  (with a tariff)
        first = to_another.new_from
        known.append(Stretch(to_another.tariff_id, to_another.price_list_id, first, first, ends_on))
        return known
    if until is None:
        return known
    # An end that was received before the prices rose, and entered afterwards, takes the rise back.
    return [replace(each, ends_on=min(each.ends_on or until, until)) for each in known if each.starts_on <= until]


@dataclass(frozen=True)
class Position:
    """One row of what is to be billed."""

    stretch: Stretch
    article: Article
    period: Days
    """The whole billing period."""
    days: Days
    """The part of it that is paid for."""
    quantity: int
    price: Decimal
    """Of one, for a whole period."""
    option_id: int | None = None
    """The option that it is for."""

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
    stretch: Stretch,
    interval: Interval,
    prices: Sequence[tuple[Article, Decimal]],
    options: Sequence[tuple[BookedOption, Article]],
    begin: Days,
    *,
    is_first: bool,
) -> Iterator[Position]:
    """What is due on these days: of periods that begin in the stretch, and the part of one in which it begins.

    *prices* are those of its version of the price list. Set-up is paid once, on the first day of the booking's first
    stretch. An option is due with the base, and on the day on which it is added for the rest of that period.
    """
    for period, days in _due(stretch, interval, stretch.starts_on, stretch.ends_on, begin):
        for article, price in prices:
            if article.key is ArticleKey.BASE:
                agreed = price if stretch.base_amount is None else stretch.base_amount
                yield Position(stretch, article, period, days, 1, agreed)
            elif article.key is ArticleKey.SETUP and is_first and days.first == stretch.starts_on:
                once = Days(days.first, days.first)
                yield Position(stretch, article, once, once, 1, price)
    for option, article in options:
        if article.tariff_id != stretch.tariff_id:
            continue
        ends = min(filter(None, (option.ends_on, stretch.ends_on)), default=None)
        for period, days in _due(stretch, interval, max(option.starts_on, stretch.starts_on), ends, begin):
            yield Position(stretch, article, period, days, option.quantity, option.amount, option.id)


def _due(
    stretch: Stretch, interval: Interval, starts: date, ends: date | None, begin: Days
) -> Iterator[tuple[Days, Days]]:
    """Each period of which the first day from *starts* to *ends* is one of *begin*, and its days from then to then."""
    if ends is not None and starts > ends:
        return
    due = [period_of(stretch.anchor_on, interval, starts)] if begin.first <= starts <= begin.last else []
    last = begin.last if ends is None else min(begin.last, ends)
    due += periods(stretch.anchor_on, interval, Days(max(begin.first, starts + ONE_DAY), last))
    for period in due:
        yield period, Days(max(period.first, starts), period.last if ends is None else min(period.last, ends))


def due_between(
    run: Sequence[Stretch],
    intervals: Mapping[int, Interval],
    prices: Mapping[int, Sequence[tuple[Article, Decimal]]],
    options: Sequence[tuple[BookedOption, Article]],
    begin: Days,
) -> list[Position]:
    """What is due on these days for a booking that runs so; intervals by tariff, prices by version of the list."""
    return [
        position
        for number, stretch in enumerate(run)
        for position in positions(
            stretch, intervals[stretch.tariff_id], prices[stretch.price_list_id], options, begin, is_first=number == 0
        )
    ]
