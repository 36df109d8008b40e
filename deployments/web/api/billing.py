"""What is to be billed in a month, for the provider's accounting program."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from deployments.web.api.calls import Calling, Route
from deployments.web.api.routes import Cursor, add_route, after, next_page
from models.contracts.handover import read_month
from models.people.api_token import ProviderScope
from models.text import one_line
from tasks.contracts.billing import BilledPosition, positions

router = APIRouter(route_class=Route)

FIRMS_MOST = 500


class Billed(BaseModel):
    period: str
    final: bool = Field(description="The month is over: its positions never change.")
    positions: list[BilledPosition]
    next: str | None = Field(description="Ask again with this as `cursor`; none: these are the last.")


@add_route(router, "GET", "/billing", ProviderScope.BILLING_READ, "Read what is to be billed in a month", gives=Billed)
def read_billing(
    call: Calling,
    period: Annotated[str, Query(max_length=20, description="The month, like 2027-01.")],
    limit: Annotated[int, Query(ge=1, le=FIRMS_MOST, description="How many firms at once, at most.")] = 100,
    cursor: Cursor = "",
) -> Response:
    """A row a position, all of a firm together; for a token of the provider's, which managers make on the board.

    What becomes known after the month is over comes in the next one: as positions that take back (`corrects`), and new
    ones. Amounts are text, net; the columns are those of `provision contract billing --csv`.
    """
    month = read_month(one_line(period))
    page = positions(month, after(call, cursor), limit)
    following = next_page(call, page.after)
    return call.shown(Billed(period=f"{month:%Y-%m}", final=page.is_final, positions=page.rows, next=following))
