"""The provider's own people: who is an operator, who is absent and who stands in; managers change it."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web import labels
from deployments.web.security import set_cookie
from deployments.web.visit import YEAR, Submitting, Visit, Visiting
from models.audit import HOUSE, newest
from models.db import reading
from models.errors import N_, ProvisionError
from models.people.mail_address import AddressInvalid
from models.people.manners import AddressForm, Language
from models.people.operator import (
    AbsenceInvalid,
    DeputyUnfit,
    ManagersOnly,
    OperatorAlready,
    OperatorNameMissing,
    is_absent,
    operators,
)
from models.text import row_number
from models.time.clock import today
from tasks.contracts.catalogue_view import ACTS as KEEPING
from tasks.people import operators as tasks

router = APIRouter(prefix="/board/operators")

NEWEST = 50
"""Acts on operators that the page shows."""
SAID = {
    "invited": N_("Invited: a link to set a password is on its way."),
    "changed": N_("The role is changed."),
    "deactivated": N_("This account is no operator’s any more, and signed out everywhere."),
    "absent": N_("The absence is saved."),
    "present": N_("The absence is taken back."),
    "named": N_("The name is saved."),
    "spoken": N_("Saved. Your mails and the board are in this language from now on."),
}
ACTIONS = {
    "operator.appointed": N_("Made an operator"),
    "operator.role_changed": N_("Role changed"),
    "operator.deactivated": N_("Deactivated"),
    "operator.named": N_("Name set"),
    "operator.absent": N_("Absence set"),
    "operator.present": N_("Absence taken back"),
    "event.retried": N_("Event handled once more"),
    "event.dismissed": N_("Refused event noted"),
    "billing.closed": N_("Month closed for accounting"),
    "catalogue.added": N_("Added to the catalogue"),
    "catalogue.changed": N_("Changed in the catalogue"),
    "catalogue.withdrawn": N_("Withdrawn from sale"),
    "catalogue.offered": N_("On sale again"),
    "prices.published": N_("Prices published"),
    "billing.settings_changed": N_("Billing settings changed"),
}
"""What people read for the acts that belong to no case."""
ELSEWHERE = {"case.opened", *KEEPING}
"""Those of which other pages tell."""
ACTORS = {"command line": N_("command line")}
FIELDS: dict[type[ProvisionError], str] = {
    AddressInvalid: "email",
    OperatorAlready: "email",
    AbsenceInvalid: "absent_from",
    DeputyUnfit: "deputy",
}


@router.get("")
def show(visit: Visiting) -> Response:
    visit.require_operator()
    return visit.page("board/operators.html", **_shown(visit))


@router.post("/invite")
def invite(visit: Submitting) -> Response:
    by = visit.require_manager().email
    try:
        tasks.invite(
            visit.text("email"),
            visit.text("name"),
            by,
            manager=visit.ticked("manager"),
            language=_language(visit, "invite_language"),
        )
    except ProvisionError as refusal:
        return _again(visit, refusal)
    return visit.go("/board/operators?said=invited")


@router.post("/name")
def rename(visit: Submitting) -> Response:
    """What an operator is called; a manager may say it for others."""
    me = visit.require_operator()
    whose = row_number(visit.text("called")) or me.account_id
    if whose != me.account_id and not me.is_manager:
        raise ManagersOnly
    try:
        tasks.rename(whose, visit.text("own_name"), me.email)
    except ProvisionError as refusal:
        return _again(visit, refusal, OperatorNameMissing, "own_name")
    return visit.go("/board/operators?said=named")


@router.post("/language")
def speak(visit: Submitting) -> Response:
    """In which language an operator is written to and works."""
    me, language = visit.require_operator(), _language(visit)
    tasks.speak(me.account_id, language, AddressForm.DU if visit.text("address_form") == "du" else AddressForm.SIE)
    response = visit.go("/board/operators?said=spoken")
    set_cookie(response, "language", language, YEAR)
    return response


def _language(visit: Submitting, field: str = "language") -> Language:
    return visit.chosen(Language, field) or Language.GERMAN


@router.post("/{account_id}/role")
def change_role(visit: Submitting, account_id: int) -> Response:
    by = visit.require_manager().email
    try:
        tasks.change_role(account_id, by, manager=visit.text("role") == "manager")
    except ProvisionError as refusal:
        return _again(visit, refusal)
    return visit.go("/board/operators?said=changed")


@router.post("/{account_id}/deactivate")
def deactivate(visit: Submitting, account_id: int) -> Response:
    by = visit.require_manager().email
    try:
        tasks.deactivate(account_id, by)
    except ProvisionError as refusal:
        return _again(visit, refusal)
    return visit.go("/board/operators?said=deactivated")


@router.post("/absence")
def set_absence(visit: Submitting) -> Response:
    """One's own absence; managers may set that of others."""
    me = visit.require_operator()
    whose, deputy = row_number(visit.text("whose")) or me.account_id, row_number(visit.text("deputy"))
    if whose != me.account_id and not me.is_manager:
        raise ManagersOnly
    back = visit.text("act") == "back"
    try:
        first, last = (None, None) if back else (_day(visit.text("absent_from")), _day(visit.text("absent_until")))
        if not back and first is None:
            raise AbsenceInvalid
        tasks.set_absence(whose, first, last, deputy, me.email)
    except ProvisionError as refusal:
        return _again(visit, refusal)
    return visit.go(f"/board/operators?said={'present' if back else 'absent'}")


def _again(
    visit: Submitting, refusal: ProvisionError, kind: type[ProvisionError] = OperatorNameMissing, at: str = "name"
) -> Response:
    fields = {**FIELDS, kind: at}
    return visit.again("board/operators.html", refusal, fields=fields, values=visit.values, **_shown(visit))


def _shown(visit: Visit) -> dict[str, Any]:
    with reading() as session:
        accounts = operators(session)
        acts = newest(session, HOUSE, NEWEST, without=ELSEWHERE) if visit.signed_in().is_manager else []
    day = today()
    return {
        "me": next(account for account in accounts if account.id == visit.signed_in().account_id),
        "operators": accounts,
        "emails": {account.id: account.email for account in accounts},
        "absent": {account.id for account in accounts if is_absent(account, day)},
        "planned": {account.id for account in accounts if account.absent_until and account.absent_until >= day},
        "people": [
            (account.id, f"{account.name}, {account.email}" if account.name else account.email) for account in accounts
        ],
        "acts": acts,
        "changed": labels.changed,
        "actions": {**labels.ACTIONS, **ACTIONS},
        "actors": {**labels.ACTORS, **ACTORS},
        "said": SAID.get(visit.request.query_params.get("said", ""), ""),
    }


def _day(text: str) -> date | None:
    """The day that a browser's date field gives; raises AbsenceInvalid."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise AbsenceInvalid from error
