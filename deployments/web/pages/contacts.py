"""The contacts of a firm's clients, for the firm's own people: one more at an account, and each."""

import json
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.account_forms import again, entered, next_page, offered
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting
from models.clients.address import HOME
from models.clients.card import number_fields
from models.clients.naming import safe_in_windows
from models.errors import Faults, ProvisionError
from models.people.manners import Language
from models.time.hours import DAYS, EXAMPLE, Hours, short_days
from tasks.clients import accounts, contacts
from tasks.clients.imports import telling
from tasks.people.sessions import Membership

router = APIRouter()


@router.get("/firm/{firm_id}/accounts/{client_id}/contacts/new")
def ask_for_contact(visit: Visiting, firm_id: int, client_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    form = Form(
        {
            **number_fields([]),
            "form_key": token_urlsafe(12),
            "country": HOME,
            "login": "yes",
            "notify": "yes",
            "there-login": "yes",
            "there-notify": "yes",
        }
    )
    return visit.page("accounts/add_contact.html", form=form, **_adding(visit, staff, client_id))


def _adding(visit: Visit, staff: Membership, client_id: int) -> dict[str, Any]:
    shown = accounts.view(staff, client_id)
    search = visit.request.query_params.get("search", "")[:200]
    there = [person.id for _, person in shown.row.contacts]
    found = contacts.found(staff, search, there)
    return {**offered(visit, staff), "client": shown.row.client, "search": search, "found": found}


@router.post("/firm/{firm_id}/accounts/{client_id}/contacts/new")
def add_contact(visit: Submitting, firm_id: int, client_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    values, by = entered(visit), visit.signed_in().email
    if values.get("person"):  # One who is there, chosen in the form above the other.
        values |= {name.removeprefix("there-"): text for name, text in values.items() if name.startswith("there-")}
    try:
        person_id = accounts.add_contact(staff, by, client_id, values, visit.reader.language)
    except ProvisionError as refusal:
        shown = _adding(visit, staff, client_id)
        return visit.again("accounts/add_contact.html", refusal, values=values, **shown)
    return visit.go(next_page(staff, client_id, "contact_added", person_id), case=staff.case_id)


@router.get("/firm/{firm_id}/contacts/{person_id}")
def contact(visit: Visiting, firm_id: int, person_id: int) -> Response:
    staff = visit.require_staff(firm_id)
    shown = contacts.view(staff, person_id)
    fields = {**shown.fields, "hours_text": shown.person.hours.text(visit.reader.language)}
    was = json.dumps(shown.fields)
    page = _contact(visit, staff, shown)
    return visit.page("accounts/contact.html", form=Form(fields), was=was, changed=[], **page)


def _contact(visit: Visit, staff: Membership, shown: contacts.ContactView) -> dict[str, Any]:
    name = shown.person.name
    safe = safe_in_windows(name)
    return {
        **offered(visit, staff),
        "shown": shown,
        "person": shown.person,
        "told": telling.particulars(shown.card.particulars, visit.reader) if shown.card else [],
        "marked": shown.person.hours,
        "days": DAYS[visit.reader.language],
        "short": short_days(visit.reader.language),
        "example": Hours.parse(EXAMPLE).text(visit.reader.language),
        "keeps": shown.person.registered_at is not None,
        "unsafe": [(name, safe)] if safe != name else [],
    }


@router.post("/firm/{firm_id}/contacts/{person_id}")
def save_contact(visit: Submitting, firm_id: int, person_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    shown = contacts.view(staff, person_id)
    typed = entered(visit)
    values = {name: typed.get(name, "") for name in shown.fields} | {"hours": shown.fields["hours"]}
    values["time_zone"] = typed.get("time_zone") or shown.fields["time_zone"]
    page = _contact(visit, staff, shown)
    faults, right = Faults(), {"name_is_right": typed.get("name_is_right", "")}
    if not page["keeps"]:
        with faults.at("hours_text"):
            values["hours"] = _hours(visit, page)
    try:
        by = visit.signed_in().email
        contacts.edit(staff, by, person_id, visit.held(), {**values, **right}, visit.reader.language, faults)
    except ProvisionError as refusal:
        return again(visit, "accounts/contact.html", refusal, typed, page)
    return visit.go(f"/firm/{firm_id}/contacts/{person_id}?said=contact_saved", case=staff.case_id)


def _hours(visit: Submission, page: dict[str, Any]) -> str:
    """The hours in German words; a line that was changed counts instead of the grid."""
    if visit.text("hours_text") != visit.text("hours_was"):
        language = visit.chosen(Language, "hours_language") or visit.reader.language
        return Hours.parse(visit.text("hours_text"), language).text(Language.GERMAN)
    page["marked"] = visit.hours()
    return Hours.of(page["marked"]).text(Language.GERMAN)
