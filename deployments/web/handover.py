"""What the portal asks for: the people of a client's account, with what each gets and may use.

Asked by a request that is signed as an event is, so that nobody needs another secret. Nothing changes by it.
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from deployments.web.signed import BODY_MOST, HEADERS, NotTaken, Problem, body_of, inlined, taken, verified
from models.clients.client import NUMBER_MOST
from models.clients.function import Function
from models.clients.recipients import Item
from models.company_id import FIRST, LAST
from models.errors import NotFound
from models.people.manners import AddressForm, Language
from models.text import Line
from tasks.clients import client_view
from tasks.clients.client_view import HANDED_AT_ONCE, Handed, HandedPage

router = APIRouter()

ROW_MOST = 10**9
Row = Annotated[int, Field(ge=1, le=ROW_MOST)]


class Asked(BaseModel):
    """Whose people are asked for. Give the account's id, or the firm's own number of it."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"anyOf": [{"required": ["client_id"]}, {"required": ["client_number"]}]},
    )

    company_id: Annotated[int, Field(ge=FIRST, le=LAST, description="The firm's company ID, six digits.")]
    client_id: Row | None = Field(None, description="The account's id, as in the addresses that lead to the portal.")
    client_number: Line | None = Field(
        None, min_length=1, max_length=NUMBER_MOST, description="The firm's own number of the client."
    )
    after: int = Field(0, ge=0, le=ROW_MOST, description="`next` of the page before; 0 for the first one.")

    @model_validator(mode="after")
    def _tells_which(self) -> "Asked":
        if (self.client_id is None) == (self.client_number is None):
            msg = "give either client_id or client_number"
            raise ValueError(msg)
        return self


ASKED: TypeAdapter[Asked] = TypeAdapter(Asked)


class Account(BaseModel):
    id: int
    number: str | None
    name: str
    archived: bool = Field(description="Then nobody gets anything about it.")


class Contact(BaseModel):
    """Somebody who has to do with the account."""

    id: int
    given_name: str
    family_name: str
    email: str = Field(description="Empty: they have none, and no access.")
    language: Language
    address_form: AddressForm = Field(description="How they are spoken to in German.")
    active: bool = Field(description="They have a password, or an account at the identity provider.")
    paused: bool = Field(description="Their access rests: until it is given back they get nothing.")
    login: bool = Field(description="The switch LOGIN: may see the account.")
    notify: bool = Field(description="The switch NOTIFY: gets mails of the portal, of reminders and to many.")
    email_sync: bool = Field(description="The switch EMAIL SYNC: mail with them is shown at the account.")
    commercial: bool
    main_commercial: bool = Field(description="Of the commercial contacts the one who gets the invoices.")
    operational: bool
    by_portfolio: bool = Field(description="Sees the account by a portfolio, as a contact of it or not.")
    gets: list[Item]
    functions: list[Function] = Field(description="What is open to them here; nothing if they do not see the account.")

    @classmethod
    def of(cls, handed: Handed) -> "Contact":
        person, place = handed.person, handed.contact
        return cls(
            id=person.id,
            given_name=person.given_name,
            family_name=person.family_name,
            email=person.email,
            language=person.language,
            address_form=person.address_form,
            active=person.registered_at is not None,
            paused=person.paused_at is not None,
            login=place is not None and place.login,
            notify=place is not None and place.notify,
            email_sync=place is not None and place.email_sync,
            commercial=place is not None and place.is_commercial,
            main_commercial=place is not None and place.is_main_commercial,
            operational=place is not None and place.is_operational,
            by_portfolio=handed.by_portfolio,
            gets=handed.gets,
            functions=handed.functions,
        )


class Contacts(BaseModel):
    """A page of the account's people, by their ids."""

    account: Account
    contacts: list[Contact]
    next: int | None = Field(description="Ask again with this as `after`; none: these are the last.")


EXAMPLE: dict[str, Any] = {"company_id": 861272, "client_number": "10001", "after": 0}


def example() -> str:
    """A request's body, as it may be sent."""
    return json.dumps(EXAMPLE, indent=2)


def answer_example() -> str:
    """What comes back, of an account with one contact."""
    contact = Contact(
        id=4711,
        given_name="Max",
        family_name="Beispiel",
        email="max@beispiel.example",
        language=Language.GERMAN,
        address_form=AddressForm.SIE,
        active=True,
        paused=False,
        login=True,
        notify=True,
        email_sync=False,
        commercial=True,
        main_commercial=True,
        operational=False,
        by_portfolio=False,
        gets=[Item.PORTAL, Item.INVOICES, Item.AGREEMENTS, Item.MAILS],
        functions=[Function.MESSAGES, Function.DOCUMENTS],
    )
    account = Account(id=815, number="10001", name="Beispiel, Max", archived=False)
    return Contacts(account=account, contacts=[contact], next=None).model_dump_json(indent=2)


@router.post(
    "/webhooks/contacts",
    summary="Ask for the contacts of an account",
    description=f"Tells the people of a client's account, {HANDED_AT_ONCE} at a time, and what each gets and may use.",
    responses={
        400: {"model": Problem, "description": "Headers malformed, or timestamp too far off: sign anew and repeat."},
        401: {"model": Problem, "description": "Signature missing or wrong."},
        404: {"model": Problem, "description": "There is no such firm, or it has no such account."},
        413: {"model": Problem, "description": f"Body longer than {BODY_MOST} bytes."},
        422: {"model": Problem, "description": "Body wrong: says which field and why."},
        503: {"model": Problem, "description": "Busy for the moment: repeat after the seconds of Retry-After."},
    },
    openapi_extra={
        "parameters": HEADERS,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": inlined(ASKED.json_schema()), "example": EXAMPLE}},
        },
    },
    response_model=Contacts,
)
async def tell_contacts(request: Request) -> Contacts | JSONResponse:
    """Verify, read, tell."""
    try:
        body = await body_of(request)
        verified(request.headers, body)
        page = await run_in_threadpool(_handed, taken(ASKED, body))
    except NotTaken as no:
        return JSONResponse(no.problem.model_dump(), no.status)
    client = page.client
    account = Account(id=client.id, number=client.number, name=client.name, archived=client.archived_at is not None)
    return Contacts(account=account, contacts=[Contact.of(one) for one in page.people], next=page.after)


def _handed(asked: Asked) -> HandedPage:
    try:
        return client_view.handed(
            asked.company_id, client_id=asked.client_id, number=asked.client_number, after=asked.after
        )
    except NotFound as refusal:
        raise NotTaken(404, str(refusal)) from refusal
