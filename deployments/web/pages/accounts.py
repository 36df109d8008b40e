"""The accounts of a firm's clients and their contacts, for the firm's own people."""

import json
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.labels import ACTIONS
from deployments.web.pages.firm import tabs_of
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting, member
from models.clients.address import HOME, countries
from models.clients.card import KINDS, PHONES, number_fields
from models.clients.client import Client, ClientKind, ClientState
from models.clients.custom_field import CustomField, FieldOf
from models.clients.folders import FolderTemplate
from models.clients.group import Group
from models.clients.label import LabelGone
from models.clients.naming import safe_in_windows
from models.clients.phone import PhoneKind
from models.clients.portfolio import Portfolio
from models.clients.recipients import gets
from models.clients.standing import COLUMNS, Switch
from models.clients.tag import Tag
from models.db import reading
from models.errors import N_, Faults, FormRefused, ProvisionError
from models.firm import Firm
from models.people.manners import AddressForm, Language
from models.people.person import Person
from models.people.staff import Staff
from models.text import one_line, row_number
from models.time.hours import DAYS, EXAMPLE, Hours, short_days
from tasks.clients import accounts, assignment, contacts, selection
from tasks.clients.accounts import CONTACTS_AT_ONCE, Filter
from tasks.clients.assignment import MemberGone
from tasks.clients.contacts import SWITCHES, ContactGone, ContactMissing
from tasks.clients.edits import ChangedMeanwhile
from tasks.clients.imports import telling
from tasks.onboarding import firm_page
from tasks.people.sessions import Membership

router = APIRouter()

ACCOUNT = ("kind", "name", "company_name", "number", "street", "postcode", "city", "country", "website", "vat_id")
"""Fields of the form about an account, before those of the firm."""
CONTACT = ("title", "given_name", "family_name", "email", "street", "postcode", "city", "country", "website")
"""The same of a contact."""
FIELD_NAMES = {
    "kind": N_("Kind of client"),
    "name": N_("Account name"),
    "company_name": N_("Company name"),
    "number": N_("Customer number"),
    "street": N_("Street and number"),
    "postcode": N_("Postcode"),
    "city": N_("Town"),
    "country": N_("Country"),
    "website": N_("Website"),
    "vat_id": N_("VAT identification number"),
    "tags": N_("Tags"),
    "template": N_("Folder template"),
    "title": N_("Title"),
    "given_name": N_("First name"),
    "family_name": N_("Family name"),
    "email": N_("E-mail address"),
    "language": N_("Language"),
    "address_form": N_("Form of address"),
    "hours": N_("Hours"),
    "time_zone": N_("Time zone"),
    "groups": N_("Groups"),
    "portfolios": N_("Portfolios"),
    "is_listed": N_("Shown in the public list"),
    "phone-primary": N_("Number for short messages"),
}
"""What people read for the fields of both forms."""
KEYS = ("tag", "group", "portfolio", "member", "imported")
FILTERS = ("search", "state", *KEYS)
"""By what a list of accounts is asked for; the *keys* are numbers."""


class NothingSelected(ProvisionError):
    status = 422
    says = N_("No account is selected: tick those that you mean.")


class ActMissing(ProvisionError):
    status = 422
    says = N_("It is not said what to do with the accounts: choose it by one of the buttons.")


class TagsMissing(ProvisionError):
    status = 422
    says = N_("No tag is named: write one or several, apart by commas.")


class MemberMissing(ProvisionError):
    status = 422
    says = N_("Nobody is chosen: choose who is to see the accounts.")


class PortfolioMissing(ProvisionError):
    status = 422
    says = N_("No portfolio is chosen: choose the one that the accounts are to belong to.")


MISSING: dict[type[ProvisionError], str] = {
    NothingSelected: "account",
    TagsMissing: "tags",
    MemberMissing: "assigned",
    MemberGone: "assigned",
    PortfolioMissing: "portfolio",
    LabelGone: "portfolio",
}
"""At which field of the form about many accounts a refusal stands."""


# ---- the list


@router.get("/firm/{firm_id}/accounts")
def listing(visit: Visiting, firm_id: int) -> Response:
    return visit.page("accounts/list.html", **_list(visit, visit.require_staff(firm_id)))


def _list(visit: Visit, staff: Membership) -> dict[str, Any]:
    asked = {name: visit.request.query_params.get(name, "")[:200] for name in FILTERS}
    which = filter_of(asked)
    after = row_number(visit.request.query_params.get("after", "")) or 0
    with reading() as session:
        tags, groups = Tag.of(session, staff.firm_id), Group.of(session, staff.firm_id)
        portfolios = Portfolio.of(session, staff.firm_id)
        people = [p for role in accounts.STAFF for p in Person.of(session, staff.firm_id, role)]
    return {
        **of_firm(visit, staff),
        "accounts": accounts.listed(staff, which, after),
        "asked": {name: text for name, text in asked.items() if text},
        "first": not after,
        "sees_all": staff.rights.sees_all,
        "tags": tags,
        "groups": groups,
        "portfolios": portfolios,
        "people": people,
        "states": [(state.value, STATES[state]) for state in ClientState],
    }


def filter_of(asked: Mapping[str, str]) -> Filter:
    keys = {name: row_number(asked[name]) or 0 for name in KEYS}
    return Filter(search=asked["search"], state=member(ClientState, asked["state"]), **keys)


STATES = {
    ClientState.ACTIVE: N_("active"),
    ClientState.PENDING: N_("activation pending"),
    ClientState.PREPARED: N_("not invited yet"),
    ClientState.CLOSED: N_("without access"),
    ClientState.ARCHIVED: N_("archived"),
}


@router.post("/firm/{firm_id}/accounts")
def act_on_many(visit: Submitting, firm_id: int) -> Response:
    """Tag, put away or sort the accounts that are ticked."""
    staff = visit.require_staff(firm_id, manages=True)
    by = visit.signed_in().email
    ids = [key for key in map(row_number, visit.texts("account")) if key]
    if ids and visit.text("act") == "invite":
        chosen = urlencode([("account", key) for key in ids])
        return visit.go(f"/firm/{firm_id}/accounts/invitations/new?{chosen}")
    try:
        done = _act(visit, staff, by, ids)
    except ProvisionError as refusal:
        shown = _list(visit, staff) | {"chosen": set(ids)}
        return visit.again("accounts/list.html", refusal, fields=MISSING, values=visit.values, **shown)
    said = "accounts_done" if done else "accounts_same"
    return visit.go(f"/firm/{firm_id}/accounts?{visit.request.query_params}&said={said}")


def _act(visit: Submission, staff: Membership, by: str, ids: list[int]) -> int:
    """Do what was chosen; returns how many accounts it changed."""
    if not ids:
        raise NothingSelected
    match act := visit.text("act"):
        case "tag" | "untag":
            if not (words := visit.secret("tags").strip()):
                raise TagsMissing
            return selection.tag(staff, by, ids, words, off=act == "untag")
        case "assign":
            if not (person_id := row_number(visit.text("assigned"))):
                raise MemberMissing
            return selection.assign(staff, by, ids, person_id)
        case "portfolio":
            if not (portfolio_id := row_number(visit.text("portfolio"))):
                raise PortfolioMissing
            return selection.put_in_portfolio(staff, by, ids, portfolio_id)
        case "archive" | "restore":
            return selection.archive(staff, by, ids, away=act == "archive")
    raise ActMissing


# ---- a new account, in two steps


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
    values = _typed(visit)
    language = visit.reader.language
    done = accounts.opened_with(staff, values) if act in {"create", "enter"} else None
    if done is not None:  # Sent twice.
        return visit.go(_next(staff, done, "account_opened"), case=staff.case_id)
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
        return visit.go(_next(staff, client_id, "account_opened"), case=staff.case_id)
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
    return {**_new(visit, staff), "members": people, "seeing": seeing}


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
        **_new(visit, staff),
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


def _typed(visit: Submission) -> dict[str, str]:
    """Everything that was typed, in one line each; groups and members as one list of their numbers.

    What is too long is refused at its field, with all else that does not fit.
    """
    apart = {"form_token", "was", "act", "block"}
    values = {name: one_line(text) for name, text in visit.values.items() if name not in apart}
    for name in [name for name in values if name.endswith(("groups", "portfolios", "members"))]:
        values[name] = ",".join(sorted(visit.texts(name), key=lambda key: row_number(key) or 0))
    return values


def _next(staff: Membership, client_id: int, said: str, added: int | None = None) -> str:
    """Who may sign in and was not told yet is asked about next: the first contact, or the one who was added."""
    shown = accounts.view(staff, client_id)
    page = f"/firm/{staff.firm_id}/accounts/{client_id}"
    for contact, person in shown.row.contacts if shown.row.client.archived_at is None else ():
        if contact.login and person.email and contact.told_at is None and added in {None, person.id}:
            return f"{page}/contacts/{person.id}/invite?said={said}"
    return f"{page}?said={said}"


# ---- one account


@router.get("/firm/{firm_id}/accounts/{client_id}")
def account(visit: Visiting, firm_id: int, client_id: int) -> Response:
    staff = visit.require_staff(firm_id)
    return visit.page("accounts/account.html", **_account(visit, staff, client_id))


def _account(visit: Visit, staff: Membership, client_id: int) -> dict[str, Any]:
    shown = accounts.view(staff, client_id)
    client = shown.row.client
    names = [client.name, *(person.name for _, person in shown.row.contacts)]
    return {
        **of_firm(visit, staff),
        "shown": shown,
        "client": client,
        "told": telling.particulars(client.particulars, visit.reader),
        "state": STATES[client.state],
        "gets": {
            contact.id: [] if client.archived_at or person.paused_at else gets(contact, person.email)
            for contact, person in shown.row.contacts
        },
        "unsafe": [(name, safe_in_windows(name)) for name in names if safe_in_windows(name) != name],
        "switches": [(switch, COLUMNS[switch]) for switch in Switch],
        "field_names": FIELD_NAMES,
        "shown_names": {field.key: field.name for field, _ in shown.custom},
        "actions": ACTIONS,
        "country": visit.reader.locale.territories.get(client.country, client.country),
    }


@router.get("/firm/{firm_id}/accounts/{client_id}/edit")
def ask_to_edit(visit: Visiting, firm_id: int, client_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    shown = accounts.view(staff, client_id)
    return _edit_form(visit, staff, shown.row.client, shown.fields, Form(shown.fields))


def _edit_form(visit: Visit, staff: Membership, client: Client, was: Mapping[str, str], form: Form) -> Response:
    new = _new(visit, staff)
    return visit.page("accounts/edit.html", form=form, client=client, was=json.dumps(was), changed=[], **new)


@router.post("/firm/{firm_id}/accounts/{client_id}/edit")
def edit(visit: Submitting, firm_id: int, client_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    shown = accounts.view(staff, client_id)
    typed = _typed(visit)
    values = {name: typed.get(name, "") for name in shown.fields}
    try:
        accounts.edit(staff, visit.signed_in().email, client_id, visit.held(), values, visit.reader.language)
    except ProvisionError as refusal:
        page = {**_new(visit, staff), "client": shown.row.client}
        return _again(visit, "accounts/edit.html", refusal, values, page)
    return visit.go(f"/firm/{firm_id}/accounts/{client_id}?said=account_saved", case=staff.case_id)


def _again(
    visit: Submission, template: str, refusal: ProvisionError, values: dict[str, str], page: dict[str, Any]
) -> Response:
    """The form as it was sent, with what somebody else has changed meanwhile, if that is the matter."""
    if isinstance(refusal, ChangedMeanwhile):
        changed = [
            (visit.reader.gettext(FIELD_NAMES.get(name, "")) or page["names"].get(name, name), before, current)
            for name, (before, current) in refusal.changed.items()
        ]
        was = json.dumps(refusal.standing)
        return visit.again(template, refusal, values=refusal.merged, was=was, changed=changed, **page)
    return visit.again(template, refusal, values=values, was=visit.secret("was"), changed=[], **page)


@router.post("/firm/{firm_id}/accounts/{client_id}/archive")
def archive(visit: Submitting, firm_id: int, client_id: int) -> Response:
    """Put the account away, or take it back."""
    staff = visit.require_staff(firm_id, manages=True)
    accounts.view(staff, client_id)
    away = visit.text("away") != "no"
    selection.archive(staff, visit.signed_in().email, [client_id], away=away)
    said = "account_archived" if away else "account_restored"
    return visit.go(f"/firm/{firm_id}/accounts/{client_id}?said={said}")


@router.post("/firm/{firm_id}/accounts/{client_id}/access")
def change_access(visit: Submitting, firm_id: int, client_id: int) -> Response:
    """Give one of the firm's people access to the account, or take it."""
    staff = visit.require_staff(firm_id, manages=True)
    accounts.view(staff, client_id)
    change = assignment.give_access if visit.text("on") else assignment.take_access
    try:
        change(firm_id, client_id, [row_number(visit.text("person")) or 0], visit.signed_in().email)
    except MemberGone as refusal:
        return visit.again("accounts/account.html", refusal, **_account(visit, staff, client_id))
    return visit.go(f"/firm/{firm_id}/accounts/{client_id}?said=account_saved", case=staff.case_id)


@router.post("/firm/{firm_id}/accounts/{client_id}/portfolio")
def leave_portfolio(visit: Submitting, firm_id: int, client_id: int) -> Response:
    """Take the account out of a portfolio."""
    staff = visit.require_staff(firm_id, manages=True)
    selection.leave_portfolio(staff, visit.signed_in().email, client_id, row_number(visit.text("portfolio")) or 0)
    return visit.go(f"/firm/{firm_id}/accounts/{client_id}?said=account_saved")


# ---- contacts


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
    return {**_new(visit, staff), "client": shown.row.client, "search": search, "found": found}


@router.post("/firm/{firm_id}/accounts/{client_id}/contacts/new")
def add_contact(visit: Submitting, firm_id: int, client_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    values, by = _typed(visit), visit.signed_in().email
    if values.get("person"):  # One who is there, chosen in the form above the other.
        values |= {name.removeprefix("there-"): text for name, text in values.items() if name.startswith("there-")}
    try:
        person_id = accounts.add_contact(staff, by, client_id, values, visit.reader.language)
    except ProvisionError as refusal:
        shown = _adding(visit, staff, client_id)
        return visit.again("accounts/add_contact.html", refusal, values=values, **shown)
    return visit.go(_next(staff, client_id, "contact_added", person_id), case=staff.case_id)


@router.post("/firm/{firm_id}/accounts/{client_id}/contacts/{person_id}/remove")
def remove_contact(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    try:
        accounts.remove_contact(staff, visit.signed_in().email, client_id, person_id)
    except ProvisionError as refusal:
        return visit.again("accounts/account.html", refusal, **_account(visit, staff, client_id))
    return visit.go(f"/firm/{firm_id}/accounts/{client_id}?said=contact_removed")


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
        **_new(visit, staff),
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
    typed = _typed(visit)
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
        return _again(visit, "accounts/contact.html", refusal, typed, page)
    return visit.go(f"/firm/{firm_id}/contacts/{person_id}?said=contact_saved", case=staff.case_id)


def _hours(visit: Submission, page: dict[str, Any]) -> str:
    """The hours in German words; a line that was changed counts instead of the grid."""
    if visit.text("hours_text") != visit.text("hours_was"):
        language = visit.chosen(Language, "hours_language") or visit.reader.language
        return Hours.parse(visit.text("hours_text"), language).text(Language.GERMAN)
    page["marked"] = visit.hours()
    return Hours.of(page["marked"]).text(Language.GERMAN)


# ---- what all pages show


def of_firm(visit: Visit, staff: Membership, tab: str = "accounts") -> dict[str, Any]:
    head = firm_page.head(staff.firm_id)
    return {
        "firm": head.firm,
        "overview": head,
        "tabs": tabs_of(visit, staff.firm_id),
        "tab": tab,
        "manages": staff.rights.may_manage and not head.stopped and head.agreement_done,
        "staff": staff,
    }


def _new(visit: Visit, staff: Membership) -> dict[str, Any]:
    """What the forms about accounts and contacts offer."""
    with reading() as session:
        firm = session.get_one(Firm, staff.firm_id)
        templates = FolderTemplate.of(session, firm.id)
        account_fields = CustomField.shown(session, firm.id, FieldOf.ACCOUNT)
        contact_fields = CustomField.shown(session, firm.id, FieldOf.CONTACT)
        groups, tags, portfolios = (kind.of(session, firm.id) for kind in (Group, Tag, Portfolio))
    territories = visit.reader.locale.territories
    lands = sorted(((code, territories.get(code, code)) for code in countries()), key=lambda land: land[1])
    return {
        **of_firm(visit, staff),
        "kinds": visit.options(ClientKind),
        "phone_kinds": visit.options(PhoneKind),
        "countries": sorted(lands, key=lambda land: land[0] not in NEAR),
        "templates": [(template.id, template.name) for template in templates],
        "account_fields": account_fields,
        "contact_fields": contact_fields,
        "names": {field.key: field.name for field in (*account_fields, *contact_fields)},
        "groups": groups,
        "portfolios": portfolios,
        "all_tags": [tag.name for tag in tags],
        "languages": visit.options(Language),
        "forms": visit.options(AddressForm),
        "phones": PHONES,
        "switches": SWITCHES,
        "missing": ContactMissing,
    }


NEAR = ("DE", "AT", "CH", "LI", "LU", "FR")
"""Countries that stand first in a list."""
