"""The plans that firms choose when they come aboard, as tariffs of the catalogue."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.contracts.catalogue import Article, ArticleKey, Module, Price, PriceList, Tariff
from models.contracts.money import in_cents
from models.contracts.terms import NoticeTo, Period, Unit
from models.db import alone
from models.errors import N_, ProvisionError
from models.people.manners import Language
from models.subscription import Interval, Listed, Plan, PriceOf, Subscription
from models.time.clock import local_day

PORTAL: Final = "portal"
"""The module that every firm begins with."""
NOTICE: Final = Period(1, Unit.MONTH)
"""As the sample texts of the agreement say, to the end of a billing period."""
_NAMES = {"de": "Mandantenportal", "fr": "Portail clients", "en": "Client portal"}
_PLANS: Mapping[Plan, tuple[str, Decimal]] = {
    Plan.BASIC: ("Basic", Decimal(29)),
    Plan.PLUS: ("Plus", Decimal(59)),
    Plan.PREMIUM: ("Premium", Decimal(99)),
}
"""What each is called, and costs in a month to begin with: sample figures, of which managers publish others."""
_INTERVALS: Mapping[Interval, dict[str, str]] = {
    Interval.MONTHLY: {"de": "monatlich", "fr": "par mois", "en": "monthly"},
    Interval.QUARTERLY: {"de": "vierteljährlich", "fr": "par trimestre", "en": "quarterly"},
    Interval.HALF_YEARLY: {"de": "halbjährlich", "fr": "par semestre", "en": "half-yearly"},
    Interval.YEARLY: {"de": "jährlich", "fr": "par an", "en": "yearly"},
}
BASE: Final = {"de": "Grundpreis", "fr": "Prix de base", "en": "Base price"}
"""What the article is called that every tariff has."""
FIRST_DAY = date(2020, 1, 1)
"""Since when the first prices count, of whose beginning nothing is kept."""


class PlanWithdrawn(ProvisionError):
    says = N_("“%(tariff)s” is not on sale any more: choose another plan, or another time of billing.")

    def __init__(self, tariff: str) -> None:
        super().__init__(tariff)
        self.tariff = tariff


def plan_tariff(session: Session, plan: Plan, interval: Interval, now: datetime) -> Tariff:
    """The tariff that a plan is at this interval; a catalogue that lacks the plans gets them.

    From then on managers keep them as they do all others.
    """
    chosen = select(Tariff).where(Tariff.plan == plan, Tariff.interval == interval)
    tariff = session.scalars(chosen).one_or_none()
    if tariff is None:
        begin_catalogue(session, now)
        tariff = session.scalars(chosen).one()
    return tariff


def plan_prices(session: Session, now: datetime) -> PriceOf:
    """What plans cost whoever chooses them now; asked, it raises PlanWithdrawn, NoPrices."""
    return partial(_listed, session, now)


def _listed(session: Session, now: datetime, plan: Plan, interval: Interval) -> Listed:
    tariff = plan_tariff(session, plan, interval, now)
    if tariff.archived_at is not None or Module.get(session, tariff.module_id).archived_at is not None:
        raise PlanWithdrawn(tariff.called(Language.GERMAN))
    prices = tariff.prices_on(session, local_day(now))
    return Listed(int(in_cents(prices.base(session)) * 100), prices.id)


def agreed_prices(
    session: Session, agreed: Subscription, day: date, now: datetime
) -> tuple[Tariff, PriceList, Decimal | None]:
    """On which tariff somebody begins who has agreed to this, and at which version of its prices.

    With what the base costs instead, if another price was agreed than that version says; all else is as it says.
    """
    assert agreed.plan is not None and agreed.interval is not None  # noqa: PT018  (as it was agreed)
    tariff = plan_tariff(session, agreed.plan, agreed.interval, now)
    prices = session.get(PriceList, agreed.price_list_id) if agreed.price_list_id is not None else None
    if prices is None or prices.tariff_id != tariff.id:
        prices = tariff.prices_on(session, day)
    price = Decimal(agreed.price_cents) / 100
    return tariff, prices, None if price == in_cents(prices.base(session)) else price


def begin_catalogue(session: Session, now: datetime) -> None:
    """Make the portal and the tariffs of its plans, if they are not there."""
    alone(session, "catalogue", PORTAL)
    if session.scalars(select(Module.id).where(Module.code == PORTAL)).first() is not None:
        return
    module = Module(code=PORTAL, names=dict(_NAMES), is_orderable=False)
    session.add(module)
    session.flush()
    made = [(_tariff(module, plan, interval), plan, interval) for plan in _PLANS for interval in _INTERVALS]
    session.add_all(tariff for tariff, _, _ in made)
    session.flush()
    bases = [Article(tariff_id=tariff.id, key=ArticleKey.BASE, names=dict(BASE)) for tariff, _, _ in made]
    lists = [
        PriceList(tariff_id=tariff.id, number=1, valid_from=FIRST_DAY, published_at=now, rolled_out_at=now)
        for tariff, _, _ in made
    ]
    session.add_all([*bases, *lists])
    session.flush()
    session.add_all(
        Price(price_list_id=prices.id, article_id=base.id, amount=_PLANS[plan][1] * interval.months)
        for base, prices, (_, plan, interval) in zip(bases, lists, made, strict=True)
    )
    session.flush()


def _tariff(module: Module, plan: Plan, interval: Interval) -> Tariff:
    term = Period(interval.months, Unit.MONTH)
    return Tariff(
        module_id=module.id,
        code=f"{plan.value}-{interval.value}".replace("_", "-"),
        names={language: f"{_PLANS[plan][0]}, {word}" for language, word in _INTERVALS[interval].items()},
        plan=plan,
        interval=interval,
        first_term=term,
        extension=term,
        notice=NOTICE,
        notice_to=NoticeTo.TERM_END,
    )
