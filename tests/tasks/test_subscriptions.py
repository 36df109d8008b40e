from models.db import reading
from models.decision import Decision
from tasks.onboarding.subscriptions import confirm_subscription
from tests.factories import at_once, everything, opened, standing


def test_a_chosen_plan_is_confirmed_once_however_often_we_try():
    case_id = opened()
    confirm_subscription.fn(case_id)
    before = everything()

    for _ in range(3):
        assert confirm_subscription.fn(case_id).state == "done"

    assert everything() == before


def test_advice_is_one_question_however_often_and_at_once_we_try():
    case_id = opened(plan=None, interval=None, question="Was passt zu „uns“ & warum?")

    at_once(*[lambda: confirm_subscription.fn(case_id)] * 3)
    confirm_subscription.fn(case_id)

    with reading() as session:
        (question,) = Decision.pending(session, case_id)
    assert question.facts == {"question": "Was passt zu „uns“ & warum?"}
    assert standing(case_id)["subscription"] == "waiting:operator"
