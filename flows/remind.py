"""Reminders: whoever is waited for too long is written to; contacts of a firm's clients by ``follow_up``."""

from prefect import flow
from pydantic import Field

from models.reminders.cadence import WaitKind
from tasks.intake.artifacts import show_foreseen, show_reminded
from tasks.intake.run_names import of_round
from tasks.onboarding.succession import see_to_successions
from tasks.reminders.rounds import send_reminders
from tasks.retention.requests import see_to_requests

OTHERS = [kind for kind in WaitKind if kind is not WaitKind.CLIENT]


@flow(name="remind", flow_run_name=of_round, retries=0)
async def remind(
    dry_run: bool = Field(
        False,
        description="Nichts senden, nur zeigen, was bis zu dem Tag hinausginge, wann und warum dann.",
        json_schema_extra={"title": "Probelauf", "position": 0},
    ),
    until: str = Field(
        "",
        description="Nur beim Probelauf: bis zu diesem Tag, z. B. 2027-03-31. Leer: die nächsten 14 Tage.",
        json_schema_extra={"title": "Bis", "position": 1},
    ),
) -> None:
    """Send the reminders that are due, each at an hour at which its person can be reached, and tell what was held.

    Then whoever has to answer somebody about own data is reminded, and what was granted is carried out; and so is who
    was asked to take over an account, or their time ends.
    """
    if dry_run:
        await show_foreseen(until, OTHERS)
    else:
        await show_reminded(send_reminders(OTHERS))
        see_to_requests()
        see_to_successions()
