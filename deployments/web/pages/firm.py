"""A firm's own pages: where it stands, and what it tells us on the way."""

import re
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends
from sqlalchemy import ColumnElement, true
from starlette.responses import RedirectResponse, Response

from deployments.web.security import HEADERS, RESEND, limit, limit_uploads
from deployments.web.visit import Fields, Submission, Submitting, Visit, Visiting
from models.clients.access import seen_by
from models.clients.message import MessageTooLong, PlaceholderUnknown
from models.company_id import NumberNotChosen, company_number
from models.db import reading
from models.errors import N_, NotFound, ProvisionError
from models.firm import (
    BusinessMissing,
    Firm,
    FirmNameMissing,
    LineOfBusiness,
    NumberNotOffered,
    NumberTaken,
    PostcodeInvalid,
    WebsiteInvalid,
)
from models.logo import Logo, LogoChoiceMissing, LogoChosen, LogoRefused, logo_asked_for
from models.onboarding import AgreementFirst
from models.people.mail_address import AddressInvalid
from models.people.person import NameMissing, Person, Role
from models.request import Named, WebsiteMissing, named, parse_people
from models.text import TextTooLong, row_number
from models.time.land import Land
from tasks.agreement import viewing
from tasks.clients import sign_ups
from tasks.logos.publish import choose_offered, offered_picture, permit_logo, restore_logo, supply_logo
from tasks.onboarding import corrections, firm_page, invitations
from tasks.onboarding.invitations import NobodyNamed, RegisteredAlready, SentJustNow
from tasks.people import membership
from tasks.people.membership import Needed, NotActive
from tasks.retention import requests
from tasks.text.i18n import FIELDS as FIELD_LABELS

router = APIRouter()

SHUT = "default-src 'none'; sandbox"
"""The policy of a file that somebody else made: it runs nothing, and is none of our pages."""
LIST_MOST = 200_000
"""Characters of a list of people."""
ROWS = 3
"""How many people the form takes at once by rows; the list below them takes any number."""
PLACES: dict[type[ProvisionError], str] = {
    NobodyNamed: "name-0",
    AgreementFirst: "name-0",
    MessageTooLong: "message",
    PlaceholderUnknown: "message",
}
"""At which field of the form for people a refusal stands; others stand above it."""
PAGE_OF = {Role.CASEWORKER: "caseworkers", Role.CLIENT: "clients"}
"""Where people in a role are listed; all others on the page of the firm's progress."""


class StillMissing(ProvisionError):
    status = 422
    says = N_("“%(field)s” is still missing: please fill it in, the agreement needs it.")

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class PermissionMissing(ProvisionError):
    status = 422
    says = N_("Your permission is missing: tick the box if we may take the logo from your website.")


class GrantorMissing(ProvisionError):
    status = 422
    says = N_("Your name is missing: we write down who gave the permission.")


# ---- where the firm stands


@router.get("/firm/{firm_id}")
def progress(visit: Visiting, firm_id: int) -> Response:
    visit.require(firm_id, Role.ORGANISER, Role.CASEWORKER)
    return visit.page("firm/progress.html", **_shown(visit, firm_id))


@router.get("/progress/{token}")
def progress_by_link(visit: Visiting, token: str) -> Response:
    """For the contact person, who has no account: to read only."""
    overview = firm_page.by_progress_link(token)
    missing = _missing(visit, overview.firm)
    return visit.page("firm/progress.html", overview=overview, missing=missing, acts=False, tabs=[], tab="")


@router.post("/firm/{firm_id}/resend")
def resend(visit: Submitting, firm_id: int) -> Response:
    """A new link for one of the firm's people, or the agreement once more for the organiser."""
    by, person = _acts_on(visit, firm_id)
    limit(RESEND, "resend", str(person.id))
    page = PAGE_OF.get(person.role, "")
    try:
        case = invitations.resend(person.id, by)
    except (SentJustNow, RegisteredAlready) as refusal:
        return visit.again(f"firm/{page or 'progress'}.html", {"": refusal}, **_shown(visit, firm_id, page))
    return visit.go(f"/firm/{firm_id}/{page}?said=resent" if page else f"/firm/{firm_id}?said=resent", case=case)


@router.post("/firm/{firm_id}/withdraw")
def withdraw(visit: Submitting, firm_id: int) -> Response:
    """Invite a caseworker or client no longer, or end their access."""
    return _change_access(visit, firm_id, membership.withdraw, "removed")


@router.post("/firm/{firm_id}/pause")
def pause(visit: Submitting, firm_id: int) -> Response:
    """Take the access of a caseworker or client away for now."""
    return _change_access(visit, firm_id, membership.pause, "paused")


@router.post("/firm/{firm_id}/resume")
def resume(visit: Submitting, firm_id: int) -> Response:
    """Give it back."""
    return _change_access(visit, firm_id, membership.resume, "resumed")


def _change_access(visit: Submission, firm_id: int, change: Callable[[int, str], int], word: str) -> Response:
    by, person = _acts_on(visit, firm_id)
    page = PAGE_OF.get(person.role, "")
    try:
        case = change(person.id, by)
    except (Needed, NotActive) as refusal:
        return visit.again(f"firm/{page or 'progress'}.html", {"": refusal}, **_shown(visit, firm_id, page))
    word = word if person.registered_at else "withdrawn"
    return visit.go(f"/firm/{firm_id}/{page}?said={word}", case=case)


def _acts_on(visit: Submission, firm_id: int) -> tuple[str, Person]:
    """Whose act it is, and on whom: of whoever manages accounts on a client whom they see, of the organiser on anybody.

    Raises as ``require_staff`` does, NotFound, or NotForYou.
    """
    visit.require_staff(firm_id, manages=True)
    person = firm_page.person_of(firm_id, row_number(visit.text("person")) or 0)
    if person is None or person.role not in {Role.ORGANISER, *PAGE_OF}:
        raise NotFound(visit.reader.gettext("The person"))
    if person.role is not Role.CLIENT:
        visit.require(firm_id, Role.ORGANISER)
    elif not firm_page.is_seen(person.id, seen(visit, firm_id)):
        raise NotFound(visit.reader.gettext("The person"))
    return visit.signed_in().email, person


@router.get("/firm/{firm_id}/agreement")
def to_agreement(visit: Visiting, firm_id: int) -> Response:
    """Where the link in the mail leads to, for who is signed in."""
    visit.require(firm_id, Role.ORGANISER)
    return RedirectResponse(f"/agreement/{viewing.organisers_token(firm_id)}", 303)


@router.get("/firm/{firm_id}/agreement.pdf")
def agreement(visit: Visiting, firm_id: int) -> Response:
    member = visit.signed_in().staff_of(firm_id)
    if member is None or not member.rights.sees_contract:
        visit.require(firm_id, Role.ORGANISER)
    return attachment(*viewing.final_pdf(firm_id))


# ---- details


@router.get("/firm/{firm_id}/details")
def details(visit: Visiting, firm_id: int) -> Response:
    visit.require(firm_id, Role.ORGANISER)
    return visit.page("firm/details.html", **_shown(visit, firm_id))


@router.post("/firm/{firm_id}/details")
def complete_details(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    land = visit.chosen(Land, "land")
    before = fields_of(firm_id, "details")
    label = visit.reader.gettext
    try:
        visit.require_own_act(before)
        address = {name: visit.text(name) for name in ("street", "postcode", "city")}
        missing: dict[str, ProvisionError] = {
            name: StillMissing(label(FIELD_LABELS[name]))
            for name, value in {**address, "land": land}.items()
            if not value
        }
        if missing:
            return visit.again("firm/details.html", missing, values=visit.values, **_shown(visit, firm_id))
        case = firm_page.complete_details(firm_id, by, **address, land=land, website=visit.text("website"))
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {PostcodeInvalid: "postcode", WebsiteInvalid: "website"}
        return visit.again("firm/details.html", refusal, fields=fields, values=visit.values, **_shown(visit, firm_id))
    after = fields_of(firm_id, "details")
    complete = all(before[name] for name in (*address, "land"))
    return visit.go(f"/firm/{firm_id}?said=details", case=case, before=before if complete else None, after=after)


@router.post("/firm/{firm_id}/details/name")
def correct_name(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    line = visit.chosen(LineOfBusiness, "line_of_business") or LineOfBusiness.OTHER
    before = fields_of(firm_id, "name")
    try:
        visit.require_own_act(before)
        name, business = visit.text("firm_name"), visit.text("business")
        case = corrections.correct_firm(firm_id, by, name=name, line_of_business=line, business=business)
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {FirmNameMissing: "firm_name", BusinessMissing: "business"}
        return visit.again("firm/details.html", refusal, fields=fields, values=visit.values, **_shown(visit, firm_id))
    return visit.go(f"/firm/{firm_id}?said=details", case=case, before=before, after=fields_of(firm_id, "name"))


@router.post("/firm/{firm_id}/details/contact")
def correct_contact(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    before = fields_of(firm_id, "contact")
    try:
        visit.require_own_act(before)
        contact = named(visit.text("contact_name"), visit.text("contact_email"))
        case = corrections.correct_contact(firm_id, by, contact)
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {
            AddressInvalid: "contact_email",
            NameMissing: "contact_name",
            TextTooLong: "contact_name",
        }
        return visit.again("firm/details.html", refusal, fields=fields, values=visit.values, **_shown(visit, firm_id))
    return visit.go(
        f"/firm/{firm_id}?said=details",
        case=case,
        before=before,
        after=fields_of(firm_id, "contact"),
    )


@router.post("/firm/{firm_id}/details/number")
def choose_number(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    chosen = visit.text("company_id")
    try:
        if not chosen:
            raise NumberNotChosen
        case = firm_page.choose_number(firm_id, by, None if chosen == "any" else company_number(chosen))
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {NumberNotOffered: "company_id", NumberTaken: "company_id"}
        return visit.again("firm/details.html", refusal, fields=fields, **_shown(visit, firm_id))
    return visit.go(f"/firm/{firm_id}?said=number", case=case)


FirmForm = Literal["details", "name", "contact", "organiser"]


def fields_of(firm_id: int, form: FirmForm) -> Fields:
    """What stands in a form about the firm, by the names of its fields."""
    with reading() as session:
        firm = session.get_one(Firm, firm_id)
        if form == "details":
            return {name: getattr(firm, name) for name in ("street", "postcode", "city", "land", "website")}
        if form == "name":
            return {"firm_name": firm.name, "line_of_business": firm.line_of_business, "business": firm.business}
        person = Person.one(session, firm_id, Role(form))
        return {f"{form}_name": person.name, f"{form}_email": person.email} if person else {}


# ---- logo


def _with_preview(page: Response) -> Response:
    """On this page alone pictures may also come from the browser: the file that was chosen and is not sent yet."""
    page.headers["Content-Security-Policy"] = HEADERS["Content-Security-Policy"] + "; img-src 'self' blob:"
    return page


@router.get("/firm/{firm_id}/logo")
def logo(visit: Visiting, firm_id: int) -> Response:
    visit.require(firm_id, Role.ORGANISER)
    return _with_preview(visit.page("firm/logo.html", **_shown(visit, firm_id)))


@router.post("/firm/{firm_id}/logo", dependencies=[Depends(limit_uploads)])
def supply(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    try:
        case = supply_logo(firm_id, by, visit.file("file")[1])
    except ProvisionError as refusal:
        return _with_preview(
            visit.again("firm/logo.html", refusal, fields={LogoRefused: "file"}, **_shown(visit, firm_id))
        )
    return visit.go(f"/firm/{firm_id}/logo?said=logo", case=case)


@router.post("/firm/{firm_id}/logo/choice")
def choose_logo(visit: Submitting, firm_id: int) -> Response:
    """Of the present logo and what was found on the website, which one is kept."""
    by = visit.require(firm_id, Role.ORGANISER).email
    try:
        case = choose_offered(firm_id, by, visit.text("choice"))
    except LogoChoiceMissing as refusal:
        return _with_preview(visit.again("firm/logo.html", {"choice": refusal}, **_shown(visit, firm_id)))
    except LogoChosen as refusal:
        return _with_preview(visit.again("firm/logo.html", refusal, **_shown(visit, firm_id)))
    return visit.go(f"/firm/{firm_id}/logo?said={'logo_kept' if visit.text('choice') == 'keep' else 'logo'}", case=case)


@router.post("/firm/{firm_id}/logo/back")
def take_logo_back(visit: Submitting, firm_id: int) -> Response:
    """The logo before counts again."""
    by = visit.require(firm_id, Role.ORGANISER).email
    sent = visit.text("logo")
    case = restore_logo(firm_id, by, int(sent) if re.fullmatch(r"[0-9]{1,18}", sent) else 0)
    return visit.go(f"/firm/{firm_id}/logo?said=logo_back", case=case)


@router.post("/firm/{firm_id}/logo/permission")
def permit(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    try:
        if not visit.text("website"):
            raise WebsiteMissing
        if not visit.text("granted_by"):
            raise GrantorMissing
        if not visit.ticked("permission"):
            raise PermissionMissing
        case = permit_logo(firm_id, by, visit.text("granted_by"), visit.text("website"))
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {
            WebsiteMissing: "website",
            WebsiteInvalid: "website",
            GrantorMissing: "granted_by",
            PermissionMissing: "permission",
        }
        return _with_preview(
            visit.again("firm/logo.html", refusal, fields=fields, values=visit.values, **_shown(visit, firm_id))
        )
    return visit.go(f"/firm/{firm_id}/logo?said=permission", case=case)


LOGO_FILES: dict[str, Callable[[Logo], bytes | str | None]] = {
    ".png": lambda logo: logo.for_light,
    "-dark.png": lambda logo: logo.for_dark,
    ".svg": lambda logo: logo.svg,
}
"""What a logo's address may end with: the version for light pages, that for dark ones, and the drawing itself."""


@router.get("/firm/{firm_id}/logo/found/{number}.png")
def found_logo(visit: Visiting, firm_id: int, number: int) -> Response:
    """A picture between which and its logo the firm may choose."""
    visit.require(firm_id, Role.ORGANISER)
    return _picture(visit, offered_picture(firm_id, number))


@router.get("/firm/{firm_id}/logo/before.png")
def logo_before(visit: Visiting, firm_id: int) -> Response:
    """The logo that the current one has replaced."""
    visit.require(firm_id, Role.ORGANISER)
    with reading() as session:
        before = Logo.before(session, firm_id)
        content = None if before is None else before.for_light
    return _picture(visit, content)


def _picture(visit: Visit, content: bytes | None) -> Response:
    if content is None:
        raise NotFound(visit.reader.gettext("The logo"))
    return Response(content, media_type="image/png", headers={"Cache-Control": "no-store"})


@router.get("/firm/{firm_id:number}/logo{ending:path}")
def logo_of_firm(visit: Visiting, firm_id: int, ending: str) -> Response:
    """The logo for the firm's own people, also before the firm has a company ID."""
    visit.require(firm_id, *Role)
    return _logo(visit, firm_id, ending)


@router.get("/logos/{name:path}")
def public_logo(visit: Visiting, name: str) -> Response:
    """The logo for everybody: it stands in mails and on the pages for clients."""
    asked = logo_asked_for(name)
    if asked is None:
        raise NotFound(visit.reader.gettext("The logo"))
    company_id, ending = asked
    with reading() as session:
        firm_id = Firm.by_company_id(session, company_id).id
    response = _logo(visit, firm_id, ending)
    response.headers.update({"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"})
    return response


def _logo(visit: Visit, firm_id: int, ending: str) -> Response:
    with reading() as session:
        logo = Logo.of(session, firm_id)
        content = LOGO_FILES[ending](logo) if logo is not None and ending in LOGO_FILES else None
    if content is None:
        raise NotFound(visit.reader.gettext("The logo"))
    if ending != ".svg":
        return Response(content, media_type="image/png")
    # Opened by itself it is a document, which must not do anything.
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    return Response(content, media_type="image/svg+xml", headers={"Content-Security-Policy": policy})


# ---- people


@router.get("/firm/{firm_id}/caseworkers")
def caseworkers(visit: Visiting, firm_id: int) -> Response:
    visit.require(firm_id, Role.ORGANISER)
    return visit.page("firm/caseworkers.html", **_shown(visit, firm_id))


@router.post("/firm/{firm_id}/caseworkers")
def add_caseworkers(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    staff, wrong = _people(visit)
    if wrong:
        return visit.again("firm/caseworkers.html", wrong, values=visit.values, **_shown(visit, firm_id))
    try:
        case = invitations.add_caseworkers(firm_id, by, staff)
    except ProvisionError as refusal:
        shown = _shown(visit, firm_id)
        return visit.again("firm/caseworkers.html", refusal, fields=PLACES, values=visit.values, **shown)
    return visit.go(f"/firm/{firm_id}/caseworkers?said=caseworkers", case=case)


@router.post("/firm/{firm_id}/caseworkers/none")
def no_caseworkers(visit: Submitting, firm_id: int) -> Response:
    by = visit.require(firm_id, Role.ORGANISER).email
    return visit.go(f"/firm/{firm_id}?said=no_caseworkers", case=invitations.no_caseworkers(firm_id, by))


@router.get("/firm/{firm_id}/clients")
def clients(visit: Visiting, firm_id: int) -> Response:
    visit.require(firm_id, Role.ORGANISER, Role.CASEWORKER)
    return visit.page("firm/clients.html", **_shown(visit, firm_id))


@router.post("/firm/{firm_id}/clients")
def add_clients(visit: Submitting, firm_id: int) -> Response:
    member, by = visit.require_staff(firm_id, manages=True), visit.signed_in().email
    opener = None if member.rights.sees_all or member.rights.has_default_access else member.person_id
    staff, wrong = _people(visit)
    if wrong:
        return visit.again("firm/clients.html", wrong, values=visit.values, **_shown(visit, firm_id))
    try:
        case = invitations.add_clients(firm_id, by, staff, visit.paragraphs("message", LIST_MOST), opener)
    except ProvisionError as refusal:
        shown = _shown(visit, firm_id)
        return visit.again("firm/clients.html", refusal, fields=PLACES, values=visit.values, **shown)
    return visit.go(f"/firm/{firm_id}/clients?said=clients", case=case)


def _people(visit: Submission) -> tuple[list[Named], dict[str, ProvisionError]]:
    """Who is named in the rows and in the list, and what is wrong at which field."""
    people: list[Named] = []
    wrong: dict[str, ProvisionError] = {}
    for row in range(ROWS):
        try:
            name, email = visit.text(f"name-{row}"), visit.text(f"email-{row}")
            if name or email:
                people.append(named(name, email))
        except (NameMissing, TextTooLong) as refusal:
            wrong[f"name-{row}"] = refusal
        except ProvisionError as refusal:
            wrong[f"email-{row}"] = refusal
    try:
        people += parse_people(visit.paragraphs("list", LIST_MOST))
    except ProvisionError as refusal:
        wrong["list"] = refusal
    return people, wrong


def tabs_of(visit: Visit, firm_id: int) -> list[str]:
    """Between which of the firm's pages the visitor goes to and fro."""
    member = visit.signed_in().staff_of(firm_id)
    all_pages = Role.ORGANISER in visit.roles(firm_id) or visit.signed_in().is_operator
    tabs = ["", "details", "logo", "caseworkers", "clients"] if all_pages else ["", "clients"]
    if member is not None:
        tabs.insert(-1, "accounts")
    if visit.signed_in().is_operator or (member is not None and member.rights.sees_contract):
        tabs.append("contract")
    return [*tabs, "settings"] if member is not None and member.rights.sees_all else tabs


def _rights(visit: Visit, firm_id: int, page: str | None) -> dict[str, Any]:
    """What the visitor may do on this page: act for the firm, and with those of its clients whom they see."""
    member = visit.signed_in().staff_of(firm_id)
    tab = visit.request.url.path.removeprefix(f"/firm/{firm_id}").strip("/").partition("/")[0] if page is None else page
    manages = member is not None and member.rights.may_manage
    acts = manages if tab == "clients" else Role.ORGANISER in visit.roles(firm_id)
    return {"acts": acts, "reaches": member is not None, "tabs": tabs_of(visit, firm_id), "tab": tab}


def seen(visit: Visit, firm_id: int) -> ColumnElement[bool]:
    """Of which accounts of the firm the visitor sees the contacts; operators look at all of them."""
    member = visit.signed_in().staff_of(firm_id)
    if member is None:
        return true()
    return seen_by(member.person_id, member.rights)


def _shown(visit: Visit, firm_id: int, page: str | None = None) -> dict[str, Any]:
    """What a page of the firm shows; *page* is another than that of the address."""
    overview = firm_page.overview(firm_id)
    about: dict[str, Any] = {"lands": list(Land), "rows": ROWS, "missing": _missing(visit, overview.firm)}
    about["lines"] = visit.options(LineOfBusiness)
    about["correctable"] = corrections.may_correct(overview.agreement)
    rights = _rights(visit, firm_id, page)
    if rights["tab"] == "clients":
        asked = visit.request.query_params
        behind = row_number(asked.get("after", "")) or 0
        member = visit.signed_in().staff_of(firm_id)
        about["sign_ups"] = sign_ups.count_waiting(firm_id) if member and member.rights.may_manage else 0
        about["requests"] = requests.count_waiting(firm_id) if member and member.rights.sees_all else 0
        about["clients"] = firm_page.clients(firm_id, asked.get("search", "")[:200], behind, seen=seen(visit, firm_id))
    shown = {"overview": overview, "firm": overview.firm, **about, **rights}
    return shown | {"acts": shown["acts"] and not overview.stopped}


def _missing(visit: Visit, firm: Firm) -> list[str]:
    """What the firm still has to tell, in the visitor's language."""
    labels = FIELD_LABELS | {"company_id": N_("Company ID")}
    return [visit.reader.gettext(labels[field]) for field in firm.missing]


def attachment(name: str, content: bytes, media_type: str = "application/pdf") -> Response:
    """A file to be kept, under its name with umlauts and all. Opened all the same, it may not do anything."""
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        "Content-Security-Policy": SHUT,
    }
    return Response(content, media_type=media_type, headers=headers)
