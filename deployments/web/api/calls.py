"""One request of another system: which token it came with, what it may do, and how it is done once.

Before a body is read the token is looked up, its scope is asked for and its limit counted. Cookies play no role.
"""

from collections.abc import Callable, Coroutine, Mapping
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from limits import parse
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.responses import Response

from deployments.web.security import left, limit, network
from models.db import transaction
from models.errors import N_, ProvisionError
from models.people.api_token import KEY_MOST, ProviderScope, Scope
from tasks.engine.passes import kick
from tasks.people import api_tokens
from tasks.people.api_tokens import Caller, Reply
from tasks.people.sessions import Membership

R = TypeVar("R", bound=BaseModel)
CALLS = parse("600 per minute")
"""Requests that one token may send."""
REFUSED_FROM = parse("120 per 10 minutes")
"""Requests without a good token from one network address; those with one are none of them."""


class KeyMalformed(ProvisionError):
    status = 400
    says = N_("An Idempotency-Key has 1 to 255 letters, digits and signs of ASCII: send another one.")


class PreconditionMissing(ProvisionError):
    status = 428
    says = N_("Say what you change: send the ETag of what you have read as If-Match.")


class ReadBefore(ProvisionError):
    status = 412
    says = N_("This was changed since you have read it: read it again, and decide anew.")


class Call:
    """What a route is given."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self.request = request
        self.caller = caller
        request.state.names = {}

    @property
    def member(self) -> Membership:
        """Whose rights it has."""
        return self.caller.member

    @property
    def by(self) -> str:
        return self.caller.by

    @property
    def body(self) -> bytes:
        """As it was sent."""
        sent: bytes = self.request.state.body
        return sent

    def know(self, keys: Mapping[str, str]) -> None:
        """What the firm's own fields are called, so that a refusal names them so."""
        self.request.state.names |= {key: name for name, key in keys.items()}

    def shown(self, record: BaseModel) -> Response:
        """What was asked for, unless the asker has it already."""
        body = record.model_dump_json()
        known = self.request.headers.get("if-none-match", "")
        if tag(body) in _tags(known.replace("W/", "")):
            return Response(None, 304, {"ETag": tag(body)})
        return _json(body, 200, {"ETag": tag(body)})

    def done(
        self,
        act: Callable[[], BaseModel | None],
        *,
        reads: Callable[[], BaseModel] | None = None,
        status: int = 200,
        place: Callable[[Any], str] = lambda _: "",
    ) -> Response:
        """Do it in one transaction, once for each ``Idempotency-Key``, and answer what the act gives.

        *reads*: what must not have changed since the asker has read it (``If-Match``). *place*: where what was made is
        found from now on. Raises PreconditionMissing, ReadBefore, and what the act raises.
        """

        def do() -> Reply:
            if reads is not None:
                self._require_unchanged(reads())
            record = act()
            if record is None:
                return Reply(204, {}, "")
            body = record.model_dump_json()
            found = place(record)
            where = {"Location": f"/api/v1{found}"} if found else {}
            return Reply(status, {"ETag": tag(body), **where}, body)

        reply = api_tokens.once(self.caller, self._key(), self.request.state.digest, do)
        background = BackgroundTask(kick, self.member.case_id)
        if not reply.body:
            return Response(None, reply.status, reply.headers, background=background)
        return _json(reply.body, reply.status, reply.headers, background)

    def as_it_is(self, done: Response, record: BaseModel) -> Response:
        """The same answer, with what has become of what was made since."""
        body = record.model_dump_json()
        headers = {name: done.headers[name] for name in ("Location", "Idempotent-Replayed") if name in done.headers}
        return _json(body, done.status_code, {**headers, "ETag": tag(body)}, done.background)

    def _key(self) -> str:
        key = self.request.headers.get("idempotency-key") if self.request.method == "POST" else None
        if key is not None and not (0 < len(key) <= KEY_MOST and key.isascii() and key.isprintable()):
            raise KeyMalformed
        return key or ""

    def _require_unchanged(self, record: BaseModel) -> None:
        expected = self.request.headers.get("if-match")
        if not expected:
            raise PreconditionMissing
        if expected.strip() != "*" and tag(record.model_dump_json()) not in _tags(expected):
            raise ReadBefore


def fresh(read: Callable[[], R]) -> R:
    """What stands there after what was done in this transaction."""
    with transaction() as session:
        session.flush()
        session.expire_all()
    return read()


def tag(body: str) -> str:
    """The ETag of a record: changes with whatever it tells."""
    return f'"{sha256(body.encode()).hexdigest()[:32]}"'


def _tags(header: str) -> set[str]:
    return {part.strip() for part in header.split(",")}


def _json(body: str, status: int, headers: Mapping[str, str], background: BackgroundTask | None = None) -> Response:
    return Response(body, status, dict(headers), "application/json", background)


class Route(APIRoute):
    """Looks at the token before anything else; its scope stands where OpenAPI wants it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        scope = scope_of(self)

        async def answer(request: Request) -> Response:
            caller = await run_in_threadpool(_opened, request)
            caller.require(scope)
            request.state.call = Call(request, caller)
            if request.method != "GET":
                said = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
                request.state.body = await request.body()
                request.state.digest = sha256(said + request.state.body).hexdigest()
            response = await handle(request)
            response.headers.update(request.state.limits)
            return response

        return answer


def scope_of(route: APIRoute) -> Scope | ProviderScope:
    extra = route.openapi_extra or {}
    named = extra["security"][0]["token"][0]
    return ProviderScope(named) if named in set(ProviderScope) else Scope(named)


def _opened(request: Request) -> Caller:
    """Raises what ``api_tokens.opened`` raises, and TooManyAttempts."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        caller = api_tokens.opened(token.strip() if scheme.lower() == "bearer" else "")
    except ProvisionError:
        limit(REFUSED_FROM, "api-refused", network(request))
        raise
    who = f"{caller.token_id}" if caller.of_firm is not None else f"{caller.whose} {caller.token_id}"
    remaining, seconds = left(CALLS, "api", who)
    allowed, period = CALLS.amount, CALLS.get_expiry()
    request.state.limits = {
        "RateLimit-Policy": f'"token";q={allowed};w={period}',
        "RateLimit": f'"token";r={max(0, remaining - 1)};t={seconds}',
    }
    limit(CALLS, "api", who)
    return caller


def _call(request: Request) -> Call:
    call: Call = request.state.call
    return call


Calling = Annotated[Call, Depends(_call)]
