"""Legal holds of a firm: seen by operators, set and lifted by managers."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.visit import Submitting, Visit, Visiting
from models.db import reading
from models.errors import N_, ProvisionError
from models.onboarding import Onboarding
from tasks.retention import holds

router = APIRouter(prefix="/board/cases/{case_id}/holds")

SAID = {
    "held": N_("The hold stands: nothing of it is removed until the end of its last day."),
    "lifted": N_("The hold is lifted. What is past its time goes in the next night."),
}


@router.get("")
def show(visit: Visiting, case_id: int) -> Response:
    visit.require_operator()
    return visit.page("board/holds.html", **_shown(visit, case_id))


@router.post("")
def begin(visit: Submitting, case_id: int) -> Response:
    by = visit.require_manager().email
    try:
        wish = {name: visit.text(name) for name in ("whose", "reason", "until")}
        holds.set_hold(case_id, by, **wish)
    except ProvisionError as refusal:
        return visit.again("board/holds.html", refusal, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}/holds?said=held")


@router.post("/{hold_id}/lift")
def lift(visit: Submitting, case_id: int, hold_id: int) -> Response:
    by = visit.require_manager().email
    try:
        holds.lift_hold(case_id, hold_id, by)
    except ProvisionError as refusal:
        return visit.again("board/holds.html", refusal, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}/holds?said=lifted")


def _shown(visit: Visit, case_id: int) -> dict[str, Any]:
    with reading() as session:
        firm = Onboarding.get(session, case_id).firm.name
    return {
        "case_id": case_id,
        "firm": firm,
        "holds": holds.holds_of(case_id),
        "is_manager": visit.require_operator().is_manager,
        "told": SAID.get(visit.said_word, ""),
    }
