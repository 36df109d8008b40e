"""Kept as long as it must be, gone when it may: what is past its time is removed."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.retention.erasure import finish_erasures
from tasks.retention.files import remove_files
from tasks.retention.runs import remove_runs
from tasks.retention.tidy import remove_past


@flow(name="tidy", flow_run_name="tidy", retries=0)
async def tidy() -> list[State[Any]]:
    """Remove rows, files and runs at Prefect that are past their time, as ``models.retention.rules`` says, and finish
    erasures of people that were broken off.

    Each goes on if another breaks down; the run has failed then, and shows which. It may be killed, or run twice at
    once.
    """
    return [
        remove_past(return_state=True),
        remove_files(return_state=True),
        remove_runs(return_state=True),
        finish_erasures(return_state=True),
    ]
