"""The accounts of a firm's clients, for the firm's own people: the list of them, and each."""

import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.labels import ACTIONS
from deployments.web.pages.account_forms import FIELD_NAMES, again, entered, of_firm, offered
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting, member
from models.clients.client import Client, ClientState
from models.clients.group import Group
from models.clients.label import LabelGone
from models.clients.naming import safe_in_windows
from models.clients.portfolio import Portfolio
from models.clients.recipients import gets
from models.clients.standing import COLUMNS, Switch
from models.clients.tag import Tag
from models.db import reading
from models.errors import N_, ProvisionError
from models.people.person import Person
from models.text import row_number
from tasks.clients import accounts, assignment, audience, selection
from tasks.clients.accounts import Filter
from tasks.clients.assignment import MemberGone
from tasks.clients.audience import Audience
from tasks.clients.imports import telling
from tasks.people.sessions import Membership

router = APIRouter()

KEYS = ("tag", "group", "portfolio", "member", "imported")
FILTERS = ("search", "state", *KEYS)
"""By what a list of accounts is asked for; the *keys* are numbers."""
SELECTED_MOST = 400
"""Accounts that are ticked, on all pages together: whom to invite stands in an address."""


class NothingSelected(ProvisionError):
    status = 422
    says = N_("No account is selected: tick those that you mean.")


class TooManySelected(ProvisionError):
    status = 422
    says = N_("At most %(most)s accounts can be selected at once: act on these first, or narrow the list down.")

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


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
    TooManySelected: "account",
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


def _list(visit: Visit, staff: Membership, chosen: Collection[int] = (), turn: str = "") -> dict[str, Any]:
    """*chosen*: what is ticked, on whatever page; *turn*: behind which account it goes on."""
    asked = {name: visit.request.query_params.get(name, "")[:200] for name in FILTERS}
    which = filter_of(asked)
    after = row_number(turn or visit.request.query_params.get("after", "")) or 0
    rows = accounts.listed(staff, which, after)
    with reading() as session:
        tags, groups = Tag.of(session, staff.firm_id), Group.of(session, staff.firm_id)
        portfolios = Portfolio.of(session, staff.firm_id)
        people = [p for role in accounts.STAFF for p in Person.of(session, staff.firm_id, role)]
    return {
        **of_firm(visit, staff),
        "accounts": rows,
        "chosen": {*chosen},
        "elsewhere": sorted({*chosen} - {row.client.id for row in rows.rows}),
        "after": after,
        "asked": {name: text for name, text in asked.items() if text},
        "file_name": audience.file_name(staff, Audience(which)),
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
    named = [*visit.texts("account"), *visit.secret("elsewhere").split()]
    ids = [*dict.fromkeys(key for key in map(row_number, named) if key)]
    turn = visit.text("turn") or visit.text("after")
    if len(ids) > SELECTED_MOST:
        shown = _list(visit, staff, ids, turn)
        return visit.again("accounts/list.html", TooManySelected(SELECTED_MOST), fields=MISSING, **shown)
    if visit.text("turn"):
        return visit.page("accounts/list.html", form=Form(visit.values), **_list(visit, staff, ids, turn))
    if ids and visit.text("act") == "invite":
        chosen = urlencode([("account", key) for key in ids])
        return visit.go(f"/firm/{firm_id}/accounts/invitations/new?{chosen}")
    try:
        done = _act(visit, staff, by, ids)
    except ProvisionError as refusal:
        shown = _list(visit, staff, ids, turn)
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
    new = offered(visit, staff)
    return visit.page("accounts/edit.html", form=form, client=client, was=json.dumps(was), changed=[], **new)


@router.post("/firm/{firm_id}/accounts/{client_id}/edit")
def edit(visit: Submitting, firm_id: int, client_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    shown = accounts.view(staff, client_id)
    typed = entered(visit)
    values = {name: typed.get(name, "") for name in shown.fields}
    try:
        accounts.edit(staff, visit.signed_in().email, client_id, visit.held(), values, visit.reader.language)
    except ProvisionError as refusal:
        page = {**offered(visit, staff), "client": shown.row.client}
        return again(visit, "accounts/edit.html", refusal, values, page)
    return visit.go(f"/firm/{firm_id}/accounts/{client_id}?said=account_saved", case=staff.case_id)


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


@router.post("/firm/{firm_id}/accounts/{client_id}/contacts/{person_id}/remove")
def remove_contact(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    try:
        accounts.remove_contact(staff, visit.signed_in().email, client_id, person_id)
    except ProvisionError as refusal:
        return visit.again("accounts/account.html", refusal, **_account(visit, staff, client_id))
    return visit.go(f"/firm/{firm_id}/accounts/{client_id}?said=contact_removed")
