"""Step 1: the subscription."""

from models import questions
from models.db import transaction
from models.decision import Decision
from models.onboarding import Onboarding, Party, Standing, StepName
from models.subscription import Subscription
from models.time.clock import now
from tasks.engine.retry import side_effect


@side_effect(name="1 Subscription")
def confirm_subscription(case_id: int) -> Standing:
    """Take the plan that the firm chose; a firm that wants advice first becomes an operator's task.

    Repeating it changes nothing: the question is put once, and a confirmed subscription stays as it is.
    """
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        if not case.may_begin(StepName.SUBSCRIPTION):
            return case.standing(StepName.SUBSCRIPTION)
        subscription = Subscription.of(session, case.firm_id)
        if subscription.confirmed_at is not None:
            case.finish(StepName.SUBSCRIPTION, now())
            return case.standing(StepName.SUBSCRIPTION)
        Decision.ask(session, questions.advice(case, now(), question=subscription.question))
        case.wait(StepName.SUBSCRIPTION, Party.OPERATOR, now())
        return case.standing(StepName.SUBSCRIPTION)
