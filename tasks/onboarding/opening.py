"""A case is opened: from a form, or by another system."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import HOUSE, Parts, evidence, of, record_each
from models.company_id import company_number
from models.contracts.plans import plan_prices
from models.db import Facts, alone, transaction
from models.errors import N_, ProvisionError
from models.firm import Firm, firm_name, same_name
from models.logo import LogoPermission
from models.onboarding import Onboarding
from models.people.mail_address import email_address
from models.people.manners import Language
from models.people.person import Person, Role
from models.request import OnboardingRequest, named, parse_people
from models.settings import settings
from models.subscription import Subscription
from models.text import TextTooLong
from models.time.clock import now
from tasks.engine.passes import kick
from tasks.engine.retry import side_effect
from tasks.onboarding.company_ids import tell_of_number
from tasks.people.naming import add_people
from tasks.text.i18n import Reader, explain


class CaseThere(ProvisionError):
    """A firm is seldom opened twice on purpose, and often by two people, or by a form and a webhook."""

    says = N_(
        "This firm has a case with this organiser already: %(address)s."
        " If a second one is meant, say so and send it again."
    )

    def __init__(self, case_id: int) -> None:
        super().__init__(case_id)
        self.case_id = case_id
        self.address = f"{settings().base_url}/board/cases/{case_id}"


class FormInvalid(ProvisionError):
    status = 422
    says = N_("The field %(field)s cannot be “%(value)s”: %(reason)s.")

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(field, value, reason)
        self.field = field
        self.value = value
        self.reason = reason


class FieldTooLong(TextTooLong):
    """Of a form that cannot show the refusal at its field."""

    says = N_("The field %(field)s has %(length)s characters: shorten it to %(most)s.")


@side_effect(name="open the case")
def open_case(request_key: str, form: Facts, caseworkers: str) -> int | str:
    """Open a case from an operator's form, *caseworkers* one a line; returns the case's id and asks for its pass.

    A refusal is returned as well, in words: raised it would stand in the run with all its traceback.

    Repeating it changes nothing: the same *request_key* is the same case.
    """
    try:
        people = parse_people(caseworkers)
        for who in filter(None, (form["organiser"], form["contact"])):
            named(who["name"], who["email"])  # Says what is wrong as the board's form does.
        case_id = start_case(request_of({**form, "caseworkers": people}), request_key, "operator")
    except ProvisionError as refusal:
        return explain(refusal, Reader(Language.GERMAN))
    kick(case_id)
    return case_id


def request_of(form: Facts) -> OnboardingRequest:
    """What a form asks for; raises FieldTooLong or FormInvalid, which name the field."""
    try:
        return OnboardingRequest.model_validate(form)
    except ValidationError as error:
        first = error.errors()[0]
        field, value = ".".join(map(str, first["loc"])), str(first["input"])
        if first["type"] == "string_too_long":
            raise FieldTooLong(value[:20], len(value), first["ctx"]["max_length"], field) from error
        raise FormInvalid(field, value[:100], first["msg"]) from error


def start_case(request: OnboardingRequest, request_key: str, actor: str) -> int:
    """Open a case for the firm and return its id; the same *request_key* again returns the same case.

    Raises CaseThere if the firm has one with this organiser, unless another one is meant.
    """
    request.check()
    with transaction() as session:
        case_id = session.scalars(select(Onboarding.id).where(Onboarding.request_key == request_key)).one_or_none()
        if case_id is not None:
            return case_id
        _require_new(session, request)
        at = now()
        firm = _add_firm(session, request, at)
        preferred = company_number(request.preferred_number) if request.preferred_number else None
        taken = preferred is not None and not firm.reserve(session, preferred)
        case = Onboarding.open(session, firm, request_key, at)
        subscription = _add_subscription(session, firm, request, at)
        people = _add_people(session, firm, request)
        if request.logo_permission_by:
            grant = {"website": firm.website, "granted_by": request.logo_permission_by, "granted_at": at}
            session.add(LogoPermission(firm_id=firm.id, **grant))
        asked = {"request": _asked(request, firm, people), "rows": evidence(firm, subscription, *people)}
        trails: dict[int, Facts] = {case.id: asked, HOUSE: {"case": case.id}}
        record_each(session, trails, at, "case.opened", actor)
        if taken:
            tell_of_number(session, case, f"taken:{case.id}", preferred, granted=False)
        return case.id


def _asked(request: OnboardingRequest, firm: Firm, people: Sequence[Person]) -> Parts:
    """The request as it came, each of the people in it for themselves."""
    whole = request.model_dump(mode="json")
    named = [("organiser", whole.pop("organiser")), ("contact", whole.pop("contact"))]
    parts, by_address = of(firm, whole), {person.email: person for person in reversed(people)}
    told: list[tuple[Facts, Facts]] = [(who, {name: who}) for name, who in named if who is not None]
    told += [(who, {"caseworkers": [who]}) for who in whole.pop("caseworkers")]
    return Parts([*parts, *(part for who, fact in told for part in of(by_address[email_address(who["email"])], fact))])


def _require_new(session: Session, request: OnboardingRequest) -> None:
    organiser = email_address(request.organiser.email)
    alone(session, "organiser", organiser)  # Of two who ask at once the second sees the case of the first.
    if request.again:
        return
    cases = select(Onboarding.id, Firm.name).join(Firm, Firm.id == Onboarding.firm_id)
    cases = cases.join(Person, Person.firm_id == Firm.id)
    cases = cases.where(Person.role == Role.ORGANISER, Person.email == organiser).order_by(Onboarding.id.desc())
    for case_id, name in session.execute(cases):
        if same_name(name, request.firm_name):
            raise CaseThere(case_id)


def _add_firm(session: Session, request: OnboardingRequest, at: datetime) -> Firm:
    firm = Firm(
        name=firm_name(request.firm_name),
        line_of_business=request.line_of_business,
        business=request.business,
        created_at=at,
    )
    firm.describe(
        street=request.street,
        postcode=request.postcode,
        city=request.city,
        land=request.land,
        website=request.website,
    )
    session.add(firm)
    session.flush()
    return firm


def _add_subscription(session: Session, firm: Firm, request: OnboardingRequest, at: datetime) -> Subscription:
    """The subscription, confirmed if the request says which."""
    subscription = Subscription(firm_id=firm.id, question=request.question)
    session.add(subscription)
    if request.plan is not None and request.interval is not None:
        subscription.confirm(request.plan, request.interval, plan_prices(session, at), at)
    return subscription


def _add_people(session: Session, firm: Firm, request: OnboardingRequest) -> list[Person]:
    """Everybody whom the request names; the organiser, who works there, is no caseworker whatever list says so."""
    organiser = email_address(request.organiser.email)
    named = {
        Role.ORGANISER: [request.organiser],
        Role.CONTACT: [request.contact or request.organiser],
        Role.CASEWORKER: [person for person in request.caseworkers if email_address(person.email) != organiser],
    }
    return [person for role, people in named.items() for person in add_people(session, firm, role, people, request)]
