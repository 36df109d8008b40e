"""How a letter is drafted: what all of them share.

The modules beside this one are every mail that the product writes: one function for each kind, whose parameters are
what the mail must be told. Each drafts a row that whoever has the reason puts in the outbox. Its key says what the mail
is: there is one of each.
"""

from datetime import datetime
from typing import Any

from models.link import Link
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.manners import Language
from models.people.person import Person
from tasks.mail.letterheads import Letterhead, Turn
from tasks.text.i18n import Reader

NO_FIRM = Letterhead(firm="", company_id=None, logo=False, is_test=False)
"""The letterhead of a mail that is not about one firm."""


def draft(
    kind: MailKind,
    key: str,
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    link: Link | None = None,
    document_id: int | None = None,
    **facts: Any,
) -> Outgoing:
    """A mail of a firm's case, under its letterhead; without a person it goes to the provider."""
    return Outgoing.draft(kind, key, to, at, case_id=case.id, link=link, document_id=document_id, **head, **facts)


def to_account(kind: MailKind, turn: Turn, link: Link, head: Letterhead, at: datetime, **words: Any) -> Outgoing:
    case, to, count, last, _ = turn
    key, role = f"{link.purpose}:{to.id}:{link.generation}", to.role
    return draft(kind, key, case, to, head, at, link=link, role=role, count=count, last=last, **words)


def reader_of(to: Person | None) -> Reader:
    return Reader(to.language, to.address_form) if to else Reader(Language.GERMAN)
