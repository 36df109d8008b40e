"""The page of a firm's contract, as its people and operators see it: everything read at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import Entry
from models.contracts.booking import BookedOption, Booking, Change, Phase, Waiting, running_phase
from models.contracts.catalogue import Article, ArticleKey, Authority, Module, ModuleField, PriceList, Tariff
from models.contracts.contract import Addressee, Contract, Recipient
from models.contracts.legal import ConsentState, Version, versions_for
from models.contracts.tax import Taxation, taxation
from models.contracts.terms import Ending
from models.contracts.vat import VatAnswer, VatSilence, good_now
from models.db import reading
from models.document import Document
from models.errors import N_, NotFound
from models.firm import Firm
from models.onboarding import Onboarding
from models.people.person import Person
from models.settings import settings
from models.time.clock import local_day, now
from tasks.contracts.changes import scan_kind
from tasks.contracts.effects import catch_up
from tasks.contracts.orders import Who
from tasks.contracts.pricing import Prices, changed
from tasks.contracts.vies import our_side
from tasks.people.rights import STAFF

ACTS = ("contract.", "module.", "change.", "closing.", "consent.", "vat.", "takeout.", "owner.")
HISTORY = 50


@dataclass(frozen=True)
class Offer:
    """A tariff that can be chosen, at the prices of today."""

    tariff: Tariff
    prices: PriceList
    positions: list[tuple[Article, Decimal]]


@dataclass(frozen=True)
class Declared:
    """What was declared for a module, whatever has become of it."""

    change: Change
    by: str
    """Who declared it here, or entered what came by letter or mail; empty if that is erased."""


@dataclass(frozen=True)
class Booked:
    """A module that the firm has or had."""

    booking: Booking
    module: Module
    phase: Phase
    """The one that runs, or the last."""
    tariff: Tariff
    prices: PriceList
    positions: list[tuple[Article, Decimal]]
    """As agreed: articles in every period or once, at the firm's own price where it has one; options aside."""
    announced: list[tuple[Article, Decimal]]
    """What costs something else in every period from ``phase.reprices_on`` on, and how much then."""
    options: list[tuple[BookedOption, Article, str]]
    """With the currency of the tariff on which each was added."""
    addable: list[tuple[Article, Decimal]]
    """Options of its tariff."""
    fields: list[ModuleField]
    change: Change | None
    """What waits and can be undone: the end, where another tariff comes before it."""
    to_tariff: Change | None
    next_tariff: Tariff | None
    declared: list[Declared]
    """All that ever was, the newest first."""
    ending: Ending | None
    """What becomes of a notice that is given now; None where it ends already, or goes over to another tariff."""
    is_active: bool

    @property
    def key(self) -> int:
        return self.booking.id


@dataclass(frozen=True)
class Orderable:
    """A module that the firm does not have, and its tariffs."""

    module: Module
    offers: list[Offer]
    fields: list[ModuleField]


@dataclass(frozen=True)
class Accepted:
    """What the firm has agreed to, when, and who did."""

    agreement: Agreement
    by: str


@dataclass(frozen=True)
class ContractView:
    """All that the page shows."""

    firm: Firm
    case: Onboarding
    owner: Person
    contract: Contract | None
    partner: Addressee | None
    billing: Addressee | None
    recipients: list[Recipient]
    since: date | None
    """The first day of the oldest module that is still active."""
    booked: list[Booked]
    orderable: list[Orderable]
    accepted: list[Accepted]
    versions: list[Version]
    """Of terms and annexes: what the firm was asked about, and what counts for its next order."""
    history: list[Entry]
    tax: Taxation | None
    """How what is billed now is taxed, and why."""
    silence: VatSilence | None
    """VIES was asked about the VAT id, and has not answered."""
    own: set[str]
    """The addresses of the firm's own people."""

    @property
    def active(self) -> list[Booked]:
        return [booked for booked in self.booked if booked.is_active]

    @property
    def to_answer(self) -> list[Version]:
        """About what the firm is asked and has not answered."""
        return [one for one in self.versions if one.consent and one.consent.state is ConsentState.ASKED]

    @property
    def last_day(self) -> date | None:
        """The last day of the module that ends last, if all of them end."""
        days = [booked.booking.ends_on for booked in self.active]
        return max(filter(None, days), default=None) if all(days) else None


def view(firm_id: int, who: Who) -> ContractView:
    """Raises NotFound for a firm that is not there."""
    catch_up(firm_id)
    with reading() as session:
        case = Onboarding.of_firm(session, firm_id)
        contract = Contract.of(session, firm_id)
        today = contract.day_of(now()) if contract else local_day(now())
        booked = _booked(session, case, contract, today) if contract else []
        active = [each for each in booked if each.is_active]
        is_open = contract is not None and case.firm.closed_at is None
        return ContractView(
            firm=case.firm,
            case=case,
            owner=Person.organiser(session, firm_id),
            contract=contract,
            partner=Addressee.from_json(contract.partner) if contract else None,
            billing=Addressee.from_json(contract.billing_address) if contract and contract.billing_address else None,
            recipients=Recipient.of(session, firm_id),
            since=min((each.booking.starts_on for each in active), default=None),
            booked=booked,
            orderable=_orderable(session, {each.module.id for each in active}, who, today) if is_open else [],
            accepted=_accepted(session, case),
            versions=versions_for(session, firm_id, today),
            history=_history(session, case.id),
            tax=_taxed(session, contract) if contract else None,
            silence=VatSilence.of(session, firm_id),
            own={person.email for role in STAFF for person in Person.of(session, firm_id, role)},
        )


def _taxed(session: Session, contract: Contract) -> Taxation:
    since = good_now(now(), settings().vat_days)
    answer = VatAnswer.standing(session, [contract.firm_id], since).get(contract.firm_id)
    return taxation(contract, our_side(), answer)


def _booked(session: Session, case: Onboarding, contract: Contract, today: date) -> list[Booked]:
    bookings = Booking.of(session, contract.firm_id)
    ids = [booking.id for booking in bookings]
    phases, declared = Phase.of(session, ids), _declared(session, case, ids)
    waiting = Change.waiting(session, ids)
    goes_over = {key: each.tariff for key, each in waiting.items() if each.tariff is not None}
    of_modules = _by_id(session, Module, {booking.module_id for booking in bookings})
    fields = ModuleField.of(session, of_modules)
    running = {key: running_phase(each, today) for key, each in phases.items()}
    wanted = {phase.tariff_id for phase in running.values()} | {
        each.tariff_id for each in goes_over.values() if each.tariff_id
    }
    tariffs = _by_id(session, Tariff, wanted)
    lists = _by_id(session, PriceList, {phase.price_list_id for phase in running.values()})
    following = {phase.next_price_list_id for phase in running.values() if phase.next_price_list_id is not None}
    prices = PriceList.positions_of(session, {*lists, *following})
    options: dict[int, list[tuple[BookedOption, Article, str]]] = {}
    added = select(BookedOption, Article, Tariff.currency).join(Article, Article.id == BookedOption.article_id)
    added = (
        added.join(Tariff, Tariff.id == Article.tariff_id)
        .where(BookedOption.firm_id == contract.firm_id)
        .order_by(BookedOption.id)
    )
    for option, article, currency in session.execute(added).tuples():
        options.setdefault(option.booking_id, []).append((option, article, currency))
    rows = []
    for booking in bookings:
        phase, waits = running[booking.id], waiting.get(booking.id, Waiting())
        listed = prices.get(phase.price_list_id, [])
        is_active = booking.is_active(today)
        rows.append(
            Booked(
                booking=booking,
                module=of_modules[booking.module_id],
                phase=phase,
                tariff=tariffs[phase.tariff_id],
                prices=lists[phase.price_list_id],
                positions=[
                    (article, _price(phase, article, amount))
                    for article, amount in listed
                    if article.key is not ArticleKey.OPTION
                ],
                announced=_announced(booking, phase, waits.first, prices),
                options=options.get(booking.id, []),
                addable=[(article, amount) for article, amount in listed if article.key is ArticleKey.OPTION],
                fields=fields.get(booking.module_id, []),
                change=waits.last,
                to_tariff=waits.tariff,
                next_tariff=tariffs.get(waits.tariff.tariff_id or 0) if waits.tariff else None,
                declared=declared.get(booking.id, []),
                ending=phase.terms(contract).ending(now())
                if is_active and not (booking.ends_on or waits.tariff)
                else None,
                is_active=is_active,
            )
        )
    return rows


def _announced(booking: Booking, phase: Phase, change: Change | None, prices: Prices) -> list[tuple[Article, Decimal]]:
    """Nothing where the tariff ends before."""
    ends = [day for day in (booking.ends_on, change.ends_on if change else None) if day is not None]
    if phase.reprices_on is None or any(day < phase.reprices_on for day in ends):
        return []
    return [(article, after) for article, _, after in changed(prices, phase)]


def _declared(session: Session, case: Onboarding, booking_ids: list[int]) -> dict[int, list[Declared]]:
    """What was declared for each booking, and by whom: that stands in the first act that tells of it."""
    by: dict[int, str] = {}
    told = select(Entry).where(Entry.case_id == case.id, Entry.action == "change.declared").order_by(Entry.number)
    for entry in session.scalars(told):
        for row in entry.facts.get("rows", {}).get("changes", ()):
            by.setdefault(row["id"], entry.actor)
    found: dict[int, list[Declared]] = {}
    changes = select(Change).where(Change.booking_id.in_(booking_ids)).order_by(Change.id.desc())
    for change in session.scalars(changes):
        found.setdefault(change.booking_id, []).append(Declared(change, by.get(change.id, "")))
    return found


@dataclass(frozen=True)
class Letter:
    """The scan of a letter by which something was declared."""

    received_on: date
    content: bytes
    media_type: str
    ending: str


def letter(firm_id: int, change_id: int) -> Letter:
    """The letter of this change; raises NotFound if there is none, or it is another firm's.

    What it is called is said here: the same file may have come from somebody else before, under their name for it.
    """
    with reading() as session:
        contract, change = Contract.of(session, firm_id), session.get(Change, change_id)
        if contract is None or change is None or change.firm_id != firm_id or change.document_id is None:
            raise NotFound(N_("The letter"))
        content = session.get_one(Document, change.document_id).content
        media_type, ending = scan_kind(content)
        return Letter(contract.day_of(change.received_at), content, media_type, ending)


def _orderable(session: Session, had: set[int], who: Who, today: date) -> list[Orderable]:
    """What the firm may order itself, for operators all that there is."""
    by_client = who.authority is Authority.CLIENT
    modules = Module.offered(session) if by_client else Module.kept(session)
    modules = [module for module in modules if module.id not in had]
    fields = ModuleField.of(session, [module.id for module in modules])
    offers = offers_of(session, [module.id for module in modules], today, offered=by_client)
    return [
        Orderable(module, offers[module.id], fields.get(module.id, [])) for module in modules if module.id in offers
    ]


def offers(firm_id: int, booked: Booked, who: Who) -> list[Offer]:
    """The tariffs of this module at today's prices; by firms only those that are offered to them."""
    with reading() as session:
        contract = Contract.of(session, firm_id)
        today = contract.day_of(now()) if contract else local_day(now())
        offered = who.authority is Authority.CLIENT
        return offers_of(session, [booked.module.id], today, offered=offered).get(booked.module.id, [])


def offers_of(session: Session, module_ids: Collection[int], today: date, *, offered: bool) -> dict[int, list[Offer]]:
    """The tariffs of modules at today's prices; by firms only those *offered* to them. Without prices none is."""
    tariffs = Tariff.of(session, module_ids, offered=offered)
    newest = PriceList.on(session, [tariff.id for tariff in tariffs], today)
    prices = PriceList.positions_of(session, [each.id for each in newest.values()])
    found: dict[int, list[Offer]] = {}
    for tariff in tariffs:
        if tariff.id in newest:
            listed = newest[tariff.id]
            found.setdefault(tariff.module_id, []).append(Offer(tariff, listed, prices.get(listed.id, [])))
    return found


def _accepted(session: Session, case: Onboarding) -> list[Accepted]:
    """The agreements that both sides have signed, the newest first."""
    signed = select(Agreement).where(Agreement.onboarding_id == case.id, Agreement.countersigned_at.is_not(None))
    rows = session.scalars(signed.order_by(Agreement.version.desc()))
    return [Accepted(agreement, agreement.signer or "") for agreement in rows]


def _history(session: Session, case_id: int) -> list[Entry]:
    told = [Entry.action.startswith(begins) for begins in ACTS]
    rows = select(Entry).where(Entry.case_id == case_id, or_(*told))
    return list(session.scalars(rows.order_by(Entry.number.desc()).limit(HISTORY)))


def _price(phase: Phase, article: Article, listed: Decimal) -> Decimal:
    own = phase.base_amount if article.key is ArticleKey.BASE else None
    return listed if own is None else own


Row = TypeVar("Row", Module, Tariff, PriceList)


def _by_id(session: Session, table: type[Row], ids: set[int]) -> dict[int, Row]:
    return {row.id: row for row in session.scalars(select(table).where(table.id.in_(ids)))}
