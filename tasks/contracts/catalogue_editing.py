"""Managers keep the catalogue, and what the provider bills everybody by.

Of two who keep the same at once the second one is shown what stands there by then. Nothing that was published is ever
changed, and what is withdrawn stays with whoever has it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.audit import HOUSE, Parts, record
from models.clients.custom_field import NoDate, day_of
from models.contracts.billing import first_period_from
from models.contracts.booking import Booking, Change, ChangeKind, ChangeState, Phase
from models.contracts.catalogue import (
    Article,
    ArticleKey,
    CatalogueRow,
    Module,
    ModuleField,
    PriceList,
    PriceMissing,
    PricesTooEarly,
    PricesUnchanged,
    Tariff,
    Written,
    code_in,
)
from models.contracts.contract import BillingSettings, payment_days_of
from models.contracts.money import amount
from models.contracts.plans import BASE, PORTAL
from models.contracts.terms import ONE_DAY, YEARS
from models.db import Facts, alone, reading, transaction
from models.errors import N_, Faults, ProvisionError
from models.settings import settings
from models.text import one_line
from models.time.clock import now, today
from tasks.contracts.details import SectionChanged, stamp
from tasks.contracts.orders import Who, require_manager

LEFT_OUT = frozenset({"-", "\N{EN DASH}", "\N{EM DASH}"})
"""What is typed instead of a price where an article is not in a version."""


class NoSetUp(ProvisionError):
    status = 422
    says = N_("The plans that firms choose when they come aboard have no set-up: their agreement names one price.")


class DayMissing(ProvisionError):
    status = 422
    says = N_("The day is missing: write from when on these prices count.")


class Sort(StrEnum):
    """What the catalogue is made of."""

    MODULE = "module"
    FIELD = "field"
    TARIFF = "tariff"
    ARTICLE = "article"


TABLES: Mapping[Sort, type[CatalogueRow]] = {
    Sort.MODULE: Module,
    Sort.FIELD: ModuleField,
    Sort.TARIFF: Tariff,
    Sort.ARTICLE: Article,
}


# ---- what it is made of


def add(who: Who, sort: Sort, owner_id: int, written: Written) -> int:
    """A module, a field or a tariff of one (*owner_id*), or an article of a tariff; returns its id.

    A tariff begins with its base article. Raises ManagersAlone, NotFound, FormRefused with all that does not fit.
    """
    require_manager(who)
    with transaction() as session:
        row, taken = _new(session, sort, owner_id)
        faults = Faults()
        if not isinstance(row, ModuleField):
            row.code = code_in(written, faults, taken)
        row.begin(written)
        row.describe(written, faults)
        if isinstance(row, Tariff):
            row.set_terms(written, faults)
        if isinstance(row, Article) and row.key is ArticleKey.SETUP and Tariff.get(session, owner_id).plan is not None:
            faults["key"] = NoSetUp()
        faults.check()
        session.add(row)
        session.flush()
        if isinstance(row, Tariff):
            session.add(Article(tariff_id=row.id, key=ArticleKey.BASE, names=dict(BASE)))
        _record(session, who, "catalogue.added", sort, row.id, None, row.written())
        return row.id


def _new(session: Session, sort: Sort, owner_id: int) -> tuple[Module | ModuleField | Tariff | Article, set[str]]:
    """An empty row, and the codes that are taken; whoever adds another one beside it waits."""
    match sort:
        case Sort.MODULE:
            alone(session, "catalogue", PORTAL)
            return Module(), {*session.scalars(select(Module.code))}
        case Sort.FIELD:
            return ModuleField(module_id=Module.locked(session, owner_id).id), set()
        case Sort.TARIFF:
            module = Module.locked(session, owner_id)
            return Tariff(module_id=module.id), {*session.scalars(select(Tariff.code).filter_by(module_id=module.id))}
        case Sort.ARTICLE:
            tariff = Tariff.locked(session, owner_id)
            return Article(tariff_id=tariff.id), {article.code for article in tariff.articles(session)}


def fields_of(session: Session, row: CatalogueRow) -> dict[str, str]:
    """What stands in the form of a row."""
    is_fixed = isinstance(row, Tariff) and bool(row.versions(session))
    return row.written() | ({"is_fixed": "yes"} if is_fixed else {})


def form(sort: Sort, row_id: int) -> tuple[Any, dict[str, str], str]:
    """The row, what stands in its form, and the form's stamp; raises NotFound."""
    with reading() as session:
        row = TABLES[sort].get(session, row_id)
        fields = fields_of(session, row)
        return row, fields, stamp(fields)


def change(who: Who, sort: Sort, row_id: int, written: Written, was: str) -> None:
    """Take over what a form says that had this stamp; the same again changes nothing.

    Raises ManagersAlone, NotFound, SectionChanged, FormRefused with all that does not fit.
    """
    require_manager(who)
    with transaction() as session:
        row = TABLES[sort].locked(session, row_id)
        before, faults = fields_of(session, row), Faults()
        if stamp(before) != was:
            raise SectionChanged
        row.describe(written, faults)
        if isinstance(row, Tariff) and "is_fixed" not in before:
            row.set_terms(written, faults)
        faults.check()
        session.flush()
        after = fields_of(session, row)
        if after != before:
            _record(session, who, "catalogue.changed", sort, row_id, before, after)


def withdraw(who: Who, sort: Sort, row_id: int, *, back: bool = False) -> None:
    """Nobody orders it any more, or nobody is asked for that field; whoever has it keeps it. *back*: on sale again.

    Repeating it changes nothing. Raises ManagersAlone, NotFound.
    """
    require_manager(who)
    with transaction() as session:
        row: Any = TABLES[sort].locked(session, row_id)
        if (row.archived_at is None) is back:
            return
        row.archived_at = None if back else now()
        act = "catalogue.offered" if back else "catalogue.withdrawn"
        _record(session, who, act, sort, row_id, None, row.written())


def _record(session: Session, who: Who, act: str, kind: str, row_id: int, before: Facts | None, after: Facts) -> None:
    """What the catalogue says tells of nobody."""
    told = {name: Parts([("", fact)]) for name, fact in (("before", before), ("after", after)) if fact is not None}
    record(session, HOUSE, now(), act, who.by, kind=kind, row=row_id, **told)


# ---- prices


@dataclass(frozen=True)
class Publication:
    """A version of a price list before it is published."""

    valid_from: date
    prices: Mapping[int, Decimal | None]
    """By article; None: it is not in this version."""
    was: str
    """Names the version that was the newest one when this was foreseen."""
    concerned: list[tuple[date, int]]
    """On which day the first period begins that it can count for, and for how many contracts; the earliest first."""
    unconcerned: int
    """Contracts of which the price was agreed alone, or which end before."""


def foresee_prices(tariff_id: int, who: Who, written: Written) -> Publication:
    """What would follow if these prices were published now.

    Raises ManagersAlone, NotFound, FormRefused with all that does not fit.
    """
    require_manager(who)
    with reading() as session:
        tariff = Tariff.get(session, tariff_id)
        return _publication(session, tariff, who, written)


def publish(tariff_id: int, who: Who, written: Written, was: str) -> PriceList:
    """The next version of the prices, for good: firms are told of it in time by the flow ``contracts``.

    Raises ManagersAlone, NotFound, SectionChanged if another one was published since, FormRefused.
    """
    require_manager(who)
    with transaction() as session:
        tariff = Tariff.locked(session, tariff_id)
        if _newest(session, tariff) != was:
            raise SectionChanged
        seen = _publication(session, tariff, who, written)
        made = tariff.publish(session, seen.valid_from, seen.prices, seen.valid_from, now())
        told = {
            each.code: str(seen.prices[each.id])
            for each in tariff.articles(session)
            if seen.prices[each.id] is not None
        }
        after = {"tariff": tariff.code, "number": made.number, "valid_from": made.valid_from.isoformat(), "net": told}
        _record(session, who, "prices.published", Sort.TARIFF, tariff_id, None, after)
        return made


def _publication(session: Session, tariff: Tariff, who: Who, written: Written) -> Publication:
    faults, versions = Faults(), tariff.versions(session)
    valid_from = earliest = max([today(), *(each.valid_from + ONE_DAY for each in versions)])
    with faults.at("valid_from"):
        valid_from = _day(written.get("valid_from", ""))
        if valid_from < earliest:
            raise PricesTooEarly(earliest)
    prices: dict[int, Decimal | None] = {}
    for article in tariff.articles(session):
        with faults.at(at := f"price-{article.id}"):
            text = one_line(written.get(at, ""))
            is_out = text in LEFT_OUT and article.key is not ArticleKey.BASE
            if not text or (text in LEFT_OUT and not is_out):
                raise PriceMissing(article.called(who.language))
            prices[article.id] = None if is_out else amount(text, who.language, tariff.currency)
    if not faults and versions and prices == _stand(session, versions):
        with faults.at(f"price-{next(iter(prices))}"):
            raise PricesUnchanged
    faults.check()
    concerned, unconcerned = _concerned(session, tariff, valid_from)
    return Publication(valid_from, prices, _newest(session, tariff), sorted(concerned.items()), unconcerned)


def _stand(session: Session, versions: Sequence[PriceList]) -> dict[int, Decimal | None]:
    """What each article costs by the newest version; None: it is left out there."""
    newest = max(versions, key=lambda version: version.id)
    listed = {article.id: amount for article, amount in newest.positions(session)}
    tariff = Tariff.get(session, newest.tariff_id)
    return {article.id: listed.get(article.id) for article in tariff.articles(session)}


def _newest(session: Session, tariff: Tariff) -> str:
    return str(max((version.id for version in tariff.versions(session)), default=0))


def _day(text: str) -> date:
    if not one_line(text):
        raise DayMissing
    day = day_of(one_line(text))
    if day.year not in YEARS:
        raise NoDate(text[:60])
    return day


def _concerned(session: Session, tariff: Tariff, valid_from: date) -> tuple[Counter[date], int]:
    """For how many contracts new prices count, by the first day of the period for which they can at the earliest.

    And for how many they do not. All of it as ``pricing.next_prices`` will find it, if they are announced today.
    """
    declared = (Change.booking_id == Booking.id) & (Change.state == ChangeState.PENDING)
    ends = func.coalesce(Change.ends_on, Booking.ends_on)
    columns = (Phase.anchor_on, Phase.reprices_on, Phase.base_amount.is_not(None), ends)
    rows = select(*columns, func.count()).join(Booking, Booking.id == Phase.booking_id)
    rows = rows.outerjoin(Change, declared & (Change.kind == ChangeKind.TARIFF)).group_by(*columns)
    rows = rows.where(Phase.tariff_id == tariff.id, Phase.ends_on.is_(None), Booking.ended_at.is_(None))
    soonest = today() + max(timedelta(days=settings().price_notice_days), ONE_DAY)
    concerned: Counter[date] = Counter()
    unconcerned = 0
    for anchor, reprices, is_alone, ends_on, count in session.execute(rows).tuples():
        after = reprices + ONE_DAY if reprices is not None else soonest
        day = first_period_from(anchor, tariff.interval, max(valid_from, soonest, after))
        if is_alone or (ends_on is not None and day > ends_on):
            unconcerned += count
        else:
            concerned[day] += count
    return concerned, unconcerned


# ---- what everybody is billed by


def billing_form() -> tuple[dict[str, str], str]:
    """What stands in the form of the billing settings, and its stamp."""
    with reading() as session:
        fields = _billing(session)
        return fields, stamp(fields)


def set_billing(who: Who, written: Written, was: str) -> None:
    """The general terms of payment from now on: of contracts that are concluded from now on.

    Raises ManagersAlone, SectionChanged, FormRefused.
    """
    require_manager(who)
    with transaction() as session:
        alone(session, "billing settings")
        before, faults = _billing(session), Faults()
        if stamp(before) != was:
            raise SectionChanged
        with faults.at("payment_days"):
            days = payment_days_of(written.get("payment_days", ""))
        faults.check()
        if str(days) != before["payment_days"]:
            session.add(BillingSettings(payment_days=days, set_at=now()))
            session.flush()
            _record(session, who, "billing.settings_changed", "billing", 0, before, _billing(session))


def _billing(session: Session) -> dict[str, str]:
    return {"payment_days": str(BillingSettings.payment_days_now(session))}
