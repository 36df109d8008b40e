"""What stands between the pages and the world: headers, sizes, cookies, form tokens, rate limits."""

import hmac
import ipaddress
import logging
import re
from datetime import timedelta
from functools import cache
from hashlib import sha256
from math import ceil
from time import time

from fastapi import Request
from itsdangerous import BadSignature, URLSafeSerializer
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from models.errors import N_, ProvisionError
from models.settings import settings
from models.time.clock import now

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",  # Personal links stand in the address.
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""On every response that does not say otherwise itself."""

UPLOAD_MOST, FORM_MOST = 20 * 2**20, 2**20
"""Bytes that the body of a request may have: on the pages that take a file, and everywhere else."""
LIST_MOST = 51 * 2**20
"""The same of a list of clients, see ``tasks.clients.imports.source``, and of photos of all pages of an agreement."""
FORWARDED = {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}
FORWARDED |= {f"x-forwarded-{what}" for what in ("for", "host", "proto", "port", "server", "by")}
"""Headers by which a proxy tells that somebody else asks."""
LONGEST_NUMBER, LARGEST_NUMBER = 10, 2**31 - 1
"""Digits of a number in an address, and the number itself: no column of ours could hold a larger one."""
_NUMBER = re.compile(f"0|[1-9][0-9]{{0,{LONGEST_NUMBER - 1}}}")
_TAKES_FILES = re.compile(
    r"/firm/\d+/logo|/board/legal"
    r"|/firm/\d+/contract/(?:modules/\d+/(?:end|tariff)|consent/\d+)"
)
_TAKES_LISTS = re.compile(r"/api/v1/imports|/firm/\d+/accounts/import|/agreement/[^/]+/upload")
_TOKEN = re.compile(r"[\w-]{20,}")

SIGN_IN = parse("10 per 15 minutes")
SIGN_IN_FROM = parse("100 per 15 minutes")
"""From one network address, whatever the accounts: an office shares one, a guesser of many passwords does as well."""
SIGN_IN_TO = parse("20 per hour")
"""Wrong passwords for one account from wherever, so that many addresses guess no faster than one. A browser in which
its holder was signed in before has a count of its own: nobody can lock others out by guessing."""
RESEND = parse("3 per 10 minutes")
RESEND_FROM = parse("20 per 10 minutes")
"""From one network address, to whomever: otherwise it could have any number of people written to."""
LOOK_FROM = parse("300 per 10 minutes")
"""Pages of firms, and searches for them, from one network address: nobody need try all numbers."""
OWN_DATA = parse("60 per 10 minutes")
"""What is stored about one account, or one address: it is looked for in all tables."""
ASK_OF_OWN_DATA = parse("20 per hour")
"""Requests of one account, or one address, about own data: how many are taken in is bounded by the day."""
UPLOAD = parse("20 per hour")
"""Files for one firm or agreement from one network address."""
UPLOAD_FROM = parse("200 per hour")
"""From one network address, which a whole office, or several, may share."""


class SignInFirst(ProvisionError):
    """The page is for people who are signed in; shown as the sign-in page."""

    status = 401
    says = N_("Sign in to see this page.")


class ChoosePasswordFirst(ProvisionError):
    """Whoever came in with a password that somebody else has set chooses one before all else; leads to that page."""

    status = 403
    says = N_("Choose a password of your own first.")


class NotForYou(ProvisionError):
    status = 403
    says = N_("This is for the organiser of %(firm)s: ask the organiser to do it.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class FormForeign(ProvisionError):
    """The form does not carry the token that this browser was given."""

    status = 403
    says = N_("This form was opened in another browser or too long ago: open the page again and repeat your entry.")


class TooManyAttempts(ProvisionError):
    status = 429
    says = N_("That was tried too often in a short time: please try again after %(until)s.")

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.until = now() + timedelta(seconds=seconds + 60)  # Shown to the minute, so rounded up.


class BodyTooLarge(HTTPException):
    """More was sent than the page takes; raised while it is being read."""

    def __init__(self) -> None:
        super().__init__(413)


class SecureHeaders:
    """ASGI middleware: the headers above, and HSTS where the pages are reached by https."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, send_secured if scope["type"] == "http" else send)


def secure(headers: MutableHeaders) -> None:
    """Add the headers that are not there yet."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if is_https():
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


class BodyCap:
    """ASGI middleware: stops reading a body that is larger than the page takes, whatever its header claims."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        most = _most(scope["path"])
        declared = Headers(scope=scope).get("content-length", "0")
        read = int(declared) if declared.isdecimal() and int(declared) > most else 0

        async def receive_capped() -> Message:
            nonlocal read
            if read > most:
                raise BodyTooLarge
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise BodyTooLarge
            return message

        return await self.app(scope, receive_capped, send)


def _most(path: str) -> int:
    """Bytes that the body of a request to this address may have."""
    if _TAKES_LISTS.fullmatch(path):
        return LIST_MOST
    return UPLOAD_MOST if _TAKES_FILES.fullmatch(path) else FORM_MOST


def is_https() -> bool:
    return settings().base_url.startswith("https:")


def cookie(request: Request, name: str) -> str | None:
    return request.cookies.get(_cookie_name(name))


def set_cookie(response: Response, name: str, value: str, seconds: int | None = None) -> None:
    """Keep a value in the browser, out of reach of scripts; without *seconds* until the browser is closed."""
    response.set_cookie(
        _cookie_name(name), value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=is_https()
    )


def drop_cookie(response: Response, name: str) -> None:
    response.delete_cookie(_cookie_name(name), path="/", httponly=True, samesite="lax", secure=is_https())


def _cookie_name(name: str) -> str:
    """Over https with the prefix that keeps neighbouring domains from setting it."""
    return f"__Host-{name}" if is_https() else name


def sign(value: str, purpose: str) -> str:
    """The value with a signature that only this product can make, good for one purpose."""
    return str(URLSafeSerializer(settings().secret_key, salt=purpose).dumps(value))


def signed(token: str, purpose: str) -> str | None:
    """The value that was signed for this purpose, or None."""
    try:
        value = URLSafeSerializer(settings().secret_key, salt=purpose).loads(token)
    except BadSignature:
        return None
    return value if isinstance(value, str) else None


def check_form(token: str, browser: str | None) -> None:
    """Refuse a form that was not given to this browser; raises FormForeign."""
    value = signed(token, "form")
    if value is None or browser is None or not hmac.compare_digest(value.encode(), browser.encode()):
        raise FormForeign


@cache
def _limiter(storage: str) -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(storage_from_string(storage))


def limit(rate: RateLimitItem, what: str, *who: str) -> None:
    """Count one attempt at *what* by *who*; raises TooManyAttempts when that is more than the rate allows.

    Kept is a digest: what somebody types may be long, and an address is nobody's business in Redis.
    """
    limiter, key = _limiter(settings().rate_limit_storage), _counted(what, who)
    if not limiter.hit(rate, *key):
        raise _too_many(limiter, rate, key)


def require_within(rate: RateLimitItem, what: str, *who: str) -> None:
    """The same without counting: what counts is known only afterwards."""
    limiter, key = _limiter(settings().rate_limit_storage), _counted(what, who)
    if not limiter.test(rate, *key):
        raise _too_many(limiter, rate, key)


def left(rate: RateLimitItem, what: str, *who: str) -> tuple[int, int]:
    """How many attempts are left, and after how many seconds there are more."""
    stats = _limiter(settings().rate_limit_storage).get_window_stats(rate, *_counted(what, who))
    return stats.remaining, max(
        1, ceil(stats.reset_time - time())
    ) if stats.remaining < rate.amount else rate.get_expiry()


def _counted(what: str, who: tuple[str, ...]) -> tuple[str, str]:
    content = "\0".join(who).encode(errors="replace")
    return what, hmac.new(settings().secret_key, content, sha256).hexdigest()[:32]


def _too_many(limiter: MovingWindowRateLimiter, rate: RateLimitItem, key: tuple[str, str]) -> TooManyAttempts:
    return TooManyAttempts(max(1, int(limiter.get_window_stats(rate, *key).reset_time - time())))


def ip(request: Request) -> str:
    """The address that somebody asks from, in its usual spelling."""
    return _spelt(request.client.host) if request.client else ""


def network(request: Request) -> str:
    """What is counted as one by limits of an address, see ``network_of``."""
    return network_of(ip(request))


def network_of(address: str) -> str:
    """The address itself, or of IPv6 the /64: a single line is given that many."""
    try:
        host = ipaddress.ip_address(_spelt(address))
    except ValueError:
        return address
    return str(host) if host.version == 4 else str(ipaddress.ip_network((host, 64), strict=False))


def _spelt(address: str) -> str:
    """IPv4 within IPv6 is IPv4, and no part says through which of our own interfaces it came."""
    try:
        host = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:45]
    return str(getattr(host, "ipv4_mapped", None) or host)


def is_proxy(address: str) -> bool:
    """Whether it is one of our own proxies, whose word about others is believed."""
    try:
        host = ipaddress.ip_address(_spelt(address))
    except ValueError:
        return False
    return any(host in proxies for proxies in settings().proxy_networks)


def is_at_this_machine(request: Request) -> bool:
    """Whether who asks sits at this machine, and no proxy says that somebody else does."""
    return ip(request) in {"127.0.0.1", "::1"} and FORWARDED.isdisjoint(request.headers)


class ForwardedByProxies:
    """ASGI middleware: who asks is whom our own proxies name (``PROVISION_PROXIES``); nobody else's word counts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._believing: dict[str, ProxyHeadersMiddleware] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        proxies = settings().proxies
        if proxies not in self._believing:
            self._believing = {proxies: ProxyHeadersMiddleware(self.app, proxies)}  # type: ignore[arg-type]
        await self._believing[proxies](scope, receive, send)  # type: ignore[arg-type]


def limit_uploads(request: Request) -> None:
    """Dependency of the routes that take a file; asked before the body is read."""
    limit(UPLOAD, "upload", f"{request.url.path} {network(request)}")
    limit(UPLOAD_FROM, "upload_from", network(request))


def with_possible_numbers(request: Request) -> None:
    """Dependency of every page: a number that is not written as ours are names nothing, so a thing has one address."""
    taken = request.scope["route"].param_convertors
    numbered = [name for name, how in taken.items() if name.endswith("_id") or isinstance(how, NumberConvertor)]
    written = [str(request.path_params[name]) for name in numbered]
    if not all(_NUMBER.fullmatch(number) and int(number) <= LARGEST_NUMBER for number in written):
        raise HTTPException(404)


class NumberConvertor(IntegerConvertor):
    """A number in an address, by whatever name: ``{key:number}``. It takes no more digits than a number of ours may
    have, and none of them is a leading zero.
    """

    regex = f"(?:{_NUMBER.pattern})"


register_url_convertor("number", NumberConvertor())


class WithoutTokens(logging.Filter):
    """Blots personal links out of the access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_TOKEN.sub("…", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
