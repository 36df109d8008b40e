"""What everybody may see of firms: the search that finds them, the page of each, and registering there."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.responses import Response

from deployments.web.security import LOOK_FROM, RESEND, RESEND_FROM, limit, network
from deployments.web.visit import Submission, Submitting, Visit, Visiting
from models.clients.address import HOME, countries
from models.errors import N_, NotFound, ProvisionError
from models.people.mail_address import AddressMissing, email_address
from models.text import row_number
from tasks.clients import public_page, sign_ups
from tasks.clients.public_page import SearchTooShort
from tasks.clients.sign_ups import Wish
from tasks.engine.passes import kick_mail
from tasks.engine.retry import patiently
from tasks.text.i18n import Reader

router = APIRouter()

NEAR = (HOME, "AT", "CH", "LI", "LU", "FR", "BE")
"""Countries that stand before all others in a form."""
NEEDED = {
    "family_name": N_("Family name"),
    "street": N_("Street and number"),
    "postcode": N_("Postcode"),
    "city": N_("Town"),
}
"""Fields without which nobody registers, and what they are called."""
TRAP = "remark"
"""A field that no person sees, and programs fill in."""


class FieldMissing(ProvisionError):
    status = 422
    says = N_("“%(field)s” is missing: please fill it in.")

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@router.get("/firms")
def firms(visit: Visiting, search: str = "", after: str = "") -> Response:
    """The search for firms."""
    words = search[:200]
    if not words.strip():
        return visit.page("public/firms.html", found=None, search="")
    try:
        limit(LOOK_FROM, "look-from", network(visit.request))
        found = public_page.find_firms(words, row_number(after) or 0)
    except ProvisionError as refusal:
        shown: dict[str, Any] = {"found": None, "search": words, "values": {"search": words}}
        return visit.again("public/firms.html", refusal, fields={SearchTooShort: "search"}, **shown)
    return visit.page("public/firms.html", found=found, search=found.words)


@router.get("/f/{company_id}")
def page(visit: Visiting, company_id: int, after: str = "") -> Response:
    """One firm, as everybody sees it."""
    limit(LOOK_FROM, "look-from", network(visit.request))
    try:
        shown = public_page.page_of(company_id, row_number(after) or 0)
    except NotFound as refusal:
        raise _no_page(visit) from refusal
    return visit.page("public/page.html", page=shown, firm=shown.firm)


@router.get("/f/{company_id}/register")
def ask_to_register(visit: Visiting, company_id: int) -> Response:
    limit(LOOK_FROM, "look-from", network(visit.request))
    return visit.page("public/register.html", **_shown(visit, company_id))


@router.post("/f/{company_id}/register")
def register(visit: Submitting, company_id: int) -> Response:
    """The same answer to everybody: what the firm knows of an address, only its mailbox learns."""
    shown = _shown(visit, company_id)
    try:
        wish = _wish(visit)
        wrong = _faults(visit, wish)
        if wrong:
            return visit.again("public/register.html", wrong, values=visit.values, **shown)
        address = email_address(wish.email)
        limit(RESEND, "sign-up", address, network(visit.request))
        limit(RESEND_FROM, "mail-from", network(visit.request))
    except ProvisionError as refusal:
        return visit.again("public/register.html", refusal, values=visit.values, **shown)
    response = visit.page("public/sent.html", **shown)
    if not visit.secret(TRAP):
        # Looked up once the answer is on its way, so that not even its time tells who is a client.
        response.background = BackgroundTask(_ask, company_id, wish)
    return response


def _ask(company_id: int, wish: Wish) -> None:
    patiently(sign_ups.ask)(company_id, wish)
    kick_mail()


@router.get("/sign-up/{token}")
def ask_to_confirm(visit: Visiting, token: str) -> Response:
    """What was entered, to be confirmed; or what has become of it."""
    opened = sign_ups.opened(token)
    visit.speak_to(opened.sign_up)
    return visit.page("public/confirm.html", opened=opened, firm=opened.firm)


@router.post("/sign-up/{token}")
def confirm(visit: Submitting, token: str) -> Response:
    visit.speak_to(sign_ups.opened(token).sign_up)
    sign_ups.confirm(token)
    return visit.go(visit.request.url.path)


def _no_page(visit: Visit) -> NotFound:
    return NotFound(visit.reader.gettext("The page"))


def _shown(visit: Visit, company_id: int) -> dict[str, Any]:
    """What the form knows before anything is typed; raises NotFound where nobody can register."""
    try:
        firm, has_logo = public_page.registration_at(company_id)
    except NotFound as refusal:
        raise _no_page(visit) from refusal
    return {"firm": firm, "has_logo": has_logo, "countries": country_names(visit.reader), "home": HOME, "trap": TRAP}


def _wish(visit: Submission) -> Wish:
    fields = ("given_name", "family_name", "company_name", "email", "street", "postcode", "city", "country")
    told = {name: visit.text(name) for name in fields}
    told["country"] = told["country"] or HOME
    return Wish(**told, language=visit.reader.language, address_form=visit.reader.form)


def _faults(visit: Submission, wish: Wish) -> dict[str, ProvisionError]:
    """Everything that is wrong or missing, by its field."""
    label = visit.reader.gettext
    empty = [name for name in NEEDED if not any(char.isalnum() for char in getattr(wish, name))]
    missing = {name: FieldMissing(label(NEEDED[name])) for name in empty}
    return {**({} if wish.email else {"email": AddressMissing()}), **wish.faults(), **missing}


@cache
def country_names(reader: Reader) -> list[tuple[str, str]]:
    """The countries as a form offers them, in the reader's language, those near by first."""
    names = {code: str(reader.locale.territories.get(code, code)) for code in countries()}
    others = sorted(names.keys() - set(NEAR), key=lambda code: names[code])
    return [(code, names[code]) for code in (*NEAR, *others)]
