"""Contacts of a firm who were invited and are not active yet: how far each has come, and inviting them again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.account_forms import of_firm
from deployments.web.security import sign, signed
from deployments.web.visit import Submission, Submitting, Visit, Visiting, member
from models.clients.card import Phone
from models.clients.group import Group
from models.clients.phone import PhoneKind
from models.clients.phone import shown as shown_number
from models.clients.tag import Tag
from models.db import reading
from models.errors import N_, ProvisionError
from models.people.person import Person
from models.text import row_number
from models.time.clock import now
from tasks.clients import accounts, bulk_invitations, reinvitation
from tasks.clients.bulk_invitations import NobodyToInvite
from tasks.clients.pending import Mark, Sought
from tasks.clients.reinvitation import Outcome
from tasks.people.sessions import Membership
from tasks.reminders import follow_up

router = APIRouter(prefix="/firm/{firm_id}/accounts/pending")

FILTERS = ("mark", "search", "tag", "group", "member")
MARKS = {
    Mark.BOUNCED: N_("Mail came back"),
    Mark.EXPIRED: N_("Link expired"),
    Mark.UNOPENED: N_("Page not opened"),
    Mark.OPENED: N_("Page opened"),
    Mark.SILENT: N_("To be called"),
    Mark.UNADDRESSED: N_("Without an address"),
}
BECAME = {
    Outcome.SENT: N_("A new link is on its way to %(count)s."),
    Outcome.JUST_NOW: N_("%(count)s were sent one just now: nothing was sent twice."),
    Outcome.OFTEN: N_("%(count)s were sent as many links today as one person gets: try again tomorrow."),
    Outcome.TODAY: N_("%(count)s go beyond what the firm may have sent in a day: try again tomorrow."),
    Outcome.ACTIVE: N_("%(count)s are active meanwhile, and need none."),
    Outcome.BOUNCED: N_("Mail to %(count)s comes back: correct their addresses first."),
    Outcome.UNADDRESSED: N_("%(count)s have no e-mail address: write it down first."),
    Outcome.UNINVITED: N_("%(count)s are not invited any more: invite them to an account first."),
    Outcome.ARCHIVED: N_("The accounts of %(count)s are archived: take them back first."),
    Outcome.GONE: N_("%(count)s are not there any more, or you do not see them."),
}
"""What is said of all with the same outcome, in this order."""


class NobodySelected(ProvisionError):
    status = 422
    says = N_("Nobody is selected: tick those that you mean.")


@router.get("")
def listing(visit: Visiting, firm_id: int) -> Response:
    return visit.page("accounts/pending.html", **_shown(visit, visit.require_staff(firm_id)))


def _sought(visit: Visit) -> tuple[dict[str, str], Sought]:
    """What the address asks for, in words and as it is looked for."""
    asked = {name: visit.request.query_params.get(name, "")[:200] for name in FILTERS}
    keys = {name: row_number(asked[name]) or 0 for name in ("tag", "group", "member")}
    return asked, Sought(mark=member(Mark, asked["mark"]), search=asked["search"], **keys)


def _shown(visit: Visit, staff: Membership) -> dict[str, Any]:
    asked, sought = _sought(visit)
    after = row_number(visit.request.query_params.get("after", "")) or 0
    with reading() as session:
        tags, groups = Tag.of(session, staff.firm_id), Group.of(session, staff.firm_id)
        people = [person for role in accounts.STAFF for person in Person.of(session, staff.firm_id, role)]
    found = follow_up.listed(staff, sought, after)
    told = _told(visit)
    return {
        **of_firm(visit, staff),
        "found": found,
        "count": found.counts[sought.mark],
        "asked": {name: text for name, text in asked.items() if text},
        "first": not after,
        "marks": [(mark.value, MARKS[mark], found.counts[mark]) for mark in Mark],
        "tags": tags,
        "groups": groups,
        "people": people,
        "numbers": {row.person.id: dialled_numbers(row.phones) for row in found.rows},
        "told": " ".join(told.values()),
        "none_sent": Outcome.SENT not in told,
        "at": now().isoformat(),
    }


def dialled_numbers(phones: Sequence[Phone]) -> list[tuple[str, str]]:
    """By which of these somebody is called: as they are dialled, and as they are read."""
    return [(one.number, shown_number(one.number)) for one in phones if one.kind is not PhoneKind.FAX]


@router.post("")
def invite_again(visit: Submitting, firm_id: int) -> Response:
    """Send a new link to the one whose button was pressed, to all who are ticked, or to all who are sought."""
    staff = visit.require_staff(firm_id, manages=True)
    by = visit.signed_in().email
    if visit.text("act") == "all":
        try:
            bulk_id = bulk_invitations.ask_to_invite_again(staff, by, _sought(visit)[1], _shown_at(visit))
        except NobodyToInvite as refusal:
            return visit.again("accounts/pending.html", refusal, values=visit.values, **_shown(visit, staff))
        return visit.go(f"/firm/{firm_id}/accounts/invitations/{bulk_id}?said=all_invited_again")
    one = row_number(visit.text("one"))
    ids = [one] if one else [key for key in map(row_number, visit.texts("contact")) if key][: follow_up.SHOWN]
    if not ids:
        shown = _shown(visit, staff)
        return visit.again("accounts/pending.html", NobodySelected(), values=visit.values, **shown)
    became = reinvitation.invite_again(staff, by, ids, _shown_at(visit))
    told = sign(",".join(f"{outcome}={count}" for outcome, count in sorted(became.items())), "reinvited")
    page = f"/firm/{firm_id}/accounts/pending?{visit.request.query_params}&told={told}"
    return visit.go(page, case=staff.case_id if became[Outcome.SENT] else None)


def _shown_at(visit: Submission) -> datetime | None:
    """When the page was shown that was sent; None if that is garbled."""
    try:
        at = datetime.fromisoformat(visit.text("at"))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _told(visit: Visit) -> dict[Outcome, str]:
    """What became of those who were just invited again, a sentence for each outcome."""
    pairs = signed(visit.request.query_params.get("told", ""), "reinvited")
    counts = dict(pair.partition("=")[::2] for pair in pairs.split(",")) if pairs else {}
    return {
        outcome: visit.reader.fill(says, {"count": counts[outcome]})
        for outcome, says in BECAME.items()
        if outcome in counts
    }
