"""The catalogue as the board shows it: everything read at once, in as many statements for many rows as for one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.audit import HOUSE, Entry
from models.contracts.booking import Booking, Phase
from models.contracts.catalogue import Article, Module, ModuleField, PriceList, Tariff
from models.contracts.contract import BillingSettings
from models.contracts.plans import begin_catalogue
from models.contracts.terms import ONE_DAY
from models.db import reading, transaction
from models.time.clock import now, today

ACTS = (
    *("catalogue.added", "catalogue.changed", "catalogue.withdrawn", "catalogue.offered"),
    *("prices.published", "billing.settings_changed"),
)
HISTORY = 50


@dataclass(frozen=True)
class TariffRow:
    """A tariff in a list."""

    tariff: Tariff
    prices: PriceList | None
    """The version at which it is agreed today."""
    base: Decimal | None
    contracts: int
    """How many run on it."""


@dataclass(frozen=True)
class ModuleRow:
    """A module with what it is made of; put away and withdrawn ones among it."""

    module: Module
    fields: list[ModuleField]
    tariffs: list[TariffRow]
    contracts: int
    """How many firms have it."""

    @property
    def on_sale(self) -> list[TariffRow]:
        """Those tariffs that somebody can order."""
        return [each for each in self.tariffs if each.tariff.archived_at is None and each.prices is not None]


@dataclass(frozen=True)
class Catalogue:
    """All that there is to be ordered."""

    modules: list[ModuleRow]
    payment_days: int
    history: list[Entry]


@dataclass(frozen=True)
class Version:
    """One version of a price list."""

    prices: PriceList
    amounts: Mapping[int, Decimal]
    """By article."""
    contracts: int
    """How many run at it."""
    is_current: bool
    """Whether it is agreed today with whoever orders."""


@dataclass(frozen=True)
class TariffView:
    """A tariff with its articles and all versions of its prices, the newest first."""

    tariff: Tariff
    module: Module
    articles: list[Article]
    versions: list[Version]
    contracts: int

    @property
    def earliest(self) -> date:
        """From which day on new prices can count at the earliest."""
        day = today()
        return max(day, self.versions[0].prices.valid_from + ONE_DAY) if self.versions else day


def catalogue() -> Catalogue:
    """An empty one gets the portal with its plans first."""
    with reading() as session:
        is_empty = session.scalars(select(Module.id).limit(1)).first() is None
    if is_empty:
        with transaction() as session:
            begin_catalogue(session, now())
    with reading() as session:
        modules = _modules(session, session.scalars(select(Module).order_by(Module.id)).all())
        acts = select(Entry).where(Entry.case_id == HOUSE, Entry.action.in_(ACTS)).order_by(Entry.number.desc())
        days, history = BillingSettings.payment_days_now(session), session.scalars(acts.limit(HISTORY)).all()
        return Catalogue(modules, days, list(history))


def module(module_id: int) -> ModuleRow:
    """Raises NotFound."""
    with reading() as session:
        (shown,) = _modules(session, [Module.get(session, module_id)])
        return shown


def _modules(session: Session, modules: Sequence[Module]) -> list[ModuleRow]:
    ids = [module.id for module in modules]
    fields, tariffs = defaultdict(list), defaultdict(list)
    for field in session.scalars(select(ModuleField).where(ModuleField.module_id.in_(ids)).order_by(ModuleField.id)):
        fields[field.module_id].append(field)
    there = session.scalars(select(Tariff).where(Tariff.module_id.in_(ids)).order_by(Tariff.id)).all()
    prices, on = PriceList.on(session, [tariff.id for tariff in there], today()), _on_tariffs(session, ids)
    bases = PriceList.bases(session, [each.id for each in prices.values()])
    for tariff in there:
        current = prices.get(tariff.id)
        base = bases.get(current.id) if current else None
        tariffs[tariff.module_id].append(TariffRow(tariff, current, base, on.get(tariff.id, 0)))
    return [
        ModuleRow(each, fields[each.id], tariffs[each.id], sum(kept.contracts for kept in tariffs[each.id]))
        for each in modules
    ]


def _on_tariffs(session: Session, module_ids: Sequence[int]) -> dict[int, int]:
    """How many contracts run on each tariff of these modules."""
    running = select(Phase.tariff_id, func.count()).join(Booking, Booking.id == Phase.booking_id)
    running = running.where(Booking.module_id.in_(module_ids), Booking.ended_at.is_(None), Phase.ends_on.is_(None))
    return dict(session.execute(running.group_by(Phase.tariff_id)).tuples().all())


def tariff(tariff_id: int) -> TariffView:
    """Raises NotFound."""
    with reading() as session:
        kept = Tariff.get(session, tariff_id)
        versions = kept.versions(session)
        positions = PriceList.positions_of(session, [each.id for each in versions])
        current = PriceList.on(session, [tariff_id], today()).get(tariff_id)
        at = _at_versions(session, tariff_id)
        return TariffView(
            tariff=kept,
            module=Module.get(session, kept.module_id),
            articles=kept.articles(session),
            versions=[
                Version(
                    each,
                    {article.id: amount for article, amount in positions.get(each.id, [])},
                    at.get(each.id, 0),
                    is_current=current is not None and each.id == current.id,
                )
                for each in reversed(versions)
            ],
            contracts=sum(at.values()),
        )


def _at_versions(session: Session, tariff_id: int) -> dict[int, int]:
    """How many contracts run at each version of its prices."""
    running = select(Phase.price_list_id, func.count()).join(Booking, Booking.id == Phase.booking_id)
    running = running.where(Phase.tariff_id == tariff_id, Booking.ended_at.is_(None), Phase.ends_on.is_(None))
    return dict(session.execute(running.group_by(Phase.price_list_id)).tuples().all())
