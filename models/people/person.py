"""People, as one firm knows each of them: name, address, role, language.

The same human being may be a caseworker of one firm and a client of another with one account (``models.people.login``).
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import TELLS, Base, Instant, Key
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.people.login import Login, SignInRefused
from models.people.manners import AddressForm, Language
from models.people.names import has_letter, split_name
from models.text import fitting, one_line
from models.time.hours import WORKING_HOURS, Hours, HoursColumn
from models.time.land import Land

PART_MOST, NAME_MOST = 100, 200
"""Characters of a given or a family name, and of both together."""


ADDRESSED = "persons.email <> ''"
"""Said of whoever is looked for by address: else SQLite does not see that the index of addresses knows them all."""
UNINVITED = "invited_at IS NULL AND NOT invitation_waits AND email <> ''"
PENDING = (
    "persons.role = 'client' AND persons.withdrawn_at IS NULL AND persons.registered_at IS NULL "
    "AND persons.invited_at IS NOT NULL"
)
"""Said of clients who were invited and are not active, so that SQLite sees that an index knows them all."""
UNADDRESSED = "persons.role = 'client' AND persons.withdrawn_at IS NULL AND persons.email = ''"
"""The same of clients to whom no mail can be sent."""


class Role(StrEnum):
    """What a person is to the firm. The same human being in two roles is two persons with one account."""

    ORGANISER = "organiser"
    CONTACT = "contact"
    SIGNATORY = "signatory"  # Signs the agreement in the organiser's place, and has no account.
    SUCCESSOR = "successor"  # Is asked to become the organiser, and was nobody at the firm before.
    CASEWORKER = "caseworker"
    CLIENT = "client"


class NameMissing(ProvisionError):
    status = 422
    says = N_("The name for %(address)s is missing: give at least a family name.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class NoLongerInvited(ProvisionError):
    """The firm has withdrawn whom it had invited."""

    status = 410
    says = N_("This invitation has been withdrawn: ask whoever invited you if that is a mistake.")


class AccessEnded(ProvisionError):
    """Told only to who knows the password."""

    status = 403
    says = N_("Your access has been ended or paused: ask the firm that you work with, or that invited you.")


UNUSED = (Role.SUCCESSOR, Role.SIGNATORY, Role.CONTACT)
"""What a row may be that nobody is any more, while somebody takes its role with its address."""


def name_parts(name: str) -> tuple[str, str]:
    """Given and family name, each within its length; raises TextTooLong."""
    given, family = split_name(fitting(one_line(name), NAME_MOST))
    return fitting(given, PART_MOST), fitting(family, PART_MOST)


class Person(Base):
    """Somebody in one role at one firm."""

    __tablename__ = "persons"
    EVIDENCE = (
        *("role", "email", "given_name", "family_name", "account_id"),
        *("registered_at", "withdrawn_at", "paused_at"),
    )
    __table_args__ = (
        # A client may have no address; whoever has one is one person in that role.
        Index(
            "uq_persons_address",
            "firm_id",
            "role",
            "email",
            unique=True,
            sqlite_where=text("email <> ''"),
            postgresql_where=text("email <> ''"),
        ),
        CheckConstraint("email <> '' OR role = 'client'", name="reachable"),
        CheckConstraint("family_name <> ''", name="named"),
        # A firm has one organiser and one contact person at a time.
        Index(
            "uq_persons_one_organiser",
            "firm_id",
            unique=True,
            sqlite_where=text("role = 'organiser'"),
            postgresql_where=text("role = 'organiser'"),
        ),
        # A firm may have a hundred thousand clients: they are counted, paged and looked for by these.
        *(
            Index(f"ix_persons_{name}", "firm_id", "role", "id", sqlite_where=text(which), postgresql_where=text(which))
            for name, which in (
                ("there", "withdrawn_at IS NULL"),
                ("uninvited", f"withdrawn_at IS NULL AND {UNINVITED}"),
                ("active", "withdrawn_at IS NULL AND registered_at IS NOT NULL"),
            )
        ),
        *(
            Index(name, "firm_id", "id", *more, sqlite_where=text(which), postgresql_where=text(which))
            for name, more, which in (
                ("ix_persons_pending", ("bounced_at",), PENDING.replace("persons.", "")),
                ("ix_persons_unaddressed", (), UNADDRESSED.replace("persons.", "")),
            )
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    role: Mapped[Role]
    email: Mapped[str] = mapped_column(String(254), info=TELLS)
    """Empty: of a client who has none, and no access."""
    given_name: Mapped[str] = mapped_column(String(100), default="", info=TELLS)
    family_name: Mapped[str] = mapped_column(String(100), info=TELLS)
    language: Mapped[Language] = mapped_column(default=Language.GERMAN, info=TELLS)
    address_form: Mapped[AddressForm] = mapped_column(default=AddressForm.SIE, info=TELLS)
    land: Mapped[Land | None] = mapped_column(info=TELLS)
    postcode: Mapped[str] = mapped_column(String(10), default="", info=TELLS)
    """Where in the Land: some holidays are those of a town."""
    time_zone: Mapped[str] = mapped_column(String(60), default="Europe/Berlin", info=TELLS)
    hours: Mapped[Hours] = mapped_column(HoursColumn, default=WORKING_HOURS, info=TELLS)
    """When this person can be reached, by their own clock."""
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    added_at: Mapped[Instant]
    invited_at: Mapped[Instant | None]
    invitation_waits: Mapped[bool] = mapped_column(default=False)
    """Access is prepared first: nobody is invited before somebody says so."""
    registered_at: Mapped[Instant | None]
    bounced_at: Mapped[Instant | None]
    """Mail to this address came back for good; nothing more is sent until it is corrected."""
    address_confirmed_at: Mapped[Instant | None]
    """When they said, by a link sent there, that the address is theirs; an account says more, see ``Login``."""
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
        return list(session.scalars(cls.there(firm_id, role)))

    @classmethod
    def there(cls, firm_id: int, role: Role) -> Select[tuple[Self]]:
        """The same as a statement, for roles in which there may be very many."""
        people = select(cls).where(cls.firm_id == firm_id, cls.role == role, cls.withdrawn_at.is_(None))
        return people.order_by(cls.id)

    @classmethod
    def count(cls, session: Session, firm_id: int, role: Role, *which: ColumnElement[bool]) -> int:
        """How many the firm has in this role, of those *which*."""
        people = select(func.count()).where(
            cls.firm_id == firm_id, cls.role == role, cls.withdrawn_at.is_(None), *which
        )
        return session.scalars(people).one()

    @classmethod
    def behind(cls, session: Session, account_id: int) -> list[Self]:
        """Who the holder of this account is at the firms that give them access, in the order of being added."""
        mine = cls._behind(account_id).where(Firm.closed_at.is_(None)).order_by(cls.id)
        return list(session.scalars(mine))

    @classmethod
    def shut_out(cls, session: Session, account_id: int) -> Firm | None:
        """The firm that would give the holder of this account access if its own account had not been closed."""
        gone = cls._behind(account_id).where(Firm.closed_at.is_not(None)).with_only_columns(Firm)
        return session.scalars(gone.order_by(Firm.closed_at.desc()).limit(1)).first()

    @classmethod
    def _behind(cls, account_id: int) -> Select[tuple[Self]]:
        there = select(cls).join(Firm, Firm.id == cls.firm_id)
        return there.where(cls.account_id == account_id, cls.withdrawn_at.is_(None), cls.paused_at.is_(None))

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

    def take_role(self, session: Session, role: Role, now: datetime) -> list[Self]:
        """Be this to the firm from now on; returns who else was changed by that.

        Only one row has one address in one role: another of theirs in this role, which nobody uses, takes one in which
        there is none.
        """
        mine = select(type(self)).where(
            Person.firm_id == self.firm_id, Person.email == self.email, Person.id != self.id
        )
        others = {other.role: other for other in session.scalars(mine.with_for_update())}
        double = others.get(role)
        if double is not None:
            double.withdrawn_at = double.withdrawn_at or now
            double.role = next(one for one in UNUSED if one not in others)
            session.flush()
        self.role = role
        session.flush()
        return [double] if double is not None else []

    def give_way(self, name: str, email: str) -> None:
        """Somebody else, or somebody anew, takes this role: nothing is known of them but name and address."""
        self.rename(name)
        self.email = email
        self.account_id = self.invited_at = self.registered_at = None
        self.bounced_at = self.withdrawn_at = self.paused_at = self.address_confirmed_at = None

    def register(self, session: Session, before: str | None, hashed: str, now: datetime) -> Login:
        """Make or join the account of this address, whose holder has followed a link sent to it.

        *before* is the hash that the account had when *hashed* was made of what was typed, or verified by it. Who has
        a password keeps it, and the right one joins; whose password is with a foreign identity provider gets one for
        our pages, and so does who comes after somebody else has set one for an address that nobody had proven. Raises
        SignInRefused if the account has got another password since.
        """
        account = Login.by_email(session, self.email) or Login(email=self.email, created_at=now)
        if account.proven_hash != before:
            raise SignInRefused
        if before is None:
            account.keep_password(session, hashed)
        session.add(account)
        session.flush()
        account.confirmed_at = account.confirmed_at or now
        self.join(account, now)
        return account

    def join(self, account: Login, now: datetime) -> None:
        """Open the firm to the person with this account from now on; nothing changes if one does already."""
        self.account_id = self.account_id or account.id
        self.registered_at = self.registered_at or now


class Known(NamedTuple):
    """An account and what its holder is called."""

    id: int
    name: str | None


def known_account(session: Session, email: str) -> Known | None:
    """The account of this address; of an operator with their own name, else with that by which the newest firm knows
    whoever has it.
    """
    names = select(Person.given_name + " " + Person.family_name).where(Person.account_id == Login.id)
    newest = names.order_by(Person.id.desc()).limit(1).correlate(Login).scalar_subquery()
    named = select(Login.id, func.coalesce(Login.name, func.trim(newest))).where(Login.email == email)
    row = session.execute(named).one_or_none()
    return Known(*row) if row else None


def account_name(session: Session, email: str) -> str | None:
    known = known_account(session, email)
    return known and known.name
