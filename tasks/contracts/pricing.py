"""New prices for contracts that are there: told in time, and counted only once they were told."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from models.audit import evidence, record_each
from models.contracts.billing import first_period_from
from models.contracts.booking import Booking, Phase, Waiting
from models.contracts.catalogue import Article, ArticleKey, PriceList
from models.contracts.contract import Contract
from models.contracts.fault import Work
from models.contracts.terms import ONE_DAY
from models.db import Base, Facts, reading, transaction
from models.onboarding import Onboarding
from models.settings import settings
from models.subscription import Interval
from models.time.clock import now, today
from tasks.contracts.batches import Batch, in_batches, together
from tasks.contracts.telling import Draft, tell
from tasks.engine.passes import kick_mail
from tasks.engine.retry import side_effect
from tasks.mail.letters import contracts as letters

PHASES_AT_ONCE = 1000
Prices = Mapping[int, Sequence[tuple[Article, Decimal]]]
"""What articles cost, by version of a price list."""


@side_effect(name="new prices")
def announce_prices() -> int:
    """Tell every firm in time that a new version of its prices counts, and from when; returns how many contracts.

    Repeating it changes nothing: a phase of a contract is told once of what follows it.
    """
    for price_list in _not_rolled_out():
        _roll_out(price_list)
    done = in_batches(Work.PRICES, _due(), together(_announce))
    if done:
        kick_mail()
    return done


def _not_rolled_out() -> Sequence[PriceList]:
    with reading() as session:
        return session.scalars(select(PriceList).where(PriceList.rolled_out_at.is_(None)).order_by(PriceList.id)).all()


def _roll_out(price_list: PriceList) -> None:
    """Have every contract on the tariff looked at; killed, it begins again, which changes nothing."""
    day, last = today(), 0
    running = select(Phase.id).where(Phase.tariff_id == price_list.tariff_id, Phase.ends_on.is_(None))
    while True:
        with transaction() as session:
            few = session.scalars(running.where(Phase.id > last).order_by(Phase.id).limit(PHASES_AT_ONCE)).all()
            session.execute(update(Phase).where(Phase.id.in_(few)).values(announce_on=day))
            if not few:
                session.get_one(PriceList, price_list.id).rolled_out_at = now()
                return
            last = few[-1]


def _due() -> Select[tuple[int]]:
    firms = select(Phase.firm_id).where(Phase.announce_on <= today() + ONE_DAY)
    return firms.distinct().order_by(Phase.firm_id)


def _announce(session: Session, batch: Batch) -> int:
    drafts: list[tuple[Onboarding, Draft]] = []
    planned: list[tuple[Contract, Booking, Phase]] = []
    for contract, booking in batch.running:
        phase, day = batch.phases[booking.id][-1], contract.day_of(now())
        if phase.announce_on is not None and phase.announce_on <= day and _plan(batch, booking, phase, day):
            planned.append((contract, booking, phase))
    session.flush()
    ids = {key for _, _, phase in planned for key in (phase.price_list_id, phase.next_price_list_id) if key}
    prices = PriceList.positions_of(session, ids) if ids else {}
    facts: dict[int, Facts] = {}
    rows: dict[int, list[Base]] = {}
    for contract, booking, phase in planned:
        case = batch.cases[contract.firm_id]
        rows.setdefault(case.id, []).append(phase)
        told = list(changed(prices, phase))
        if told:
            module, tariff = batch.modules[booking.module_id], batch.tariffs[phase.tariff_id]
            write = partial(letters.prices_change, at=now(), phase=phase, module=module, tariff=tariff, prices=told)
            drafts.append((case, write))
    facts = {case_id: {"rows": evidence(*phases)} for case_id, phases in rows.items()}
    if facts:
        record_each(session, facts, now(), "prices.announced")
    tell(session, drafts, provider=False, politely=True)
    return len(planned)


def _plan(batch: Batch, booking: Booking, phase: Phase, day: date) -> bool:
    """Whether new prices are to be told now, from when on they count then; else when to look again."""
    lead, versions = timedelta(days=settings().price_notice_days), batch.lists[phase.tariff_id]
    interval, phase.announce_on = batch.tariffs[phase.tariff_id].interval, None
    if phase.reprices_on is not None:
        return False  # One after the other.
    soonest = next_prices(phase, interval, versions, phase.starts_on)
    if soonest is None:
        return False
    if soonest[1] - lead > day:
        phase.announce_on = soonest[1] - lead
        return False
    counts = next_prices(phase, interval, versions, day + lead)
    change = batch.waiting.get(booking.id, Waiting()).first
    ends = [end for end in (booking.ends_on, change.ends_on if change else None) if end is not None]
    if counts is None or any(counts[1] > end for end in ends):
        return False  # It ends before. Should it go on after all, it is looked at again.
    phase.next_price_list_id, phase.reprices_on = counts[0].id, counts[1]
    return True


def next_prices(
    phase: Phase, interval: Interval, versions: Sequence[PriceList], earliest: date
) -> tuple[PriceList, date] | None:
    """The version that counts next for it, and from the first day of which period on: none that begins before the
    *earliest*, and none before the version's own day.

    A price that was agreed with this firm alone stays.
    """
    agreed = next(version for version in versions if version.id == phase.price_list_id)
    newer = [version for version in versions if version.valid_from > agreed.valid_from]
    if not newer or phase.base_amount is not None:
        return None
    day = first_period_from(phase.anchor_on, interval, max(newer[0].valid_from, phase.starts_on + ONE_DAY, earliest))
    return [version for version in newer if version.valid_from <= day][-1], day


def changed(prices: Prices, phase: Phase) -> Iterator[tuple[Article, Decimal, Decimal]]:
    """What costs something else in every period: the article, before, and from then on."""
    before = {article.id: amount for article, amount in prices.get(phase.price_list_id, [])}
    for article, amount in prices.get(phase.next_price_list_id or 0, []):
        if article.key is ArticleKey.BASE and article.id in before and before[article.id] != amount:
            yield article, before[article.id], amount
