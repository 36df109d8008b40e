"""What follows from declaring that a module ends or goes on with another tariff: which day, and what forbids it.

One rule for both, and the same for the preview and the act.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from models.contracts.booking import Booking, Change, ChangeKind, ChangeState, Phase, Waiting
from models.contracts.contract import Contract
from models.contracts.terms import ONE_DAY, Period, Terms, Unit, end_of_notice
from models.errors import N_, ProvisionError

SWITCH_NOTICE = Period(2, Unit.MONTH)
"""The longest notice before going to another provider, Regulation (EU) 2023/2854, Article 25 (2) d."""
SWITCH_TRANSITION = timedelta(days=30)
"""Afterwards the service goes on for so long, so that everything can be taken along; Article 25 (2) a."""


class EndsAlready(ProvisionError):
    says = N_("This module ends on %(day)s already: nothing has to be done, and a later day is not possible.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class EndingFirst(ProvisionError):
    says = N_(
        "This module ends on %(day)s: its tariff cannot be changed any more. If it is to go on, ask for that first."
    )

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class EndedAlready(ProvisionError):
    says = N_("This module ended on %(day)s: order it anew if it is wanted again.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class BegunAlready(ProvisionError):
    says = N_("The new tariff has begun on %(day)s: change the tariff once more if it is to be another one.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class SameTariff(ProvisionError):
    status = 422
    says = N_("This is the tariff that runs already: choose another one.")


class StaysOnTariff(ProvisionError):
    status = 422
    says = N_("This is the tariff that runs already: to stay on it, take back the change that waits.")


class ReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: write why this day was chosen, or why it ends for an important reason.")


class DayTooEarly(ProvisionError):
    status = 422
    says = N_("%(day)s is too early: the module can end on %(earliest)s at the earliest.")

    def __init__(self, day: date, earliest: date) -> None:
        super().__init__(day, earliest)
        self.day = day
        self.earliest = earliest


class ReceivedInFuture(ProvisionError):
    status = 422
    says = N_("%(day)s has not come yet: write the day on which it was received.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class ReceivedBeforeOrder(ProvisionError):
    status = 422
    says = N_("%(day)s is before the module was ordered on %(ordered)s: write the day on which it was received.")

    def __init__(self, day: date, ordered: date) -> None:
        super().__init__(day, ordered)
        self.day = day
        self.ordered = ordered


class NothingToUndo(ProvisionError):
    says = N_("Nothing is declared for this module that could be taken back.")


class UndoNotAsked(ProvisionError):
    says = N_("Nobody has asked for it to go on: a notice that was received counts until both sides want it otherwise.")


@dataclass(frozen=True)
class Foreseen:
    """What a declaration leads to, before it is made."""

    kind: ChangeKind
    ends_on: date
    """The last day of the module, or of the tariff that runs."""
    effective_at: datetime
    """The first moment after it."""
    in_time_until: date | None
    """The last day on which it can be declared for that end; None: any day."""
    regular_end: date
    """When it would end without a manager's choice."""
    drops: tuple[Change, ...]
    """What waited until now and is dropped for it."""
    stays: Change | None = None
    """The change of tariff that waits and comes before it: it ends by the terms of that tariff."""
    else_end: date | None = None
    """When it would end without that change, if that is sooner."""

    @property
    def is_chosen(self) -> bool:
        return self.ends_on != self.regular_end

    @property
    def new_from(self) -> date:
        return self.ends_on + ONE_DAY


def foresee(
    contract: Contract,
    booking: Booking,
    phase: Phase,
    waits: Waiting,
    kind: ChangeKind,
    received_at: datetime,
    *,
    following: Terms | None = None,
    tariff_id: int | None = None,
    chosen: date | None = None,
    reason: str = "",
    is_preview: bool = False,
) -> Foreseen:
    """What a declaration that is received then leads to; *chosen* is the day that a manager wants instead.

    *following*: the terms of the tariff that waits, which bind from its first day on: an end that comes after that
    day is one by these. A preview needs no reason yet.

    Raises ReceivedBeforeOrder, EndedAlready, SameTariff, StaysOnTariff, EndingFirst, EndsAlready, ReasonMissing,
    DayTooEarly.
    """
    received, ordered = contract.day_of(received_at), contract.day_of(booking.ordered_at)
    if received < ordered:
        raise ReceivedBeforeOrder(received, ordered)
    if booking.ends_on is not None and booking.ends_on < received:
        raise EndedAlready(booking.ends_on)
    terms, coming = phase.terms(contract), waits.tariff if kind.ends_it else None
    by_running, until = _regular_end(terms, kind, received_at)
    regular = by_running
    if coming is not None and following is not None and regular > coming.ends_on:
        by_following, until = _regular_end(following, kind, received_at)
        regular = max(by_following, coming.new_from)
    ends_on = chosen or regular
    stays = coming if coming is not None and ends_on > coming.ends_on else None
    by_itself = following.fixed_end if following is not None and stays is not None else None
    if (kind is ChangeKind.EXTRAORDINARY or ends_on != regular) and not reason and not is_preview:
        raise ReasonMissing
    # What was received in time ends it in time, also where the prices have risen before it was entered.
    earliest = max(received, phase.anchor_on if kind.ends_it else phase.starts_on)
    if ends_on < earliest:
        raise DayTooEarly(ends_on, earliest)
    if kind is ChangeKind.TARIFF and tariff_id == phase.tariff_id:
        raise StaysOnTariff if waits.tariff is not None and waits.end is None else SameTariff
    _require_sooner(kind, ends_on, by_itself, waits.end.ends_on if waits.end is not None else booking.ends_on)
    drops = tuple(each for each in waits if each is not None and each is not stays)
    else_end = by_running if stays is not None and not chosen and by_running < ends_on else None
    return Foreseen(kind, ends_on, terms.after(ends_on), until, regular, drops, stays, else_end)


def _require_sooner(kind: ChangeKind, ends_on: date, by_itself: date | None, ends_by: date | None) -> None:
    """*by_itself*: with which day the tariff that comes before it ends; *ends_by*: with which the module ends already.

    Raises EndsAlready, EndingFirst.
    """
    if by_itself is not None and ends_on > by_itself:
        raise EndsAlready(by_itself)
    if ends_by is None:
        return
    if kind is ChangeKind.TARIFF:
        raise EndingFirst(ends_by)
    if ends_on >= ends_by:
        raise EndsAlready(ends_by)


def _regular_end(terms: Terms, kind: ChangeKind, received_at: datetime) -> tuple[date, date | None]:
    """The last day, and until when it could be declared for that; by the terms as they were agreed."""
    received = received_at.astimezone(ZoneInfo(terms.zone)).date()
    match kind:
        case ChangeKind.EXTRAORDINARY:
            return received, None
        case ChangeKind.SWITCH:
            noticed = min(end_of_notice(received, notice) for notice in (SWITCH_NOTICE, terms.notice))
            return noticed + SWITCH_TRANSITION, None
        case ChangeKind.TERMINATION | ChangeKind.TARIFF:
            ending = terms.ending(received_at)
            return ending.effective_end, ending.last_day_for_effective_end


def declare(foreseen: Foreseen, booking: Booking, change: Change, now: datetime, received_at: datetime) -> None:
    """Let it wait for its day: what was foreseen becomes the *change*, and what it drops is settled."""
    for dropped in foreseen.drops:
        dropped.settle(ChangeState.DROPPED, now)
    change.firm_id, change.booking_id, change.kind = booking.firm_id, booking.id, foreseen.kind
    change.requested_at, change.received_at = now, received_at
    change.ends_on, change.effective_at, change.is_chosen = foreseen.ends_on, foreseen.effective_at, foreseen.is_chosen
    if foreseen.kind.ends_it:
        booking.ends_on = foreseen.ends_on


def require_before(change: Change, today: date) -> None:
    """What has come about is not undone any more, whether or not it was done already.

    Raises EndedAlready, BegunAlready.
    """
    if today > change.ends_on:
        raise EndedAlready(change.ends_on) if change.kind.ends_it else BegunAlready(change.new_from)


def refuse_undo(change: Change | None, now: datetime, today: date) -> Change:
    """The provider does not agree: what was declared stands. Raises NothingToUndo, UndoNotAsked, EndedAlready."""
    if change is None:
        raise NothingToUndo
    if change.undo_asked_at is None:
        raise UndoNotAsked
    require_before(change, today)
    change.undo_asked_at, change.undo_refused_at = None, now
    return change


def undo(booking: Booking, change: Change | None, now: datetime, today: date, fixed_end: date | None) -> Change:
    """Both sides want it to go on: nothing is declared any more, and what was dropped for it does not come back.

    *fixed_end*: with which day it ends by itself all the same.

    Raises NothingToUndo, EndedAlready, BegunAlready.
    """
    if change is None:
        raise NothingToUndo
    require_before(change, today)
    change.settle(ChangeState.UNDONE, now)
    if change.kind.ends_it:
        booking.ends_on = fixed_end
    return change
