"""What a client sees after signing in: their accounts, what each opens, whom to ask; and what the portal is told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.orm import Session

from models.clients.access import ClientAccess, assigned
from models.clients.card import Phone
from models.clients.client import Client, ClientContact
from models.clients.function import Function
from models.clients.group import Group, GroupMember, functions_of
from models.clients.portfolio import PortfolioClient, PortfolioMember
from models.clients.recipients import Item, gets
from models.clients.words import ClientWords, holds
from models.db import reading
from models.errors import NotFound
from models.firm import Firm
from models.logo import Logo
from models.people.person import Person, Role
from models.settings import settings
from models.text import one_line
from tasks.people.sessions import Membership

ACCOUNTS_SHOWN, BESIDE_SHOWN, STAFF_SHOWN = 100, 10, 5
HANDED_AT_ONCE = 200
"""Contacts of an account that the portal is told at once."""


@dataclass(frozen=True)
class AccountList:
    """Some of the accounts that somebody sees, by firm, then in the order of the alphabet."""

    accounts: dict[int, list[Client]]
    """By the firm's id."""
    search: str
    first: bool
    after: int | None
    """Behind which account the next ones stand; None: these are the last."""

    @property
    def only(self) -> int | None:
        """The account of who sees no other one."""
        all_of_them = [client for clients in self.accounts.values() for client in clients]
        is_all = self.first and self.after is None and not self.search
        return all_of_them[0].id if is_all and len(all_of_them) == 1 else None


@dataclass(frozen=True)
class AccountView:
    """One account, as a contact of it sees it."""

    client: Client
    firm: Firm
    has_logo: bool
    functions: list[Function]
    gets: list[Item]
    staff: list[Person]
    """Who looks after it, those first of whom that was said in particular."""
    more_staff: int
    """How many others do."""
    ask: Person | None
    """Whom the firm has named for correspondence, else its organiser."""
    phones: list[Phone]
    """Of whom to ask."""
    beside: list[Client]
    """Some of the accounts between which the contact can switch, this one among them; empty: there is no other."""
    more_beside: bool


def accounts(memberships: Sequence[Membership], search: str = "", after: int = 0) -> AccountList:
    """The accounts that the visitor sees as a client, ACCOUNTS_SHOWN at a time, from behind the one *after* on.

    *search* is looked for in their names and numbers, however it is spelled.
    """
    words, people = one_line(search), _people(memberships)
    visible = select(Client).where(*_seen(people))
    if words:
        visible = visible.join(ClientWords, ClientWords.client_id == Client.id).where(holds(words, ClientWords.names))
    with reading() as session:
        if after:
            keys = select(Client.firm_id, Client.name, Client.id).where(Client.id == after, *_seen(people))
            begin = session.execute(keys).tuples().one_or_none() or (0, "", 0)
            visible = visible.where(
                tuple_(Client.firm_id, Client.name, Client.id) > tuple_(*(literal(key) for key in begin))
            )
        rows = list(session.scalars(visible.order_by(*_ORDER).limit(ACCOUNTS_SHOWN + 1)))
    shown = rows[:ACCOUNTS_SHOWN]
    by_firm: dict[int, list[Client]] = {}
    for client in shown:
        by_firm.setdefault(client.firm_id, []).append(client)
    return AccountList(by_firm, words, not after, shown[-1].id if len(rows) > len(shown) else None)


_ORDER = (Client.firm_id, Client.name, Client.id)


def _people(memberships: Sequence[Membership]) -> list[int]:
    """Who the visitor is to firms as a client; who is paused or withdrawn is none."""
    return [membership.person_id for membership in memberships if membership.role is Role.CLIENT]


def _seen(people: Collection[int]) -> tuple[ColumnElement[bool], ...]:
    """Accounts at work that one of these people may see, as a contact or by a portfolio."""
    own = select(ClientContact.client_id).where(ClientContact.person_id.in_(people), ClientContact.login)
    sets = select(PortfolioClient.client_id)
    sets = sets.join(PortfolioMember, PortfolioMember.portfolio_id == PortfolioClient.portfolio_id)
    sets = sets.where(PortfolioMember.person_id.in_(people))
    return Client.id.in_(own.union(sets)), Client.archived_at.is_(None)


def account(memberships: Sequence[Membership], client_id: int) -> AccountView:
    """One of these accounts; raises NotFound for any other."""
    people = _people(memberships)
    with reading() as session:
        client = session.scalars(select(Client).where(Client.id == client_id, *_seen(people))).one_or_none()
        if client is None:
            raise NotFound(f"Client {client_id}")
        firm = session.get_one(Firm, client.firm_id)
        person = session.scalars(
            select(Person).where(Person.id.in_(people), Person.firm_id == firm.id).order_by(Person.id)
        ).first()
        assert person is not None  # Else the account would not be seen.
        staff = _staff(session, client)
        ask = next(filter(None, (Person.one(session, firm.id, role) for role in (Role.CONTACT, Role.ORGANISER))), None)
        beside = list(
            session.scalars(select(Client).where(*_seen(people)).order_by(*_ORDER).limit(BESIDE_SHOWN + 1)),
        )
        others = [one for one in beside if one.id != client.id]
        return AccountView(
            client=client,
            firm=firm,
            has_logo=Logo.of(session, firm.id) is not None,
            functions=functions_of(firm, _groups(session, [person.id]).get(person.id, [])),
            gets=_gets(session, client.id, person),
            staff=staff[:STAFF_SHOWN],
            more_staff=max(0, len(staff) - STAFF_SHOWN),
            ask=ask,
            phones=_phones(session, ask),
            beside=[client, *others[: BESIDE_SHOWN - 1]] if others else [],
            more_beside=len(others) > BESIDE_SHOWN - 1,
        )


def _staff(session: Session, client: Client) -> list[Person]:
    said = select(ClientAccess.person_id).where(ClientAccess.client_id == client.id, ClientAccess.has_access)
    in_particular = set(session.scalars(said))
    return sorted(assigned(session, client.firm_id, [client.id]), key=lambda person: person.id not in in_particular)


def _phones(session: Session, person: Person | None) -> list[Phone]:
    if person is None:
        return []
    theirs = select(Phone).where(Phone.person_id == person.id)
    return list(session.scalars(theirs.order_by(Phone.is_primary.desc(), Phone.id)))


def _groups(session: Session, people: Collection[int]) -> dict[int, list[Group]]:
    """The groups of these contacts, by the contact."""
    rows = select(GroupMember.person_id, Group).join(Group, Group.id == GroupMember.group_id)
    of: dict[int, list[Group]] = {}
    for person_id, group in session.execute(rows.where(GroupMember.person_id.in_(people))).tuples():
        of.setdefault(person_id, []).append(group)
    return of


def _gets(session: Session, client_id: int, person: Person) -> list[Item]:
    place = select(ClientContact).where(ClientContact.client_id == client_id, ClientContact.person_id == person.id)
    return what(session.scalars(place).one_or_none(), person.email, by_portfolio=True)


def what(contact: ClientContact | None, email: str, *, by_portfolio: bool) -> list[Item]:
    """What somebody gets about an account: by their place at it, and by a portfolio that it is in, if they have one."""
    own = gets(contact, email) if contact is not None else []
    sees = by_portfolio and bool(email) and Item.PORTAL not in own
    return [Item.PORTAL, *own] if sees else own


def portal(*parts: object) -> str:
    """The address in the portal; empty where it is not open yet."""
    url = settings().portal_url
    return "/".join([url, *map(str, parts)]) if url and all(parts) else ""


# ---- for the portal itself


@dataclass(frozen=True)
class Handed:
    """One person who has to do with an account, as the portal is told."""

    person: Person
    contact: ClientContact | None
    """Their place at the account; None: they see it by a portfolio alone."""
    by_portfolio: bool
    gets: list[Item]
    """Nothing while their access is paused, or once the account is archived."""
    functions: list[Function]
    """What they may use there; nothing of an account that they do not see."""


@dataclass(frozen=True)
class HandedPage:
    client: Client
    people: list[Handed]
    after: int | None
    """Behind whom the next ones stand; None: these are the last."""


def handed(company_id: int, *, client_id: int | None, number: str | None, after: int = 0) -> HandedPage:
    """The people of an account and what they get, HANDED_AT_ONCE at a time; raises NotFound."""
    with reading() as session:
        firm = Firm.by_company_id(session, company_id)
        which = Client.id == client_id if client_id is not None else Client.number == number
        client = session.scalars(select(Client).where(Client.firm_id == firm.id, which)).one_or_none()
        if client is None:
            raise NotFound(str(number if client_id is None else client_id))
        sets = select(PortfolioMember.person_id)
        sets = sets.join(PortfolioClient, PortfolioClient.portfolio_id == PortfolioMember.portfolio_id)
        sets = sets.where(PortfolioClient.client_id == client.id)
        own = select(ClientContact.person_id).where(ClientContact.client_id == client.id)
        people = select(Person).where(Person.id.in_(own.union(sets)), Person.withdrawn_at.is_(None), Person.id > after)
        rows = list(session.scalars(people.order_by(Person.id).limit(HANDED_AT_ONCE + 1)))
        shown = rows[:HANDED_AT_ONCE]
        ids = [person.id for person in shown]
        places = select(ClientContact).where(ClientContact.client_id == client.id, ClientContact.person_id.in_(ids))
        contacts = {contact.person_id: contact for contact in session.scalars(places)}
        by_portfolio = set(session.scalars(sets.where(PortfolioMember.person_id.in_(ids))))
        groups = _groups(session, ids)
    told = []
    for person in shown:
        contact, is_member = contacts.get(person.id), person.id in by_portfolio
        rests = person.paused_at is not None or client.archived_at is not None
        items = [] if rests else what(contact, person.email, by_portfolio=is_member)
        functions = functions_of(firm, groups.get(person.id, [])) if Item.PORTAL in items else []
        told.append(Handed(person, contact, is_member, items, functions))
    return HandedPage(client, told, shown[-1].id if len(rows) > len(shown) else None)
