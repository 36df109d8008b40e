"""What people want to have done about their data: asked on a page of their own, answered by the firm or by us."""

from collections.abc import Callable
from math import ceil
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.own_data import proven
from deployments.web.security import ASK_OF_OWN_DATA, LOOK_FROM, OWN_DATA, TooManyAttempts, limit, network
from deployments.web.visit import Submission, Submitting, Visit, Visiting
from models.errors import N_, NotFound, ProvisionError
from models.retention.request import (
    AskedOften,
    DelayReasonMissing,
    ExtendedAlready,
    ExtendedLate,
    ProviderAnswers,
    RefusalReasonMissing,
    RequestAnswered,
    RequestKind,
    WishMissing,
)
from models.text import TextTooLong, row_number
from tasks.retention import requests
from tasks.text.i18n import explain

router = APIRouter()
MINE, BY_MAILBOX = "/my-data/requests", "/privacy/data/{token}/requests"
LOOKS = ["GET", "HEAD"]
"""How a page is opened: whoever only asks whether it is there gets the same answer without the page."""
SAID = {
    "asked": N_("Your request has arrived. You find here what becomes of it, and get a mail with the answer."),
    "withdrawn": N_("Your request is withdrawn: nothing is changed or erased because of it."),
    "granted": N_("Granted: whoever has asked is told by mail. What is to be erased goes once that mail has left."),
    "refused": N_("Refused: whoever has asked is told by mail, with your reason."),
    "extended": N_("Whoever has asked is told by mail why it takes longer, and until when."),
}


@router.api_route(MINE, methods=LOOKS)
def show_own(visit: Visiting) -> Response:
    visitor = visit.signed_in()
    limit(OWN_DATA, "own-data", str(visitor.account_id))
    return _show(visit, visitor, "/my-data")


@router.post(MINE)
def ask(visit: Submitting) -> Response:
    return _ask(visit, visit.signed_in(), "/my-data")


@router.post(MINE + "/{request_id}/withdraw")
def withdraw(visit: Submitting, request_id: int) -> Response:
    return _withdraw(visit, visit.signed_in(), "/my-data", request_id)


@router.api_route(BY_MAILBOX, methods=LOOKS)
def show_proven(visit: Visiting, token: str) -> Response:
    """For who has no account."""
    proven(visit, token)
    return _show(visit, requests.Mailbox.proven(token), f"/privacy/data/{token}")


@router.post(BY_MAILBOX)
def ask_by_mailbox(visit: Submitting, token: str) -> Response:
    return _ask(visit, _mailbox(visit, token), f"/privacy/data/{token}")


@router.post(BY_MAILBOX + "/{request_id}/withdraw")
def withdraw_by_mailbox(visit: Submitting, token: str, request_id: int) -> Response:
    return _withdraw(visit, _mailbox(visit, token), f"/privacy/data/{token}", request_id)


def _mailbox(visit: Submission, token: str) -> requests.Mailbox:
    limit(LOOK_FROM, "look-from", network(visit.request))
    return requests.Mailbox.proven(token)


def _show(visit: Visit, asker: requests.Asker, above: str) -> Response:
    return visit.page("requests/own.html", **_own(visit, asker, above, with_plan=True))


def _ask(visit: Submission, asker: requests.Asker, above: str) -> Response:
    """Ask the firm that the form names to erase or correct what it has."""
    firm, kind = visit.text("firm"), visit.text("kind")
    if kind not in set(RequestKind):  # Nothing is erased because a form was not whole.
        raise NotFound(visit.reader.gettext("The page"))
    wished = RequestKind(kind)
    field = f"words-{wished.value}-{firm}"
    try:
        limit(ASK_OF_OWN_DATA, "ask-of-own-data", asker.email)
        firm_id = next((each.firm_id for each in asker.memberships if str(each.firm_id) == firm), 0)
        requests.ask(asker, firm_id, wished, visit.paragraphs(field))
    except ProvisionError as refusal:
        return _own_again(visit, asker, above, refusal, field)
    return visit.go(f"{above}/requests?said=asked")


def _withdraw(visit: Submission, asker: requests.Asker, above: str, request_id: int) -> Response:
    try:
        requests.withdraw(asker, request_id)
    except RequestAnswered as refusal:
        return _own_again(visit, asker, above, refusal)
    return visit.go(f"{above}/requests?said=withdrawn")


def _own_again(
    visit: Submission, asker: requests.Asker, above: str, refusal: ProvisionError, field: str = ""
) -> Response:
    """The form as it was sent, also where somebody has asked too often. Nothing is looked for in all tables again."""
    places: dict[type[ProvisionError], str] = {WishMissing: field, TextTooLong: field}
    often = isinstance(refusal, TooManyAttempts | AskedOften)
    told: ProvisionError | dict[str, ProvisionError] = {field: refusal} if often else refusal
    shown = _own(visit, asker, above, with_plan=False)
    again = visit.again("requests/own.html", told, fields=places, values=visit.values, **shown)
    if isinstance(refusal, TooManyAttempts):
        again.headers["Retry-After"] = str(refusal.seconds)
    return again


def _own(visit: Visit, asker: requests.Asker, above: str, *, with_plan: bool) -> dict[str, Any]:
    """*above*: the page that shows what is stored."""
    shown = {"above": above, "place": f"{above}/requests", "by_mailbox": isinstance(asker, requests.Mailbox)}
    told, firms = SAID.get(visit.said_word, ""), requests.own(asker, with_plan=with_plan)
    return {"firms": firms, "told": told, "explain": _explain(visit), **shown}


def _explain(visit: Visit) -> Callable[[ProvisionError], str]:
    return lambda refusal: explain(refusal, visit.reader)


# ---- by the firm, about its clients


@router.api_route("/firm/{firm_id}/requests", methods=LOOKS)
def show_of_firm(visit: Visiting, firm_id: int) -> Response:
    member = visit.require_administrator(firm_id)
    return visit.page("requests/list.html", **_list(visit, firm_id, member.firm_name))


@router.api_route("/firm/{firm_id}/requests/{request_id}", methods=LOOKS)
def show_one_of_firm(visit: Visiting, firm_id: int, request_id: int) -> Response:
    visit.require_administrator(firm_id)
    return visit.page("requests/request.html", **_one(visit, firm_id, request_id))


@router.post("/firm/{firm_id}/requests/{request_id}/grant")
def grant_by_firm(visit: Submitting, firm_id: int, request_id: int) -> Response:
    visit.require_administrator(firm_id)
    return _answer(visit, firm_id, request_id, requests.grant, "granted", "note")


@router.post("/firm/{firm_id}/requests/{request_id}/refuse")
def refuse_by_firm(visit: Submitting, firm_id: int, request_id: int) -> Response:
    visit.require_administrator(firm_id)
    return _answer(visit, firm_id, request_id, requests.refuse, "refused", "reason")


@router.post("/firm/{firm_id}/requests/{request_id}/extend")
def extend_by_firm(visit: Submitting, firm_id: int, request_id: int) -> Response:
    visit.require_administrator(firm_id)
    return _answer(visit, firm_id, request_id, requests.extend, "extended", "delay")


# ---- by the provider, about people of firms, and what firms have left


@router.api_route("/board/requests", methods=LOOKS)
def show_of_provider(visit: Visiting) -> Response:
    visit.require_operator()
    return visit.page("requests/list.html", **_list(visit, None, ""))


@router.api_route("/board/requests/{request_id}", methods=LOOKS)
def show_one_of_provider(visit: Visiting, request_id: int) -> Response:
    visit.require_operator()
    return visit.page("requests/request.html", **_one(visit, None, request_id))


@router.post("/board/requests/{request_id}/grant")
def grant(visit: Submitting, request_id: int) -> Response:
    visit.require_operator()
    return _answer(visit, None, request_id, requests.grant, "granted", "note")


@router.post("/board/requests/{request_id}/refuse")
def refuse(visit: Submitting, request_id: int) -> Response:
    visit.require_operator()
    return _answer(visit, None, request_id, requests.refuse, "refused", "reason")


@router.post("/board/requests/{request_id}/extend")
def extend(visit: Submitting, request_id: int) -> Response:
    visit.require_operator()
    return _answer(visit, None, request_id, requests.extend, "extended", "delay")


def _answer(
    visit: Submission,
    firm_id: int | None,
    request_id: int,
    act: Callable[[int | None, int, str, str], int],
    word: str,
    field: str,
) -> Response:
    """Answer, and go back to the list; what is refused stands at its field, or above."""
    try:
        act(firm_id, request_id, visit.signed_in().email, visit.paragraphs(field))
    except ProviderAnswers as refusal:  # Nor does the firm see it any more.
        return visit.again("requests/list.html", refusal, **_list(visit, firm_id, refusal.firm))
    except ProvisionError as refusal:
        missing = (RefusalReasonMissing, DelayReasonMissing, ExtendedAlready, ExtendedLate, TextTooLong)
        places: dict[type[ProvisionError], str] = dict.fromkeys(missing, field)
        shown = _one(visit, firm_id, request_id)
        return visit.again("requests/request.html", refusal, fields=places, values=visit.values, **shown)
    return visit.go(f"{_place(firm_id)}?said={word}")


def _list(visit: Visit, firm_id: int | None, owner: str) -> dict[str, Any]:
    pages = max(1, ceil(requests.count_waiting(firm_id) / requests.SHOWN))
    page = min(row_number(visit.request.query_params.get("page", "")) or 1, pages)
    shown: dict[str, Any] = {"waiting": requests.waiting(firm_id, page), "page": page, "pages": pages}
    shown |= {"told": SAID.get(visit.said_word, ""), "place": _place(firm_id), "explain": _explain(visit)}
    return {**shown, "owner": owner, "back": "/board" if firm_id is None else f"/firm/{firm_id}/clients"}


def _place(firm_id: int | None) -> str:
    return "/board/requests" if firm_id is None else f"/firm/{firm_id}/requests"


def _one(visit: Visit, firm_id: int | None, request_id: int) -> dict[str, Any]:
    waiting, foreseen = requests.detail(firm_id, request_id)
    left_to_firm = requests.left_to_firm(waiting) if firm_id is None else None
    shown: dict[str, Any] = {"list": _place(firm_id), "by_firm": firm_id is not None, "explain": _explain(visit)}
    shown |= {"left_to_firm": explain(left_to_firm, visit.reader) if left_to_firm else ""}
    return {"one": waiting, "plan": foreseen, **shown}
