"""Events from outside: what webhooks have stored is done."""

from prefect import flow

from tasks.intake.events import handle_events


@flow(name="receive", flow_run_name="receive", retries=0)
async def receive() -> None:
    """Handle the stored events, oldest first; the cases that they move get their passes."""
    handle_events()
