"""Whether a scheduled run would find anything to do: asked before it begins, and where not, the run leaves no trace.

Each answer errs on the side of a run, and none carries a duty: whatever is missed here is found by the run that comes
after a while in any case.
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.clients.bulk_invitation import BulkInvitation
from models.clients.imports import Import
from models.contracts.takeout import Takeout
from models.db import reading
from models.decision import Decision
from models.inbox import Incoming
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.reminders.cadence import WaitKind
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.people.operators import has_news


def anything_left() -> bool:
    """Passes, events, forms, imports, archives or news that a sweep would take up."""
    at = now()
    formless = Decision.answered_at.is_(None), Decision.form_run_id.is_(None)
    settled = Decision.answered_at.is_not(None), Decision.form_run_id.is_not(None)
    with reading() as session:
        if (
            Incoming.waiting(session, 1)
            or _is_any(session, Onboarding.id, Onboarding.pass_due_at <= at)
            or _is_any(session, Decision.id, *formless)
            or _is_any(session, Decision.id, *settled)
            or _is_any(session, Import.id, Import.due_at <= at, Import.is_trial.is_(False))
            or _is_any(session, Takeout.id, Takeout.ready_at.is_(None), Takeout.due_at <= at)
        ):
            return True
    return has_news()


def mails() -> bool:
    """Mails whose time has come."""
    with reading() as session:
        return _is_any(session, Outgoing.id, Outgoing.due_at <= now())


def invitations() -> bool:
    """Invitations of many that go on."""
    with reading() as session:
        return bool(BulkInvitation.running(session))


def reminders(*kinds: WaitKind) -> Callable[[], bool]:
    """Whether there are reminders of these kinds whose time has come."""

    def are_due() -> bool:
        with reading() as session:
            return _is_any(session, Reminder.id, Reminder.due_at <= now(), Reminder.kind.in_(kinds))

    return are_due


def _is_any(session: Session, key: InstrumentedAttribute[int], *which: ColumnElement[bool]) -> bool:
    return session.scalars(select(key).where(*which).limit(1)).first() is not None
