"""Contracts of many firms at once: looked for, locked and read in as many statements for many as for one."""

from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date

from prefect.logging import get_logger
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager

from models.contracts.booking import Booking, Change, Phase
from models.contracts.catalogue import Module, PriceList, Tariff
from models.contracts.contract import Contract
from models.contracts.fault import ContractFault, Work
from models.db import alone, reading, transaction
from models.firm import Firm
from models.onboarding import Onboarding
from models.time.clock import now
from tasks.engine.retry import raise_all

AT_ONCE = 200
"""Contracts that are looked at in one transaction."""


class Batch:
    """The contracts of some firms with all that runs, locked for this transaction, the cases first."""

    def __init__(self, session: Session, firm_ids: Sequence[int]) -> None:
        cases = select(Onboarding).where(Onboarding.firm_id.in_(firm_ids)).order_by(Onboarding.id)
        cases = cases.join(Onboarding.firm).options(contains_eager(Onboarding.firm))
        locked = cases.with_for_update(of=(Onboarding, Firm), key_share=True)
        self.cases = {case.firm_id: case for case in session.scalars(locked)}
        contracts = select(Contract).where(Contract.firm_id.in_(firm_ids)).order_by(Contract.firm_id).with_for_update()
        self.contracts = list(session.scalars(contracts))
        running = select(Booking).where(Booking.firm_id.in_(firm_ids), Booking.ended_at.is_(None)).order_by(Booking.id)
        self.bookings: dict[int, list[Booking]] = {contract.firm_id: [] for contract in self.contracts}
        for booking in session.scalars(running):
            self.bookings[booking.firm_id].append(booking)
        ids = [booking.id for bookings in self.bookings.values() for booking in bookings]
        self.waiting = Change.waiting(session, ids)
        self.phases = Phase.of(session, ids)
        tariff_ids = {phase.tariff_id for phases in self.phases.values() for phase in phases}
        tariff_ids |= {each.tariff.tariff_id for each in self.waiting.values() if each.tariff and each.tariff.tariff_id}
        # Nobody publishes prices meanwhile: what begins now would not be told of them.
        held = select(Tariff).where(Tariff.id.in_(tariff_ids)).order_by(Tariff.id).with_for_update(read=True)
        tariffs = session.scalars(held)
        self.tariffs = {tariff.id: tariff for tariff in tariffs}
        module_ids = {booking.module_id for bookings in self.bookings.values() for booking in bookings}
        modules = session.scalars(select(Module).where(Module.id.in_(module_ids)))
        self.modules = {module.id: module for module in modules}
        self.lists: dict[int, list[PriceList]] = {}
        versions = select(PriceList).where(PriceList.tariff_id.in_(tariff_ids)).order_by(PriceList.valid_from)
        for version in session.scalars(versions):
            self.lists.setdefault(version.tariff_id, []).append(version)

    def look_ahead(self, contract: Contract, phase: Phase, day: date) -> None:
        """Keep of a new phase when to look again: at its next last day for notice, and at its prices if any follow."""
        phase.look_ahead(contract, day)
        self.look_at_prices(phase, day)

    def look_at_prices(self, phase: Phase, day: date) -> None:
        *_, newest = self.lists[phase.tariff_id]
        phase.announce_on = None if newest.id == phase.price_list_id else day

    @property
    def running(self) -> Iterable[tuple[Contract, Booking]]:
        return ((contract, booking) for contract in self.contracts for booking in self.bookings[contract.firm_id])


def in_batches(work: Work, due: Select[tuple[int]], act: Callable[[list[int]], int]) -> int:
    """Do it for all firms that are *due*, some at a time; returns the sum of what the act says it did.

    Of some that break down each half is tried by itself, so that one holds up no other; what broke stands on the board
    until it works again, and is raised at the end, so that the run shows it, and the task is tried again.
    """
    with reading() as session:
        firms = array("q", session.scalars(due))
    faults: dict[int, Exception] = {}
    done = sum(_tried(act, list(firms[first : first + AT_ONCE]), faults) for first in range(0, len(firms), AT_ONCE))
    _tell_of(work, faults)
    raise_all([*faults.values()])
    return done


def _tell_of(work: Work, broken: Collection[int]) -> None:
    """Mostly nothing broke, neither now nor before: then nothing is written."""
    with reading() as session:
        known = ContractFault.known(session, work)
    if known != {*broken}:
        with transaction() as session:
            alone(session, "contract faults", work.value)
            ContractFault.keep(session, work, broken, now())


def _tried(act: Callable[[list[int]], int], firms: list[int], faults: dict[int, Exception]) -> int:
    try:
        return act(firms)
    except Exception as error:  # noqa: BLE001  (raised when the others have had their turn)
        if len(firms) == 1:
            get_logger(__name__).exception("The contract of firm %s broke down", firms[0])
            faults[firms[0]] = error
            return 0
    half = len(firms) // 2
    return _tried(act, firms[:half], faults) + _tried(act, firms[half:], faults)


def together(act: Callable[[Session, Batch], int]) -> Callable[[list[int]], int]:
    """*act* on the contracts of some firms in one transaction."""

    def acted(firm_ids: list[int]) -> int:
        with transaction() as session:
            return act(session, Batch(session, firm_ids))

    return acted
