"""Contacts who were invited before are invited again, one or many at once."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import record
from models.clients.client import Client, ClientContact
from models.db import transaction
from models.link import Link, Purpose
from models.onboarding import Onboarding
from models.people.person import Person
from models.time.clock import now
from tasks.clients.contacts import contacts_of
from tasks.mail.letterheads import Turn
from tasks.onboarding.invitations import INVITED_AGAIN, SentJustNow, left_today, unrested
from tasks.onboarding.registration import invite
from tasks.people.sessions import Membership


class Outcome(StrEnum):
    """What became of one contact who was to be invited again: the first of these that holds."""

    GONE = "gone"
    """No contact any more, or none whom the member sees."""
    ACTIVE = "active"
    UNADDRESSED = "unaddressed"
    UNINVITED = "uninvited"
    """Never invited, or not any more: they are invited to an account first."""
    BOUNCED = "bounced"
    ARCHIVED = "archived"
    """None of their accounts with access is there any more."""
    JUST_NOW = "just_now"
    """A link was sent minutes ago, or since the page was shown on which they were chosen."""
    OFTEN = "often"
    """So many links within a day as one person is sent."""
    TODAY = "today"
    """The firm has had so many invitations sent within a day as it may."""
    SENT = "sent"


def invite_again(
    member: Membership, by: str, person_ids: Collection[int], shown_at: datetime | None = None
) -> Counter[Outcome]:
    """Send each of these contacts a fresh link, where a single one would be sent one; each has one outcome.

    However often the form is sent in which they were chosen, *shown_at*, and however many do so at the same moment,
    each is sent one. It takes as many statements for many as for one. Raises Stopped, AgreementFirst.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, member.firm_id), now()
        case.require_going()
        case.require_agreement()
        wanted = list(dict.fromkeys(person_ids))
        people = contacts_of(session, member, wanted)
        outcomes = dict.fromkeys(wanted, Outcome.GONE) | _judged(session, case, list(people.values()), shown_at or at)
        chosen = [people[key] for key in wanted if outcomes[key] is Outcome.SENT]
        left = left_today(session, case)
        outcomes |= dict.fromkeys([person.id for person in chosen[left:]], Outcome.TODAY)
        if chosen[:left]:
            invite(session, [Turn(case, person) for person in chosen[:left]], by)
            record(session, case.id, at, INVITED_AGAIN, by, persons=[person.id for person in chosen[:left]])
            case.touch(at)
        return Counter(outcomes.values())


def _judged(session: Session, case: Onboarding, people: Sequence[Person], shown_at: datetime) -> dict[int, Outcome]:
    """What becomes of each of them, but for what the firm may do in a day."""
    ids = [person.id for person in people]
    places = select(ClientContact.person_id).join(Client, Client.id == ClientContact.client_id)
    places = places.where(ClientContact.person_id.in_(ids), ClientContact.login, Client.archived_at.is_(None))
    open_to = set(session.scalars(places))
    links = select(Link.person_id).where(Link.person_id.in_(ids), Link.purpose == Purpose.ACTIVATE)
    since = set(session.scalars(links.where(Link.made_at > shown_at)))
    rests = unrested(session, case, people, Purpose.ACTIVATE)
    outcomes = {}
    for person in people:
        refusal = rests.get(person.id)
        is_so = [
            (Outcome.ACTIVE, person.registered_at is not None),
            (Outcome.UNADDRESSED, not person.email),
            (Outcome.UNINVITED, person.invited_at is None),
            (Outcome.BOUNCED, person.bounced_at is not None),
            (Outcome.ARCHIVED, person.id not in open_to),
            (Outcome.JUST_NOW, person.id in since or isinstance(refusal, SentJustNow)),
            (Outcome.OFTEN, refusal is not None),
        ]
        outcomes[person.id] = next((outcome for outcome, holds in is_so if holds), Outcome.SENT)
    return outcomes
