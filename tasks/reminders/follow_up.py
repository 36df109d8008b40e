"""Following up on contacts who were invited: how far each has come, and when they are reminded next."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.clients.access import seen_by
from models.clients.card import Phone
from models.clients.client import Client, ClientContact
from models.clients.standing import Standing, standing_of
from models.company_id import company_number
from models.db import reading
from models.errors import N_, NotFound
from models.firm import Firm
from models.link import Link, Opening, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from models.people.staff import Staff
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.clients.pending import Mark, Sought, counted, pending
from tasks.people.sessions import Membership
from tasks.reminders.waits import WaitLine, waits_of

SHOWN = 50
AT_ONCE = 500
"""So many a list that is read from the beginning to the end takes at a time."""
INVITES = (MailKind.INVITATION, MailKind.GRANTED)
"""Mails with a link to a password."""


@dataclass(frozen=True)
class Waiting:
    """One contact who is not active yet."""

    person: Person
    standing: Standing
    accounts: list[tuple[int, str]]
    """Keys and names of those of their accounts that are seen."""
    phones: list[Phone]
    mail: Outgoing | None
    """The newest with a link to a password."""
    opened_at: datetime | None
    expires_at: datetime | None
    wait: WaitLine | None
    """How often they were reminded, and what comes next."""

    @property
    def is_silent(self) -> bool:
        """The last reminder was not answered either."""
        return self.wait is not None and self.wait.next_at is None and self.wait.held is None


@dataclass(frozen=True)
class PendingList:
    """One page of those who are sought, in the order in which they were named."""

    rows: list[Waiting]
    counts: dict[Mark | None, int]
    after: int | None
    """Behind whom the next page begins; None: these are the last."""


def listed(member: Membership, sought: Sought, after: int = 0) -> PendingList:
    """The contacts behind the one *after* that this member sees and that are sought, SHOWN at a time.

    It takes as many statements for many as for one. Raises NotFound.
    """
    with reading() as session:
        at = now()
        counts = counted(session, member, sought, at)
        keys = _keys(session, member, sought, after, SHOWN + 1, at)
        shown = keys[:SHOWN]
        return PendingList(_rows(session, member, shown), counts, shown[-1] if len(keys) > SHOWN else None)


def everybody(member: Membership, sought: Sought) -> Iterator[Waiting]:
    """All of them, AT_ONCE at a time."""
    after = 0
    while True:
        with reading() as session:
            keys = _keys(session, member, sought, after, AT_ONCE, now())
            rows = _rows(session, member, keys)
        yield from rows
        if len(keys) < AT_ONCE:
            return
        after = keys[-1]


def told(member: Membership, sought: Sought) -> Iterator[dict[str, Any]]:
    """The same as plain values, for machines."""
    for row in everybody(member, sought):
        person, mail, wait = row.person, row.mail, row.wait
        yield {
            "id": person.id,
            "name": person.name,
            "email": person.email,
            "accounts": [{"id": client_id, "name": name} for client_id, name in row.accounts],
            "state": row.standing.state.value,
            "invited_at": _written(person.invited_at),
            "sent_at": _written(mail.created_at if mail else None),
            "delivered_at": _written(mail.delivered_at if mail else None),
            "bounced_at": _written(person.bounced_at),
            "opened_at": _written(row.opened_at),
            "expires_at": _written(row.expires_at),
            "reminders": wait.sent if wait else 0,
            "next_reminder_at": _written(wait.next_at if wait and not wait.held and not wait.follow else None),
            "reminders_held": wait.held.value if wait and wait.held else None,
            "to_be_called": row.is_silent,
            "phones": [phone.number for phone in row.phones],
            "hours": person.hours.text("en"),
        }


def _written(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def owner_of(firm_id: int) -> Membership:
    """Who sees all of this firm; raises NotFound."""
    with reading() as session:
        case, owner = Onboarding.of_firm(session, firm_id), Person.organiser(session, firm_id)
        held = Staff.of(session, [owner])[owner.id]
        firm = case.firm
        return Membership(owner.id, firm_id, firm.name, firm.company_id, owner.role, owner.name, case.id, held)


def case_of_company(company_id: str) -> int | None:
    """The case of the firm with this company ID; empty: of none in particular. Raises NumberInvalid, NotFound."""
    if not company_id.strip():
        return None
    number = company_number(company_id)
    with reading() as session:
        cases = select(Onboarding.id).join(Firm, Firm.id == Onboarding.firm_id).where(Firm.company_id == number)
        case_id = session.scalars(cases).one_or_none()
    if case_id is None:
        raise NotFound(N_("The firm"))
    return case_id


def _keys(session: Session, member: Membership, sought: Sought, after: int, most: int, at: datetime) -> list[int]:
    people = pending(session, member, sought, at).where(Person.id > after)
    return list(session.scalars(people.order_by(Person.id).limit(most)))


def _rows(session: Session, member: Membership, keys: Sequence[int]) -> list[Waiting]:
    people = list(session.scalars(select(Person).where(Person.id.in_(keys)).order_by(Person.id)))
    standings, phones = standing_of(session, people), Phone.of(session, keys)
    links = select(Link.person_id, Link.expires_at, Opening.opened_at).outerjoin(Opening, Opening.link_id == Link.id)
    links = links.where(Link.person_id.in_(keys), Link.purpose == Purpose.ACTIVATE)
    ways = {person_id: (expires_at, opened_at) for person_id, expires_at, opened_at in session.execute(links)}
    mails = select(Outgoing).where(Outgoing.person_id.in_(keys), Outgoing.kind.in_(INVITES)).order_by(Outgoing.id)
    newest = {mail.person_id: mail for mail in session.scalars(mails)}
    places = select(ClientContact.person_id, Client.id, Client.name)
    places = places.join(Client, Client.id == ClientContact.client_id).where(ClientContact.person_id.in_(keys))
    places = places.where(seen_by(member.person_id, member.rights)).order_by(Client.name, Client.id)
    accounts: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for person_id, client_id, name in session.execute(places):
        accounts[person_id].append((client_id, name))
    waits = {line.person_id: line for line in waits_of(session, member.case_id, Reminder.person_id.in_(keys))}
    rows = []
    for person in people:
        expires_at, opened_at = ways.get(person.id, (None, None))
        rows.append(
            Waiting(
                person=person,
                standing=standings[person.id],
                accounts=accounts[person.id],
                phones=phones.get(person.id, []),
                mail=newest.get(person.id),
                opened_at=opened_at,
                expires_at=expires_at if person.invited_at is not None else None,
                wait=waits.get(person.id),
            )
        )
    return rows
