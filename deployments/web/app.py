"""The web application: pages for people, webhooks for other systems.

    python -m deployments.web

Errors become pages here. A ``ProvisionError`` is shown as its sentence; anything else as an apology with a reference
that stands in the log beside the traceback.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from urllib.parse import quote

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from deployments import logs
from deployments.hosts import KnownHosts
from deployments.web import handover, watch, webhooks
from deployments.web.api import app as api_app
from deployments.web.pages import (
    account,
    accounts,
    agreement,
    api_docs,
    api_tokens,
    board,
    bulk_invitations,
    case,
    catalogue,
    contacts,
    contract,
    firm,
    firm_settings,
    grants,
    holds,
    imports,
    inbox,
    legal,
    mail,
    modules,
    new_account,
    operators,
    own_data,
    pending,
    portal,
    privacy_requests,
    provider_tokens,
    public,
    reach,
    reminders,
    sign_ups,
    succession,
)
from deployments.web.security import (
    BodyCap,
    ChoosePasswordFirst,
    FormForeign,
    ForwardedByProxies,
    SecureHeaders,
    SignInFirst,
    TooManyAttempts,
    WithoutTokens,
    secure,
    sign,
    with_possible_numbers,
)
from deployments.web.visit import STATIC, Form, Visit, local, visit_of
from models.db import is_busy
from models.errors import N_, ProvisionError
from models.link import LinkExpired, LinkUsed
from models.mail.proof import ProofDead
from models.onboarding import AccountClosed
from models.settings import settings
from tasks.text.i18n import explain

log = logging.getLogger(__name__)
logging.getLogger("uvicorn.access").addFilter(WithoutTokens())


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    logs.set_up()  # By now the server has put up its handlers.
    current_default_thread_limiter().total_tokens = THREADS
    yield


app = FastAPI(
    title="Provision",
    docs_url=None,
    redoc_url=None,
    openapi_url="/openapi.json",
    lifespan=lifespan,
    dependencies=[Depends(with_possible_numbers)],
)
app.add_middleware(BodyCap)
app.add_middleware(SecureHeaders)
app.add_middleware(ForwardedByProxies)
app.add_middleware(KnownHosts, names=lambda: settings().host_names)
app.mount(api_app.PATH, api_app.api)
app.mount("/static", StaticFiles(directory=STATIC), name="static")
PAGES = (
    *(
        account,
        firm,
        api_tokens,
        firm_settings,
        pending,
        bulk_invitations,
        imports,
        new_account,
        accounts,
        contacts,
        grants,
        inbox,
        agreement,
        portal,
        public,
        sign_ups,
    ),
    *(reach, board, case, contract, modules, reminders, operators, provider_tokens),
    *(catalogue, legal, holds, privacy_requests, succession, own_data, mail, api_docs),
)
for page in PAGES:
    app.include_router(page.router, include_in_schema=False)
app.include_router(webhooks.router)
app.include_router(handover.router)
app.include_router(watch.router, include_in_schema=False)


THREADS = 128
"""Requests that are worked on at once; most of them wait, for the database or for their turn to hash."""
RETRY_AFTER = 5
"""Seconds after which a database that was busy may be asked again."""
ENTRANCES = ("/auth/login", "/auth/register", "/auth/activate/")
"""Where people come in, whose forms are void once they have."""
HEADINGS = {
    404: N_("Page not found"),
    410: N_("That is not open any more"),
    413: N_("That was too large"),
    429: N_("That was too often"),
}
"""What stands above a refusal, by its status; above all others that it is not possible right now."""
MACHINES = {"/health", "/ready", "/metrics"}
HTTP_SAYS = {
    400: N_("The browser sent something that could not be read: go back and try again."),
    404: N_("There is no page at this address: check it for typing errors, or begin at the start page."),
    405: N_("This address only takes forms: open the page before it and send the form again."),
    413: N_(
        "That was too large: a list of clients may have up to 50 MB, another file up to 20 MB, everything else far "
        "less."
    ),
}


@app.exception_handler(ProvisionError)
def refuse(request: Request, refusal: ProvisionError) -> Response:
    """A refusal as a page, with what the person can do next."""
    visit = visit_of(request)
    if _is_machine(request):
        return JSONResponse({"detail": str(refusal)}, refusal.status)
    if isinstance(refusal, FormForeign) and visit.visitor is not None and request.url.path.startswith(ENTRANCES):
        # Signed in meanwhile, in another tab: go on, or see what the link still opens.
        signing_in = request.url.path == "/auth/login"
        return visit.go(local(request.query_params.get("next", "")) if signing_in else visit.place)
    if isinstance(refusal, SignInFirst):
        return visit.go(f"/auth/login?next={quote(visit.place)}")
    if isinstance(refusal, ChoosePasswordFirst):
        return visit.go("/auth/password")
    if isinstance(refusal, LinkExpired | ProofDead):
        return _offer_new_link(visit, refusal)
    response = visit.page(
        "error.html",
        status=refusal.status,
        heading=N_("The account was closed") if isinstance(refusal, AccountClosed) else HEADINGS.get(refusal.status),
        says=explain(refusal, visit.reader),
        signs_in=isinstance(refusal, LinkUsed) and visit.guest,
    )
    if isinstance(refusal, TooManyAttempts):
        response.headers["Retry-After"] = str(refusal.seconds)
    return response


def _offer_new_link(visit: Visit, refusal: LinkExpired | ProofDead) -> Response:
    says = explain(refusal, visit.reader)
    if isinstance(refusal, ProofDead):
        return visit.page("own_data_ask.html", status=refusal.status, form=Form(errors={"": says}))
    key = sign(str(refusal.link_id), "renew")
    return visit.page("expired.html", status=refusal.status, says=says, key=key)


@app.exception_handler(HTTPException)
async def fail(request: Request, error: HTTPException) -> Response:
    """What the web itself refuses: no such page, too large, unreadable."""
    if _is_machine(request):
        return await http_exception_handler(request, error)
    visit = visit_of(request)
    if error.status_code == 405 and request.method == "GET":  # A form's address, opened as a page.
        return visit.go(_page_above(request.url.path))
    says = visit.reader.gettext(HTTP_SAYS.get(error.status_code, HTTP_SAYS[400]))
    heading = HEADINGS.get(error.status_code)
    response = visit.page("error.html", status=error.status_code, heading=heading, says=says, signs_in=False)
    response.headers.update(error.headers or {})
    return response


@app.exception_handler(RequestValidationError)
async def misread(request: Request, error: RequestValidationError) -> Response:
    """A page's address with letters where a number belongs is an address that does not exist."""
    if _is_machine(request):
        return await request_validation_exception_handler(request, error)
    return await fail(request, HTTPException(404))


@app.exception_handler(ClientDisconnect)
def let_go(_: Request, __: ClientDisconnect) -> Response:
    """Whoever hung up, or was hung up on, reads no answer; and nothing is broken."""
    return Response(status_code=408)


@app.exception_handler(OperationalError)
@app.exception_handler(PoolTimeoutError)
def wait(request: Request, error: Exception) -> Response:
    """The database is busy: the same again in a moment, with all that was typed."""
    if not is_busy(error):
        return break_down(request, error)
    log.warning("%s %s has to wait: the database is busy", request.method, _pattern(request))
    if _is_machine(request):
        response: Response = JSONResponse({"detail": "The database is busy or away: send it again."}, 503)
    else:
        visit = visit_of(request)
        response = visit.page("busy.html", status=503, entries=visit.entries, place=visit.place)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


@app.exception_handler(Exception)
def break_down(request: Request, error: Exception) -> Response:
    """Our fault: a calm page, and a reference by which we find the cause."""
    reference = token_hex(4).upper()
    log.error("%s %s failed, reference %s", request.method, _pattern(request), reference, exc_info=error)
    if _is_machine(request):
        response: Response = JSONResponse({"detail": f"Internal error, reference {reference}"}, 500)
    else:
        response = visit_of(request).page("broken.html", status=500, reference=reference)
    secure(MutableHeaders(raw=response.raw_headers))  # This one is made outside the middleware.
    return response


def _pattern(request: Request) -> str:
    """Which page it was, by its pattern and never its address, which may hold a token."""
    return str(getattr(request.scope.get("route"), "path", "?"))


def _page_above(path: str) -> str:
    """The nearest page above an address that only takes forms."""
    while path := path.rpartition("/")[0]:
        scope = {"type": "http", "path": path, "method": "GET"}
        if any(route.matches(scope)[0] is Match.FULL for route in app.routes):
            return path
    return "/"


def _is_machine(request: Request) -> bool:
    """Whether another system asks, which reads JSON."""
    return request.url.path.startswith(("/webhooks", "/openapi.json")) or request.url.path in MACHINES
