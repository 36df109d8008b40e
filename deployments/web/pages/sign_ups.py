"""Registrations that wait for the firm's answer: new client, belongs to an account, or declined."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.visit import Submission, Submitting, Visit, Visiting
from models.clients.sign_up import SignUpAnswered
from models.errors import N_, NotFound, ProvisionError
from models.text import row_number
from tasks.clients import sign_ups
from tasks.people.sessions import Membership

router = APIRouter()


class AccountNotChosen(ProvisionError):
    status = 422
    says = N_("No account is chosen: look for one and choose it from the list.")


@router.get("/firm/{firm_id}/sign-ups")
def show_all(visit: Visiting, firm_id: int, after: str = "") -> Response:
    member = visit.require_staff(firm_id, manages=True)
    waiting = sign_ups.waiting(firm_id, row_number(after) or 0)
    return visit.page("firm/sign_ups.html", waiting=waiting, firm=waiting.firm, member=member)


@router.get("/firm/{firm_id}/sign-ups/{sign_up_id}")
def show(visit: Visiting, firm_id: int, sign_up_id: int) -> Response:
    member = visit.require_staff(firm_id, manages=True)
    return visit.page("firm/sign_up.html", **_shown(visit, member, sign_up_id))


@router.post("/firm/{firm_id}/sign-ups/{sign_up_id}/accept")
def accept(visit: Submitting, firm_id: int, sign_up_id: int) -> Response:
    """They are a new client."""
    member = visit.require_staff(firm_id, manages=True)
    by = visit.signed_in().email
    return _answer(visit, member, sign_up_id, lambda: sign_ups.accept(firm_id, sign_up_id, member, by), "accepted")


@router.post("/firm/{firm_id}/sign-ups/{sign_up_id}/link")
def link(visit: Submitting, firm_id: int, sign_up_id: int) -> Response:
    """They belong to the account that was chosen."""
    member = visit.require_staff(firm_id, manages=True)
    by, chosen = visit.signed_in().email, row_number(visit.text("client"))
    if not chosen:
        return visit.again("firm/sign_up.html", {"search": AccountNotChosen()}, **_shown(visit, member, sign_up_id))
    return _answer(visit, member, sign_up_id, lambda: sign_ups.link(firm_id, sign_up_id, chosen, member, by), "linked")


@router.post("/firm/{firm_id}/sign-ups/{sign_up_id}/decline")
def decline(visit: Submitting, firm_id: int, sign_up_id: int) -> Response:
    member = visit.require_staff(firm_id, manages=True)
    by = visit.signed_in().email
    return _answer(visit, member, sign_up_id, lambda: sign_ups.decline(firm_id, sign_up_id, by), "declined")


def _answer(visit: Submission, member: Membership, sign_up_id: int, act: Callable[[], int], word: str) -> Response:
    """Answer, and go on with the list; somebody else was faster: see what they have answered."""
    try:
        case = act()
    except SignUpAnswered as refusal:
        return visit.again("firm/sign_up.html", {"": refusal}, **_shown(visit, member, sign_up_id))
    return visit.go(f"/firm/{member.firm_id}/sign-ups?said=sign_up_{word}", case=case)


def _shown(visit: Visit, member: Membership, sign_up_id: int) -> dict[str, Any]:
    asked = visit.request.query_params
    search, after = asked.get("search", "")[:200], row_number(asked.get("after", "")) or 0
    try:
        detail = sign_ups.detail(member.firm_id, sign_up_id, member, search, after)
    except NotFound as refusal:
        raise NotFound(visit.reader.gettext("The page")) from refusal
    return {"detail": detail, "firm": detail.firm, "member": member, "country": _country(visit, detail.sign_up.country)}


def _country(visit: Visit, code: str) -> str:
    return str(visit.reader.locale.territories.get(code, code))
