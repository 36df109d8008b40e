"""The plans that firms choose when they come aboard, as tariffs of the catalogue."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.contracts.catalogue import Article, ArticleKey, Module, Tariff
from models.contracts.terms import NoticeTo, Period, Unit
from models.db import alone
from models.subscription import Interval, Plan

PORTAL: Final = "portal"
"""The module that every firm begins with."""
NOTICE: Final = Period(1, Unit.MONTH)
"""As the sample texts of the agreement say, to the end of a billing period."""
_PLANS = {Plan.BASIC: "Basic", Plan.PLUS: "Plus", Plan.PREMIUM: "Premium"}
_INTERVALS = {
    Interval.MONTHLY: {"de": "monatlich", "fr": "par mois", "en": "monthly"},
    Interval.QUARTERLY: {"de": "vierteljährlich", "fr": "par trimestre", "en": "quarterly"},
    Interval.HALF_YEARLY: {"de": "halbjährlich", "fr": "par semestre", "en": "half-yearly"},
    Interval.YEARLY: {"de": "jährlich", "fr": "par an", "en": "yearly"},
}
_BASE = {"de": "Grundpreis", "fr": "Prix de base", "en": "Base price"}
FIRST_DAY = date(2020, 1, 1)
"""Since when the figures of ``Plan`` count, of whose beginning nothing is kept."""


def plan_tariff(session: Session, plan: Plan, interval: Interval, now: datetime) -> Tariff:
    """The tariff that a plan is at this interval; the catalogue gets those that it lacks.

    Their first prices are those of ``Plan``. From then on managers keep them as they do all others.
    """
    chosen = select(Tariff).where(Tariff.plan == plan, Tariff.interval == interval)
    tariff = session.scalars(chosen).one_or_none()
    if tariff is None:
        begin_catalogue(session, now)
        tariff = session.scalars(chosen).one()
    return tariff


def begin_catalogue(session: Session, now: datetime) -> None:
    """Make the portal and the tariffs of its plans, if they are not there."""
    alone(session, "catalogue", PORTAL)
    module = session.scalars(select(Module).where(Module.code == PORTAL)).one_or_none()
    if module is not None:
        return
    portal = {"de": "Mandantenportal", "fr": "Portail clients", "en": "Client portal"}
    module = Module(code=PORTAL, names=portal, is_orderable=False)
    session.add(module)
    session.flush()
    for plan, name in _PLANS.items():
        for interval, words in _INTERVALS.items():
            tariff = Tariff(
                module_id=module.id,
                code=f"{plan.value}-{interval.value}".replace("_", "-"),
                names={language: f"{name}, {word}" for language, word in words.items()},
                plan=plan,
                interval=interval,
                first_term=Period(interval.months, Unit.MONTH),
                extension=Period(interval.months, Unit.MONTH),
                notice=NOTICE,
                notice_to=NoticeTo.TERM_END,
            )
            session.add(tariff)
            session.flush()
            article = Article(tariff_id=tariff.id, key=ArticleKey.BASE, names=dict(_BASE))
            session.add(article)
            session.flush()
            price = Decimal(plan.monthly_cents * interval.months) / 100
            tariff.publish(session, FIRST_DAY, {article.id: price}, FIRST_DAY, now)
