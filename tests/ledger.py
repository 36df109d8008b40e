"""What becomes of contracts, kept by hand day by day, to hold the product against; it shares nothing with it.

Simple on purpose, and slow: on each day it is looked whether something begins or ends with it, and what a module costs
is added up by the day. What people do is taken or refused here by the rules as they are written down, and whatever
somebody is to be told is counted by the day on which they are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from tests.statute import DAY, walked, walked_end, walked_last_day, walked_notice, walked_term

LEADS, PRICE_NOTICE, BINDS_LITTLE, REACH = (45, 14), 42, 62, 24
BOTH, FIRM = ("firm", "provider"), ("firm",)


class Length(NamedTuple):
    count: int
    unit: str

    @classmethod
    def of(cls, written: str | None) -> "Length | None":
        return written and cls(int(written[:-1]), written[-1])


class Terms(NamedTuple):
    start: date
    first_term: Length
    extension: Length | None
    notice: Length
    to: str


class Version(NamedTuple):
    """Of a price list: the product's number, since when, and what each kind of article costs."""

    key: int
    day: date
    prices: tuple[tuple[str, Decimal], ...]

    def price(self, kind: str) -> Decimal | None:
        return dict(self.prices).get(kind)


@dataclass(eq=False)
class Tariff:
    key: int
    terms: tuple[str, str | None, str, str]
    months: int
    """Between two bills."""
    versions: list[Version] = field(default_factory=list)

    def version_on(self, day: date) -> Version:
        return [version for version in self.versions if version.day <= day][-1]

    def terms_from(self, start: date, notice: str | None = None) -> Terms:
        first, extension, usual, to = self.terms
        return Terms(start, Length.of(first), Length.of(extension), Length.of(notice or usual), to)


@dataclass
class Stretch:
    """Days on one tariff at one version of its prices; the anchor is what terms and bills are counted from."""

    tariff: Tariff
    version: Version
    anchor: date
    first: date
    last: date | None = None
    agreed: Decimal | None = None
    """The base price that holds for this firm alone."""

    @property
    def terms(self) -> Terms:
        return self.tariff.terms_from(self.anchor)

    @property
    def base(self) -> Decimal:
        return self.version.price("base") if self.agreed is None else self.agreed


@dataclass
class Extra:
    """An option that was added."""

    key: int
    """The product's number, as soon as it is known."""
    tariff: Tariff
    pieces: int
    price: Decimal
    first: date
    last: date | None = None


@dataclass
class Pending:
    kind: str
    last: date
    tariff: Tariff | None = None
    version: Version | None = None
    is_undo_asked: bool = False

    @property
    def is_end(self) -> bool:
        return self.kind != "tariff"


@dataclass
class Booked:
    """A module that a firm has or had."""

    firm: int
    key: int
    module: int
    run: list[Stretch]
    last: date | None = None
    is_over: bool = False
    pending: Pending | None = None
    coming: Pending | None = None
    """Another tariff that comes before the end that waits."""
    extras: list[Extra] = field(default_factory=list)
    raised: tuple[Version, date] | None = None
    """Prices that were announced, and from when on they count."""
    notice: tuple[date, date] | None = None
    """The anchor and the last day of notice of which is reminded."""
    reminded: int = 0


class Refused(Exception):
    """By the name of the product's refusal."""


@dataclass
class Firm:
    modules: list[Booked] = field(default_factory=list)
    is_test: bool = False
    billed_from: date | None = None
    names: list[str] = field(default_factory=list)
    """As they stand on bills, one after the other."""
    told_later: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """What took effect and was told to nobody yet."""
    billed: dict[tuple, tuple[date, Decimal]] = field(default_factory=dict)
    """Of what was handed over and holds, the first day that is paid for, and the amount."""


# ---- Days


@cache
def ends_by_itself(terms: Terms) -> date | None:
    return walked_term(terms.start, terms.first_term) if terms.extension is None and terms.to == "term_end" else None


@cache
def end_after(terms: Terms, received: date) -> date:
    """The last day after a notice that is received then."""
    return walked_end(terms, walked_notice(received, terms.notice)) or walked_term(terms.start, terms.first_term)


@cache
def chance(terms: Terms, day: date) -> tuple[date, bool] | None:
    """The next last day for notice, and whether missing it binds for long."""
    if terms.to == "any_day" or ends_by_itself(terms):
        return None
    end = walked_end(terms, walked_notice(day, terms.notice))
    following = walked_end(terms, end + DAY)
    return walked_last_day(end, terms.notice), (following - end).days > BINDS_LITTLE


@cache
def is_first(anchor: date, months: int, day: date) -> bool:
    """Whether a billing period begins with this day."""
    passed = 12 * (day.year - anchor.year) + day.month - anchor.month
    is_its_day = day.day == anchor.day or (day.day < anchor.day and (day + DAY).month != day.month)
    return passed >= 0 and passed % months == 0 and is_its_day


@cache
def first_from(anchor: date, months: int, day: date) -> date:
    """The first day of the next billing period, today's included."""
    while not is_first(anchor, months, day):
        day += DAY
    return day


@cache
def period(anchor: date, months: int, day: date) -> tuple[date, int]:
    """The billing period in which the day is: its first day, and how many it has."""
    first = day
    while not is_first(anchor, months, first):
        first -= DAY
    return first, (first_from(anchor, months, first + DAY) - first).days


def cents(amount: Fraction) -> Decimal:
    return (Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


# ---- Money


class Due(NamedTuple):
    """What is paid for one thing in one period."""

    first: date
    days: int
    of: int
    price: Decimal
    is_once: bool = False

    @property
    def amount(self) -> Decimal:
        return cents(Fraction(self.price) * self.days / self.of)


def stretches(booked: Booked, last: date | None) -> Iterator[Stretch]:
    """As it runs until then, if nothing else happens; what was to come after an end told late has never been."""
    *past, running = booked.run
    for each in past:
        if last is None or each.first <= last:
            yield replace(each, last=each.last if last is None else min(each.last, last))
    if last is not None and running.first > last:
        return
    if booked.raised and (last is None or booked.raised[1] <= last):
        version, day = booked.raised
        yield Stretch(running.tariff, running.version, running.anchor, running.first, day - DAY, running.agreed)
        yield Stretch(running.tariff, version, running.anchor, day, last)
    else:
        yield Stretch(running.tariff, running.version, running.anchor, running.first, last, running.agreed)


def known_end(booked: Booked) -> date | None:
    """The last day of the module, or of its tariff, if there is one."""
    ends = [booked.last, *(each and each.last for each in (booked.pending, booked.coming))]
    return min((day for day in ends if day is not None), default=None)


def comes_before(booked: Booked, last: date) -> Pending | None:
    """The tariff that waits, if it begins before an end with this day."""
    pending = booked.pending if booked.pending and not booked.pending.is_end else None
    coming = booked.coming or pending
    return coming if coming is not None and coming.last < last else None


def bill(booked: Booked, until: date, last: date | None, since: date = date.min) -> dict[tuple, Due]:
    """What falls due *until* then for a module that ends with this *last* day, by what it is for: every day counts."""
    due: dict[tuple, Due] = {}
    for number, stretch in enumerate(stretches(booked, last)):
        tariff, day = stretch.tariff, stretch.first
        setup = stretch.version.price("setup")
        if number == 0 and setup is not None and day <= until:
            due[booked.key, tariff.key, "setup", 0, day] = Due(day, 1, 1, setup, is_once=True)
        day = max(day, period(stretch.anchor, tariff.months, max(since, stretch.first))[0])
        while stretch.last is None or day <= stretch.last:
            first, length = period(stretch.anchor, tariff.months, day)
            if max(first, stretch.first) > until:
                break
            _add(due, (booked.key, tariff.key, "base", 0, first), day, length, stretch.base, until)
            for at, extra in enumerate(booked.extras, start=1):
                if extra.tariff is tariff and extra.first <= day and (extra.last is None or day <= extra.last):
                    what = (booked.key, tariff.key, "option", at, first)
                    _add(due, what, day, length, extra.price * extra.pieces, until)
            day += DAY
    return due


def _add(due: dict[tuple, Due], what: tuple, day: date, length: int, price: Decimal, until: date) -> None:
    so_far = due.get(what)
    if so_far is None and day <= until:
        due[what] = Due(day, 1, length, price)
    elif so_far is not None:
        due[what] = so_far._replace(days=so_far.days + 1)


# ---- What happens


class Ledger:
    """All firms, and whoever was told of what on which day."""

    def __init__(self) -> None:
        self.firms: dict[int, Firm] = {}
        self.told: Counter[tuple[str, int, str, date]] = Counter()
        self.effects: Counter[str] = Counter()
        self.moved = 0
        """How often anything came of a day."""

    @property
    def running(self) -> Iterable[Booked]:
        return [one for firm in self.firms.values() for one in firm.modules if not one.is_over]

    def tell(self, kind: str, firm: int, day: date, to: tuple[str, ...] = BOTH) -> None:
        for side in to:
            self.told[kind, firm, side, day] += 1

    def begin(self, day: date) -> None:
        """Midnight."""
        for booked in self.running:
            self.move_on(booked, day)

    def move_on(self, booked: Booked, day: date) -> None:
        """What the day before was the last one of, or this is the first one of."""
        firm, pending, running = self.firms[booked.firm], booked.pending, booked.run[-1]
        before = self.effects.total()
        coming = booked.coming or pending
        if coming is not None and coming.last + DAY == day:
            if coming is pending:
                booked.pending = None
            booked.coming = None
            if not coming.is_end:
                running.last, booked.raised = coming.last, None
                self._go_over(booked, coming, day)
                booked.run.append(Stretch(coming.tariff, coming.version, day, day))
                if coming is pending:
                    booked.last = ends_by_itself(booked.run[-1].terms)
                firm.told_later.append(("tariff_begun", BOTH))
                self.effects["tariff"] += 1
        elif booked.raised is not None and booked.raised[1] == day:
            running.last = day - DAY
            booked.run.append(Stretch(running.tariff, booked.raised[0], running.anchor, day))
            booked.raised = None
            self.effects["prices"] += 1
        if booked.last is not None and booked.last + DAY == day:
            booked.is_over, booked.run[-1].last, booked.raised, booked.pending, booked.coming = (
                True,
                booked.last,
                None,
                None,
                None,
            )
            firm.told_later.append(("module_ended", BOTH))
            self.effects["end"] += 1
        self.moved += self.effects.total() - before

    def _go_over(self, booked: Booked, pending: Pending, day: date) -> None:
        """Options end with the old tariff, and go on at the price of one that has the same."""
        price = pending.version.price("option")
        for extra in list(booked.extras):
            if extra.tariff is not pending.tariff and (extra.last is None or extra.last > pending.last):
                extra.last = max(pending.last, extra.first)
                if price is not None:
                    booked.extras.append(Extra(0, pending.tariff, extra.pieces, price, max(day, extra.first)))

    def after_tariff(self, booked: Booked, last: date) -> Booked:
        """As it will be when the tariff that waits has begun, if it ends after that."""
        coming = comes_before(booked, last)
        if coming is None:
            return booked
        run, extras = list(stretches(booked, coming.last)), [replace(each) for each in booked.extras]
        foreseen, day = replace(booked, run=run, extras=extras, raised=None), coming.last + DAY
        self._go_over(foreseen, coming, day)
        run.append(Stretch(coming.tariff, coming.version, day, day))
        return foreseen

    def catch_up(self, firm: int, day: date) -> None:
        """Whatever took effect is told now."""
        later = self.firms[firm].told_later
        while later:
            kind, to = later.pop(0)
            self.tell(kind, firm, day, to)

    def daily(self, day: date) -> None:
        """The product looks what is to be told."""
        for firm in self.firms:
            self.catch_up(firm, day)
        for booked in self.running:
            self.announce(booked, day)
            self.remind(booked, day)

    def announce(self, booked: Booked, day: date) -> None:
        running, agreed = booked.run[-1], booked.run[-1].version
        newer = [version for version in running.tariff.versions if version.day > agreed.day]
        if not newer or running.agreed is not None or booked.raised is not None:
            return
        soonest = max(newer[0].day, running.first + DAY)
        first = first_from(running.anchor, running.tariff.months, soonest)
        if (first - day).days > PRICE_NOTICE:
            return
        while (first - day).days < PRICE_NOTICE:
            first = first_from(running.anchor, running.tariff.months, first + DAY)
        end = known_end(booked)
        if end is not None and end < first:
            return
        booked.raised = [version for version in newer if version.day <= first][-1], first
        self.moved += 1
        if booked.raised[0].price("base") != agreed.price("base"):
            self.tell("prices_change", booked.firm, day, FIRM)

    def remind(self, booked: Booked, day: date) -> None:
        terms = booked.run[-1].terms
        if booked.notice is None or booked.notice[0] != terms.start or booked.notice[1] < day:
            found = chance(terms, day)
            booked.notice, booked.reminded = (terms.start, found[0] if found else date.max), 0
        last_day = booked.notice[1]
        passed = sum((last_day - day).days <= lead for lead in LEADS)
        if passed > booked.reminded:
            booked.reminded = passed
            self.moved += 1
            _, binds = chance(terms, day)
            is_open = booked.pending is None and booked.last is None
            if is_open and binds and not self.firms[booked.firm].is_test:
                self.tell("notice_nears", booked.firm, day)

    # ---- What people do

    def order(self, firm: int, module: int, tariff: Tariff, day: date) -> Booked:
        for one in self.firms[firm].modules:
            if one.module == module and (one.last is None or one.last >= day):
                raise Refused("ModuleActive")
        made = Booked(firm, 0, module, [Stretch(tariff, tariff.version_on(day), day, day)])
        made.last = ends_by_itself(made.run[0].terms)
        self.firms[firm].modules.append(made)
        self.catch_up(firm, day)
        self.tell("module_ordered", firm, day)
        return made

    def foresee(
        self, booked: Booked, kind: str, received: date, tariff: Tariff | None = None, chosen: date | None = None
    ) -> date:
        """The last day that a declaration leads to."""
        if received < booked.run[0].first:
            raise Refused("ReceivedBeforeOrder")
        if booked.last is not None and booked.last < received:
            raise Refused("EndedAlready")
        running, pending = booked.run[-1], booked.pending
        last = self._regular(running.terms, kind, received)
        coming = None if kind == "tariff" else comes_before(booked, last)
        following = coming and coming.tariff.terms_from(coming.last + DAY)
        if coming is not None:
            last = max(self._regular(following, kind, received), coming.last + DAY)
        last = chosen or last
        coming = None if kind == "tariff" else comes_before(booked, last)
        if last < max(received, running.first if kind == "tariff" else running.anchor):
            raise Refused("DayTooEarly")
        if kind == "tariff" and tariff is running.tariff:
            raise Refused("SameTariff" if pending is None or pending.is_end else "StaysOnTariff")
        by_itself = coming and ends_by_itself(coming.tariff.terms_from(coming.last + DAY))
        if by_itself is not None and last > by_itself:
            raise Refused("EndsAlready")
        if booked.last is not None:
            if kind == "tariff":
                raise Refused("EndingFirst")
            if last >= booked.last:
                raise Refused("EndsAlready")
        return last

    def _regular(self, terms: Terms, kind: str, received: date) -> date:
        if kind == "extraordinary":
            return received
        if kind == "switch":
            shortest = min(walked_notice(received, each) for each in (Length(2, "M"), terms.notice))
            return shortest + 30 * DAY
        return end_after(terms, received)

    def declare(self, booked: Booked, kind: str, day: date, last: date, tariff: Tariff | None = None) -> None:
        """What was foreseen; a letter may have come so long ago that it was due before."""
        self.catch_up(booked.firm, day)
        booked.coming = None if kind == "tariff" else comes_before(booked, last)
        booked.pending = Pending(kind, last, tariff, tariff and tariff.version_on(day))
        if kind != "tariff":
            booked.last = last
        self.tell("change_declared", booked.firm, day)
        since = last + DAY
        while since <= day:
            self.move_on(booked, since)
            since += DAY

    def ask_undo(self, booked: Booked, day: date) -> None:
        pending = booked.pending
        if pending is None:
            raise Refused
        if not pending.is_end:
            booked.pending = None
            self.tell("change_undone", booked.firm, day)
        elif not pending.is_undo_asked:
            pending.is_undo_asked = True  # A question on the board, of which operators hear as of all others.

    def agree_undo(self, booked: Booked, day: date) -> None:
        pending = booked.pending
        if pending is None or (pending.is_end and not pending.is_undo_asked):
            raise Refused
        booked.pending, booked.coming = booked.coming, None
        if pending.is_end:
            booked.last = ends_by_itself(booked.run[-1].terms)
        self.tell("change_undone", booked.firm, day)

    def refuse_to_undo(self, booked: Booked, day: date) -> None:
        if booked.pending is None or not booked.pending.is_undo_asked:
            raise Refused
        booked.pending.is_undo_asked = False
        self.tell("undo_refused", booked.firm, day, FIRM)

    def add_extra(self, booked: Booked, pieces: int, day: date) -> Extra:
        if booked.last is not None and booked.last < day:
            raise Refused("EndedAlready")
        price = booked.run[-1].version.price("option")
        if price is None:
            raise Refused("NotFound")
        added = Extra(0, booked.run[-1].tariff, pieces, price, day)
        booked.extras.append(added)
        self.catch_up(booked.firm, day)
        return added

    def end_extra(self, extra: Extra, day: date) -> None:
        if extra.last is None or extra.last > day:
            extra.last = max(day, extra.first)

    def be_test(self, firm: Firm, day: date, *, is_test: bool) -> None:
        if firm.is_test and not is_test:
            firm.billed_from = day
        firm.is_test = is_test

    # ---- What is handed over

    def close(self, firm: Firm, month: date) -> None:
        """The month that begins with this day is over."""
        if firm.is_test:
            return
        following = walked(month, 1, 1)
        since = date(month.year - REACH // 12, month.month, 1)
        right: dict[tuple, tuple[date, Decimal]] = {}
        for booked in firm.modules:
            for what, due in bill(booked, following - DAY, known_end(booked), since).items():
                begun, first = firm.billed.get(what), due.first
                if firm.billed_from is not None and first < firm.billed_from:
                    first = max(first, begun[0] if begun else firm.billed_from)
                    if due.is_once and not begun:
                        continue
                left = due._replace(days=due.days - (first - due.first).days)
                if what[-1] >= since and left.days > 0 and left.amount:
                    right[what] = first, left.amount
        firm.billed = {what: kept for what, kept in firm.billed.items() if what[-1] < since} | right
