"""Reading the agreement and answering it: sign, decline, or send a signed copy."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from deployments.web.pages.firm import attachment
from deployments.web.security import ip, limit_uploads
from deployments.web.visit import Submission, Submitting, Visiting
from models.agreement import SignatureMissing
from models.errors import N_, ProvisionError
from tasks import agreements
from tasks.returned import ReturnRefused

router = APIRouter()


class ConsentMissing(ProvisionError):
    status = 422
    says = N_("Your consent is missing: tick the box if you agree to the agreement.")


class ReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: tell us in a few words what does not suit you, so that we can change it.")


@router.get("/agreement/{token}")
def read(visit: Visiting, token: str) -> Response:
    shown = agreements.opened(token)
    visit.speak_to(shown.person)
    return visit.page("agreement.html", shown=shown, firm=shown.firm, token=token)


@router.get("/agreement/{token}/pdf")
def download(visit: Visiting, token: str) -> Response:  # noqa: ARG001  (the page's language and cookies)
    return attachment(*agreements.pdf(token))


@router.post("/agreement/{token}/sign")
def sign(visit: Submitting, token: str) -> Response:
    try:
        if not visit.ticked("consent"):
            raise ConsentMissing
        case = agreements.sign(token, visit.text("name"), ip=ip(visit.request), agent=_agent(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    return visit.go(f"/agreement/{token}?said=signed", case=case)


@router.post("/agreement/{token}/decline")
def decline(visit: Submitting, token: str) -> Response:
    try:
        if not visit.text("reason"):
            raise ReasonMissing
        case = agreements.decline(token, visit.text("reason"))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    return visit.go(f"/agreement/{token}?said=declined", case=case)


@router.post("/agreement/{token}/upload", dependencies=[Depends(limit_uploads)])
def upload(visit: Submitting, token: str) -> Response:
    name, content = visit.file("file")
    try:
        case = agreements.upload(token, content, name, ip=ip(visit.request), agent=_agent(visit))
    except ProvisionError as refusal:
        return _again(visit, token, refusal)
    said = "uploaded" if agreements.opened(token).agreement.is_open else "signed"
    return visit.go(f"/agreement/{token}?said={said}", case=case)


def _again(visit: Submission, token: str, refusal: ProvisionError) -> Response:
    shown = agreements.opened(token)
    visit.speak_to(shown.person)
    fields: dict[type[ProvisionError], str] = {
        SignatureMissing: "name",
        ConsentMissing: "consent",
        ReasonMissing: "reason",
        ReturnRefused: "file",
    }
    return visit.again(
        "agreement.html", refusal, fields=fields, values=visit.values, shown=shown, firm=shown.firm, token=token
    )


def _agent(visit: Submission) -> str:
    return visit.request.headers.get("user-agent", "")
