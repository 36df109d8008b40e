"""Terms and data-processing annexes on the board: their versions, and what firms say to them; managers publish."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from deployments.web.pages.firm import attachment
from deployments.web.security import limit_uploads
from deployments.web.visit import FileMissing, Form, Submission, Submitting, Visit, Visiting, member
from models.clients.custom_field import NoDate
from models.contracts.catalogue import Authority
from models.contracts.legal import ConsentState, LegalKind
from models.errors import N_, ProvisionError
from models.text import row_number
from tasks.contracts import legal
from tasks.contracts.orders import Who

router = APIRouter(prefix="/board/legal")

KINDS = {"yes": N_("material: firms are asked whether they agree"), "no": N_("formatting only: nobody is asked")}


@router.get("")
def versions(visit: Visiting) -> Response:
    visit.require_operator()
    return visit.page("board/legal.html", form=Form({"kind": "terms", "material": "yes"}), **_shown(visit))


@router.post("", dependencies=[Depends(limit_uploads)])
def publish(visit: Submitting) -> Response:
    visitor = visit.require_manager()
    who = Who(visitor.email, Authority.MANAGER, visit.reader.language)
    try:
        legal.publish(who, visit.values | {"text": visit.secret("text")}, _file(visit))
    except ProvisionError as refusal:
        return visit.again(
            "board/legal.html", refusal, fields={NoDate: "valid_from"}, values=visit.values, **_shown(visit)
        )
    return visit.go("/board/legal?said=legal_published")


@router.get("/file/{digest}")
def read(visit: Visiting, digest: str) -> Response:
    visit.require_operator()
    return attachment(*legal.document(digest))


@router.get("/{key:number}")
def asked(visit: Visiting, key: int, state: str = "", after: str = "") -> Response:
    """Who says what to a version; first of all who has not answered."""
    visit.require_operator()
    chosen = member(ConsentState, state) or ConsentState.ASKED
    text, firms, behind = legal.asked(key, chosen, row_number(after) or 0)
    states = visit.options(ConsentState)
    shown: dict[str, Any] = {"text": text, "firms": firms, "behind": behind, "state": chosen.value, "states": states}
    return visit.page("board/consents.html", **shown)


def _file(visit: Submission) -> tuple[str, bytes] | None:
    try:
        return visit.file("file")
    except FileMissing:
        return None


def _shown(visit: Visit) -> dict[str, Any]:
    visitor = visit.require_operator()
    return {
        "versions": legal.published(),
        "kinds": visit.options(LegalKind),
        "materials": [(value, visit.reader.gettext(text)) for value, text in KINDS.items()],
        "publishes": visitor.is_manager,
    }
