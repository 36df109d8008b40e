"""What each of a firm's own people may do: who they are, and who of them changes it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.audit import record
from models.db import Facts, reading, transaction
from models.errors import N_, NotFound
from models.onboarding import Onboarding
from models.people.person import Person, Role
from models.people.staff import NONE, OwnRankGivenUp, Rights, Staff, require_within
from models.time.clock import now

STAFF = (Role.ORGANISER, Role.CASEWORKER)


@dataclass(frozen=True)
class Member:
    """One of a firm's own people."""

    person: Person
    rights: Rights


def members(firm_id: int) -> list[Member]:
    """The firm's own people: the owner, then all others in the order in which they were added."""
    with reading() as session:
        people = [person for role in STAFF for person in Person.of(session, firm_id, role)]
        held = Staff.of(session, people)
        return [Member(person, held[person.id]) for person in people]


def member_of(firm_id: int, person_id: int) -> Member:
    """One of them; raises NotFound for all others."""
    with reading() as session:
        person = session.get(Person, person_id)
        if person is None or not _is_member(person, firm_id):
            raise NotFound(N_("The person"))
        return Member(person, Staff.of(session, [person])[person.id])


def give_rights(firm_id: int, giver_id: int, by: str, person_id: int, given: Rights, *, confirmed: bool = False) -> int:
    """Let this member do so much from their next request on; returns the case's id. Repeating it changes nothing.

    Whoever takes the rank of an administrator from themselves has to say that they mean it (*confirmed*). Raises
    NotFound, AdministratorsOnly, AboveOwnRank, OwnerStays or OwnRankGivenUp.
    """
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        # Read only now: somebody may have taken the giver's rights while we waited for the case.
        giver, person = session.get(Person, giver_id), session.get(Person, person_id)
        if person is None or not _is_member(person, firm_id):
            raise NotFound(N_("The person"))
        held = Staff.of(session, [person])[person.id]
        require_within(_rights_now(session, giver, firm_id), held, given, firm=case.firm.name, name=person.name)
        if giver_id == person_id and held.sees_all and not given.sees_all and not confirmed:
            raise OwnRankGivenUp
        if given != held:
            Staff.give(session, person, given)
            facts: Facts = {"person": person.id, "before": told(held), "after": told(given)}
            record(session, case.id, now(), "rights.given", by, **facts)
        return case.id


def told(rights: Rights) -> Facts:
    """The rights in plain values."""
    return {**rights._asdict(), "rank": rights.rank.value}


def _is_member(person: Person, firm_id: int) -> bool:
    return person.firm_id == firm_id and person.role in STAFF and person.withdrawn_at is None


def _rights_now(session: Session, person: Person | None, firm_id: int) -> Rights:
    """None for who is not one of the firm's people any more, or paused."""
    if person is None or not _is_member(person, firm_id) or person.paused_at is not None:
        return NONE
    return Staff.of(session, [person])[person.id]
