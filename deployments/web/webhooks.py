"""Events from other systems: signed, stored once, answered at once, handled afterwards by the flow ``receive``.

How they are signed says ``signed``. The page ``/docs`` tells a sender all of it.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from deployments.web import handover
from deployments.web.signed import (
    BODY_MOST,
    HEADERS,
    TOLERANCE,
    NotTaken,
    Problem,
    T,
    body_of,
    inlined,
    taken,
    verified,
)
from deployments.web.visit import Visiting
from models.company_id import FIRST, LAST
from models.contracts.catalogue import KEY_MOST
from models.db import transaction
from models.errors import ProvisionError
from models.inbox import Incoming
from models.people.mail_address import email_address
from models.request import OnboardingRequest
from models.settings import settings
from models.text import Line, Paragraphs
from models.time.clock import now
from tasks.engine.prefect_client import start_run

router = APIRouter()


def _refusing(rule: Callable[[T], object]) -> AfterValidator:
    """The rule as a validator: what it refuses becomes a fault of the field, in the rule's own words."""

    def check(value: T) -> T:
        try:
            rule(value)
        except ProvisionError as error:
            raise ValueError(str(error)) from error
        return value

    return AfterValidator(check)


def _plausible(moment: datetime) -> datetime:
    if not datetime(2000, 1, 1, tzinfo=UTC) <= moment <= now() + timedelta(seconds=TOLERANCE):
        msg = "must lie between the year 2000 and now"
        raise ValueError(msg)
    return moment


Address = Annotated[
    Line, Field(max_length=254, json_schema_extra={"format": "email"}), _refusing(email_address)
]  # As lenient as the rest of the product, which a stricter type would not be.
CompanyNumber = Annotated[int, Field(ge=FIRST, le=LAST, description="The firm's company ID, six digits.")]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Registration(_Data):
    """Somebody has registered at the identity provider, at the link that we mailed."""

    email: Address = Field(description="The address that was invited; it decides who this is.")
    external_id: Line = Field(min_length=1, max_length=200, description="The account's lasting name at the sender.")
    email_verified: Literal[True] = Field(description="That the sender has proven the address.")
    given_name: Line = Field("", max_length=100)
    family_name: Line = Field(min_length=1, max_length=100)
    company_id: CompanyNumber | None = Field(
        None, description="For your own records: every firm that has invited the address gains a registered person."
    )


class Signature(_Data):
    """The firm has signed its agreement elsewhere."""

    company_id: CompanyNumber
    version: int = Field(ge=1, le=1_000_000, description="Version of the agreement that was signed.")
    signer: Line = Field(min_length=1, max_length=200, description="Full name of who signed.")
    signed_at: Annotated[AwareDatetime, AfterValidator(_plausible)] = Field(description="With its time zone.")


class Refusal(_Data):
    """The firm will not sign its agreement as it is."""

    company_id: CompanyNumber
    version: int = Field(ge=1, le=1_000_000, description="Version of the agreement that was declined.")
    reason: Paragraphs = Field("", max_length=2000, description="In the firm's words.")


class Bounce(_Data):
    """A mail of ours came back. Give the address, the Message-ID, or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["address"]}, {"required": ["message_id"]}]})

    address: Address | None = Field(None, description="Where the mail did not arrive.")
    message_id: str | None = Field(None, min_length=1, max_length=300, description="Message-ID of the mail.")
    kind: Literal["hard", "soft", "complaint"] = Field(
        description="`hard`: for good; `soft`: for now, we go on as before; `complaint`: marked as spam."
    )
    diagnostic: Paragraphs = Field("", max_length=2000, description="What the mail server said.")

    @model_validator(mode="after")
    def _tells_which(self) -> "Bounce":
        if self.address is None and self.message_id is None:
            msg = "give address or message_id"
            raise ValueError(msg)
        return self


Code = Annotated[Line, Field(min_length=1, max_length=KEY_MOST)]


class Termination(_Data):
    """A firm has terminated a module elsewhere, for example by letter; when it was received decides on its last day."""

    company_id: CompanyNumber
    module: Code = Field(description="Key of the module in the catalogue, for example `portal`.")
    received_at: Annotated[AwareDatetime, AfterValidator(_plausible)] = Field(
        description="When the provider had it, with its time zone."
    )


class Order(_Data):
    """A firm has ordered a module elsewhere, on the prices of today."""

    company_id: CompanyNumber
    module: Code = Field(description="Key of the module in the catalogue.")
    tariff: Code = Field(description="Key of the tariff within the module.")
    fields: dict[Code, Paragraphs] = Field(
        {}, max_length=50, description="What the fields of the module hold, by their keys."
    )


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid")

    timestamp: AwareDatetime = Field(description="When it happened, with its time zone.")


class OnboardingRequested(_Event):
    """A firm wants to come aboard: opens its case. The same webhook-id opens one case."""

    type: Literal["onboarding.requested"]
    data: Annotated[OnboardingRequest, _refusing(OnboardingRequest.check)]


class AccountRegistered(_Event):
    """Organiser, caseworker or client has an account now, kept by the sender's identity provider."""

    type: Literal["account.registered"]
    data: Registration


class AgreementSigned(_Event):
    """The firm's signature came back by another way than our page."""

    type: Literal["agreement.signed"]
    data: Signature


class AgreementDeclined(_Event):
    """The firm said no; an operator decides how it goes on."""

    type: Literal["agreement.declined"]
    data: Refusal


class MailBounced(_Event):
    """After a hard bounce an operator is asked for the right address, and nothing more is sent to the wrong one."""

    type: Literal["mail.bounced"]
    data: Bounce


class ContractTerminated(_Event):
    """A module ends, by the rule that holds on the page; both sides get a confirmation. Repeating it moves nothing."""

    type: Literal["contract.terminated"]
    data: Termination


class ModuleOrdered(_Event):
    """A firm with an agreement has one more module from today on; both sides get a confirmation."""

    type: Literal["module.ordered"]
    data: Order


Event = (
    OnboardingRequested
    | AccountRegistered
    | AgreementSigned
    | AgreementDeclined
    | MailBounced
    | ContractTerminated
    | ModuleOrdered
)
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
EXAMPLES: dict[str, dict[str, Any]] = {
    "onboarding.requested": {
        "firm_name": "Anwaltskanzlei Freitag & Kollegen",
        "line_of_business": "law",
        "website": "https://www.freitag.example",
        "street": "Lindenallee 5",
        "postcode": "50667",
        "city": "Köln",
        "land": "NW",
        "preferred_number": "861272",
        "plan": "plus",
        "interval": "quarterly",
        "logo_permission_by": "Dr. Frieda Freitag",
        "organiser": {"name": "Dr. Frieda Freitag", "email": "frieda@freitag.example"},
        "contact": {"name": "Otto Sommer", "email": "otto.sommer@freitag.example"},
        "caseworkers": [{"name": "Mira Kowalski", "email": "mira.kowalski@freitag.example"}],
        "language": "de",
        "address_form": "sie",
    },
    "account.registered": {
        "email": "frieda@freitag.example",
        "external_id": "idp|5f2b9a",
        "email_verified": True,
        "given_name": "Frieda",
        "family_name": "Freitag",
    },
    "agreement.signed": {
        "company_id": 861272,
        "version": 1,
        "signer": "Dr. Frieda Freitag",
        "signed_at": "2026-03-05T09:14:00+01:00",
    },
    "agreement.declined": {"company_id": 861272, "version": 1, "reason": "Bitte ohne Laufzeit von zwei Jahren."},
    "mail.bounced": {
        "address": "mira.kowalski@freitag.example",
        "message_id": "<9c1f0a@convent-it.example>",
        "kind": "hard",
        "diagnostic": "550 5.1.1 user unknown",
    },
    "contract.terminated": {
        "company_id": 861272,
        "module": "portal",
        "received_at": "2026-03-05T09:14:00+01:00",
    },
    "module.ordered": {
        "company_id": 861272,
        "module": "phone",
        "tariff": "small",
        "fields": {"field-1": "+49 221 5550100"},
    },
}
"""The data of one event of each type, as a sender would write it."""


def example(kind: str) -> dict[str, Any]:
    """A whole event of this type."""
    return {"type": kind, "timestamp": "2026-03-05T09:15:00+01:00", "data": EXAMPLES[kind]}


class Accepted(BaseModel):
    """The event is stored and will be handled."""

    status: Literal["accepted"] = "accepted"
    new: bool = Field(description="False: an event with this webhook-id was here before, and nothing changed.")


@router.post(
    "/webhooks",
    status_code=202,
    summary="Report an event",
    description="Stores the event once and answers at once. Send it again, under the same webhook-id, until it is 202.",
    responses={
        202: {"description": "Stored now, or before."},
        400: {"model": Problem, "description": "Headers malformed, or timestamp too far off: sign anew and repeat."},
        401: {"model": Problem, "description": "Signature missing or wrong."},
        413: {"model": Problem, "description": f"Body longer than {BODY_MOST} bytes."},
        422: {"model": Problem, "description": "Type unknown, or body wrong: says which field and why."},
        503: {"model": Problem, "description": "Busy for the moment: repeat after the seconds of Retry-After."},
    },
    openapi_extra={
        "parameters": HEADERS,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": inlined(EVENT.json_schema()),
                    "examples": {kind: {"value": example(kind)} for kind in EXAMPLES},
                }
            },
        },
    },
    response_model=Accepted,
)
async def receive_event(request: Request, background: BackgroundTasks) -> Accepted | JSONResponse:
    """Verify, read, store, answer; a kick that fails costs minutes, the sweep finds the stored event."""
    try:
        body = await body_of(request)
        message_id = verified(request.headers, body)
        event = _read(body)
    except NotTaken as no:
        return JSONResponse(no.problem.model_dump(), no.status)
    new = await run_in_threadpool(_store, message_id, event)
    if new:
        background.add_task(start_run, "receive/receive", {}, key=f"receive-{message_id}")
    return Accepted(new=new)


def _read(body: bytes) -> Event:
    """The event, or everything that is wrong with it."""
    return taken(EVENT, body, "data", kinds=EXAMPLES)


def _store(message_id: str, event: Event) -> bool:
    payload = event.data.model_dump(mode="json")
    with transaction() as session:
        return Incoming.store(session, "webhook", message_id, event.type, payload, now())


@router.get("/docs", include_in_schema=False)
def documentation(visit: Visiting) -> Response:
    """How to send events, for those who write the sender; in English as their trade is."""
    return visit.page(
        "docs.html",
        address=f"{settings().base_url}/webhooks",
        headers=HEADERS,
        most=BODY_MOST,
        tolerance=TOLERANCE,
        events=_documented(),
        asked=handover.example(),
        answered=handover.answer_example(),
    )


@cache
def _documented() -> list[dict[str, Any]]:
    """Each event's type, meaning, example and fields, read off the models."""
    schemas = {schema["properties"]["type"]["const"]: schema for schema in inlined(EVENT.json_schema())["oneOf"]}
    return [
        {
            "type": kind,
            "told": schemas[kind]["description"],
            "example": json.dumps(example(kind), ensure_ascii=False, indent=2),
            "fields": list(_fields(schemas[kind]["properties"]["data"])),
        }
        for kind in EXAMPLES
    ]


def _fields(schema: dict[str, Any], within: str = "") -> Iterator[dict[str, Any]]:
    for name, field in schema["properties"].items():
        shape = next((part for part in field.get("anyOf", []) if part.get("type") != "null"), field)
        many = shape.get("type") == "array"
        inner = shape["items"] if many else shape
        if many:
            kind = "list"
        elif "enum" in inner or "const" in inner:
            kind = " | ".join(json.dumps(value) for value in inner.get("enum", [inner.get("const")]))
        else:
            kind = inner.get("format", inner["type"])
        yield {
            "name": within + name,
            "kind": kind,
            "required": name in schema.get("required", []),
            "told": field.get("description", ""),
        }
        if "properties" in inner:
            yield from _fields(inner, f"{within}{name}{'[]' if many else ''}.")
