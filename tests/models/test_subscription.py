from datetime import UTC, datetime, timedelta

import pytest

from models.subscription import (
    Change,
    DiscountInvalid,
    Interval,
    Listed,
    NoticeInvalid,
    NoticeUnit,
    Plan,
    PriceInvalid,
    PriceNothing,
    Subscription,
)
from models.text import TextTooLong

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def price_of(plan: Plan, interval: Interval) -> Listed:
    """By a price list of our own."""
    return Listed({Plan.BASIC: 2900, Plan.PLUS: 5900, Plan.PREMIUM: 9900}[plan] * interval.months, 1)


def test_what_was_agreed_stays():
    subscription = Subscription()
    assert subscription.confirm(Plan.BASIC, Interval.MONTHLY, price_of, NOW)

    assert not subscription.confirm(Plan.PREMIUM, Interval.YEARLY, price_of, NOW + timedelta(days=1))

    assert (subscription.plan, subscription.interval, subscription.confirmed_at) == (Plan.BASIC, Interval.MONTHLY, NOW)


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        *[("147", 14700), ("147,5", 14750), ("147.05 €", 14705), ("1.147,00", 114700), ("1,147.00 EUR", 114700)],
        *[("1 147,00", 114700), ("1\N{NO-BREAK SPACE}147 €", 114700), ("12.345", 1234500)],
    ],
)
def test_a_price_is_read_as_people_write_it(typed, cents):
    assert Change.parse({"price": typed}).full_cents == cents


@pytest.mark.parametrize(
    ("typed", "notice"),
    [
        ("3 Monate", (3, NoticeUnit.MONTHS)),
        ("1 Monat", (1, NoticeUnit.MONTHS)),
        ("6 weeks", (6, NoticeUnit.WEEKS)),
        ("14 jours", (14, NoticeUnit.DAYS)),
        ("2 MOIS", (2, NoticeUnit.MONTHS)),
        ("0", (0, NoticeUnit.MONTHS)),
        ("–", (0, NoticeUnit.MONTHS)),
    ],
)
def test_a_time_of_notice_is_read_in_any_of_our_languages(typed, notice):
    assert Change.parse({"notice": typed}).notice == notice


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        *[({"price": text}, PriceInvalid) for text in ("zehn", "-5", "1.2345", "10000000", "١٤٧", "-")],
        *[({"price": text}, PriceNothing) for text in ("0", "0,00", "0.0 €")],
        *[({"discount": text}, DiscountInvalid) for text in ("101", "-5", "12,345", "viel")],
        *[
            ({"notice": text}, NoticeInvalid)
            for text in ("3", "3 Jahre", "25 Monate", "0 Tage", "drei Monate", "400 days")
        ],
        ({"clause": "x" * 4001}, TextTooLong),
    ],
)
def test_what_is_no_price_discount_notice_or_clause_is_refused_with_what_was_typed(said, refusal):
    with pytest.raises(refusal) as refused:
        Change.parse(said)

    assert refusal is TextTooLong or str(refused.value).startswith(f"“{next(iter(said.values()))[:40]}”")


def test_what_is_not_agreed_anew_stays_and_a_dash_or_nought_takes_it_away():
    subscription = Subscription()
    subscription.confirm(Plan.PLUS, Interval.MONTHLY, price_of, NOW)
    subscription.agree(
        Change.parse({"price": "49,99", "discount": "12,5", "notice": "3 Monate", "clause": " Probe\r\n x "}), price_of
    )
    assert (subscription.full_cents, subscription.price_cents) == (4999, 4374)
    assert subscription.clause == "Probe\n x"
    before = subscription.agreed

    subscription.agree(Change.parse({"price": "", "note": "nur ein Wort"}), price_of)
    assert subscription.agreed == before
    subscription.agree(Change.parse({"plan": "premium"}), price_of)
    assert (subscription.full_cents, subscription.price_cents, subscription.notice_count) == (9900, 8663, 3)
    subscription.agree(Change.parse({"discount": "0", "notice": "0", "clause": "-"}), price_of)
    assert (subscription.price_cents, subscription.discount, subscription.notice_count) == (9900, 0, 0)
    assert subscription.clause == ""
