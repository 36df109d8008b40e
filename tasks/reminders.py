"""Reminding whoever is waited for, at an hour at which he can be reached."""

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from models.db import transaction
from models.exchange import MailKind, Outgoing
from models.onboarding import Onboarding, Reminder, StepName
from models.person import Person
from models.schedule import next_reachable, now
from tasks.accounts import STEP_OF, invite, record_people
from tasks.agreements import mail_agreement
from tasks.cases import Turn, letterheads
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
    """Write up to REMINDERS_AT_ONCE of them, in as many statements for many as for one."""
    with transaction() as session:
        at = now()
        rows = session.execute(
            select(Reminder, Person, Onboarding)
            .join(Person, Person.id == Reminder.person_id)
            .join(Onboarding, Onboarding.id == Reminder.onboarding_id)
            .join(Onboarding.firm)
            .options(contains_eager(Onboarding.firm))
            .where(Reminder.due_at <= at)
            .order_by(Reminder.due_at)
            .limit(REMINDERS_AT_ONCE)
            # A case that a pass is looking at is left to the next run: what we wait for may just be happening.
            .with_for_update(of=(Reminder, Onboarding), key_share=True, skip_locked=True)
        ).all()
        turns: dict[StepName, list[Turn]] = defaultdict(list)
        for reminder, person, case in rows:
            slot = next_reachable(at, timedelta(), person)
            if slot > at:
                reminder.due_at = slot
            elif person.bounced_at is not None:
                reminder.due_at = None  # An operator is asked for the right address; with it the wait begins anew.
            else:
                turns[reminder.step].append(Turn(case, person, reminder.count(person, at)))
        for step, asked in turns.items():
            _remind(session, step, asked)
        return len(rows)


def _remind(session: Session, step: StepName, turns: list[Turn]) -> None:
    """The same mail as the first time, with a fresh link, as reminder number so and so."""
    if step is StepName.AGREEMENT:
        mail_agreement(session, turns)
    else:
        invite(session, [turn for turn in turns if STEP_OF[turn.person.role] is step])
        _ask_organisers(session, step, [turn for turn in turns if STEP_OF[turn.person.role] is not step])
    record_people(session, [(case, person) for case, person, _ in turns], "person.reminded", step=step)


def _ask_organisers(session: Session, step: StepName, turns: list[Turn]) -> None:
    at, about = now(), letterheads(session, [turn.case.firm for turn in turns])
    mails = [
        Outgoing.draft(
            MailKind.YOUR_TURN,
            f"your_turn:{person.id}:{step}:{at:%Y-%m-%d}",
            person,
            at,
            case_id=case.id,
            **about[case.firm_id],
            step=step,
            count=count,
            missing=case.firm.missing,
            path=f"/firm/{case.firm_id}",
        )
        for case, person, count in turns
    ]
    Outgoing.post_all(session, mails)
