"""Reading the agreement part by part and answering it: sign, decline, hand over, or send a signed copy."""

from typing import Any

from fastapi import APIRouter, Depends
from limits import parse
from starlette.responses import Response

from deployments.web.pages.firm import attachment
from deployments.web.security import ip, limit, limit_uploads
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting, agent
from models.agreement import PartsUnread, SignatureMissing
from models.code import CodeDead, CodeSentJustNow, CodesSentToday, CodeUnreadable, CodeWrong
from models.errors import N_, NotFound, ProvisionError
from models.people.person import NameMissing
from tasks.agreement import lifecycle, responses, signing, uploaded_copy, viewing
from tasks.agreement.uploaded_copy import ReturnRefused
from tasks.agreement.viewing import Shown

router = APIRouter()

HAND_OVER = parse("5 per day")


class ConsentMissing(ProvisionError):
    status = 422
    says = N_("Your consent is missing: tick the box if you agree to the agreement.")


class ReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: tell us in a few words what does not suit you, so that we can change it.")


FIELDS: dict[type[ProvisionError], str] = {
    SignatureMissing: "name",
    ConsentMissing: "consent",
    CodeWrong: "code",
    CodeUnreadable: "code",
    CodeDead: "code",
    CodeSentJustNow: "code",
    CodesSentToday: "code",
    signing.DrawingUnreadable: "drawing",
    ReasonMissing: "reason",
    NameMissing: "delegate_name",
    signing.FunctionMissing: "function",
    signing.OwnAddress: "email",
    ReturnRefused: "file",
}


@router.get("/agreement/{token}")
def show(visit: Visiting, token: str) -> Response:
    """Where it stands, what there is to read, and every way to answer."""
    return visit.page("agreement.html", **_shown(token))


@router.get("/agreement/{token}/pdf")
def download(visit: Visiting, token: str) -> Response:  # noqa: ARG001  (the page's language and cookies)
    return attachment(*viewing.pdf(token))


# ---- reading


@router.post("/agreement/{token}/begin")
def begin(visit: Submitting, token: str) -> Response:
    """The button that opens the first part; what a mail scanner cannot do."""
    try:
        part = signing.begin(token, **_from(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    return visit.go(_onward(token, part))


@router.get("/agreement/{token}/part/{part}")
def show_part(visit: Visiting, token: str, part: str) -> Response:
    return visit.page("agreement/part.html", **_part(visit, token, part))


@router.post("/agreement/{token}/part/{part}")
def read_part(visit: Submitting, token: str, part: str) -> Response:
    """“Read, go on”: counts, where opening the page does not."""
    try:
        following = signing.read(token, part, version=_version(visit), **_from(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    return visit.go(_onward(token, following))


def _part(visit: Visit, token: str, key: str) -> dict[str, Any]:
    values = _shown(token)
    parts = values["shown"].parts
    number = next((number for number, part in enumerate(parts, 1) if part.key == key), 0)
    if not number:
        raise NotFound(visit.reader.gettext("The page"))
    return {**values, "part": parts[number - 1], "number": number}


def _onward(token: str, part: str | None) -> str:
    return f"/agreement/{token}/part/{part}" if part else f"/agreement/{token}/sign"


# ---- signing


@router.get("/agreement/{token}/sign")
def show_signing(visit: Visiting, token: str) -> Response:
    """The form to sign; before every part is read, the first one that is not."""
    values = _shown(token)
    shown: Shown = values["shown"]
    if not _may_sign(shown):
        return visit.go(f"/agreement/{token}")
    if shown.next_part is not None:
        return visit.go(_onward(token, shown.next_part))
    return visit.page("agreement/sign.html", **values, **_code(token))


@router.post("/agreement/{token}/code")
def send_code(visit: Submitting, token: str) -> Response:
    """A code by mail. What has been filled in stays."""
    try:
        case = signing.send_code(token, **_from(visit))
    except PartsUnread:
        return visit.go(f"/agreement/{token}")
    except ProvisionError as refusal:
        return _sign_again(visit, token, refusal)
    values = {name: text for name, text in visit.values.items() if name != "code"}
    shown = {**_shown(token), **_code(token), "code_sent": True}
    return visit.page("agreement/sign.html", case=case, form=Form(values), **shown)


@router.post("/agreement/{token}/sign")
def sign(visit: Submitting, token: str) -> Response:
    try:
        if not visit.text("name"):
            raise SignatureMissing
        if not visit.ticked("consent"):
            raise ConsentMissing
        strokes = visit.paragraphs("drawing", signing.MOST_STROKES)
        case = signing.sign(token, visit.text("name"), visit.text("code"), strokes=strokes, **_from(visit))
    except PartsUnread:
        return visit.go(f"/agreement/{token}")
    except ProvisionError as refusal:
        return _sign_again(visit, token, refusal)
    return visit.go(f"/agreement/{token}?said=signed", case=case)


def _sign_again(visit: Submission, token: str, refusal: ProvisionError) -> Response:
    shown = _shown(token)
    if not _may_sign(shown["shown"]):
        return _again(visit, token, refusal)
    values = {name: text for name, text in visit.values.items() if name != "code"}
    shown |= _code(token)
    return visit.again("agreement/sign.html", refusal, fields=FIELDS, values=values, **shown)


def _may_sign(shown: Shown) -> bool:
    agreement = shown.agreement
    return shown.is_asked and agreement.is_open and not agreement.is_being_checked and not shown.has_run_out


def _code(token: str) -> dict[str, Any]:
    return {
        "code_until": signing.code_deadline(token),
        "code_sent": False,
        "grid": signing.GRID,
    }


# ---- other answers


@router.post("/agreement/{token}/decline")
def decline(visit: Submitting, token: str) -> Response:
    try:
        reason = visit.paragraphs("reason")
        if not reason:
            raise ReasonMissing
        case = responses.decline(token, reason, version=_version(visit), **_from(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    return visit.go(f"/agreement/{token}?said=declined", case=case)


@router.post("/agreement/{token}/delegate")
def delegate(visit: Submitting, token: str) -> Response:
    try:
        name, email, function = visit.text("delegate_name"), visit.text("email"), visit.text("function")
        limit(HAND_OVER, "hand-over", viewing.opened(token).person.email)
        case = signing.delegate(token, name, email, function, **_from(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    return visit.go(f"/agreement/{token}?said=delegated", case=case)


@router.post("/agreement/{token}/take-back")
def take_back(visit: Submitting, token: str) -> Response:
    try:
        case = signing.take_back(token, **_from(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    return visit.go(f"/agreement/{token}?said=taken_back", case=case)


@router.post("/agreement/{token}/renew")
def renew(visit: Submitting, token: str) -> Response:
    """A new version instead of one that was not signed in time; it goes to the organiser, whoever asks for it."""
    try:
        case = lifecycle.ask_anew(token, **_from(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    shown = viewing.opened(token)
    word = "renewed" if shown.person.id == shown.organiser.id else "renewed_there"
    return visit.go(f"/agreement/{token}?said={word}", case=case)


@router.post("/agreement/{token}/upload", dependencies=[Depends(limit_uploads)])
def upload(visit: Submitting, token: str) -> Response:
    viewing.opened(token)  # Before any photo is: that takes seconds, and whoever holds no link gets none of them.
    try:
        name, content = uploaded_copy.as_pdf(visit.files("file"))
        case = responses.upload(token, content, name, **_from(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    word = "uploaded" if viewing.opened(token).agreement.is_open else "signed"
    return visit.go(f"/agreement/{token}?said={word}", case=case)


def _shown(token: str) -> dict[str, Any]:
    shown = viewing.opened(token)
    return {"shown": shown, "firm": shown.firm, "token": token, "may_sign": _may_sign(shown)}


def _again(visit: Submission, token: str, refusal: ProvisionError) -> Response:
    shown = _shown(token)
    return visit.again("agreement.html", refusal, fields=FIELDS, values=visit.values, **shown)


def _version(visit: Submission) -> int | None:
    """Which version the page showed on which this was said."""
    number = visit.text("version")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 6 else None


def _from(visit: Visit) -> dict[str, str]:
    """From where somebody acts, for the audit trail."""
    return {"ip": ip(visit.request), "agent": agent(visit.request)}
