"""The firm's clients: an account (who the mandate is for) and its contacts (the people who sign in)."""

from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.db import TELLS, Base, Instant, Key, tells_of


class ClientKind(StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"


class Client(Base):
    """A client's account with the firm."""

    __tablename__ = "clients"

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    kind: Mapped[ClientKind] = mapped_column(default=ClientKind.INDIVIDUAL)
    name: Mapped[str] = mapped_column(String(200), info=TELLS)
    created_at: Mapped[Instant]


class ClientContact(Base):
    """One person's access to one client account."""

    __tablename__ = "client_contacts"
    __table_args__ = (UniqueConstraint("client_id", "person_id"),)

    id: Mapped[Key]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), index=True)
    login: Mapped[bool] = mapped_column(default=True)
    message: Mapped[str] = mapped_column(String(1000), default="", info=tells_of("invited_by"))
    """The personal words of the invitation, plain text."""
    invited_by: Mapped[str] = mapped_column(String(200), default="", info=TELLS)
    """Name of who invites, as the invitation says it."""
