"""Who may sign in: accounts, their passwords and sessions."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from hashlib import sha256
from secrets import token_urlsafe
from threading import BoundedSemaphore
from typing import Self
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Instant, Key
from models.errors import N_, ProvisionError
from models.people.mail_address import AddressInvalid, email_address
from models.people.manners import AddressForm, Language
from models.people.passwords import PASSWORD_MAX, check_password
from models.settings import settings

SESSION_LIFE = timedelta(hours=12)


UNPROVEN = "confirmed_at IS NULL AND external_id IS NULL"
"""Accounts of which nobody has shown that the address is theirs."""


class AccountExists(ProvisionError):
    says = N_("There is already an account for %(address)s: sign in with its password.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class AccountElsewhere(ProvisionError):
    """The identity provider's account belongs to another address here."""

    says = N_("The account %(external_id)s is known under another address than %(address)s: correct one of the two.")

    def __init__(self, external_id: str, address: str) -> None:
        super().__init__(external_id, address)
        self.external_id = external_id
        self.address = address


class SignInRefused(ProvisionError):
    """Says the same whether the address or the password is wrong."""

    status = 403
    says = N_("E-mail address or password are not right: check both, or have the password reset.")


class TooManyAtOnce(ProvisionError):
    status = 503
    says = N_("Too many people are signing in at this moment: please try again in a few seconds.")


_AT_WORK, _IN_LINE = BoundedSemaphore(os.cpu_count() or 1), BoundedSemaphore(64)
"""Each hash takes a processor and 64 MB, so more at once would only take more memory; and whoever waits for one holds a
thread of those that serve pages (``deployments.web.app.THREADS``), of which as many are left for everybody else."""


@contextmanager
def _in_turn() -> Iterator[None]:
    if not _IN_LINE.acquire(blocking=False):
        raise TooManyAtOnce
    try:
        with _AT_WORK:
            yield
    finally:
        _IN_LINE.release()


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id; parameters of RFC 9106, low-memory profile.


class Login(Base):
    """A login: one address, one password."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("is_operator OR NOT is_manager", name="manager_is_operator"),
        CheckConstraint("(absent_from IS NULL) = (absent_until IS NULL)", name="absence_has_an_end"),
        # Begins with a column that is always empty there: SQLite would else choose the one that begins with it.
        Index(
            "ix_accounts_unproven",
            "external_id",
            "created_at",
            sqlite_where=text(UNPROVEN),
            postgresql_where=text(UNPROVEN),
        ),
    )

    id: Mapped[Key]
    email: Mapped[str] = mapped_column(String(254), unique=True, info=TELLS)
    name: Mapped[str | None] = mapped_column(String(200), info=TELLS)
    """Of an operator, who signs with it; people of a firm have theirs there."""
    password_hash: Mapped[str | None] = mapped_column(String(200), info=TELLS)
    """None: none was set for our pages; a foreign identity provider may keep one, which does not open them."""
    external_id: Mapped[str | None] = mapped_column(String(200), unique=True, info=TELLS)
    is_operator: Mapped[bool] = mapped_column(default=False)
    is_manager: Mapped[bool] = mapped_column(default=False)
    """An operator who also looks after the other operators, see ``models.people.operator``."""
    deactivated_at: Mapped[Instant | None]
    """When somebody ceased to be an operator."""
    absent_from: Mapped[date | None] = mapped_column(info=TELLS)
    absent_until: Mapped[date | None] = mapped_column(info=TELLS)
    """The last day of an operator's absence."""
    deputy_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    """Who gets an operator's mails as well during the absence."""
    language: Mapped[Language] = mapped_column(default=Language.GERMAN, info=TELLS)
    address_form: Mapped[AddressForm] = mapped_column(default=AddressForm.SIE, info=TELLS)
    """How an operator is written to and works; people of a firm have manners of their own there."""
    digest_at: Mapped[Instant | None]
    """When it was last looked what there is to tell this operator of the week."""
    confirmed_at: Mapped[Instant | None]
    """When the address was proven to be this person's."""
    must_change_password: Mapped[bool] = mapped_column(default=False)
    """Somebody else has set it: whoever signs in with it chooses one of their own before all else."""
    created_at: Mapped[Instant]

    @classmethod
    def by_email(cls, session: Session, written: str) -> Self | None:
        """The account of this address, however it is written; None also for what is no address."""
        try:
            address = email_address(written)
        except AddressInvalid:
            return None
        return session.scalars(select(cls).where(cls.email == address)).one_or_none()

    @classmethod
    def begin(cls, session: Session, address: str, now: datetime) -> Self:
        """The account of this address, made if there is none, locked: at one moment one transaction begins with it."""
        row = {"email": address, "created_at": now}
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(insert(cls).values(row).on_conflict_do_nothing(index_elements=["email"]))
        account = select(cls).where(cls.email == address).with_for_update().execution_options(populate_existing=True)
        return session.scalars(account).one()

    @classmethod
    def kept_elsewhere(cls, session: Session, emails: Collection[str]) -> dict[str, Self]:
        """Of these addresses those that a foreign identity provider knows and has confirmed."""
        accounts = select(cls).where(cls.email.in_(emails), cls.external_id.is_not(None), cls.confirmed_at.is_not(None))
        return {account.email: account for account in session.scalars(accounts)}

    def keep_password(self, session: Session, hashed: str) -> None:
        """Keep what ``hash_password`` gave; every session of this account ends."""
        self.password_hash, self.must_change_password = hashed, False
        if self.id is not None:
            self.sign_out(session)

    @property
    def proven_hash(self) -> str | None:
        """That of a password whose holder has shown that the address is theirs.

        Any other was set by who has typed that address: it opens what it was set for, and counts for nothing else.
        """
        return self.password_hash if self.confirmed_at is not None else None

    @property
    def is_blank(self) -> bool:
        """Nobody has ever got in with it."""
        return not (self.password_hash or self.external_id or self.confirmed_at or self.is_operator)

    def forget_unproven(self, session: Session) -> None:
        """A password that may be a stranger's opens nothing from now on, nor do its sessions."""
        if self.password_hash is not None and self.proven_hash is None:
            self.password_hash, self.must_change_password = None, False
            self.sign_out(session)

    def sign_out(self, session: Session) -> None:
        """Every session of this account ends."""
        for row in session.scalars(select(SignIn).where(SignIn.account_id == self.id)):
            session.delete(row)

    def enter(self, session: Session, verified: str, now: datetime) -> str:
        """A session token for who knows the password of the *verified* hash; SignInRefused if it was changed since."""
        if self.password_hash != verified:
            raise SignInRefused
        return SignIn.start(session, self, now)


def hash_password(password: str, *context: str) -> str:
    """Check a new password and give its hash; takes a tenth of a second, so never within a transaction.

    *context*: what others know of its holder, besides the names of the provider.
    """
    ours = settings().provider_name, settings().product_name, settings().account_name
    check_password(_typed(password), *context, *ours)
    with _in_turn():
        return _hasher().hash(_typed(password))


def verify_password(hashed: str | None, password: str) -> str:
    """Give back *hashed* if this is its password, else raise SignInRefused; without one after the same time.

    Takes a tenth of a second, so never within a transaction.
    """
    with _in_turn():
        try:
            _hasher().verify(hashed or _nobody(), _typed(password)[:PASSWORD_MAX])
        except (VerificationError, InvalidHashError) as error:
            raise SignInRefused from error
    if hashed is None:
        raise SignInRefused
    return hashed


def _typed(password: str) -> str:
    """The same password from every keyboard: some systems write “ü” as two characters."""
    return normalize("NFC", password)


@cache
def _nobody() -> str:
    """Hash of a password nobody has, to spend the same time on unknown addresses."""
    return _hasher().hash(token_urlsafe(32))


class SignIn(Base):
    """One browser that is signed in; deleting the row signs it out."""

    __tablename__ = "sign_ins"

    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True, info=MUTE)
    expires_at: Mapped[Instant] = mapped_column(index=True)

    @classmethod
    def start(cls, session: Session, account: Login, now: datetime) -> str:
        """The token for the browser's cookie. What has expired of this account goes."""
        session.execute(delete(cls).where(cls.account_id == account.id, cls.expires_at <= now))
        token = token_urlsafe(32)
        session.add(
            cls(
                account_id=account.id,
                token_sha256=sha256(token.encode()).hexdigest(),
                expires_at=now + SESSION_LIFE,
            )
        )
        return token

    @classmethod
    def find(cls, session: Session, token: str, now: datetime) -> Self | None:
        digest = sha256(token.encode()).hexdigest()
        return session.scalars(select(cls).where(cls.token_sha256 == digest, cls.expires_at > now)).one_or_none()
