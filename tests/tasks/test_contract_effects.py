# ruff: noqa: F401, F811  (fixtures)
"""What contracts do by themselves: each thing once, on its own day, and both sides are told in time."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from models.agreement import Agreement
from models.contracts.booking import BookedOption, Booking, Change, ChangeKind, ChangeState, Phase
from models.contracts.catalogue import ArticleKey, Tariff
from models.contracts.contract import Contract
from models.contracts.fault import Work
from models.db import reading, transaction
from models.inbox import Incoming
from models.mail.outbox import MailKind, Outgoing
from models.people.person import Person
from models.people.staff import Rank, Rights, Staff
from models.queries.board import broken_contracts
from models.reminders.cadence import Follow, Level, WaitKind
from models.settings import settings
from models.subscription import Interval
from models.time.clock import now
from tasks.contracts import batches, changes, effects, orders, page, pricing, reminding
from tasks.contracts.changes import Wish
from tasks.intake import events
from tasks.reminders.cadences import pause, resume, set_cadence
from tests.factories import advance, at_once, case, decide, firm_of, mails, sign, with_organiser
from tests.tasks.test_contracts import (
    BERLIN,
    CLIENT,
    LONG_AGO,
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
    row,
    tariff,
)

ABOUT_CONTRACTS = [
    *(MailKind.MODULE_ORDERED, MailKind.CHANGE_DECLARED, MailKind.UNDO_REFUSED, MailKind.CHANGE_UNDONE),
    *(MailKind.TARIFF_BEGUN, MailKind.MODULE_ENDED, MailKind.NOTICE_NEARS, MailKind.PRICES_CHANGE),
]
ERIKA, PROVIDER = "erika@freitag.example", settings().provider_email


def written() -> list[tuple[str, str]]:
    """What was written about contracts, and to whom."""
    with reading() as session:
        rows = session.scalars(select(Outgoing).where(Outgoing.kind.in_(ABOUT_CONTRACTS)).order_by(Outgoing.id))
        return [(mail.kind.value, mail.to_address) for mail in rows]


def to_both(*kinds: MailKind) -> list[tuple[str, str]]:
    return [(kind.value, address) for kind in kinds for address in (ERIKA, PROVIDER)]


def daily() -> None:
    """What the flow does, without Prefect."""
    orders.begin_missing.fn()
    effects.apply_due.fn()
    pricing.announce_prices.fn()
    reminding.remind_of_notice.fn()


def reminders() -> list[Outgoing]:
    """Those about the telephone: the portal, with which each contract begins, has last days of its own."""
    return [mail for mail in mails("notice_nears") if mail.facts["module"] == "Telefonservice"]


def another(number: int) -> int:
    """One more firm with a contract."""
    name, email = f"Otto {number}", f"otto@firm{number}.example"
    case_id = with_organiser(key=f"test:{number}", organiser={"name": name, "email": email})
    sign(email, name)
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)
    return firm_of(case_id)


def publish(tariff_id: int, day: date, price: str) -> None:
    with transaction() as session:
        tariff = session.get_one(Tariff, tariff_id)
        prices = {article.id: Decimal(price) for article in tariff.articles(session)}
        tariff.publish(session, day, prices, LONG_AGO, now())


def test_both_sides_are_told_of_each_act_and_of_each_effect_once(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    ends(firm_id, booking_id)
    changes.ask_undo(firm_id, booking_id, CLIENT)
    changes.ask_undo(firm_id, booking_id, CLIENT)
    changes.agree_undo(firm_id, booking_id, OPERATOR)
    large = Wish(ChangeKind.TARIFF, phone["large"])
    changes.declare_change(firm_id, booking_id, CLIENT, large, price_list_id=prices_of(phone["large"]))
    at(clock, 2028, 3, 2)
    daily()
    ends(firm_id, booking_id)
    at(clock, 2029, 3, 2)
    daily()
    daily()

    assert written() == [
        *to_both(MailKind.MODULE_ORDERED, MailKind.CHANGE_DECLARED),
        *to_both(MailKind.CHANGE_UNDONE, MailKind.CHANGE_DECLARED, MailKind.TARIFF_BEGUN),
        *to_both(MailKind.CHANGE_DECLARED, MailKind.MODULE_ENDED),
    ]
    begun = mails("tariff_begun")[0]
    assert begun.facts["begins"] == "1. März 2028"
    assert begun.facts["path"] == f"/firm/{firm_id}/contract"
    assert no_faults()


def test_administrators_are_told_as_well_and_whoever_is_paused_is_not(firm_id, phone, clock):
    with transaction() as session:
        for name, paused in (("anna", None), ("paul", now())):
            member = Person(
                firm_id=firm_id, role="caseworker", email=f"{name}@freitag.example", family_name=name, added_at=now()
            )
            member.paused_at = paused
            session.add(member)
            session.flush()
            Staff.give(session, member, Rights(Rank.ADMINISTRATOR, manages_accounts=True, has_default_access=True))
    ordered(firm_id, phone)

    assert {address for _, address in written()} == {ERIKA, "anna@freitag.example", PROVIDER}


def test_a_contract_that_is_missing_since_before_there_were_any_is_begun(firm_id):
    with transaction() as session:
        for table in (Phase, Booking, Contract):
            session.query(table).delete()
        session.query(Agreement).update({"contract_begun_at": None})
    assert orders.begin_missing.fn() == 1
    assert orders.begin_missing.fn() == 0
    with reading() as session:
        assert len(Booking.of(session, firm_id)) == 1


def test_a_contract_that_breaks_down_holds_up_no_other(firm_id, phone, clock, no_runs):
    other = another(2)
    at(clock, 2027, 3, 1)
    sick, well = ordered(firm_id, phone), ordered(other, phone)
    ends(firm_id, sick)
    ends(other, well)
    with transaction() as session:
        session.query(Phase).filter(Phase.booking_id == sick).delete()
    at(clock, 2028, 3, 1)

    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="1 broke down"):
            effects.apply_due.fn()
    assert (row(Booking, sick).ended_at, row(Booking, well).ended_at) == (None, datetime(2028, 2, 29, 23, tzinfo=UTC))


def test_a_contract_that_breaks_down_is_told_on_the_board_until_it_works_again(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    ends(firm_id, booking_id)
    with transaction() as session:
        gone = [*session.scalars(select(Phase).where(Phase.booking_id == booking_id))]
        for phase in gone:
            session.delete(phase)
    at(clock, 2028, 3, 1)
    for hours in (12, 18):
        at(clock, 2028, 3, 1, hours)
        for act in (effects.apply_due.fn, reminding.remind_of_notice.fn):
            with suppress(ExceptionGroup):
                act()
    with reading() as session:
        (told,) = broken_contracts(session)
    assert (told.firm_id, told.work) == (firm_id, [Work.EFFECTS, Work.REMINDERS])
    assert told.since < datetime(2028, 3, 1, 12, tzinfo=UTC)  # The first time.

    with transaction() as session:
        session.delete(Change.pending(session, [booking_id])[booking_id])
        session.get_one(Booking, booking_id).ends_on = None
        booking = session.get_one(Booking, booking_id)
        tariff = session.get_one(Tariff, phone["small"])
        booking.begin(session, tariff, tariff.prices_on(session, now().date()), date(2027, 3, 1))
    daily()
    with reading() as session:
        assert broken_contracts(session) == []


def test_new_prices_count_from_the_first_period_that_was_announced_long_enough_before(
    firm_id,
    phone,
    clock,
):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    publish(phone["small"], date(2027, 6, 1), "150")
    daily()
    assert phases(booking_id)[0].announce_on == date(2028, 1, 19)
    at(clock, 2028, 1, 18)
    daily()
    assert mails("prices_change") == []
    at(clock, 2028, 1, 19)
    daily()
    daily()

    (told,) = mails("prices_change")
    assert (told.to_address, told.facts["begins"]) == (ERIKA, "1. März 2028")
    assert [(one["before"], one["after"]) for one in told.facts["prices"]] == [("120,00\xa0€", "150,00\xa0€")]
    shown = next(one for one in page.view(firm_id, CLIENT).booked if one.key == booking_id)
    assert (shown.phase.reprices_on, [price for _, price in shown.announced]) == (date(2028, 3, 1), [Decimal(150)])
    assert [price for article, price in shown.positions if article.key is ArticleKey.BASE] == [Decimal(120)]
    at(clock, 2028, 3, 1)
    daily()
    before, after = phases(booking_id)
    assert (before.ends_on, after.starts_on, after.anchor_on) == (
        date(2028, 2, 29),
        date(2028, 3, 1),
        date(2027, 3, 1),
    )
    assert no_faults()


def test_prices_that_were_told_too_late_wait_for_the_period_after(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    publish(phone["small"], date(2028, 1, 1), "150")
    at(clock, 2028, 1, 20)
    daily()

    assert phases(booking_id)[0].reprices_on == date(2029, 3, 1)


def test_a_price_that_was_agreed_alone_stays_and_who_leaves_before_is_told_of_none(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    leaving = ordered(firm_id, phone)
    other = another(2)
    agreed = ordered(other, phone)
    with transaction() as session:
        session.query(Phase).filter(Phase.booking_id == agreed).update({"base_amount": Decimal(99)})
    ends(firm_id, leaving)
    publish(phone["small"], date(2028, 1, 1), "150")
    at(clock, 2028, 1, 19)
    daily()
    assert mails("prices_change") == []

    changes.ask_undo(firm_id, leaving, CLIENT)
    changes.agree_undo(firm_id, leaving, OPERATOR)
    daily()
    assert [mail.to_address for mail in mails("prices_change")] == [ERIKA]


def test_both_sides_are_reminded_before_the_last_day_and_not_before_the_end(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    assert phases(booking_id)[0].notice_by == date(2027, 11, 30)
    told = []
    for day in range(1, 366):
        clock(datetime(2027, 3, 1, 0, 10, tzinfo=BERLIN) + timedelta(days=day))
        daily()
        new = reminders()[len(told) :]
        told += [(now().astimezone(BERLIN).date(), mail.to_address, mail.facts["last_day"]) for mail in new]

    assert told == [
        (day, address, "30. November 2027")
        for day in (date(2027, 10, 16), date(2027, 11, 16))
        for address in (ERIKA, PROVIDER)
    ]
    assert phases(booking_id)[0].notice_by == date(2028, 11, 30)


def test_nobody_is_reminded_of_what_is_declared_tried_paused_or_soon_possible_again(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    pause(Level.FIRM, firm_id, "operator@convent-it.example")
    at(clock, 2027, 10, 16)
    daily()
    assert reminders() == []
    resume(Level.FIRM, firm_id, "operator@convent-it.example")
    ends(firm_id, booking_id)
    daily()
    assert reminders() == []
    changes.ask_undo(firm_id, booking_id, CLIENT)
    changes.agree_undo(firm_id, booking_id, OPERATOR)
    with transaction() as session:
        session.query(Contract).update({"is_test": True})
    at(clock, 2027, 11, 17)
    daily()
    assert reminders() == []


def test_operators_set_when_that_is(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    ordered(firm_id, phone)
    set_cadence(
        Level.FIRM,
        firm_id,
        WaitKind.NOTICE,
        "op@convent-it.example",
        name="",
        days="60",
        most="1",
        follow=Follow.NOTHING,
    )
    at(clock, 2027, 10, 1)
    daily()
    assert [mail.to_address for mail in reminders()] == [ERIKA, PROVIDER]
    at(clock, 2027, 11, 20)
    daily()
    assert len(reminders()) == 2


def test_what_is_due_with_many_takes_as_many_statements_as_with_one(firm_id, phone, clock, no_runs):
    firms = [firm_id, *(another(n) for n in range(2, 6))]
    at(clock, 2027, 3, 1)
    booked = {firm: ordered(firm, phone) for firm in firms}
    for firm in firms[2:]:
        ends(firm, booked[firm])
    publish(phone["small"], date(2027, 6, 1), "150")

    def statements(firm_ids: list[int], day: date) -> int:
        seen: list[str] = []
        at(clock, day.year, day.month, day.day)

        def note(_connection, _cursor, statement, *_rest):
            seen.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            for act in (effects._apply, pricing._announce, reminding._remind):
                batches.together(act)(firm_ids)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        # SQLite adds rows of which it is to tell the keys one by one.
        return len(
            [one for one, before in zip(seen, ["", *seen], strict=False) if one != before or "RETURNING" not in one]
        )

    one, many = statements([firms[2]], date(2028, 3, 1)), statements(firms[3:], date(2028, 3, 1))
    assert many == one
    assert all(row(Booking, booked[firm]).ended_at for firm in firms[2:])


@pytest.mark.parametrize("act", ["end", "undo"])
def test_what_takes_effect_and_what_is_declared_at_the_same_moment_do_not_cross(
    firm_id,
    phone,
    clock,
    act,
):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    change = changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["large"]))
    at(clock, 2028, 3, 1)

    def meanwhile():
        if act == "end":
            return ends(firm_id, booking_id, MANAGER)
        return changes.ask_undo(firm_id, booking_id, CLIENT)

    done, said = at_once(effects.apply_due.fn, meanwhile)

    state = row(Change, change.id).state
    assert not isinstance(done, Exception)
    if act == "undo":
        assert isinstance(said, Exception)
        assert state is ChangeState.APPLIED
    assert [phase.tariff_id for phase in phases(booking_id)][-1] == (
        phone["large"] if state is ChangeState.APPLIED else phone["small"]
    )
    assert no_faults()


def told_elsewhere(event: str, payload: dict, message: str = "1") -> str | None:
    """The event comes in and is handled, twice over; returns why it was refused."""
    with transaction() as session:
        Incoming.store(session, "webhook", message, event, payload, now())
        event_id = session.scalars(select(Incoming.id).where(Incoming.external_id == message)).one()
    for _ in range(2):
        with transaction() as session:
            session.get_one(Incoming, event_id).handled_at = None
        assert events.handle(event_id)
    with reading() as session:
        return session.get_one(Incoming, event_id).refusal


def test_a_termination_that_was_received_elsewhere_counts_from_then_and_once(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    at(clock, 2027, 12, 6)
    company_id = case(1).firm.company_id
    said = {"company_id": company_id, "module": "phone", "received_at": "2027-11-30T23:59:00+01:00"}

    assert told_elsewhere("contract.terminated", said) is None
    with reading() as session:
        (change,) = Change.pending(session, [booking_id]).values()
    assert (change.ends_on, change.came_by) == (date(2028, 2, 29), "webhook")
    assert written()[-2:] == to_both(MailKind.CHANGE_DECLARED)
    later = told_elsewhere("contract.terminated", said | {"received_at": "2027-12-01T09:00:00+01:00"}, "2")
    assert "2028" in later
    assert "key of the catalogue" in told_elsewhere("contract.terminated", said | {"module": "fax"}, "3")
    assert no_faults()


def test_a_module_that_was_ordered_elsewhere_is_ordered_once(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    said = {"company_id": case(1).firm.company_id, "module": "phone", "tariff": "small", "fields": {}}

    assert "missing" in told_elsewhere("module.ordered", said)
    assert "key of the catalogue" in told_elsewhere("module.ordered", said | {"tariff": "huge"}, "2")
    whole = said | {"fields": {phone["fields"]["number"]: "030 5550100"}}
    assert told_elsewhere("module.ordered", whole, "3") is None
    assert "already" in told_elsewhere("module.ordered", whole, "4")
    assert written() == to_both(MailKind.MODULE_ORDERED)
    assert no_faults()


def quick(session, module_id: int) -> int:
    """Another tariff of the telephone, billed and ended month by month."""
    made = tariff(session, module_id, "quick", "30", first_term="1M", extension="1M", notice="2W")
    made.interval = Interval.MONTHLY
    return made.id


def test_who_ends_a_module_before_the_flow_has_run_ends_it_by_the_terms_that_count_since(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    with transaction() as session:
        phone["quick"] = quick(session, phone["module"])
    wish = Wish(ChangeKind.TARIFF, phone["quick"])
    change = changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["quick"]))

    clock(datetime(2028, 3, 1, 0, 5, tzinfo=BERLIN))
    seen = changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION))

    assert seen.foreseen.drops == ()
    assert ends(firm_id, booking_id).ends_on == seen.foreseen.ends_on == date(2028, 3, 31)
    assert row(Change, change.id).state is ChangeState.APPLIED
    daily()
    assert len(mails("tariff_begun")) == 2
    assert no_faults()


def test_a_notice_that_comes_in_before_the_flow_has_run_is_taken_by_the_terms_that_count_since(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    with transaction() as session:
        phone["quick"] = quick(session, phone["module"])
    wish = Wish(ChangeKind.TARIFF, phone["quick"])
    changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["quick"]))
    clock(datetime(2028, 3, 1, 0, 5, tzinfo=BERLIN))
    company_id = case(1).firm.company_id

    said = {"company_id": company_id, "module": "phone", "received_at": "2028-03-01T00:04:00+01:00"}

    assert told_elsewhere("contract.terminated", said) is None
    assert row(Booking, booking_id).ends_on == date(2028, 3, 31)


def test_who_adds_an_option_before_the_flow_has_run_pays_the_price_that_counts_since(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    publish(phone["small"], date(2027, 6, 1), "150")
    at(clock, 2028, 1, 19)
    daily()

    clock(datetime(2028, 3, 1, 0, 5, tzinfo=BERLIN))
    with reading() as session:
        _, option = session.get_one(Tariff, phone["small"]).articles(session)
    orders.add_option(firm_id, booking_id, MANAGER, option.id, "1")

    with reading() as session:
        assert [one.amount for one in session.scalars(select(BookedOption))] == [Decimal("150.00")]
    assert [one.starts_on for one in phases(booking_id)] == [date(2027, 3, 1), date(2028, 3, 1)]


def test_new_prices_do_not_remind_again_of_the_same_last_day(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    with transaction() as session:
        session.get_one(Tariff, phone["small"]).interval = Interval.MONTHLY
    ordered(firm_id, phone)
    publish(phone["small"], date(2027, 11, 1), "150")
    for day in (date(2027, 9, 15), date(2027, 10, 16), date(2027, 10, 17), date(2027, 11, 1), date(2027, 11, 2)):
        at(clock, day.year, day.month, day.day)
        daily()

    assert mails("prices_change")
    assert len(reminders()) == 2


def test_new_prices_are_told_when_it_ends_later_than_another_change_would_have_had_it(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    wish = Wish(ChangeKind.TARIFF, phone["large"])
    changes.declare_change(firm_id, booking_id, CLIENT, wish, price_list_id=prices_of(phone["large"]))
    publish(phone["small"], date(2027, 6, 1), "150")
    at(clock, 2028, 1, 10)
    daily()
    assert changes.preview(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION)).foreseen.stays is not None
    changes.ask_undo(firm_id, booking_id, CLIENT)
    assert changes.declare_change(firm_id, booking_id, CLIENT, Wish(ChangeKind.TERMINATION)).ends_on == date(
        2029, 2, 28
    )
    at(clock, 2028, 1, 19)
    daily()

    assert [mail.facts["begins"] for mail in mails("prices_change")] == ["1. März 2028"]


def test_a_module_that_ends_by_itself_does_so_after_an_earlier_end_was_undone(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    with transaction() as session:
        phone["fixed"] = tariff(session, phone["module"], "fixed", "60", first_term="6M", extension=None).id
    booking_id = ordered(firm_id, phone, code="fixed")
    ends(firm_id, booking_id, MANAGER, chosen=date(2027, 5, 31), reason="Kulanz")
    changes.ask_undo(firm_id, booking_id, CLIENT)
    changes.agree_undo(firm_id, booking_id, OPERATOR)

    assert row(Booking, booking_id).ends_on == date(2027, 8, 31)


def test_test_accounts_are_told_of_new_prices_too_since_they_count_once_it_is_none(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    ordered(firm_id, phone)
    with transaction() as session:
        session.query(Contract).update({"is_test": True})
    publish(phone["small"], date(2027, 6, 1), "150")
    at(clock, 2028, 1, 19)
    daily()

    assert [mail.to_address for mail in mails("prices_change")] == [ERIKA]
