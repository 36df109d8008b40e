"""The inbox of a firm's people: what happened that concerns them, and where to go."""

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.visit import Submitting, Visit, Visiting, local
from models.errors import N_, NotFound
from models.people.notice import SHOWN, Notice, NoticeKind
from tasks.people import inbox

router = APIRouter(prefix="/inbox")

SAYS = {
    NoticeKind.ACCOUNT_GIVEN: N_("%(by)s has given you access to the account “%(name)s”."),
    NoticeKind.CLIENT_ACTIVE: N_("%(name)s has accepted the invitation and is active."),
    NoticeKind.SIGN_UP: N_("%(name)s has registered on your page and waits for an answer."),
}
"""What an entry says; what it names stands in its facts."""


@router.get("")
def show(visit: Visiting) -> Response:
    _staff(visit)
    entries = [
        (entry, _sentence(visit, entry), _goes_to(visit, entry), became)
        for entry, became in inbox.entries(visit.signed_in())
    ]
    firms = {m.person_id: m.firm_name for m in visit.signed_in().memberships if m.person_id in visit.signed_in().staff}
    return visit.page("inbox.html", entries=entries, firms=firms, most=SHOWN)


@router.post("/read")
def read_all(visit: Submitting) -> Response:
    inbox.read_all(_staff(visit))
    return visit.go("/inbox?said=inbox_read")


@router.post("/{entry_id}")
def open_entry(visit: Submitting, entry_id: int) -> Response:
    """Mark it as read, and go where it leads."""
    _staff(visit)
    path = inbox.opened(visit.signed_in(), entry_id)
    return visit.go(local(path, "/inbox") if path else "/inbox?said=entry_shut")


def _staff(visit: Visit) -> list[int]:
    """Who the visitor is at firms; raises SignInFirst, and NotFound for who works at none."""
    people = visit.signed_in().staff
    if not people:
        raise NotFound(visit.reader.gettext("The page"))
    return people


def _sentence(visit: Visit, entry: Notice) -> str:
    return visit.reader.fill(SAYS[entry.kind], {"name": "", "by": "", **entry.facts})


def _goes_to(visit: Visit, entry: Notice) -> str:
    return visit.reader.fill(N_("Go to %(name)s"), {"name": entry.facts.get("name", "")})
