"""Getting in: registration, activation, sign-in, passwords, language."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.responses import RedirectResponse, Response

from deployments.web.security import (
    RESEND,
    RESEND_FROM,
    SIGN_IN,
    SIGN_IN_FROM,
    SIGN_IN_TO,
    FormForeign,
    SignInFirst,
    TooManyAttempts,
    cookie,
    limit,
    network,
    require_within,
    set_cookie,
    sign,
    signed,
)
from deployments.web.visit import YEAR, Submission, Submitting, Visit, Visiting, local
from models.company_id import company_number
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.link import LinkExpired, Purpose
from models.people.login import SignInRefused
from models.people.mail_address import AddressInvalid, AddressMissing, email_address
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.request import Named, named
from models.text import TextTooLong
from tasks.engine.passes import kick_mail
from tasks.engine.retry import patiently
from tasks.onboarding import address_checks, firm_page, registration
from tasks.onboarding.registration import Invited
from tasks.people import sessions
from tasks.people.sessions import Visitor

router = APIRouter()


class ContactMissing(ProvisionError):
    status = 422
    says = N_("The contact person's name is missing: give it, or be the contact person yourself.")


@router.get("/")
def welcome(visit: Visiting) -> Response:
    if visit.visitor is not None:
        return visit.go(home(visit.visitor))
    return visit.page("welcome.html")


def home(visitor: Visitor) -> str:
    """Where this person most likely wants to go after signing in."""
    if visitor.is_operator:
        return "/board"
    firm_ids = {membership.firm_id for membership in visitor.memberships}
    if len(firm_ids) == 1 and any(
        membership.role in {Role.ORGANISER, Role.CASEWORKER} for membership in visitor.memberships
    ):
        return f"/firm/{firm_ids.pop()}"
    return "/portal"


# ---- registration of organisers and caseworkers, activation of clients


@router.get("/auth/register")
def ask_to_register(visit: Visiting, business_member: str = "") -> Response:
    """With a token the form of whoever was invited; without one, a way to get a new link."""
    if not business_member:
        return visit.page("register_ask.html")
    return _form(visit, registration.opened(business_member, Purpose.REGISTER))


@router.post("/auth/register")
def register(visit: Submitting, business_member: str = "") -> Response:
    if business_member:
        return _register(visit, business_member, Purpose.REGISTER)
    company_id, email = visit.text("company_id"), _normal(visit.text("email"))
    try:
        company_number(company_id)
        email_address(email)
        limit(RESEND, "register", email, network(visit.request))
        limit(RESEND_FROM, "mail-from", network(visit.request))
    except ProvisionError as refusal:
        return visit.again("register_ask.html", refusal, values=visit.values)
    response = visit.page("sent.html")
    # Looked up once the answer is on its way, so that not even its time tells who works where.
    response.background = BackgroundTask(_mail, registration.ask_for_link, company_id, email)
    return response


def _mail(ask: Callable[..., None], *facts: str) -> None:
    """Let the product write a mail, and send it without waiting for the next round."""
    patiently(ask)(*facts)
    kick_mail()


@router.get("/auth/activate/{token}")
def ask_to_activate(visit: Visiting, token: str) -> Response:
    """The form of a client; that it was shown is remembered once, when the page is on its way, and changes nothing."""
    invited = registration.opened(token, Purpose.ACTIVATE)
    response = _form(visit, invited)
    if response.status_code == 200 and not invited.was_opened:
        response.background = BackgroundTask(registration.note_opened, token)
    return response


@router.post("/auth/activate/{token}")
def activate(visit: Submitting, token: str) -> Response:
    return _register(visit, token, Purpose.ACTIVATE)


def _form(visit: Visit, invited: Invited) -> Response:
    return somebody_else(visit, invited.person, invited.firm) or visit.page("register.html", **_shown(invited))


def somebody_else(visit: Visit, person: Person, firm: Firm) -> Response | None:
    """What whoever is signed in is told who is not the one invited: nothing is accepted for the wrong person."""
    if visit.visitor is None or visit.visitor.email == person.email:
        return None
    return visit.page("wrong_person.html", status=403, person=person, firm=firm)


def _shown(invited: Invited) -> dict[str, Any]:
    """What the registration form knows before anything is typed."""
    overview = firm_page.overview(invited.firm.id)
    contact = overview.contact
    other = contact is not None and contact.email != invited.person.email
    return {
        "invited": invited,
        "person": invited.person,
        "firm": invited.firm,
        "logo": overview.logo,
        "contact": contact if other else None,
    }


def _register(visit: Submission, token: str, purpose: Purpose) -> Response:
    invited = registration.opened(token, purpose)
    other = somebody_else(visit, invited.person, invited.firm)
    if other is not None:
        return other
    if visit.text("language") in set(Language):
        invited.person.language = Language(visit.text("language"))
    if visit.text("address_form") in set(AddressForm):
        invited.person.address_form = AddressForm(visit.text("address_form"))
    visit.speak_to(invited.person)
    try:
        password = visit.password()
        limit(SIGN_IN, "register", invited.person.email, network(visit.request))  # It may be an account's password.
        with guarded(visit, invited.person.email):
            session, case = registration.register(
                token,
                purpose,
                password,
                given_name=visit.text("given_name"),
                family_name=visit.text("family_name"),
                language=invited.person.language,
                address_form=invited.person.address_form,
                contact=_contact(visit),
            )
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {
            SignInRefused: "password",
            ContactMissing: "contact_name",
            AddressInvalid: "contact_email",
            TextTooLong: "contact_name",
        }
        return visit.again("register.html", refusal, fields=fields, values=visit.values, **_shown(invited))
    client = invited.person.role is Role.CLIENT
    home_page = "/portal" if client else f"/firm/{invited.firm.id}"
    return known(visit.enter(f"{home_page}?said=registered", session, case=case), invited.person.email)


def _contact(visit: Submission) -> Named | None:
    """Whom the organiser names for correspondence; None: the organiser."""
    if visit.text("contact") != "other":
        return None
    name, email = visit.text("contact_name"), visit.text("contact_email")
    email_address(email)
    if not name:
        raise ContactMissing
    return named(name, email)


@router.post("/auth/renew")
def renew(visit: Submitting) -> Response:
    """The button on the page of an expired link."""
    link_id = signed(visit.text("key"), "renew")
    if link_id is None:
        raise FormForeign
    limit(RESEND, "renew", link_id)
    limit(RESEND_FROM, "mail-from", network(visit.request))
    try:
        case = registration.renew_link(int(link_id))
    except NotFound:  # Pressed twice: the link was renewed a moment ago.
        return visit.page("sent.html")
    return visit.page("sent.html", case=case)


# ---- sign-in and passwords


@router.get("/auth")
def auth(visit: Visiting) -> Response:
    return visit.go("/auth/login")


@router.get("/auth/login")
def ask_to_sign_in(visit: Visiting) -> Response:
    if visit.visitor is not None and not visit.said:
        return visit.go(home(visit.visitor))
    return visit.page("login.html")


@router.post("/auth/login")
def sign_in(visit: Submitting, next: str = "") -> Response:  # noqa: A002  (stands in the address)
    email = _normal(visit.text("email"))
    try:
        if not email:
            raise AddressMissing
        password = visit.password()
        limit(SIGN_IN, "sign-in", email, network(visit.request))
        limit(SIGN_IN_FROM, "sign-in-from", network(visit.request))
        with guarded(visit, email):
            session = sessions.sign_in(email, password)
    except ProvisionError as refusal:
        response = visit.again("login.html", refusal, fields={SignInRefused: "email"}, values=visit.values)
        if isinstance(refusal, SignInRefused):
            # Once the answer is on its way, which is the same for everybody.
            response.background = BackgroundTask(_help_pending, email, network(visit.request))
        return response
    return known(visit.enter(local(next), session), email)


def _help_pending(email: str, network: str) -> None:
    """Who tries to sign in and was only invited so far is sent the way in again."""
    with suppress(TooManyAttempts):
        limit(RESEND, "pending", email, network)
        limit(RESEND_FROM, "mail-from", network)
        if patiently(registration.help_pending)(email):
            kick_mail()


def _normal(written: str) -> str:
    """The address in its one form, so that another spelling is no other count; what is none as it was written."""
    try:
        return email_address(written)
    except ProvisionError:
        return written


@contextmanager
def guarded(visit: Visit, email: str) -> Iterator[None]:
    """Wrong passwords for this account count, wherever they come from; too many raise TooManyAttempts."""
    name = cookie(visit.request, "known")
    browser = name if name and signed(name, "known") == _hidden(email) else ""
    require_within(SIGN_IN_TO, "sign-in-to", email, browser)
    try:
        yield
    except SignInRefused:
        limit(SIGN_IN_TO, "sign-in-to", email, browser)
        raise


def _hidden(email: str) -> str:
    """The address as a browser may keep it, which others use as well."""
    return sha256(email.encode()).hexdigest()


def known(response: Response, email: str) -> Response:
    """Remember that the holder of this account was signed in with this browser."""
    set_cookie(response, "known", sign(_hidden(email), "known"), YEAR)
    return response


@router.post("/auth/logout")
def sign_out(visit: Submitting) -> Response:
    token = cookie(visit.request, "session")
    if token:
        sessions.sign_out(token)
    return visit.leave(local(visit.text("next"), "/auth/login?said=signed_out"))


@router.get("/auth/forgot")
def forgot(visit: Visiting) -> Response:
    return visit.page("forgot.html")


@router.post("/auth/forgot")
def ask_for_reset(visit: Submitting) -> Response:
    email = _normal(visit.text("email"))
    try:
        email_address(email)
        limit(RESEND, "forgot", email, network(visit.request))
        limit(RESEND_FROM, "mail-from", network(visit.request))
    except ProvisionError as refusal:
        return visit.again("forgot.html", refusal, values=visit.values)
    response = visit.page("sent.html")
    response.background = BackgroundTask(_mail, registration.help_in, email)
    return response


@router.get("/auth/reset/{token}")
def ask_for_password(visit: Visiting, token: str) -> Response:
    try:
        email = sessions.reset_opened(token)
    except LinkExpired:
        return visit.go("/auth/forgot?said=reset_expired")
    return visit.page("reset.html", email=email)


@router.post("/auth/reset/{token}")
def reset(visit: Submitting, token: str) -> Response:
    try:
        email = sessions.reset_opened(token)
    except LinkExpired:
        return visit.go("/auth/forgot?said=reset_expired")
    try:
        session = sessions.reset_password(token, visit.password())
    except ProvisionError as refusal:
        return visit.again("reset.html", refusal, email=email)
    visitor = sessions.signed_in(session)
    works_here = visitor is not None and visitor.is_operator
    return known(visit.enter("/board?said=reset" if works_here else "/portal?said=reset", session), email)


@router.get("/auth/password")
def ask_for_own_password(visit: Visiting) -> Response:
    """For who came in with a password that somebody else has set."""
    visitor = _newcomer(visit)
    return visit.page("own_password.html", email=visitor.email) if visitor else visit.go("/")


@router.post("/auth/password")
def choose_own_password(visit: Submitting) -> Response:
    visitor = _newcomer(visit)
    if visitor is None:  # Sent twice.
        return visit.go("/")
    try:
        session, case = registration.choose_password(visitor.account_id, visit.password())
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {registration.PasswordKept: "password"}
        return visit.again("own_password.html", refusal, fields=fields, email=visitor.email)
    return known(visit.enter("/portal?said=own_password", session, case=case), visitor.email)


def _newcomer(visit: Visit) -> Visitor | None:
    """The visitor, if a password of their own is still to come; raises SignInFirst."""
    if visit.visitor is None:
        raise SignInFirst
    return visit.visitor if visit.visitor.must_change_password else None


# ---- is this address yours?


@router.get("/auth/confirm/{token}")
def ask_for_address(visit: Visiting, token: str) -> Response:
    person, case = address_checks.opened(token)
    return visit.page("confirm_address.html", person=person, firm=case.firm, confirmed=False)


@router.post("/auth/confirm/{token}")
def confirm_address(visit: Submitting, token: str) -> Response:
    person, case = address_checks.opened(token)
    address_checks.confirm(token)
    return visit.page("confirm_address.html", person=person, firm=case.firm, confirmed=True, case=case.id)


@router.get("/auth/preview")
def previewed(visit: Visiting) -> Response:
    """Where the link of a preview leads."""
    return visit.page("previewed.html")


@router.post("/language")
def choose_language(visit: Submitting) -> Response:
    """Keep the language in a cookie and show the page again."""
    response = RedirectResponse(local(visit.text("next")), 303)
    if visit.text("language") in set(Language):
        set_cookie(response, "language", visit.text("language"), YEAR)
    return response
