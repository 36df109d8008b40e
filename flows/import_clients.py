"""Files with many clients: compared, written or taken back, whatever is next."""

from prefect import flow
from pydantic import Field

from models.clients.imports import Import
from tasks.intake.artifacts import go_on_with_import
from tasks.intake.run_names import of_firm


@flow(name="import-clients", flow_run_name=of_firm("import", "import_id", Import), retries=0)
async def import_clients(
    import_id: int = Field(
        description="Nummer des Imports. Das Produkt startet ihn selbst; eine Wiederholung schadet nicht.",
        json_schema_extra={"title": "Import", "position": 0},
    ),
) -> None:
    """Go on with an import until somebody has to decide; whatever was done stays, however often it is started."""
    await go_on_with_import(import_id)
