"""To the clients of a firm and about them, and to who registers on its page."""

from datetime import datetime
from typing import TypedDict

from models.clients.sign_up import SignUp
from models.db import Facts
from models.link import Link
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from tasks.mail.letterheads import Letterhead, Turn
from tasks.mail.letters.draft import draft, to_account


class Words(TypedDict):
    """What somebody at a firm says to a contact in a mail of the firm.

    *invited_by*: their name; *reply_to*: their address, to which an answer goes.
    """

    message: str
    invited_by: str
    reply_to: str


NO_WORDS = Words(message="", invited_by="", reply_to="")


def invitation(turn: Turn, link: Link, head: Letterhead, at: datetime, *, words: Words) -> Outgoing:
    """To a client, under the firm's name and logo, with the firm's own message; at first and as a reminder."""
    return to_account(MailKind.INVITATION, turn, link, head, at, **words)


def granted(
    case: Onboarding,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    key: str,
    client: str,
    link: Link | None,
    words: Words,
) -> Outgoing:
    """To a contact who was invited before: there is one more account, of *client*, that they can see.

    *link*: the way in of who has no password yet; everybody else signs in.
    """
    way: Facts = {"path": "/auth/login"} if link is None else {}
    return draft(MailKind.GRANTED, key, case, to, head, at, link=link, client=client, **way, **words)


def preview(
    case: Onboarding,
    reader: Person,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    of: Outgoing,
    good_until: datetime | None,
) -> Outgoing:
    """To the member of the firm who wants to see it, the mail *of* a contact as the contact would get it.

    Its link opens nothing.
    """
    key = f"preview:{reader.id}:{to.id}:{at.isoformat()}"
    facts: Facts = {name: fact for name, fact in of.facts.items() if name not in head}
    facts |= {"of": of.kind.value, "contact": to.name, "address": to.email, "path": PREVIEW_PAGE}
    facts |= {"good_until_at": good_until.isoformat()} if good_until else {}
    mail = draft(MailKind.PREVIEW, key, case, reader, head, at, **facts)
    # It speaks to the contact, in their language.
    mail.to_name, mail.language, mail.address_form = to.name[:200], to.language, to.address_form
    return mail


PREVIEW_PAGE = "/auth/preview"
"""Where the link of a preview leads: it says that it was one."""


def confirm_address(case: Onboarding, to: Person, link: Link, head: Letterhead, at: datetime) -> Outgoing:
    """To a contact, from the firm: is this address theirs?"""
    key = f"{link.purpose}:{to.id}:{link.generation}"
    return draft(MailKind.CONFIRM_ADDRESS, key, case, to, head, at, link=link)


class ActiveClient(TypedDict):
    """Somebody who has accepted the invitation, and the page of an account of theirs that the reader sees."""

    id: int
    name: str
    path: str


def client_active(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, client: ActiveClient) -> Outgoing:
    """To the organiser and each caseworker, gathered: this *client*, and who follows, is active.

    *more* of its facts counts the clients who have no place among the names.
    """
    key = f"client_active:{client['id']}:{to.id}:{at.isoformat()}"
    return draft(MailKind.CLIENT_ACTIVE, key, case, to, head, at, clients=[client], more=0, path=INBOX)


INBOX = "/inbox"
"""Where the firm's people find what concerns them, and where to go."""


class GivenAccount(TypedDict):
    """An account of a client that somebody sees from now on, and its page."""

    id: int
    name: str
    path: str


def account_given(
    case: Onboarding, to: Person, head: Letterhead, at: datetime, *, account: GivenAccount, by: str
) -> Outgoing:
    """To a member of the firm, gathered: *by* whom they were given access to this *account*, and to those that follow.

    *more* of its facts counts the accounts that have no place among the names.
    """
    key = f"account_given:{account['id']}:{to.id}:{at.isoformat()}"
    facts: Facts = {"accounts": [account], "more": 0, "by": by, "path": INBOX}
    return draft(MailKind.ACCOUNT_GIVEN, key, case, to, head, at, **facts)


def sign_up_confirm(sign_up: SignUp, head: Letterhead, at: datetime) -> Outgoing:
    """To whoever registers, to confirm the address; or that this is done, and the firm's answer is waited for.

    Nothing stands in it that was typed: anybody can have it sent to anybody. It belongs to no case, since an address
    that does not work is no matter of the firm's.
    """
    key, waits = f"sign_up_confirm:{sign_up.id}:{at.isoformat()}", sign_up.confirmed_at is not None
    facts: Facts = {**head, "waits": waits, **({} if waits else {"sign_up_id": sign_up.id})}
    return Outgoing.draft(MailKind.SIGN_UP_CONFIRM, key, None, at, sign_up=sign_up, **facts)


class WaitingSignUp(TypedDict):
    """Somebody who has registered and confirmed the address."""

    id: int
    name: str


def sign_up_waits(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, sign_up: WaitingSignUp) -> Outgoing:
    """To each of the firm's people who manage accounts, gathered: this *sign_up*, and who follows, waits for an answer.

    *more* of its facts counts those who have no place among the names.
    """
    key, path = f"sign_up_waits:{sign_up['id']}:{to.id}", f"/firm/{case.firm_id}/sign-ups"
    return draft(MailKind.SIGN_UP_WAITS, key, case, to, head, at, sign_ups=[sign_up], more=0, path=path)


def sign_up_declined(sign_up: SignUp, head: Letterhead, at: datetime) -> Outgoing:
    """To who has registered: the firm does not take it on."""
    key = f"sign_up_declined:{sign_up.id}"
    return Outgoing.draft(MailKind.SIGN_UP_DECLINED, key, None, at, sign_up=sign_up, **head)


def already_client(
    case: Onboarding, to: Person, head: Letterhead, at: datetime, *, event: str, client: str = ""
) -> Outgoing:
    """To a client with an account who registers: they can sign in. *client*: the account that they see as well now.

    *event*: what has come of it, for the key.
    """
    key = f"already_client:{to.id}:{event}"
    return draft(MailKind.ALREADY_CLIENT, key, case, to, head, at, client=client, path="/auth/login")
