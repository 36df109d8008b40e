"""How a contact stands with an account: what is switched on, how far they have come, and what is left to do."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.link import Link, Purpose
from models.people.login import Login
from models.people.person import Person
from models.time.clock import now


class Switch(StrEnum):
    """What is switched on and off of one contact at one account."""

    LOGIN = "login"
    NOTIFY = "notify"
    EMAIL_SYNC = "email_sync"
    COMMERCIAL = "commercial"
    MAIN_COMMERCIAL = "main_commercial"
    OPERATIONAL = "operational"


COLUMNS = {
    Switch.LOGIN: "login",
    Switch.NOTIFY: "notify",
    Switch.EMAIL_SYNC: "email_sync",
    Switch.COMMERCIAL: "is_commercial",
    Switch.MAIN_COMMERCIAL: "is_main_commercial",
    Switch.OPERATIONAL: "is_operational",
}


class Todo(StrEnum):
    """What is still to do about a contact before they can get in, or be written to."""

    ADDRESS_BAD = "address_bad"
    PASSWORD_MISSING = "password_missing"  # noqa: S105
    EMAIL_UNCONFIRMED = "email_unconfirmed"


def todos(person: Person, login: Login | None) -> list[Todo]:
    """What is left to do about this contact, whose account is *login*; nothing about who has no address."""
    if not person.email:
        return []
    is_proven = person.address_confirmed_at is not None or (login is not None and login.confirmed_at is not None)
    left = {
        Todo.ADDRESS_BAD: person.bounced_at is not None,
        Todo.PASSWORD_MISSING: person.registered_at is None and (login is None or person.account_id != login.id),
        Todo.EMAIL_UNCONFIRMED: not is_proven,
    }
    return [todo for todo, is_left in left.items() if is_left]


def todos_of(session: Session, people: Sequence[Person]) -> dict[int, list[Todo]]:
    """The same of many, by the person's id, in one query."""
    keys = [person.account_id for person in people if person.account_id is not None]
    logins = {login.id: login for login in session.scalars(select(Login).where(Login.id.in_(keys)))}
    return {person.id: todos(person, logins.get(person.account_id or 0)) for person in people}


class State(StrEnum):
    """How far a contact has come on the way into the portal."""

    UNREACHABLE = "unreachable"
    NOT_INVITED = "not_invited"
    BOUNCED = "bounced"
    INVITED = "invited"
    EXPIRED = "expired"
    PASSWORD_GIVEN = "password_given"  # noqa: S105
    ACTIVE = "active"
    PAUSED = "paused"


class Standing(NamedTuple):
    """A contact's state, and until when the newest link is good."""

    state: State
    until: datetime | None = None


def standing_of(session: Session, people: Sequence[Person]) -> dict[int, Standing]:
    """How far each of these contacts has come, by the person's id, in one query."""
    links = select(Link.person_id, Link.expires_at).where(
        Link.person_id.in_([person.id for person in people]), Link.purpose == Purpose.ACTIVATE, Link.used_at.is_(None)
    )
    until = {person_id: expires_at for person_id, expires_at in session.execute(links) if person_id is not None}
    return {person.id: _standing(person, until.get(person.id), now()) for person in people}


def _standing(person: Person, until: datetime | None, at: datetime) -> Standing:
    is_so = {
        State.PAUSED: person.paused_at is not None,
        State.ACTIVE: person.registered_at is not None,
        State.UNREACHABLE: not person.email,
        State.BOUNCED: person.bounced_at is not None,
        State.PASSWORD_GIVEN: person.account_id is not None,
        State.NOT_INVITED: person.invited_at is None,
        State.EXPIRED: until is not None and until <= at,
        State.INVITED: True,
    }
    state = next(state for state, holds in is_so.items() if holds)
    return Standing(state, until if state in {State.INVITED, State.EXPIRED} else None)
