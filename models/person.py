"""People and their accounts.

A *person* is somebody as one firm knows them: name, address, role, language. An *account* is a login; the same
human being may be a caseworker of one firm and a client of another with one account.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from secrets import token_urlsafe
from threading import BoundedSemaphore
from typing import Self
from unicodedata import normalize

import idna
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, delete, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import Base, Instant, Key
from models.errors import N_, NotFound, ProvisionError
from models.mail_server import offers_smtputf8
from models.names import has_letter, split_name
from models.passwords import PASSWORD_MAX, check_password
from models.schedule import WORKING_HOURS, Hours, HoursColumn, Land
from models.settings import settings
from models.text import fitting, one_line

PART_MOST, NAME_MOST = 100, 200
"""Characters of a given or a family name, and of both together."""
SESSION_LIFE = timedelta(hours=12)


class Language(StrEnum):
    GERMAN = "de"
    FRENCH = "fr"
    ENGLISH = "en"


class AddressForm(StrEnum):
    """How a German speaker is addressed."""

    SIE = "sie"
    DU = "du"


class Role(StrEnum):
    """What a person is to the firm. The same human being in two roles is two persons with one account."""

    ORGANISER = "organiser"
    CONTACT = "contact"
    SIGNATORY = "signatory"  # Signs the agreement in the organiser's place, and has no account.
    CASEWORKER = "caseworker"
    CLIENT = "client"


class AddressInvalid(ProvisionError):
    status = 422
    says = N_("“%(address)s” is not an e-mail address that can receive mail: check it for typing errors.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class AddressMissing(AddressInvalid):
    says = N_("The e-mail address is missing: type it in.")

    def __init__(self, address: str = "") -> None:
        super().__init__(address)


class AddressUnwritable(AddressInvalid):
    """Right, and of no use as long as the mail server does not take it."""

    says = N_(
        "“%(address)s” has letters before the @ that our mail server cannot write to: give an address that has only "
        "a to z, digits and signs there."
    )


class NameMissing(ProvisionError):
    status = 422
    says = N_("The name for %(address)s is missing: give at least a family name.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class AccountExists(ProvisionError):
    says = N_("There is already an account for %(address)s: sign in with its password.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class NoLongerInvited(ProvisionError):
    """The firm has withdrawn whom it had invited."""

    status = 410
    says = N_("This invitation has been withdrawn: ask whoever invited you if that is a mistake.")


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


class AccessEnded(ProvisionError):
    """Told only to who knows the password."""

    status = 403
    says = N_("Your access has been ended or paused: ask the firm that you work with, or that invited you.")


def email_address(written: str) -> str:
    """The address in the one form in which it is stored and compared; raises AddressMissing, AddressInvalid.

    However it was written: with capitals, with letters apart from their dots, with a domain of umlauts as people or as
    browsers write it (``xn--``), or as a link.
    """
    clean = one_line(written).removeprefix("mailto:")
    if not clean:
        raise AddressMissing
    try:
        found = validate_email(clean, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise AddressInvalid(_as_typed(clean)[:254]) from error
    return normalize("NFC", found.lower())


def _as_typed(address: str) -> str:
    """With a domain of umlauts as people write it, not as browsers send it (``xn--``)."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{idna.decode(domain)}" if "xn--" in domain else address
    except idna.IDNAError:
        return address


def writable_address(written: str) -> str:
    """The same of an address that is to be written to; raises AddressInvalid, and AddressUnwritable.

    Letters outside ASCII before the @ need a mail server that offers SMTPUTF8, by what it said last.
    """
    address = email_address(written)
    if not address.rpartition("@")[0].isascii() and not offers_smtputf8():
        raise AddressUnwritable(address)
    return address


def name_parts(name: str) -> tuple[str, str]:
    """Given and family name, each within its length; raises TextTooLong."""
    given, family = split_name(fitting(one_line(name), NAME_MOST))
    return fitting(given, PART_MOST), fitting(family, PART_MOST)


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


class Account(Base):
    """A login: one address, one password."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("is_operator OR NOT is_manager", name="manager_is_operator"),
        CheckConstraint("(absent_from IS NULL) = (absent_until IS NULL)", name="absence_has_an_end"),
    )

    id: Mapped[Key]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str | None] = mapped_column(String(200))
    """Of an operator, who signs with it; people of a firm have theirs there."""
    password_hash: Mapped[str | None] = mapped_column(String(200))
    """None: none was set for our pages; a foreign identity provider may keep one, which does not open them."""
    external_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    is_operator: Mapped[bool] = mapped_column(default=False)
    is_manager: Mapped[bool] = mapped_column(default=False)
    """An operator who also looks after the other operators, see ``models.operator``."""
    deactivated_at: Mapped[Instant | None]
    """When somebody ceased to be an operator."""
    absent_from: Mapped[date | None]
    absent_until: Mapped[date | None]
    """The last day of an operator's absence."""
    deputy_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    """Who gets an operator's mails as well during the absence."""
    language: Mapped[Language] = mapped_column(default=Language.GERMAN)
    address_form: Mapped[AddressForm] = mapped_column(default=AddressForm.SIE)
    """How an operator is written to and works; people of a firm have manners of their own there."""
    digest_at: Mapped[Instant | None]
    """When it was last looked what there is to tell this operator of the week."""
    confirmed_at: Mapped[Instant | None]
    """When the address was proven to be this person's."""
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
    def name_of(cls, session: Session, email: str) -> str | None:
        """Of an operator their own; else the one by which the newest firm knows whoever has this account."""
        theirs = select(Person.given_name + " " + Person.family_name).where(Person.account_id == cls.id)
        newest = theirs.order_by(Person.id.desc()).limit(1).correlate(cls).scalar_subquery()
        return session.scalars(
            select(func.coalesce(cls.name, func.trim(newest))).where(cls.email == email)
        ).one_or_none()

    @classmethod
    def kept_elsewhere(cls, session: Session, emails: Collection[str]) -> dict[str, Self]:
        """Of these addresses those that a foreign identity provider knows and has confirmed."""
        known = select(cls).where(cls.email.in_(emails), cls.external_id.is_not(None), cls.confirmed_at.is_not(None))
        return {account.email: account for account in session.scalars(known)}

    def keep_password(self, session: Session, hashed: str) -> None:
        """Keep what ``hash_password`` gave; every session of this account ends."""
        self.password_hash = hashed
        if self.id is not None:
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


def verify_password(known: str | None, password: str) -> str:
    """Give back the *known* hash if this is its password, else raise SignInRefused; without one after the same time.

    Takes a tenth of a second, so never within a transaction.
    """
    with _in_turn():
        try:
            _hasher().verify(known or _nobody(), _typed(password)[:PASSWORD_MAX])
        except (VerificationError, InvalidHashError) as error:
            raise SignInRefused from error
    if known is None:
        raise SignInRefused
    return known


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
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[Instant]

    @classmethod
    def start(cls, session: Session, account: Account, now: datetime) -> str:
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


class Person(Base):
    """Somebody in one role at one firm."""

    __tablename__ = "persons"
    EVIDENCE = (
        *("role", "email", "given_name", "family_name", "account_id"),
        *("registered_at", "withdrawn_at", "paused_at"),
    )
    __table_args__ = (
        UniqueConstraint("firm_id", "role", "email"),
        CheckConstraint("family_name <> ''", name="named"),
        # A firm has one organiser and one contact person at a time.
        Index(
            "uq_persons_one_organiser",
            "firm_id",
            unique=True,
            sqlite_where=text("role = 'organiser'"),
            postgresql_where=text("role = 'organiser'"),
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    role: Mapped[Role]
    email: Mapped[str] = mapped_column(String(254))
    given_name: Mapped[str] = mapped_column(String(100), default="")
    family_name: Mapped[str] = mapped_column(String(100))
    language: Mapped[Language] = mapped_column(default=Language.GERMAN)
    address_form: Mapped[AddressForm] = mapped_column(default=AddressForm.SIE)
    land: Mapped[Land | None]
    postcode: Mapped[str] = mapped_column(String(10), default="")
    """Where in the Land: some holidays are those of a town."""
    time_zone: Mapped[str] = mapped_column(String(60), default="Europe/Berlin")
    hours: Mapped[Hours] = mapped_column(HoursColumn, default=WORKING_HOURS)
    """When this person can be reached, by their own clock."""
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    added_at: Mapped[Instant]
    invited_at: Mapped[Instant | None]
    registered_at: Mapped[Instant | None]
    bounced_at: Mapped[Instant | None]
    """Mail to this address came back for good; nothing more is sent until it is corrected."""
    withdrawn_at: Mapped[Instant | None]
    """Not invited any longer, or without access for good: none of the firm's people, until named again."""
    paused_at: Mapped[Instant | None]
    """Without access, and written to no more, until taken back."""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @classmethod
    def of(cls, session: Session, firm_id: int, role: Role) -> list[Self]:
        """The firm's people in this role, in the order in which they were added."""
        here = select(cls).where(cls.firm_id == firm_id, cls.role == role, cls.withdrawn_at.is_(None))
        return list(session.scalars(here.order_by(cls.id)))

    @classmethod
    def behind(cls, session: Session, account_id: int) -> list[Self]:
        """Who the holder of this account is at the firms that give them access, in the order of being added."""
        mine = select(cls).where(cls.account_id == account_id, cls.withdrawn_at.is_(None), cls.paused_at.is_(None))
        return list(session.scalars(mine.order_by(cls.id)))

    @classmethod
    def one(cls, session: Session, firm_id: int, role: Role) -> Self | None:
        return next(iter(cls.of(session, firm_id, role)), None)

    @classmethod
    def organiser(cls, session: Session, firm_id: int) -> Self:
        """Every firm has one; raises NotFound."""
        person = cls.one(session, firm_id, Role.ORGANISER)
        if person is None:
            raise NotFound("Organiser")
        return person

    def rename(self, name: str) -> None:
        """Call the person so; the name that is there already leaves its parts as they are, however they were told."""
        if one_line(name) != self.name:
            self.given_name, self.family_name = name_parts(name)

    def call(self, given_name: str, family_name: str) -> None:
        """Name the person as they do it themselves; raises NameMissing or TextTooLong, each at its field."""
        given, family = one_line(given_name), one_line(family_name)
        if not has_letter(family):
            raise NameMissing(self.email)
        self.given_name = fitting(given, PART_MOST, "given_name")
        self.family_name = fitting(family, PART_MOST, "family_name")
        fitting(self.name, NAME_MOST, "family_name")

    def call_as_kept(self, given_name: str, family_name: str) -> None:
        """The same, by what another system keeps of them: a part without a letter, as “-” where it took no empty one,
        says nothing, and the one that is there stays.
        """
        self.call(
            given_name if has_letter(given_name) else self.given_name,
            family_name if has_letter(family_name) else self.family_name,
        )

    def give_way(self, name: str, email: str) -> None:
        """Somebody else, or somebody anew, takes this role: nothing is known of them but name and address."""
        self.rename(name)
        self.email = email
        self.account_id = self.invited_at = self.registered_at = None
        self.bounced_at = self.withdrawn_at = self.paused_at = None

    def register(self, session: Session, before: str | None, hashed: str, now: datetime) -> Account:
        """Make or join the account of this address, whose holder has followed a link sent to it.

        *before* is the hash that the account had when *hashed* was made of what was typed, or verified by it. Who has
        a password keeps it, and the right one joins; whose password is with a foreign identity provider gets one for
        our pages. Raises SignInRefused if the account has got another password since.
        """
        account = Account.by_email(session, self.email) or Account(email=self.email, created_at=now)
        if account.password_hash != before:
            raise SignInRefused
        if before is None:
            account.keep_password(session, hashed)
        session.add(account)
        session.flush()
        account.confirmed_at = account.confirmed_at or now
        self.join(account, now)
        return account

    def join(self, account: Account, now: datetime) -> None:
        """Open the firm to the person with this account from now on; nothing changes if one does already."""
        self.account_id = self.account_id or account.id
        self.registered_at = self.registered_at or now
