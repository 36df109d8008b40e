"""What the reminded say: not now, or not me."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hmac import compare_digest
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import record
from models.clients.client import ClientContact
from models.db import reading, transaction
from models.errors import N_, ProvisionError
from models.firm import Firm
from models.link import LinkUnknown, later_token
from models.onboarding import Onboarding, StepName
from models.people.person import Person
from models.reminders.cadence import Level
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.mail.address_holds import hold_person
from tasks.reminders.cadences import case_of, rhythms_of

LONGEST_PEACE = timedelta(days=60)
"""For so long a person may put reminders off."""


class DayTooFar(ProvisionError):
    status = 422
    says = N_("Choose a day from tomorrow on, at most %(days)s days from now.")

    def __init__(self, days: int) -> None:
        super().__init__(days)
        self.days = days


@dataclass(frozen=True)
class Asked:
    """Somebody behind the link of a reminder, and what is waited for."""

    person: Person
    firm: str
    steps: list[StepName]
    deferred_until: datetime | None


def asked(token: str) -> Asked:
    """Look behind the link in a reminder; nothing changes. Raises LinkUnknown."""
    with reading() as session:
        person = _behind(session, token)
        waits = _waits_for(session, person)
        peace = max((wait.not_before for wait in waits if wait.not_before is not None), default=None)
        return Asked(
            person=person,
            firm=session.get_one(Firm, person.firm_id).name,
            steps=[wait.step for wait in waits if wait.step is not None],
            deferred_until=peace if peace is not None and peace > now() else None,
        )


def defer(token: str, day: date) -> None:
    """Remind this person of nothing before that day; raises DayTooFar and changes nothing then."""
    with transaction() as session:
        person, at = _behind(session, token), now()
        zone = ZoneInfo(person.time_zone)
        until = datetime.combine(day, time(), zone)
        if not timedelta() < day - at.astimezone(zone).date() <= LONGEST_PEACE:
            raise DayTooFar(LONGEST_PEACE.days)
        case_id = case_of(session, Level.PERSON, person.id)
        Onboarding.get(session, case_id).require_going()
        rhythms = rhythms_of(session, case_id)
        for wait in _waits_for(session, person):
            wait.not_before = until
            wait.plan(rhythms[wait.kind], person)
        record(session, case_id, at, "reminders.deferred", person, person=person.id, until=f"{day}")


def not_me(token: str) -> int:
    """Whoever reads the address is not the person: write there no more, ask an operator. Returns the case's id.

    Nothing is asked about somebody whom nobody writes to any longer.
    """
    with transaction() as session:
        person, at = _behind(session, token), now()
        case_id = case_of(session, Level.PERSON, person.id)
        Onboarding.get(session, case_id).require_going()
        written_to = person.registered_at is not None or _waits_for(session, person)
        if person.bounced_at is None and person.withdrawn_at is None and person.paused_at is None and written_to:
            hold_person(session, case_id, person, at, "not_me")
        return case_id


def decline(token: str) -> None:
    """No reminder and no mail to many any more about any account: NOTIFY is off at all, until somebody turns it on.

    What somebody writes by hand still comes. Repeating it changes nothing. Raises LinkUnknown.
    """
    with transaction() as session:
        person, at = _behind(session, token), now()
        case_id = case_of(session, Level.PERSON, person.id)
        Onboarding.get(session, case_id)
        theirs = select(ClientContact).where(ClientContact.person_id == person.id, ClientContact.notify)
        places = session.scalars(theirs.with_for_update()).all()
        for place in places:
            place.notify = False
        if places:
            record(session, case_id, at, "notify.declined", person, person=person.id)


def _behind(session: Session, token: str) -> Person:
    number, _, _ = token.partition("-")
    is_number = number.isascii() and number.isdigit() and len(number) < 12
    person = session.get(Person, int(number)) if is_number else None
    if person is None or not compare_digest(later_token(person.id, person.email).encode(), token.encode()):
        raise LinkUnknown
    return person


def _waits_for(session: Session, person: Person) -> Sequence[Reminder]:
    open_ones = select(Reminder).where(Reminder.person_id == person.id, Reminder.ended_at.is_(None))
    return session.scalars(open_ones.order_by(Reminder.id)).all()
