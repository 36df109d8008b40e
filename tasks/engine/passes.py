"""Passes over cases: when one is due, where it begins and ends, and what it hands to others.

A pass takes a case as far as it can get today. It may be killed, lost, doubled or run twice at once: a case that is due
stays due until a pass has come to its end, and everything that a pass does is safe to repeat.
"""

from datetime import datetime
from functools import partial

from sqlalchemy import func, literal_column, select

from models.db import reading, transaction
from models.decision import Decision
from models.mail.outbox import Outgoing, Urgency
from models.onboarding import FIRST_LEASE, Onboarding
from models.time.clock import now
from tasks.engine.prefect_client import RunState, busy, cancel_run, start_run, states
from tasks.engine.retry import each, side_effect

PASSES_AT_ONCE = 200
"""Cases that one sweep asks passes for; what is left is due in the next one."""


@side_effect(name="begin the pass")
def begin_pass(case_id: int) -> str:
    """Take the case for a while; returns the lease with which the pass ends."""
    with transaction() as session:
        return Onboarding.get(session, case_id).begin_pass(now()).isoformat()


@side_effect(name="end the pass")
def end_pass(case_id: int, lease: str) -> None:
    """Nothing is due any more, unless something happened meanwhile; then mails and questions go their ways."""
    with transaction() as session:
        Onboarding.get(session, case_id).end_pass(datetime.fromisoformat(lease))
    show_decisions(case_id)
    kick(case_id)


@side_effect(name="ask for passes that are due")
def start_due_passes() -> int:
    """Ask Prefect for a pass over every case that is due; returns how many."""
    with reading() as session:
        due = session.execute(
            select(Onboarding.id, Onboarding.pass_due_at)
            .where(Onboarding.pass_due_at <= now())
            .order_by(Onboarding.pass_due_at)
            .limit(PASSES_AT_ONCE)
        ).all()
    return _start_passes([(case_id, at) for case_id, at in due if at is not None])


def _start_passes(due: list[tuple[int, datetime]]) -> int:
    """Ask for a pass over each of these cases that has none coming: what happens during one, it finds at its end."""
    if not due:
        return 0
    coming = busy("onboard", [_tag(case_id) for case_id, _ in due], FIRST_LEASE)
    if coming is None:
        return 0
    return sum(_start_pass(case_id, at) for case_id, at in due if _tag(case_id) not in coming)


def _start_pass(case_id: int, due: datetime) -> bool:
    # Asked for again in another minute: a run that was lost must not keep its key for ever.
    key = f"onboard-{case_id}-{due.isoformat()}-{now():%H%M}"
    return start_run("onboard/onboard", {"case_id": case_id}, key=key, tag=_tag(case_id)) is not None


def _tag(case_id: int) -> str:
    return f"case-{case_id}"


def kick(case_id: int) -> None:
    """Ask now for what the case needs. It only saves time: the sweep finds whatever is due."""
    with reading() as session:
        due = session.scalars(select(Onboarding.pass_due_at).where(Onboarding.id == case_id)).one_or_none()
    if due is not None and due <= now():
        _start_passes([(case_id, due)])
    kick_mail()


def kick_mail() -> None:
    """Ask now for the delivery of mails that wait; for what cannot wait in a run that nothing else holds up."""
    newest = select(Outgoing.urgency == Urgency.AT_ONCE, func.max(Outgoing.id)).where(Outgoing.due_at <= now())
    with reading() as session:
        mails = {bool(urgent): mail for urgent, mail in session.execute(newest.group_by(literal_column("1")))}
    for urgent, mail in mails.items():
        deployment = "deliver-urgent" if urgent else "deliver"
        start_run(f"{deployment}/{deployment}", {}, key=f"{deployment}-{mail}")


def kick_contracts(why: str) -> None:
    """Ask now for what contracts do by themselves, once a minute for the same reason: it only saves time."""
    start_run("contracts/contracts", {}, key=f"contracts-{why}-{now():%Y-%m-%dT%H:%M}")


def kick_takeout(takeout_id: int) -> bool:
    """Ask now for the run that puts a firm's data together; the sweep asks again for one that was lost."""
    key = f"takeout-{takeout_id}-{now():%Y-%m-%dT%H:%M}"
    return start_run("takeout/takeout", {"takeout_id": takeout_id}, key=key) is not None


def show_decisions(case_id: int | None = None) -> int:
    """Make a form in the Prefect UI for each open question that has none, take away those of answered ones.

    A form is disposable: lost or cancelled, it is made again here. Returns how many were made.
    """
    with reading() as session:
        pending = Decision.pending(session, case_id)
        settled = Decision.settled_with_form(session, case_id)
    forms = states("decide/decide", {decision.form_run_id for decision in [*pending, *settled] if decision.form_run_id})
    if forms is None:
        return 0
    try:
        return each(partial(_show_form, forms), pending)
    finally:
        each(partial(_take_form_away, forms), settled)


def _take_form_away(forms: dict[str, RunState], decision: Decision) -> bool:
    # One that is at work brings the answer itself, and goes by itself afterwards.
    if not _is_gone(decision.form_run_id, forms, {RunState.WAITS, RunState.STRANDED}):
        return False
    with transaction() as session:
        Decision.get(session, decision.id).form_run_id = None
    return True


def _show_form(forms: dict[str, RunState], decision: Decision) -> bool:
    """Make a form if there is none that waits, or that asks again."""
    if not _is_gone(decision.form_run_id, forms, {RunState.STRANDED}):
        return False
    attempt = decision.form_attempt + 1
    run_id = start_run("decide/decide", {"decision_id": decision.id}, key=f"decide-{decision.id}-{attempt}")
    if run_id is None:
        return False
    with transaction() as session:
        row = Decision.get(session, decision.id)
        row.form_run_id, row.form_attempt = run_id, attempt
    return True


def _is_gone(run_id: str | None, forms: dict[str, RunState], unwanted: set[RunState]) -> bool:
    """Whether the form is no more; an *unwanted* one is taken away now."""
    state = RunState.ENDED if run_id is None else forms[run_id]
    return state is RunState.ENDED or (state in unwanted and run_id is not None and cancel_run(run_id))


@side_effect(name="show open decisions")
def show_all_decisions() -> int:
    """Every open question has its form; returns how many had to be made."""
    return show_decisions()
