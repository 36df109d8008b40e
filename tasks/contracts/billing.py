"""What accounting is handed over: who is billed what in a month, a row a position.

Contracts are looked at a batch at a time, in as many statements for many as for one; memory stays the same however many
there are. Why a month that is closed stays as it is says ``models.contracts.handover``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Self

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.audit import HOUSE, record
from models.contracts.billing import Days, Position, due_between, stretches
from models.contracts.booking import BookedOption, Booking, Change, Phase, Waiting
from models.contracts.catalogue import Article, Module, Price, PriceList, Tariff
from models.contracts.contract import Contract, Copy, Named, Recipient, SentAs
from models.contracts.handover import (
    REACH,
    BilledMonth,
    Billing,
    Charge,
    days_of,
    month_of,
    months_on,
    settle,
)
from models.contracts.money import in_full
from models.contracts.tax import Taxation, taxation
from models.contracts.vat import VatAnswer, good_since
from models.db import Facts, alone, reading, transaction
from models.firm import Firm
from models.people.manners import Language
from models.people.person import Person, Role
from models.settings import settings
from models.time.clock import local_day, now, today
from tasks.contracts.vies import our_side
from tasks.engine.retry import side_effect

AT_ONCE = 200
"""Contracts that are looked at together."""
IN_GERMAN = Language.GERMAN
"""Modules, tariffs and articles are handed over by the names that they always have."""


@dataclass(frozen=True)
class BilledPosition:
    """A position as accounting is told it; amounts in digits, days as ISO 8601 writes them."""

    id: int | None
    """None: the month is not closed."""
    period: str
    """The month in which it is billed."""
    state: str
    """final, open (as it is known now) or held (not billed yet: by reverse charge, but the provider has no VAT id, or
    that of the customer is not confirmed)."""
    company_id: int | None
    customer_number: str
    order_number: str
    name: str
    person: str
    street: str
    postcode: str
    city: str
    country: str
    to: str
    """Addresses, separated by blanks."""
    cc: str
    by_link: str
    """Those of ``to`` and ``cc`` who get a link to it; to all others it is attached."""
    payment_days: int
    tax: str
    tax_rate: str | None
    """In percent; None: no tax is shown."""
    tax_reason: str
    tax_note: str
    """What the invoice must say of it."""
    vat_id: str
    provider_vat_id: str
    module: str
    tariff: str
    price_version: int
    article: int
    article_key: str
    text: str
    """Module, tariff and article as people call them."""
    billing_period_from: str
    billing_period_to: str
    days_from: str
    days_to: str
    days: int
    days_of_period: int
    quantity: int
    price: str
    """Of one for the whole billing period, or once; net."""
    currency: str
    net: str
    corrects: int | None
    """The position that this one takes back."""
    vat_answered_on: str | None = None
    """When VIES has said of the customer's VAT id what is billed by; None: it was not asked."""
    vat_consultation: str = ""
    """The number of that answer, where it has one."""

    @classmethod
    def of(cls, billing: Billing, charge: Charge, state: str) -> Self:
        return cls(
            id=charge.id,
            period=f"{billing.month:%Y-%m}",
            state=state,
            billing_period_from=charge.period_first.isoformat(),
            billing_period_to=charge.period_last.isoformat(),
            days_from=charge.first_day.isoformat(),
            days_to=charge.last_day.isoformat(),
            days=len(Days(charge.first_day, charge.last_day)),
            days_of_period=len(Days(charge.period_first, charge.period_last)),
            quantity=charge.quantity,
            price=f"{in_full(charge.price):f}",
            net=f"{charge.net:f}",
            corrects=charge.cancels_id,
            **billing.document,
            **charge.told,
        )

    def to_json(self) -> Facts:
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = [field.name for field in fields(BilledPosition)]
OURS = frozenset({"quantity", "price", "net"})
"""Figures that may begin with a minus: nobody else writes there, so that no spreadsheet is led astray."""


@dataclass(frozen=True)
class Page:
    """The positions of some firms, in the order of their ids."""

    rows: list[BilledPosition]
    is_final: bool
    """The month is closed: its rows never change."""
    after: int | None
    """The last of these firms, if others may follow."""


def all_pages(month: date) -> Iterator[Page]:
    """All that is billed in a month, some firms at a time."""
    after: int | None = 0
    while after is not None:
        page = positions(month, after)
        yield page
        after = page.after


def positions(month: date, after: int = 0, limit: int = AT_ONCE) -> Page:
    """What is billed in a month to at most so many firms, those behind this one; months that are over are closed first.

    A month that runs is told as it is known now, one to come by what falls due in it.
    """
    running = month_of(today())
    if month <= running:
        close_months.fn()
    with reading() as session:
        if month < _first_open(session):
            firms = _page(session, select(Billing.firm_id).where(Billing.month == month), Billing.firm_id, after, limit)
            rows = [BilledPosition.of(billing, charge, "final") for billing, charge in _written(session, month, firms)]
            is_final = True
        else:
            firms = _page(session, select(Contract.firm_id), Contract.firm_id, after, limit)
            kept = _Look(session, month, is_next=month == running).at(firms)
            rows = [
                BilledPosition.of(each.billing, one, "held" if each.is_held else "open")
                for each in kept
                for one in each.charges
            ]
            is_final = False
    return Page(rows, is_final, firms[-1] if len(firms) == limit else None)


@side_effect(name="months handed over")
def close_months() -> int:
    """Write down what is billed in each month that is over and not closed yet; returns how many there were.

    Repeating it changes nothing. Where it ends half-way it goes on: a firm's month is written as a whole, and once.
    """
    closed = 0
    while (month := _open_month()) < month_of(today()):
        _close(month)
        closed += 1
    return closed


def _open_month() -> date:
    with reading() as session:
        return _first_open(session)


def _first_open(session: Session) -> date:
    """The first month that is not closed: the one behind the last that is, or that of the first booking."""
    last = BilledMonth.last(session)
    if last is not None:
        return months_on(last, 1)
    begun = session.scalars(select(Booking.starts_on).order_by(Booking.starts_on).limit(1)).first()
    return month_of(min(begun or today(), today()))


def _page(session: Session, firms: Select[tuple[int]], key: Any, after: int, limit: int) -> list[int]:
    return list(session.scalars(firms.where(key > after).order_by(key).limit(limit)))


def _written(session: Session, month: date, firms: Collection[int]) -> Iterator[tuple[Billing, Charge]]:
    rows = select(Billing, Charge).join(Charge, Charge.billing_id == Billing.id).order_by(Billing.firm_id, Charge.id)
    yield from session.execute(rows.where(Billing.month == month, Billing.firm_id.in_(firms))).tuples()


def _close(month: date) -> None:
    after: int | None = 0
    while after is not None:
        with transaction() as session:
            alone(session, "billing")
            if month < _first_open(session):
                return  # Somebody else was faster.
            firms = _page(session, select(Contract.firm_id), Contract.firm_id, after, AT_ONCE)
            done = session.scalars(select(Billing.firm_id).where(Billing.month == month, Billing.firm_id.in_(firms)))
            _write(session, _Look(session, month, is_next=True).at(set(firms).difference(done)))
            after = firms[-1] if len(firms) == AT_ONCE else None
            if after is None:
                session.add(BilledMonth(month=month, closed_at=now()))
                record(session, HOUSE, now(), "billing.closed", period=f"{month:%Y-%m}")


def _write(session: Session, kept: Sequence["_Kept"]) -> None:
    """What is held is left out: it comes in the first month in which it is not held any more."""
    due = [each for each in kept if not each.is_held]
    session.add_all([each.billing for each in due])
    session.flush()
    for each in due:
        for charge in each.charges:
            charge.billing_id = each.billing.id
    session.add_all([charge for each in due for charge in each.charges])
    session.flush()


class _Kept(NamedTuple):
    """What one firm is billed in a month, as it would be written down now."""

    billing: Billing
    charges: list[Charge]
    is_held: bool


class _Look:
    """A look at what is to be billed in a month, with the catalogue, which is small, at hand."""

    def __init__(self, session: Session, month: date, *, is_next: bool) -> None:
        """*is_next*: nothing lies between it and the last one closed, so that what became known later comes in it."""
        self.session, self.month, self.is_next = session, month, is_next
        self.since = months_on(month, -REACH) if is_next else month
        self.begin = Days(self.since, days_of(month).last)
        self.provider = our_side()
        self.good_since = good_since(month, today(), settings().vat_days)
        self.modules = {module.id: module for module in session.scalars(select(Module))}
        self.tariffs = {tariff.id: tariff for tariff in session.scalars(select(Tariff))}
        self.intervals = {tariff_id: tariff.interval for tariff_id, tariff in self.tariffs.items()}
        self.versions = dict(session.execute(select(PriceList.id, PriceList.number)).tuples().all())
        self.prices: dict[int, list[tuple[Article, Decimal]]] = {key: [] for key in self.versions}
        listed = select(Price.price_list_id, Article, Price.amount).join(Article, Article.id == Price.article_id)
        for key, article, amount in session.execute(listed.order_by(Article.id)):
            self.prices[key].append((article, amount))

    def at(self, firm_ids: Collection[int]) -> list[_Kept]:
        """What those of these firms are billed who are billed anything."""
        of_firms = select(Contract, Firm.company_id).join(Firm, Firm.id == Contract.firm_id)
        of_firms = of_firms.where(Contract.firm_id.in_(firm_ids), Contract.is_test.is_(False))
        contracts = self.session.execute(of_firms.order_by(Contract.firm_id)).tuples().all()
        changes = self._settled({contract.firm_id: contract for contract, _ in contracts})
        gone = {one for each in changes.values() for _, ids, _ in each for one in ids}
        before = (
            {one.id: one for one in self.session.scalars(select(Charge).where(Charge.id.in_(gone)))} if gone else {}
        )
        recipients = defaultdict(list)
        chosen = select(Recipient).where(Recipient.firm_id.in_(changes)).order_by(Recipient.id)
        for recipient in self.session.scalars(chosen):
            recipients[recipient.firm_id].append(recipient)
        addressed = {firm_id for firm_id, named in recipients.items() if any(each.copy is Copy.TO for each in named)}
        owners = self._owners([firm_id for firm_id in changes if firm_id not in addressed])
        answers = VatAnswer.standing(self.session, changes, self.good_since) if self.provider.asks else {}
        kept = []
        for contract, company_id in contracts:
            tax = taxation(contract, self.provider, answers.get(contract.firm_id))
            charges = [
                charge
                for booking, ids, due in changes.get(contract.firm_id, ())
                for charge in (
                    *(_taken_back(before[one]) for one in ids),
                    *(self._charge(booking, position, tax) for position in due),
                )
            ]
            if charges:
                document = _document(contract, company_id, recipients[contract.firm_id], owners)
                billing = Billing(month=self.month, firm_id=contract.firm_id, document=document)
                kept.append(_Kept(billing, charges, tax.is_held))
        return kept

    def _owners(self, firm_ids: Collection[int]) -> dict[int, str]:
        """Who gets the document where nobody was named, or who gets copies alone: the owner of the account."""
        owners = select(Person.firm_id, Person.email).where(Person.firm_id.in_(firm_ids))
        owners = owners.where(Person.role == Role.ORGANISER, Person.withdrawn_at.is_(None))
        return dict(self.session.execute(owners.order_by(Person.id.desc())).tuples().all())

    def _settled(self, contracts: Mapping[int, Contract]) -> dict[int, list[tuple[Booking, list[int], list[Position]]]]:
        """By firm, of each booking where there is anything to do, what is taken back and what is added."""
        long_ended = Booking.ends_on < months_on(self.since, -REACH)
        there = select(Booking).where(Booking.firm_id.in_(contracts), Booking.ends_on.is_(None) | ~long_ended)
        bookings = {
            booking.id: booking for booking in self.session.scalars(there.order_by(Booking.firm_id, Booking.id))
        }
        phases, waiting = Phase.of(self.session, bookings), Change.waiting(self.session, bookings)
        options = defaultdict(list)
        added = select(BookedOption, Article).join(Article, Article.id == BookedOption.article_id)
        for option, article in self.session.execute(added.where(BookedOption.booking_id.in_(bookings))):
            options[option.booking_id].append((option, article))
        handed = self._handed(bookings) if self.is_next else {}
        found = defaultdict(list)
        for booking in bookings.values():
            run = stretches(phases[booking.id], booking.ends_on, waiting.get(booking.id, Waiting()).tariff)
            due = due_between(run, self.intervals, self.prices, options[booking.id], self.begin)
            if self.is_next:
                due = [position for position in due if position.period.first >= self.since]
            ids, new = settle(due, handed.get(booking.id, ()), contracts[booking.firm_id].billed_from)
            if ids or new:
                found[booking.firm_id].append((booking, ids, new))
        return found

    def _handed(self, booking_ids: Collection[int]) -> dict[int, list[Any]]:
        """What is compared of what was handed over, by booking."""
        names = ("id", "booking_id", "article_id", "option_id", "period_first", "period_last", "first_day", "last_day")
        columns = [getattr(Charge, name) for name in (*names, "quantity", "price", "cancels_id")]
        rows = select(*columns).where(Charge.booking_id.in_(booking_ids), Charge.period_first >= self.since)
        handed = defaultdict(list)
        for row in self.session.execute(rows.order_by(Charge.id)):
            handed[row.booking_id].append(row)
        return handed

    def _charge(self, booking: Booking, position: Position, tax: Taxation) -> Charge:
        tariff, module = self.tariffs[position.stretch.tariff_id], self.modules[booking.module_id]
        called = [each.called(IN_GERMAN) for each in (module, tariff, position.article)]
        told = {
            "module": module.code,
            "tariff": tariff.code,
            "price_version": self.versions[position.stretch.price_list_id],
            "article": position.article.id,
            "article_key": position.article.key.value,
            "text": ", ".join(called),
            "currency": tariff.currency,
            "tax": tax.treatment.value,
            "tax_rate": None if tax.rate is None else f"{tax.rate:f}",
            "tax_reason": tax.reason.value,
            "tax_note": tax.note,
            "vat_id": tax.vat_id,
            "provider_vat_id": tax.provider_vat_id,
            "vat_answered_on": local_day(tax.answer.answered_at).isoformat() if tax.answer else None,
            "vat_consultation": tax.answer.consultation if tax.answer else "",
        }
        return Charge(
            booking_id=booking.id,
            article_id=position.article.id,
            option_id=position.option_id,
            period_first=position.period.first,
            period_last=position.period.last,
            first_day=position.days.first,
            last_day=position.days.last,
            quantity=position.quantity,
            price=position.price,
            net=position.total,
            told=told,
        )


def _taken_back(charge: Charge) -> Charge:
    """As it was, and taxed as it was; on the document of the month in which that becomes known."""
    names = ("booking_id", "article_id", "option_id", "period_first", "period_last", "first_day", "last_day", "price")
    same = {name: getattr(charge, name) for name in (*names, "told")}
    return Charge(**same, quantity=-charge.quantity, net=-charge.net, cancels_id=charge.id)


def _document(
    contract: Contract, company_id: int | None, recipients: Sequence[Recipient], owners: Mapping[int, str]
) -> Facts:
    """What stands on the document, and who gets it."""
    gets = [Named(each.email, each.copy, each.sent_as) for each in recipients]
    if not any(each.copy is Copy.TO for each in gets) and contract.firm_id in owners:
        gets.insert(0, Named(owners[contract.firm_id], Copy.TO, contract.sent_as))
    by = {how: " ".join(each.email for each in gets if each.copy is how) for how in Copy}
    return {
        "company_id": company_id,
        "customer_number": contract.customer_number,
        "order_number": contract.order_number,
        **contract.addressee.to_json(),
        "to": by[Copy.TO],
        "cc": by[Copy.CC],
        "by_link": " ".join(each.email for each in gets if each.sent_as is SentAs.LINK),
        "payment_days": contract.payment_days,
    }
