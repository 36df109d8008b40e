"""Accounts that are called after their first contact, or in the firm's name format, follow both."""

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import Session

from models.clients.client import Client, ClientContact, ClientKind
from models.clients.naming import NAME_MOST, NameFormat, filed_as
from models.clients.words import refold, refold_of
from models.people.person import Person

RENAMED_AT_ONCE = 1000


def rename(session: Session, person: Person, name_format: NameFormat) -> None:
    """Call the accounts so that are named after this person, who is called otherwise from now on; all are found."""
    session.flush()
    first = select(func.min(ClientContact.id)).group_by(ClientContact.client_id)
    theirs = select(Client).join(ClientContact).where(ClientContact.person_id == person.id, ClientContact.id.in_(first))
    for client in session.scalars(theirs.where(Client.kind == ClientKind.INDIVIDUAL)):
        client.follow(filed_as(person.given_name, person.family_name, name_format))
    refold_of(session, person)


def followers(firm_id: int) -> tuple[ColumnElement[bool], ...]:
    """Which accounts are called after their first contact, since nobody has named them otherwise."""
    return Client.firm_id == firm_id, Client.kind == ClientKind.INDIVIDUAL, Client.is_named_by_hand.is_(False)


def rename_some(session: Session, firm_id: int, name_format: NameFormat, after: int) -> tuple[int, int | None]:
    """Call the next accounts behind *after* by this format that follow their first contact, if called otherwise.

    Gives how many there were, and behind which the next ones stand; None: these were the last. A name that would
    be too long stays.
    """
    first = select(func.min(ClientContact.id)).where(ClientContact.client_id == Client.id)
    rows = select(Client.id, Person.given_name, Person.family_name)
    rows = rows.join(ClientContact, ClientContact.id == first.correlate(Client).scalar_subquery())
    rows = rows.join(Person, Person.id == ClientContact.person_id)
    filed = _filed_as(name_format)
    rows = rows.where(*followers(firm_id), Client.name != filed, func.length(filed) <= NAME_MOST)
    rows = rows.where(Client.id > after).order_by(Client.id).limit(RENAMED_AT_ONCE)
    batch = session.execute(rows.with_for_update(of=Client)).all()
    if batch:
        changes = [{"id": key, "name": filed_as(given, family, name_format)} for key, given, family in batch]
        session.execute(update(Client), changes)
        refold(session, [key for key, *_ in batch])
    return len(batch), batch[-1].id if len(batch) == RENAMED_AT_ONCE else None


def _filed_as(name_format: NameFormat) -> ColumnElement[str]:
    """``filed_as`` of a person in SQL."""
    both = {
        NameFormat.FAMILY_FIRST: Person.family_name + ", " + Person.given_name,
        NameFormat.GIVEN_FIRST: Person.given_name + " " + Person.family_name,
    }
    return case((Person.given_name == "", Person.family_name), else_=both[name_format])
