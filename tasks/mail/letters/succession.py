"""About the account of a firm that passes to another owner."""

from datetime import datetime
from enum import StrEnum

from models.db import Facts
from models.link import Link
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.person import Person, Role
from models.people.succession import Succession
from tasks.mail.letterheads import Letterhead
from tasks.mail.letters.draft import draft, reader_of


class Turned(StrEnum):
    """What has become of it."""

    BEGUN = "begun"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TAKEN_BACK = "taken_back"
    RUN_OUT = "run_out"
    MOOT = "moot"


def succession_asked(
    case: Onboarding, to: Person, link: Link, head: Letterhead, at: datetime, *, succession: Succession, owner: str
) -> Outgoing:
    """To who is to take over from *owner*, at first and as a reminder, with a link to accept or to decline."""
    facts: Facts = {"owner": owner, "stays": succession.stays, "by_provider": succession.by_provider}
    facts |= {"day": reader_of(to).date(succession.answer_by), "is_reminder": succession.reminded_at is not None}
    key = f"succession_asked:{_named(succession)}:{link.generation}"
    return draft(MailKind.SUCCESSION_ASKED, key, case, to, head, at, link=link, **facts)


def succession_told(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    succession: Succession,
    what: Turned,
    owner: str,
    successor: str,
) -> Outgoing:
    """To the owner, or who was it until now, and to who was to take over; where we had asked to the provider too."""
    is_former = to is not None and to.id == succession.owner_id
    facts: Facts = {"what": what.value, "owner": owner, "successor": successor}
    facts |= {"stays": succession.stays, "by_provider": succession.by_provider, "to_owner": is_former}
    facts |= {
        "reason": succession.reason if what is Turned.BEGUN else "",
        "day": reader_of(to).date(succession.answer_by),
    }
    if to is None:
        facts["path"] = f"/board/cases/{case.id}/owner"
    elif to.role is Role.ORGANISER:
        facts["path"] = f"/firm/{case.firm_id}/{'contract' if what is Turned.ACCEPTED else 'owner'}"
    facts["to_successor"] = to is not None and to.id == succession.successor_id
    key = f"succession_told:{_named(succession)}:{what}:{to.id if to else 'provider'}"
    return draft(MailKind.SUCCESSION_TOLD, key, case, to, head, at, **facts)


def _named(succession: Succession) -> str:
    """Its number is given again on SQLite once it is erased with who was asked; not for the same moment."""
    return f"{succession.id}:{succession.began_at.isoformat()}"
