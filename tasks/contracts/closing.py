"""The account of a firm is closed: at once where that is possible, or as soon as its last module has ended."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import Actor, evidence, record
from models.contracts.booking import REASON_MOST, Booking
from models.contracts.catalogue import Authority
from models.contracts.closing import (
    AboutToBegin,
    ClosingReasonMissing,
    EndModulesFirst,
    NoClosingAsked,
    OwnerCloses,
    asked_to_type,
    possible_from,
    require_possible,
    require_typed,
)
from models.contracts.contract import Contract
from models.db import reading, transaction
from models.errors import Faults, ProvisionError
from models.firm import Firm
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.person import Person, Role
from models.text import fitting, paragraphs
from models.time.clock import now
from tasks.contracts.effects import caught_up
from tasks.contracts.orders import Who
from tasks.contracts.telling import called, tell
from tasks.engine.passes import kick_mail
from tasks.engine.retry import each, side_effect
from tasks.mail.letters import contracts as letters
from tasks.onboarding.stopping import wind_up


@dataclass(frozen=True)
class ClosingView:
    """What must be known before an account is closed."""

    firm: Firm
    type_this: str
    possible_from: datetime | None
    """None: now, unless something is in the way."""
    in_the_way: ProvisionError | None
    asked_for: datetime | None
    """From this moment on it is to be closed, as was asked for already."""
    staff: int
    clients: int
    """How many lose their access, beside the owner."""


def view(firm_id: int, who: Who) -> ClosingView:
    """Raises NotFound, AccountClosed; OwnerCloses for the firm's other people."""
    with reading() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        _require_owner(session, case, who)
        case.require_open()
        contract, moment, in_the_way = Contract.of(session, firm_id), None, None
        try:
            _require_settled(session, case, contract)
            moment = possible_from(contract, Booking.of(session, firm_id), at)
        except (AboutToBegin, EndModulesFirst) as refusal:
            in_the_way = refusal
        return ClosingView(
            firm=case.firm,
            type_this=asked_to_type(case.firm),
            possible_from=moment,
            in_the_way=in_the_way,
            asked_for=contract.closing_at if contract else None,
            staff=Person.count(session, firm_id, Role.CASEWORKER),
            clients=Person.count(session, firm_id, Role.CLIENT, Person.registered_at.is_not(None)),
        )


def close(firm_id: int, who: Who, typed: str, reason: str, *, later: bool) -> bool:
    """Close the account now, or *later*: as soon as its last module has ended. Returns whether it is closed now.

    *typed*: what who closes it has typed to confirm it; *reason*: of operators, who has asked them and how they know.
    Asked for twice it is asked for once. Raises OwnerCloses, AccountClosed, AboutToBegin, EndModulesFirst, ClosesLater;
    FormRefused with all that does not fit.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        _require_owner(session, case, who)
        case.require_open()
        reason = _checked(case.firm, who, typed, reason)
        contract = Contract.of(session, firm_id)
        if contract is not None:
            caught_up(session, firm_id)  # The last end may be a moment old, and the flow has not been there yet.
        bookings = Booking.of(session, firm_id)
        _require_settled(session, case, contract)
        moment = possible_from(contract, bookings, at)
        if not later or moment is None or contract is None:
            require_possible(contract, bookings, at)
            _close(session, case, contract, at, who.by, reason)
            return True
        if contract.closing_at is None:
            contract.closing_at = moment
            record(session, case.id, at, "closing.asked", who.by, rows=evidence(contract), reason=reason)
            _tell_asked(session, case, contract, moment, who, at, is_asked=True)
        return False


def take_back(firm_id: int, who: Who) -> None:
    """The account is not to be closed after all; raises OwnerCloses, AccountClosed, NoClosingAsked."""
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        _require_owner(session, case, who)
        case.require_open()
        contract = Contract.of(session, firm_id)
        if contract is None or contract.closing_at is None:
            raise NoClosingAsked
        moment, contract.closing_at = contract.closing_at, None
        record(session, case.id, at, "closing.taken_back", who.by, rows=evidence(contract))
        _tell_asked(session, case, contract, moment, who, at, is_asked=False)


@side_effect(name="accounts to be closed")
def close_due() -> int:
    """Close what was asked to be closed and has no active module any more; returns how many.

    Repeating it changes nothing: what is closed is not due any more. One that breaks down holds up no other.
    """
    with reading() as session:
        due = select(Contract.firm_id).where(Contract.closing_at <= now()).order_by(Contract.firm_id)
        firms = session.scalars(due).all()
    done = each(_close_if_due, firms)
    if done:
        kick_mail()
    return done


def _close_if_due(firm_id: int) -> bool:
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        contract = Contract.get(session, case.firm)
        if contract.closing_at is None or contract.closing_at > at:
            return False
        caught_up(session, firm_id)
        moment = possible_from(contract, Booking.of(session, firm_id), at)
        if moment is not None:  # It ends later than when it was asked for.
            contract.closing_at = moment
            record(session, case.id, at, "closing.asked", rows=evidence(contract))
            return False
        _close(session, case, contract, at, None, "")
        return True


def _close(
    session: Session, case: Onboarding, contract: Contract | None, at: datetime, by: "str | Actor | None", reason: str
) -> None:
    """All access ends with the one column that is set here: whatever opens something asks for it.

    *by*: whose doing it was; None: the product's own, as was asked for.
    """
    if contract is not None:
        contract.closing_at = None
    case.close(at)
    session.flush()
    rows = evidence(case.firm) if contract is None else evidence(case.firm, contract)
    record(session, case.id, at, "closing.done", by or "provision", rows=rows, reason=reason)
    wind_up(session, case, at)
    name = called(session, by) if by else ""
    tell(session, [(case, partial(letters.account_closed, at=at, by=name, reason=reason))])


def _tell_asked(
    session: Session, case: Onboarding, contract: Contract, moment: datetime, who: Who, at: datetime, *, is_asked: bool
) -> None:
    day, by = contract.day_of(moment), called(session, who.by)
    tell(session, [(case, partial(letters.closing_asked, at=at, day=day, by=by, is_asked=is_asked))])


def _require_owner(session: Session, case: Onboarding, who: Who) -> None:
    if who.authority is not Authority.CLIENT:
        return
    owner = Person.organiser(session, case.firm_id)
    login = Login.by_email(session, who.by) if isinstance(who.by, str) else None
    if login is None or login.id != owner.account_id:
        raise OwnerCloses(case.firm.name, owner.name)


def _require_settled(session: Session, case: Onboarding, contract: Contract | None) -> None:
    """Raises AboutToBegin between the firm's signature and the first module, which follows from it."""
    agreement = Agreement.latest(session, case.id)
    is_over = case.stopped_at is not None and (agreement is None or agreement.countersigned_at is None)
    if contract is None and not is_over and agreement is not None and agreement.signed_at is not None:
        raise AboutToBegin


def _checked(firm: Firm, who: Who, typed: str, reason: str) -> str:
    """The reason; raises FormRefused."""
    faults = Faults()
    with faults.at("typed"):
        require_typed(firm, typed)
    if who.authority is Authority.CLIENT:
        reason = ""
    else:
        with faults.at("reason"):
            reason = fitting(paragraphs(reason), REASON_MOST, "reason")
            if not reason:
                raise ClosingReasonMissing
    faults.check()
    return reason
