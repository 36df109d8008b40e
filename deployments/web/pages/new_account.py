"""A new account of a client in two steps, the second for its contacts."""

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.account_forms import entered, next_page, offered
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting, member
from models.clients.address import HOME
from models.clients.card import KINDS, PHONES
from models.clients.client import Client, ClientKind
from models.db import reading
from models.errors import FormRefused, ProvisionError
from models.people.person import Person
from models.people.staff import Staff
from models.text import row_number
from tasks.clients import accounts, contacts
from tasks.clients.accounts import CONTACTS_AT_ONCE
from tasks.clients.contacts import ContactGone
from tasks.people.sessions import Membership

router = APIRouter()

ACCOUNT = ("kind", "name", "company_name", "number", "street", "postcode", "city", "country", "website", "vat_id")
"""Fields of the form about an account, before those of the firm."""


@router.get("/firm/{firm_id}/accounts/new")
def ask_for_account(visit: Visiting, firm_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    kind = member(ClientKind, visit.request.query_params.get("kind", "")) or ClientKind.INDIVIDUAL
    return visit.page(
        "accounts/new.html",
        form=Form({"kind": kind, "country": HOME, "form_key": token_urlsafe(12)}),
        blocks=[],
        **_first(visit, staff),
    )


@router.post("/firm/{firm_id}/accounts/new")
def open_account(visit: Submitting, firm_id: int) -> Response:
    """Both steps: the first is carried along by the second, so that nothing is half done."""
    staff = visit.require_staff(firm_id, manages=True)
    blocks, act = visit.texts("block")[:CONTACTS_AT_ONCE], visit.text("act")
    values = entered(visit)
    language = visit.reader.language
    done = accounts.opened_with(staff, values) if act in {"create", "enter"} else None
    if done is not None:  # Sent twice.
        return visit.go(next_page(staff, done, "account_opened"), case=staff.case_id)
    if act == "back":
        return visit.page("accounts/new.html", form=Form(values), blocks=blocks, **_first(visit, staff))
    try:
        same = accounts.check(staff, values, language)
    except FormRefused as refusal:
        shown = _first(visit, staff)
        return visit.again("accounts/new.html", refusal, values=values, blocks=blocks, **shown)
    if act == "create" or (act == "enter" and not values.get("search")):
        people = [_block(values, row, each) for row, each in enumerate(blocks)]
        try:
            client_id = accounts.open_account(staff, visit.signed_in().email, values, people, language)
        except ProvisionError as refusal:
            return _second_step(visit, staff, blocks, values, same, refusal)
        return visit.go(next_page(staff, client_id, "account_opened"), case=staff.case_id)
    if act == "add":
        blocks = [*blocks, "new"]
    elif act.startswith("link-"):
        blocks = [*blocks, *({act.removeprefix("link-")} - set(blocks))]
    elif act.startswith("remove-"):
        blocks, values = _without(blocks, values, row_number(act.removeprefix("remove-")))
    return _second_step(visit, staff, (blocks or ["new"])[:CONTACTS_AT_ONCE], values, same)


def _first(visit: Visit, staff: Membership) -> dict[str, Any]:
    """What the first step offers: of the firm's people each, and whether they see the account in any case."""
    with reading() as session:
        people = [p for role in accounts.STAFF for p in Person.of(session, staff.firm_id, role)]
        rights = Staff.of(session, people)
    seeing = {key for key, held in rights.items() if held.sees_all or held.has_default_access} | {staff.person_id}
    return {**offered(visit, staff), "members": people, "seeing": seeing}


def _second_step(
    visit: Submission,
    staff: Membership,
    blocks: list[str],
    values: dict[str, str],
    same: list[Client],
    refusal: ProvisionError | dict[str, ProvisionError] | None = None,
) -> Response:
    search = "" if visit.text("act").startswith("link-") else values.get("search", "")[:200]  # Found, and linked.
    there = [key for key in map(row_number, blocks) if key]
    with reading() as session:
        people = contacts.contacts_of(session, staff, there)
    for row in reversed([row for row, each in enumerate(blocks) if (row_number(each) or 0) not in {0, *people}]):
        blocks, values = _without(blocks, values, row)
        refusal = {"": ContactGone()}
    blocks = blocks or ["new"]
    for row in range(len(blocks)):
        if f"c{row}-shown" not in values:
            values |= {f"c{row}-{name}": text for name, text in BLANK.items()}
    shown = {
        **offered(visit, staff),
        "blocks": [people.get(row_number(each) or 0) for each in blocks],
        "carried": [(name, text) for name, text in values.items() if name in ACCOUNT or name.startswith(CARRIED)],
        "found": contacts.found(staff, search, there),
        "search": search,
        "same": same,
        "most": CONTACTS_AT_ONCE,
    }
    if refusal is not None:
        return visit.again("accounts/new_contacts.html", refusal, values=values, **shown)
    return visit.page("accounts/new_contacts.html", form=Form(values), **shown)


CARRIED = ("field-", "tags", "template", "members", "form_key")
BLANK = {
    **{f"phone-{row}-kind": kind for row, kind in enumerate(KINDS)},
    **{f"phone-{row}-country": HOME for row in range(PHONES)},
    "country": HOME,
    "login": "yes",
    "notify": "yes",
    "shown": "yes",
}
"""What stands in the form of a new contact; once that was ``shown``, a switch that is not sent was turned off."""


def _without(blocks: list[str], values: dict[str, str], row: int | None) -> tuple[list[str], dict[str, str]]:
    """The contacts but for the one in this row, those behind it moved up."""
    if row is None or row >= len(blocks):
        return blocks, values
    kept = {name: text for name, text in values.items() if not name.startswith("c") or "-" not in name}
    left = [at for at in range(len(blocks)) if at != row]
    for new, old in enumerate(left):
        kept |= {f"c{new}-{name}": text for name, text in _block(values, old, "").items() if name != "person"}
    return [blocks[at] for at in left], kept


def _block(values: Mapping[str, str], row: int, which: str) -> dict[str, str]:
    """What the form says of the contact in this row; *which* is the id of one who is there, or “new”."""
    prefix = f"c{row}-"
    block = {name.removeprefix(prefix): text for name, text in values.items() if name.startswith(prefix)}
    return {**block, "person": which if row_number(which) else ""}
