"""One open question, as a form in the Prefect UI."""

from itertools import count

from prefect import flow
from prefect.flow_runs import asuspend_flow_run
from prefect.runtime import flow_run

from tasks.intake.decision_forms import form_of, take_answer
from tasks.intake.run_names import of_question


@flow(name="decide", flow_run_name=of_question, retries=0)
async def decide(decision_id: int) -> None:
    """Wait, suspended, for an operator's answer and pass it on; ask again if it cannot be.

    Disposable: the question is a row, the board can answer it too, and the sweep makes a lost form again.
    """
    problem = ""
    for attempt in count(1):
        form = form_of(decision_id, problem)
        if form is None:
            return
        answer = await asuspend_flow_run(
            wait_for_input=form.model.with_initial_data(description=form.description),
            key=f"decision-{decision_id}-{attempt}",
        )
        problem = take_answer(decision_id, f"{flow_run.id}-{attempt}", answer.model_dump(mode="json"))
