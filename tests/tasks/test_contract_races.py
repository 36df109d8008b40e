# ruff: noqa: F401, F811  (fixtures)
"""Two who act on one contract at the same moment: it ends as if one had come after the other, in either order."""

import random
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import count
from itertools import product as product_of

import pytest
from sqlalchemy import select

from models.contracts.booking import BookedOption, Booking, Change, ChangeKind, Phase
from models.contracts.catalogue import Tariff
from models.contracts.contract import Contract
from models.contracts.handover import Charge
from models.db import reading, transaction
from models.mail.outbox import Outgoing
from tasks.contracts import billing, changes, details, effects, orders, pricing, reminding
from tasks.contracts.batches import together
from tasks.contracts.changes import Wish
from tasks.contracts.details import Section
from tests.factories import at_once, countersigned
from tests.locks import interleaved
from tests.tasks.test_contract_effects import daily, publish
from tests.tasks.test_contract_years import ABOUT, many
from tests.tasks.test_contracts import (
    BERLIN,
    CLIENT,
    MANAGER,
    OPERATOR,
    at,
    ends,
    firm_id,
    no_faults,
    ordered,
    phases,
    phone,
    prices_of,
)

LAST_DAY, DAY_AFTER = datetime(2028, 2, 29, 12, tzinfo=BERLIN), datetime(2028, 3, 1, 0, 10, tzinfo=BERLIN)
ANNOUNCED, REMINDED = datetime(2028, 1, 19, 0, 10, tzinfo=BERLIN), datetime(2027, 10, 16, 0, 10, tzinfo=BERLIN)
Act = Callable[[int, dict], object]


def booked(firm: int) -> int:
    with reading() as session:
        return Booking.of(session, firm)[-1].id


# ---- Who may act: on the telephone of a firm, which it has since March 2027


def flow(firm: int, _phone: dict) -> object:
    """What the daily flow does with this firm alone."""
    for act in (effects._apply, pricing._announce, reminding._remind):
        together(act)([firm])
    return None


def terminates(firm: int, _phone: dict) -> object:
    return ends(firm, booked(firm))


def has_sent_a_letter(firm: int, _phone: dict) -> object:
    return ends(firm, booked(firm), OPERATOR, received_at=datetime(2027, 5, 3, tzinfo=BERLIN))


def is_let_go(firm: int, _phone: dict) -> object:
    return ends(firm, booked(firm), MANAGER, chosen=date(2028, 3, 31), reason="Kulanz")


def changes_tariff(firm: int, phone: dict) -> object:
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    return changes.declare_change(firm, booked(firm), CLIENT, wish, price_list_id=prices_of(phone["large"]))


def asks_to_undo(firm: int, _phone: dict) -> object:
    return changes.ask_undo(firm, booked(firm), CLIENT)


def is_undone(firm: int, _phone: dict) -> object:
    return changes.agree_undo(firm, booked(firm), OPERATOR)


def is_refused(firm: int, _phone: dict) -> object:
    return changes.refuse_to_undo(firm, booked(firm), OPERATOR)


def gets_an_option(firm: int, phone: dict) -> object:
    with reading() as session:
        _, option = Tariff.get(session, phone["small"]).articles(session)
    return orders.add_option(firm, booked(firm), MANAGER, option.id, "2")


def loses_its_option(firm: int, _phone: dict) -> object:
    with reading() as session:
        option_id = session.scalars(select(BookedOption.id).where(BookedOption.booking_id == booked(firm))).first()
    return orders.end_option(firm, booked(firm), MANAGER, option_id)


def orders_again(firm: int, phone: dict) -> object:
    return ordered(firm, phone)


def becomes_a_test(firm: int, _phone: dict) -> object:
    return details.change(firm, MANAGER, Section.TEST, {"is_test": "yes"}, details.form(firm, MANAGER, Section.TEST)[1])


RACES: dict[datetime, list[tuple[list[Act], Act, Act]]] = {
    LAST_DAY: [
        ([], terminates, has_sent_a_letter),
        ([], terminates, terminates),
        ([terminates], asks_to_undo, asks_to_undo),
        ([terminates, asks_to_undo], is_undone, is_undone),
        ([terminates, asks_to_undo], is_undone, is_refused),
        ([terminates, asks_to_undo], is_undone, terminates),
        ([changes_tariff], asks_to_undo, is_undone),
    ],
    DAY_AFTER: [
        ([terminates, asks_to_undo], is_undone, flow),
        ([terminates, asks_to_undo], is_refused, flow),
        ([changes_tariff], terminates, flow),
        ([changes_tariff], is_let_go, flow),
        ([changes_tariff], gets_an_option, flow),
        ([gets_an_option, changes_tariff], loses_its_option, flow),
        ([terminates], orders_again, flow),
        ([terminates], orders_again, orders_again),
        ([terminates], orders_again, becomes_a_test),
        ([terminates], flow, flow),
    ],
    ANNOUNCED: [
        ([], flow, terminates),
        ([], flow, changes_tariff),
        ([], flow, becomes_a_test),
        ([], flow, flow),
    ],
    REMINDED: [
        ([], flow, terminates),
        ([], flow, becomes_a_test),
    ],
}
"""At which moment who meets whom, and what was done before."""


def outcome(firm: int) -> list:
    """What has become of a firm's telephone, and of what it was told, without numbers of rows."""
    with reading() as session:
        contract, had = Contract.of(session, firm), Booking.of(session, firm)[1:]
        ids = [booking.id for booking in had]
        options = session.scalars(select(BookedOption).where(BookedOption.firm_id == firm).order_by(BookedOption.id))
        declared = session.scalars(select(Change).where(Change.firm_id == firm).order_by(Change.id))
        mails = session.scalars(select(Outgoing).where(Outgoing.onboarding_id == firm, Outgoing.kind.in_(ABOUT)))
        return [
            contract.is_test,
            [(one.starts_on, one.ends_on, one.ended_at) for one in had],
            [
                [(one.tariff_id, one.price_list_id, one.starts_on, one.ends_on, one.reprices_on) for one in run]
                for run in Phase.of(session, ids).values()
            ],
            [(one.quantity, one.amount, one.starts_on, one.ends_on) for one in options],
            sorted((one.kind, one.state, one.ends_on, one.undo_asked_at is not None) for one in declared),
            sorted((one.kind, one.to_address) for one in mails if one.facts["module"] == "Telefonservice"),
        ]


def said(done: list) -> list[str]:
    return [type(one).__name__ if isinstance(one, Exception) else "" for one in done]


def in_turn(*acts: Callable[[], object]) -> list:
    done: list = []
    for act in acts:
        try:
            done.append(act())
        except Exception as error:  # noqa: BLE001
            done.append(error)
    return done


@pytest.mark.parametrize("moment", RACES, ids=["last day", "day after", "announced", "reminded"])
def test_it_ends_as_if_one_had_come_after_the_other(phone, clock, no_runs, product, moment):
    """Of each race some firms: two in which one acts after the other, and those in which they meet."""
    ways = [in_turn, in_turn, *([interleaved, interleaved] if product == "postgresql" else [at_once])]
    number = len(ways) * len(RACES[moment])
    countersigned()
    many(number, random.Random(14))
    orders.begin_missing.fn()
    at(clock, 2027, 3, 1)
    for firm in range(1, number + 1):
        ordered(firm, phone)
    publish(phone["small"], date(2027, 6, 1), "150")
    at(clock, 2027, 6, 1)
    pricing.announce_prices.fn()
    firms = count(1)
    races = [(before, one, other, [next(firms) for _ in ways]) for before, one, other in RACES[moment]]
    for before, _, _, meeting in races:
        for act, firm in product_of(before, meeting):
            act(firm, phone)
    clock(moment)

    for _, one, other, meeting in races:
        after: list[tuple[list[str], list]] = []
        for turn, (firm, how) in enumerate(zip(meeting, ways, strict=True)):
            is_turned = turn in {1, 3}
            acts = [partial(act, firm, phone) for act in ((other, one) if is_turned else (one, other))]
            done = said(how(*acts))
            after.append((done[::-1] if is_turned else done, outcome(firm)))
        serial, raced = after[:2], after[2:]
        assert all(each in serial for each in raced), (one.__name__, other.__name__)


# ---- What concerns all contracts on a tariff


def told_of_prices() -> list[tuple[str, str]]:
    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.kind == "prices_change").order_by(Outgoing.id))
        return [(mail.facts["begins"], mail.facts["prices"][0]["after"]) for mail in mails]


@pytest.mark.parametrize("act", ["order", "roll out", "another"])
def test_nobody_is_forgotten_who_orders_while_prices_are_published_or_rolled_out(firm_id, phone, clock, act):
    """Whoever got the old prices is told of the new ones; nobody is told twice."""
    at(clock, 2027, 3, 1)
    if act != "order":
        booking_id = ordered(firm_id, phone)
        publish(phone["small"], date(2027, 6, 1), "130")
    else:
        small = prices_of(phone["small"])
    publishing = partial(publish, phone["small"], date(2027, 6, 1 if act == "order" else 2), "150")
    meanwhile = {
        "order": lambda: (
            orders.order(
                firm_id, CLIENT, phone["module"], phone["small"], small, {phone["fields"]["number"]: "030 5550100"}
            ).id
        ),
        "roll out": pricing.announce_prices.fn,
        "another": partial(publish, phone["small"], date(2027, 6, 2), "150"),
    }[act]
    done = at_once(publishing, meanwhile)
    assert sum(isinstance(one, Exception) for one in done) == (act == "another")
    if act == "order":
        booking_id = done[1]

    for day in (date(2028, 1, 18), date(2028, 1, 19), date(2028, 3, 1)):
        at(clock, day.year, day.month, day.day)
        daily()

    assert told_of_prices() == [("1. März 2028", "150,00\xa0€")]
    assert [one.starts_on for one in phases(booking_id)] == [date(2027, 3, 1), date(2028, 3, 1)]
    assert no_faults()


def test_what_becomes_known_while_a_month_is_closed_is_in_it_or_in_the_next(firm_id, phone, clock):
    at(clock, 2027, 3, 10)
    booking_id = ordered(firm_id, phone)
    at(clock, 2027, 4, 1)
    let_go = partial(ends, firm_id, booking_id, MANAGER, chosen=date(2027, 6, 30), reason="Kulanz")
    assert not [one for one in at_once(billing.close_months.fn, let_go) if isinstance(one, Exception)]
    at(clock, 2027, 5, 1)
    billing.close_months.fn()

    with reading() as session:
        nets = session.scalars(select(Charge.net).where(Charge.booking_id == booking_id)).all()
    assert sum(nets) == Decimal("37.05")  # 113 of 366 days of 120.
    assert len(nets) in {1, 3}
