"""A client's account with the firm, and the places of people at it."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    case,
    exists,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, validates
from sqlalchemy.orm.attributes import set_committed_value

from models.clients.address import PostalAddress, vat_id
from models.clients.naming import NAME_MOST, ClientNameMissing, account_name
from models.db import MUTE, TELLS, Base, Facts, Instant, Key, tells_of
from models.errors import N_, Faults, NotFound, ProvisionError
from models.firm import WEBSITE_MOST, folded, website_address
from models.people.person import Person
from models.text import fitting, one_line

NUMBER_MOST = 40


class ClientKind(StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"


class ClientState(StrEnum):
    """How far the contacts of an account are."""

    ACTIVE = "active"
    """One of them signs in."""
    PENDING = "pending"
    """Somebody is invited, and none has activated the access."""
    PREPARED = "prepared"
    """Somebody may sign in, and nobody is invited yet."""
    CLOSED = "closed"
    """Nobody has access."""
    ARCHIVED = "archived"


@lru_cache(maxsize=8192)
def name_key(name: str) -> str:
    """By which accounts of this name, and of names that resemble it, are looked for: the words in the order of the
    alphabet, without capitals, accents and signs, umlauts written out.
    """
    return " ".join(sorted(re.findall(r"[^\W_]+", folded(name))))[:NAME_MOST]


def _key_of(column: str) -> Callable[[Any], str]:
    """The key of what is written to this column, wherever rows are made."""
    return lambda context: name_key(str(context.get_current_parameters().get(column) or ""))


class CustomerNumberTaken(ProvisionError):
    says = N_("The customer number “%(number)s” is that of %(client)s: give another one, or leave it empty.")

    def __init__(self, number: str, client: str) -> None:
        super().__init__(number, client)
        self.number = number
        self.client = client


class Client(PostalAddress, Base):
    """A client's account with the firm: a company, or a person or family."""

    __tablename__ = "clients"
    __table_args__ = (
        UniqueConstraint("firm_id", "number"),
        UniqueConstraint("firm_id", "form_key"),
        # Lists are paged by these, and accounts are counted.
        Index(
            "ix_clients_there",
            "firm_id",
            "name",
            "id",
            sqlite_where=text("archived_at IS NULL"),
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index("ix_clients_state", "firm_id", "state", "name", "id"),
        Index("ix_clients_in_turn", "firm_id", "id"),  # Other systems read them as they came.
        # Files of clients are compared with the accounts by these.
        Index("ix_clients_name_key", "firm_id", "name_key"),
        Index(
            "ix_clients_company_key",
            "firm_id",
            "company_key",
            sqlite_where=text("company_key <> ''"),
            postgresql_where=text("company_key <> ''"),
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    kind: Mapped[ClientKind] = mapped_column(default=ClientKind.INDIVIDUAL)
    name: Mapped[str] = mapped_column(String(NAME_MOST), info=TELLS)
    is_named_by_hand: Mapped[bool] = mapped_column(default=False)
    """Somebody has written the name; else it follows the company's name, or the first contact's."""
    company_name: Mapped[str] = mapped_column(String(NAME_MOST), default="", info=TELLS)
    name_key: Mapped[str] = mapped_column(String(NAME_MOST), default=_key_of("name"), info=TELLS)
    """The name as it is looked for, see ``models.clients.naming``; follows it."""
    company_key: Mapped[str] = mapped_column(String(NAME_MOST), default=_key_of("company_name"), info=TELLS)
    number: Mapped[str | None] = mapped_column(String(NUMBER_MOST), info=TELLS)
    """The firm's own number of the client; text, for some begin with 0."""
    website: Mapped[str] = mapped_column(String(WEBSITE_MOST), default="", info=TELLS)
    vat_id: Mapped[str] = mapped_column(String(20), default="", info=TELLS)
    fields: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What the firm's own fields hold, by their numbers, see ``models.clients.custom_field``."""
    particulars: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What a file told that has no place of its own: ``phones``, ``emails``, ``note``."""
    folder_template_id: Mapped[int | None] = mapped_column(ForeignKey("folder_templates.id"), index=True)
    """None: the folders that every account has, see ``models.clients.folders``."""
    state: Mapped[ClientState] = mapped_column(default=ClientState.PREPARED)
    """Follows its contacts, see ``settle``: so that of very many accounts those in a state are found and counted."""
    form_key: Mapped[str | None] = mapped_column(String(40), info=MUTE)
    """Of the form that opened it, and all that was typed there: the same once more opens none."""
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
        """The firm's own account, locked and as it is now; raises NotFound for that of another firm as well."""
        client = session.get(cls, client_id, with_for_update=True, populate_existing=True)
        if client is None or client.firm_id != firm_id:
            raise NotFound(N_("The account"))
        return client

    @validates("name", "company_name")
    def _key(self, field: str, value: str | None) -> str | None:
        setattr(self, {"name": "name_key", "company_name": "company_key"}[field], name_key(value or ""))
        return value

    @classmethod
    def settle(cls, session: Session, *which: ColumnElement[bool]) -> None:
        """Bring the state of these accounts up to date with their contacts, in one statement.

        Called by whatever changes LOGIN, who is a contact, and whether they are invited or active.
        """
        session.flush()
        at = select(ClientContact.id).join(Person, Person.id == ClientContact.person_id)
        at = at.where(ClientContact.client_id == cls.id, ClientContact.login, Person.withdrawn_at.is_(None))
        state = case(
            (cls.archived_at.is_not(None), ClientState.ARCHIVED.value),
            (exists(at.where(Person.registered_at.is_not(None))), ClientState.ACTIVE.value),
            (exists(at.where(Person.invited_at.is_not(None))), ClientState.PENDING.value),
            (exists(at), ClientState.PREPARED.value),
            else_=ClientState.CLOSED.value,
        )
        change = update(cls).where(*which).values(state=state)
        session.execute(change.execution_options(synchronize_session=False))
        loaded = {row.id: row for row in session.identity_map.values() if isinstance(row, cls)}
        if loaded:
            for key, settled in session.execute(select(cls.id, cls.state).where(cls.id.in_(loaded))):
                set_committed_value(loaded[key], "state", settled)

    @classmethod
    def settle_of(cls, session: Session, people: Collection[int]) -> None:
        """The same of the accounts at which these people are."""
        theirs = select(ClientContact.client_id).where(ClientContact.person_id.in_(people))
        cls.settle(session, cls.id.in_(theirs))

    def call(self, written: str, of_contact: str) -> None:
        """Name the account as somebody wrote it; empty: by the company's name or, for a person, *of_contact*.

        Raises ClientNameMissing where nothing is left to call it.
        """
        by_itself = self.company_name if self.kind is ClientKind.COMPANY else of_contact[:NAME_MOST].strip()
        if not (one_line(written) or by_itself):
            raise ClientNameMissing
        self.is_named_by_hand = bool(one_line(written)) and one_line(written) != by_itself
        self.name = account_name(written if self.is_named_by_hand else by_itself)

    def follow(self, of_contact: str) -> None:
        """A name that nobody wrote follows the company or the contact that it comes from."""
        if not self.is_named_by_hand:
            self.call("", of_contact)

    def describe(
        self, session: Session, faults: Faults, written: Mapping[str, str], of_contact: str | None = None
    ) -> None:
        """Take over what a form says of the account; what does not fit is among the faults.

        *of_contact* is what a person's account is called by itself; None: it is not known yet.
        """
        self.kind = next((kind for kind in ClientKind if kind == written.get("kind")), ClientKind.INDIVIDUAL)
        is_company = self.kind is ClientKind.COMPANY
        with faults.at("company_name"):
            self.company_name = fitting(one_line(written.get("company_name", "")), NAME_MOST) if is_company else ""
        with faults.at("number"):
            self.give_number(session, written.get("number", ""))
        with faults.at("website"):
            self.website = website_address(written.get("website", ""))
        with faults.at("vat_id"):
            self.vat_id = vat_id(written.get("vat_id", ""))
        self.locate(faults, written)
        name = one_line(written.get("name", ""))
        if is_company or name or of_contact is not None:
            with faults.at("company_name" if is_company and not name else "name"):
                self.call(name, of_contact or "")

    @property
    def standing(self) -> dict[str, str]:
        """As ``describe`` reads it."""
        return {
            "kind": self.kind.value,
            "name": self.name if self.is_named_by_hand else "",
            "company_name": self.company_name,
            "number": self.number or "",
            **self.place,
            "website": self.website,
            "vat_id": self.vat_id,
        }

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
    form_key: Mapped[str | None] = mapped_column(String(64), info=MUTE)
    """Of the form that added the contact, and all that was typed there: the same once more adds nobody."""
    told_at: Mapped[Instant | None]
    """When a mail told the contact of this account: the invitation, or that they can see it as well."""

    @property
    def is_employee(self) -> bool:
        """Neither commercial nor operational contact."""
        return not (self.is_commercial or self.is_operational)
