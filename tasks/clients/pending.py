"""Contacts who were invited and are not active yet: which there are, how many, and how they are found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select, text
from sqlalchemy.orm import Session

from models.clients.access import seen_by
from models.clients.client import ClientContact
from models.clients.group import GroupMember
from models.clients.tag import ClientTag, ContactTag
from models.clients.words import found
from models.errors import N_, NotFound
from models.link import Link, Opening, Purpose
from models.people.person import PENDING, UNADDRESSED, Person
from models.people.staff import Rank, Staff
from models.reminders.cadence import WaitKind
from models.reminders.reminder import Reminder
from models.text import one_line
from tasks.people.sessions import Membership


class Mark(StrEnum):
    """What is looked for among them; one contact may have several."""

    BOUNCED = "bounced"
    """Mail to the address comes back."""
    EXPIRED = "expired"
    """The newest link is good no more."""
    UNOPENED = "unopened"
    OPENED = "opened"
    """Somebody or something has opened the page behind the link: mail servers do that too."""
    SILENT = "silent"
    """The last reminder was not answered either: to be called."""
    UNADDRESSED = "unaddressed"
    """Nobody can be invited without an address: not among those who are pending, and counted apart."""


@dataclass(frozen=True)
class Sought:
    """Which of them are asked for."""

    mark: Mark | None = None
    search: str = ""
    """Words from names, number and place of their accounts, and from the names and addresses of these' contacts."""
    tag: int = 0
    """Of the contact, or of an account of theirs."""
    group: int = 0
    member: int = 0
    """Contacts at an account that this one of the firm's people has access to."""

    @property
    def everyone(self) -> "Sought":
        """The same whatever their mark."""
        return replace(self, mark=None)


def pending(session: Session, member: Membership, sought: Sought, at: datetime) -> Select[tuple[int]]:
    """The contacts that this member sees and that are sought, as a statement of their ids.

    Raises NotFound for a member of another firm.
    """
    which = select(Person.id).where(*_conditions(session, member, sought))
    if sought.mark is None or sought.mark is Mark.UNADDRESSED:
        return which
    return _joined(which).where(_marks(member, at)[sought.mark])


def counted(session: Session, member: Membership, sought: Sought, at: datetime) -> dict[Mark | None, int]:
    """How many there are with each mark, whatever mark is sought; None: of all who are pending."""
    marks = _marks(member, at)
    sums = [func.sum(case((marks[mark], 1), else_=0)) for mark in SUMMED]
    rows = select(func.count(), *sums).select_from(Person).where(*_conditions(session, member, sought.everyone))
    total, *each = session.execute(_joined(rows)).one()
    without = replace(sought, mark=Mark.UNADDRESSED)
    unaddressed = select(func.count()).select_from(Person).where(*_conditions(session, member, without))
    counts: dict[Mark | None, int] = dict(zip(SUMMED, (count or 0 for count in each), strict=True))
    counts |= {None: total, Mark.UNOPENED: total - counts[Mark.OPENED]}
    counts[Mark.UNADDRESSED] = session.scalars(unaddressed).one()
    return counts


SUMMED = (Mark.BOUNCED, Mark.EXPIRED, Mark.OPENED, Mark.SILENT)
"""What is asked of each row, of columns that indexes hold: rows themselves are wide. The others follow."""


def _marks(member: Membership, at: datetime) -> Mapping[Mark, ColumnElement[bool]]:
    """What tells that somebody has a mark, of rows that are ``_joined``."""
    silent = select(Reminder.person_id).where(
        Reminder.onboarding_id == member.case_id,
        Reminder.kind == WaitKind.CLIENT,
        Reminder.followed_at.is_not(None),
        Reminder.ended_at.is_(None),
    )
    return {
        Mark.BOUNCED: Person.bounced_at.is_not(None),
        Mark.EXPIRED: Link.expires_at <= at,
        Mark.UNOPENED: Opening.link_id.is_(None),
        Mark.OPENED: Opening.link_id.is_not(None),
        Mark.SILENT: Person.id.in_(silent),
        Mark.UNADDRESSED: Person.email == "",
    }


def _joined(rows: Select[Any]) -> Select[Any]:
    """With the link of each person and its opening, where there are such."""
    link = and_(Link.person_id == Person.id, Link.purpose == Purpose.ACTIVATE)
    return rows.outerjoin(Link, link).outerjoin(Opening, Opening.link_id == Link.id)


def _conditions(session: Session, member: Membership, sought: Sought) -> list[Any]:
    kind = text(UNADDRESSED if sought.mark is Mark.UNADDRESSED else PENDING)
    which: list[Any] = [Person.firm_id == member.firm_id, kind]
    # By the ids of accounts alone: by the firm, or the accounts, SQLite would try each of them with each contact.
    account = ClientContact.client_id
    places = select(ClientContact.person_id)
    seen = places.where(seen_by(member.person_id, member.rights, account))
    here = ClientContact.person_id == Person.id
    if not member.rights.sees_all:
        which.append(exists(seen.where(here).correlate(Person)))
    if one_line(sought.search):
        which.append(Person.id.in_(seen.where(account.in_(found(member.firm_id, sought.search)))))
    if sought.tag:
        tagged = seen.join(ClientTag, ClientTag.client_id == account).where(ClientTag.tag_id == sought.tag)
        theirs = select(ContactTag.person_id).where(ContactTag.tag_id == sought.tag)
        which.append(or_(Person.id.in_(tagged), Person.id.in_(theirs)))
    if sought.group:
        which.append(Person.id.in_(select(GroupMember.person_id).where(GroupMember.group_id == sought.group)))
    if sought.member:
        colleague = session.get(Person, sought.member)
        if colleague is None or colleague.firm_id != member.firm_id:
            raise NotFound(N_("The person"))
        rights = Staff.of(session, [colleague])[colleague.id]
        within = seen_by(colleague.id, rights._replace(rank=Rank.STAFF), account)
        both = places.where(within, seen_by(member.person_id, member.rights, account))
        which.append(exists(both.where(here).correlate(Person)))
    return which
