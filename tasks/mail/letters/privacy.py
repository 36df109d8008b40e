"""About requests of people to erase or correct what is stored about them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from models.db import Facts
from models.errors import ProvisionError
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from models.retention.erasure import Line
from models.retention.request import PrivacyRequest
from tasks.mail.letterheads import Letterhead
from tasks.mail.letters.draft import draft, reader_of
from tasks.text.i18n import explain


class Outcome(StrEnum):
    """What whoever has asked is told."""

    ERASURE = "erasure"
    """It is granted, and carried out once this mail has left."""
    CORRECTION = "correction"
    REFUSED = "refused"
    LATER = "later"
    """The answer takes longer."""


def asking(request: PrivacyRequest) -> str:
    """How the keys of all mails begin that ask for an answer to it."""
    return f"{MailKind.PRIVACY_WAITS}:{request.id}:"


def privacy_waits(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    request: PrivacyRequest,
    name: str,
    days: int,
    left_by_firm: bool = False,
) -> Outgoing:
    """To whoever has to answer: *name* has asked, and *days* are left; fewer than none: it is late.

    To the provider also of what the firm has left unanswered.
    """
    reader = reader_of(to)
    path = f"/firm/{case.firm_id}/requests/{request.id}" if to else f"/board/requests/{request.id}"
    facts: Facts = {"who": name, "wish": request.kind.value, "day": reader.date(request.due_on), "days": days}
    facts |= {"is_first": request.reminded == 0, "left_by_firm": left_by_firm, "path": path}
    key = f"{asking(request)}{request.due_on}:{request.reminded}:{to.id if to else 'provider'}"
    return draft(MailKind.PRIVACY_WAITS, key, case, to, head, at, **facts)


def privacy_stuck(
    case: Onboarding,
    head: Letterhead,
    at: datetime,
    *,
    request: PrivacyRequest,
    name: str,
    obstacle: ProvisionError,
) -> Outgoing:
    """To the provider, once: what was granted to *name* days ago cannot be carried out, and why."""
    reader = reader_of(None)
    facts: Facts = {"who": name, "why": explain(obstacle, reader), "path": f"/board/requests/{request.id}"}
    facts["day"] = reader.date(request.answered_at) if request.answered_at else ""
    return draft(MailKind.PRIVACY_STUCK, f"{MailKind.PRIVACY_STUCK}:{request.id}", case, None, head, at, **facts)


def privacy_answered(
    case: Onboarding,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    request: PrivacyRequest,
    outcome: Outcome,
    reason: str = "",
    lines: Sequence[Line] = (),
) -> Outgoing:
    """To who has asked: what becomes of it. *lines*: what goes and what stays of an erasure."""
    reader = reader_of(to)
    facts: Facts = {"outcome": outcome.value, "reason": reason}
    facts["asked_on"] = reader.date(request.asked_at)
    facts["day"] = reader.date(request.due_on)
    facts["goes"] = [reader.gettext(line.what) for line in lines if line.goes]
    facts["stays"] = [
        {
            "what": reader.gettext(line.what),
            "why": reader.gettext(line.why),
            "law": reader.gettext(line.law) if line.law else "",
            "until": reader.date(line.until) if line.until else "",
        }
        for line in lines
        if not line.goes
    ]
    return draft(MailKind.PRIVACY_ANSWERED, f"privacy_answered:{request.id}:{outcome}", case, to, head, at, **facts)
