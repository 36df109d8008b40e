"""Inviting many: what was asked for is taken as far as it can get now."""

from prefect import flow
from pydantic import Field

from models.clients.bulk_invitation import BulkInvitation
from tasks.clients.bulk_invitations import send_invitations
from tasks.intake.run_names import of_firm


@flow(name="invite", flow_run_name=of_firm("invite", "bulk_id", BulkInvitation), retries=0)
async def invite(
    bulk_id: int = Field(
        0,
        description="Nummer der Sammeleinladung, wie sie in der Adresse ihrer Seite steht. 0: alle, die laufen.",
        json_schema_extra={"title": "Sammeleinladung", "position": 0},
    ),
) -> None:
    """Invite those whose turn it is, in batches, and deliver in between.

    It may be killed or run twice: who has been invited is not invited again.
    """
    send_invitations(bulk_id)
