"""What takes effect by itself: ends, other tariffs and new prices, each once and on its own day, however late it is."""

from collections.abc import Iterator
from datetime import date
from functools import partial

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from models import questions
from models.audit import evidence, record_each
from models.contracts.booking import BookedOption, Booking, Change, ChangeKind, ChangeState, Phase, Waiting
from models.contracts.contract import Contract
from models.contracts.fault import Work
from models.contracts.terms import ONE_DAY
from models.db import Base, Facts, reading
from models.onboarding import Onboarding
from models.time.clock import now, today
from tasks.contracts.batches import Batch, in_batches, together
from tasks.contracts.options import Following, Going, after
from tasks.contracts.telling import Draft, tell
from tasks.engine.passes import kick_mail
from tasks.engine.retry import side_effect
from tasks.mail.letters import contracts as letters


@side_effect(name="what takes effect")
def apply_due() -> int:
    """Do what is due with every contract, and tell both sides; returns with how many.

    Repeating it changes nothing: what is done is not due any more.
    """
    done = in_batches(Work.EFFECTS, _due(), together(_apply))
    if done:
        kick_mail()
    return done


def catch_up(firm_id: int) -> None:
    """Do what is due with one contract before anybody looks at it: the flow may be late, and runs after midnight."""
    with reading() as session:
        is_due = _is_due(session, firm_id)
    if is_due:
        together(_apply)([firm_id])
        kick_mail()


def caught_up(session: Session, firm_id: int) -> None:
    """The same within the transaction of whoever acts on a contract, and has locked it: nobody acts on what is over."""
    if _is_due(session, firm_id):
        _apply(session, Batch(session, [firm_id]))


def _is_due(session: Session, firm_id: int) -> bool:
    return session.scalars(_due(firm_id)).first() is not None


def _due(firm_id: int | None = None) -> Select[tuple[int]]:
    """The firms with whose contracts something may be due, or this one if it is; found by indexes alone."""
    changes = select(Change.firm_id).where(Change.state == ChangeState.PENDING, Change.effective_at <= now())
    # A day more, since it begins at another moment where the contract is at home: each is looked at there.
    tomorrow = today() + ONE_DAY
    ends = select(Booking.firm_id).where(Booking.ended_at.is_(None), Booking.ends_on < tomorrow)
    prices = select(Phase.firm_id).where(Phase.reprices_on <= tomorrow)
    parts = [(changes, Change.firm_id), (ends, Booking.firm_id), (prices, Phase.firm_id)]
    firms = union(*(part if firm_id is None else part.where(key == firm_id) for part, key in parts)).subquery()
    return select(firms.c.firm_id).order_by(firms.c.firm_id)


def _apply(session: Session, batch: Batch) -> int:
    """Do what is due with these contracts, of each booking in the order of its days."""
    drafts: list[tuple[Onboarding, Draft]] = []
    moved: dict[int, list[Base]] = {}
    options = _options(session, batch)
    for contract, booking in batch.running:
        case = batch.cases[contract.firm_id]
        rows = list(_move_on(session, batch, contract, booking, options, drafts))
        if rows:
            moved.setdefault(case.id, []).extend(rows)
    waited = [change for each in batch.waiting.values() for change in each if change is not None]
    applied = [change for change in waited if not change.is_pending]
    questions.close_undo(session, applied, now())
    session.flush()
    facts: dict[int, Facts] = {case_id: {"rows": evidence(*rows)} for case_id, rows in moved.items()}
    if facts:
        record_each(session, facts, now(), "contract.moved_on")
    tell(session, drafts, politely=True)
    return len(moved)


def _options(session: Session, batch: Batch) -> dict[int, list[Following]]:
    """What becomes of the options of each booking that goes over to another tariff."""
    return after(session, [Going.of(each.tariff) for each in batch.waiting.values() if each.tariff is not None])


def _move_on(
    session: Session,
    batch: Batch,
    contract: Contract,
    booking: Booking,
    options: dict[int, list[Following]],
    drafts: list[tuple[Onboarding, Draft]],
) -> Iterator[Base]:
    """What has come to be of a booking since, as the rows that say so."""
    at, case, module = now(), batch.cases[contract.firm_id], batch.modules[booking.module_id]
    day, running = contract.day_of(at), batch.phases[booking.id][-1]
    waits = batch.waiting.get(booking.id, Waiting())
    due = [change for change in waits if change is not None and change.effective_at <= at]
    last = min(filter(None, (day, booking.ends_on, *(change.ends_on for change in due))))
    while running.reprices_on is not None and running.reprices_on <= last:
        following = _raise_prices(session, batch, running, day)
        yield from (running, following)
        running = following
    for change in due:
        change.settle(ChangeState.APPLIED, at)
        yield change
        if change.kind is ChangeKind.TARIFF:
            yield running
            running = _go_over(session, batch, contract, booking, running, change, day)
            if waits.end is None:
                booking.ends_on = running.fixed_end(contract)
            yield from (running, *_go_on(session, options.get(booking.id, []), change))
            tariff = batch.tariffs[running.tariff_id]
            drafts.append((case, partial(letters.tariff_begun, at=at, change=change, module=module, tariff=tariff)))
    if booking.ends_on is not None and booking.ends_on < day:
        booking.ended_at = running.terms(contract).after(booking.ends_on)
        running.end(booking.ends_on)
        yield from (booking, running)
        drafts.append((case, partial(letters.module_ended, at=at, booking=booking, module=module)))


def _raise_prices(session: Session, batch: Batch, phase: Phase, day: date) -> Phase:
    """The same tariff at the next version of its prices; nothing else begins anew."""
    assert phase.reprices_on is not None and phase.next_price_list_id is not None  # noqa: PT018  (they go together)
    following = phase.at_prices(phase.next_price_list_id, phase.reprices_on)
    phase.end(phase.reprices_on - ONE_DAY)
    session.add(following)
    batch.look_at_prices(following, day)
    return following


def _go_over(
    session: Session, batch: Batch, contract: Contract, booking: Booking, phase: Phase, change: Change, day: date
) -> Phase:
    """The other tariff, on its own terms, at the prices that were agreed."""
    phase.end(change.ends_on)
    tariff = batch.tariffs[change.tariff_id or 0]
    prices = next(version for version in batch.lists[tariff.id] if version.id == change.price_list_id)
    following = booking.begin(session, tariff, prices, change.new_from)
    batch.look_ahead(contract, following, day)
    return following


def _go_on(session: Session, options: list[Following], change: Change) -> Iterator[BookedOption]:
    """The options of the old tariff end with it; each that the new one has as well goes on there, at its price."""
    for option, _, article, amount in options:
        option.ends_on = max(change.ends_on, option.starts_on)
        yield option
        if article is not None and amount is not None:
            following = option.goes_on(article.id, amount, change.new_from)
            session.add(following)
            session.flush()
            yield following
