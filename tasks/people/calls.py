"""Contacts who have not answered the last reminder either: whoever looks after their accounts is asked to call them.

Who is to be called follows from the waits themselves, so that an entry of the inbox is settled by whatever ends one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, select, text
from sqlalchemy.orm import Session

from models.clients.access import assigned_to_each, seen_by
from models.clients.card import Phone
from models.clients.client import Client, ClientContact
from models.db import reading
from models.onboarding import Onboarding
from models.people.notice import Notice, NoticeKind
from models.people.person import PENDING, Person
from models.people.staff import Rank, Rights, Staff
from models.reminders.cadence import WaitKind
from models.reminders.reminder import Reminder
from tasks.people.sessions import Visitor

NAMED = 5
"""So many stand in an entry; of the others it says how many they are."""


@dataclass(frozen=True)
class ToCall:
    """Who of an entry is still to be called."""

    count: int
    people: list[tuple[Person, list[Phone]]]
    """The first of them, with their numbers."""


def ask_to_call(session: Session, silent: Sequence[Person], now: datetime) -> None:
    """Tell each member who looks after one of these contacts, in the one entry that they have not opened yet.

    Whoever falls silent later is told of in the same, until it is opened.
    """
    contacts = {person.id: person for person in silent}
    told: dict[int, list[Person]] = defaultdict(list)
    firms: dict[int, int] = {}
    for member, contact_id, _ in assigned_to_each(session, silent):
        told[member.id].append(contacts[contact_id])
        firms[member.id] = member.firm_id
    waiting = _unread().where(Notice.person_id.in_(told)).order_by(Notice.id).with_for_update()
    entries = {entry.person_id: entry for entry in session.scalars(waiting)}
    for member_id, people in told.items():
        entry = entries.get(member_id)
        if entry is not None:
            entry.facts = {**entry.facts, "count": entry.facts.get("count", 1) + len(people)}
            continue
        facts = {"name": people[0].name, "count": len(people)}
        path = f"/firm/{firms[member_id]}/accounts/pending?mark=silent"
        session.add(Notice(person_id=member_id, kind=NoticeKind.CALL, facts=facts, path=path, created_at=now))


def settle_calls(session: Session, case: Onboarding, now: datetime) -> None:
    """An entry of which nobody is to be called any more is done, whoever has read it."""
    session.flush()
    mine = _unread().join(Person, Person.id == Notice.person_id).where(Person.firm_id == case.firm_id)
    entries = session.scalars(mine.order_by(Notice.id).with_for_update(of=Notice)).all()
    if not entries:
        return
    members = select(Person).where(Person.id.in_([entry.person_id for entry in entries]))
    rights = Staff.of(session, list(session.scalars(members)))
    left = [exists(_silent(Reminder.id, case.id, entry, rights[entry.person_id])) for entry in entries]
    for entry, is_left in zip(entries, session.execute(select(*left)).one(), strict=True):
        if not is_left:
            entry.open(now)


def to_call(visitor: Visitor, entries: Sequence[Notice]) -> dict[int, ToCall]:
    """Of each of these entries of the visitor that asks to call and is not opened who is still to be called."""
    roles = {membership.person_id: membership for membership in visitor.memberships}
    found = {}
    with reading() as session:
        for entry in entries:  # One for each firm at most.
            if entry.kind is NoticeKind.CALL and entry.read_at is None:
                role = roles[entry.person_id]
                which = role.case_id, entry, role.rights
                people = session.scalars(_silent(Person, *which).order_by(Person.id).limit(NAMED)).all()
                count = session.scalars(_silent(func.count(), *which)).one()
                phones = Phone.of(session, [person.id for person in people])
                found[entry.id] = ToCall(count, [(person, phones.get(person.id, [])) for person in people])
    return found


def _unread() -> Select[tuple[Notice]]:
    return select(Notice).where(Notice.kind == NoticeKind.CALL, Notice.read_at.is_(None))


def _silent(what: Any, case_id: int, entry: Notice, rights: Rights) -> Select[Any]:
    """What is asked of the contacts of whom this entry tells, and who are silent still."""
    looks_after = seen_by(entry.person_id, rights._replace(rank=Rank.STAFF))
    places = select(ClientContact.id).join(Client, Client.id == ClientContact.client_id)
    places = places.where(ClientContact.person_id == Person.id, ClientContact.login, looks_after)
    waits = select(what).select_from(Reminder).join(Person, Person.id == Reminder.person_id)
    waits = waits.where(Reminder.onboarding_id == case_id, Reminder.kind == WaitKind.CLIENT)
    waits = waits.where(Reminder.followed_at >= entry.created_at, Reminder.ended_at.is_(None), text(PENDING))
    return waits.where(exists(places.where(Client.archived_at.is_(None)).correlate(Person)))
