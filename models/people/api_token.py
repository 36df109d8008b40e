"""Tokens by which other systems act for a firm, and what those were answered whose requests must count once.

A token is made by an owner or administrator of the firm and acts with that member's rights, within its scopes. Whoever
made it has seen it: so it is good only as long as they are an owner or administrator of the firm, and neither paused
nor gone. Then it rests from the next request on, and is good again once they are back; another member makes a new one.
Those of the provider's are made by managers, and rest in the same way.
"""

import secrets
import string
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, ClassVar, Self

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, delete, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Facts, Instant, Key, alone
from models.errors import N_, Faults, NotFound, ProvisionError
from models.text import fitting, one_line

PREFIX, PROVIDER_PREFIX = "pvn_", "pvp_"
"""By which people and programs that look for secrets in files know one of ours: a firm's, and the provider's."""
LETTERS = string.ascii_letters + string.digits
LENGTH = 43
"""Letters of 62 kinds behind the prefix: 256 bits."""
NAME_MOST, KEY_MOST = 60, 255
SEEN_EVERY = timedelta(minutes=1)
"""So often at most it is written down that a token was used."""
REPLIES_LAST = timedelta(hours=24)


class Scope(StrEnum):
    """What a token may be used for."""

    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    INVITATIONS_WRITE = "invitations:write"
    IMPORTS_WRITE = "imports:write"


class ProviderScope(StrEnum):
    """The same of the provider's own tokens."""

    BILLING_READ = "billing:read"


class TokenMissing(ProvisionError):
    status = 401
    says = N_("A token is missing: send it as “Authorization: Bearer pvn_…”.")


class TokenUnknown(ProvisionError):
    status = 401
    says = N_("This token is not known: check it letter by letter, or make a new one.")


class TokenRevoked(ProvisionError):
    status = 401
    says = N_("The token “%(name)s” was revoked on %(at)s: make a new one.")

    def __init__(self, name: str, at: datetime) -> None:
        super().__init__(name, at)
        self.name = name
        self.at = at


class TokenExpired(TokenRevoked):
    says = N_("The token “%(name)s” expired on %(at)s: make a new one.")


class TokenRests(ProvisionError):
    status = 401
    says = N_(
        "The token “%(name)s” opens nothing, since who made it is no administrator of the firm at present: let an "
        "administrator make a new one."
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AccountOfTokenClosed(TokenRests):
    says = N_("The token “%(name)s” opens nothing any more: the account of its firm was closed.")


class ProviderTokenRests(TokenRests):
    says = N_(
        "The token “%(name)s” opens nothing, since who made it is no manager at present: let a manager make a new one."
    )


class ScopeLacking(ProvisionError):
    status = 403
    says = N_("The token “%(name)s” may not do this, which needs “%(scope)s”: make one that may.")

    def __init__(self, name: str, scope: str) -> None:
        super().__init__(name, scope)
        self.name = name
        self.scope = scope


class ProviderOnly(ScopeLacking):
    says = N_("The token “%(name)s” is a firm's: only tokens of the provider's, which managers make, open this.")


class FirmsOnly(ScopeLacking):
    says = N_("The token “%(name)s” is the provider's and opens nothing of a firm: use one that the firm has made.")


class TokenUnnamed(ProvisionError):
    status = 422
    says = N_("The name is missing: say which program uses the token, so that you know later what to revoke.")


class TokenNamed(ProvisionError):
    says = N_("There is a token “%(name)s” already: give another name, or revoke that one first.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class ScopesMissing(ProvisionError):
    status = 422
    says = N_("Choose at least one thing that may be done with the token.")


class KeyReused(ProvisionError):
    status = 422
    says = N_("The Idempotency-Key “%(key)s” came with another request before: give each request a key of its own.")

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Token:
    """One token, whosever it is; of itself only a digest is kept."""

    BEGINS: ClassVar[str]
    """By which people and programs that look for secrets in files know it."""

    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    """Who made it, and whose rights it has."""
    name: Mapped[str] = mapped_column(String(NAME_MOST), info=TELLS)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True, info=MUTE)
    ending: Mapped[str] = mapped_column(String(4), info=MUTE)
    """Its last letters, by which it is told from others."""
    scopes: Mapped[list[str]] = mapped_column(JSON, info=MUTE)
    made_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]
    used_at: Mapped[Instant | None]
    """To the minute."""
    revoked_at: Mapped[Instant | None]

    def __init__(self, **columns: Any) -> None:
        super().__init__(**columns)

    @classmethod
    def _made(
        cls,
        session: Session,
        now: datetime,
        others: Iterable[Self],
        *,
        name: str,
        scopes: Collection[str],
        lasts: timedelta | None,
        **facts: int,
    ) -> tuple[Self, str]:
        """A new one beside the *others*, and the token itself, which is kept nowhere.

        Raises FormRefused with all that does not fit.
        """
        faults = Faults()
        with faults.at("name"):
            called = fitting(one_line(name), NAME_MOST)
            if not called:
                raise TokenUnnamed
            if any(each.name.casefold() == called.casefold() for each in others):
                raise TokenNamed(called)
        with faults.at("scopes"):
            if not scopes:
                raise ScopesMissing
        faults.check()
        token = cls.BEGINS + "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        row = cls(
            **facts,
            name=called,
            token_sha256=digest(token),
            ending=token[-4:],
            scopes=[*scopes],
            made_at=now,
            expires_at=now + lasts if lasts is not None else None,
        )
        session.add(row)
        session.flush()
        return row, token

    @classmethod
    def open(cls, session: Session, token: str, now: datetime) -> Self:
        """The one that was sent, looked up by its digest, so that no time tells how much of it is right.

        Raises TokenMissing, TokenUnknown, TokenRevoked, TokenExpired.
        """
        if not token:
            raise TokenMissing
        row = session.scalars(select(cls).where(cls.token_sha256 == digest(token))).one_or_none()
        if row is None:
            raise TokenUnknown
        row.require_good(now)
        return row

    def require_good(self, now: datetime) -> None:
        """Raises TokenRevoked, TokenExpired."""
        if self.revoked_at is not None:
            raise TokenRevoked(self.name, self.revoked_at)
        if self.expires_at is not None and self.expires_at <= now:
            raise TokenExpired(self.name, self.expires_at)

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be written down that it was used."""
        return self.used_at is None or self.used_at <= now - SEEN_EVERY

    @classmethod
    def see(cls, session: Session, token_id: int, now: datetime) -> None:
        """It was used now; of several requests at once one writes it."""
        is_due = or_(cls.used_at.is_(None), cls.used_at <= now - SEEN_EVERY)
        session.execute(update(cls).where(cls.id == token_id, is_due).values(used_at=now))

    def is_over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class ApiToken(Token, Base):
    """By which a program acts for a firm."""

    BEGINS = PREFIX
    __tablename__ = "api_tokens"
    __table_args__ = (
        Index(
            "uq_api_tokens_name",
            "firm_id",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))

    @classmethod
    def make(
        cls,
        session: Session,
        firm_id: int,
        account_id: int,
        now: datetime,
        *,
        name: str,
        scopes: Collection[Scope],
        lasts: timedelta | None,
    ) -> tuple[Self, str]:
        """A new one, and the token itself, which is kept nowhere. Raises FormRefused with all that does not fit."""
        chosen = [scope.value for scope in Scope if scope in scopes]
        whose = {"firm_id": firm_id, "account_id": account_id}
        return cls._made(session, now, cls.of(session, firm_id), name=name, scopes=chosen, lasts=lasts, **whose)

    @classmethod
    def of(cls, session: Session, firm_id: int) -> list[Self]:
        """Those of the firm that were not revoked, the newest first."""
        there = select(cls).where(cls.firm_id == firm_id, cls.revoked_at.is_(None))
        return list(session.scalars(there.order_by(cls.id.desc())))

    @classmethod
    def get(cls, session: Session, firm_id: int, token_id: int) -> Self:
        """One of the firm's; raises NotFound."""
        row = session.get(cls, token_id)
        if row is None or row.firm_id != firm_id:
            raise NotFound(N_("The token"))
        return row


class ProviderToken(Token, Base):
    """By which a program of the provider's asks for what concerns all firms; it opens nothing of a firm."""

    BEGINS = PROVIDER_PREFIX
    __tablename__ = "provider_tokens"
    __table_args__ = (
        Index(
            "uq_provider_tokens_name",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    @classmethod
    def make(
        cls, session: Session, account_id: int, now: datetime, *, name: str, lasts: timedelta | None
    ) -> tuple[Self, str]:
        """A new one for all that there is, and the token itself. Raises FormRefused with all that does not fit."""
        alone(session, "provider tokens")
        chosen = [scope.value for scope in ProviderScope]
        return cls._made(session, now, cls.all(session), name=name, scopes=chosen, lasts=lasts, account_id=account_id)

    @classmethod
    def all(cls, session: Session) -> list[Self]:
        """Those that were not revoked, the newest first."""
        return list(session.scalars(select(cls).where(cls.revoked_at.is_(None)).order_by(cls.id.desc())))

    @classmethod
    def get(cls, session: Session, token_id: int) -> Self:
        """One of them, locked; raises NotFound."""
        row = session.get(cls, token_id, with_for_update=True)
        if row is None:
            raise NotFound(N_("The token"))
        return row


class ApiReply(Base):
    """What a request was answered that came with a key of its own: who repeats it is answered the same."""

    __tablename__ = "api_replies"
    __table_args__ = (UniqueConstraint("token_id", "key"),)

    id: Mapped[Key]
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"))
    key: Mapped[str] = mapped_column(String(KEY_MOST), info=MUTE)
    request_sha256: Mapped[str] = mapped_column(String(64), info=MUTE)
    status: Mapped[int] = mapped_column(info=MUTE)
    headers: Mapped[Facts] = mapped_column(info=MUTE)
    body: Mapped[str] = mapped_column(Text, info=TELLS)
    kept_at: Mapped[Instant] = mapped_column(index=True)

    @classmethod
    def of(cls, session: Session, token_id: int, key: str, request_sha256: str, now: datetime) -> Self | None:
        """The answer to this request, if it is kept; raises KeyReused for another request with the same key."""
        mine = select(cls).where(cls.token_id == token_id, cls.key == key, cls.kept_at > now - REPLIES_LAST)
        row = session.scalars(mine).one_or_none()
        if row is not None and row.request_sha256 != request_sha256:
            raise KeyReused(key)
        return row

    @classmethod
    def forget(cls, session: Session, now: datetime) -> int:
        """All that are old enough go; returns how many."""
        gone = delete(cls).where(cls.kept_at <= now - REPLIES_LAST).returning(cls.id)
        return len(session.scalars(gone).all())


def digest(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()
