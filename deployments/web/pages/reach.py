"""When and how people may be written to: as they keep it themselves, or their firm until they have an account."""

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.firm import seen
from deployments.web.security import set_cookie
from deployments.web.visit import YEAR, Fields, Submission, Submitting, Visit, Visiting
from models.errors import NotFound, ProvisionError
from models.firm import PostcodeInvalid
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.time.clock import ZoneUnknown
from models.time.hours import DAYS, EXAMPLE, Hours, HoursEmpty, HoursUnreadable, short_days
from models.time.land import Land
from tasks.onboarding import firm_page
from tasks.people import membership, sessions
from tasks.people.sessions import Manners

router = APIRouter()

FIELDS: dict[type[ProvisionError], str] = {
    HoursUnreadable: "hours_text",
    HoursEmpty: "hours",
    ZoneUnknown: "time_zone",
    PostcodeInvalid: "postcode",
}


@router.get("/profile")
def profile(visit: Visiting) -> Response:
    return visit.page("profile.html", **_shown(visit, _own(visit)))


@router.post("/profile")
def save_profile(visit: Submitting) -> Response:
    person = _own(visit)
    account_id = visit.signed_in().account_id
    refused = _save(visit, person, lambda manners: sessions.set_manners(account_id, manners))
    if refused is not None:
        return refused
    response = visit.go("/profile?said=profile", before=_fields(person), after=_fields(_own(visit)))
    set_cookie(response, "language", _language(visit), YEAR)
    return response


@router.get("/firm/{firm_id}/people/{person_id}")
def show(visit: Visiting, firm_id: int, person_id: int) -> Response:
    """Of somebody who has no account yet, as the firm knows them."""
    person = _of_firm(visit, firm_id, person_id)
    return visit.page("profile.html", **_shown(visit, person), firm_id=firm_id)


@router.post("/firm/{firm_id}/people/{person_id}")
def save(visit: Submitting, firm_id: int, person_id: int) -> Response:
    person = _of_firm(visit, firm_id, person_id)
    visit.require_staff(firm_id, manages=True)
    by = visit.signed_in().email
    refused = _save(visit, person, lambda manners: membership.set_manners(person.id, by, manners), firm_id=firm_id)
    after = _fields(_of_firm(visit, firm_id, person_id))
    path = f"/firm/{firm_id}/{_page(person)}?said=reach"
    return refused or visit.go(path, before=_fields(person), after=after)


def _own(visit: Visit) -> Person:
    """The visitor as a firm knows them; raises NotFound for those whom none does."""
    person = sessions.person_of(visit.signed_in().account_id)
    if person is None:
        raise NotFound(visit.reader.gettext("The page"))
    return person


def _of_firm(visit: Visit, firm_id: int, person_id: int) -> Person:
    """A client, whom those of the firm's people look after who see them, or a caseworker, whom the organiser does."""
    visit.require(firm_id, Role.ORGANISER, Role.CASEWORKER)
    person = membership.person_of(firm_id, person_id)
    if person is None or (person.role is Role.CLIENT and not firm_page.is_seen(person.id, seen(visit, firm_id))):
        raise NotFound(visit.reader.gettext("The person"))
    if person.role is Role.CASEWORKER:
        visit.require(firm_id, Role.ORGANISER)
    return person


def _page(person: Person) -> str:
    return "clients" if person.role is Role.CLIENT else "caseworkers"


def _save(visit: Submission, person: Person, keep: Callable[[Manners], None], **where: int) -> Response | None:
    """Keep what the form says; gives the form again where that cannot be."""
    shown = _shown(visit, person)
    try:
        visit.require_own_act(_fields(person))
        if visit.text("hours_text") != visit.text("hours_was"):
            language = visit.chosen(Language, "hours_language") or visit.reader.language
            hours = Hours.parse(visit.text("hours_text"), language)
        else:
            shown["marked"] = visit.hours()
            hours = Hours.of(shown["marked"])
        keep(
            Manners(
                hours=hours,
                time_zone=visit.text("time_zone"),
                land=visit.chosen(Land, "land"),
                postcode=visit.text("postcode"),
                language=_language(visit),
                address_form=AddressForm.DU if visit.text("address_form") == "du" else AddressForm.SIE,
            )
        )
    except ProvisionError as refusal:
        return visit.again("profile.html", refusal, fields=FIELDS, values=visit.values, **shown, **where)
    return None


def _fields(person: Person) -> Fields:
    """What stands in the form, and whose it is; the hours in words, which count where they are not what they were.

    The words are always German, whatever the page speaks by the time they are sent: “Di” is a Sunday in French.
    """
    fields = {name: getattr(person, name) for name in ("time_zone", "land", "postcode", "language", "address_form")}
    hours = person.hours.text(Language.GERMAN)
    return {**fields, "hours_text": hours, "hours_language": Language.GERMAN, "whose": person.email}


def _language(visit: Submission) -> Language:
    return visit.chosen(Language, "language") or Language.GERMAN


def _shown(visit: Visit, person: Person) -> dict[str, Any]:
    language, own = visit.reader.language, person.account_id == visit.signed_in().account_id
    member = visit.signed_in().staff_of(person.firm_id)
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
    return {
        "person": person,
        "own": own,
        "acts": own or (member is not None and member.rights.may_manage),
        "page": _page(person),
        "place": visit.request.url.path,
        "hours": person.hours,
        "marked": person.hours,
        "example": Hours.parse(EXAMPLE).text(language),
        "days": DAYS[language],
        "short": short_days(language),
        "zones": [(zone, zone.replace("_", " ")) for zone in sorted(zones, key=lambda zone: zone[:7] != "Europe/")],
        "laender": visit.options(Land),
    }
