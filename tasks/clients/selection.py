"""What is done with a selection of accounts at once: put away, tagged, put into a portfolio, assigned.

Each act leaves out accounts that the member does not see and those that are so already, and says how many it changed;
where it changed none, nothing is kept in the trail.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.orm import Session

from models.audit import Parts, record, subject
from models.clients.client import Client, ClientContact
from models.clients.label import LabelMissing
from models.clients.portfolio import Portfolio, PortfolioClient
from models.clients.tag import ClientTag, Tag
from models.db import transaction
from models.errors import Faults
from models.onboarding import Onboarding
from models.time.clock import now
from tasks.clients import assignment, grants
from tasks.clients.accounts import account_of, case_of, visible_to
from tasks.clients.contacts import read_tags
from tasks.people.sessions import Membership


def archive(member: Membership, by: str, client_ids: Collection[int], *, away: bool = True) -> int:
    """Put accounts away, so that nobody sees them in the portal and no list shows them, or take them back."""
    with transaction() as session:
        case, at = case_of(session, member), now()
        unlike = Client.archived_at.is_(None) if away else Client.archived_at.is_not(None)
        clients = _selected(session, member, client_ids, unlike)
        for client in clients:
            client.archived_at = at if away else None
        ids = [client.id for client in clients]
        Client.settle(session, Client.id.in_(ids))
        if not away:
            theirs = select(ClientContact.person_id).where(ClientContact.client_id.in_(ids))
            grants.remind_again(session, case, session.scalars(theirs).all())
        return _record(session, case, by, "client.archived" if away else "client.restored", clients)


def tag(member: Membership, by: str, client_ids: Collection[int], names: str, *, off: bool = False) -> int:
    """Give these accounts these tags (apart by commas), or take them away; one that nobody knows is not made by that.

    Raises FormRefused where one cannot be a tag, or none is named.
    """
    faults = Faults()
    with transaction() as session:
        case = case_of(session, member)
        clients = _selected(session, member, client_ids)
        named = read_tags(faults, names)
        if not named and not faults:
            faults["tags"] = LabelMissing()
        faults.check()
        if not clients:
            return 0
        tags = Tag.known(session, member.firm_id, named) if off else Tag.named(session, member.firm_id, named)
        ids, keys = [client.id for client in clients], [tag.id for tag in tags]
        there = ClientTag.client_id.in_(ids), ClientTag.tag_id.in_(keys)
        if off:
            gone = delete(ClientTag).where(*there).returning(ClientTag.client_id)
            changed = set(session.scalars(gone))
        else:
            held = {(row.client_id, row.tag_id) for row in session.scalars(select(ClientTag).where(*there))}
            new = [pair for pair in ((client, key) for client in ids for key in keys) if pair not in held]
            if new:
                session.execute(insert(ClientTag), [{"client_id": client, "tag_id": key} for client, key in new])
            changed = {client for client, _ in new}
        clients = [client for client in clients if client.id in changed]
        return _record(session, case, by, "client.untagged" if off else "client.tagged", clients, tags=keys)


def put_in_portfolio(member: Membership, by: str, client_ids: Collection[int], portfolio_id: int) -> int:
    """These accounts belong to the portfolio as well. Raises LabelGone."""
    with transaction() as session:
        case = case_of(session, member)
        (portfolio,) = Portfolio.chosen(session, member.firm_id, [portfolio_id])
        inside = select(PortfolioClient.client_id).where(PortfolioClient.portfolio_id == portfolio.id)
        clients = _selected(session, member, client_ids, Client.id.not_in(inside))
        if clients:
            rows = [{"portfolio_id": portfolio.id, "client_id": client.id} for client in clients]
            session.execute(insert(PortfolioClient), rows)
        return _record(session, case, by, "client.put_in_portfolio", clients, portfolio=portfolio.id)


def leave_portfolio(member: Membership, by: str, client_id: int, portfolio_id: int) -> None:
    """The account belongs to this portfolio no longer. Raises NotFound."""
    with transaction() as session:
        case = case_of(session, member)
        client = account_of(session, member, client_id)
        mine = PortfolioClient.portfolio_id == portfolio_id, PortfolioClient.client_id == client.id
        if session.execute(delete(PortfolioClient).where(*mine).returning(PortfolioClient.id)).first() is not None:
            _record(session, case, by, "client.left_portfolio", [client], portfolio=portfolio_id)


def assign(member: Membership, by: str, client_ids: Collection[int], person_id: int) -> int:
    """Give a member access to these accounts, and tell them of those that they did not see.

    Raises MemberGone if that is none of the firm's people.
    """
    with transaction() as session:
        case = case_of(session, member)
        clients = _selected(session, member, client_ids)
        given = assignment.give_accounts(session, case, clients, person_id, by)
        return _record(session, case, by, "access.given", given, persons=[person_id])


def _selected(
    session: Session, member: Membership, client_ids: Collection[int], *which: ColumnElement[bool]
) -> list[Client]:
    """Those of these accounts that the member sees."""
    return list(session.scalars(select(Client).where(visible_to(member), Client.id.in_(client_ids), *which)))


def _record(
    session: Session, case: Onboarding, by: str, action: str, clients: Sequence[Client], **facts: object
) -> int:
    """One entry for all of them, which stands in the history of each; returns how many they are."""
    if clients:
        ids = [client.id for client in clients]
        names = Parts((subject(client), {str(client.id): client.name}) for client in clients)
        record(session, case.id, now(), action, by, clients=ids, accounts=names, **facts)
    return len(clients)
