"""All data of a firm is put together, for it to take along."""

from prefect import flow
from pydantic import Field

from models.contracts.takeout import Takeout
from tasks.contracts.takeout import make_takeout
from tasks.intake.run_names import of_firm


@flow(name="takeout", flow_run_name=of_firm("takeout", "takeout_id", Takeout), retries=0)
async def takeout(
    takeout_id: int = Field(
        description="Nummer des Archivs. Das Produkt startet es selbst; eine Wiederholung schadet nicht.",
        json_schema_extra={"title": "Archiv", "position": 0},
    ),
) -> None:
    """Put the archive together, unless somebody else is at it; begun again it begins anew."""
    make_takeout(takeout_id)
