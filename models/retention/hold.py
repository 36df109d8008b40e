"""Legal holds: of whom nothing goes for now, though its time is over.

Evidence that a court or an authority may ask for is kept until the hold ends or is lifted (Art. 17(3)(e) GDPR).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from models.clients.client import Client, ClientContact
from models.db import MUTE, TELLS, Base, Instant, Key
from models.link import Link
from models.onboarding import Onboarding
from models.people.api_token import ApiToken
from models.people.person import Person
from models.time.clock import local_day

REASON_MOST = 500


class Whose(StrEnum):
    """To whom a row belongs, as one of its columns says."""

    CASE = "case"
    FIRM = "firm"
    CLIENT = "client"
    PERSON = "person"
    LOGIN = "login"
    LINK = "link"
    TOKEN = "token"  # noqa: S105
    WHOLE = "whole"
    """A firm whose rows go together: a hold of any of its people or clients spares them all."""
    WHOLE_CASE = "whole_case"
    """The case of such a firm."""


class Hold(Base):
    """A firm, an account of a client of its, or a person, of whom nothing is removed until the end of a day."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("client_id IS NULL OR person_id IS NULL", name="of_one"),
        Index(
            "ix_holds_standing",
            "until",
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"))
    """Only this account of the firm's, and its contacts."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    """Only this one of the firm's people or contacts."""
    reason: Mapped[str] = mapped_column(String(REASON_MOST), info=TELLS)
    until: Mapped[date] = mapped_column(info=MUTE)
    """Its last day."""
    set_at: Mapped[Instant]
    set_by: Mapped[str] = mapped_column(String(254), info=TELLS)
    lifted_at: Mapped[Instant | None]
    lifted_by: Mapped[str | None] = mapped_column(String(254), info=TELLS)

    def stands(self, now: datetime) -> bool:
        return self.lifted_at is None and local_day(now) <= self.until


@dataclass(frozen=True)
class Holds:
    """All that stand at a moment. They are few: a statement names them."""

    firms: frozenset[int] = frozenset()
    clients: frozenset[int] = frozenset()
    people: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    """Firms of which anything is held."""

    @classmethod
    def standing(cls, session: Session, now: datetime) -> Self:
        rows = session.scalars(select(Hold).where(Hold.lifted_at.is_(None), Hold.until >= local_day(now))).all()
        clients = {row.client_id for row in rows if row.client_id is not None}
        people = {row.person_id for row in rows if row.person_id is not None}
        if clients:
            contacts = select(ClientContact.person_id).where(ClientContact.client_id.in_(clients))
            people |= {*session.scalars(contacts)}
        firms = {row.firm_id for row in rows if row.client_id is None and row.person_id is None}
        touched = {row.firm_id for row in rows}
        return cls(frozenset(firms), frozenset(clients), frozenset(people), frozenset(touched))

    def spare(self, whose: Mapping[Whose, InstrumentedAttribute[Any]]) -> list[ColumnElement[bool]]:
        """Which rows may go in spite of them, by the columns that say whose they are; nothing if none stands."""
        return [
            or_(column.is_(None), column.not_in(held)) for kind, column in whose.items() for held in self._held(kind)
        ]

    def _held(self, kind: Whose) -> list[Any]:
        """What is held of this kind, in parts that may be asked for."""
        of_firms = Person.firm_id.in_(self.firms)
        theirs = or_(of_firms, Person.id.in_(self.people))
        anybody = self.firms | self.people
        parts: dict[Whose, list[tuple[Collection[int], Any]]] = {
            Whose.FIRM: [(self.firms, self.firms)],
            Whose.WHOLE: [(self.touched, self.touched)],
            Whose.CASE: [(self.firms, select(Onboarding.id).where(Onboarding.firm_id.in_(self.firms)))],
            Whose.WHOLE_CASE: [(self.touched, select(Onboarding.id).where(Onboarding.firm_id.in_(self.touched)))],
            Whose.CLIENT: [
                (self.clients, self.clients),
                (self.firms, select(Client.id).where(Client.firm_id.in_(self.firms))),
            ],
            Whose.PERSON: [(self.people, self.people), (self.firms, select(Person.id).where(of_firms))],
            Whose.LOGIN: [(anybody, select(Person.account_id).where(Person.account_id.is_not(None), theirs))],
            Whose.LINK: [(anybody, select(Link.id).where(Link.person_id.in_(select(Person.id).where(theirs))))],
            Whose.TOKEN: [(self.firms, select(ApiToken.id).where(ApiToken.firm_id.in_(self.firms)))],
        }
        return [held for named, held in parts[kind] if named]
