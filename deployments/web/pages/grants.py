"""One contact of one account: let in, invited, given a password, asked whether an address is theirs; and switches."""

from typing import Any

from bs4 import BeautifulSoup
from fastapi import APIRouter
from limits import parse
from starlette.responses import Response

from deployments.web.security import RESEND, limit
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting
from models.clients.client import Client
from models.clients.message import MESSAGE_MOST, MessageTooLong, PlaceholderUnknown
from models.clients.standing import Switch
from models.db import reading
from models.errors import NotFound, ProvisionError
from models.people.passwords import PasswordGuessable, PasswordMissing, PasswordTooLong, PasswordTooShort
from tasks.clients import accounts, credentials, grants
from tasks.clients.grants import NoAddress, Place
from tasks.mail.form_letters import as_text
from tasks.onboarding.invitations import SentJustNow, SentOften
from tasks.people.sessions import Membership

router = APIRouter(prefix="/firm/{firm_id}/accounts/{client_id}/contacts/{person_id}")

LONGEST = 20_000
"""Characters of a message that are read at all: how many there are too many is told."""
PREVIEW = parse("30 per hour")
"""Previews for one member of a firm."""


def account_of(visit: Visit, firm_id: int, client_id: int, *, manages: bool = False) -> tuple[Membership, Client]:
    """Which of the firm's people the visitor is, and the account, which they see.

    Raises SignInFirst, NotFound, AccountsNotManaged.
    """
    member = visit.require_staff(firm_id, manages=manages)
    with reading() as session:
        return member, accounts.account_of(session, member, client_id)


def _place(visit: Visit, firm_id: int, client_id: int, person_id: int) -> Place:
    """What the page is about, for a member who may change it."""
    account_of(visit, firm_id, client_id, manages=True)
    return grants.place_of(firm_id, client_id, person_id)


def _shown(visit: Visit, place: Place, message: str = "") -> dict[str, Any]:
    """What every page here knows, and the whole mail that the contact would get now."""
    shown: dict[str, Any] = {"place": place, "firm": place.case.firm, "client": place.client, "person": place.person}
    shown["to"] = f"{place.page}/contacts/{place.person.id}"
    shown["standing"] = grants.standing_of_one(place.person)
    shown["most"], shown["mail"] = MESSAGE_MOST, None
    if place.person.email:
        ids = place.client.firm_id, place.client.id, place.person.id
        mail = grants.drafted(*ids, visit.signed_in().email, message)
        html = mail.get_body(("html",))
        text = as_text(BeautifulSoup(html.get_content(), "html.parser")) if html else ""
        shown["mail"] = {"subject": str(mail["Subject"]), "sender": str(mail["From"]), "text": text}
    return shown


def _again(visit: Submission, place: Place, refusal: ProvisionError, page: str = "invite") -> Response:
    """The page as it was sent; the mail without words that cannot be sent."""
    return visit.again(f"grants/{page}.html", refusal, fields=PLACES, values=visit.values, **_shown(visit, place))


PLACES: dict[type[ProvisionError], str] = {
    MessageTooLong: "message",
    PlaceholderUnknown: "message",
    **dict.fromkeys((PasswordTooShort, PasswordTooLong, PasswordGuessable, PasswordMissing), "password"),
}
"""At which field a refusal stands; any other above the form."""


# ---- the invitation


@router.get("/invite")
def ask_to_invite(visit: Visiting, firm_id: int, client_id: int, person_id: int) -> Response:
    """Whether the contact is told now, with which words; with the whole mail."""
    place = _place(visit, firm_id, client_id, person_id)
    written = place.contact.message
    return visit.page("grants/invite.html", form=Form({"message": written}), **_shown(visit, place, written))


@router.post("/invite")
def invite(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    place = _place(visit, firm_id, client_id, person_id)
    try:
        message = visit.paragraphs("message", LONGEST)
        case = grants.invite_contact(firm_id, client_id, person_id, visit.signed_in().email, message)
    except ProvisionError as refusal:
        return _again(visit, place, _told(refusal))
    return visit.go(f"{place.page}?said=invited", case=case)


@router.post("/invite/preview")
def preview(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    """The mail as the contact would get it, to the member's own address; and the page with it."""
    place = _place(visit, firm_id, client_id, person_id)
    member, _ = account_of(visit, firm_id, client_id)
    limit(PREVIEW, "preview", str(visit.signed_in().account_id))
    try:
        message = visit.paragraphs("message", LONGEST)
        grants.preview(firm_id, client_id, person_id, member.person_id, message)
    except ProvisionError as refusal:
        return _again(visit, place, refusal)
    shown = _shown(visit, place, message)
    return visit.page("grants/invite.html", form=Form(visit.values), previewed=True, case=place.case.id, **shown)


@router.post("/invite/skip")
def skip(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    """Access on, and no mail: everything can be prepared before the contact comes."""
    place = _place(visit, firm_id, client_id, person_id)
    try:
        grants.prepare_access(firm_id, client_id, person_id, visit.signed_in().email)
    except ProvisionError as refusal:
        return _again(visit, place, refusal)
    return visit.go(f"{place.page}?said=prepared")


@router.post("/resend")
def resend(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    place = _place(visit, firm_id, client_id, person_id)
    limit(RESEND, "resend", str(person_id))
    try:
        case = grants.resend(firm_id, client_id, person_id, visit.signed_in().email)
    except ProvisionError as refusal:
        return _again(visit, place, _told(refusal))
    return visit.go(f"{place.page}?said=resent", case=case)


def _told(refusal: ProvisionError) -> Any:
    """Above the form: also what is only a matter of time, which would else be a page without it."""
    return {"": refusal} if isinstance(refusal, SentJustNow | SentOften) else refusal


@router.post("/switch")
def switch(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    """One switch; whoever is let in and was not told of it yet is asked about next."""
    place = _place(visit, firm_id, client_id, person_id)
    which, on = visit.chosen(Switch, "which"), visit.ticked("on")
    if which is None:
        raise NotFound(visit.reader.gettext("The page"))
    try:
        untold = grants.switch(firm_id, client_id, person_id, which, on=on, by=visit.signed_in().email)
    except NoAddress as refusal:
        return _again(visit, place, refusal)
    asks = untold and on and which is Switch.LOGIN and place.case.agreement_done and not place.client.archived_at
    return visit.go(f"{place.page}/contacts/{person_id}/invite" if asks else f"{place.page}?said=switched")


# ---- a password, and the address


@router.get("/password")
def ask_for_password(visit: Visiting, firm_id: int, client_id: int, person_id: int) -> Response:
    place = _place(visit, firm_id, client_id, person_id)
    return visit.page("grants/password.html", **_shown(visit, place), made="", given=False)


@router.post("/password")
def set_password(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    """What was made is shown on this page and never again; what was typed is known to who typed it."""
    place = _place(visit, firm_id, client_id, person_id)
    makes = visit.text("how") == "made"
    try:
        typed = "" if makes else visit.password()
        password = credentials.set_password(firm_id, client_id, person_id, visit.signed_in().email, typed)
    except ProvisionError as refusal:
        shown = {**_shown(visit, place), "made": "", "given": False}
        return visit.again("grants/password.html", refusal, fields=PLACES, values=visit.values, **shown)
    place = grants.place_of(firm_id, client_id, person_id)
    shown = {**_shown(visit, place), "todos": grants.left_of_one(place.person)}
    return visit.page("grants/password.html", **shown, made=password if makes else "", given=True)


@router.get("/confirm")
def ask_whether_to_confirm(visit: Visiting, firm_id: int, client_id: int, person_id: int) -> Response:
    place = _place(visit, firm_id, client_id, person_id)
    return visit.page("grants/confirm.html", **_shown(visit, place), todos=grants.left_of_one(place.person))


@router.post("/confirm")
def ask_to_confirm(visit: Submitting, firm_id: int, client_id: int, person_id: int) -> Response:
    place = _place(visit, firm_id, client_id, person_id)
    try:
        case = credentials.ask_to_confirm(firm_id, client_id, person_id, visit.signed_in().email)
    except ProvisionError as refusal:
        shown = {**_shown(visit, place), "todos": grants.left_of_one(place.person)}
        return visit.again("grants/confirm.html", _told(refusal), **shown)
    return visit.go(f"{place.page}?said=confirm_asked", case=case)
