"""The account of a firm is handed over: by its owner, by managers in the owner's place, and by who is asked."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.account import guarded, known, somebody_else
from deployments.web.pages.firm import tabs_of
from deployments.web.security import SIGN_IN, limit, network
from deployments.web.visit import Submission, Submitting, Visit, Visiting
from models.db import reading
from models.errors import Faults, ProvisionError
from models.onboarding import Onboarding
from models.people.login import SignInRefused
from models.people.manners import AddressForm, Language
from models.people.person import Role
from models.text import row_number
from tasks.clients.settings import frame
from tasks.onboarding import succession
from tasks.onboarding.succession import Asked, SuccessionView, Wish
from tasks.people import sessions
from tasks.text.i18n import explain

router = APIRouter()
OWNER, BOARD, LINK = "/firm/{firm_id}/owner", "/board/cases/{case_id}/owner", "/auth/owner/{token}"


# ---- by the owner


@router.get(OWNER)
def show(visit: Visiting, firm_id: int) -> Response:
    visit.require(firm_id, Role.ORGANISER)
    return visit.page("succession/page.html", **_of_firm(visit, firm_id))


@router.post(OWNER)
def ask(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    try:
        wish = _wish(visit, firm_id)
        case = succession.ask(firm_id, by, wish)
    except ProvisionError as refusal:
        return visit.again("succession/page.html", refusal, values=visit.values, **_of_firm(visit, firm_id))
    return visit.go(f"/firm/{firm_id}/owner?said=owner_asked", case=case)


@router.post(OWNER + "/take-back")
def take_back(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    try:
        case = succession.take_back(firm_id, by)
    except ProvisionError as refusal:
        return visit.again("succession/page.html", refusal, **_of_firm(visit, firm_id))
    return visit.go(f"/firm/{firm_id}/owner?said=owner_stays", case=case)


def _of_firm(visit: Visit, firm_id: int) -> dict[str, Any]:
    shown = succession.view(firm_id)
    about = {"frame": frame(firm_id), "tabs": tabs_of(visit, firm_id), "tab": "contract"}
    acts = Role.ORGANISER in visit.roles(firm_id)
    return about | {"acts": acts, "to": f"/firm/{firm_id}/owner"} | _about(visit, shown)


# ---- by managers


@router.get(BOARD)
def show_to_manager(visit: Visiting, case_id: int) -> Response:
    visit.require_manager()
    return visit.page("succession/board.html", **_of_case(visit, case_id))


@router.post(BOARD)
def ask_instead(visit: Submitting, case_id: int) -> Response:
    by, firm_id = visit.require_manager().email, _firm_of(case_id)
    try:
        wish = _wish(visit, firm_id, as_manager=True)
        succession.ask(firm_id, by, wish, as_manager=True)
    except ProvisionError as refusal:
        return visit.again("succession/board.html", refusal, values=visit.values, **_of_case(visit, case_id))
    return visit.go(f"/board/cases/{case_id}/owner?said=owner_asked", case=case_id)


@router.post(BOARD + "/take-back")
def take_back_instead(visit: Submitting, case_id: int) -> Response:
    by, firm_id = visit.require_manager().email, _firm_of(case_id)
    try:
        succession.take_back(firm_id, by, as_manager=True)
    except ProvisionError as refusal:
        return visit.again("succession/board.html", refusal, **_of_case(visit, case_id))
    return visit.go(f"/board/cases/{case_id}/owner?said=owner_stays", case=case_id)


def _of_case(visit: Visit, case_id: int) -> dict[str, Any]:
    return {"to": f"/board/cases/{case_id}/owner"} | _about(visit, succession.view(_firm_of(case_id)))


def _firm_of(case_id: int) -> int:
    """Raises NotFound."""
    with reading() as session:
        return Onboarding.get(session, case_id).firm_id


def _about(visit: Visit, shown: SuccessionView) -> dict[str, Any]:
    in_the_way = explain(shown.in_the_way, visit.reader) if shown.in_the_way else ""
    return {"shown": shown, "firm": shown.firm, "in_the_way": in_the_way}


def _wish(visit: Submission, firm_id: int, *, as_manager: bool = False) -> Wish:
    """What was typed, by whoever has shown once more that it is them; raises FormRefused with all that does not fit."""
    visitor, chosen = visit.signed_in(), visit.text("successor")
    wish, faults = Wish(member_id=None if chosen in {"", "other"} else row_number(chosen) or 0), Faults()
    with faults.those_of_form():
        wish = Wish(
            wish.member_id,
            name=visit.text("name") if chosen == "other" else "",
            email=visit.text("email") if chosen == "other" else "",
            stays=visit.text("stays") == "yes",
            reason=visit.paragraphs("reason") if as_manager else "",
            proof=visit.paragraphs("proof") if as_manager else "",
        )
        succession.check(firm_id, wish, as_manager=as_manager)
    with faults.at("password"):
        password = visit.password()
        limit(SIGN_IN, "hand-over", visitor.email, network(visit.request))
        with guarded(visit, visitor.email):
            sessions.require_password(visitor.account_id, password)
    faults.check()
    return wish


# ---- by who is asked


@router.get(LINK)
def show_asked(visit: Visiting, token: str) -> Response:
    asked = succession.opened(token)
    return somebody_else(visit, asked.person, asked.firm) or visit.page("succession/asked.html", **_asked(asked))


@router.post(LINK)
def accept(visit: Submitting, token: str) -> Response:
    asked = succession.opened(token)
    other = somebody_else(visit, asked.person, asked.firm)
    if other is not None:
        return other
    try:
        password = visit.password()
        limit(SIGN_IN, "hand-over", asked.person.email, network(visit.request))  # It may be an account's password.
        with guarded(visit, asked.person.email):
            session, case = succession.accept(
                token,
                password,
                given_name=visit.text("given_name"),
                family_name=visit.text("family_name"),
                language=visit.chosen(Language, "language"),
                address_form=visit.chosen(AddressForm, "address_form"),
            )
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {SignInRefused: "password"}
        return visit.again("succession/asked.html", refusal, fields=fields, values=visit.values, **_asked(asked))
    return known(
        visit.enter(f"/firm/{asked.firm.id}/contract?said=owner_changed", session, case=case), asked.person.email
    )


@router.post(LINK + "/decline")
def decline(visit: Submitting, token: str) -> Response:
    asked = succession.opened(token)
    case = succession.decline(token)
    return visit.page("succession/asked.html", case=case, **_asked(asked, is_declined=True))


def _asked(asked: Asked, *, is_declined: bool = False) -> dict[str, Any]:
    return {
        "is_declined": is_declined,
        "asked": asked,
        "person": asked.person,
        "owner": asked.owner,
        "firm": asked.firm,
    }
