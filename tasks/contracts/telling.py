"""Who is told of what happens to a contract: both sides, each in their own words."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.audit import Actor
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person, Role, account_name
from models.people.staff import Staff
from models.time.working_time import Reach, next_reachable
from tasks.mail.letterheads import Letterhead, letterheads

Draft = Callable[[Onboarding, Person | None, Letterhead], Outgoing]
"""A mail about the contract of this case, to this reader; to the provider without one."""


def tell(
    session: Session,
    drafts: Sequence[tuple[Onboarding, Draft]],
    *,
    firm: bool = True,
    provider: bool = True,
    politely: bool = False,
) -> None:
    """Write these mails to those of the *firm* who answer for it and to the *provider*, with what they tell of.

    In as many statements for many as for one. *politely*: to leave in an hour in which each can be reached.
    """
    if not drafts:
        return
    readers = readers_of(session, {case.firm_id for case, _ in drafts}) if firm else {}
    heads = letterheads(session, [case.firm for case, _ in drafts])
    to: list[tuple[Onboarding, Draft, Person | None]] = []
    to += [(case, draft, reader) for case, draft in drafts for reader in readers.get(case.firm_id, [])]
    to += [(case, draft, None) for case, draft in drafts if provider]
    mails = []
    for case, draft, reader in to:
        mail = draft(case, reader, heads[case.firm_id])
        if politely:
            mail.due_at = next_reachable(mail.created_at, timedelta(), reader or Reach())
        mails.append(mail)
    Outgoing.post_all(session, mails)


def called(session: Session, by: "str | Actor") -> str:
    """Who acts, by name as far as it is known."""
    return account_name(session, by) or by if isinstance(by, str) else by.name or by.email


def readers_of(session: Session, firm_ids: Iterable[int]) -> dict[int, list[Person]]:
    """Who answers for the contract of each firm, as far as they may sign in: by rank, or as commercial members."""
    answers = or_(Person.role == Role.ORGANISER, Staff.is_administrator, Staff.is_commercial)
    query = select(Person).outerjoin(Staff, Staff.person_id == Person.id).where(Person.firm_id.in_(set(firm_ids)))
    query = query.where(Person.role.in_([Role.ORGANISER, Role.CASEWORKER]), answers)
    there = query.where(Person.withdrawn_at.is_(None), Person.paused_at.is_(None)).order_by(Person.id)
    found: dict[int, list[Person]] = {firm_id: [] for firm_id in firm_ids}
    for person in session.scalars(there):
        found[person.firm_id].append(person)
    return found
