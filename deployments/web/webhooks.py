"""Events from other systems: signed, stored once, answered at once, handled afterwards by the flow ``receive``.

Signatures follow Standard Webhooks (https://www.standardwebhooks.com). The page ``/docs`` tells a sender all of it.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.datastructures import Headers

from deployments.web.visit import Visiting
from models.company_id import FIRST, LAST
from models.db import transaction
from models.errors import ProvisionError
from models.inbox import Incoming
from models.people.mail_address import email_address
from models.request import OnboardingRequest
from models.settings import settings
from models.text import Line, Paragraphs
from models.time.clock import now
from tasks.engine.prefect_client import start_run

BODY_MOST = 64 * 1024
"""Bytes that an event may have; the largest sensible one, a firm with 500 caseworkers, has 45,000."""
TOLERANCE = 300
"""Seconds by which the sender's clock may differ from ours, and for which a signature is good."""
ID_MOST = 200
WELL_FORMED = re.compile(r"v1,[A-Za-z0-9+/]{43}=")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What no text of ours carries: controls, and directions of writing that show one thing for another."""

router = APIRouter()

T = TypeVar("T")


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


Event = OnboardingRequested | AccountRegistered | AgreementSigned | AgreementDeclined | MailBounced
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
}
"""The data of one event of each type, as a sender would write it."""


def example(kind: str) -> dict[str, Any]:
    """A whole event of this type."""
    return {"type": kind, "timestamp": "2026-03-05T09:15:00+01:00", "data": EXAMPLES[kind]}


class Accepted(BaseModel):
    """The event is stored and will be handled."""

    status: Literal["accepted"] = "accepted"
    new: bool = Field(description="False: an event with this webhook-id was here before, and nothing changed.")


class Fault(BaseModel):
    field: str = Field(description="Where it is wrong, as `data.organiser.email`.")
    value: str | None = Field(description="What stands there, shortened; none where nothing or a structure stands.")
    says: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Why the event was not taken. Nothing was stored."""

    detail: str
    faults: list[Fault] = []


class _NotTaken(Exception):
    def __init__(self, status: int, detail: str, faults: list[Fault] | None = None) -> None:
        super().__init__(status, detail, faults)
        self.status = status
        self.problem = Problem(detail=detail, faults=faults or [])


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without references, since OpenAPI knows no definitions inside a body's schema."""
    definitions = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, dict) and "$ref" in node:
            node = {**definitions[node["$ref"].removeprefix("#/$defs/")], **node}
            del node["$ref"]
        if isinstance(node, dict):
            return {name: whole(value) for name, value in node.items() if name != "discriminator"}
        return [whole(value) for value in node] if isinstance(node, list) else node

    made: dict[str, Any] = whole(schema)
    return made


def _header(name: str, description: str, shown: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": shown,
    }


HEADERS = [
    _header(
        "webhook-id",
        f"Names the event, at most {ID_MOST} characters; stays the same when the event is sent again.",
        "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
    ),
    _header("webhook-timestamp", f"Seconds since 1970, at most {TOLERANCE} seconds off our clock.", "1772698500"),
    _header(
        "webhook-signature",
        "`v1`, a comma, the base64 of HMAC-SHA256 over `id.timestamp.body`; several are separated by spaces.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
]


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
                    "schema": _inlined(EVENT.json_schema()),
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
        body = await _body(request)
        message_id = _verified(request.headers, body)
        event = _read(body)
    except _NotTaken as no:
        return JSONResponse(no.problem.model_dump(), no.status)
    new = await run_in_threadpool(_store, message_id, event)
    if new:
        background.add_task(start_run, "receive/receive", {}, key=f"receive-{message_id}")
    return Accepted(new=new)


async def _body(request: Request) -> bytes:
    """The raw body; does not read, or stops to read, one that is too long."""
    too_long = _NotTaken(413, f"The body is longer than {BODY_MOST} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > BODY_MOST:
        raise too_long
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MOST:
            raise too_long
    return body


def _verified(headers: Headers, body: bytes) -> str:
    """The event's id, once a signature made with one of our keys is found."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    # The library breaks off at the first signature that it cannot read; a sender may add ones of later versions.
    signatures = [part for part in headers.get("webhook-signature", "").split() if WELL_FORMED.fullmatch(part)]
    if not signatures:
        raise _NotTaken(401, "The header webhook-signature is missing or holds no signature of the form v1,BASE64.")
    if not (message_id and message_id.isascii() and message_id.isprintable() and len(message_id) <= ID_MOST):
        raise _NotTaken(400, f"The header webhook-id must hold 1 to {ID_MOST} printable ASCII characters.")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise _NotTaken(400, "The header webhook-timestamp must hold whole seconds since 1970.")
    apart = int(timestamp) - int(time.time())
    if abs(apart) > TOLERANCE:
        side = "behind" if apart < 0 else "ahead of"
        raise _NotTaken(400, f"webhook-timestamp is {abs(apart)} s {side} our clock, more than {TOLERANCE}: sign anew.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _NotTaken(422, "The body is not UTF-8.") from error
    shown = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}
    for key in settings().webhook_keys:
        try:
            Webhook(key).verify(text, shown, json_parse=False)
        except WebhookVerificationError:
            continue
        return message_id
    raise _NotTaken(401, "No signature fits: sign id.timestamp.body, byte for byte as sent, with the present secret.")


def _read(body: bytes) -> Event:
    """The event, or everything that is wrong with it."""
    try:
        event = EVENT.validate_json(body, strict=True)
    except ValidationError as error:
        faults = [_fault(details) for details in error.errors(include_url=False)[:20]]
    else:
        faults = [
            Fault(field=field, value=None, says=f"holds a control character (U+{ord(char):04X}), which no text may")
            for field, char in _controls(json.loads(body)["data"], "data")  # As sent: what was read is clean.
        ]
    if faults:
        first = f"{faults[0].field}: {faults[0].says}"
        raise _NotTaken(422, first if len(faults) == 1 else f"{first} (and {len(faults) - 1} more)", faults)
    return event


def _fault(details: Any) -> Fault:
    """One of pydantic's errors in the sender's terms: without the tag of the union, the value only where harmless."""
    kind, value = details["type"], details["input"]
    place = [str(part) for part in details["loc"] if part not in EXAMPLES]
    says = details["msg"].removeprefix("Value error, ")
    if kind == "json_invalid":
        place, value = ["body"], None
    elif kind in {"union_tag_invalid", "union_tag_not_found"}:
        place, value = ["type"], value.get("type") if isinstance(value, dict) else None
        says = f"must be one of {', '.join(EXAMPLES)}"
    # A field that we do not know may hold anything, even a secret that should not be in an answer or a log.
    plain = kind != "extra_forbidden" and isinstance(value, str | int | float)
    shown = json.dumps(value)[:100] if plain and not isinstance(value, str) else value
    return Fault(field=_cut(".".join(place) or "body"), value=_cut(str(shown)) if plain else None, says=_cut(says, 500))


def _cut(text: str, most: int = 100) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _controls(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Texts that a database or a mail could not carry."""
    if isinstance(value, str) and (control := CONTROL.search(value)):
        yield place, control[0]
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _controls(part, f"{place}.{name}")


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
    )


@cache
def _documented() -> list[dict[str, Any]]:
    """Each event's type, meaning, example and fields, read off the models."""
    schemas = {schema["properties"]["type"]["const"]: schema for schema in _inlined(EVENT.json_schema())["oneOf"]}
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
