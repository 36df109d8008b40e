"""What other systems may ask for: accounts, contacts, and who is invited.

Each route hands over to the function behind the page of the same act: the rules are there.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from deployments.web.api.calls import Call, Calling, Route, fresh
from deployments.web.api.schemas import (
    Account,
    AccountChange,
    Accounts,
    Contact,
    ContactAt,
    ContactChange,
    Contacts,
    ContactsAt,
    ContactThere,
    Invitation,
    NewAccount,
    NewInvitation,
    Switches,
    switches,
    written,
)
from deployments.web.security import sign, signed
from models.clients.client import ClientState
from models.clients.custom_field import FieldOf
from models.errors import N_, Faults, ProvisionError
from models.people.api_token import ProviderScope, Scope
from models.people.manners import Language
from models.text import paragraphs
from tasks.clients import accounts, contacts, grants, records, selection
from tasks.clients.accounts import Filter

router = APIRouter(route_class=Route)

Decorator = Callable[[Callable[..., Response]], Callable[..., Response]]
PAGE_MOST = 100
NEUTRAL = Language.ENGLISH
"""Numbers in the firm's own fields are read so, whoever asks: 1234.5."""
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST, description="How many at once, at most.")]
Cursor = Annotated[str, Query(max_length=200, description="`next` of the page before.")]

IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of what you have read; `*` changes whatever stands there.",
    "schema": {"type": "string"},
    "example": "*",
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of your own, up to 255 characters: the same request with the same key within 24 hours is "
    "done once, and answered the same.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "3f1c9d2e-account-10001",
}


class CursorUnknown(ProvisionError):
    status = 422
    says = N_("This cursor is none of ours: send “next” of the page before as it is, or none to begin anew.")


def add_route(
    to: APIRouter,
    method: str,
    path: str,
    scope: Scope | ProviderScope,
    summary: str,
    *,
    gives: Any = None,
    status: int = 200,
    changes: bool = False,
    body: dict[str, Any] | None = None,
) -> Decorator:
    """One address. *changes*: it must be said what was read before. *body*: what is sent, where it is no JSON."""
    parameters = [IF_MATCH] if changes else [KEY] if method == "POST" else []
    told: dict[str, Any] = {"security": [{"token": [scope.value]}], "parameters": parameters}
    return to.api_route(
        path,
        methods=[method],
        summary=summary,
        response_model=gives,
        status_code=status,
        openapi_extra=told | ({"requestBody": body} if body else {}),
    )


def route(method: str, path: str, scope: Scope, summary: str, **more: Any) -> Decorator:
    return add_route(router, method, path, scope, summary, **more)


def after(call: Call, cursor: str) -> int:
    """Behind which id the page begins; raises CursorUnknown."""
    if not cursor:
        return 0
    last = signed(cursor, _page(call))
    if last is None:
        raise CursorUnknown
    return int(last)


def next_page(call: Call, last: int | None) -> str | None:
    return None if last is None else sign(str(last), _page(call))


def _page(call: Call) -> str:
    """A cursor is good for this list of this firm, or the provider's."""
    return f"cursor:{call.caller.whose}:{call.request.url.path}"


# ---- accounts


@route("GET", "/accounts", Scope.ACCOUNTS_READ, "List accounts", gives=Accounts)
def list_accounts(
    call: Calling,
    limit: Limit = 50,
    cursor: Cursor = "",
    state: ClientState | None = None,
    search: Annotated[str, Query(max_length=200, description="Words from names, number, place and contacts.")] = "",
    number: Annotated[str, Query(max_length=40, description="The firm's own number of the client, exactly.")] = "",
) -> Response:
    """In the order of their ids: who follows `next` sees each that was there once, whatever comes in meanwhile.

    Archived ones only with `state=archived`.
    """
    asked = Filter(search=search, state=state)
    page = records.accounts(call.member, asked, number, after(call, cursor), limit)
    return call.shown(Accounts(accounts=[*map(Account.of, page.records)], next=next_page(call, page.after)))


@route("POST", "/accounts", Scope.ACCOUNTS_WRITE, "Open an account with its contacts", gives=Account, status=201)
def open_account(call: Calling, sent: NewAccount) -> Response:
    """Nobody is invited by it. `Location` tells where it is."""

    def act() -> Account:
        faults, (keys, theirs) = Faults(), _fields(call)
        form = written(sent, keys, faults)
        people = [_contact(each, theirs, faults, f"c{row}-") for row, each in enumerate(sent.contacts)]
        with faults.those_of_form():
            account_id = accounts.open_account(call.member, call.by, form, people, NEUTRAL)
        faults.check()
        return _account(call, account_id)

    return call.done(act, status=201, place=lambda made: f"/accounts/{made.id}")


@route("GET", "/accounts/{account_id}", Scope.ACCOUNTS_READ, "Read an account", gives=Account)
def read_account(call: Calling, account_id: int) -> Response:
    return call.shown(Account.of(records.account(call.member, account_id)))


@route("PATCH", "/accounts/{account_id}", Scope.ACCOUNTS_WRITE, "Change an account", gives=Account, changes=True)
def change_account(call: Calling, account_id: int, sent: AccountChange) -> Response:
    def act() -> Account:
        faults, (keys, _) = Faults(), _fields(call)
        form = written(sent, keys, faults)
        with faults.those_of_form():
            accounts.edit(call.member, call.by, account_id, {}, form, NEUTRAL)
        faults.check()
        return _account(call, account_id)

    return call.done(act, reads=lambda: Account.of(records.account(call.member, account_id)))


@route("POST", "/accounts/{account_id}/archive", Scope.ACCOUNTS_WRITE, "Archive an account", gives=Account)
def archive_account(call: Calling, account_id: int) -> Response:
    """Nobody sees it in the portal any more, and no list shows it. Doing it again changes nothing."""
    return _archive(call, account_id, away=True)


@route("POST", "/accounts/{account_id}/restore", Scope.ACCOUNTS_WRITE, "Take an account back", gives=Account)
def restore_account(call: Calling, account_id: int) -> Response:
    """From the archive. Doing it again changes nothing."""
    return _archive(call, account_id, away=False)


def _archive(call: Call, account_id: int, *, away: bool) -> Response:
    def act() -> Account:
        records.account(call.member, account_id)
        selection.archive(call.member, call.by, [account_id], away=away)
        return _account(call, account_id)

    return call.done(act)


def _account(call: Call, account_id: int) -> Account:
    return fresh(lambda: Account.of(records.account(call.member, account_id)))


def _fields(call: Call) -> tuple[dict[str, str], dict[str, str]]:
    """What the firm's own fields of accounts and of contacts are called in forms."""
    both = records.keys_of(call.member, FieldOf.ACCOUNT), records.keys_of(call.member, FieldOf.CONTACT)
    for keys in both:
        call.know(keys)
    return both


# ---- contacts at an account


ACCOUNT_CONTACTS = "/accounts/{account_id}/contacts"


@route("GET", ACCOUNT_CONTACTS, Scope.ACCOUNTS_READ, "List the contacts of an account", gives=ContactsAt)
def list_contacts_at(call: Calling, account_id: int) -> Response:
    record = records.account(call.member, account_id)
    return call.shown(ContactsAt(contacts=[ContactAt.of(*each) for each in record.contacts]))


@route("POST", ACCOUNT_CONTACTS, Scope.ACCOUNTS_WRITE, "Add a contact to an account", gives=ContactAt, status=201)
def add_contact(call: Calling, account_id: int, sent: ContactThere) -> Response:
    """A new one, or by `id` one whom the firm has already. Nobody is invited by it."""

    def act() -> ContactAt:
        faults, (_, keys) = Faults(), _fields(call)
        form = _contact(sent, keys, faults, "")
        with faults.those_of_form():
            contact_id = accounts.add_contact(call.member, call.by, account_id, form, NEUTRAL)
        faults.check()
        return _place(call, account_id, contact_id)

    return call.done(act, status=201, place=lambda made: f"/accounts/{account_id}/contacts/{made.contact_id}")


def _contact(sent: ContactThere, keys: dict[str, str], faults: Faults, at: str) -> dict[str, str]:
    """What was sent of it, as the form for a new contact says it."""
    return {**written(sent, keys, faults, at), **switches(sent), "person": str(sent.id or "")}


ONE_CONTACT = f"{ACCOUNT_CONTACTS}/{{contact_id}}"


@route("GET", ONE_CONTACT, Scope.ACCOUNTS_READ, "Read what a contact may do at an account", gives=ContactAt)
def read_contact_at(call: Calling, account_id: int, contact_id: int) -> Response:
    return call.shown(ContactAt.of(*records.place(call.member, account_id, contact_id)))


@route("PATCH", ONE_CONTACT, Scope.CONTACTS_WRITE, "Switch what a contact may do", gives=ContactAt, changes=True)
def switch(call: Calling, account_id: int, contact_id: int, sent: Switches) -> Response:
    """Nobody is written to. Without `login` at any account the invitation of who has not come in yet ends."""

    def act() -> ContactAt:
        for which, on in sent.chosen().items():
            grants.switch(call.member.firm_id, account_id, contact_id, which, on=on, by=call.by)
        return _place(call, account_id, contact_id)

    return call.done(act, reads=lambda: ContactAt.of(*records.place(call.member, account_id, contact_id)))


@route("DELETE", ONE_CONTACT, Scope.ACCOUNTS_WRITE, "Take a contact off an account", status=204, changes=True)
def remove_contact(call: Calling, account_id: int, contact_id: int) -> Response:
    """An account keeps one contact at least."""

    def act() -> None:
        accounts.remove_contact(call.member, call.by, account_id, contact_id)

    return call.done(act, reads=lambda: ContactAt.of(*records.place(call.member, account_id, contact_id)))


def _place(call: Call, account_id: int, contact_id: int) -> ContactAt:
    return fresh(lambda: ContactAt.of(*records.place(call.member, account_id, contact_id)))


# ---- contacts


@route("GET", "/contacts", Scope.CONTACTS_READ, "List contacts", gives=Contacts)
def list_contacts(
    call: Calling,
    limit: Limit = 50,
    cursor: Cursor = "",
    email: Annotated[str, Query(max_length=254, description="Whose address this is.")] = "",
) -> Response:
    """In the order of their ids: who follows `next` sees each that was there once, whatever comes in meanwhile."""
    page = records.contacts(call.member, email, after(call, cursor), limit)
    return call.shown(Contacts(contacts=[*map(Contact.of, page.records)], next=next_page(call, page.after)))


@route("GET", "/contacts/{contact_id}", Scope.CONTACTS_READ, "Read a contact", gives=Contact)
def read_contact(call: Calling, contact_id: int) -> Response:
    return call.shown(Contact.of(records.contact(call.member, contact_id)))


@route("PATCH", "/contacts/{contact_id}", Scope.CONTACTS_WRITE, "Change a contact", gives=Contact, changes=True)
def change_contact(call: Calling, contact_id: int, sent: ContactChange) -> Response:
    """Who was invited and gets another address is invited there; the links sent to the one before are dead."""

    def read() -> Contact:
        return Contact.of(records.contact(call.member, contact_id))

    def act() -> Contact:
        faults, (_, keys) = Faults(), _fields(call)
        form = written(sent, keys, faults)
        with faults.those_of_form():
            contacts.edit(call.member, call.by, contact_id, {}, form, NEUTRAL)
        faults.check()
        return fresh(read)

    return call.done(act, reads=read)


# ---- invitations


@route("POST", "/invitations", Scope.INVITATIONS_WRITE, "Invite a contact to an account", gives=Invitation, status=201)
def invite(call: Calling, sent: NewInvitation) -> Response:
    """One mail: the invitation, that there is one more account to see, or the link once more.

    Refused with the code `sees-already` for who is active and was told, `no-address`, `address-bad` where mail comes
    back, `account-archived`, `access-rests`, and for a while with `sent-just-now`, `sent-often` and
    `invitations-today`.
    """

    def act() -> Invitation:
        records.place(call.member, sent.account_id, sent.contact_id)
        message = paragraphs(sent.message)
        grants.invite_contact(call.member.firm_id, sent.account_id, sent.contact_id, call.by, message)
        return Invitation(account_id=sent.account_id, contact=_place(call, sent.account_id, sent.contact_id))

    return call.done(act, status=201)
