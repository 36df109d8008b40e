"""What other systems send: read up to a limit, its signature verified, and each fault of it told at its field.

Signatures follow Standard Webhooks (https://www.standardwebhooks.com).
"""

import json
import re
import time
from collections.abc import Collection, Iterator
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.datastructures import Headers

from models.settings import settings

BODY_MOST = 64 * 1024
"""Bytes that an event may have; the largest sensible one, a firm with 500 caseworkers, has 45,000."""
TOLERANCE = 300
"""Seconds by which the sender's clock may differ from ours, and for which a signature is good."""
ID_MOST = 200
WELL_FORMED = re.compile(r"v1,[A-Za-z0-9+/]{43}=")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What no text of ours carries: controls, and directions of writing that show one thing for another."""

T = TypeVar("T")


class Fault(BaseModel):
    field: str = Field(description="Where it is wrong, as `data.organiser.email`.")
    value: str | None = Field(description="What stands there, shortened; none where nothing or a structure stands.")
    says: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Why it was not taken. Nothing was stored, nothing told."""

    detail: str
    faults: list[Fault] = []


class NotTaken(Exception):
    """It is answered with this status and problem."""

    def __init__(self, status: int, detail: str, faults: list[Fault] | None = None) -> None:
        super().__init__(status, detail, faults)
        self.status = status
        self.problem = Problem(detail=detail, faults=faults or [])


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
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


async def body_of(request: Request) -> bytes:
    """The raw body; does not read, or stops to read, one that is too long."""
    too_long = NotTaken(413, f"The body is longer than {BODY_MOST} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > BODY_MOST:
        raise too_long
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MOST:
            raise too_long
    return body


def verified(headers: Headers, body: bytes) -> str:
    """Its id, once a signature made with one of our keys is found."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    # The library breaks off at the first signature that it cannot read; a sender may add ones of later versions.
    signatures = [part for part in headers.get("webhook-signature", "").split() if WELL_FORMED.fullmatch(part)]
    if not signatures:
        raise NotTaken(401, "The header webhook-signature is missing or holds no signature of the form v1,BASE64.")
    if not (message_id and message_id.isascii() and message_id.isprintable() and len(message_id) <= ID_MOST):
        raise NotTaken(400, f"The header webhook-id must hold 1 to {ID_MOST} printable ASCII characters.")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise NotTaken(400, "The header webhook-timestamp must hold whole seconds since 1970.")
    apart = int(timestamp) - int(time.time())
    if abs(apart) > TOLERANCE:
        side = "behind" if apart < 0 else "ahead of"
        raise NotTaken(400, f"webhook-timestamp is {abs(apart)} s {side} our clock, more than {TOLERANCE}: sign anew.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotTaken(422, "The body is not UTF-8.") from error
    shown = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}
    for key in settings().webhook_keys:
        try:
            Webhook(key).verify(text, shown, json_parse=False)
        except WebhookVerificationError:
            continue
        return message_id
    raise NotTaken(401, "No signature fits: sign id.timestamp.body, byte for byte as sent, with the present secret.")


def taken(kind: TypeAdapter[T], body: bytes, place: str = "", kinds: Collection[str] = ()) -> T:
    """What was sent, or everything that is wrong with it; no control character stands at *place*, or anywhere.

    *kinds*: what the body may be of, where that is told apart by its ``type``.
    """
    try:
        sent = kind.validate_json(body, strict=True)
    except ValidationError as error:
        faults = [_fault(details, kinds) for details in error.errors(include_url=False)[:20]]
    else:
        told = json.loads(body)  # As sent: what was read is clean.
        faults = [
            Fault(field=field, value=None, says=f"holds a control character (U+{ord(char):04X}), which no text may")
            for field, char in _controls(told[place] if place else told, place)
        ]
    if faults:
        first = f"{faults[0].field}: {faults[0].says}"
        raise NotTaken(422, first if len(faults) == 1 else f"{first} (and {len(faults) - 1} more)", faults)
    return sent


def _fault(details: Any, kinds: Collection[str]) -> Fault:
    """One of pydantic's errors in the sender's terms: without the tag of the union, the value only where harmless."""
    kind, value = details["type"], details["input"]
    place = [str(part) for part in details["loc"] if part not in kinds]
    says = details["msg"].removeprefix("Value error, ")
    if kind == "json_invalid":
        place, value = ["body"], None
    elif kind in {"union_tag_invalid", "union_tag_not_found"}:
        place, value = ["type"], value.get("type") if isinstance(value, dict) else None
        says = f"must be one of {', '.join(kinds)}"
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
        yield from _controls(part, f"{place}.{name}" if place else str(name))
