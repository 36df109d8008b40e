"""Tokens by which the provider's own programs ask for what is to be billed: for managers."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.api_tokens import LASTS
from deployments.web.visit import Form, Submitting, Visit, Visiting
from models.errors import ProvisionError
from models.people.api_token import PROVIDER_PREFIX
from tasks.people import api_tokens

router = APIRouter(prefix="/board/tokens")


@router.get("")
def tokens(visit: Visiting) -> Response:
    visit.require_manager()
    return visit.page("board/tokens.html", form=Form({"lasts": "365"}), **_shown(visit))


@router.post("")
def make(visit: Submitting) -> Response:
    """The token is shown on this page and never again."""
    who = visit.require_manager()
    days = visit.text("lasts")
    lasts = timedelta(days=int(days)) if days in LASTS and days else None
    try:
        made = api_tokens.make_for_provider(who.account_id, who.email, name=visit.text("name"), lasts=lasts)
    except ProvisionError as refusal:
        return visit.again("board/tokens.html", refusal, values=visit.values, **_shown(visit))
    return visit.page("board/tokens.html", form=Form({"lasts": "365"}), **_shown(visit, made))


@router.post("/{key:number}/revoke")
def revoke(visit: Submitting, key: int) -> Response:
    who = visit.require_manager()
    api_tokens.revoke_for_provider(who.account_id, who.email, key)
    return visit.go("/board/tokens?said=token_revoked")


def _shown(visit: Visit, made: str = "") -> dict[str, Any]:
    return {
        "tokens": api_tokens.listed_for_provider(),
        "made": made,
        "prefix": PROVIDER_PREFIX,
        "lasting": [(days, visit.reader.gettext(label)) for days, label in LASTS.items()],
    }
