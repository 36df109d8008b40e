"""What contracts do by themselves, day by day."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.contracts.closing import close_due
from tasks.contracts.effects import apply_due
from tasks.contracts.legal import ask_for_consent
from tasks.contracts.orders import begin_missing
from tasks.contracts.pricing import announce_prices
from tasks.contracts.reminding import remind_of_notice
from tasks.contracts.vies import ask_about_vat_ids, tell_of_silence


@flow(name="contracts", flow_run_name="contracts", retries=0)
async def contracts() -> list[State[Any]]:
    """Begin what is missing, do what takes effect, close accounts, tell of new prices, remind of last days for notice.

    VAT ids are confirmed in time for the end of the month.

    Each goes on if another breaks down; the run has failed then, and shows which. After an outage the next run does
    what is due since, each thing on its own day; running it twice changes nothing.
    """
    return [
        begin_missing(return_state=True),
        apply_due(return_state=True),
        close_due(return_state=True),
        announce_prices(return_state=True),
        remind_of_notice(return_state=True),
        ask_for_consent(return_state=True),
        ask_about_vat_ids(return_state=True),
        tell_of_silence(return_state=True),
    ]
