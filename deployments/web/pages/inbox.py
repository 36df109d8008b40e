"""The inbox of a firm's people: what happened that concerns them, and where to go."""

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.pending import dialled_numbers
from deployments.web.visit import Submitting, Visit, Visiting, local, member
from models.clients.bulk_invitation import StopReason
from models.errors import N_, NotFound
from models.people.notice import SHOWN, Notice, NoticeKind
from tasks.people import calls, inbox
from tasks.people.calls import ToCall

router = APIRouter(prefix="/inbox")

SAYS = {
    NoticeKind.ACCOUNT_GIVEN: N_("%(by)s has given you access to the account “%(name)s”."),
    NoticeKind.CLIENT_ACTIVE: N_("%(name)s has accepted the invitation and is active."),
    NoticeKind.SIGN_UP: N_("%(name)s has registered on your page and waits for an answer."),
    NoticeKind.CALL: N_("Please call %(name)s: no reminder was answered."),
    NoticeKind.BULK_ENDED: N_(
        "Your invitations to many are done. Mails handed over: %(mails)s, contacts not invited: %(refused)s."
    ),
    NoticeKind.UNDO_STOPPED: N_(
        "The import of “%(name)s” was taken back in part only: something is used by now of what is left. "
        "Its page says what stands in the way."
    ),
}
"""What an entry says; what it names stands in its facts."""
MANY = 2
CALLS = {
    0: N_("Everybody who was to be called has answered meanwhile, or was invited again."),
    1: SAYS[NoticeKind.CALL],
    MANY: N_("Please call %(count)s contacts who have answered no reminder."),
}
"""What is said of so many who are to be called; of any more as of two."""
STOPPED = {
    StopReason.BY_HAND: N_("%(by)s has stopped your invitations to many. Mails handed over before: %(mails)s."),
    StopReason.REFUSALS: N_("Your invitations to many were stopped, as too many mails came back."),
    StopReason.ASKER_GONE: N_("Your invitations to many were stopped, as you do not manage accounts any more."),
}


@router.get("")
def show(visit: Visiting) -> Response:
    _staff(visit)
    found = inbox.entries(visit.signed_in())
    to_call = calls.to_call(visit.signed_in(), [entry for entry, _ in found])
    entries = [
        (entry, _sentence(visit, entry, to_call.get(entry.id)), _goes_to(visit, entry), became)
        for entry, became in found
    ]
    firms = {m.person_id: m.firm_name for m in visit.signed_in().memberships if m.person_id in visit.signed_in().staff}
    numbers = {person.id: dialled_numbers(phones) for people in to_call.values() for person, phones in people.people}
    return visit.page("inbox.html", entries=entries, firms=firms, to_call=to_call, numbers=numbers, most=SHOWN)


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


def _sentence(visit: Visit, entry: Notice, to_call: ToCall | None) -> str:
    if entry.kind is NoticeKind.CALL:
        count = to_call.count if to_call else entry.facts.get("count", 1)
        first = to_call.people[0][0].name if to_call and to_call.people else entry.facts.get("name", "")
        return visit.reader.fill(CALLS.get(count, CALLS[MANY]), {"name": first, "count": count})
    how = member(StopReason, entry.facts.get("how", ""))
    says = SAYS[entry.kind] if how is None else STOPPED[how]
    return visit.reader.fill(says, {"name": "", "by": "", "mails": 0, "refused": 0, **entry.facts})


def _goes_to(visit: Visit, entry: Notice) -> str:
    if entry.kind is NoticeKind.CALL:
        return visit.reader.gettext(N_("Show all who are to be called"))
    if entry.kind is NoticeKind.BULK_ENDED and entry.facts.get("how") == StopReason.ASKER_GONE:
        return visit.reader.gettext(N_("Show the accounts"))
    if entry.kind is NoticeKind.BULK_ENDED:
        return visit.reader.gettext(N_("Show what became of each contact"))
    return visit.reader.fill(N_("Go to %(name)s"), {"name": entry.facts.get("name", "")})
