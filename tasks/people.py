"""Who stands for a firm: what ends when somebody else takes a role, or is no longer waited for."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.decision import Decision
from models.exchange import Outgoing
from models.link import Link
from models.onboarding import Onboarding, Reminder
from models.person import Person
from models.schedule import now


def let_go(session: Session, case: Onboarding, person: Person) -> None:
    """End what is under way with whoever this person was until now: links, reminders, unsent mail, open questions."""
    at = now()
    session.flush()
    for link in session.scalars(select(Link).where(Link.person_id == person.id, Link.used_at.is_(None))):
        link.renew(at)
    for wait in session.scalars(select(Reminder).where(Reminder.person_id == person.id, Reminder.ended_at.is_(None))):
        wait.over(at)
    for mail in session.scalars(select(Outgoing).where(Outgoing.person_id == person.id, Outgoing.due_at.is_not(None))):
        mail.due_at = None
    for question in Decision.pending(session, case.id):
        if question.facts.get("person_id") == person.id:
            question.close(at)
