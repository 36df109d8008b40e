"""By which words the accounts of a firm are found, however many there are.

Kept apart from the accounts, whose rows are wide: a search for a part of a word looks at every row there is.
"""

from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import ColumnElement, ForeignKey, Select, Text, and_, false, insert, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from models.clients.card import Card
from models.clients.client import Client, ClientContact
from models.db import TELLS, Base, Holds
from models.firm import spelled, spellings
from models.people.person import Person
from models.text import one_line


class ClientWords(Base):
    """What a search of one account looks through, as it compares it."""

    __tablename__ = "client_words"

    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), primary_key=True)
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    names: Mapped[str] = mapped_column(Text, info=TELLS)
    """Names, number and place of the account."""
    contacts: Mapped[str] = mapped_column(Text, info=TELLS)
    """Names and e-mail addresses of its contacts."""
    places: Mapped[str] = mapped_column(Text, info=TELLS)
    """Where the contacts live; apart, as nobody is called after a town by living there."""


EVERYWHERE = (ClientWords.names, ClientWords.contacts, ClientWords.places)


def folded(*words: str | None) -> str:
    """These words as a search compares them."""
    return _folded(" ".join(filter(None, words)).replace(",", " "))


@lru_cache(maxsize=8192)  # Very many live in one town.
def _folded(text: str) -> str:
    # Word by word, as the same ones stand in the name of an account and in that of its contact.
    ways = [spelled(word) for word in text.split()]
    one, other = zip(*ways, strict=True) if ways else ((), ())
    return " ".join(filter(None, one if one == other else one + other))


def holds(search: str, *columns: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether the words of an account hold all of *search*, however both are spelled; without a word none does."""
    ways = [spelling.split() for spelling in spellings(one_line(search))]
    looked = columns or EVERYWHERE
    return or_(
        false(), *(and_(*(or_(*(Holds(column, word) for column in looked)) for word in way)) for way in ways if way)
    )


def is_found(firm_id: int, search: str, *columns: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Which accounts of the firm hold all words of *search*, in *columns* or in any."""
    return Client.id.in_(found(firm_id, search, *columns))


def found(firm_id: int, search: str, *columns: InstrumentedAttribute[str]) -> Select[tuple[int]]:
    """The same accounts, as a statement of their ids."""
    return select(ClientWords.client_id).where(ClientWords.firm_id == firm_id, holds(search, *columns))


def refold(session: Session, client_ids: Collection[int]) -> None:
    """Find these accounts by what they and their contacts are called now, and where they are.

    Called by whatever changes that; for many accounts it takes as many statements as for one.
    """
    session.flush()
    places: dict[int, list[str]] = {client_id: [] for client_id in client_ids}
    contacts: dict[int, list[str]] = {client_id: [] for client_id in client_ids}
    people = select(ClientContact.client_id, Person.given_name, Person.family_name, Person.email)
    people = people.add_columns(Card.street, Card.postcode, Card.city)
    people = people.join(Person, Person.id == ClientContact.person_id).outerjoin(Card, Card.person_id == Person.id)
    for client_id, given_name, family_name, email, *place in session.execute(
        people.where(ClientContact.client_id.in_(client_ids)).order_by(ClientContact.id)
    ):
        contacts[client_id] += given_name, family_name, email
        places[client_id] += filter(None, place)
    own = select(Client.firm_id, Client.id, Client.name, Client.company_name, Client.number)
    own = own.add_columns(Client.street, Client.postcode, Client.city).where(Client.id.in_(client_ids))
    there = {words.client_id: words for words in _words(session, client_ids)}
    fresh = []
    for firm_id, client_id, *parts in session.execute(own):
        words = folded(*parts), folded(*contacts[client_id]), folded(*places[client_id])
        if kept := there.get(client_id):
            kept.names, kept.contacts, kept.places = words
        else:
            fresh.append({"firm_id": firm_id, "client_id": client_id, **dict(zip(_COLUMNS, words, strict=True))})
    if fresh:
        session.execute(insert(ClientWords), fresh)


_COLUMNS = [column.key for column in EVERYWHERE]


def _words(session: Session, client_ids: Collection[int]) -> list[ClientWords]:
    return list(session.scalars(select(ClientWords).where(ClientWords.client_id.in_(client_ids))))


def refold_of(session: Session, person: Person) -> None:
    """Find the accounts of this contact by the name and the addresses that they have now."""
    session.flush()
    theirs = select(ClientContact.client_id).where(ClientContact.person_id == person.id)
    refold(session, session.scalars(theirs).all())
