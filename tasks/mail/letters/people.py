"""To who holds an account, about access and about what waits for operators; without an account to the provider."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypedDict

from models.db import Facts
from models.decision import DecisionKind
from models.link import Link
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.manners import AddressForm, Language
from models.people.person import Person
from tasks.mail.letterheads import Letterhead
from tasks.mail.letters.draft import NO_FIRM, draft


class AccessChange(StrEnum):
    """What became of somebody's access."""

    ENDED = "ended"
    PAUSED = "paused"
    RESUMED = "resumed"


def access_changed(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, change: AccessChange) -> Outgoing:
    """To a caseworker or client, whose last mail it is where the access has ended."""
    key = f"access:{to.id}:{change}:{at.isoformat()}"
    sign_in: Facts = {"path": "/auth/login"} if change is AccessChange.RESUMED else {}
    return draft(MailKind.ACCESS_CHANGED, key, case, to, head, at, change=change, **sign_in)


def reset_password(account: Login, to: Person | None, link: Link, at: datetime) -> Outgoing:
    """To an account whose holder has forgotten the password; *to*: who that is at a firm."""
    key = f"reset_password:{account.id}:{link.generation}"
    return Outgoing.draft(MailKind.RESET_PASSWORD, key, to, at, account=account, link=link, **NO_FIRM)


def operator_invited(account: Login, link: Link, at: datetime, *, manager: bool, by: str) -> Outgoing:
    """To somebody who works as an operator from now on, or as a manager, with a link to set a password."""
    key = f"operator_invited:{account.id}:{link.generation}"
    facts: Facts = {**NO_FIRM, "manager": manager, "by": by}
    return Outgoing.draft(MailKind.OPERATOR_INVITED, key, None, at, account=account, link=link, **facts)


def own_data(address: str, language: Language, address_form: AddressForm, at: datetime) -> Outgoing:
    """To an address about which something is stored, with a link that shows it, as somebody has asked for it.

    Nothing stands in it that was typed, and nobody is named: anybody can have it sent.
    """
    key = f"own_data:{at.isoformat()}:{address}"
    mail = Outgoing.draft(MailKind.OWN_DATA, key[:200], None, at, **NO_FIRM)
    mail.to_name, mail.to_address, mail.language, mail.address_form = "", address, language, address_form
    return mail


Why = Literal["new", "waiting", "overdue"]


class OpenQuestion(TypedDict):
    """A question that waits for an operator.

    *days*: for how long; *last*: before the managers are told; *reminders*: to all operators, in spite of which it is
    open.
    """

    id: int
    kind: DecisionKind
    firm: str
    is_test: bool
    days: int
    path: str
    why: Why
    last: bool
    reminders: int


def decisions_wait(
    account: Login | None, at: datetime, *, questions: Sequence[OpenQuestion], instead_of: Sequence[str]
) -> Outgoing:
    """To an operator, gathered: what waits for a decision.

    *instead_of*: addresses of those who are absent and whose deputy the reader is.
    """
    key = f"decisions_wait:{at.isoformat()}{_suffix(account)}"
    facts: Facts = {**NO_FIRM, "path": "/board", "questions": questions, "instead_of": instead_of}
    return Outgoing.draft(MailKind.DECISIONS_WAIT, key, None, at, account=account, **facts)


class Week(TypedDict):
    """Counts by the name of what is counted, without those of which there are none.

    *parties*: of the cases that wait, by who is waited for.
    """

    waiting: dict[str, int]
    wrong: dict[str, int]
    news: dict[str, int]
    parties: dict[str, int]


def digest(account: Login | None, at: datetime, *, due: datetime, week: Week, instead_of: Sequence[str]) -> Outgoing:
    """To an operator, once a week: what waits, what is overdue and what went wrong until the moment it is *due*."""
    key = f"digest:{due:%Y-%m-%d}{_suffix(account)}"
    facts: Facts = {**NO_FIRM, **week, "path": "/board", "instead_of": instead_of}
    return Outgoing.draft(MailKind.DIGEST, key, None, at, account=account, **facts)


def _suffix(account: Login | None) -> str:
    """How the key of a mail ends that goes to each operator."""
    return f":{account.id}" if account else ""
