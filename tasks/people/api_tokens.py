"""Tokens by which other systems act for a firm: made, listed and revoked by its owner and administrators, and used."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import HOUSE, of, origin, record
from models.db import is_alone, reading, together, transaction
from models.errors import N_, ProvisionError
from models.firm import Firm
from models.onboarding import Onboarding
from models.people.api_token import (
    KEY_MOST,
    PROVIDER_PREFIX,
    AccountOfTokenClosed,
    ApiReply,
    ApiToken,
    FirmsOnly,
    ProviderOnly,
    ProviderScope,
    ProviderToken,
    ProviderTokenRests,
    Scope,
    ScopeLacking,
    Token,
    TokenRests,
)
from models.people.login import Login
from models.people.operator import ManagersOnly
from models.people.person import Person
from models.people.staff import AdministratorsOnly
from models.text import fitting
from models.time.clock import now
from tasks.people.sessions import Membership, memberships_of, staff_of


class StillAtWork(ProvisionError):
    says = N_("A request with this Idempotency-Key is still being worked on: send it again in a moment.")


@dataclass(frozen=True)
class Listed:
    """A token as the settings show it."""

    token: Token
    maker: str
    """Address of who made it."""
    rests: bool
    """Who made it is no owner or administrator at present: it opens nothing."""
    is_over: bool


@dataclass(frozen=True)
class Caller:
    """The token with which a request came, and the member of the firm whose rights it has."""

    token_id: int
    name: str
    scopes: frozenset[Scope | ProviderScope]
    of_firm: Membership | None
    """None: the token is the provider's."""
    by: str
    """Address of who made it."""

    @property
    def member(self) -> Membership:
        """Whose rights it has at the firm; raises FirmsOnly."""
        if self.of_firm is None:
            raise FirmsOnly(self.name, "")
        return self.of_firm

    @property
    def whose(self) -> str:
        """The firm's, or the provider's."""
        return "provider" if self.of_firm is None else str(self.of_firm.firm_id)

    def require(self, scope: Scope | ProviderScope) -> None:
        """Raises ScopeLacking."""
        if scope in self.scopes:
            return
        if isinstance(scope, ProviderScope):
            raise ProviderOnly(self.name, scope.value)
        raise (FirmsOnly if self.of_firm is None else ScopeLacking)(self.name, scope.value)


class Reply(NamedTuple):
    """What a request is answered."""

    status: int
    headers: dict[str, str]
    body: str


def _member(session: Session, account_id: int, firm_id: int) -> Membership | None:
    """Whom the holder of this account is at the firm, if its settings are theirs now."""
    people = [person for person in Person.behind(session, account_id) if person.firm_id == firm_id]
    member = staff_of(memberships_of(session, people), firm_id)
    return member if member is not None and member.rights.sees_all else None


def _require_administrator(session: Session, account_id: int, case: Onboarding) -> None:
    """Read only now: somebody may have taken their rights while we waited for the case."""
    if _member(session, account_id, case.firm_id) is None:
        raise AdministratorsOnly(case.firm.name)


def make(
    firm_id: int, account_id: int, by: str, *, name: str, scopes: Collection[Scope], lasts: timedelta | None
) -> str:
    """A new token, which is told this once; without *lasts* it is good until it is revoked.

    Raises AdministratorsOnly, Stopped, FormRefused with all that does not fit.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_going()
        _require_administrator(session, account_id, case)
        row, token = ApiToken.make(session, firm_id, account_id, at, name=name, scopes=scopes, lasts=lasts)
        told = of(case.firm, {"name": row.name, "scopes": row.scopes})
        until = None if row.expires_at is None else row.expires_at.isoformat()
        record(session, case.id, at, "token.made", by, token=row.id, after=told, expires_at=until)
        return token


def revoke(firm_id: int, account_id: int, by: str, token_id: int) -> None:
    """From now on it opens nothing; repeating it changes nothing. Raises AdministratorsOnly, NotFound."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        _require_administrator(session, account_id, case)
        row = ApiToken.get(session, firm_id, token_id)
        if row.revoked_at is None:
            row.revoked_at = now()
            record(session, case.id, now(), "token.revoked", by, token=row.id, before=of(case.firm, {"name": row.name}))


def listed(firm_id: int) -> list[Listed]:
    """The firm's tokens that were not revoked, the newest first."""
    with reading() as session:
        rows = ApiToken.of(session, firm_id)
        makers = {row.account_id for row in rows}
        logins = {login.id: login.email for login in session.scalars(select(Login).where(Login.id.in_(makers)))}
        awake = {account_id for account_id in makers if _member(session, account_id, firm_id) is not None}
        return [Listed(row, logins[row.account_id], row.account_id not in awake, row.is_over(now())) for row in rows]


def opened(token: str) -> Caller:
    """Who comes with this token; that it was used is kept to the minute.

    Raises TokenMissing, TokenUnknown, TokenRevoked, TokenExpired, TokenRests, AccountOfTokenClosed.
    """
    at = now()
    if token.startswith(PROVIDER_PREFIX):
        return _opened_by_provider(token, at)
    with reading() as session:
        row = ApiToken.open(session, token, at)
        member = _member(session, row.account_id, row.firm_id)
        if member is None:
            closed = session.get_one(Firm, row.firm_id).closed_at is not None
            raise AccountOfTokenClosed(row.name) if closed else TokenRests(row.name)
        email = session.get_one(Login, row.account_id).email
    if row.is_due(at):
        with transaction() as session:
            ApiToken.see(session, row.id, at)
    scopes: frozenset[Scope | ProviderScope] = frozenset(scope for scope in Scope if scope in row.scopes)
    return Caller(row.id, row.name, scopes, member, email)


def _opened_by_provider(token: str, at: datetime) -> Caller:
    """Raises TokenUnknown, TokenRevoked, TokenExpired, ProviderTokenRests."""
    with reading() as session:
        row = ProviderToken.open(session, token, at)
        maker = session.get_one(Login, row.account_id)
        if not maker.is_manager:
            raise ProviderTokenRests(row.name)
    if row.is_due(at):
        with transaction() as session:
            ProviderToken.see(session, row.id, at)
    return Caller(
        row.id, row.name, frozenset(scope for scope in ProviderScope if scope in row.scopes), None, maker.email
    )


def make_for_provider(account_id: int, by: str, *, name: str, lasts: timedelta | None) -> str:
    """A new token of the provider's, which is told this once; without *lasts* it is good until it is revoked.

    Raises ManagersOnly, FormRefused with all that does not fit.
    """
    with transaction() as session:
        at = now()
        _require_manager(session, account_id)
        row, token = ProviderToken.make(session, account_id, at, name=name, lasts=lasts)
        until = None if row.expires_at is None else row.expires_at.isoformat()
        told = {"name": row.name, "scopes": row.scopes}
        record(session, HOUSE, at, "token.made", by, token=row.id, after=told, expires_at=until)
        return token


def revoke_for_provider(account_id: int, by: str, token_id: int) -> None:
    """From now on it opens nothing; repeating it changes nothing. Raises ManagersOnly, NotFound."""
    with transaction() as session:
        _require_manager(session, account_id)
        row = ProviderToken.get(session, token_id)
        if row.revoked_at is None:
            row.revoked_at = now()
            record(session, HOUSE, now(), "token.revoked", by, token=row.id, before={"name": row.name})


def listed_for_provider() -> list[Listed]:
    """The provider's tokens that were not revoked, the newest first."""
    with reading() as session:
        rows = ProviderToken.all(session)
        makers = session.scalars(select(Login).where(Login.id.in_({row.account_id for row in rows})))
        logins = {login.id: login for login in makers}
        return [
            Listed(row, logins[row.account_id].email, not logins[row.account_id].is_manager, row.is_over(now()))
            for row in rows
        ]


def _require_manager(session: Session, account_id: int) -> None:
    """Read only now: somebody may have taken their role since the page was asked for."""
    account = session.get(Login, account_id, populate_existing=True)
    if account is None or not account.is_manager:
        raise ManagersOnly


@contextmanager
def acting(caller: Caller) -> Iterator[Session]:
    """One transaction for all that the request does; the trail names the token beside who made it."""
    before = origin.set({"by": f"{caller.by} ({caller.name})", "token": caller.token_id})
    try:
        with together() as session:
            yield session
    finally:
        origin.reset(before)


def once(caller: Caller, key: str, request_sha256: str, act: Callable[[], Reply]) -> Reply:
    """Do this, or give what the same request was answered before that came with this *key*; without a key just do it.

    What was refused is not kept: nothing was done, and the same again is tried again. Of two at once one is done; the
    other one gets its answer or raises StillAtWork. The firm's case is locked, so that nobody changes meanwhile what
    the act compares with what the request expects. Raises KeyReused for another request with this key, and what
    ``opened`` raises: the token was looked at before the body came in, which may have taken its time.
    """
    with acting(caller) as session:
        if key and not is_alone(session, "api", str(caller.token_id), fitting(key, KEY_MOST)):
            raise StillAtWork
        kept = ApiReply.of(session, caller.token_id, key, request_sha256, now()) if key else None
        if kept is not None:
            return Reply(kept.status, {**kept.headers, "Idempotent-Replayed": "true"}, kept.body)
        Onboarding.of_firm(session, caller.member.firm_id)
        _require_good(session, caller)
        reply = act()
        if key:
            facts = {"token_id": caller.token_id, "key": key, "request_sha256": request_sha256, "kept_at": now()}
            ApiReply.forget(session, now())  # One that is too old may have this key.
            session.add(ApiReply(**facts, status=reply.status, headers=reply.headers, body=reply.body))
        return reply


def _require_good(session: Session, caller: Caller) -> None:
    """Its token was not revoked, nor the rights of who made it taken, while we waited for the case."""
    row = session.get_one(ApiToken, caller.token_id, populate_existing=True)
    row.require_good(now())
    if _member(session, row.account_id, row.firm_id) is None:
        raise TokenRests(row.name)
