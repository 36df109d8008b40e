"""A module is to end, or to go on with another tariff: foreseen, declared, taken back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import questions
from models.audit import evidence, record
from models.contracts.billing import Days, Position, due_between, stretches
from models.contracts.booking import (
    REASON_MOST,
    BookedOption,
    Booking,
    CameBy,
    Change,
    ChangeKind,
    ChangeState,
    Phase,
    Waiting,
    running_phase,
)
from models.contracts.catalogue import Article, Authority, Module, PriceList, Tariff
from models.contracts.closing import possible_from
from models.contracts.contract import Contract
from models.contracts.declaration import (
    Foreseen,
    NothingToUndo,
    ReceivedInFuture,
    UndoNotAsked,
    declare,
    foresee,
    refuse_undo,
    require_before,
    undo,
)
from models.contracts.terms import ONE_DAY, Terms
from models.db import reading, transaction
from models.decision import Decision, Verdict
from models.document import Document
from models.errors import N_, NotFound, ProvisionError
from models.onboarding import Onboarding
from models.text import fitting, paragraphs
from models.time.clock import now
from tasks.contracts.effects import catch_up, caught_up
from tasks.contracts.options import Following, Going, after
from tasks.contracts.orders import PricesChanged, Who
from tasks.contracts.telling import called, tell
from tasks.mail.letters import contracts as letters

SCANS = {
    b"%PDF-": ("application/pdf", "pdf"),
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
    b"\x89PNG\r\n": ("image/png", "png"),
}
"""How the files begin that a letter may be scanned as, what they are, and the end of their names."""


CHANGES_A_DAY = 3
"""So often a firm may change the tariff of a module and take that back: each time both sides get a mail."""


class ScanUnfit(ProvisionError):
    status = 422
    says = N_("The file is no PDF, JPEG or PNG: scan the letter as one of these.")


class ChangedOften(ProvisionError):
    status = 429
    says = N_("Its tariff was changed and taken back %(most)s times within a day: ask us, or do it tomorrow.")

    def __init__(self) -> None:
        super().__init__()
        self.most = CHANGES_A_DAY


class ChangedMeanwhile(ProvisionError):
    says = N_("Something else was declared for this module meanwhile: look at what follows now before you confirm it.")


@dataclass(frozen=True)
class Wish:
    """What is to become of a module."""

    kind: ChangeKind
    tariff_id: int | None = None
    chosen: date | None = None
    """Another last day than the terms give; managers only."""
    reason: str = ""
    received_at: datetime | None = None
    """When a letter or mail came in; None: now, by the page."""
    came_by: CameBy = CameBy.PAGE


@dataclass(frozen=True)
class Preview:
    """What a wish leads to."""

    foreseen: Foreseen
    cost: dict[str, Decimal]
    """What is still to be billed until then, net, by currency."""
    tariff: Tariff | None
    """The new one, or that which comes before the end."""
    prices: PriceList | None
    """At which it is agreed."""
    options: list[Following]
    """What becomes of the options of the tariff that runs, if another follows it."""


def first_moment_of(firm_id: int, day: date) -> datetime:
    """When a letter came in of which the day alone is known: with its beginning, where the contract is at home."""
    with reading() as session:
        return Contract.get(session, Onboarding.of_firm(session, firm_id).firm).first_moment_of(day)


def preview(firm_id: int, booking_id: int, who: Who, wish: Wish) -> Preview:
    """What the wish would lead to if it were declared now; raises what ``declare_change`` raises."""
    catch_up(firm_id)
    with reading() as session:
        case = Onboarding.of_firm(session, firm_id)
        contract = Contract.get(session, case.firm)
        return _foreseen(
            session, contract, Booking.get(session, contract, booking_id), who, wish, now(), is_preview=True
        )


def declare_change(
    firm_id: int,
    booking_id: int,
    who: Who,
    wish: Wish,
    *,
    drops: Collection[int] | None = (),
    price_list_id: int | None = None,
    scan: tuple[str, bytes] | None = None,
) -> Change:
    """Let it be so, as the preview has shown it: *drops* are the changes of which it takes the place; None: any.

    *scan*: name and content of the letter that operators have received.

    Raises NotFound, ReceivedInFuture, ChangedMeanwhile, ChangedOften, PricesChanged and the refusals of ``foresee``.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        contract = Contract.get(session, case.firm)
        caught_up(session, firm_id)
        booking = Booking.get(session, contract, booking_id)
        if wish.kind is ChangeKind.TARIFF and who.authority is Authority.CLIENT:
            _require_seldom(session, booking, at)
        seen = _foreseen(session, contract, booking, who, wish, at)
        if drops is not None and {each.id for each in seen.foreseen.drops} != {*drops}:
            raise ChangedMeanwhile
        if seen.prices is not None and seen.prices.id != price_list_id:
            raise PricesChanged
        change = Change(
            came_by=wish.came_by,
            tariff_id=wish.tariff_id,
            price_list_id=seen.prices.id if seen.prices else None,
            reason=_reason(wish),
            document_id=keep_scan(session, scan).id if scan and wish.received_at else None,
        )
        questions.close_undo(session, seen.foreseen.drops, at)
        declare(seen.foreseen, booking, change, at, (wish.received_at or at).astimezone(UTC))
        session.flush()  # What is dropped goes first: one change waits at a time.
        session.add(change)
        if contract.closing_at is not None:  # An earlier end than the one of which it was asked.
            contract.closing_at = possible_from(contract, Booking.of(session, firm_id), at) or at
        session.flush()
        _look_at_prices(session, contract, booking, at)
        rows = [row for row in (booking, change, *seen.foreseen.drops, contract) if row is not None]
        record(session, case.id, at, "change.declared", who.by, kind=wish.kind.value, rows=evidence(*rows))
        told: dict[str, Any] = {"module": Module.get(session, booking.module_id), "stays": seen.foreseen.stays}
        told |= {"tariff": seen.tariff, "drops": bool(seen.foreseen.drops)}
        write = partial(letters.change_declared, at=at, change=change, **told)
        tell(session, [(case, write)])
        return change


def ask_undo(firm_id: int, booking_id: int, who: Who) -> Change:
    """The firm wants it to go on after all: operators decide. A change of tariff is taken back at once.

    Raises NothingToUndo, EndedAlready, BegunAlready, ClosingAsked.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        contract = Contract.get(session, case.firm)
        booking = Booking.get(session, contract, booking_id)
        change = Change.pending(session, [booking_id]).get(booking_id)
        if change is None:
            raise NothingToUndo
        if change.kind.ends_it:
            contract.require_no_closing()
        require_before(change, contract.day_of(at))  # Nobody could agree any more, also before it is switched off.
        if change.kind is ChangeKind.TARIFF:
            undo(booking, change, at, contract.day_of(at), None)
            _go_on(session, case, contract, booking, change, who, at)
        elif change.undo_asked_at is None:
            change.undo_asked_at, change.undo_refused_at = at, None
            record(session, case.id, at, "change.undo_asked", who.by, rows=evidence(change))
            module, by = Module.get(session, booking.module_id), called(session, who.by)
            if not Decision.ask(session, questions.undo(case, at, change=change, module=module, by=by)):
                # The case was stopped, so that nothing is decided about it; its contract goes on.
                tell(
                    session,
                    [(case, partial(letters.undo_asked, at=at, change=change, module=module, by=by))],
                    firm=False,
                )
        return change


def agree_undo(firm_id: int, booking_id: int, who: Who, note: str = "") -> Change:
    """The provider agrees that it goes on; raises what ``ask_undo`` does, UndoNotAsked, NotFound for clients."""
    return _answer(firm_id, booking_id, who, note, agreed=True)


def refuse_to_undo(firm_id: int, booking_id: int, who: Who, note: str = "") -> Change:
    """The provider does not: what was declared stands. Raises NothingToUndo, UndoNotAsked, NotFound for clients."""
    return _answer(firm_id, booking_id, who, note, agreed=False)


def _answer(firm_id: int, booking_id: int, who: Who, note: str, *, agreed: bool) -> Change:
    if not who.authority.reaches(Authority.OPERATOR):
        raise NotFound(N_("The module"))
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        change = Change.pending(session, [booking_id]).get(booking_id)
        question = Decision.by_key(session, change.undo_key) if change is not None and change.undo_asked_at else None
        if question is not None and question.verdict is None:
            by = who.by if isinstance(who.by, str) else who.by.email
            verdict = Verdict.AGREED if agreed else Verdict.REFUSE
            question.settle(verdict, by, at, {"note": note} if note else {})
        judged = judge_undo(session, case, booking_id, change.id if change else None, who, at, agreed=agreed, note=note)
        if question is not None and question.answered_at == at:
            question.tell_answer(session)
        return judged


def judge_undo(
    session: Session,
    case: Onboarding,
    booking_id: int,
    change_id: int | None,
    who: Who,
    at: datetime,
    *,
    agreed: bool,
    note: str,
) -> Change:
    """The provider's answer to the wish that a module goes on, wherever it is given; the firm is told either way.

    Raises NothingToUndo also where another change waits by now, UndoNotAsked, EndedAlready, ClosingAsked.
    """
    contract = Contract.get(session, case.firm)
    booking = Booking.get(session, contract, booking_id)
    change = Change.pending(session, [booking_id]).get(booking_id)
    if change is None or change.id != change_id:
        raise NothingToUndo
    if not agreed:
        refuse_undo(change, at, contract.day_of(at))
        record(session, case.id, at, "change.undo_refused", who.by, rows=evidence(change))
        module = Module.get(session, booking.module_id)
        tell(
            session,
            [(case, partial(letters.undo_refused, at=at, change=change, module=module, note=note))],
            provider=False,
        )
        return change
    if change.kind.ends_it:
        contract.require_no_closing()
        if change.undo_asked_at is None:
            raise UndoNotAsked
    fixed_end = Phase.of(session, [booking.id])[booking.id][-1].fixed_end(contract)
    undone = undo(booking, change, at, contract.day_of(at), fixed_end)
    _go_on(session, case, contract, booking, undone, who, at, note)
    return undone


def _go_on(
    session: Session,
    case: Onboarding,
    contract: Contract,
    booking: Booking,
    change: Change,
    who: Who,
    at: datetime,
    note: str = "",
) -> None:
    """The module goes on as before; both sides are told."""
    _look_at_prices(session, contract, booking, at)
    record(session, case.id, at, "change.undone", who.by, rows=evidence(booking, change))
    module = Module.get(session, booking.module_id)
    tell(session, [(case, partial(letters.change_undone, at=at, change=change, module=module, note=note))])


def _look_at_prices(session: Session, contract: Contract, booking: Booking, at: datetime) -> None:
    """New prices that were not to come about may come about, now that it does not end when it did."""
    Phase.of(session, [booking.id])[booking.id][-1].announce_on = contract.day_of(at)


def _foreseen(
    session: Session,
    contract: Contract,
    booking: Booking,
    who: Who,
    wish: Wish,
    at: datetime,
    *,
    is_preview: bool = False,
) -> Preview:
    by_operator = who.authority.reaches(Authority.OPERATOR)
    is_manager = who.authority is Authority.MANAGER
    if (wish.received_at and not by_operator) or (
        (wish.chosen or wish.kind is ChangeKind.EXTRAORDINARY) and not is_manager
    ):
        raise NotFound(N_("The page"))
    received_at = wish.received_at or at
    if received_at > at:
        raise ReceivedInFuture(contract.day_of(received_at))
    today, waits = contract.day_of(at), Change.waiting(session, [booking.id]).get(booking.id, Waiting())
    phases = Phase.of(session, [booking.id])[booking.id]
    running = running_phase(phases, today)
    foreseen = foresee(
        contract,
        booking,
        running,
        waits,
        wish.kind,
        received_at,
        following=_following(session, contract, waits),
        tariff_id=wish.tariff_id,
        chosen=wish.chosen,
        reason=wish.reason.strip(),
        is_preview=is_preview,
    )
    tariff, prices, options = None, None, list[Following]()
    if wish.kind is ChangeKind.TARIFF:
        tariff = Tariff.held(session, wish.tariff_id or 0)
        is_there = tariff.module_id == booking.module_id and tariff.archived_at is None
        if not is_there or (not by_operator and not tariff.is_offered):
            raise NotFound(N_("The tariff"))
        prices = tariff.prices_on(session, today)
        options = after(session, [Going(booking.id, tariff.id, prices.id, foreseen.ends_on)]).get(booking.id, [])
    elif foreseen.stays is not None:
        tariff = session.get(Tariff, foreseen.stays.tariff_id)
    # A test account is never billed.
    days = Days(today + ONE_DAY, today if contract.is_test else foreseen.ends_on)
    cost = _by_currency(session, due(session, booking, phases, days, foreseen.stays))
    return Preview(foreseen, cost, tariff, prices, options)


def _by_currency(session: Session, positions: list[Position]) -> dict[str, Decimal]:
    """What they come to, where that is more than nothing."""
    tariffs = select(Tariff.id, Tariff.currency).where(Tariff.id.in_({each.stretch.tariff_id for each in positions}))
    currencies = dict(session.execute(tariffs).tuples().all())
    totals: dict[str, Decimal] = {}
    for position in positions:
        currency = currencies[position.stretch.tariff_id]
        totals[currency] = totals.get(currency, Decimal(0)) + position.total
    return {currency: total for currency, total in totals.items() if total}


def _require_seldom(session: Session, booking: Booking, at: datetime) -> None:
    gone = Change.state.in_([ChangeState.UNDONE, ChangeState.DROPPED])
    lately = select(func.count()).where(Change.booking_id == booking.id, Change.kind == ChangeKind.TARIFF, gone)
    if session.scalars(lately.where(Change.requested_at > at - timedelta(days=1))).one() >= CHANGES_A_DAY:
        raise ChangedOften


def _following(session: Session, contract: Contract, waits: Waiting) -> Terms | None:
    """The terms of the tariff that waits, from its first day on."""
    if waits.tariff is None:
        return None
    tariff = session.get_one(Tariff, waits.tariff.tariff_id)
    return tariff.terms_from(waits.tariff.new_from, contract.zone, contract.law)


def scan_kind(content: bytes) -> tuple[str, str]:
    """What a scan is, and the end of its name; raises ScanUnfit for what is neither a PDF nor a picture."""
    kind = next((kind for begins, kind in SCANS.items() if content.startswith(begins)), None)
    if kind is None:
        raise ScanUnfit
    return kind


def keep_scan(session: Session, scan: tuple[str, bytes]) -> Document:
    """A PDF or a picture; raises ScanUnfit."""
    name, content = scan
    media_type, _ = scan_kind(content)
    return Document.keep(session, content, name[:200], media_type)


def _reason(wish: Wish) -> str:
    return fitting(paragraphs(wish.reason), REASON_MOST, "reason")


def due(
    session: Session, booking: Booking, phases: list[Phase], days: Days, change: Change | None = None
) -> list[Position]:
    """What is due for the booking on these days, if it ends with the last of them, after this *change* of tariff."""
    if days.last < days.first:
        return []
    run = stretches(phases, days.last, change)
    tariffs = {
        tariff.id: tariff
        for tariff in session.scalars(select(Tariff).where(Tariff.id.in_({each.tariff_id for each in run})))
    }
    lists = session.scalars(select(PriceList).where(PriceList.id.in_({each.price_list_id for each in run})))
    prices = {each.id: each.positions(session) for each in lists}
    added = select(BookedOption, Article).join(Article, Article.id == BookedOption.article_id)
    options = [
        (option, article) for option, article in session.execute(added.where(BookedOption.booking_id == booking.id))
    ]
    if change is not None:
        options += [
            (option.goes_on(article.id, amount, change.new_from), article)
            for option, _, article, amount in after(session, [Going.of(change)]).get(booking.id, [])
            if article is not None and amount is not None
        ]
    intervals = {tariff_id: tariff.interval for tariff_id, tariff in tariffs.items()}
    return due_between(run, intervals, prices, options, days)
