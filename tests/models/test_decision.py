from datetime import UTC, datetime

import pytest

from models.db import reading, transaction
from models.decision import VERDICTS, AnsweredAlready, Decision, DecisionKind, Verdict, VerdictUnfit
from models.errors import NotFound
from tests.factories import at_once, opened

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def decision_id():
    case_id = opened()
    with transaction() as session:
        Decision.ask(
            session, Decision.draft(case_id, DecisionKind.DECLINED, "declined:1", NOW, reason="„zu teuer“ & mehr")
        )
        return Decision.by_key(session, "declined:1").id


def settle(decision_id, verdict, by="a", **answer):
    with transaction() as session:
        return Decision.get(session, decision_id).settle(verdict, by, NOW, answer)


def pending():
    with reading() as session:
        return [decision.id for decision in Decision.pending(session)]


def test_a_question_is_put_once(decision_id):
    with transaction() as session:
        first = Decision.get(session, decision_id)
        assert not Decision.ask(session, Decision.draft(first.onboarding_id, DecisionKind.DECLINED, "declined:1", NOW))

    assert pending() == [decision_id]


def test_the_first_answer_wins(decision_id):
    assert settle(decision_id, "resend", by="first@convent-it.example")

    with pytest.raises(AnsweredAlready, match=r"resend, by first@convent-it\.example"):
        settle(decision_id, "stop")
    assert pending() == []


def test_the_same_answer_again_is_the_same_answer(decision_id):
    assert settle(decision_id, "resend", note="x")

    assert not settle(decision_id, "resend", note="x")
    with pytest.raises(AnsweredAlready):
        settle(decision_id, "resend", note="y")


def test_of_two_answers_at_the_same_moment_one_wins(decision_id):
    said = at_once(lambda: settle(decision_id, "resend", "a"), lambda: settle(decision_id, "stop", "b"))

    assert sorted(map(type, said), key=str) == sorted([bool, AnsweredAlready], key=str)


@pytest.mark.parametrize("kind", list(DecisionKind))
def test_only_what_answers_the_question_is_taken(kind):
    decision = Decision(kind=kind)
    for verdict in set(Verdict) - set(VERDICTS[kind]):
        with pytest.raises(VerdictUnfit):
            decision.settle(verdict.value, "a", NOW, {})

    assert decision.settle(VERDICTS[kind][0].value, "a", NOW, {})


def test_an_unknown_question_is_not_found():
    with pytest.raises(NotFound), transaction() as session:
        Decision.get(session, 4711)
