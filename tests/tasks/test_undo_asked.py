# ruff: noqa: F401, F811  (fixtures)
"""A firm wants a module to go on after all: a question to operators, answered on the board or the contract's page."""

import pytest
from sqlalchemy import select

from models.contracts.booking import Booking, Change, ChangeKind, ChangeState
from models.contracts.declaration import EndedAlready, NothingToUndo, UndoNotAsked
from models.db import reading
from models.decision import AnsweredAlready, Decision, DecisionKind, SettledOtherwise, Verdict
from tasks.contracts import changes, effects
from tasks.contracts.changes import Wish
from tasks.intake.decision_effects import answer_decision
from tasks.onboarding import stopping
from tests.factories import acts, at_once, firm_of, mails
from tests.tasks.test_contracts import CLIENT, MANAGER, OPERATOR, at, ends, firm_id, no_faults, ordered, phone, row

BOARD = "board@convent-it.example"


@pytest.fixture
def booking_id(firm_id, phone, clock) -> int:
    """A module that ends with 29 February 2028; the firm has asked that it goes on."""
    at(clock, 2027, 3, 1)
    made = ordered(firm_id, phone)
    ends(firm_id, made)
    changes.ask_undo(firm_id, made, CLIENT)
    return made


def questions() -> list[Decision]:
    with reading() as session:
        asked = select(Decision).where(Decision.kind == DecisionKind.UNDO).order_by(Decision.id)
        return list(session.scalars(asked))


def change() -> Change:
    return row(Change, 1)


def test_operators_are_asked_once_and_what_is_agreed_on_the_board_undoes_it(firm_id, booking_id):
    changes.ask_undo(firm_id, booking_id, CLIENT)
    (asked,) = questions()
    assert asked.facts["module"] == "Telefonservice"
    assert asked.facts["ends_on"] == "2028-02-29"
    assert mails("undo_asked") == []

    answer_decision(asked.id, "agreed", BOARD, note="Gern.")
    answer_decision(asked.id, "agreed", BOARD, note="Gern.")

    assert row(Booking, booking_id).ends_on is None
    assert change().state is ChangeState.UNDONE
    assert [mail.facts["note"] for mail in mails("change_undone")] == ["Gern."] * 2
    with pytest.raises(NothingToUndo):
        changes.agree_undo(firm_id, booking_id, OPERATOR)
    assert no_faults()


@pytest.mark.parametrize("where", ["board", "page"])
def test_what_is_refused_stands_the_firm_is_told_and_may_ask_again(firm_id, booking_id, where):
    (asked,) = questions()
    if where == "board":
        answer_decision(asked.id, "refuse", BOARD, note="Leider nein.")
    else:
        changes.refuse_to_undo(firm_id, booking_id, OPERATOR, "Leider nein.")

    (answered,) = questions()
    assert (answered.verdict, answered.answer) == (Verdict.REFUSE, {"note": "Leider nein."})
    assert (change().state, change().undo_asked_at) == (ChangeState.PENDING, None)
    assert change().undo_refused_at is not None
    (mail,) = mails("undo_refused")
    assert (mail.to_address, mail.facts["note"]) == ("erika@freitag.example", "Leider nein.")
    with pytest.raises(UndoNotAsked):
        changes.refuse_to_undo(firm_id, booking_id, OPERATOR)
    changes.ask_undo(firm_id, booking_id, CLIENT)
    assert len(questions()) == 2
    assert change().undo_refused_at is None
    assert no_faults()


def test_two_who_answer_at_once_on_board_and_page_are_heard_once(firm_id, booking_id):
    (asked,) = questions()
    done = at_once(
        lambda: answer_decision(asked.id, "refuse", BOARD),
        lambda: changes.agree_undo(firm_id, booking_id, OPERATOR),
    )
    refused = [one for one in done if isinstance(one, Exception)]
    assert len(refused) == 1
    assert isinstance(refused[0], AnsweredAlready | UndoNotAsked | NothingToUndo)
    (answered,) = questions()
    is_undone = row(Booking, booking_id).ends_on is None
    assert (answered.verdict is Verdict.AGREED) == is_undone
    assert len(mails("change_undone")) == 2 * is_undone
    assert len(mails("undo_refused")) == (not is_undone)
    assert no_faults()


@pytest.mark.parametrize("how", ["over", "earlier"])
def test_it_is_no_question_any_more_once_the_module_has_ended_or_ends_sooner(firm_id, booking_id, clock, how):
    (asked,) = questions()
    if how == "earlier":
        wish = Wish(ChangeKind.TERMINATION, chosen=row(Booking, booking_id).starts_on, reason="Kulanz")
        changes.declare_change(firm_id, booking_id, MANAGER, wish, drops=[change().id])
    else:
        at(clock, 2028, 3, 1)
        with pytest.raises(EndedAlready):
            answer_decision(asked.id, "agreed", BOARD)
        effects.apply_due.fn()

    (closed,) = questions()
    assert closed.verdict is Verdict.MOOT
    with pytest.raises(SettledOtherwise):
        answer_decision(asked.id, "agreed", BOARD)
    assert no_faults()


def test_while_the_case_is_stopped_the_provider_is_told_by_mail_and_answers_on_the_page(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    ends(firm_id, booking_id)
    stopping.stop_case(1, "Pause", BOARD)
    changes.ask_undo(firm_id, booking_id, CLIENT)
    assert questions() == []
    assert len(mails("undo_asked")) == 1
    changes.agree_undo(firm_id, booking_id, OPERATOR)
    assert row(Booking, booking_id).ends_on is None


@pytest.mark.parametrize("answered", [True, False])
def test_a_case_that_is_taken_up_again_asks_what_was_not_answered_meanwhile(firm_id, booking_id, answered):
    stopping.stop_case(1, "Pause", BOARD)
    assert questions()[0].verdict is Verdict.MOOT
    if answered:
        changes.refuse_to_undo(firm_id, booking_id, OPERATOR)
    stopping.take_up(1, BOARD)
    assert (questions()[0].verdict is None) is not answered
