"""Mail: what lies in the outbox leaves."""

from prefect import flow

from models.mail.outbox import Urgency
from tasks.mail.delivery import deliver_outbox


@flow(name="deliver", flow_run_name="deliver", retries=0)
async def deliver() -> None:
    """Hand every mail that is due to the mail server."""
    deliver_outbox()


@flow(name="deliver-urgent", flow_run_name="deliver-urgent", retries=0)
async def deliver_urgent() -> None:
    """Hand over what cannot wait, codes and new passwords, while mails to many are on their way."""
    deliver_outbox(Urgency.AT_ONCE)
