"""Reminding whoever is waited for, at an hour at which he can be reached."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.client import ClientContact
from models.db import transaction
from models.exchange import MailKind, Outgoing
from models.onboarding import Onboarding, Reminder, StepName
from models.person import Person, Role
from models.schedule import next_slot, now
from tasks.accounts import STEP_OF, invite
from tasks.agreements import mail_agreement
from tasks.cases import letterhead
from tasks.passes import kick_mail
from tasks.policy import side_effect

REMINDERS_AT_ONCE = 200


@side_effect(name="send reminders")
def send_reminders() -> int:
    """Write every reminder that is due into the outbox; returns how many.

    Repeating it changes nothing: a reminder that was written has its next date. A date missed, at night or while the
    product stood still, gives one mail, not several.
    """
    sent = 0
    while batch := _send_batch():
        sent += batch
    kick_mail()
    return sent


def _send_batch() -> int:
    with transaction() as session:
        at = now()
        rows = session.execute(
            select(Reminder, Person)
            .join(Person, Person.id == Reminder.person_id)
            .where(Reminder.due_at <= at)
            .order_by(Reminder.due_at)
            .limit(REMINDERS_AT_ONCE)
            .with_for_update(of=Reminder, skip_locked=True)
        ).all()
        for reminder, person in rows:
            slot = next_slot(at, person.land, person.time_zone)
            if slot > at:
                reminder.due_at = slot
            elif person.bounced_at is not None:
                reminder.due_at = None  # An operator is asked for the right address; correcting it sends again.
            else:
                reminder.count(person, at)
                _remind(session, Onboarding.get(session, reminder.onboarding_id), person, reminder)
        return len(rows)


def _remind(session: Session, case: Onboarding, person: Person, reminder: Reminder) -> None:
    """The same mail as the first time, with a fresh link, as reminder number so and so."""
    if STEP_OF.get(person.role) is reminder.step:
        contact = session.scalars(select(ClientContact).where(ClientContact.person_id == person.id)).first()
        message, by = (contact.message, contact.invited_by) if contact else ("", "")
        invite(session, case, person, message=message, by=by, count=reminder.sent)
    elif reminder.step is StepName.AGREEMENT:
        mail_agreement(session, case, person, count=reminder.sent)
    elif person.role is Role.ORGANISER:
        Outgoing.post(
            session,
            MailKind.YOUR_TURN,
            f"your_turn:{reminder.id}:{reminder.since:%Y%m%d%H%M%S}:{reminder.sent}",
            person,
            now(),
            case_id=case.id,
            **letterhead(session, case.firm),
            step=reminder.step,
            count=reminder.sent,
            missing=case.firm.missing,
            path=f"/firm/{case.firm_id}",
        )
