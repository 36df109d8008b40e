"""Reminders: whoever is waited for too long is written to."""

from prefect import flow

from tasks.reminders import send_reminders


@flow(name="remind", flow_run_name="remind", retries=0)
async def remind() -> None:
    """Send the reminders that are due, each at an hour at which its person can be reached."""
    send_reminders()
