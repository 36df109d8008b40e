"""The guarantee behind every kick: whatever got lost is found here."""

from prefect import flow

from tasks.agreements import expire_agreements
from tasks.inbox import handle_events
from tasks.operators import escalate_overdue
from tasks.passes import show_all_decisions, start_due_passes


@flow(name="sweep", flow_run_name="sweep", retries=0)
async def sweep() -> None:
    """Find whatever is due or was left over: events, agreements out of date, passes, lost forms, overdue decisions."""
    handle_events()
    expire_agreements()
    start_due_passes()
    show_all_decisions()
    escalate_overdue()
