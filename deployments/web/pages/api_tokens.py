"""Tokens by which a firm's other programs act for it: for its owner and administrators."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.firm import tabs_of
from deployments.web.visit import Form, Submitting, Visit, Visiting
from models.errors import N_, ProvisionError
from models.people.api_token import PREFIX, Scope
from tasks.clients import settings
from tasks.people import api_tokens

router = APIRouter()

LASTS = {
    "90": N_("90 days"),
    "365": N_("a year"),
    "": N_("until it is revoked"),
}
"""For how many days a token may be good."""


@router.get("/firm/{firm_id}/settings/tokens")
def tokens(visit: Visiting, firm_id: int) -> Response:
    visit.require_administrator(firm_id)
    return visit.page("firm_settings/tokens.html", form=Form({"lasts": "365"}), **_shown(visit, firm_id))


@router.post("/firm/{firm_id}/settings/tokens")
def make(visit: Submitting, firm_id: int) -> Response:
    """The token is shown on this page and never again."""
    visit.require_administrator(firm_id)
    who = visit.signed_in()
    days = visit.text("lasts")
    lasts = timedelta(days=int(days)) if days in LASTS and days else None
    scopes = [scope for scope in Scope if visit.ticked(scope.value)]
    try:
        name = visit.text("name")
        token = api_tokens.make(firm_id, who.account_id, who.email, name=name, scopes=scopes, lasts=lasts)
    except ProvisionError as refusal:
        shown = _shown(visit, firm_id)
        return visit.again("firm_settings/tokens.html", refusal, values=visit.values, **shown)
    return visit.page("firm_settings/tokens.html", form=Form({"lasts": "365"}), **_shown(visit, firm_id, token))


@router.post("/firm/{firm_id}/settings/tokens/{key:number}/revoke")
def revoke(visit: Submitting, firm_id: int, key: int) -> Response:
    visit.require_administrator(firm_id)
    who = visit.signed_in()
    api_tokens.revoke(firm_id, who.account_id, who.email, key)
    return visit.go(f"/firm/{firm_id}/settings/tokens?said=token_revoked")


def _shown(visit: Visit, firm_id: int, made: str = "") -> dict[str, Any]:
    frame = settings.frame(firm_id)
    return {
        "firm": frame.firm,
        "frame": frame,
        "acts": not frame.stopped,
        "path": f"/firm/{firm_id}/settings",
        "tabs": tabs_of(visit, firm_id),
        "tab": "settings",
        "tokens": api_tokens.listed(firm_id),
        "made": made,
        "prefix": PREFIX,
        "scopes": visit.options(Scope),
        "label_of": dict(visit.options(Scope)),
        "lasting": [(days, visit.reader.gettext(label)) for days, label in LASTS.items()],
    }
