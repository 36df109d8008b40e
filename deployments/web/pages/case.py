"""One case, as an operator sees it: all there is to know, and all there is to do."""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from deployments.logo import told_reason
from deployments.web import labels
from deployments.web.labels import PARTS, SHOWN_BESIDE, agreed, changed, each_changed, in_words
from deployments.web.pages.firm import fields_of
from deployments.web.pages.mail import FOREIGN_PAGE
from deployments.web.visit import Fields, Form, Submission, Submitting, Visit, Visiting
from models.db import reading
from models.decision import Decision, DecisionKind, Verdict
from models.document import Doubt
from models.errors import N_, NotFound, ProvisionError
from models.firm import BusinessMissing, FirmNameMissing, LineOfBusiness
from models.logo import LogoChoiceMissing
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.mail_address import AddressInvalid
from models.people.operator import OperatorNameMissing
from models.people.person import NameMissing, Person
from models.queries import casefile
from models.queries.board import DecisionLine
from models.queries.casefile import Act, CaseDetail
from models.request import named
from models.subscription import LONGEST_CLAUSE, DiscountInvalid, Interval, NoticeInvalid, Plan, PriceInvalid
from models.text import TextTooLong
from tasks.agreement import lifecycle, uploaded_copy, viewing
from tasks.intake import decision_effects
from tasks.intake.decision_effects import DayInvalid, PlanMissing
from tasks.logos.scoring import Reason, Sign
from tasks.mail.compose import write
from tasks.onboarding import corrections, invitations, stopping
from tasks.onboarding.invitations import InvitationsInvalid
from tasks.onboarding.stopping import StopReasonMissing
from tasks.people import addresses, membership
from tasks.people.addresses import AddressTaken
from tasks.retention.holds import holds_of
from tasks.text.i18n import Reader, explain

router = APIRouter()


class WithdrawReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: it is told to who was asked to sign.")


PAGE_WIDTH = 640
"""Pixels of a picture of a page, unless the address asks for another width."""
STORY_SHOWN = 60
"""Newest things that happened on the page of a case, unless all are asked for."""
SAID = {
    "answered": N_("Your decision is recorded. What follows from it happens in the next minutes."),
    "put_right": N_("The correction is saved."),
    "resent": N_("A new link is on its way to who is asked to sign."),
    "withdrawn": N_("The agreement is withdrawn. Decide how to go on."),
    "person_resent": N_("A new link is on its way."),
    "person_withdrawn": N_("Done: this person is no longer invited, and the link no longer works."),
    "person_removed": N_("Done: this person has no access any more, and was told."),
    "person_paused": N_("Done: this person has no access until you give it back, and was told."),
    "person_resumed": N_("Done: this person has access again, and was told."),
    "corrected": N_("The address is corrected. What came back or waits goes there."),
    "allowed": N_("Saved. It holds from now on."),
    "restarted": N_("A pass over this case has been asked for."),
    "stopped": N_("The case has ended. Nobody is reminded any more."),
    "taken_up": N_("The case goes on. Whoever was waited for is written to in the next minutes."),
}


@router.get("/board/cases/{case_id}")
def show_case(visit: Visiting, case_id: int) -> Response:
    visit.require_operator()
    return visit.page("board/case.html", **_shown(visit, case_id))


@router.get("/board/cases/{case_id}/documents/{document_id}")
def show_document(visit: Visiting, case_id: int, document_id: int) -> Response:
    """A file of the case, to be kept: what was uploaded should not be opened among our pages."""
    visit.require_operator()
    with reading() as session:
        document = casefile.case_document(session, case_id, document_id)
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(document.name)}"}
        return Response(document.content, media_type=document.media_type, headers=headers)


@router.get("/board/cases/{case_id}/documents/{document_id}/pages/{page:number}.png")
def show_page(visit: Visiting, case_id: int, document_id: int, page: int, width: int = PAGE_WIDTH) -> Response:
    """A page of a file of the case as a picture, which can do nothing to who looks at it."""
    visit.require_operator()
    with reading() as session:
        content = casefile.case_document(session, case_id, document_id).content
    png = uploaded_copy.picture(content, page, max(width, 1))
    if png is None:
        raise NotFound(f"Page {page}")
    # Documents never change, and the browser is an operator's own.
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"})


@router.post("/board/decisions/{decision_id}")
def answer(visit: Submitting, decision_id: int) -> Response:
    by = visit.require_operator().email
    field = f"d{decision_id}-"
    try:
        answers = {
            name: visit.text(field + name)
            for name in ("plan", "interval", "price", "discount", "notice", "address", "choice", "name", "signed_on")
        }
        answers["note"] = visit.paragraphs(f"{field}note")
        answers["clause"] = visit.paragraphs(f"{field}clause", LONGEST_CLAUSE)
        case_id = decision_effects.answer_decision(decision_id, visit.text("verdict"), by, **answers)
    except ProvisionError as refusal:
        with reading() as session:
            case_id = Decision.get(session, decision_id).onboarding_id
        places: dict[type[ProvisionError], str] = {
            PlanMissing: f"{field}plan",
            PriceInvalid: f"{field}price",
            DiscountInvalid: f"{field}discount",
            NoticeInvalid: f"{field}notice",
            AddressInvalid: f"{field}address",
            LogoChoiceMissing: f"{field}choice",
            OperatorNameMissing: f"{field}name",
            DayInvalid: f"{field}signed_on",
        }
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=answered", case=case_id)


@router.post("/board/cases/{case_id}/agreement/resend")
def resend_agreement(visit: Submitting, case_id: int) -> Response:
    """Mail who is asked to sign a new link, which no operator sees."""
    by = visit.require_operator().email
    try:
        invitations.resend(viewing.signer_of(case_id), by)
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
        reason = visit.paragraphs("withdraw_reason")
        if not reason:
            raise WithdrawReasonMissing
        lifecycle.withdraw(case_id, reason, by)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {WithdrawReasonMissing: "withdraw_reason"}
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=withdrawn", case=case_id)


@router.post("/board/cases/{case_id}/correct/{what}")
def correct(visit: Submitting, case_id: int, what: Literal["name", "contact", "organiser"]) -> Response:
    """Put right what was said wrongly at the start."""
    by = visit.require_operator().email
    with reading() as session:
        firm_id = casefile.case_detail(session, case_id).firm_id
    before = fields_of(firm_id, what)
    try:
        visit.require_own_act(before)
        match what:
            case "name":
                line = visit.chosen(LineOfBusiness, "line_of_business")
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
            TextTooLong: f"{what}_name",
        }
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    after = fields_of(firm_id, what)
    return visit.go(f"/board/cases/{case_id}?said=put_right", case=case_id, before=before, after=after)


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
        row, link = casefile.case_mail(session, case_id, mail_id)
    return row, write(row, link, redacted=True)


def _require_known(case_id: int, person_id: int) -> Person:
    """The person, who belongs to the case; raises NotFound."""
    with reading() as session:
        return casefile.person_of(session, case_id, person_id)


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
    """A caseworker or client is invited no longer, or has no access any more."""
    return _change_access(visit, case_id, person_id, membership.withdraw, "person_removed")


@router.post("/board/cases/{case_id}/people/{person_id}/pause")
def pause_person(visit: Submitting, case_id: int, person_id: int) -> Response:
    """A caseworker or client has no access for now."""
    return _change_access(visit, case_id, person_id, membership.pause, "person_paused")


@router.post("/board/cases/{case_id}/people/{person_id}/resume")
def resume_person(visit: Submitting, case_id: int, person_id: int) -> Response:
    return _change_access(visit, case_id, person_id, membership.resume, "person_resumed")


def _change_access(
    visit: Submission, case_id: int, person_id: int, change: Callable[[int, str], int], word: str
) -> Response:
    by = visit.require_operator().email
    try:
        word = word if _require_known(case_id, person_id).registered_at else "person_withdrawn"
        change(person_id, by)
    except ProvisionError as refusal:
        return _refused(visit, case_id, refusal)
    return visit.go(f"/board/cases/{case_id}?said={word}", case=case_id)


@router.post("/board/cases/{case_id}/people/{person_id}/address")
def correct_address(visit: Submitting, case_id: int, person_id: int) -> Response:
    by, field = visit.require_operator().email, f"p{person_id}-address"
    before = _address(person_id, field)
    try:
        visit.require_own_act(before)
        addresses.correct_address(case_id, person_id, visit.text(field), by)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {AddressInvalid: field, AddressTaken: field}
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    after = _address(person_id, field)
    return visit.go(f"/board/cases/{case_id}?said=corrected", case=case_id, before=before, after=after)


def _address(person_id: int, field: str) -> Fields:
    """What stands in the form for somebody's address."""
    with reading() as session:
        person = session.get(Person, person_id)
        return {field: person.email if person else ""}


@router.post("/board/cases/{case_id}/invitations")
def allow_invitations(visit: Submitting, case_id: int) -> Response:
    """How many people the firm may name on one day."""
    by = visit.require_operator().email
    try:
        invitations.allow_invitations(case_id, visit.text("invitations"), by)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {InvitationsInvalid: "invitations"}
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=allowed")


@router.post("/board/cases/{case_id}/pass")
def restart_pass(visit: Submitting, case_id: int) -> Response:
    by = visit.require_operator().email
    try:
        stopping.restart_pass(case_id, by)
    except ProvisionError as refusal:
        return _refused(visit, case_id, refusal)
    return visit.go(f"/board/cases/{case_id}?said=restarted", case=case_id)


@router.post("/board/cases/{case_id}/stop")
def stop_case(visit: Submitting, case_id: int) -> Response:
    by = visit.require_operator().email
    try:
        stopping.stop_case(case_id, visit.paragraphs("stop_reason"), by)
    except ProvisionError as refusal:
        places: dict[type[ProvisionError], str] = {StopReasonMissing: "stop_reason"}
        return visit.again("board/case.html", refusal, fields=places, values=visit.values, **_shown(visit, case_id))
    return visit.go(f"/board/cases/{case_id}?said=stopped", case=case_id)


@router.post("/board/cases/{case_id}/take-up")
def take_up_case(visit: Submitting, case_id: int) -> Response:
    by = visit.require_operator().email
    try:
        stopping.take_up(case_id, by)
    except ProvisionError as refusal:
        return _refused(visit, case_id, refusal)
    return visit.go(f"/board/cases/{case_id}?said=taken_up", case=case_id)


def _shown(visit: Visit, case_id: int) -> dict[str, Any]:
    with reading() as session:
        detail = casefile.case_detail(session, case_id)
        emptied_at = Onboarding.get(session, case_id).emptied_at
    names = {person.person_id: person.name for person in detail.people}
    asked = visit.request.query_params
    show = asked.get("show", "") if asked.get("show") in {"acts", "mails"} else ""
    story = _story(detail, show)
    return {
        "holds": [hold for hold in holds_of(case_id) if hold.stands],
        "emptied_at": emptied_at,
        "show": show,
        "story": story if asked.get("all") else story[:STORY_SHOWN],
        "story_length": len(story),
        "detail": detail,
        "names": names,
        "copies": {
            decision.decision_id: _copy_that_came_back(decision, detail, visit.reader) for decision in detail.decisions
        },
        "about": {act.number: _about(act, names, visit.reader) for act in detail.audit},
        "said": SAID.get(visit.request.query_params.get("said", ""), ""),
        "states": labels.STATES,
        "mail_states": labels.MAIL_STATES,
        "mails": labels.MAILS,
        "answers": labels.ANSWERS,
        "actions": labels.ACTIONS,
        "actors": labels.ACTORS,
        "lines": visit.options(LineOfBusiness),
        "plans": visit.options(Plan),
        "intervals": visit.options(Interval),
        "reason": lambda told: told_reason(Reason(Sign(told["sign"]), told["points"], told["detail"]), visit.reader),
    }


def _story(detail: CaseDetail, show: str) -> list[tuple[datetime, str, Any]]:
    """Everything that happened, the newest first: acts, mails, and questions as they came up."""
    acts = [(act.at, "act", act) for act in detail.audit]
    asked = [(decision.opened_at, "asked", decision) for decision in detail.decisions]
    mails = [(mail.delivered_at or mail.created_at, "mail", mail) for mail in reversed(detail.mails)]
    story: list[tuple[datetime, str, Any]] = []
    story += [] if show == "mails" else [*asked, *acts]
    story += [] if show == "acts" else mails
    return sorted(story, key=lambda one: one[0])[::-1]


def _copy_that_came_back(decision: DecisionLine, detail: CaseDetail, reader: Reader) -> dict[str, Any] | None:
    """What is known of the file that a decision is about, with reasons and times as people read them."""
    facts = decision.facts
    if decision.kind is DecisionKind.COUNTERSIGN:
        ours = {line.uploaded_id for line in detail.agreements[:1]} - {None}
        uploads = (act.facts for act in reversed(detail.audit) if act.action == "agreement.uploaded")
        facts = next((upload for upload in uploads if upload.get("document_id") in ours), {})
    if not {"pages", "signatures", "doubts"} <= facts.keys():
        return None
    signatures = [
        {**signature, "signed_at": signature["signed_at"] and datetime.fromisoformat(signature["signed_at"])}
        for signature in facts["signatures"]
    ]
    doubts = [reader.label(Doubt(doubt)) for doubt in facts["doubts"]]
    beside = [
        {"what": reader.gettext(SHOWN_BESIDE.get(addition["entry"], addition["entry"])), "texts": addition["texts"]}
        for addition in facts.get("beside", [])
    ]
    return {**facts, "doubts": doubts, "beside": beside, "signatures": signatures}


def _about(act: Act, names: dict[int, str], reader: Reader) -> str:
    """What an act was about, where that can be said in a word or two."""
    facts = act.facts
    whose = [names[person_id] for person_id in (facts.get("person"), *facts.get("persons", [])) if person_id in names]
    match act.action:
        case _ if "before" in facts and "after" in facts:
            before, after = facts["before"], facts["after"]
            if act.action == "subscription.agreed":
                change = each_changed(agreed(before, reader), agreed(after, reader))
            elif act.action == "contract.changed" and isinstance(before, dict) and isinstance(after, dict):
                change = changed(in_words(before, reader), in_words(after, reader))
                part = PARTS.get(facts.get("part", ""))
                whose = [reader.gettext(part)] if part else []
            else:
                change = changed(before, after)
            return ": ".join([*whose, change])
        case "decision.answered" if {"kind", "verdict"} <= facts.keys():
            return f"{reader.label(DecisionKind(facts['kind']))} – {reader.label(Verdict(facts['verdict']))}"
        case "company_id.assigned" | "company_id.chosen":
            return str(facts.get("number", ""))
        case "agreement.declined" | "agreement.withdrawn" | "case.stopped":
            return str(facts.get("reason", ""))
        case "agreement.delegated" if {"name", "function"} <= facts.keys():
            return f"{facts['name']} ({facts['function']})"
    version = reader.gettext(N_("version %(number)s")) % {"number": facts["version"]} if "version" in facts else ""
    return reader.listed(whose) if whose else version
