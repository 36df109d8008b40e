"""What other systems say of a contract: a termination that was received there, a module that was ordered there."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.contracts.booking import Booking, CameBy, Change, ChangeKind
from models.contracts.catalogue import Authority, Module, Tariff
from models.contracts.contract import Contract
from models.contracts.declaration import EndedAlready
from models.db import reading
from models.errors import N_, FormRefused, ProvisionError
from models.firm import Firm
from models.onboarding import Onboarding
from models.time.clock import now
from tasks.contracts.changes import Wish, declare_change
from tasks.contracts.effects import catch_up
from tasks.contracts.orders import Who, order

MACHINE = Who("webhook", Authority.OPERATOR)


class ModuleNotBooked(ProvisionError):
    says = N_("%(firm)s does not have the module “%(module)s”: correct the key of the module or the company ID.")

    def __init__(self, firm: str, module: str) -> None:
        super().__init__(firm, module)
        self.firm = firm
        self.module = module


class CodeUnknown(ProvisionError):
    status = 422
    says = N_("“%(written)s” is no key of the catalogue: write that of a module, and of one of its tariffs.")

    def __init__(self, written: str) -> None:
        super().__init__(written)
        self.written = written[:60]


class FieldsRefused(ProvisionError):
    """All that does not fit in the fields of a module, in one sentence."""

    status = 422
    says = N_("The fields of the module do not fit: %(faults)s")

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults)
        self.faults = " ".join(faults)


def terminate_by_notice(company_id: int, code: str, received_at: datetime) -> int:
    """The firm's notice to end this module was received then; returns the case's id. Told again it moves nothing.

    Raises NotFound, CodeUnknown, NoContract, ModuleNotBooked and what ``declare_change`` raises.
    """
    with reading() as session:
        firm = Firm.by_company_id(session, company_id)
    catch_up(firm.id)  # What is over by now is not dropped for it.
    with reading() as session:
        case = Onboarding.of_firm(session, firm.id)
        Contract.get(session, firm)
        module = _module(session, code)
        had = [booking for booking in Booking.of(session, firm.id) if booking.module_id == module.id]
        if not had:
            raise ModuleNotBooked(firm.name, code)
        booking = had[-1]
        before = select(Change.id).where(Change.booking_id == booking.id, Change.came_by == CameBy.WEBHOOK)
        if session.scalars(before.where(Change.received_at == received_at)).first() is not None:
            return case.id
        if booking.ended_at is not None and booking.ends_on is not None:
            raise EndedAlready(booking.ends_on)
    wish = Wish(ChangeKind.TERMINATION, received_at=received_at, came_by=CameBy.WEBHOOK)
    declare_change(firm.id, booking.id, MACHINE, wish, drops=None)
    return case.id


def order_by_notice(company_id: int, code: str, tariff_code: str, written: Mapping[str, str], key: str) -> int:
    """The firm has ordered this module there, on this tariff at today's prices; returns the case's id.

    *key*: what told of it, which orders once. Raises NotFound, CodeUnknown, FieldsRefused and what ``order`` raises.
    """
    with reading() as session:
        firm = Firm.by_company_id(session, company_id)
        case_id, module = Onboarding.of_firm(session, firm.id).id, _module(session, code)
        tariff = session.scalars(
            select(Tariff).where(Tariff.module_id == module.id, Tariff.code == tariff_code)
        ).first()
        if tariff is None:
            raise CodeUnknown(tariff_code)
        if session.scalars(select(Booking.id).where(Booking.ordered_as == key)).first() is not None:
            return case_id
        contract = Contract.get(session, firm)
        prices = tariff.prices_on(session, contract.day_of(now()))
    try:
        order(firm.id, MACHINE, module.id, tariff.id, prices.id, written, ordered_as=key)
    except FormRefused as refused:
        raise FieldsRefused([str(fault) for fault in refused.fields.values()]) from refused
    return case_id


def _module(session: Session, code: str) -> Module:
    module = session.scalars(select(Module).where(Module.code == code)).one_or_none()
    if module is None:
        raise CodeUnknown(code)
    return module
