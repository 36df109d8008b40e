"""Modules are ordered: the first by the agreement that both sides have signed, others whenever the firm wants."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import Actor, evidence, record
from models.clients.custom_field import read_all
from models.contracts.booking import BookedOption, Booking, Phase, running_phase
from models.contracts.catalogue import ArticleKey, Authority, Module, ModuleField, PriceList, Tariff
from models.contracts.contract import Contract
from models.contracts.declaration import EndedAlready
from models.contracts.plans import agreed_prices
from models.contracts.terms import Period, Unit
from models.db import Facts, reading, transaction
from models.errors import N_, FormRefused, NotFound, ProvisionError
from models.onboarding import Onboarding
from models.people.manners import Language
from models.people.person import Person, Role
from models.subscription import Subscription
from models.text import one_line, row_number
from models.time.clock import now
from tasks.contracts.consents import agree_with_order
from tasks.contracts.effects import caught_up
from tasks.contracts.telling import tell
from tasks.engine.retry import each, side_effect
from tasks.mail.letters import contracts as letters

PAID_BY_ALL = {ArticleKey.BASE, ArticleKey.SETUP}
"""What is paid without an option being added."""
QUANTITY_MOST = 100_000
UNITS = {"days": Unit.DAY, "weeks": Unit.WEEK, "months": Unit.MONTH}


class ModuleActive(ProvisionError):
    says = N_("%(firm)s has the module “%(module)s” already: change its tariff instead of ordering it twice.")

    def __init__(self, firm: str, module: str) -> None:
        super().__init__(firm, module)
        self.firm = firm
        self.module = module


class SignFirst(ProvisionError):
    says = N_("Modules can be ordered as soon as both sides have signed the agreement of %(firm)s.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class PricesChanged(ProvisionError):
    says = N_("The prices have changed meanwhile: look at them again before you order.")


class FieldMissing(ProvisionError):
    status = 422
    says = N_("“%(field)s” is missing: the module needs it.")

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class ManagersAlone(ProvisionError):
    status = 403
    says = N_("Only managers change this: ask one of them to do it.")


class OptionsChanged(ProvisionError):
    says = N_("An option was added meanwhile: look at which ones there are before you add this one as well.")


class QuantityInvalid(ProvisionError):
    status = 422
    says = N_("“%(written)s” is not a number of pieces: write one from 1 to %(most)s.")

    def __init__(self, written: str) -> None:
        super().__init__(written)
        self.written = written
        self.most = QUANTITY_MOST


class Who(NamedTuple):
    """Who acts on a contract, and how much they may do."""

    by: "str | Actor"
    authority: Authority
    language: Language = Language.GERMAN


@side_effect(name="contracts that are missing")
def begin_missing() -> int:
    """Begin the contract wherever both sides have signed and there is none, as with firms from before there were any.

    Returns how many agreements were looked at; one that breaks down holds up no other.
    """
    missing = select(Agreement.onboarding_id).where(
        Agreement.countersigned_at.is_not(None), Agreement.contract_begun_at.is_(None)
    )
    with reading() as session:
        cases = session.scalars(missing.order_by(Agreement.id)).all()
    return each(_begin, cases)


def _begin(case_id: int) -> bool:
    begin_contract.fn(case_id)
    return True


@side_effect(name="Contract")
def begin_contract(case_id: int) -> None:
    """The agreement that both sides have signed is the firm's first order: its plan, at the price as agreed.

    Repeating it changes nothing: a firm has one contract.
    """
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        if not case.agreement_done or Contract.of(session, case.firm_id) is not None:
            return  # Nobody else begins one: the agreement is marked in the same transaction.
        agreement, agreed = Agreement.current(session, case_id), Subscription.of(session, case.firm_id)
        assert agreement.countersigned_at is not None  # Both have signed, or the step would not be done.
        contract = Contract.conclude(session, case.firm, _signed_for(session, case), agreement.countersigned_at)
        day = contract.day_of(agreement.countersigned_at)
        tariff, prices, base = agreed_prices(session, agreed, day, now())
        tariff = Tariff.held(session, tariff.id)
        booking = Booking(
            firm_id=case.firm_id, module_id=tariff.module_id, ordered_at=contract.concluded_at, starts_on=day
        )
        session.add(booking)
        session.flush()
        phase = booking.begin(session, tariff, prices, day, base=base)
        if agreed.notice_count:
            phase.notice = Period(agreed.notice_count, UNITS[agreed.notice_unit.value])
        _look_ahead(session, contract, phase, contract.day_of(now()))
        agreement.contract_begun_at = now()
        session.flush()
        record(session, case.id, now(), "contract.concluded", rows=evidence(contract, booking, phase))


def _signed_for(session: Session, case: Onboarding) -> str:
    """The contact person of the first order."""
    contact = Person.one(session, case.firm_id, Role.CONTACT) or Person.organiser(session, case.firm_id)
    return contact.name


def order(
    firm_id: int,
    who: Who,
    module_id: int,
    tariff_id: int,
    price_list_id: int,
    written: Mapping[str, str],
    *,
    ordered_as: str | None = None,
    shown: Sequence[int] | None = None,
) -> Booking:
    """The firm orders a module on this tariff, at the version of its prices that it was shown, from today on.

    *written*: what stands in the fields of the module. *ordered_as*: what told of the order, which is done once.
    *shown*: the versions of the terms that the firm was shown, and agrees to with the order.
    Raises Stopped, SignFirst, ClosingAsked, NotFound for what the firm may not order, ModuleActive, NoPrices,
    PricesChanged, TermsChanged; FormRefused with all that does not fit.
    """
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        if not case.agreement_done:
            raise SignFirst(case.firm.name)
        at = now()
        contract = Contract.get(session, case.firm)
        caught_up(session, firm_id)
        contract.require_no_closing()
        tariff = Tariff.held(session, tariff_id)
        module = Module.held(session, module_id)
        _require_offered(module, tariff, who.authority)
        today = contract.day_of(at)
        if any(b.module_id == module_id and b.is_active(today) for b in Booking.of(session, firm_id)):
            raise ModuleActive(case.firm.name, module.called(who.language))
        prices = tariff.prices_on(session, today)
        if prices.id != price_list_id:
            raise PricesChanged
        data = module_data(session, module_id, who, written, {})
        booking = Booking(firm_id=case.firm_id, module_id=module_id, ordered_at=at, starts_on=today, data=data)
        booking.ordered_as = ordered_as
        session.add(booking)
        session.flush()
        phase = booking.begin(session, tariff, prices, today)
        booking.ends_on = phase.fixed_end(contract)
        _look_ahead(session, contract, phase, today)
        session.flush()
        legal, given = agree_with_order(session, case, who.by, today, shown)
        record(session, case.id, at, "module.ordered", who.by, rows=evidence(booking, phase, *given), legal=legal)
        agreed = [(article, amount) for article, amount in prices.positions(session) if article.key in PAID_BY_ALL]
        write = partial(
            letters.module_ordered, at=at, booking=booking, phase=phase, module=module, tariff=tariff, prices=agreed
        )
        tell(session, [(case, write)])
        return booking


def _look_ahead(session: Session, contract: Contract, phase: Phase, day: date) -> None:
    """Keep when to look again: at the next last day for notice, and at its prices if any follow."""
    phase.look_ahead(contract, day)
    newer = select(PriceList.id).where(PriceList.tariff_id == phase.tariff_id, PriceList.id > phase.price_list_id)
    phase.announce_on = day if session.scalars(newer.limit(1)).first() else None


def _require_offered(module: Module, tariff: Tariff, authority: Authority) -> None:
    is_there = tariff.module_id == module.id and module.archived_at is None and tariff.archived_at is None
    if not is_there or (authority is Authority.CLIENT and not (module.is_orderable and tariff.is_offered)):
        raise NotFound(N_("The tariff"))


def module_data(session: Session, module_id: int, who: Who, written: Mapping[str, str], held: Facts) -> Facts:
    """What the fields of a module hold when this was typed into those that *who* may change; raises FormRefused."""
    fields = ModuleField.of(session, [module_id]).get(module_id, [])
    open_ones = [field for field in fields if who.authority.reaches(field.editor)]
    values, wrong = read_all(open_ones, written, who.language, held)
    for field in open_ones:
        if field.is_required and field.key not in wrong and values.get(field.key) is None:
            wrong[field.key] = FieldMissing(field.called(who.language))
    if wrong:
        raise FormRefused(wrong)
    return values


def change_data(firm_id: int, booking_id: int, who: Who, written: Mapping[str, str]) -> int:
    """Take over what was typed into the fields of a module that the firm has; returns the case's id.

    Raises NotFound, EndedAlready, FormRefused with all that does not fit.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        contract = Contract.get(session, case.firm)
        booking = Booking.get(session, contract, booking_id)
        _require_active(booking, contract.day_of(at))
        data = module_data(session, booking.module_id, who, written, booking.data)
        if data != booking.data:
            booking.data = data
            record(session, case.id, at, "module.data_changed", who.by, rows=evidence(booking))
        return case.id


def add_option(
    firm_id: int, booking_id: int, who: Who, article_id: int, quantity: str, *, known: int | None = None
) -> int:
    """A manager adds an option of the running tariff from today on, at today's price as agreed; returns the case's id.

    *known*: how many options, ended ones too, the page had shown; so that a form that is sent twice adds one.

    Raises ManagersAlone or NotFound for who may not, NotFound, EndedAlready, OptionsChanged, QuantityInvalid.
    """
    require_manager(who)
    text = one_line(quantity)
    pieces = row_number(text) or 0
    if not 0 < pieces <= QUANTITY_MOST:
        raise QuantityInvalid(text[:20])
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        contract = Contract.get(session, case.firm)
        caught_up(session, firm_id)
        booking = Booking.get(session, contract, booking_id)
        today = contract.day_of(at)
        _require_active(booking, today)
        there = select(func.count()).where(BookedOption.booking_id == booking.id)
        if known not in {None, session.scalars(there).one()}:
            raise OptionsChanged
        phase = running_phase(Phase.of(session, [booking.id])[booking.id], today)
        positions = PriceList.positions_of(session, [phase.price_list_id])[phase.price_list_id]
        listed = {article.id: (article, price) for article, price in positions}
        article, price = listed.get(article_id, (None, None))
        if article is None or price is None or article.key is not ArticleKey.OPTION:
            raise NotFound(N_("The option"))
        option = BookedOption(
            firm_id=firm_id,
            booking_id=booking.id,
            article_id=article.id,
            quantity=pieces,
            amount=price,
            starts_on=max(today, phase.starts_on),
        )
        session.add(option)
        session.flush()
        record(session, case.id, at, "option.added", who.by, rows=evidence(option))
        return case.id


def end_option(firm_id: int, booking_id: int, who: Who, option_id: int) -> int:
    """A manager lets an option end with today; returns the case's id. One that has ended stays as it is."""
    require_manager(who)
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        contract = Contract.get(session, case.firm)
        caught_up(session, firm_id)
        booking = Booking.get(session, contract, booking_id)
        option, today = session.get(BookedOption, option_id), contract.day_of(at)
        if option is None or option.booking_id != booking.id:
            raise NotFound(N_("The option"))
        if option.ends_on is None or option.ends_on > today:
            option.ends_on = max(today, option.starts_on)
            record(session, case.id, at, "option.ended", who.by, rows=evidence(option))
        return case.id


def require_manager(who: Who) -> None:
    """Raises ManagersAlone for operators; clients do not learn that there is such a thing: NotFound."""
    if who.authority is Authority.CLIENT:
        raise NotFound(N_("The page"))
    if who.authority is not Authority.MANAGER:
        raise ManagersAlone


def _require_active(booking: Booking, today: date) -> None:
    if booking.ends_on is not None and booking.ends_on < today:
        raise EndedAlready(booking.ends_on)
