"""Ten years of many contracts, against a ledger that is kept by hand: each effect once, on its day, and to the cent."""

import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings as tries
from sqlalchemy import insert, select

from models.agreement import Agreement
from models.contracts.booking import BookedOption, Booking, Change, ChangeKind, Phase, Waiting
from models.contracts.catalogue import Article, ArticleKey, Authority, Module, PriceList, Tariff
from models.contracts.contract import Contract
from models.contracts.handover import Billing, Charge
from models.contracts.terms import NoticeTo, Period
from models.db import reading, transaction
from models.errors import ProvisionError
from models.firm import Firm
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, Step
from models.people.person import Person
from models.settings import settings
from models.subscription import Interval, Subscription
from tasks.contracts import batches, billing, changes, details, effects, orders, pricing, reminding
from tasks.contracts.changes import Wish
from tasks.contracts.details import Section
from tasks.contracts.orders import Who
from tests import ledger
from tests.factories import countersigned
from tests.ledger import DAY, Booked, Extra, Ledger, Refused, Stretch, Version

BERLIN = ZoneInfo("Europe/Berlin")
IS_LONG = tries.default.max_examples > 100
FIRST, LAST = date(2026, 9, 16), date(2036, 9, 30) if IS_LONG else date(2030, 9, 30)
CONTRACTS = 1000 if IS_LONG else 5
SEED = int(os.environ.get("YEARS") or random.SystemRandom().randrange(10**6))
ACTS_A_YEAR = 2 if IS_LONG else 8
CLIENT = Who("erika@freitag.example", Authority.CLIENT)
OPERATOR = Who("operator@convent-it.example", Authority.OPERATOR)
MANAGER = Who("manager@convent-it.example", Authority.MANAGER)
TERMS = [
    [(("12M", "12M", "3M", "term_end"), 3), (("1M", "1M", "2W", "term_end"), 1), (("12M", "1M", "1M", "year_end"), 12)],
    [
        (("24M", "6M", "30D", "quarter_end"), 6),
        (("6M", None, "1M", "term_end"), 1),
        (("3M", None, "6W", "month_end"), 3),
    ],
    [(("14D", None, "10D", "any_day"), 1), (("12M", "6M", "6W", "term_end"), 3), (("6M", "12M", "2M", "term_end"), 12)],
]
"""Of each module the tariffs: terms, and the months between two bills."""
INTERVALS = {1: Interval.MONTHLY, 3: Interval.QUARTERLY, 6: Interval.HALF_YEARLY, 12: Interval.YEARLY}
ABOUT = {
    *(MailKind.MODULE_ORDERED, MailKind.CHANGE_DECLARED, MailKind.CHANGE_UNDONE, MailKind.UNDO_REFUSED),
    *(MailKind.TARIFF_BEGUN, MailKind.MODULE_ENDED, MailKind.NOTICE_NEARS, MailKind.PRICES_CHANGE),
}


class Killed(BaseException):
    """The flow is ended from outside."""


class Seen(NamedTuple):
    """A month that was closed, as it was told then."""

    digest: str
    at: datetime


class Years:
    """Two accounts of the same years: the product's, and the ledger's."""

    def __init__(self, clock, monkeypatch, seed: int, contracts: int) -> None:
        self.clock, self.patch, self.chance = clock, monkeypatch, random.Random(seed)
        self.ledger, self.day = Ledger(), FIRST
        self.closed: dict[date, Seen] = {}
        self.named: dict[tuple[int, date], str] = {}
        self.articles: dict[int, tuple[int, str]] = {}
        self.offers: dict[int, list[ledger.Tariff]] = {}
        self.refused: Counter[str] = Counter()
        self.moved = 0
        self.at(12)
        countersigned()
        many(contracts, self.chance)
        orders.begin_missing.fn()
        self._begin()

    def at(self, hour: int, minute: int = 0) -> datetime:
        moment = datetime.combine(self.day, time(hour, minute), BERLIN)
        self.clock(moment)
        return moment

    def _begin(self) -> None:
        """The catalogue, and what everybody has from the agreement on."""
        with reading() as session:
            tariffs = {tariff.id: self._known(session, tariff) for tariff in session.scalars(select(Tariff))}
            for booking, phase in session.execute(
                select(Booking, Phase).join(Phase, Phase.booking_id == Booking.id).order_by(Booking.id)
            ).tuples():
                tariff, day = tariffs[phase.tariff_id], booking.starts_on
                run = [Stretch(tariff, tariff.versions[0], day, day, agreed=phase.base_amount)]
                firm = ledger.Firm([Booked(booking.firm_id, booking.id, booking.module_id, run)], names=[""])
                self.ledger.firms[booking.firm_id] = firm
        with transaction() as session:
            for number, offers in enumerate(TERMS):
                module = Module(code=f"m{number}", names={"de": f"Modul {number}"})
                session.add(module)
                session.flush()
                self.offers[module.id] = [self._offer(session, module, *offer) for offer in offers]

    def _known(self, session, tariff: Tariff) -> ledger.Tariff:
        for article in tariff.articles(session):
            self.articles[article.id] = tariff.id, article.key.value
        first, *_ = session.scalars(select(PriceList).where(PriceList.tariff_id == tariff.id))
        terms = (str(tariff.first_term), str(tariff.extension), str(tariff.notice), tariff.notice_to.value)
        prices = tuple((article.key.value, amount) for article, amount in first.positions(session))
        known = ledger.Tariff(tariff.id, terms, tariff.interval.months)
        known.versions.append(Version(first.id, first.valid_from, prices))
        self.offers.setdefault(0, []).append(known)  # Nobody orders it.
        return known

    def _offer(self, session, module: Module, terms: tuple, months: int) -> ledger.Tariff:
        first, extension, notice, to = terms
        made = Tariff(module_id=module.id, names={"de": "Tarif"}, interval=INTERVALS[months], notice_to=NoticeTo(to))
        made.code = f"t{len(self.articles)}"
        made.first_term, made.notice = Period.parse(first), Period.parse(notice)
        made.extension = Period.parse(extension) if extension else None
        session.add(made)
        session.flush()
        for key in ArticleKey:
            article = Article(tariff_id=made.id, key=key, names={"de": key.value})
            session.add(article)
            session.flush()
            self.articles[article.id] = made.id, key.value
        known = ledger.Tariff(made.id, terms, months)
        self._publish(session, known, date(2020, 1, 1))
        return known

    def _publish(self, session, tariff: ledger.Tariff, day: date) -> None:
        row = session.get_one(Tariff, tariff.key)
        before = tariff.versions[-1].prices if tariff.versions else ()
        prices = {
            article.key.value: Decimal(self.chance.randint(1, 9_999_999)) / 10_000 for article in row.articles(session)
        }
        if before and self.chance.random() < 0.2:
            prices["base"] = dict(before)["base"]
        by_article = {article.id: prices[article.key.value] for article in row.articles(session)}
        made = row.publish(session, day, by_article, date(2020, 1, 1), datetime.combine(self.day, time(), BERLIN))
        tariff.versions.append(Version(made.id, day, tuple(prices.items())))

    # ---- What happens on a day

    def flow(self, *, killed: bool = False) -> None:
        """The daily flow; perhaps it is ended between two batches, and does the rest later on the day.

        Of few contracts it is run only when something comes of it, and on some other days.
        """
        self.ledger.daily(self.day)
        if not IS_LONG and self.ledger.moved == self.moved and self.chance.random() < 0.95:
            return
        self.moved = self.ledger.moved
        if killed:
            left = self.chance.randint(1, 12)

            def some(*args):
                nonlocal left
                left -= 1
                if left < 0:
                    raise Killed
                return transaction(*args)

            with self.patch.context() as patch, suppress(Killed):
                for module in (batches, pricing):
                    patch.setattr(module, "transaction", some)
                daily()
            self.at(6, 10)
        daily()

    def close(self) -> None:
        """All months that are over, each asked for twice."""
        billing.close_months.fn()
        month = (
            ledger.walked(max(self.closed), 1, 1)
            if self.closed
            else min(one.run[0].first for firm in self.ledger.firms.values() for one in firm.modules).replace(day=1)
        )
        while (following := ledger.walked(month, 1, 1)) <= self.day:
            told = self.told_of(month)
            assert told == self.told_of(month)
            self.closed[month] = Seen(told, datetime.combine(self.day, time(), BERLIN))
            for firm_id, firm in self.ledger.firms.items():
                self.named[firm_id, month] = firm.names[-1]
                if firm_id % 7 == 3:
                    self.ledger.close(firm, month)
            month = following

    def told_of(self, month: date) -> str:
        rows = [repr(row) for page in billing.all_pages(month) for row in page.rows]
        return sha256("\n".join(rows).encode()).hexdigest()

    def act(self) -> None:
        """Somebody does something; both accounts take it, or refuse it for the same reason."""
        firm_id = self.chance.choice(list(self.ledger.firms))
        does = self.chance.choices(
            [self.order, self.declare, self.undo, self.extra, self.test, self.move],
            [30, 40, 20, 15, 3, 4],
        )[0]
        does(firm_id)

    def agree(self, ours, theirs):
        """Do it in both accounts; gives what the product made of it, and what the ledger did."""
        said = refusal = made = kept = None
        try:
            kept = theirs()
        except Refused as refused:
            refusal = refused.args[0] if refused.args else "any"
        try:
            made = ours()
        except ProvisionError as error:
            said = type(error).__name__
        assert said == refusal or (refusal == "any" and said), f"{self.day}: {said}, and in the ledger {refusal}"
        self.refused[said or ""] += 1
        return made, kept

    def order(self, firm_id: int) -> None:
        module = self.chance.choice([key for key in self.offers if key])
        tariff = self.chance.choice(self.offers[module])
        price_list = tariff.version_on(self.day).key
        made, kept = self.agree(
            lambda: orders.order(firm_id, CLIENT, module, tariff.key, price_list, {}),
            lambda: self.ledger.order(firm_id, module, tariff, self.day),
        )
        if made:
            kept.key = made.id

    def declare(self, firm_id: int) -> None:
        booked = self.chance.choice(self.ledger.firms[firm_id].modules[-4:])
        kind = self.chance.choice(["termination", "tariff", "tariff", "termination", "extraordinary", "switch"])
        if kind in {"extraordinary", "switch"} and self.chance.random() < 0.6:
            kind = "termination"
        goes_over = [one for one in self.ledger.firms[firm_id].modules if one.pending and not one.pending.is_end]
        if goes_over and kind != "tariff":  # Otherwise that hardly happens to one that is to have another tariff.
            booked = self.chance.choice(goes_over)
        tariff = chosen = received = None
        who = CLIENT
        if kind == "tariff":
            tariff = self.chance.choice(self.offers.get(booked.module) or self.offers[0][-3:])
            if self.chance.random() < 0.4:
                who, chosen = MANAGER, self.day + timedelta(days=self.chance.randint(-1, 120))
        elif kind == "extraordinary" or self.chance.random() < 0.15:
            who = MANAGER
            chosen = self.day + timedelta(days=self.chance.randint(-1, 200)) if kind == "termination" else None
        if who is CLIENT and self.chance.random() < 0.25:
            who, received = OPERATOR, self.day - timedelta(days=self.chance.randint(1, 25))
        reason = "Kulanz" if who is MANAGER else ""
        came = received and datetime.combine(received, time(self.chance.randint(0, 6), 30), BERLIN)
        wish = Wish(ChangeKind(kind), tariff and tariff.key, chosen, reason, came)
        seen, last = self.agree(
            lambda: changes.preview(firm_id, booked.key, who, wish),
            lambda: self.ledger.foresee(booked, kind, received or self.day, tariff, chosen),
        )
        self.ledger.catch_up(firm_id, self.day)
        if seen is None:
            return
        assert seen.foreseen.ends_on == last
        due = ledger.bill(booked if kind == "tariff" else self.ledger.after_tariff(booked, last), last, last)
        costs = [one.amount for one in due.values() if one.first > self.day]
        total = 0 if self.ledger.firms[firm_id].is_test else sum(costs)
        assert seen.cost == ({"EUR": total} if total else {})
        drops = [each.id for each in seen.foreseen.drops]
        price_list = tariff and tariff.version_on(self.day).key
        changes.declare_change(firm_id, booked.key, who, wish, drops=drops, price_list_id=price_list)
        self.ledger.declare(booked, kind, self.day, last, tariff)

    def undo(self, firm_id: int) -> None:
        """Asked by the firm; granted, refused, left open, or granted without having been asked."""
        waiting = [one for one in self.ledger.firms[firm_id].modules if one.pending]
        booked = self.chance.choice(waiting or self.ledger.firms[firm_id].modules[-3:])
        if self.chance.random() < 0.8:
            self.agree(
                lambda: changes.ask_undo(firm_id, booked.key, CLIENT), lambda: self.ledger.ask_undo(booked, self.day)
            )
        match self.chance.choice(["agree", "agree", "refuse", ""]):
            case "agree":
                self.agree(
                    lambda: changes.agree_undo(firm_id, booked.key, OPERATOR),
                    lambda: self.ledger.agree_undo(booked, self.day),
                )
            case "refuse":
                self.agree(
                    lambda: changes.refuse_to_undo(firm_id, booked.key, OPERATOR),
                    lambda: self.ledger.refuse_to_undo(booked, self.day),
                )

    def extra(self, firm_id: int) -> None:
        booked = self.chance.choice(self.ledger.firms[firm_id].modules[-3:])
        with reading() as session:
            keys = select(BookedOption.id).where(BookedOption.booking_id == booked.key).order_by(BookedOption.id)
            for extra, key in zip(booked.extras, session.scalars(keys), strict=False):
                extra.key = key
        added = [extra for extra in booked.extras if extra.last is None and extra.key]
        if added and self.chance.random() < 0.5:
            extra: Extra = self.chance.choice(added)
            orders.end_option(firm_id, booked.key, MANAGER, extra.key)
            self.ledger.end_extra(extra, self.day)
            self.ledger.catch_up(firm_id, self.day)
            return
        pieces, tariff = self.chance.randint(1, 9), booked.run[-1].tariff.key
        article = next((key for key, what in self.articles.items() if what == (tariff, "option")), 0)
        self.agree(
            lambda: orders.add_option(firm_id, booked.key, MANAGER, article, str(pieces)),
            lambda: self.ledger.add_extra(booked, pieces, self.day),
        )

    def test(self, firm_id: int) -> None:
        """An account is a test for a while."""
        firm = self.ledger.firms[firm_id]
        if firm_id % 7 == 3:
            is_test = not firm.is_test
            self._change(firm_id, Section.TEST, {"is_test": "yes" if is_test else ""})
            self.ledger.be_test(firm, self.day, is_test=is_test)

    def move(self, firm_id: int) -> None:
        """Bills go elsewhere from now on."""
        name = f"Kanzlei am {self.day}"
        address = {"name": name, "street": "Weg 1", "postcode": "80331", "city": "München", "country": "DE"}
        self._change(firm_id, Section.BILLING, address)
        self.ledger.firms[firm_id].names.append(name)

    def _change(self, firm_id: int, section: Section, written: dict[str, str]) -> None:
        _, was = details.form(firm_id, MANAGER, section)
        details.change(firm_id, MANAGER, section, written, was)

    def raise_prices(self) -> None:
        tariff = self.chance.choice([tariff for offers in self.offers.values() for tariff in offers])
        soonest = max(tariff.versions[-1].day + DAY, self.day)
        with transaction() as session:
            self._publish(session, tariff, soonest + timedelta(days=self.chance.randint(0, 120)))

    # ---- The whole

    def live(self) -> None:
        firms, down_until = len(self.ledger.firms), FIRST
        rises = 0.8 * sum(map(len, self.offers.values())) / 365
        while self.day < LAST:
            self.day += DAY
            self.ledger.begin(self.day)
            if self.chance.random() < firms * ACTS_A_YEAR / 365 * 0.05:
                self.at(0, 5)
                self.act()
            if self.day > down_until and self.chance.random() < 0.01:
                down_until = self.day + timedelta(days=self.chance.choice([2, 5, 16, 40]))
            is_up = self.day > down_until
            if is_up:
                self.at(0, 10)
                self.flow(killed=self.chance.random() < 0.05)
            if self.day.day == 1 and (is_up or self.chance.random() < 0.5):
                self.at(1)
                self.close()
                if is_up and self.day.month == 1:
                    self.check()
            self.at(self.chance.randint(8, 17))
            for _ in range(self._acts(firms)):
                self.act()
            if self.chance.random() < rises:
                self.raise_prices()
        self.day = LAST + DAY
        self.ledger.begin(self.day)
        self.at(0, 10)
        self.flow()
        self.at(1)
        self.close()
        self.check()

    def _acts(self, firms: int) -> int:
        whole, part = divmod(firms * ACTS_A_YEAR / 365, 1)
        return int(whole) + (self.chance.random() < part)

    # ---- Whether both say the same

    def check(self) -> None:
        with reading() as session:
            bookings = {booking.id: booking for booking in session.scalars(select(Booking))}
            phases = Phase.of(session, bookings)
            waiting = Change.waiting(session, bookings)
            paid: dict[int, dict[tuple, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
            options = dict(session.execute(select(BookedOption.id, BookedOption.booking_id)).tuples().all())
            counted = {key: at for of in set(options.values()) for at, key in numbered(options, of)}
            names = ("booking_id", "article_id", "option_id", "period_first", "net")
            for row in session.execute(select(*(getattr(Charge, name) for name in names))):
                tariff, kind = self.articles[row.article_id]
                what = (row.booking_id, tariff, kind, counted.get(row.option_id, 0), row.period_first)
                paid[row.booking_id][what] += row.net
            documents = session.execute(select(Billing.firm_id, Billing.month, Billing.document)).tuples().all()
            mails = session.scalars(select(Outgoing).where(Outgoing.kind.in_(ABOUT))).all()
        for firm_id, firm in self.ledger.firms.items():
            for booked in firm.modules:
                waits = waiting.get(booked.key, Waiting())
                self.check_booked(booked, bookings[booked.key], phases[booked.key], waits)
                found = {what: amount for what, amount in paid[booked.key].items() if amount}
                assert found == self.right(firm_id, firm, booked), (self.day, firm_id, booked)
        assert len(bookings) == sum(len(firm.modules) for firm in self.ledger.firms.values())
        told = Counter((mail.kind.value, mail.onboarding_id, side(mail), day_of(mail)) for mail in mails)
        assert told - self.ledger.told == Counter()
        assert self.ledger.told - told == Counter()
        for firm_id, month, document in documents:
            assert document["name"] == (self.named[firm_id, month] or document["name"])

    def check_booked(self, booked: Booked, booking: Booking, rows: list[Phase], waits: Waiting) -> None:
        assert [(row.tariff_id, row.price_list_id, row.anchor_on, row.starts_on, row.ends_on) for row in rows] == [
            # One that began after an end that was entered later bears a day, which is not counted.
            (one.tariff.key, one.version.key, one.anchor, one.first, one.last and max(one.first, one.last))
            for one in booked.run
        ], (self.day, booked)
        ended = booking.ended_at and booking.ended_at.astimezone(BERLIN).date() - DAY
        assert (booking.ends_on, ended) == (booked.last, booked.last if booked.is_over else None), (self.day, booked)
        last = waits.last
        assert [(each.kind.value, each.ends_on) for each in waits if each] == [
            (each.kind, each.last) for each in (booked.coming, booked.pending) if each
        ], (self.day, booked)
        if last:
            assert (last.undo_asked_at is not None) == booked.pending.is_undo_asked

    def right(self, firm_id: int, firm: ledger.Firm, booked: Booked) -> dict[tuple, Decimal]:
        if firm_id % 7 == 3:
            return {what: amount for what, (_, amount) in firm.billed.items() if what[0] == booked.key}
        until = self.day.replace(day=1) - DAY
        due = ledger.bill(booked, until, ledger.known_end(booked))
        return {what: one.amount for what, one in due.items() if one.amount}


def daily() -> None:
    """What the flow does, without Prefect."""
    orders.begin_missing.fn()
    effects.apply_due.fn()
    pricing.announce_prices.fn()
    reminding.remind_of_notice.fn()


def numbered(options: dict[int, int], booking_id: int) -> Iterable[tuple[int, int]]:
    """The options of a booking, counted as they were added."""
    return enumerate(sorted(key for key, of in options.items() if of == booking_id), start=1)


def side(mail: Outgoing) -> str:
    return "provider" if mail.to_address == settings().provider_email else "firm"


def day_of(mail: Outgoing) -> date:
    return mail.created_at.astimezone(BERLIN).date()


def many(contracts: int, chance: random.Random) -> None:
    """As many firms as that which have all signed, on days and at prices of their own, and no contract yet."""
    with transaction() as session:
        for table in (Phase, Booking, Contract):
            session.query(table).delete()
        rows = {
            table: [{name: getattr(row, name) for name in table.__mapper__.column_attrs.keys()} for row in found]  # noqa: SIM118
            for table, found in (
                (Firm, session.scalars(select(Firm)).all()),
                (Onboarding, session.scalars(select(Onboarding)).all()),
                (Step, session.scalars(select(Step)).all()),
                (Person, session.scalars(select(Person).where(Person.role == "organiser")).all()),
                (Agreement, session.scalars(select(Agreement)).all()),
                (Subscription, session.scalars(select(Subscription)).all()),
            )
        }
        step = max(row["id"] for row in rows[Step])
        copies = defaultdict(list)
        for n in range(2, contracts + 1):
            own = {
                Firm: {"id": n, "company_id": None, "search": "", "name": f"Kanzlei {n}"},
                Onboarding: {"id": n, "firm_id": n, "request_key": f"years:{n}"},
                Person: {"id": 10_000 + n, "firm_id": n, "account_id": None},
                Agreement: {"id": n, "onboarding_id": n, "contract_begun_at": None},
                Subscription: {"id": n, "firm_id": n},
            }
            signed = datetime(
                2026,
                chance.randint(1, 8),
                chance.randint(1, 31 if chance.random() < 0.5 else 28) % 28 + 1,
                12,
                tzinfo=BERLIN,
            )
            own[Agreement] |= {"countersigned_at": signed}
            months, interval = chance.choice(list(INTERVALS.items()))
            price = 5_900 * months - (700 if chance.random() < 0.1 else 0)
            own[Subscription] |= {"interval": interval, "price_cents": price}
            for table, found in rows.items():
                for row in found:
                    if table is Step:
                        step += 1
                        own[Step] = {"id": step, "onboarding_id": n}
                    copies[table].append(row | own[table])
        for table, made in copies.items():
            session.execute(insert(table), made)
        session.query(Agreement).update({"contract_begun_at": None})


@pytest.fixture
def years(clock, monkeypatch, no_runs):
    seed = SEED
    print(f"seed {seed}")
    return Years(clock, monkeypatch, seed, CONTRACTS)


def test_ten_years_of_contracts_go_as_they_do_in_a_ledger_kept_by_hand(years):
    years.patch.setattr(batches, "AT_ONCE", max(4, CONTRACTS // 5))
    years.live()
    print(years.ledger.effects, years.refused)
    if IS_LONG:  # Among few it may be that nobody does one of them.
        assert years.ledger.effects.keys() == {"tariff", "prices", "end"}
        assert {kind for kind, *_ in years.ledger.told} == {kind.value for kind in ABOUT}
