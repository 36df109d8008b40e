"""Which of a firm's people see which accounts: by default, unless it is said otherwise of one account."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, and_, exists, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from models.clients.client import Client, ClientContact
from models.db import Base, Key
from models.people.person import Person, Role
from models.people.staff import Rights, Staff


class ClientAccess(Base):
    """Of one account and one member something else than by default."""

    __tablename__ = "client_access"
    __table_args__ = (
        UniqueConstraint("client_id", "person_id"),
        Index("ix_client_access_person_id", "person_id", "client_id"),
    )

    id: Mapped[Key]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    has_access: Mapped[bool]

    @classmethod
    def say(cls, session: Session, client_id: int, person_id: int, has_access: bool) -> bool:
        """Whatever the default is, from now on this member has access to this account, or none; False: as before."""
        which = select(cls).where(cls.client_id == client_id, cls.person_id == person_id)
        row = session.scalars(which).one_or_none()
        if row is not None and row.has_access == has_access:
            return False
        row = row or cls(client_id=client_id, person_id=person_id)
        row.has_access = has_access
        session.add(row)
        session.flush()
        return True


def seen_by(person_id: int, rights: Rights, of: InstrumentedAttribute[int] = Client.id) -> ColumnElement[bool]:
    """Which accounts this member sees, whose id is *of*: owner and administrators all of them."""
    said = select(ClientAccess.id).where(ClientAccess.client_id == of, ClientAccess.person_id == person_id)
    if rights.sees_all:
        return true()
    if rights.has_default_access:
        return ~exists(said.where(ClientAccess.has_access.is_(False)))
    return exists(said.where(ClientAccess.has_access.is_(True)))


def assigned(session: Session, firm_id: int, client_ids: Collection[int]) -> list[Person]:
    """The members who look after one of these accounts at least, and can be told: active, not paused."""
    has_default = func.coalesce(Staff.has_default_access, true())
    said = select(ClientAccess.id).where(ClientAccess.person_id == Person.id)
    said_yes = said.where(ClientAccess.client_id.in_(client_ids), ClientAccess.has_access.is_(True))
    said_no = select(func.count(ClientAccess.id)).where(
        ClientAccess.person_id == Person.id,
        ClientAccess.client_id.in_(client_ids),
        ClientAccess.has_access.is_(False),
    )
    people = select(Person).outerjoin(Staff, Staff.person_id == Person.id)
    people = people.where(Person.firm_id == firm_id, Person.role.in_([Role.ORGANISER, Role.CASEWORKER]))
    people = people.where(Person.registered_at.is_not(None), Person.withdrawn_at.is_(None), Person.paused_at.is_(None))
    excluded_everywhere = said_no.scalar_subquery() >= len(set(client_ids))
    people = people.where(or_(exists(said_yes), and_(has_default, ~excluded_everywhere)))
    return list(session.scalars(people.order_by(Person.id)))


def assigned_to(session: Session, contact: Person) -> list[tuple[Person, int]]:
    """The members who look after an account that this contact may see, each with the first one of those.

    As ``assigned`` gives them for all of these accounts, however many they are.
    """
    return [(member, client_id) for member, _, client_id in assigned_to_each(session, [contact])]


def assigned_to_each(session: Session, contacts: Collection[Person]) -> list[tuple[Person, int, int]]:
    """The same of many: each member with each contact's key and the first account; in one statement."""
    people, firms = [contact.id for contact in contacts], {contact.firm_id for contact in contacts}
    sees = func.coalesce(ClientAccess.has_access, Staff.has_default_access, true())
    first = func.min(Client.id).label("client_id")
    pairs = select(Person.id, ClientContact.person_id.label("contact_id"), first)
    pairs = pairs.join(Client, Client.firm_id == Person.firm_id)
    pairs = pairs.join(ClientContact, and_(ClientContact.client_id == Client.id, ClientContact.login))
    pairs = pairs.outerjoin(Staff, Staff.person_id == Person.id)
    said = and_(ClientAccess.client_id == Client.id, ClientAccess.person_id == Person.id)
    pairs = pairs.outerjoin(ClientAccess, said).where(ClientContact.person_id.in_(people), sees)
    pairs = pairs.where(Person.firm_id.in_(firms), Person.role.in_([Role.ORGANISER, Role.CASEWORKER]))
    there = Person.registered_at.is_not(None), Person.withdrawn_at.is_(None), Person.paused_at.is_(None)
    each = pairs.where(*there).group_by(Person.id, ClientContact.person_id).subquery()
    rows = select(Person, each.c.contact_id, each.c.client_id).join(each, each.c.id == Person.id)
    ordered = session.execute(rows.order_by(Person.id, each.c.contact_id))
    return [(member, contact_id, client_id) for member, contact_id, client_id in ordered]
