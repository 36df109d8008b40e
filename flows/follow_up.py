"""Following up: contacts who were invited and are not active are reminded, and after the last time called."""

from prefect import flow
from pydantic import Field

from models.reminders.cadence import WaitKind
from tasks.intake.artifacts import show_foreseen, show_reminded
from tasks.intake.run_names import of_round
from tasks.reminders.follow_up import case_of_company
from tasks.reminders.rounds import send_reminders


@flow(name="follow-up", flow_run_name=of_round, retries=0)
async def follow_up(
    company_id: str = Field(
        "",
        description="Nur die Kontakte dieses Unternehmens: seine sechsstellige Kennung. Leer: die aller Unternehmen.",
        json_schema_extra={"title": "Unternehmenskennung", "position": 0},
    ),
    dry_run: bool = Field(
        False,
        description="Nichts senden, nur zeigen, was bis zu dem Tag hinausginge, wann und warum dann.",
        json_schema_extra={"title": "Probelauf", "position": 1},
    ),
    until: str = Field(
        "",
        description="Nur beim Probelauf: bis zu diesem Tag, z. B. 2027-03-31. Leer: die nächsten 14 Tage.",
        json_schema_extra={"title": "Bis", "position": 2},
    ),
) -> None:
    """Remind each contact once, however many accounts they are at; whoever answered no reminder is to be called."""
    case_id = case_of_company(company_id)
    if dry_run:
        await show_foreseen(until, [WaitKind.CLIENT], case_id)
    else:
        await show_reminded(send_reminders([WaitKind.CLIENT], case_id))
