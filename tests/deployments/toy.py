"""Small flows with which the tests try the machinery that starts ours."""

import threading
from datetime import timedelta
from typing import Literal

from prefect import flow
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from tasks.engine.prefect_client import busy
from tasks.engine.retry import side_effect

seen: list[int] = []
gate = threading.Event()


@side_effect(name="Note the case")
def note(case_id: int) -> None:
    seen.append(case_id)


@flow
async def greet(case_id: int = Field(0, description="Which one", json_schema_extra={"title": "Vorgang"})) -> None:
    """Notes a case."""
    note(case_id)


@flow
async def hurry(case_id: int) -> None:
    """Notes a case that cannot wait."""
    note(case_id)


@flow
async def tick() -> None:
    """What a schedule starts."""


@flow
async def linger(case_id: int) -> None:
    """Works until the gate is opened."""
    note(case_id)
    gate.wait(30)


@flow
async def alone(case_id: int) -> None:
    """Notes how many others of its kind are coming for the case."""
    note(len(busy("alone", [f"case-{case_id}"], timedelta(minutes=5)) or ()))


class Answer(RunInput):
    choice: Literal["grant", "refuse"] = Field(description="What shall be done", json_schema_extra={"position": 0})
    reason: str = Field("", description="Why", json_schema_extra={"position": 1})


@flow(retries=0)
async def ask(case_id: int) -> None:
    """Asks an operator, again if a refusal has no reason."""
    problem = ""
    for attempt in range(1, 5):
        answer = await suspend_flow_run(
            wait_for_input=Answer.with_initial_data(description=f"# Case {case_id}\n\n{problem}"),
            key=f"case-{case_id}-{attempt}",
        )
        if answer.choice == "grant" or answer.reason:
            note(case_id)
            return
        problem = "A refusal needs a reason."
