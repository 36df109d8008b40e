# ruff: noqa: F401, F811  (fixtures)
"""Ten years of contracts: orders, changes, ends, new prices and outages at random; each effect once and on its day."""

import random
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import settings as tries
from sqlalchemy import select

from models.contracts.booking import Booking, Change, ChangeKind, ChangeState, Phase
from models.contracts.catalogue import Module, Tariff
from models.contracts.terms import ONE_DAY
from models.db import reading, transaction
from models.errors import ProvisionError
from models.mail.outbox import Outgoing
from models.time.clock import now
from tasks.contracts import changes, orders
from tasks.contracts.changes import Wish
from tests.tasks.test_contract_effects import daily, publish
from tests.tasks.test_contracts import BERLIN, CLIENT, OPERATOR, firm_id, no_faults, phone, prices_of, tariff

MODULES, LAST = 10, date(2037, 3, 1)
SEEDS = range(14, 14 + tries.default.max_examples // 50) if tries.default.max_examples > 100 else [14]
"""Other years each; many in ``make test-long``."""
TERMS = [("12M", "12M", "3M"), ("1M", "1M", "2W"), ("24M", "6M", "30D")]


def catalogue() -> dict[int, list[int]]:
    """Modules with two tariffs each, on terms of all kinds."""
    made = {}
    with transaction() as session:
        for number in range(MODULES):
            module = Module(code=f"m{number}", names={"de": f"Modul {number}"})
            session.add(module)
            session.flush()
            first, extension, notice = TERMS[number % len(TERMS)]
            terms = {"first_term": first, "extension": extension, "notice": notice}
            made[module.id] = [tariff(session, module.id, code, "100", **terms).id for code in ("a", "b")]
    return made


def act(chance: random.Random, firm: int, tariffs: dict[int, list[int]]) -> None:
    """Somebody does something; much of it is refused."""
    module_id = chance.choice(list(tariffs))
    tariff_id = chance.choice(tariffs[module_id])
    with reading() as session:
        had = [booking.id for booking in Booking.of(session, firm) if booking.module_id == module_id]
        last = Tariff.get(session, tariff_id).prices_on(session, now().date()).valid_from
    match chance.choice(["order", "order", "end", "tariff", "undo", "prices"]):
        case "order":
            orders.order(firm, CLIENT, module_id, tariff_id, prices_of(tariff_id), {})
        case "end" if had:
            changes.declare_change(firm, had[-1], CLIENT, Wish(ChangeKind.TERMINATION))
        case "tariff" if had:
            wish = Wish(ChangeKind.TARIFF, tariff_id)
            changes.declare_change(firm, had[-1], CLIENT, wish, price_list_id=prices_of(tariff_id))
        case "undo" if had:
            changes.ask_undo(firm, had[-1], CLIENT)
            changes.agree_undo(firm, had[-1], OPERATOR)
        case "prices" if chance.random() < 0.3:
            day = max(last, now().date()) + timedelta(days=chance.randint(1, 200))
            publish(tariff_id, day, str(chance.randint(50, 200)))


class Seen:
    """What there is in the end: rows, and how often something was told."""

    def __init__(self, firm: int) -> None:
        self.today = now().astimezone(BERLIN).date()
        with reading() as session:
            self.bookings = Booking.of(session, firm)
            self.phases = Phase.of(session, [booking.id for booking in self.bookings])
            self.changes = session.scalars(select(Change)).all()
            mails = session.scalars(select(Outgoing)).all()
        self.told = Counter(mail.key.rsplit(":", 1)[0] for mail in mails)
        self.announced = {
            mail.key.rsplit(":", 1)[0]: mail.created_at.astimezone(BERLIN).date()
            for mail in mails
            if mail.kind == "prices_change"
        }


def check_booking(seen: Seen, booking: Booking) -> None:
    rows = seen.phases[booking.id]
    assert rows[0].starts_on == booking.starts_on
    for before, after in pairwise(rows):
        assert after.starts_on == before.ends_on + ONE_DAY
        if after.tariff_id == before.tariff_id and after.price_list_id != before.price_list_id:
            day = seen.announced[f"prices_change:{before.id}:{after.price_list_id}"]
            assert after.starts_on - day >= timedelta(days=42)
    is_over = booking.ends_on is not None and booking.ends_on < seen.today
    assert is_over == (booking.ended_at is not None)
    if is_over:
        assert booking.ended_at.astimezone(BERLIN).date() == booking.ends_on + ONE_DAY
        assert rows[-1].ends_on == booking.ends_on
        assert seen.told[f"module_ended:{booking.id}"] == 2


def check_change(seen: Seen, change: Change) -> None:
    assert seen.told[f"change_declared:{change.id}"] == 2
    if change.state is ChangeState.APPLIED and change.kind is ChangeKind.TARIFF:
        assert seen.told[f"tariff_begun:{change.id}"] == 2
        assert change.new_from in {phase.starts_on for phase in seen.phases[change.booking_id]}
    if change.state is ChangeState.UNDONE:
        assert seen.told[f"change_undone:{change.id}"] == 2
    assert change.state is not ChangeState.PENDING or change.ends_on >= seen.today


@pytest.mark.parametrize("seed", SEEDS)
def test_in_ten_years_each_thing_happens_once_and_on_its_day_and_both_sides_are_told(firm_id, phone, clock, seed):
    chance = random.Random(seed)
    moment = datetime(2027, 3, 1, 0, 10, tzinfo=BERLIN)
    clock(moment)
    tariffs = catalogue()
    while moment.date() < LAST:
        clock(moment)
        daily()
        for _ in range(2):
            try:
                act(chance, firm_id, tariffs)
            except ProvisionError:
                continue
        moment += timedelta(days=chance.choice([3, 20, 30, 45]))
    clock(moment)
    daily()

    seen = Seen(firm_id)
    for booking in seen.bookings:
        check_booking(seen, booking)
    for change in seen.changes:
        check_change(seen, change)
    reminded = [count for key, count in seen.told.items() if key.startswith("notice_nears")]
    assert set(reminded) == {2}
    assert {change.state for change in seen.changes} >= {ChangeState.APPLIED, ChangeState.UNDONE}
    assert seen.announced
    assert no_faults()
