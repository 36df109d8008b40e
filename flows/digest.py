"""The week in a mail, for those who look after the cases."""

from prefect import flow

from tasks.people.operators import send_digests


@flow(name="digest", flow_run_name="digest", retries=0)
async def digest() -> None:
    """Tell each operator once a week what waits, what is overdue and what went wrong; nothing if nothing is."""
    send_digests()
