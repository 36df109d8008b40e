"""What takes effect by itself: ends, other tariffs and new prices, each once and on its own day, however late it is."""

from collections.abc import Iterator

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from models.audit import evidence, record
from models.contracts.billing import first_period_from
from models.contracts.booking import BookedOption, Booking, Change, ChangeKind, ChangeState, Phase
from models.contracts.catalogue import PriceList, Tariff
from models.contracts.contract import Contract
from models.contracts.terms import ONE_DAY
from models.db import Base, reading, transaction
from models.onboarding import Onboarding
from models.time.clock import now, today
from tasks.engine.retry import side_effect

AT_ONCE = 200
"""Contracts that are looked for together."""


@side_effect(name="what takes effect")
def apply_due() -> int:
    """Do what is due with every contract, each in a transaction of its own; returns with how many.

    Repeating it changes nothing: what is done is not due any more.
    """
    done, last = 0, 0
    while due := _due(last):
        done += sum(apply_to(firm_id) for firm_id in due)
        last = due[-1]
    return done


def _due(last: int) -> list[int]:
    """The next firms with whose contracts something may be due; found by indexes alone."""
    changes = select(Change.booking_id).where(Change.state == ChangeState.PENDING, Change.effective_at <= now())
    # A day more, since it begins at another moment where the contract is at home: each is looked at there.
    tomorrow = today() + ONE_DAY
    ends = select(Booking.id).where(Booking.ended_at.is_(None), Booking.ends_on < tomorrow)
    prices = select(Phase.booking_id).where(Phase.reprices_on <= tomorrow)
    bookings = union_all(changes, ends, prices).subquery()
    at = select(Booking.firm_id).where(Booking.id.in_(select(bookings.c[0])), Booking.firm_id > last).distinct()
    with reading() as session:
        return list(session.scalars(at.order_by(Booking.firm_id).limit(AT_ONCE)))


def apply_to(firm_id: int) -> bool:
    """Do what is due with the contract of this firm, in the order of its days; False if nothing was."""
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        contract = Contract.of(session, firm_id)
        rows = list(_apply(session, contract)) if contract is not None else []
        if rows:
            record(session, case.id, at, "contract.moved_on", rows=evidence(*rows))
        return bool(rows)


def _apply(session: Session, contract: Contract) -> Iterator[Base]:
    """What has come to be since, as the rows that say so; of each booking in the order of the days."""
    at = now()
    day = contract.day_of(at)
    bookings = [booking for booking in Booking.of(session, contract.firm_id) if booking.ended_at is None]
    pending = Change.pending(session, [booking.id for booking in bookings])
    phases = Phase.of(session, [booking.id for booking in bookings])
    for booking in bookings:
        running, change = phases[booking.id][-1], pending.get(booking.id)
        is_due = change is not None and change.effective_at <= at
        last = min(filter(None, (day, booking.ends_on, change.ends_on if change and is_due else None)))
        while running.reprices_on is not None and running.reprices_on <= last:
            following = _raise_prices(session, running)
            yield from (running, following)
            running = following
        if change is not None and is_due:
            change.settle(ChangeState.APPLIED, at)
            yield change
            if change.kind is ChangeKind.TARIFF:
                yield running
                running = _go_over(session, contract, booking, running, change)
                yield running
        if booking.ends_on is not None and booking.ends_on < day:
            booking.ended_at, running.ends_on = running.terms(contract).after(booking.ends_on), booking.ends_on
            yield from (booking, running)


def _raise_prices(session: Session, phase: Phase) -> Phase:
    """The same tariff at the next version of its prices; nothing else begins anew."""
    assert phase.reprices_on is not None and phase.next_price_list_id is not None  # noqa: PT018  (they go together)
    following = phase.at_prices(phase.next_price_list_id, phase.reprices_on)
    phase.ends_on = phase.reprices_on - ONE_DAY
    phase.reprices_on = phase.next_price_list_id = None
    session.add(following)
    session.flush()
    schedule_prices(session, following)
    return following


def _go_over(session: Session, contract: Contract, booking: Booking, phase: Phase, change: Change) -> Phase:
    """The other tariff, on its own terms, at the prices that were agreed; options of the old one end with it."""
    phase.ends_on = change.ends_on
    phase.reprices_on = phase.next_price_list_id = None
    for option in session.scalars(select(BookedOption).where(BookedOption.booking_id == booking.id)):
        if option.ends_on is None or option.ends_on > change.ends_on:
            option.ends_on = max(change.ends_on, option.starts_on)
    tariff = Tariff.get(session, change.tariff_id or 0)
    following = booking.begin(session, tariff, session.get_one(PriceList, change.price_list_id), change.new_from)
    booking.ends_on = following.fixed_end(contract)
    schedule_prices(session, following)
    return following


def schedule_prices(session: Session, phase: Phase) -> None:
    """Let the next version of the prices count from the first period on that begins after its day.

    A price that was agreed with this firm alone stays.
    """
    agreed = session.get_one(PriceList, phase.price_list_id)
    newer = select(PriceList).where(PriceList.tariff_id == phase.tariff_id, PriceList.valid_from > agreed.valid_from)
    following = session.scalars(newer.order_by(PriceList.valid_from).limit(1)).first()
    if following is None or phase.base_amount is not None:
        return
    interval = Tariff.get(session, phase.tariff_id).interval
    phase.next_price_list_id = following.id
    phase.reprices_on = first_period_from(
        phase.anchor_on, interval, max(following.valid_from, phase.starts_on + ONE_DAY)
    )
    session.flush()
