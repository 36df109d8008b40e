from datetime import UTC, datetime, timedelta

import pytest

from models.subscription import Interval, Plan, Subscription

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "cents"),
    [(Interval.MONTHLY, 5900), (Interval.QUARTERLY, 17700), (Interval.HALF_YEARLY, 35400), (Interval.YEARLY, 70800)],
)
def test_the_price_is_that_of_the_months_in_an_interval(interval, cents):
    subscription = Subscription()

    assert subscription.confirm(Plan.PLUS, interval, NOW)

    assert subscription.price_cents == cents


def test_what_was_agreed_stays():
    subscription = Subscription()
    subscription.confirm(Plan.BASIC, Interval.MONTHLY, NOW)

    assert not subscription.confirm(Plan.PREMIUM, Interval.YEARLY, NOW + timedelta(days=1))

    assert (subscription.plan, subscription.interval, subscription.confirmed_at) == (Plan.BASIC, Interval.MONTHLY, NOW)
