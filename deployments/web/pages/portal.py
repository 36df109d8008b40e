"""What everybody who is signed in may see, and the pages that everybody may read."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.labels import GETS
from deployments.web.visit import Visit, Visiting
from models.clients.phone import shown as phone_shown
from models.db import reading
from models.errors import NotFound
from models.logo import Logo
from models.people.person import Role
from models.retention.rules import RULES
from models.text import row_number
from tasks.clients import client_view

router = APIRouter()


@router.get("/portal")
def portal(visit: Visiting, search: str = "", after: str = "") -> Response:
    """The firms that the visitor belongs to; a client's home, with their accounts, or all of the only one."""
    visitor = visit.signed_in()
    firms = [membership for membership in visitor.memberships if membership.role is not Role.CONTACT]
    accounts = client_view.accounts(firms, search[:200], row_number(after) or 0)
    with reading() as session:
        logos = {membership.firm_id for membership in firms if Logo.of(session, membership.firm_id) is not None}
    shown = _account(visit, accounts.only) if accounts.only is not None else {"account": None}
    return visit.page("portal.html", firms=firms, logos=logos, accounts=accounts, portal=client_view.portal, **shown)


@router.get("/portal/accounts/{client_id}")
def account(visit: Visiting, client_id: int) -> Response:
    """One of the visitor's accounts; any other is not there."""
    return visit.page("account.html", **_account(visit, client_id))


def _account(visit: Visit, client_id: int) -> dict[str, Any]:
    try:
        shown = client_view.account(visit.signed_in().memberships, client_id)
    except NotFound as refusal:
        raise NotFound(visit.reader.gettext("The account")) from refusal
    company_id, label = shown.firm.company_id, visit.reader.label
    return {
        "account": shown,
        "functions": [
            (label(function), client_view.portal(company_id, client_id, function)) for function in shown.functions
        ],
        "gets": [visit.reader.gettext(GETS[item]) for item in shown.gets],
        "phones": [(phone.number, phone_shown(phone.number), label(phone.kind)) for phone in shown.phones],
    }


@router.get("/imprint")
def imprint(visit: Visiting) -> Response:
    return visit.page("imprint.html")


@router.get("/privacy")
def privacy(visit: Visiting) -> Response:
    return visit.page("privacy.html", terms={rule.name: rule.term.number for rule in RULES})
