"""What a booking costs, against figures that were worked out by hand, and against an account kept day by day."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contracts.billing import Days, due_between, periods, stretches
from models.contracts.booking import BookedOption, Change, ChangeKind, Phase
from models.contracts.catalogue import Article, ArticleKey
from models.contracts.handover import Charge, days_of, month_of, months_on, settle
from models.subscription import Interval

DAY = timedelta(days=1)
ALWAYS = Days(date(2000, 1, 1), date(2045, 12, 31))
BASE, SETUP, OPTION = (Article(id=number, tariff_id=1, key=key) for number, key in enumerate(ArticleKey, start=1))
OTHER_BASE = Article(id=4, tariff_id=2, key=ArticleKey.BASE)
INTERVALS = {1: Interval.QUARTERLY, 2: Interval.MONTHLY}
PRICES = {
    1: [(BASE, Decimal(91)), (SETUP, Decimal(50)), (OPTION, Decimal(9))],
    2: [(BASE, Decimal(182)), (SETUP, Decimal(50)), (OPTION, Decimal(9))],
    3: [(OTHER_BASE, Decimal(31))],
}


def phase(starts_on: date, ends_on: date | None = None, **more) -> Phase:
    facts = {"tariff_id": 1, "price_list_id": 1, "anchor_on": starts_on} | more
    return Phase(starts_on=starts_on, ends_on=ends_on, **facts)


def option(starts_on: date, ends_on: date | None = None, quantity: int = 2) -> tuple[BookedOption, Article]:
    added = BookedOption(id=7, quantity=quantity, amount=Decimal("9.1"), starts_on=starts_on, ends_on=ends_on)
    return added, OPTION


def billed(phases, begin=ALWAYS, *, ends_on=None, change=None, options=(), intervals=INTERVALS, prices=PRICES):
    """Article, first and last day paid for, and the amount."""
    due = due_between(stretches(phases, ends_on, change), intervals, prices, options, begin)
    return [(one.article.key.value, one.days.first, one.days.last, one.total) for one in due]


@pytest.mark.parametrize(
    ("anchor", "firsts"),
    [
        (date(2027, 1, 31), ["01-31", "02-28", "03-31", "04-30", "05-31"]),
        (date(2024, 1, 30), ["01-30", "02-29", "03-30", "04-30", "05-30"]),
        (date(2027, 1, 5), ["01-05", "02-05", "03-05", "04-05", "05-05"]),
    ],
)
def test_a_period_begins_on_the_day_of_its_anchor_or_the_last_of_a_month_that_has_none_such(anchor, firsts):
    found = list(periods(anchor, Interval.MONTHLY, Days(anchor, anchor + 125 * DAY)))
    assert [f"{period.first:%m-%d}" for period in found] == firsts
    assert all(before.last + DAY == after.first for before, after in pairwise(found))


def test_a_part_is_paid_for_by_the_days_of_the_whole_period():
    may = phase(date(2027, 5, 20), anchor_on=date(2027, 4, 1))
    assert billed([may], Days(date(2027, 5, 1), date(2027, 7, 31))) == [
        ("base", date(2027, 5, 20), date(2027, 6, 30), Decimal(42)),  # 42 of 91 days, at 91.
        ("setup", date(2027, 5, 20), date(2027, 5, 20), Decimal(50)),
        ("base", date(2027, 7, 1), date(2027, 9, 30), Decimal(91)),
    ]


def test_the_day_of_another_tariff_is_paid_for_on_the_new_one_and_the_last_day_on_the_old_one():
    change = Change(kind=ChangeKind.TARIFF, ends_on=date(2027, 5, 19), tariff_id=2, price_list_id=3)
    begun = phase(date(2027, 4, 1))
    after = billed([begun], Days(date(2027, 4, 1), date(2027, 6, 30)), change=change)
    assert [one for one in after if one[0] == "base"] == [
        ("base", date(2027, 4, 1), date(2027, 5, 19), Decimal(49)),
        ("base", date(2027, 5, 20), date(2027, 6, 19), Decimal(31)),
        ("base", date(2027, 6, 20), date(2027, 7, 19), Decimal(31)),
    ]
    ended = billed([begun], ends_on=date(2027, 5, 19))
    assert [one for one in ended if one[0] == "base"] == after[:1]


def test_a_new_price_counts_from_the_first_period_after_its_day_and_an_end_before_it_is_at_the_old_one():
    announced = phase(date(2027, 4, 1), reprices_on=date(2027, 7, 1), next_price_list_id=2)
    this_year = Days(date(2027, 4, 1), date(2027, 12, 31))
    assert [one[3] for one in billed([announced], this_year) if one[0] == "base"] == [91, 182, 182]
    assert [one[3] for one in billed([announced], this_year, ends_on=date(2027, 6, 30)) if one[0] == "base"] == [91]
    agreed = phase(date(2027, 4, 1), base_amount=Decimal(60), reprices_on=None)
    assert [one[3] for one in billed([agreed], this_year) if one[0] == "base"] == [60, 60, 60]


def test_an_option_is_paid_for_from_the_day_on_which_it_is_added_and_ends_with_its_tariff():
    change = Change(kind=ChangeKind.TARIFF, ends_on=date(2027, 8, 15), tariff_id=2, price_list_id=3)
    rows = billed([phase(date(2027, 4, 1))], change=change, options=[option(date(2027, 5, 20))])
    assert [one for one in rows if one[0] == "option"] == [
        ("option", date(2027, 5, 20), date(2027, 6, 30), Decimal("8.40")),
        ("option", date(2027, 7, 1), date(2027, 8, 15), Decimal("9.10")),
    ]


def test_half_a_cent_is_rounded_upwards_once():
    price = {1: [(BASE, Decimal("0.03"))]}
    assert billed(
        [phase(date(2028, 2, 1))], ends_on=date(2028, 3, 16), intervals={1: Interval.QUARTERLY}, prices=price
    )[0] == ("base", date(2028, 2, 1), date(2028, 3, 16), Decimal("0.02"))  # 45 of 90 days: 0.015.


# ---- A life of its own, walked day by day

STARTS = st.dates(date(2023, 1, 1), date(2025, 12, 31))
AMOUNTS = st.decimals(0, 999, places=4)


@st.composite
def lives(draw):
    """A booking: on which tariff since when, at which prices, its options, and its end."""
    firsts = [start := draw(STARTS)]
    for _ in range(draw(st.integers(0, 2))):
        firsts.append(firsts[-1] + draw(st.integers(1, 500)) * DAY)
    end = firsts[-1] + draw(st.integers(0, 900)) * DAY
    intervals = {number: draw(st.sampled_from(Interval)) for number in range(1, len(firsts) + 1)}
    phases, prices, articles = [], {}, {}
    for tariff, (first, following) in enumerate(pairwise([*firsts, end + DAY]), start=1):
        articles[tariff] = {
            key: Article(id=10 * tariff + number, tariff_id=tariff, key=key) for number, key in enumerate(ArticleKey)
        }
        price_list = 2 * tariff
        for version in (price_list, price_list + 1):
            prices[version] = [(article, draw(AMOUNTS)) for article in articles[tariff].values()]
        spans = [(first, price_list)]
        if again := [day for day in begins(first, intervals[tariff], following) if day != first]:
            spans.append((draw(st.sampled_from(again)), price_list + 1))
        for (starts, version), (ends, _) in pairwise([*spans, (following, 0)]):
            phases.append(phase(starts, ends - DAY, tariff_id=tariff, price_list_id=version, anchor_on=first))
    options = []
    for number in range(draw(st.integers(0, 3))):
        tariff = draw(st.integers(1, len(firsts)))
        starts = start + draw(st.integers(0, 600)) * DAY
        ends = draw(st.none() | st.integers(0, 400).map(lambda days, starts=starts: starts + days * DAY))
        row = BookedOption(
            id=number + 1, quantity=draw(st.integers(1, 9)), amount=draw(AMOUNTS), starts_on=starts, ends_on=ends
        )
        options.append((row, articles[tariff][ArticleKey.OPTION]))
    return phases, intervals, prices, options, end


def begins(anchor: date, interval: Interval, until: date) -> list[date]:
    """The first days of periods, found by looking at each day whether it is one."""
    found, day = [], anchor
    while day < until:
        if is_first(anchor, interval, day):
            found.append(day)
        day += DAY
    return found


def is_first(anchor: date, interval: Interval, day: date) -> bool:
    months = 12 * (day.year - anchor.year) + day.month - anchor.month
    is_its_day = day.day == anchor.day or (day.day < anchor.day and (day + DAY).month != day.month)
    return months % interval.months == 0 and is_its_day


def day_by_day(phases, intervals, prices, options) -> dict[tuple, Decimal]:
    """What each article costs in each period: a day costs its part of the period in which it is."""
    costs: dict[tuple, Fraction] = defaultdict(Fraction)
    for number, one in enumerate(phases):
        interval, listed, day = intervals[one.tariff_id], dict(prices[one.price_list_id]), one.starts_on
        firsts = begins(one.anchor_on, interval, one.ends_on + 400 * DAY)
        while day <= one.ends_on:
            first, following = next(span for span in pairwise(firsts) if span[0] <= day < span[1])
            length = (following - first).days
            base = next(article for article in listed if article.key is ArticleKey.BASE)
            costs["base", one.tariff_id, first, 0] += Fraction(listed[base]) / length
            if number == 0 and day == one.starts_on:
                setup = next(article for article in listed if article.key is ArticleKey.SETUP)
                costs["setup", one.tariff_id, first, 0] += Fraction(listed[setup])
            for added, article in options:
                has_it = added.starts_on <= day and (added.ends_on is None or day <= added.ends_on)
                if has_it and article.tariff_id == one.tariff_id:
                    share = Fraction(added.amount) * added.quantity / length
                    costs["option", one.tariff_id, first, added.id] += share
            day += DAY
    return {key: cents(amount) for key, amount in costs.items() if cents(amount)}


def cents(amount: Fraction) -> Decimal:
    return (Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


@given(lives())
def test_it_adds_up_to_an_account_that_is_kept_day_by_day(life):
    phases, intervals, prices, options, _ = life
    expected = day_by_day(phases, intervals, prices, options)
    found: dict[tuple, Decimal] = defaultdict(Decimal)
    for one in due_between(stretches(phases), intervals, prices, options, ALWAYS):
        first = one.period.first
        found[one.article.key.value, one.stretch.tariff_id, first, one.option_id or 0] += one.total
    assert {key: amount for key, amount in found.items() if amount} == expected


@given(lives(), st.integers(0, 900))
def test_each_position_is_due_in_one_month_and_none_is_lost(life, days):
    phases, intervals, prices, options, end = life
    whole = billed(phases, options=options, intervals=intervals, prices=prices)
    cut = phases[0].starts_on + days * DAY
    before, after = (
        billed(phases, part, options=options, intervals=intervals, prices=prices)
        for part in (Days(ALWAYS.first, cut), Days(cut + DAY, ALWAYS.last))
    )
    assert sorted(before + after) == sorted(whole)
    assert all(first <= end and last <= end for _, first, last, _ in whole)


# ---- What is handed over, month by month, while what is known changes


@given(lives(), st.data())
def test_what_was_handed_over_adds_up_to_what_it_costs_whatever_became_known_when(life, data):
    """Each month is settled by what is known then; options and ends come, go and move until the last one is closed."""
    phases, intervals, prices, options, end = life
    month, ledger = month_of(phases[0].starts_on), []
    while month <= months_on(month_of(end), 1):
        known = [one for one in options if data.draw(st.booleans())]
        ends_on = data.draw(st.none() | st.integers(0, 600).map(lambda days: phases[-1].starts_on + days * DAY))
        hand_over(ledger, month, stretches(phases, ends_on), known, intervals, prices)
        month = months_on(month, data.draw(st.integers(1, 3)))
        if len(ledger) > 60:
            break
    hand_over(ledger, month, stretches(phases), options, intervals, prices)

    right = due_between(stretches(phases), intervals, prices, options, Days(ALWAYS.first, days_of(month).last))
    assert sum(one.net for one in ledger) == sum(one.total for one in right)
    taken_back = [one.cancels_id for one in ledger if one.cancels_id is not None]
    assert len(set(taken_back)) == len(taken_back)
    assert settle(right, ledger, None) == ([], [])


def hand_over(ledger: list[Charge], month: date, run, options, intervals, prices) -> None:
    """What ``tasks.contracts.billing`` writes down, without a database."""
    due = due_between(run, intervals, prices, options, Days(ALWAYS.first, days_of(month).last))
    before = {one.id: one for one in ledger}
    gone, new = settle(due, ledger, None)
    for one in gone:
        same = {
            name: getattr(before[one], name)
            for name in ("article_id", "option_id", "period_first", "period_last", "first_day", "last_day", "price")
        }
        back = {"quantity": -before[one].quantity, "net": -before[one].net, "cancels_id": one}
        ledger.append(Charge(id=len(ledger) + 1, **same, **back))
    for position in new:
        ledger.append(
            Charge(
                id=len(ledger) + 1,
                article_id=position.article.id,
                option_id=position.option_id,
                period_first=position.period.first,
                period_last=position.period.last,
                first_day=position.days.first,
                last_day=position.days.last,
                quantity=position.quantity,
                price=position.price,
                net=position.total,
            )
        )


def test_what_was_billed_before_it_was_a_test_account_stays_and_what_follows_begins_when_it_is_none():
    ledger: list[Charge] = []
    run, known = stretches([phase(date(2027, 4, 1))]), [option(date(2027, 4, 1))]
    hand_over(ledger, date(2027, 4, 1), run, [], INTERVALS, PRICES)
    due = due_between(run, INTERVALS, PRICES, known, Days(ALWAYS.first, date(2027, 8, 31)))
    gone, new = settle(due, ledger, date(2027, 8, 10))
    assert gone == []
    assert [(one.article.key.value, one.days.first, one.total) for one in new] == [
        ("base", date(2027, 8, 10), Decimal("51.43")),  # 52 of 92 days.
        ("option", date(2027, 8, 10), Decimal("10.29")),
    ]
