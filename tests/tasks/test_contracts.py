"""From the agreement that both have signed on: modules, tariffs, and what becomes of them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from models.clients.custom_field import FieldKind, NoNumber
from models.clients.phone import PhoneInvalid
from models.contracts.booking import BookedOption, Booking, Change, ChangeKind, ChangeState, Phase
from models.contracts.catalogue import Article, ArticleKey, Authority, Module, ModuleField, PriceList, Tariff
from models.contracts.contract import Addressee, Contract
from models.contracts.declaration import (
    BegunAlready,
    DayTooEarly,
    EndedAlready,
    EndingFirst,
    EndsAlready,
    NothingToUndo,
    ReasonMissing,
    SameTariff,
    StaysOnTariff,
    UndoNotAsked,
)
from models.contracts.plans import PlanWithdrawn, plan_prices, plan_tariff
from models.contracts.terms import Law, NoticeTo, Period
from models.db import reading, transaction
from models.errors import FormRefused, NotFound
from models.people.manners import Language
from models.subscription import Change as Agreed
from models.subscription import Interval, Plan, Subscription
from models.time.clock import now
from tasks.audit.faults import Kind
from tasks.audit.verification import verify
from tasks.contracts import changes, effects, orders, page, pricing
from tasks.contracts.changes import ChangedMeanwhile, Wish
from tasks.contracts.orders import FieldMissing, ModuleActive, PricesChanged, QuantityInvalid, SignFirst, Who
from tests.factories import acts, advance, at_once, case, countersigned, decide, firm_of, opened, signed

BERLIN = ZoneInfo("Europe/Berlin")
CLIENT = Who("erika@freitag.example", Authority.CLIENT)
OPERATOR = Who("operator@convent-it.example", Authority.OPERATOR)
MANAGER = Who("manager@convent-it.example", Authority.MANAGER)
LONG_AGO = date(2020, 1, 1)


@pytest.fixture
def firm_id(no_runs):
    return firm_of(countersigned())


@pytest.fixture
def phone(clock):
    return catalogue()


def catalogue() -> dict:
    """A module with data of its own: twelve months, then twelve more, three months' notice; a year costs 120."""
    with transaction() as session:
        module = Module(code="phone", names={"de": "Telefonservice", "en": "Telephone service"})
        session.add(module)
        session.flush()
        fields = {
            "number": ModuleField(kind=FieldKind.PHONE, is_required=True, editor=Authority.CLIENT),
            "lines": ModuleField(kind=FieldKind.NUMBER, is_required=False, editor=Authority.CLIENT),
            "route": ModuleField(kind=FieldKind.TEXT, is_required=False, editor=Authority.MANAGER),
        }
        for name, field in fields.items():
            field.module_id, field.names = module.id, {"de": name}
            session.add(field)
        session.flush()
        tariffs = {
            "small": tariff(session, module.id, "small", "120"),
            "large": tariff(session, module.id, "large", "240"),
        }
        return {
            "module": module.id,
            "fields": {name: field.key for name, field in fields.items()},
            **{code: one.id for code, one in tariffs.items()},
        }


def tariff(session, module_id: int, code: str, price: str, **terms) -> Tariff:
    terms = {"first_term": "12M", "extension": "12M", "notice": "3M"} | terms
    periods = {name: written and Period.parse(written) for name, written in terms.items()}
    made = Tariff(
        module_id=module_id,
        code=code,
        names={"de": code},
        interval=Interval.YEARLY,
        notice_to=NoticeTo.TERM_END,
        **periods,
    )
    session.add(made)
    session.flush()
    base, option = (
        Article(tariff_id=made.id, key=key, names={"de": key.value}) for key in (ArticleKey.BASE, ArticleKey.OPTION)
    )
    session.add_all([base, option])
    session.flush()
    made.publish(session, LONG_AGO, {base.id: Decimal(price), option.id: Decimal("12.5")}, LONG_AGO, now())
    return made


def prices_of(tariff_id: int) -> int:
    with reading() as session:
        return Tariff.get(session, tariff_id).prices_on(session, now().date()).id


def ordered(firm_id: int, phone: dict, who: Who = CLIENT, code: str = "small", **written) -> int:
    fields = {phone["fields"]["number"]: "030 5550100"} | {
        phone["fields"][name]: text for name, text in written.items()
    }
    return orders.order(firm_id, who, phone["module"], phone[code], prices_of(phone[code]), fields).id


def at(clock, year: int, month: int, day: int, hour: int = 12) -> None:
    clock(datetime(year, month, day, hour, tzinfo=BERLIN))


def row(table, row_id: int):
    with reading() as session:
        return session.get_one(table, row_id)


def phases(booking_id: int) -> list[Phase]:
    with reading() as session:
        return Phase.of(session, [booking_id])[booking_id]


def ends(firm_id: int, booking_id: int, who: Who = CLIENT, **wish) -> Change:
    return changes.declare_change(firm_id, booking_id, who, Wish(ChangeKind.TERMINATION, **wish))


def no_faults() -> bool:
    """Agreements that nobody reads have no seal."""
    return not [fault for trail in verify() for fault in trail.faults if fault.kind is not Kind.SEAL]


def test_the_agreement_that_both_have_signed_is_the_first_order_at_the_price_as_agreed(firm_id):
    with reading() as session:
        contract = Contract.of(session, firm_id)
        (booking,) = Booking.of(session, firm_id)
        (phase,) = Phase.of(session, [booking.id])[booking.id]
        (base, listed) = phase_prices(session, phase)
        signed_on = contract.day_of(contract.concluded_at)

        assert (booking.starts_on, booking.ends_on, phase.anchor_on) == (signed_on, None, signed_on)
        assert session.get_one(Tariff, phase.tariff_id).plan == "plus"
        assert (base.key, listed, phase.base_amount) == (ArticleKey.BASE, Decimal("177.00"), None)
        assert Addressee.from_json(contract.partner).name == case(1).firm.name
        assert contract.payment_days == 14
    orders.begin_contract.fn(1)
    assert acts(1).count("contract.concluded") == 1
    assert no_faults()


def costs(tariff_id: int, price: str, day: date = LONG_AGO, **options: str) -> None:
    """A new version of its prices is published."""
    with transaction() as session:
        one = Tariff.get(session, tariff_id)
        prices = {article.id: Decimal(options.get(article.code, price)) for article in one.articles(session)}
        one.publish(session, day, prices, LONG_AGO, now())


def plan(name: str, interval: Interval) -> int:
    with transaction() as session:
        return plan_tariff(session, Plan(name), interval, now()).id


def test_a_plan_costs_what_the_catalogue_says_and_what_was_agreed_stays(no_runs, clock):
    agreed = signed()
    costs(plan("plus", Interval.QUARTERLY), "180.5", now().date())
    later = opened(key="test:2")
    with reading() as session:
        cents = [Subscription.of(session, firm_of(each)).price_cents for each in (agreed, later)]
    assert cents == [17700, 18050]

    decide(agreed, "countersign")
    advance(agreed)
    with reading() as session:
        (booking,) = Booking.of(session, firm_of(agreed))
        (phase,) = Phase.of(session, [booking.id])[booking.id]
        assert (session.get_one(PriceList, phase.price_list_id).number, phase.base_amount) == (1, None)
        assert phase.announce_on is not None  # The new ones follow, as with whoever was there before.
    assert no_faults()


def test_another_price_that_was_agreed_stands_for_the_base_alone(no_runs):
    case_id = signed()
    tariff_id = plan("plus", Interval.QUARTERLY)
    with transaction() as session:
        session.add(Article(tariff_id=tariff_id, key=ArticleKey.OPTION, code="room", names={"de": "Raum"}))
        Subscription.of(session, firm_of(case_id)).agree(Agreed.parse({"discount": "50"}), plan_prices(session, now()))
    costs(tariff_id, "177", now().date(), room="9")
    with transaction() as session:
        Subscription.of(session, firm_of(case_id)).price_list_id = None  # As with who agreed before one was kept.
    decide(case_id, "countersign")
    advance(case_id)
    with reading() as session:
        (booking,) = Booking.of(session, firm_of(case_id))
        (phase,) = Phase.of(session, [booking.id])[booking.id]
    assert (phase.base_amount, phase.tariff_id) == (Decimal("88.50"), tariff_id)
    (_, room) = addable(booking.id)
    orders.add_option(firm_of(case_id), booking.id, MANAGER, room[0], "2")
    assert row(BookedOption, 1).amount == 9


@pytest.mark.parametrize("pieces", ["0", "-1", "1e3", "٣", "0000000019999999999", "9" * 5000, "100001"])
def test_pieces_of_an_option_are_counted_whole_however_many_digits_are_typed(firm_id, phone, clock, pieces):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    with pytest.raises(QuantityInvalid):
        orders.add_option(firm_id, booking_id, MANAGER, addable(booking_id)[1][0], pieces)


def addable(booking_id: int) -> list[tuple[int, Decimal]]:
    """What the articles of the running tariff cost, as they were agreed."""
    with reading() as session:
        agreed = session.get_one(PriceList, Phase.of(session, [booking_id])[booking_id][-1].price_list_id)
        return [(article.id, amount) for article, amount in agreed.positions(session)]


def test_a_plan_that_is_not_on_sale_is_agreed_with_nobody_anew(no_runs):
    tariff_id = plan("plus", Interval.QUARTERLY)
    with transaction() as session:
        session.get_one(Tariff, tariff_id).archived_at = now()
    with pytest.raises(PlanWithdrawn, match="Plus, vierteljährlich"):
        opened()


@pytest.mark.parametrize(("code", "goes_on"), [("option", True), ("other", False)])
def test_an_option_that_the_new_tariff_has_as_well_goes_on_at_its_price(firm_id, phone, clock, code, goes_on):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    with transaction() as session:
        large = Tariff.get(session, phone["large"])
        new = next(article for article in large.articles(session) if article.key is ArticleKey.OPTION)
        new.code = code
    costs(phone["large"], "240", date(2027, 2, 1), **{code: "20"})
    orders.add_option(firm_id, booking_id, MANAGER, addable(booking_id)[1][0], "3")
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    (told,) = changes.preview(firm_id, booking_id, CLIENT, wish).options
    assert (told.option.quantity, told.amount) == (3, Decimal(20) if goes_on else None)
    changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["large"]))
    at(clock, 2028, 3, 2)
    effects.apply_due.fn()
    effects.apply_due.fn()

    with reading() as session:
        options = [(o.article_id, o.quantity, o.amount, o.starts_on, o.ends_on) for o in session.query(BookedOption)]
    last, first = date(2028, 2, 29), date(2028, 3, 1)
    assert options[0][2:] == (Decimal("12.5"), date(2027, 3, 1), last)
    assert options[1:] == ([(new.id, 3, Decimal(20), first, None)] if goes_on else [])
    assert no_faults()


def phase_prices(session, phase: Phase):
    ((article, amount),) = session.get_one(PriceList, phase.price_list_id).positions(session)
    return article, amount


def test_there_is_no_contract_before_and_two_at_once_make_one(no_runs):
    case_id = signed()
    orders.begin_contract.fn(case_id)
    with reading() as session:
        assert Contract.of(session, firm_of(case_id)) is None
    with pytest.raises(SignFirst):
        orders.order(firm_of(case_id), CLIENT, 1, 1, 1, {})


def test_a_module_is_ordered_on_the_terms_that_were_shown(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking = row(Booking, ordered(firm_id, phone, lines="1.234"))

    assert booking.data == {phone["fields"]["number"]: "+49305550100", phone["fields"]["lines"]: "1234"}
    assert booking.starts_on == date(2027, 3, 1)
    with pytest.raises(ModuleActive):
        ordered(firm_id, phone)
    assert no_faults()


def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_ordered(firm_id, phone):
    fields = phone["fields"]
    with pytest.raises(FormRefused) as refused:
        ordered(firm_id, phone, number="ring twice", lines="many")
    assert {name: type(fault) for name, fault in refused.value.fields.items()} == {
        fields["number"]: PhoneInvalid,
        fields["lines"]: NoNumber,
    }
    with pytest.raises(FormRefused) as missing:
        ordered(firm_id, phone, number=" ")
    assert isinstance(missing.value.fields[fields["number"]], FieldMissing)
    with pytest.raises(PricesChanged):
        orders.order(firm_id, CLIENT, phone["module"], phone["small"], prices_of(phone["large"]), {})
    with reading() as session:
        assert len(Booking.of(session, firm_id)) == 1


def test_what_only_managers_may_change_or_order_is_not_the_firms(firm_id, phone):
    booking = row(Booking, ordered(firm_id, phone, route="east"))
    assert phone["fields"]["route"] not in booking.data
    with transaction() as session:
        session.get_one(Tariff, phone["large"]).is_offered = False
    with pytest.raises(NotFound):
        changes.preview(firm_id, booking.id, CLIENT, Wish(ChangeKind.TARIFF, phone["large"]))
    assert changes.preview(firm_id, booking.id, OPERATOR, Wish(ChangeKind.TARIFF, phone["large"]))


def test_a_preview_says_what_the_act_then_does(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    at(clock, 2027, 11, 30)

    seen = changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION))
    assert (seen.foreseen.ends_on, seen.foreseen.in_time_until) == (date(2028, 2, 29), date(2027, 11, 30))
    assert seen.cost == {}
    at(clock, 2027, 12, 1)
    late = changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION))
    assert (late.foreseen.ends_on, late.cost) == (date(2029, 2, 28), {"EUR": Decimal("120.00")})
    with transaction() as session:
        Contract.of(session, firm_id).is_test = True
    assert changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION)).cost == {}
    change = ends(firm_id, booking_id)
    assert (change.ends_on, change.effective_at) == (date(2029, 2, 28), datetime(2029, 2, 28, 23, tzinfo=UTC))
    assert row(Booking, booking_id).ends_on == date(2029, 2, 28)
    assert no_faults()


def test_a_second_termination_moves_nothing_unless_it_is_earlier_and_confirmed(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    first = ends(firm_id, booking_id)
    with pytest.raises(EndsAlready) as refused:
        ends(firm_id, booking_id)
    assert refused.value.day == first.ends_on
    earlier = Wish(ChangeKind.TERMINATION, chosen=date(2027, 6, 30), reason="Kulanz")
    with pytest.raises(ChangedMeanwhile):
        changes.declare_change(firm_id, booking_id, MANAGER, earlier)
    second = changes.declare_change(firm_id, booking_id, MANAGER, earlier, drops=[first.id])
    assert (row(Change, first.id).state, second.state) == (ChangeState.DROPPED, ChangeState.PENDING)
    assert row(Booking, booking_id).ends_on == date(2027, 6, 30)
    assert no_faults()


def test_another_day_is_a_managers_and_needs_a_reason(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    for who in (CLIENT, OPERATOR):
        with pytest.raises(NotFound):
            ends(firm_id, booking_id, who, chosen=date(2027, 6, 30), reason="x")
        with pytest.raises(NotFound):
            changes.preview(firm_id, booking_id, who, Wish(ChangeKind.EXTRAORDINARY, reason="x"))
    with pytest.raises(ReasonMissing):
        ends(firm_id, booking_id, MANAGER, chosen=date(2027, 6, 30), reason=" ")
    with pytest.raises(DayTooEarly):
        ends(firm_id, booking_id, MANAGER, chosen=date(2027, 2, 28), reason="x")
    at_once_ends = Wish(ChangeKind.EXTRAORDINARY, reason="Zahlung blieb trotz Mahnung aus.")
    assert changes.preview(firm_id, booking_id, MANAGER, at_once_ends).foreseen.ends_on == date(2027, 3, 1)


def test_another_tariff_obeys_the_same_rule_and_goes_with_a_termination(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    with pytest.raises(SameTariff):
        changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TARIFF, phone["small"]))
    seen = changes.preview(firm_id, booking_id, CLIENT, wish)
    change = changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=seen.prices.id)
    assert seen.foreseen.new_from == change.new_from == date(2028, 3, 1)
    with pytest.raises(StaysOnTariff):  # Or its terms would begin anew, with another first term.
        changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TARIFF, phone["small"]))

    leaves = changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION))
    assert [each.id for each in leaves.foreseen.drops] == [change.id]
    ending = changes.declare_change(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION), drops=[change.id])
    with pytest.raises(EndingFirst) as refused:
        changes.preview(firm_id, booking_id, CLIENT, wish)
    assert refused.value.day == ending.ends_on

    changes.ask_undo(firm_id, booking_id, CLIENT)
    changes.agree_undo(firm_id, booking_id, OPERATOR)
    with reading() as session:
        assert Change.pending(session, [booking_id]) == {}  # What was dropped does not come back.
    assert row(Booking, booking_id).ends_on is None
    assert no_faults()


def test_another_tariff_that_begins_before_an_end_stays_and_its_terms_decide_the_end(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    soon = Wish(ChangeKind.TARIFF, phone["large"], chosen=date(2027, 4, 30), reason="Kulanz")
    seen = changes.preview(firm_id, booking_id, MANAGER, soon)
    change = changes.declare_change(firm_id, booking_id, MANAGER, soon, price_list_id=seen.prices.id)
    with reading() as session:
        terms = session.get_one(Tariff, phone["large"]).terms_from(date(2027, 5, 1), "Europe/Berlin", Law.GERMANY)
    by_its_terms = terms.ending(datetime(2027, 3, 1, 12, tzinfo=BERLIN)).effective_end

    leaves = changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION)).foreseen
    assert (leaves.drops, leaves.stays.id, leaves.ends_on) == ((), change.id, by_its_terms)
    same_day = Wish(ChangeKind.TERMINATION, chosen=date(2027, 4, 30), reason="Kulanz")
    dropped = changes.preview(firm_id, booking_id, MANAGER, same_day).foreseen
    assert ([each.id for each in dropped.drops], dropped.stays) == ([change.id], None)
    with transaction() as session:
        session.get_one(Tariff, phone["small"]).interval = Interval.MONTHLY
        session.get_one(Tariff, phone["large"]).currency = "CHF"
    cost = changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION)).cost
    assert cost == {"EUR": 120, "CHF": 240}, "amounts of two currencies are no sum"
    changes.declare_change(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION))
    at(clock, 2027, 5, 1)
    effects.apply_due.fn()
    assert (row(Change, change.id).state, row(Booking, booking_id).ends_on) == (ChangeState.APPLIED, by_its_terms)
    at(clock, by_its_terms.year, by_its_terms.month, by_its_terms.day)
    effects.apply_due.fn()
    assert row(Booking, booking_id).ended_at is None
    clock(terms.after(by_its_terms))
    effects.apply_due.fn()
    assert row(Booking, booking_id).ended_at == terms.after(by_its_terms)


def test_a_firm_changes_its_tariff_and_takes_that_back_some_times_a_day_and_operators_may_at_any_time(
    firm_id, phone, clock
):
    at(clock, 2027, 3, 1)
    booking_id, wish = ordered(firm_id, phone), Wish(ChangeKind.TARIFF, phone["large"])

    def change(who: Who) -> None:
        prices = changes.preview(firm_id, booking_id, who, wish).prices.id
        changes.declare_change(firm_id, booking_id, who, wish, price_list_id=prices)
        changes.ask_undo(firm_id, booking_id, who)

    for _ in range(changes.CHANGES_A_DAY):
        change(CLIENT)
    with pytest.raises(changes.ChangedOften):
        change(CLIENT)
    change(OPERATOR)
    at(clock, 2027, 3, 3)
    change(CLIENT)


def test_an_end_after_another_tariff_is_dropped_with_it_by_one_that_comes_before_both(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    soon = Wish(ChangeKind.TARIFF, phone["large"], chosen=date(2027, 4, 30), reason="Kulanz")
    seen = changes.preview(firm_id, booking_id, MANAGER, soon)
    changes.declare_change(firm_id, booking_id, MANAGER, soon, price_list_id=seen.prices.id)
    changes.declare_change(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION))
    at_once = Wish(ChangeKind.EXTRAORDINARY, reason="Zahlung blieb aus.")
    dropped = [each.id for each in changes.preview(firm_id, booking_id, MANAGER, at_once).foreseen.drops]
    with pytest.raises(ChangedMeanwhile):
        changes.declare_change(firm_id, booking_id, MANAGER, at_once, drops=dropped[:1])
    changes.declare_change(firm_id, booking_id, MANAGER, at_once, drops=dropped)
    assert len(dropped) == 2
    assert row(Booking, booking_id).ends_on == date(2027, 3, 1)


def test_a_termination_that_was_received_is_undone_by_both_sides_only(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    with pytest.raises(NothingToUndo):
        changes.ask_undo(firm_id, booking_id, CLIENT)
    ends(firm_id, booking_id)
    with pytest.raises(UndoNotAsked):
        changes.agree_undo(firm_id, booking_id, OPERATOR)
    with pytest.raises(NotFound):
        changes.agree_undo(firm_id, booking_id, CLIENT)
    changes.ask_undo(firm_id, booking_id, CLIENT)
    assert row(Booking, booking_id).ends_on is not None
    at(clock, 2028, 2, 29, 23)
    changes.agree_undo(firm_id, booking_id, OPERATOR)
    assert row(Booking, booking_id).ends_on is None
    ends(firm_id, booking_id)
    changes.ask_undo(firm_id, booking_id, CLIENT)
    at(clock, 2029, 3, 1)
    with pytest.raises(EndedAlready):
        changes.agree_undo(firm_id, booking_id, OPERATOR)


def test_a_tariff_that_has_begun_is_not_taken_back_although_nothing_has_put_it_in_place_yet(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["large"]))
    at(clock, 2028, 3, 1)

    with pytest.raises(BegunAlready) as refused:
        changes.ask_undo(firm_id, booking_id, CLIENT)

    assert refused.value.day == date(2028, 3, 1)
    effects.apply_due.fn()
    assert row(Change, 1).state is ChangeState.APPLIED


def test_nobody_is_asked_to_undo_what_has_ended_although_nothing_has_switched_it_off_yet(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    ends(firm_id, booking_id)
    at(clock, 2028, 3, 1)

    with pytest.raises(EndedAlready):
        changes.ask_undo(firm_id, booking_id, CLIENT)

    with reading() as session:
        assert Change.pending(session, [booking_id])[booking_id].undo_asked_at is None


def test_a_change_of_tariff_is_taken_back_by_the_firm_alone(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["large"]))
    assert changes.ask_undo(firm_id, booking_id, CLIENT).state is ChangeState.UNDONE
    at(clock, 2028, 3, 1)
    effects.apply_due.fn()
    assert [phase.tariff_id for phase in phases(booking_id)] == [phone["small"]]


def test_who_goes_to_another_provider_waits_two_months_and_thirty_days_at_most(firm_id, phone, clock):
    at(clock, 2026, 9, 1)
    booking_id = ordered(firm_id, phone)
    at(clock, 2026, 10, 1)
    assert changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.SWITCH)).foreseen.ends_on == date(2026, 12, 31)


def test_a_letter_counts_from_the_day_on_which_it_was_received(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    at(clock, 2027, 12, 6)
    in_time = datetime(2027, 11, 30, 23, 59, tzinfo=BERLIN)
    with pytest.raises(NotFound):
        ends(firm_id, booking_id, CLIENT, received_at=in_time)
    assert ends(firm_id, booking_id, OPERATOR, received_at=in_time).ends_on == date(2028, 2, 29)


def test_after_an_outage_each_thing_is_done_once_and_on_its_own_day(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    with transaction() as session:
        (option,) = session.scalars(
            select(Article).where(Article.tariff_id == phone["small"], Article.key == ArticleKey.OPTION)
        )
        added = BookedOption(
            firm_id=firm_id,
            booking_id=booking_id,
            article_id=option.id,
            quantity=2,
            amount=Decimal("12.5"),
            starts_on=date(2027, 4, 1),
        )
        session.add(added)
        session.flush()
        small = session.get_one(Tariff, phone["small"])
        dear = {article.id: Decimal(150) for article in small.articles(session)}
        small.publish(session, date(2027, 12, 1), dear, LONG_AGO, now())
    pricing.announce_prices.fn()
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    at(clock, 2028, 1, 19)
    pricing.announce_prices.fn()
    at(clock, 2028, 12, 1)  # Too late for the end of February.
    changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["large"]))
    at(clock, 2030, 5, 1)

    assert effects.apply_due.fn() == 1
    assert effects.apply_due.fn() == 0
    spans = [(phase.starts_on, phase.ends_on, phase.tariff_id) for phase in phases(booking_id)]
    assert spans == [
        (date(2027, 3, 1), date(2028, 2, 29), phone["small"]),
        (date(2028, 3, 1), date(2030, 2, 28), phone["small"]),
        (date(2030, 3, 1), None, phone["large"]),
    ]
    assert [phase.anchor_on for phase in phases(booking_id)] == [date(2027, 3, 1), date(2027, 3, 1), date(2030, 3, 1)]
    assert row(BookedOption, added.id).ends_on == date(2030, 2, 28)


def test_a_module_ends_in_the_first_moment_after_its_last_day_and_can_be_ordered_anew(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    ends(firm_id, booking_id)
    clock(datetime(2028, 2, 29, 22, 59, tzinfo=UTC))
    assert effects.apply_due.fn() == 0
    with pytest.raises(ModuleActive):
        ordered(firm_id, phone)
    clock(datetime(2028, 2, 29, 23, 0, 1, tzinfo=UTC))
    assert effects.apply_due.fn() == 1
    ended = row(Booking, booking_id)
    assert (ended.ended_at, phases(booking_id)[-1].ends_on) == (
        datetime(2028, 2, 29, 23, tzinfo=UTC),
        date(2028, 2, 29),
    )
    assert ordered(firm_id, phone) != booking_id
    assert no_faults()


def test_a_term_without_extension_ends_by_itself(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    with transaction() as session:
        fixed = tariff(session, phone["module"], "fixed", "60", first_term="6M", extension=None)
        phone["fixed"] = fixed.id
    booking_id = ordered(firm_id, phone, code="fixed")
    assert row(Booking, booking_id).ends_on == date(2027, 8, 31)
    with pytest.raises(EndsAlready):
        ends(firm_id, booking_id)
    at(clock, 2027, 9, 1)
    assert effects.apply_due.fn() == 1
    assert row(Booking, booking_id).ended_at is not None


def test_a_termination_and_a_change_of_tariff_at_once_leave_one_of_them(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    prices = prices_of(phone["large"])
    other = Wish(ChangeKind.TARIFF, phone["large"])

    said = at_once(
        lambda: ends(firm_id, booking_id),
        lambda: changes.declare_change(firm_id, booking_id, CLIENT, other, price_list_id=prices),
    )

    refused = [fault for fault in said if isinstance(fault, Exception)]
    assert [type(fault) for fault in refused] in ([ChangedMeanwhile], [EndingFirst])
    with reading() as session:
        assert len(Change.pending(session, [booking_id])) == 1
    assert no_faults()


def test_names_of_the_catalogue_are_read_in_the_readers_language(firm_id, phone):
    module = row(Module, phone["module"])
    assert [module.called(language) for language in Language] == [
        "Telefonservice",
        "Telefonservice",
        "Telephone service",
    ]


def test_the_page_of_many_modules_asks_the_database_as_often_as_that_of_few(firm_id, phone, clock, statements):
    at(clock, 2027, 3, 1)
    ordered(firm_id, phone)
    make_modules(firm_id, range(2))
    with statements() as of_few:
        page.view(firm_id, OPERATOR)
    make_modules(firm_id, range(2, 18))
    with statements() as of_many:
        shown = page.view(firm_id, OPERATOR)
    assert (len(shown.booked), len(shown.orderable)) == (11, 9)
    assert len(of_many) == len(of_few)


def make_modules(firm_id: int, numbers: range) -> None:
    """Half of them are ordered."""
    with transaction() as session:
        for number in numbers:
            module = Module(code=f"m{number}", names={"de": f"Modul {number}"})
            session.add(module)
            session.flush()
            sold = tariff(session, module.id, f"t{number}", "10")
            if number % 2:
                booking = Booking(
                    firm_id=firm_id, module_id=module.id, ordered_at=now(), starts_on=date(2027, 3, 1), data={}
                )
                session.add(booking)
                session.flush()
                booking.begin(session, sold, sold.prices_on(session, date(2027, 3, 1)), date(2027, 3, 1))
