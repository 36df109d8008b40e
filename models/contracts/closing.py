"""The account of a firm is closed for good: from when on that is possible, and what must be so before.

It is possible as soon as no module is active, from the first moment after the last day of the last one; an account
that never had a module can be closed at any time. It can be asked for beforehand as soon as all modules have a last
day. Until then that can be taken back, and as long as it stands nothing is ordered and no end is undone: who wants to
go on says so first.
"""

from collections.abc import Sequence
from datetime import date, datetime

from models.contracts.booking import Booking
from models.contracts.contract import Contract
from models.contracts.terms import ONE_DAY
from models.errors import N_, ProvisionError
from models.firm import Firm, same_name
from models.text import one_line


class ClosesLater(ProvisionError):
    says = N_("A module is active until %(last_day)s: the account can be closed from %(day)s on, 0:00.")

    def __init__(self, last_day: date, day: date) -> None:
        super().__init__(last_day, day)
        self.last_day = last_day
        self.day = day


class EndModulesFirst(ProvisionError):
    says = N_("A module is active and nobody has ended it: end all modules first, and their last day must have passed.")


class AboutToBegin(ProvisionError):
    says = N_(
        "The agreement is signed, and its contract is about to begin: end its module first, or ask us to withdraw from "
        "the agreement."
    )


class OwnerCloses(ProvisionError):
    status = 403
    says = N_("Only the owner closes the account of %(firm)s: ask %(name)s.")

    def __init__(self, firm: str, name: str) -> None:
        super().__init__(firm, name)
        self.firm = firm
        self.name = name


class ConfirmationWrong(ProvisionError):
    status = 422
    says = N_("“%(written)s” is not what is asked for: type %(expected)s.")

    def __init__(self, written: str, expected: str) -> None:
        super().__init__(written, expected)
        self.written = written
        self.expected = expected


class ConfirmationMissing(ProvisionError):
    status = 422
    says = N_("The confirmation is missing: type %(expected)s.")

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


class ClosingReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: write who has asked for it, and how that is known.")


class NoClosingAsked(ProvisionError):
    says = N_("Nobody has asked for the account to be closed: nothing was changed.")


def possible_from(contract: Contract | None, bookings: Sequence[Booking], at: datetime) -> datetime | None:
    """The first moment in which the account can be closed; None: now. Raises EndModulesFirst."""
    if contract is None:
        return None
    active = [booking.ends_on for booking in bookings if booking.is_active(contract.day_of(at))]
    known = [day for day in active if day is not None]
    if len(known) < len(active):
        raise EndModulesFirst
    return contract.first_moment_of(max(known) + ONE_DAY) if known else None


def require_possible(contract: Contract | None, bookings: Sequence[Booking], at: datetime) -> None:
    """Raises EndModulesFirst, ClosesLater."""
    moment = possible_from(contract, bookings, at)
    if contract is not None and moment is not None:
        day = contract.day_of(moment)
        raise ClosesLater(day - ONE_DAY, day)


def asked_to_type(firm: Firm) -> str:
    """What who closes the account types, so that nobody does it by mistake: its company ID, or its name without one."""
    return str(firm.company_id or firm.name)


def require_typed(firm: Firm, written: str) -> None:
    """Raises ConfirmationMissing, ConfirmationWrong."""
    text, expected = one_line(written), asked_to_type(firm)
    if not text:
        raise ConfirmationMissing(expected)
    is_it = "".join(text.split()) == expected if firm.company_id else same_name(text, expected)
    if not is_it:
        raise ConfirmationWrong(text[:60], expected)
