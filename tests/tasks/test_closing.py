# ruff: noqa: F401, F811  (fixtures)
"""The account of a firm is closed: on the first possible day, once, and all access ends with it."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from models.contracts.booking import Booking, Change, ChangeKind
from models.contracts.catalogue import Authority
from models.contracts.closing import (
    AboutToBegin,
    ClosesLater,
    ClosingReasonMissing,
    ConfirmationMissing,
    ConfirmationWrong,
    EndModulesFirst,
    NoClosingAsked,
    OwnerCloses,
    possible_from,
)
from models.contracts.contract import ClosingAsked, Contract
from models.contracts.declaration import EndedAlready
from models.db import reading, transaction
from models.errors import FormRefused, NotFound, ProvisionError
from models.firm import Firm
from models.link import Purpose
from models.mail.outbox import OUTLIVES_CASE, Outgoing
from models.onboarding import AccountClosed
from models.people.api_token import AccountOfTokenClosed
from models.people.person import Person
from models.reminders.reminder import Reminder
from models.settings import settings
from models.time.clock import now
from tasks.clients import public_page, sign_ups
from tasks.contracts import changes, closing, details, effects, notices, orders, page
from tasks.contracts.changes import Wish
from tasks.contracts.details import Section
from tasks.contracts.orders import Who
from tasks.onboarding import registration, stopping
from tasks.people import api_tokens, sessions
from tests import factories
from tests.api import token
from tests.factories import PASSWORD, acts, at_once, case, firm_of, mails, signed, told_by, with_organiser
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
    phone,
    prices_of,
    row,
)
from tests.tasks.test_stopped import MANNERS, WISH, known, late

ERIKA = "erika@freitag.example"
NIGHT = datetime(2026, 12, 31, 23, 59, 30, tzinfo=BERLIN)
NEW_YEAR = datetime(2027, 1, 1, 0, 0, 1, tzinfo=BERLIN)


def close(firm_id: int, who: Who = CLIENT, *, later: bool = False, reason: str = "Brief vom Inhaber", **more) -> bool:
    with reading() as session:
        firm = session.get_one(Firm, firm_id)
    written = more.get("typed", str(firm.company_id or firm.name))
    return closing.close(firm_id, who, written, reason, later=later)


def closed_at(firm_id: int) -> datetime | None:
    with reading() as session:
        return session.get_one(Firm, firm_id).closed_at


@pytest.fixture
def ending(firm_id, clock):
    """The one module that the firm has ends with the year."""
    at(clock, 2026, 12, 10)
    reason = "Kanzlei gibt auf"
    ends(firm_id, 1, MANAGER, chosen=date(2026, 12, 31), reason=reason)
    return firm_id


def test_an_account_is_closed_from_the_first_moment_after_the_last_day_and_not_before(ending, clock):
    clock(NIGHT)
    with pytest.raises(ClosesLater) as later:
        close(ending)
    assert (later.value.last_day, later.value.day) == (date(2026, 12, 31), date(2027, 1, 1))
    assert closed_at(ending) is None

    clock(NEW_YEAR)
    assert close(ending)

    assert closed_at(ending).astimezone(BERLIN).date() == date(2027, 1, 1)
    assert row(Booking, 1).ended_at == datetime(2027, 1, 1, tzinfo=BERLIN)
    assert acts(1)[-2:] == ["contract.moved_on", "closing.done"]
    assert [mail.to_address for mail in mails("account_closed")] == [ERIKA, settings().provider_email]
    assert no_faults()


def test_the_last_second_of_the_last_day_is_too_early_and_the_next_one_is_not(ending):
    with reading() as session:
        contract, bookings = Contract.of(session, ending), Booking.of(session, ending)
    midnight = datetime(2027, 1, 1, tzinfo=BERLIN)

    assert possible_from(contract, bookings, midnight - timedelta(seconds=1)) == midnight
    assert possible_from(contract, bookings, midnight) is None


def test_it_cannot_be_closed_while_a_module_has_no_last_day_or_is_about_to_begin(firm_id):
    for later in (False, True):
        with pytest.raises(EndModulesFirst):
            close(firm_id, later=later)


def test_between_the_firms_signature_and_its_first_module_it_cannot_be_closed(no_runs):
    firm = firm_of(signed())
    with pytest.raises(AboutToBegin):
        close(firm)


def test_an_account_without_a_module_is_closed_at_once_and_so_is_one_that_was_stopped(no_runs):
    case_id = with_organiser()
    assert close(firm_of(case_id))
    assert case(case_id).stopped_at == closed_at(firm_of(case_id))
    other = factories.opened("test:2", firm_name="Zweite", organiser={"name": "Sara Süd", "email": "sara@sued.example"})
    stopping.stop_case(other, "verkauft", OPERATOR.by)
    stopped = case(other).stopped_at
    assert close(firm_of(other), MANAGER)
    assert case(other).stopped_at == stopped
    for one in (case_id, other):
        with pytest.raises(AccountClosed):
            stopping.take_up(one, OPERATOR.by)
    assert no_faults()


def test_who_closes_it_types_the_number_and_only_the_owner_and_operators_with_a_reason_may(no_runs):
    firm = firm_of(with_organiser())
    for wrong, fault in (("", ConfirmationMissing), ("Freitag", ConfirmationWrong)):
        with pytest.raises(FormRefused) as refused:
            close(firm, typed=wrong)
        assert {name: type(each) for name, each in refused.value.fields.items()} == {"typed": fault}
    with pytest.raises(FormRefused) as refused:
        close(firm, OPERATOR, typed="1", reason=" ")
    assert {name: type(each) for name, each in refused.value.fields.items()} == {
        "typed": ConfirmationWrong,
        "reason": ClosingReasonMissing,
    }
    with pytest.raises(OwnerCloses):
        close(firm, Who("kim@freitag.example", Authority.CLIENT))
    assert closed_at(firm) is None

    number = str(case(1).firm.company_id)
    assert close(firm, OPERATOR, typed=f" {number[:3]} {number[3:]} ")
    assert told_by(1, "closing.done")[0]["reason"] == "Brief vom Inhaber"
    assert ["reason" in mail.facts and bool(mail.facts["reason"]) for mail in mails("account_closed")] == [False, True]


def test_asked_for_beforehand_it_is_closed_by_itself_once_also_after_an_outage(ending, clock):
    assert not close(ending, later=True)
    assert not close(ending, later=True)
    clock(NIGHT)
    daily()
    assert closed_at(ending) is None

    at(clock, 2027, 1, 9)
    daily()
    daily()

    assert closed_at(ending).date() == now().date()
    assert [action for action in acts(1) if action.startswith("closing")] == ["closing.asked", "closing.done"]
    assert [len(mails(kind)) for kind in ("closing_asked", "account_closed", "module_ended")] == [2, 2, 2]
    assert no_faults()


def daily() -> None:
    effects.apply_due.fn()
    closing.close_due.fn()


def test_as_long_as_it_is_to_be_closed_nothing_is_ordered_or_undone_until_that_is_taken_back(ending, phone, clock):
    at(clock, 2026, 12, 15)
    changes.ask_undo(ending, 1, CLIENT)
    close(ending, later=True)
    for act in (
        lambda: ordered(ending, phone),
        lambda: changes.ask_undo(ending, 1, CLIENT),
        lambda: changes.agree_undo(ending, 1, OPERATOR),
    ):
        with pytest.raises(ClosingAsked):
            act()

    closing.take_back(ending, CLIENT)

    with pytest.raises(NoClosingAsked):
        closing.take_back(ending, CLIENT)
    booking_id = ordered(ending, phone)
    with pytest.raises(EndModulesFirst):
        close(ending, later=True)
    clock(NEW_YEAR)
    daily()
    assert closed_at(ending) is None
    assert row(Booking, booking_id).ended_at is None
    assert no_faults()


def test_an_earlier_end_brings_the_closing_forward(ending, clock):
    close(ending, later=True)
    with reading() as session:
        waits = Change.pending(session, [1])[1].id
    wish = Wish(ChangeKind.TERMINATION, chosen=date(2026, 12, 20), reason="einvernehmlich")
    changes.declare_change(ending, 1, MANAGER, wish, drops=[waits])
    at(clock, 2026, 12, 21, 9)
    daily()
    assert closed_at(ending).date() == now().date()
    assert no_faults()


def test_an_end_that_is_over_as_it_is_entered_closes_the_account_with_the_next_run(ending):
    close(ending, later=True)
    with reading() as session:
        waits = Change.pending(session, [1])[1].id
    received = Wish(ChangeKind.EXTRAORDINARY, reason="§ 314 BGB", received_at=now() - timedelta(days=3))
    changes.declare_change(ending, 1, MANAGER, received, drops=[waits])
    with reading() as session:
        assert Contract.of(session, ending).closing_at <= now()
    daily()
    assert closed_at(ending) is not None
    assert no_faults()


def test_with_the_account_all_access_ends_and_everybody_is_told_why(no_runs, clock):
    """People, programs, links, reminders and the firm's own page; what it has is still there."""
    at(clock, 2026, 12, 10)
    case_id = late().case
    firm, number = firm_of(case_id), case(case_id).firm.company_id
    api, links = token(firm), known(case_id)
    sign_ups.ask(number, WISH)
    reason = "Kanzlei gibt auf"
    ends(firm, 1, MANAGER, chosen=date(2026, 12, 11), reason=reason)
    at(clock, 2026, 12, 12)
    opened = sessions.sign_in(ERIKA, PASSWORD)

    close(firm)

    assert sessions.signed_in(opened) is None
    for act in (
        lambda: sessions.require_not_closed(opened),
        lambda: sessions.sign_in(ERIKA, PASSWORD),
        lambda: registration.register(links.tokens[Purpose.ACTIVATE], Purpose.ACTIVATE, PASSWORD, **MANNERS),
        lambda: details.change(firm, MANAGER, Section.NUMBER, {"customer_number": "7"}, "any"),
        lambda: orders.order(firm, MANAGER, 1, 1, 1, {}),
        lambda: notices.terminate_by_notice(number, "portal", now()),
        lambda: stopping.take_up(case_id, OPERATOR.by),
    ):
        with pytest.raises(ProvisionError) as refused:
            act()
        assert isinstance(refused.value, AccountClosed | EndedAlready), refused.value
    with pytest.raises(AccountOfTokenClosed):
        api_tokens.opened(api)
    with pytest.raises(NotFound):
        public_page.page_of(number)
    with reading() as session:
        assert session.scalars(select(Reminder).where(Reminder.ended_at.is_(None))).all() == []
        leaves = select(Outgoing.kind).where(Outgoing.due_at.is_not(None), Outgoing.onboarding_id == case_id)
        assert all(OUTLIVES_CASE[kind] for kind in session.scalars(leaves))
    shown = page.view(firm, MANAGER)
    assert (len(shown.booked), shown.orderable, bool(shown.accepted)) == (1, [], True)
    assert shown.history[0].action == "closing.done"
    assert no_faults()


def test_the_member_of_two_firms_keeps_the_other_one(no_runs):
    case_id = with_organiser()
    other = factories.with_organiser(
        key="test:2", firm_name="Zweite", organiser={"name": "Sara Süd", "email": "sara@sued.example"}
    )
    opened = sessions.sign_in(ERIKA, PASSWORD)
    closing_firm, stays = firm_of(case_id), firm_of(other)
    with transaction() as session:
        Person.organiser(session, stays).account_id = Person.organiser(session, closing_firm).account_id

    close(closing_firm)

    assert [one.firm_id for one in sessions.signed_in(opened).memberships] == [stays]


def test_an_order_and_the_closing_at_once_leave_one_of_them(ending, phone, clock):
    clock(NEW_YEAR)
    order, closed = at_once(lambda: ordered(ending, phone), lambda: close(ending))
    outcomes = (type(order), type(closed))
    assert outcomes in {(int, EndModulesFirst), (AccountClosed, bool)}, (order, closed)
    assert (closed_at(ending) is None) == (type(order) is int)
    assert no_faults()


def test_whoever_signs_in_while_it_is_closed_gets_nowhere(ending, clock):
    clock(NEW_YEAR)
    session_token, again, closed = at_once(
        lambda: sessions.sign_in(ERIKA, PASSWORD), lambda: close(ending), lambda: close(ending)
    )
    assert sorted(type(each).__name__ for each in (again, closed)) == ["AccountClosed", "bool"]
    assert isinstance(session_token, AccountClosed) or sessions.signed_in(session_token) is None
    assert acts(1).count("closing.done") == 1
