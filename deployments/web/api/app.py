"""The interface for other systems, ``/api/v1``: an application of its own within the other, with its own answers."""

import logging
from math import ceil
from secrets import token_hex
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from deployments.web.api import billing, imports, problems, routes
from deployments.web.api.examples import put_into
from deployments.web.security import TooManyAttempts, with_possible_numbers
from models.db import is_busy
from models.errors import ProvisionError
from models.people.api_token import ScopeLacking, TokenMissing
from models.time.clock import now
from tasks.onboarding.invitations import SentJustNow, SentOften

log = logging.getLogger(__name__)

PATH = "/api/v1"
RETRY_AFTER = {"Retry-After": "5"}

api = FastAPI(
    title="Provision Onboarding",
    version="1",
    description="Accounts and contacts of a firm's clients. Tokens are made in the firm's settings.",
    docs_url=None,
    redoc_url=None,
    root_path_in_servers=False,
    generate_unique_id_function=lambda route: route.name,
    servers=[{"url": PATH}],
    dependencies=[Depends(with_possible_numbers)],
)
api.include_router(routes.router)
api.include_router(imports.router)
api.include_router(billing.router)


def described() -> dict[str, Any]:
    """The description by OpenAPI, with how to show a token, what problems look like, and examples."""
    if api.openapi_schema is None:
        api.openapi_schema = put_into(FastAPI.openapi(api))
    return api.openapi_schema


api.openapi = described  # type: ignore[method-assign]


@api.exception_handler(ProvisionError)
def refuse(request: Request, refusal: ProvisionError) -> Response:
    headers = {}
    if refusal.status == 401:
        error = "" if isinstance(refusal, TokenMissing) else ', error="invalid_token"'
        headers["WWW-Authenticate"] = f'Bearer realm="provision"{error}'
    if isinstance(refusal, ScopeLacking):
        scope = f'error="insufficient_scope", scope="{refusal.scope}"'
        headers["WWW-Authenticate"] = f'Bearer realm="provision", {scope}'
    if isinstance(refusal, TooManyAttempts):
        headers["Retry-After"] = str(refusal.seconds)
    if isinstance(refusal, SentJustNow | SentOften):
        headers["Retry-After"] = str(max(1, ceil((refusal.until - now()).total_seconds())))
    return problems.of_refusal(request, refusal, headers)


@api.exception_handler(RequestValidationError)
def misread(request: Request, error: RequestValidationError) -> Response:
    faults = error.errors()
    if all(fault["loc"][0] == "path" for fault in faults):
        return fail(request, HTTPException(404))
    return problems.of_shape(request, faults)


@api.exception_handler(HTTPException)
def fail(request: Request, error: HTTPException) -> Response:
    """What the web itself refuses: no such address, too large, unreadable."""
    code = {404: "nothing-here", 405: "method-not-taken", 413: "body-too-large"}.get(error.status_code, "unreadable")
    says = problems.HTTP_SAYS.get(error.status_code, problems.HTTP_SAYS[400])
    detail = problems.reader_of(request).gettext(says)
    return problems.problem(request, error.status_code, code, detail, headers=error.headers)


@api.exception_handler(ClientDisconnect)
def let_go(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=408)


@api.exception_handler(OperationalError)
@api.exception_handler(PoolTimeoutError)
def wait(request: Request, error: Exception) -> Response:
    """The database is busy: the same again in a moment."""
    if not is_busy(error):
        return break_down(request, error)
    log.warning("%s has to wait: the database is busy", request.method)
    detail = problems.reader_of(request).gettext(problems.BUSY)
    return problems.problem(request, 503, "busy", detail, headers=RETRY_AFTER)


@api.exception_handler(Exception)
def break_down(request: Request, error: Exception) -> Response:
    """Our fault: a reference by which we find the cause."""
    reference = token_hex(4).upper()
    log.error("%s of the interface failed, reference %s", request.method, reference, exc_info=error)
    detail = problems.reader_of(request).gettext(problems.BROKEN) % {"reference": reference}
    return problems.problem(request, 500, "broken", detail)
