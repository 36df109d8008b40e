"""The operator's board: all cases, one case with what there is to decide, and a form to open one."""

from datetime import datetime
from email.message import EmailMessage
from enum import StrEnum
from secrets import token_urlsafe
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import Response

from deployments.logo import told_reason
from deployments.web.pages.mail import FOREIGN_PAGE
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting
from models import board
from models.board import Act, CaseDetail, CaseState, DecisionLine, MailState, Trouble
from models.company_id import NumberInvalid
from models.db import reading
from models.decision import Decision, DecisionKind, Verdict
from models.errors import N_, NotFound, ProvisionError
from models.exchange import MailKind, Outgoing
from models.firm import BusinessMissing, FirmNameMissing, LineOfBusiness, PostcodeInvalid, WebsiteInvalid
from models.logo import LogoChoiceMissing
from models.onboarding import Party, StepName
from models.operator import is_absent, operators
from models.person import AddressForm, AddressInvalid, Language, NameMissing
from models.request import IntervalMissing, OnboardingRequest, WebsiteMissing, named, parse_people
from models.schedule import Land
from models.subscription import Interval, Plan
from tasks import agreements, cases, corrections, invitations, people, returned
from tasks.cases import AddressTaken, FormInvalid, PlanMissing, StopReasonMissing
from tasks.inbox import dismiss, handle_again
from tasks.logos.evidence import Reason, Sign
from tasks.mails import write
from tasks.operators import today
from tasks.passes import kick
from tasks.texts import Reader, explain

router = APIRouter()


class WithdrawReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: it is told to who was asked to sign.")


T = TypeVar("T", bound=StrEnum)

PAGE_WIDTH = 640
"""Pixels of a picture of a page, unless the address asks for another width."""

PLACES: dict[type[ProvisionError], str] = {
    FirmNameMissing: "firm_name",
    WebsiteInvalid: "website",
    WebsiteMissing: "website",
    PostcodeInvalid: "postcode",
    NumberInvalid: "preferred_number",
    IntervalMissing: "interval",
}
"""The field of the form in which each refusal lies."""
TEXTS = (
    *("firm_name", "line_of_business", "business", "website", "street", "postcode", "city"),
    *("preferred_number", "question", "logo_permission_by", "language", "address_form"),
)
"""The fields of the form that are taken as they were typed."""
STATES = {CaseState.OPEN: N_("open"), CaseState.FINISHED: N_("live"), CaseState.STOPPED: N_("stopped")}
MAIL_STATES = {
    MailState.WAITING: N_("waiting"),
    MailState.DELIVERED: N_("delivered"),
    MailState.FAILED: N_("not accepted"),
    MailState.BOUNCED: N_("came back"),
    MailState.COMPLAINED: N_("marked as spam"),
    MailState.DROPPED: N_("not sent, no longer needed"),
}
MAILS = {
    MailKind.WELCOME: N_("Welcome"),
    MailKind.REGISTER: N_("Request to register"),
    MailKind.AGREEMENT: N_("Agreement to be signed"),
    MailKind.AGREEMENT_DONE: N_("Agreement signed by both sides"),
    MailKind.AGREEMENT_DECLINED: N_("Notice that the agreement was declined"),
    MailKind.AGREEMENT_EXPIRED: N_("Notice that the agreement was not signed in time"),
    MailKind.AGREEMENT_WITHDRAWN: N_("Notice that nothing is to be signed any more"),
    MailKind.SIGN_CODE: N_("One-time code to sign"),
    MailKind.YOUR_TURN: N_("Notice whose turn it is"),
    MailKind.COMPANY_ID: N_("Decision on the company ID"),
    MailKind.INVITATION: N_("Invitation of a client"),
    MailKind.CLIENT_ACTIVE: N_("Notice that a client is active"),
    MailKind.PEOPLE_SILENT: N_("Notice who has not answered"),
    MailKind.DECISIONS_WAIT: N_("Reminder of open decisions"),
    MailKind.RESET_PASSWORD: N_("New password"),
    MailKind.OPERATOR_INVITED: N_("Invitation of an operator"),
    MailKind.DECISION_OVERDUE: N_("Overdue decision"),
    MailKind.DIGEST: N_("Weekly digest"),
}
TROUBLES = {
    Trouble.BOUNCED: N_("mail came back"),
    Trouble.MAIL_FAILED: N_("mail not delivered"),
    Trouble.DECISION_OVERDUE: N_("decision overdue"),
    Trouble.STUCK: N_("stuck"),
}
STORY_SHOWN = 60
"""Newest things that happened on the page of a case, unless all are asked for."""
DECISIONS_SHOWN = 10
"""Open decisions on the board; the others are on a page of their own."""
ANSWERS = {
    (DecisionKind.ADVICE, Verdict.AGREED): N_("Record what was agreed"),
    (DecisionKind.COMPANY_ID, Verdict.GRANT): N_("Grant the number"),
    (DecisionKind.COMPANY_ID, Verdict.REFUSE): N_("Refuse and offer the others"),
    (DecisionKind.COUNTERSIGN, Verdict.COUNTERSIGN): N_("Countersign"),
    (DecisionKind.COUNTERSIGN, Verdict.REFUSE): N_("Do not accept the signature"),
    (DecisionKind.SIGNED_COPY, Verdict.ACCEPT): N_("Accept and countersign"),
    (DecisionKind.SIGNED_COPY, Verdict.REFUSE): N_("Do not accept the signed copy"),
    (DecisionKind.DECLINED, Verdict.RESEND): N_("Send a new version"),
    (DecisionKind.DECLINED, Verdict.TALK): N_("Talk to the firm first"),
    (DecisionKind.DECLINED, Verdict.STOP): N_("End the case"),
    (DecisionKind.LAPSED, Verdict.RESEND): N_("Send a new version"),
    (DecisionKind.LAPSED, Verdict.TALK): N_("Talk to the firm first"),
    (DecisionKind.LAPSED, Verdict.STOP): N_("End the case"),
    (DecisionKind.TALK, Verdict.RESEND): N_("Send a new version"),
    (DecisionKind.TALK, Verdict.STOP): N_("End the case"),
    (DecisionKind.BAD_ADDRESS, Verdict.CORRECT): N_("Correct and send again"),
    (DecisionKind.BAD_ADDRESS, Verdict.WITHDRAW): N_("No longer invite"),
    (DecisionKind.MAIL_FAILED, Verdict.RESEND): N_("Send it once more"),
    (DecisionKind.MAIL_FAILED, Verdict.LEAVE): N_("Let it be"),
    (DecisionKind.LOGO, Verdict.ACCEPT): N_("Take this picture"),
    (DecisionKind.LOGO, Verdict.REFUSE): N_("None of them: ask the firm for a file"),
    (DecisionKind.SILENT, Verdict.RESEND): N_("Remind once more"),
    (DecisionKind.SILENT, Verdict.CORRECT): N_("Correct the address and remind"),
    (DecisionKind.SILENT, Verdict.WITHDRAW): N_("No longer invite"),
    (DecisionKind.SILENT, Verdict.LEAVE): N_("No more reminders"),
}
"""What stands on the button of each answer."""
ACTIONS = {
    "case.opened": N_("Case opened"),
    "person.invited": N_("Asked to register"),
    "person.registered": N_("Registered"),
    "person.withdrawn": N_("No longer invited"),
    "password.set": N_("Password set"),
    "contact.named": N_("Contact person named"),
    "organiser.named": N_("Another organiser named"),
    "firm.corrected": N_("Name or line of business corrected"),
    "link.resent": N_("New link sent"),
    "details.told": N_("Details completed"),
    "mail.failed": N_("Mail could not be delivered"),
    "company_id.assigned": N_("Company ID assigned"),
    "company_id.chosen": N_("Company ID chosen"),
    "logo.permitted": N_("Taking the logo from the website permitted"),
    "logo.chosen": N_("Logo taken over"),
    "agreement.sent": N_("Agreement sent"),
    "agreement.opened": N_("Agreement opened by the signer"),
    "agreement.read": N_("Part of the agreement read"),
    "agreement.code_sent": N_("One-time code sent"),
    "agreement.code_refused": N_("Wrong or expired code typed"),
    "agreement.delegated": N_("Signature handed over"),
    "agreement.taken_back": N_("Signature taken back"),
    "agreement.expired": N_("Agreement not signed in time"),
    "agreement.asked_anew": N_("New version asked for after the time had run out"),
    "agreement.withdrawn": N_("Agreement withdrawn"),
    "agreement.countersigned": N_("Agreement signed by the provider"),
    "agreement.uploaded": N_("Signed copy uploaded"),
    "agreement.signed": N_("Agreement signed by the firm"),
    "agreement.declined": N_("Agreement declined"),
    "agreement.completed": N_("Agreement signed by both sides"),
    "caseworkers.named": N_("Caseworkers named"),
    "caseworkers.none": N_("No caseworkers wanted"),
    "clients.named": N_("Clients named"),
    "decision.answered": N_("Decided"),
    "decision.escalated": N_("Decision overdue, managers told"),
    "case.stopped": N_("Case ended"),
    "pass.restarted": N_("Pass started again"),
    "mail.bounced": N_("Mail came back"),
    "address.corrected": N_("Address corrected"),
    "person.reminded": N_("Reminded"),
    "reach.set": N_("Reachability set by the firm"),
    "organiser.told": N_("Organiser told who has not answered"),
    "reminders.paused": N_("Reminders paused"),
    "reminders.resumed": N_("Reminders resumed"),
    "reminders.deferred": N_("Asked for peace until a day"),
    "cadence.set": N_("Cadence set"),
    "cadence.inherited": N_("Cadence inherited again"),
    "mail.complained": N_("Marked as spam"),
    "person.not_me": N_("Says that the mail is not for them"),
}
"""What people read for the acts of the audit trail."""
ACTORS = {"provision": N_("automatic processing"), "operator": N_("provider"), "webhook": N_("another system")}
SAID = {
    "answered": N_("Your decision is recorded. What follows from it happens in the next minutes."),
    "put_right": N_("The correction is saved."),
    "again": N_("The event is being handled once more."),
    "resent": N_("A new link is on its way to who is asked to sign."),
    "withdrawn": N_("The agreement is withdrawn. Decide how to go on."),
    "person_resent": N_("A new link is on its way; the one sent before no longer works."),
    "person_withdrawn": N_("Done: this person is no longer invited, and the link no longer works."),
    "corrected": N_("The address is corrected. What came back or waits goes there."),
    "restarted": N_("A pass over this case has been asked for."),
    "stopped": N_("The case has ended. Nobody is reminded any more."),
}


@router.get("/board")
def show_board(visit: Visiting) -> Response:
    """All cases; what is looked for stands in the address, so that it can be kept and passed on."""
    visit.require_operator()
    asked = visit.request.query_params
    looked_for = {
        "search": asked.get("search", "").strip()[:200],
        "line_of_business": _member(LineOfBusiness, asked.get("line_of_business", "")),
        "state": _member(CaseState, asked.get("state", "")),
        "step": _member(StepName, asked.get("step", "")),
        "waiting_for": _member(Party, asked.get("waiting_for", "")),
        "trouble": _member(Trouble, asked.get("trouble", "")),
        "overdue": "yes" if asked.get("overdue") == "yes" else "",
    }
    page = asked.get("page", "")
    with reading() as session:
        found = board.board(
            session,
            **{**looked_for, "overdue": bool(looked_for["overdue"])},  # type: ignore[arg-type]
            page=int(page) if page.isdecimal() and len(page) < 9 else 1,
            labels={one: visit.reader.label(one) for one in LineOfBusiness},
        )
        decisions = board.open_decisions(session)
        broken = board.broken_events(session)
        here = operators(session)
    emails = {one.id: one.email for one in here}

    def address(**changed: object) -> str:
        """The same page with something else looked for."""
        kept = {name: value for name, value in {**looked_for, **changed}.items() if value}
        return f"/board?{urlencode(kept)}" if kept else "/board"

    return visit.page(
        "board/cases.html",
        found=found,
        decisions=decisions,
        broken=broken,
        said=SAID.get(asked.get("said", ""), ""),
        looked_for=looked_for,
        address=address,
        states=[(one.value, visit.reader.gettext(text)) for one, text in STATES.items()],
        state_names=STATES,
        lines=_options(visit, LineOfBusiness),
        parties=_options(visit, Party),
        troubles=TROUBLES,
        decisions_shown=DECISIONS_SHOWN,
        absent=[(one, emails.get(one.deputy_id or 0)) for one in here if is_absent(one, today())],
    )


@router.get("/board/decisions")
def show_decisions(visit: Visiting) -> Response:
    """Everything that waits for an operator's word, oldest first."""
    visit.require_operator()
    with reading() as session:
        return visit.page("board/decisions.html", decisions=board.open_decisions(session))


@router.get("/board/cases/{case_id}")
def show_case(visit: Visiting, case_id: int) -> Response:
    visit.require_operator()
    return visit.page("board/case.html", **_shown(visit, case_id))


@router.get("/board/cases/{case_id}/documents/{document_id}")
def show_document(visit: Visiting, case_id: int, document_id: int) -> Response:
    """A file of the case, to be kept: what was uploaded should not be opened among our pages."""
    visit.require_operator()
    with reading() as session:
        document = board.case_document(session, case_id, document_id)
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(document.name)}"}
        return Response(document.content, media_type=document.media_type, headers=headers)


@router.get("/board/cases/{case_id}/documents/{document_id}/pages/{page}.png")
def show_page(visit: Visiting, case_id: int, document_id: int, page: int, width: int = PAGE_WIDTH) -> Response:
    """A page of a file of the case as a picture, which can do nothing to who looks at it."""
    visit.require_operator()
    with reading() as session:
        content = board.case_document(session, case_id, document_id).content
    png = returned.picture(content, page, max(width, 1))
    if png is None:
        raise NotFound(f"Page {page}")
    # Documents never change, and the browser is an operator's own.
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"})


@router.post("/board/decisions/{decision_id}")
def answer(visit: Submitting, decision_id: int) -> Response:
    by = visit.require_operator().email
    field = f"d{decision_id}-"
    said = {name: visit.text(field + name) for name in ("note", "plan", "interval", "address", "choice")}
    try:
        case_id = cases.answer_decision(decision_id, visit.text("verdict"), by, **said)
    except ProvisionError as refusal:
        with reading() as session:
            case_id = Decision.get(session, decision_id).onboarding_id
        places: dict[type[ProvisionError], str] = {
            PlanMissing: f"{field}plan",
            AddressInvalid: f"{field}address",
            LogoChoiceMissing: f"{field}choice",
        }
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=answered", case=case_id)


@router.post("/board/cases/{case_id}/agreement/resend")
def resend_agreement(visit: Submitting, case_id: int) -> Response:
    """Mail who is asked to sign a new link, which no operator sees."""
    by = visit.require_operator().email
    try:
        invitations.resend(agreements.signer_of(case_id), by)
    except ProvisionError as refusal:
        return _refused(visit, case_id, refusal)
    return visit.go(f"/board/cases/{case_id}?said=resent", case=case_id)


def _refused(visit: Visit, case_id: int, refusal: ProvisionError) -> Response:
    """The page of the case with what was refused above it, also where it is only too early."""
    form = Form(errors={"": explain(refusal, visit.reader)})
    return visit.page("board/case.html", status=refusal.status, form=form, **_shown(visit, case_id))


@router.post("/board/cases/{case_id}/agreement/withdraw")
def withdraw_agreement(visit: Submitting, case_id: int) -> Response:
    by = visit.require_operator().email
    try:
        if not visit.text("withdraw_reason"):
            raise WithdrawReasonMissing
        agreements.withdraw(case_id, visit.text("withdraw_reason"), by)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {WithdrawReasonMissing: "withdraw_reason"}
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=withdrawn", case=case_id)


@router.post("/board/cases/{case_id}/correct/{what}")
def correct(visit: Submitting, case_id: int, what: Literal["name", "contact", "organiser"]) -> Response:
    """Put right what was said wrongly at the start."""
    by = visit.require_operator().email
    with reading() as session:
        firm_id = board.case_detail(session, case_id).firm_id
    try:
        match what:
            case "name":
                line = _member(LineOfBusiness, visit.text("line_of_business"))
                if line is None:
                    raise BusinessMissing
                name, business = visit.text("firm_name"), visit.text("business")
                corrections.correct_firm(
                    firm_id, by, name=name, line_of_business=line, business=business, as_operator=True
                )
            case "contact":
                contact = named(visit.text("contact_name"), visit.text("contact_email"))
                corrections.correct_contact(firm_id, by, contact, as_operator=True)
            case "organiser":
                organiser = named(visit.text("organiser_name"), visit.text("organiser_email"))
                corrections.correct_organiser(firm_id, by, organiser)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {
            FirmNameMissing: "firm_name",
            BusinessMissing: "business",
            AddressInvalid: f"{what}_email",
            NameMissing: f"{what}_name",
        }
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=put_right", case=case_id)


@router.get("/board/countersign")
def show_countersigning(visit: Visiting) -> Response:
    """Every signature that waits for ours, to be answered together."""
    visit.require_operator()
    return visit.page("board/countersign.html", waiting=_to_countersign(), done=0, refused=[])


@router.post("/board/countersign")
def countersign(visit: Submitting) -> Response:
    """Sign what is ticked, each in a transaction of its own, so that one refusal holds up no other."""
    by = visit.require_operator().email
    ticked = {int(one) for one in visit.texts("decision") if one.isdecimal() and len(one) < 10}
    done, refused = [], []
    for line in (one for one in _to_countersign() if one.decision_id in ticked):
        try:
            done.append(cases.answer_decision(line.decision_id, Verdict.COUNTERSIGN, by))
        except ProvisionError as refusal:
            refused.append((line.firm, explain(refusal, visit.reader)))
    for case_id in done:
        kick(case_id)
    return visit.page("board/countersign.html", waiting=_to_countersign(), done=len(done), refused=refused)


def _to_countersign() -> list[board.DecisionLine]:
    with reading() as session:
        return [one for one in board.open_decisions(session) if one.kind is DecisionKind.COUNTERSIGN]


@router.post("/board/events/{event_id}")
def try_again(visit: Submitting, event_id: int) -> Response:
    by = visit.require_operator().email
    return visit.go("/board?said=again" if handle_again(event_id, by) else "/board")


@router.post("/board/events/{event_id}/dismiss")
def note_refusal(visit: Submitting, event_id: int) -> Response:
    dismiss(event_id, visit.require_operator().email)
    return visit.go("/board")


@router.get("/board/cases/{case_id}/mails/{mail_id}")
def show_mail(visit: Visiting, case_id: int, mail_id: int) -> Response:
    """A mail as it was sent, but for its personal link."""
    visit.require_operator()
    row, message = _mail(case_id, mail_id)
    body = message.get_body(("plain",))
    return visit.page(
        "board/mail.html",
        case_id=case_id,
        mail=row,
        subject=str(message["Subject"]),
        sender=str(message["From"]),
        reply_to=str(message["Reply-To"] or ""),
        text=body.get_content() if body else "",
    )


@router.get("/board/cases/{case_id}/mails/{mail_id}/html")
def show_mail_html(visit: Visiting, case_id: int, mail_id: int) -> Response:
    """The same as most people see it, in a frame that can do nothing."""
    visit.require_operator()
    body = _mail(case_id, mail_id)[1].get_body(("html",))
    html = body.get_content() if body else ""
    return Response(html, media_type="text/html; charset=utf-8", headers=FOREIGN_PAGE)


def _mail(case_id: int, mail_id: int) -> tuple[Outgoing, EmailMessage]:
    with reading() as session:
        row, link = board.case_mail(session, case_id, mail_id)
    return row, write(row, link, redacted=True)


def _require_known(case_id: int, person_id: int) -> None:
    """Raises NotFound unless the person belongs to the case."""
    with reading() as session:
        if person_id not in {person.person_id for person in board.case_detail(session, case_id).people}:
            raise NotFound(f"Person {person_id}")


@router.post("/board/cases/{case_id}/people/{person_id}/resend")
def resend(visit: Submitting, case_id: int, person_id: int) -> Response:
    """Mail somebody a new link, which no operator sees."""
    by = visit.require_operator().email
    try:
        _require_known(case_id, person_id)
        invitations.resend(person_id, by)
    except ProvisionError as refusal:
        return _refused(visit, case_id, refusal)
    return visit.go(f"/board/cases/{case_id}?said=person_resent", case=case_id)


@router.post("/board/cases/{case_id}/people/{person_id}/withdraw")
def withdraw_person(visit: Submitting, case_id: int, person_id: int) -> Response:
    """A caseworker or client is invited no longer."""
    by = visit.require_operator().email
    try:
        _require_known(case_id, person_id)
        people.withdraw(person_id, by)
    except ProvisionError as refusal:
        return _refused(visit, case_id, refusal)
    return visit.go(f"/board/cases/{case_id}?said=person_withdrawn", case=case_id)


@router.post("/board/cases/{case_id}/people/{person_id}/address")
def correct_address(visit: Submitting, case_id: int, person_id: int) -> Response:
    by, field = visit.require_operator().email, f"p{person_id}-address"
    try:
        cases.correct_address(case_id, person_id, visit.text(field), by)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {AddressInvalid: field, AddressTaken: field}
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=corrected", case=case_id)


@router.post("/board/cases/{case_id}/pass")
def restart_pass(visit: Submitting, case_id: int) -> Response:
    by = visit.require_operator().email
    try:
        cases.restart_pass(case_id, by)
    except ProvisionError as refusal:
        return _refused(visit, case_id, refusal)
    return visit.go(f"/board/cases/{case_id}?said=restarted", case=case_id)


@router.post("/board/cases/{case_id}/stop")
def stop_case(visit: Submitting, case_id: int) -> Response:
    by = visit.require_operator().email
    try:
        cases.stop_case(case_id, visit.text("stop_reason"), by)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {StopReasonMissing: "stop_reason"}
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=stopped", case=case_id)


def _shown(visit: Visit, case_id: int) -> dict[str, Any]:
    with reading() as session:
        detail = board.case_detail(session, case_id)
    names = {person.person_id: person.name for person in detail.people}
    asked = visit.request.query_params
    show = asked.get("show", "") if asked.get("show") in {"acts", "mails"} else ""
    story = _story(detail, show)
    return {
        "show": show,
        "story": story if asked.get("all") else story[:STORY_SHOWN],
        "story_length": len(story),
        "detail": detail,
        "names": names,
        "copies": {one.decision_id: _copy_that_came_back(one, detail, visit.reader) for one in detail.decisions},
        "about": {act.number: _about(act, names, visit.reader) for act in detail.audit},
        "said": SAID.get(visit.request.query_params.get("said", ""), ""),
        "states": STATES,
        "mail_states": MAIL_STATES,
        "mails": MAILS,
        "answers": ANSWERS,
        "actions": ACTIONS,
        "actors": ACTORS,
        "lines": _options(visit, LineOfBusiness),
        "plans": _options(visit, Plan),
        "intervals": _options(visit, Interval),
        "reason": lambda told: told_reason(Reason(Sign(told["sign"]), told["points"], told["detail"]), visit.reader),
    }


def _story(detail: CaseDetail, show: str) -> list[tuple[datetime, str, Any]]:
    """Everything that happened, the newest first: acts, mails, and questions as they came up."""
    acts = [(act.at, "act", act) for act in detail.audit]
    asked = [(one.opened_at, "asked", one) for one in detail.decisions]
    mails = [(mail.delivered_at or mail.created_at, "mail", mail) for mail in reversed(detail.mails)]
    told: list[tuple[datetime, str, Any]] = []
    told += [] if show == "mails" else [*asked, *acts]
    told += [] if show == "acts" else mails
    return sorted(told, key=lambda one: one[0])[::-1]


def _copy_that_came_back(one: DecisionLine, detail: CaseDetail, reader: Reader) -> dict[str, Any] | None:
    """What is known of the file that a decision is about, with reasons and times as people read them."""
    facts = one.facts
    if one.kind is DecisionKind.COUNTERSIGN:
        ours = {line.uploaded_id for line in detail.agreements[:1]} - {None}
        uploads = (act.facts for act in reversed(detail.audit) if act.action == "agreement.uploaded")
        facts = next((told for told in uploads if told.get("document_id") in ours), {})
    if "pages" not in facts:
        return None
    signatures = [
        {**told, "signed_at": told["signed_at"] and datetime.fromisoformat(told["signed_at"])}
        for told in facts["signatures"]
    ]
    doubts = [reader.label(returned.Doubt(doubt)) for doubt in facts["doubts"]]
    return {**facts, "doubts": doubts, "signatures": signatures}


def _about(act: Act, names: dict[int, str], reader: Reader) -> str:
    """What an act was about, where that can be said in a word or two."""
    facts = act.facts
    match act.action:
        case "decision.answered":
            return f"{reader.label(DecisionKind(facts['kind']))} – {reader.label(Verdict(facts['verdict']))}"
        case "company_id.assigned" | "company_id.chosen":
            return str(facts["number"])
        case "agreement.declined" | "agreement.withdrawn" | "case.stopped":
            return str(facts["reason"])
        case "agreement.delegated":
            return f"{facts['name']} ({facts['function']})"
    people = [names[one] for one in (facts.get("person"), *facts.get("persons", [])) if one in names]
    if people:
        return reader.listed(people)
    return reader.gettext(N_("version %(number)s")) % {"number": facts["version"]} if "version" in facts else ""


def _options(visit: Visit, kind: type[StrEnum]) -> list[tuple[str, str]]:
    """The members of an enum as a form offers them."""
    return [(one.value, visit.reader.label(one)) for one in kind]


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
        case_id = cases.start_case(_request(visit), f"board:{key}", by)
    except ProvisionError as refusal:
        faults = {_place(visit, refusal): refusal}
        return visit.again("board/start.html", faults, values=visit.values, **_choices(visit), request_key=key)
    return visit.go(f"/board/cases/{case_id}", case=case_id)


def _choices(visit: Visit) -> dict[str, Any]:
    return {
        "lines": _options(visit, LineOfBusiness),
        "laender": _options(visit, Land),
        "plans": _options(visit, Plan),
        "intervals": _options(visit, Interval),
        "languages": _options(visit, Language),
        "address_forms": _options(visit, AddressForm),
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
    said = {name: visit.text(name) for name in TEXTS}
    chosen = {name: visit.text(name) or None for name in ("land", "plan", "interval")}
    workers = parse_people(visit.text("caseworkers"))
    try:
        return OnboardingRequest.model_validate({**said, **chosen, **people, "caseworkers": workers})
    except ValidationError as error:
        first = error.errors()[0]
        raise FormInvalid(str(first["loc"][0]), str(first["input"])[:100], first["msg"]) from error


def _place(visit: Submission, refusal: ProvisionError) -> str:
    """The field of the form in which the fault lies."""
    match refusal:
        case FormInvalid():
            return refusal.field
        case BusinessMissing():
            return "business" if visit.text("line_of_business") else "line_of_business"
        case AddressInvalid() | NameMissing():
            kind = "email" if isinstance(refusal, AddressInvalid) else "name"
            owners = (who for who in ("organiser", "contact") if visit.text(f"{who}_email")[:254] == refusal.address)
            who = next(owners, None)
            return f"{who}_{kind}" if who else "caseworkers"
    return PLACES.get(type(refusal), "")


def _member(kind: type[T], text: str) -> T | None:
    """The member of this value; None for anything else."""
    return next((one for one in kind if one.value == text), None)
