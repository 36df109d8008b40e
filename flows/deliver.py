"""Mail: what lies in the outbox leaves."""

from prefect import flow

from tasks.delivery import deliver_outbox


@flow(name="deliver", flow_run_name="deliver", retries=0)
async def deliver() -> None:
    """Hand every mail that is due to the mail server."""
    deliver_outbox()
