"""A client's account with the firm, and the places of people at it."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    case,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, validates

from models.clients.address import HOME, country_code, postcode, vat_id
from models.clients.naming import NAME_MOST, ClientNameMissing, NameFormat, account_name, filed_as
from models.db import TELLS, Base, Facts, Instant, Key, tells_of
from models.errors import N_, NotFound, ProvisionError
from models.firm import CITY_MOST, STREET_MOST, WEBSITE_MOST, spellings, website_address
from models.people.person import Person
from models.text import fitting, one_line

NUMBER_MOST = 40


RENAMED_AT_ONCE = 1000


def searched(*words: str | None) -> str:
    """Names and number of an account as a search compares them."""
    return " ".join(spellings(" ".join(word or "" for word in words)))


class ClientKind(StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"


class CustomerNumberTaken(ProvisionError):
    says = N_("The customer number “%(number)s” is that of %(client)s: give another one, or leave it empty.")

    def __init__(self, number: str, client: str) -> None:
        super().__init__(number, client)
        self.number = number
        self.client = client


class Client(Base):
    """A client's account with the firm: a company, or a person or family."""

    __tablename__ = "clients"
    __table_args__ = (
        UniqueConstraint("firm_id", "number"),
        # A list is paged by these.
        Index("ix_clients_firm_id_name", "firm_id", "name", "id"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    kind: Mapped[ClientKind] = mapped_column(default=ClientKind.INDIVIDUAL)
    name: Mapped[str] = mapped_column(String(NAME_MOST), info=TELLS)
    is_named_by_hand: Mapped[bool] = mapped_column(default=False)
    """Somebody has written the name; else it follows the company's name, or the first contact's."""
    company_name: Mapped[str] = mapped_column(String(NAME_MOST), default="", info=TELLS)
    number: Mapped[str | None] = mapped_column(String(NUMBER_MOST), info=TELLS)
    """The firm's own number of the client; text, for some begin with 0."""
    street: Mapped[str] = mapped_column(String(STREET_MOST), default="", info=TELLS)
    postcode: Mapped[str] = mapped_column(String(10), default="", info=TELLS)
    city: Mapped[str] = mapped_column(String(CITY_MOST), default="", info=TELLS)
    country: Mapped[str] = mapped_column(String(2), default=HOME, info=TELLS)
    website: Mapped[str] = mapped_column(String(WEBSITE_MOST), default="", info=TELLS)
    vat_id: Mapped[str] = mapped_column(String(20), default="", info=TELLS)
    fields: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What the firm's own fields hold, by their numbers, see ``models.clients.custom_field``."""
    folder_template_id: Mapped[int | None] = mapped_column(ForeignKey("folder_templates.id"), index=True)
    """None: the folders that every account has, see ``models.clients.folders``."""
    search: Mapped[str] = mapped_column(Text, info=TELLS)
    """Names and number as a search compares them; follows them."""
    created_at: Mapped[Instant]
    archived_at: Mapped[Instant | None]

    @classmethod
    def open(cls, session: Session, firm_id: int, kind: ClientKind, now: datetime, *, name: str, by_hand: bool) -> Self:
        """A new account; *name* is what it is called, *by_hand* if somebody has written it."""
        client = cls(firm_id=firm_id, kind=kind, name=account_name(name), is_named_by_hand=by_hand, created_at=now)
        session.add(client)
        session.flush()
        return client

    @classmethod
    def get(cls, session: Session, firm_id: int, client_id: int) -> Self:
        """The firm's own account, locked; raises NotFound for that of another firm as well."""
        client = session.get(cls, client_id, with_for_update=True)
        if client is None or client.firm_id != firm_id:
            raise NotFound(f"Client {client_id}")
        return client

    @validates("name", "company_name", "number")
    def _fold(self, field: str, value: str | None) -> str | None:
        words = {"name": self.name, "company_name": self.company_name, "number": self.number, field: value}
        self.search = searched(*words.values())
        return value

    def call(self, written: str, of_contact: str) -> None:
        """Name the account as somebody wrote it; empty: by the company's name or, for a person, *of_contact*.

        Raises ClientNameMissing where nothing is left to call it.
        """
        by_itself = self.company_name if self.kind is ClientKind.COMPANY else of_contact
        if not (one_line(written) or by_itself):
            raise ClientNameMissing
        self.is_named_by_hand = bool(one_line(written)) and one_line(written) != by_itself
        self.name = account_name(written if self.is_named_by_hand else by_itself)

    def follow(self, of_contact: str) -> None:
        """A name that nobody wrote follows the company or the contact that it comes from."""
        if not self.is_named_by_hand:
            self.call("", of_contact)

    def describe(self, *, street: str, postcode_written: str, city: str, country: str, website: str, vat: str) -> None:
        """Where it is and how it pays taxes; refuses what cannot be."""
        land = country_code(country)
        self.postcode = postcode(postcode_written, land)
        self.street, self.country = fitting(one_line(street), STREET_MOST, "street"), land
        self.city, self.website = fitting(one_line(city), CITY_MOST, "city"), website_address(website)
        self.vat_id = vat_id(vat)

    def give_number(self, session: Session, written: str) -> None:
        """The firm's own number of it, or none; raises CustomerNumberTaken."""
        number = fitting(one_line(written), NUMBER_MOST, "number") or None
        holder = select(Client.name).where(Client.firm_id == self.firm_id, Client.number == number)
        other = session.scalars(holder.where(Client.id != self.id)).first() if number else None
        if other is not None:
            raise CustomerNumberTaken(number or "", other)
        self.number = number


class ClientContact(Base):
    """One person's place at one client's account."""

    __tablename__ = "client_contacts"
    __table_args__ = (
        UniqueConstraint("client_id", "person_id"),
        # Of several commercial contacts one gets the invoices.
        Index(
            "uq_client_contacts_one_main",
            "client_id",
            unique=True,
            sqlite_where=text("is_main_commercial"),
            postgresql_where=text("is_main_commercial"),
        ),
    )

    id: Mapped[Key]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), index=True)
    login: Mapped[bool] = mapped_column(default=True)
    """May see the account in the portal; whether somebody was invited is another matter."""
    notify: Mapped[bool] = mapped_column(default=True)
    """Gets the mails of the portal, of reminders and to many about this account."""
    email_sync: Mapped[bool] = mapped_column(default=False)
    """Mail with this person is shown at the account."""
    is_commercial: Mapped[bool] = mapped_column(default=False)
    is_main_commercial: Mapped[bool] = mapped_column(default=False)
    is_operational: Mapped[bool] = mapped_column(default=False)
    message: Mapped[str] = mapped_column(String(1000), default="", info=tells_of("invited_by"))
    """The personal words of the invitation, plain text."""
    invited_by: Mapped[str] = mapped_column(String(200), default="", info=TELLS)
    """Name of who invites, as the invitation says it."""
    told_at: Mapped[Instant | None]
    """When a mail told the contact of this account: the invitation, or that they can see it as well."""

    @classmethod
    def rename(cls, session: Session, person: Person, name_format: NameFormat) -> None:
        """Call the accounts so that are named after this person, who is called otherwise from now on."""
        first = select(func.min(cls.id)).group_by(cls.client_id)
        theirs = select(Client).join(cls).where(cls.person_id == person.id, cls.id.in_(first))
        for client in session.scalars(theirs.where(Client.kind == ClientKind.INDIVIDUAL)):
            client.follow(filed_as(person.given_name, person.family_name, name_format))

    @classmethod
    def followers(cls, firm_id: int) -> tuple[ColumnElement[bool], ...]:
        """Which accounts are called after their first contact, since nobody has named them otherwise."""
        is_person = Client.kind == ClientKind.INDIVIDUAL
        return Client.firm_id == firm_id, is_person, Client.is_named_by_hand.is_(False)

    @classmethod
    def rename_some(cls, session: Session, firm_id: int, name_format: NameFormat, after: int) -> tuple[int, int | None]:
        """Call the next accounts behind *after* by this format that follow their first contact, if called otherwise.

        Gives how many there were, and behind which the next ones stand; None: these were the last. A name that would
        be too long stays.
        """
        first = select(func.min(cls.id)).where(cls.client_id == Client.id).correlate(Client).scalar_subquery()
        words = Client.id, Client.company_name, Client.number, Person.given_name, Person.family_name
        rows = select(*words).join(cls, cls.id == first).join(Person, Person.id == cls.person_id)
        filed = _filed_as(name_format)
        rows = rows.where(*cls.followers(firm_id), Client.name != filed, func.length(filed) <= NAME_MOST)
        rows = rows.where(Client.id > after).order_by(Client.id).limit(RENAMED_AT_ONCE)
        batch = session.execute(rows.with_for_update(of=Client)).all()
        names = {key: filed_as(given_name, family_name, name_format) for key, *_, given_name, family_name in batch}
        if batch:
            session.execute(
                update(Client),
                [
                    {"id": key, "name": names[key], "search": searched(names[key], company_name, number)}
                    for key, company_name, number, *_ in batch
                ],
            )
        return len(batch), batch[-1].id if len(batch) == RENAMED_AT_ONCE else None

    @property
    def is_employee(self) -> bool:
        """Neither commercial nor operational contact."""
        return not (self.is_commercial or self.is_operational)


def _filed_as(name_format: NameFormat) -> ColumnElement[str]:
    """``filed_as`` of a person in SQL."""
    both = {
        NameFormat.FAMILY_FIRST: Person.family_name + ", " + Person.given_name,
        NameFormat.GIVEN_FIRST: Person.given_name + " " + Person.family_name,
    }
    return case((Person.given_name == "", Person.family_name), else_=both[name_format])
