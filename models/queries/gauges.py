"""Numbers about all cases at a moment, for whoever watches over the product: one query each or two, no names."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.decision import Decision
from models.inbox import MOST_ATTEMPTS, Incoming
from models.mail.mail_server import MailServer
from models.mail.outbox import NOT_ARRIVED, MailKind, Outgoing
from models.onboarding import STUCK_AFTER, Onboarding, Step, StepState
from models.reminders.cadence import WaitKind
from models.reminders.reminder import Reminder
from models.retention.hold import Holds
from models.retention.rules import RULES

AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
"""How old something is at most, by the name of the class; what is older is ``older``."""
LEFT_AFTER = timedelta(minutes=2)
"""What should happen at once and has not after so long was lost on its way, and a sweep finds it."""


class Count(NamedTuple):
    """So many of one sort; *sort* are the values of the labels."""

    sort: tuple[str, ...]
    number: int


def waits(session: Session, now: datetime) -> list[Count]:
    """Waits for a person or an operator's answer: kind, age. Each class is counted within an index, whatever waits."""
    begun = [now - most for most in AGES.values()]
    classes = dict(zip([*AGES, "older"], zip([*begun, None], [None, *begun], strict=True), strict=True))
    sorts = [(kind, age) for kind in WaitKind for age in classes]
    columns = []
    for kind, age in sorts:
        after, until = classes[age]
        counted = select(func.count()).select_from(Reminder).where(Reminder.ended_at.is_(None), Reminder.kind == kind)
        counted = counted if after is None else counted.where(Reminder.since > after)
        columns.append((counted if until is None else counted.where(Reminder.since <= until)).scalar_subquery())
    numbers = session.execute(select(*columns)).one()
    return [Count((kind.value, age), number) for (kind, age), number in zip(sorts, numbers, strict=True) if number]


def steps(session: Session, now: datetime) -> list[Count]:
    """Steps that wait in open cases: step, for whom, age."""
    sort = Step.name, Step.waiting_for, _age(Step.since, now)
    open_case = and_(Onboarding.finished_at.is_(None), Onboarding.stopped_at.is_(None))
    query = select(*sort, func.count()).join(Onboarding, Onboarding.id == Step.onboarding_id)
    return _counts(session, query.where(open_case, Step.state == StepState.WAITING).group_by(*sort))


def decisions(session: Session, now: datetime) -> list[Count]:
    """Open questions to operators: kind, age."""
    sort = Decision.kind, _age(Decision.opened_at, now)
    return _counts(session, select(*sort, func.count()).where(Decision.answered_at.is_(None)).group_by(*sort))


def mails(session: Session) -> list[Count]:
    """Mails: kind; ``delivered``, ``bounced``, ``complained``, ``failed``, ``dropped``, ``retrying`` or ``waiting``.

    Those that arrived are what is left of all: only the others are looked at one by one.
    """
    state = case(
        (Outgoing.complained_at.is_not(None), "complained"),
        (and_(Outgoing.failed_at.is_not(None), Outgoing.delivered_at.is_not(None)), "bounced"),
        (Outgoing.failed_at.is_not(None), "failed"),
        (Outgoing.due_at.is_(None), "dropped"),
        (Outgoing.attempts > 0, "retrying"),
        else_="waiting",
    )
    others = _counts(
        session, select(Outgoing.kind, state, func.count()).where(text(NOT_ARRIVED)).group_by(Outgoing.kind, state)
    )
    columns = [select(func.count()).where(Outgoing.kind == kind).scalar_subquery() for kind in MailKind]
    arrived = dict(zip((kind.value for kind in MailKind), session.execute(select(*columns)).one(), strict=True))
    for (kind, _), number in others:
        arrived[kind] -= number
    return [Count((kind, "delivered"), number) for kind, number in arrived.items() if number] + others


def mail_server(session: Session) -> list[Count]:
    """The mail server: ``takes`` our mail, ``refuses`` it for a fault of ours, or is ``unknown`` yet."""
    server = MailServer.configured(session)
    state = "unknown" if server is None else "takes" if server.fault_since is None else "refuses"
    return [Count((name,), int(name == state)) for name in ("takes", "refuses", "unknown")]


def passes(session: Session, now: datetime) -> list[Count]:
    """Open cases: ``stuck``, ``due`` for a pass, or ``idle``."""
    state = case(
        (Onboarding.attempts >= STUCK_AFTER, "stuck"),
        (Onboarding.pass_due_at <= now, "due"),
        else_="idle",
    )
    open_case = and_(Onboarding.finished_at.is_(None), Onboarding.stopped_at.is_(None))
    return _counts(session, select(state, func.count()).where(open_case).group_by(state))


def events(session: Session) -> list[Count]:
    """Events from outside: source; ``handled``, ``refused``, ``waiting`` or ``given_up``."""
    state = case(
        (Incoming.refusal.is_not(None), "refused"),
        (Incoming.handled_at.is_not(None), "handled"),
        (Incoming.attempts >= MOST_ATTEMPTS, "given_up"),
        else_="waiting",
    )
    return _counts(session, select(Incoming.source, state, func.count()).group_by(Incoming.source, state))


def left_over(session: Session, now: datetime) -> list[Count]:
    """What the next sweep will find: ``passes``, ``mails``, ``events`` and ``forms`` that were lost on their way."""
    before = now - LEFT_AFTER
    lost: dict[str, tuple[InstrumentedAttribute[int], ColumnElement[bool]]] = {
        "passes": (Onboarding.id, Onboarding.pass_due_at <= before),
        "mails": (Outgoing.id, Outgoing.due_at <= before),
        "events": (
            Incoming.id,
            and_(Incoming.handled_at.is_(None), Incoming.attempts < MOST_ATTEMPTS, Incoming.received_at <= before),
        ),
        "forms": (
            Decision.id,
            and_(
                Decision.opened_at <= before,
                or_(
                    and_(Decision.answered_at.is_(None), Decision.form_run_id.is_(None)),
                    and_(Decision.answered_at <= before, Decision.form_run_id.is_not(None)),
                ),
            ),
        ),
    }
    columns = [select(func.count(key)).where(is_lost).scalar_subquery() for key, is_lost in lost.values()]
    return [Count((what,), number) for what, number in zip(lost, session.execute(select(*columns)).one(), strict=True)]


def overdue(session: Session, now: datetime) -> list[Count]:
    """What is past its time and still there: rule, and seconds since the oldest should have been gone; 0 is none."""
    holds = Holds.standing(session, now)
    counts = []
    for rule in RULES:
        if rule.rows is not None:
            oldest = rule.rows.oldest(session, rule.term.limit(now), holds)
            late = (now - rule.term.end(oldest)).total_seconds() if oldest else 0
            counts.append(Count((rule.name,), int(late)))
    return counts


def _age(since: InstrumentedAttribute[datetime], now: datetime) -> ColumnElement[str]:
    return case(*((since > now - most, name) for name, most in AGES.items()), else_="older")


def _counts(session: Session, query: Select[Any]) -> list[Count]:
    return [
        Count(tuple(label.value if isinstance(label, StrEnum) else str(label) for label in sort), number)
        for *sort, number in session.execute(query)
    ]
