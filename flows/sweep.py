"""The guarantee behind every kick: whatever got lost is found here."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.agreement.lifecycle import expire_agreements
from tasks.clients.imports.work import continue_imports
from tasks.contracts.billing import close_months
from tasks.contracts.takeout import make_takeouts
from tasks.engine.passes import show_all_decisions, start_due_passes
from tasks.intake.events import handle_events
from tasks.people.operators import escalate_overdue, tell_new


@flow(name="sweep", flow_run_name="sweep", retries=0)
async def sweep() -> list[State[Any]]:
    """Find whatever is due or was left over: events, agreements out of date, passes, lost forms, news for operators,
    imports that nobody works on, months that are over and not handed over to accounting, data that firms wait for.

    Each goes on if another breaks down; the run has failed then, and shows which.
    """
    return [
        handle_events(return_state=True),
        expire_agreements(return_state=True),
        start_due_passes(return_state=True),
        show_all_decisions(return_state=True),
        tell_new(return_state=True),
        escalate_overdue(return_state=True),
        continue_imports(return_state=True),
        close_months(return_state=True),
        make_takeouts(return_state=True),
    ]
