"""Inviting many contacts at once: whom and with which words, and how far that is."""

from typing import Any
from urllib.parse import urlencode

from bs4 import BeautifulSoup
from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.account_forms import of_firm
from deployments.web.pages.accounts import FILTERS, filter_of
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting, member
from models.clients.bulk_invitation import BulkOver, BulkState, Outcome
from models.clients.message import MESSAGE_MOST, MessageTooLong, PlaceholderUnknown
from models.errors import ProvisionError
from models.text import one_line, paragraphs, row_number
from models.time.clock import now
from tasks.clients import bulk_invitations, grants
from tasks.clients.audience import Audience, Outlook, file_name
from tasks.clients.audience import outlook as outlook_of
from tasks.mail.form_letters import as_text
from tasks.people.sessions import Membership

router = APIRouter(prefix="/firm/{firm_id}/accounts/invitations")

STILL_SO: dict[BulkState, set[str]] = {
    BulkState.RUNNING: {"bulk_asked", "bulk_resumed", "all_invited_again"},
    BulkState.PAUSED: {"bulk_paused"},
    BulkState.STOPPED: {"bulk_stopped"},
    BulkState.DONE: {"bulk_asked", "bulk_resumed", "all_invited_again"},
}
"""What is said of an act, as long as nobody has done another: somebody may look at an earlier page again."""
LOOK_AGAIN = 10
"""Seconds after which the page looks again while they go on."""
ASKED = (*FILTERS, "import")
"""What the address says of whom to invite, beside accounts that are ticked."""
RATES = ("a_second", "an_hour")
PLACES: dict[type[ProvisionError], str] = {MessageTooLong: "message", PlaceholderUnknown: "message"}
"""At which field a refusal of the preview stands."""


@router.get("")
def listing(visit: Visiting, firm_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    return visit.page("accounts/invitations.html", asked=bulk_invitations.asked_for(staff), **of_firm(visit, staff))


# ---- asking


@router.get("/new")
def ask_to_invite(visit: Visiting, firm_id: int) -> Response:
    """Whom it would reach, with the whole mail as the first of them would get it."""
    staff = visit.require_staff(firm_id, manages=True)
    query = visit.request.query_params
    asked = {name: query.get(name, "")[:200] for name in ASKED}
    return visit.page("accounts/invite.html", form=Form({}), **_asking(visit, staff, asked, query.getlist("account")))


def _asking(
    visit: Visit, staff: Membership, asked: dict[str, str], chosen: list[str], message: str = ""
) -> dict[str, Any]:
    audience = _audience(asked, chosen)
    outlook = outlook_of(staff, audience)
    return {
        **of_firm(visit, staff),
        "audience": [(name, text) for name, text in asked.items() if text]
        + [("account", str(key)) for key in audience.accounts],
        "facts": audience.facts,
        "file_name": file_name(staff, audience),
        "others": [
            one for one in bulk_invitations.asked_for(staff) if one.bulk.state in {BulkState.RUNNING, BulkState.PAUSED}
        ],
        "outlook": outlook,
        "most": MESSAGE_MOST,
        "mail": _mail(visit, staff, outlook, message),
    }


def _audience(asked: dict[str, str], chosen: list[str]) -> Audience:
    """The accounts that are ticked, or else those that the list shows."""
    ticked = tuple(key for key in map(row_number, chosen) if key)
    return Audience(filter_of(asked), ticked, row_number(asked["import"]) or 0)


def _mail(visit: Visit, staff: Membership, outlook: Outlook, message: str) -> dict[str, str] | None:
    if outlook.first is None:
        return None
    mail = grants.drafted(staff.firm_id, *outlook.first, visit.signed_in().email, message)
    html = mail.get_body(("html",))
    text = as_text(BeautifulSoup(html.get_content(), "html.parser")) if html else ""
    return {"subject": str(mail["Subject"]), "sender": str(mail["From"]), "to": str(mail["To"]), "text": text}


@router.post("/new")
def invite(visit: Submitting, firm_id: int) -> Response:
    """Have them invited, or show the mail with these words first."""
    staff = visit.require_staff(firm_id, manages=True)
    asked, chosen = {name: visit.text(name)[:200] for name in ASKED}, visit.texts("account")
    try:
        message = paragraphs(visit.secret("message"))
        if visit.text("act") == "preview":
            shown = _asking(visit, staff, asked, chosen, message)
            return visit.page("accounts/invite.html", form=Form(visit.values), **shown)
        rates = [one_line(visit.secret(name)) for name in RATES]
        bulk_id = bulk_invitations.ask_to_invite(
            staff, visit.signed_in().email, _audience(asked, chosen), message, *rates
        )
    except ProvisionError as refusal:
        return _again(visit, staff, asked, chosen, refusal)
    return visit.go(f"/firm/{firm_id}/accounts/invitations/{bulk_id}?said=bulk_asked")


def _again(
    visit: Submission, staff: Membership, asked: dict[str, str], chosen: list[str], refusal: ProvisionError
) -> Response:
    """The form as it was sent, each refusal at its field; the mail without words that cannot be sent."""
    shown = _asking(visit, staff, asked, chosen)
    return visit.again("accounts/invite.html", refusal, fields=PLACES, values=visit.values, **shown)


# ---- how far they are


@router.get("/{bulk_id}")
def progress(visit: Visiting, firm_id: int, bulk_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    shown = _progress(visit, staff, bulk_id)
    answer = visit.page("accounts/invited.html", **shown)
    if shown["looks"] and not shown["still"]:
        answer.headers["Refresh"] = f"{LOOK_AGAIN}; url={shown['here']}"
    return answer


def _progress(visit: Visit, staff: Membership, bulk_id: int) -> dict[str, Any]:
    query = visit.request.query_params
    outcome, after = member(Outcome, query.get("outcome", "")), row_number(query.get("after", "")) or 0
    rows, more = bulk_invitations.recipients(staff, bulk_id, outcome, after)
    shown = bulk_invitations.view(staff, bulk_id)
    bulk, asked = shown.bulk, {"outcome": outcome.value if outcome else "", "after": str(after or "")}
    where = urlencode({name: text for name, text in asked.items() if text})
    page = f"/firm/{staff.firm_id}/accounts/invitations/{bulk_id}"
    can_go_on = shown.next_due and bulk.limited_until is None and not (bulk.interval and bulk.resolved_at)
    return {
        **of_firm(visit, staff),
        "shown": shown,
        "here": f"{page}?{where}" if where else page,
        "looks": bulk.state is BulkState.RUNNING and can_go_on,
        "still": "still" in query,
        "told": visit.said if visit.said_word in STILL_SO[bulk.state] else "",
        "rows": rows,
        "outcome": outcome.value if outcome else "",
        "after": more,
        "first": not after,
        "at": now(),
    }


@router.post("/{bulk_id}/pause")
def pause(visit: Submitting, firm_id: int, bulk_id: int) -> Response:
    return _act(visit, firm_id, bulk_id, bulk_invitations.pause, "bulk_paused")


@router.post("/{bulk_id}/resume")
def resume(visit: Submitting, firm_id: int, bulk_id: int) -> Response:
    return _act(visit, firm_id, bulk_id, bulk_invitations.resume, "bulk_resumed")


@router.post("/{bulk_id}/stop")
def stop(visit: Submitting, firm_id: int, bulk_id: int) -> Response:
    return _act(visit, firm_id, bulk_id, bulk_invitations.stop, "bulk_stopped")


def _act(visit: Submission, firm_id: int, bulk_id: int, act: Any, said: str) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    try:
        act(staff, bulk_id, visit.signed_in().email)
    except BulkOver as refusal:
        return visit.again("accounts/invited.html", refusal, **_progress(visit, staff, bulk_id))
    return visit.go(f"/firm/{firm_id}/accounts/invitations/{bulk_id}?said={said}")
