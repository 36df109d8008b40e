"""The operator's board: all cases, what there is to decide in any of them, and a form to open one."""

from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import Response

from deployments.web import labels
from deployments.web.visit import Submission, Submitting, Visit, Visiting, member
from models.company_id import NumberInvalid
from models.db import reading
from models.decision import Decision, DecisionKind, Verdict
from models.errors import N_, ProvisionError
from models.firm import BusinessMissing, Firm, FirmNameMissing, LineOfBusiness, PostcodeInvalid, WebsiteInvalid
from models.onboarding import Onboarding, Party, StepName
from models.people.mail_address import AddressInvalid
from models.people.manners import AddressForm, Language
from models.people.operator import is_absent, operators
from models.people.person import NameMissing
from models.queries import board
from models.queries.board import CaseState, Order, Trouble
from models.request import IntervalMissing, OnboardingRequest, WebsiteMissing, named, parse_people
from models.subscription import Interval, Plan
from models.text import TextTooLong, one_line, row_number
from models.time.clock import today
from models.time.land import Land
from tasks.engine import prefect_client
from tasks.engine.passes import kick
from tasks.intake import decision_effects
from tasks.intake.events import dismiss, handle_again
from tasks.onboarding import opening
from tasks.onboarding.opening import CaseThere, FormInvalid
from tasks.retention import requests
from tasks.text.i18n import explain

router = APIRouter()


class NothingTicked(ProvisionError):
    status = 422
    says = N_("Nothing is ticked: choose what you want to countersign.")


PLACES: dict[type[ProvisionError], str] = {
    FirmNameMissing: "firm_name",
    WebsiteInvalid: "website",
    WebsiteMissing: "website",
    PostcodeInvalid: "postcode",
    NumberInvalid: "preferred_number",
    IntervalMissing: "interval",
    CaseThere: "again",
}
"""The field of the form in which each refusal lies."""
LIST_MOST = 200_000
"""Characters of a list of people."""
TEXTS = (
    *("firm_name", "line_of_business", "business", "website", "street", "postcode", "city"),
    *("preferred_number", "question", "logo_permission_by", "language", "address_form"),
)
"""The fields of the form that are taken as they were typed."""
DECISIONS_SHOWN = 10
"""Open decisions on the board; the others are on a page of their own."""
SAID = {
    "again": N_("The event is being handled once more."),
    "reset": N_("Your new password is set, and you are signed in."),
}


@router.get("/board")
def show_board(visit: Visiting) -> Response:
    """All cases; what is looked for stands in the address, so that it can be kept and passed on."""
    visit.require_operator()
    asked = visit.request.query_params
    looked_for = {
        "search": one_line(asked.get("search", ""))[:200],
        "line_of_business": member(LineOfBusiness, asked.get("line_of_business", "")),
        "state": member(CaseState, asked.get("state", "")),
        "step": member(StepName, asked.get("step", "")),
        "waiting_for": member(Party, asked.get("waiting_for", "")),
        "trouble": member(Trouble, asked.get("trouble", "")),
        "overdue": "yes" if asked.get("overdue") == "yes" else "",
    }
    page, order = asked.get("page", ""), member(Order, asked.get("order", "")) or Order.URGENT
    with reading() as session:
        listing = board.board(
            session,
            **{**looked_for, "overdue": bool(looked_for["overdue"])},  # type: ignore[arg-type]
            order=order,
            page=row_number(page) or 1,
            labels={line: visit.reader.label(line) for line in LineOfBusiness},
        )
        decisions = board.open_decisions(session)
        broken = board.broken_events(session)
        contracts = board.broken_contracts(session)
        mail_trouble = board.mail_trouble(session)
        accounts = operators(session)
    emails = {account.id: account.email for account in accounts}

    def address(**changed: object) -> str:
        """The same page with something else looked for."""
        kept = {"order": order if order is not Order.URGENT else "", **looked_for, **changed}
        kept = {name: value for name, value in kept.items() if value}
        return f"/board?{urlencode(kept)}" if kept else "/board"

    return visit.page(
        "board/cases.html",
        found=listing,
        decisions=decisions,
        broken=broken,
        broken_contracts=contracts,
        mail_trouble=mail_trouble,
        prefect=prefect_client.pages(),
        said=SAID.get(asked.get("said", ""), ""),
        looked_for=looked_for,
        address=address,
        order=order,
        orders=[(one.value, visit.reader.gettext(text)) for one, text in labels.ORDERS.items()],
        states=[(state.value, visit.reader.gettext(text)) for state, text in labels.STATES.items()],
        state_names=labels.STATES,
        lines=visit.options(LineOfBusiness),
        parties=visit.options(Party),
        legend=[*Party],
        troubles=labels.TROUBLES,
        decisions_shown=DECISIONS_SHOWN,
        privacy_requests=requests.count_waiting(None),
        absent=[(account, emails.get(account.deputy_id or 0)) for account in accounts if is_absent(account, today())],
    )


@router.get("/board/decisions")
def show_decisions(visit: Visiting) -> Response:
    """Everything that waits for an operator's word, oldest first."""
    visit.require_operator()
    with reading() as session:
        return visit.page("board/decisions.html", decisions=board.open_decisions(session))


@router.get("/board/countersign")
def show_countersigning(visit: Visiting) -> Response:
    """Every signature that waits for ours, to be answered together."""
    visit.require_operator()
    return visit.page("board/countersign.html", waiting=_to_countersign(), done=0, refused=[])


@router.post("/board/countersign")
def countersign(visit: Submitting) -> Response:
    """Sign what is ticked, each in a transaction of its own, so that one refusal holds up no other."""
    by = visit.require_operator().email
    ticked = set(filter(None, map(row_number, visit.texts("decision"))))
    done, refused = [], []
    for decision_id, firm in sorted(_asked(ticked).items()):
        try:
            done.append(decision_effects.answer_decision(decision_id, Verdict.COUNTERSIGN, by, name=visit.text("name")))
        except ProvisionError as refusal:
            refused.append((firm, explain(refusal, visit.reader)))
    if not done and not refused:
        refused.append(("", explain(NothingTicked(), visit.reader)))
    for case_id in done:
        kick(case_id)
    return visit.page("board/countersign.html", waiting=_to_countersign(), done=len(done), refused=refused)


def _asked(ticked: set[int]) -> dict[int, str]:
    """The firms of these signatures, by the questions about them, also where somebody has answered meanwhile."""
    with reading() as session:
        about = select(Decision.id, Firm.name).join(Onboarding, Onboarding.id == Decision.onboarding_id)
        about = about.join(Firm, Firm.id == Onboarding.firm_id).where(Decision.kind == DecisionKind.COUNTERSIGN)
        return dict(session.execute(about.where(Decision.id.in_(ticked))).tuples().all())


def _to_countersign() -> list[board.DecisionLine]:
    with reading() as session:
        return [decision for decision in board.open_decisions(session) if decision.kind is DecisionKind.COUNTERSIGN]


@router.post("/board/events/{event_id}")
def try_again(visit: Submitting, event_id: int) -> Response:
    by = visit.require_operator().email
    return visit.go("/board?said=again" if handle_again(event_id, by) else "/board")


@router.post("/board/events/{event_id}/dismiss")
def note_refusal(visit: Submitting, event_id: int) -> Response:
    dismiss(event_id, visit.require_operator().email)
    return visit.go("/board")


@router.get("/board/start")
def ask_to_start(visit: Visiting) -> Response:
    visit.require_operator()
    return visit.page("board/start.html", **_choices(visit), request_key=token_urlsafe(16))


@router.post("/board/start")
def start(visit: Submitting) -> Response:
    """Open a case; the form sent twice opens one."""
    by = visit.require_operator().email
    key = visit.text("request_key")[:100] or token_urlsafe(16)
    try:
        case_id = opening.start_case(_request(visit), f"board:{key}", by)
    except ProvisionError as refusal:
        shown = _choices(visit) | {"there": refusal.case_id if isinstance(refusal, CaseThere) else None}
        faults = {_place(visit, refusal): refusal}
        return visit.again("board/start.html", faults, values=visit.values, **shown, request_key=key)
    return visit.go(f"/board/cases/{case_id}", case=case_id)


def _choices(visit: Visit) -> dict[str, Any]:
    return {
        "lines": visit.options(LineOfBusiness),
        "laender": visit.options(Land),
        "plans": visit.options(Plan),
        "intervals": visit.options(Interval),
        "languages": visit.options(Language),
        "address_forms": visit.options(AddressForm),
        "there": None,
    }


def _request(visit: Submission) -> OnboardingRequest:
    """What the form says; raises what is wrong with it."""
    if not visit.text("line_of_business"):
        raise BusinessMissing
    people = {}
    for who in ("organiser", "contact"):
        name, email = visit.text(f"{who}_name"), visit.text(f"{who}_email")
        if who == "organiser" or name or email:
            people[who] = named(name, email)
    texts = {name: visit.paragraphs(name) if name == "question" else visit.text(name) for name in TEXTS}
    chosen = {name: visit.text(name) or None for name in ("land", "plan", "interval")}
    workers, again = parse_people(visit.paragraphs("caseworkers", LIST_MOST)), visit.ticked("again")
    return opening.request_of({**texts, **chosen, **people, "caseworkers": workers, "again": again})


def _place(visit: Submission, refusal: ProvisionError) -> str:
    """The field of the form in which the fault lies."""
    match refusal:
        case FormInvalid():
            return refusal.field.partition(".")[0]
        case TextTooLong():
            begins = refusal.begins.removesuffix("…")
            owners = (who for who in ("organiser_name", "contact_name") if begins in visit.values.get(who, ""))
            return refusal.field or next(owners, "caseworkers")
        case BusinessMissing():
            return "business" if visit.text("line_of_business") else "line_of_business"
        case AddressInvalid() | NameMissing():
            kind = "email" if isinstance(refusal, AddressInvalid) else "name"
            owners = (who for who in ("organiser", "contact") if visit.text(f"{who}_email")[:254] == refusal.address)
            who = next(owners, None)
            return f"{who}_{kind}" if who else "caseworkers"
    return PLACES.get(type(refusal), "")
