"""Cadences and pauses, as operators set them for all, a firm, a case or a person."""

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true, update
from sqlalchemy.orm import Session

from models.audit import record
from models.db import Facts, transaction
from models.decision import Decision, DecisionKind
from models.onboarding import Onboarding
from models.people.person import Person
from models.reminders.cadence import (
    FOLLOWS,
    Cadence,
    Cadences,
    Follow,
    FollowUnfit,
    Level,
    Pause,
    Rhythm,
    WaitKind,
    days_of,
    most_of,
)
from models.reminders.reminder import Reminder
from models.text import fitting, one_line
from models.time.clock import now

CADENCE_NAME_MOST = 80


def set_cadence(
    level: Level, owner_id: int, kind: WaitKind, by: str, *, name: str, days: str, most: str, follow: Follow
) -> None:
    """Remind by this cadence from now on, there and wherever nothing narrower is set; what is pending is planned anew.

    *owner_id*: the firm or the case, 0 for the provider. Raises DaysInvalid, MostInvalid, FollowUnfit.
    """
    row, limit, name = days_of(days), most_of(most), fitting(one_line(name), CADENCE_NAME_MOST, f"{kind}-name")
    if follow not in FOLLOWS[kind]:
        raise FollowUnfit(follow, FOLLOWS[kind])
    with transaction() as session:
        at = now()
        case_id = case_of(session, level, owner_id)
        current = Cadence.at(session, level, owner_id, kind)
        before, cadence = _told(current), current or Cadence(level=level, owner_id=owner_id, kind=kind)
        cadence.name, cadence.days, cadence.most, cadence.follow = name or kind.value, row, limit, follow
        cadence.set_at, cadence.set_by = at, by[:254]
        session.add(cadence)
        session.flush()
        _replan(session, level, owner_id, case_id, kind)
        facts = {"level": level, "kind": kind, "before": before, "after": _told(cadence)}
        record(session, case_id, at, "cadence.set", by, **facts)


def inherit_cadence(level: Level, owner_id: int, kind: WaitKind, by: str) -> None:
    """Take the cadence away that is set there, so that the wider one counts again."""
    with transaction() as session:
        case_id = case_of(session, level, owner_id)
        cadence = Cadence.at(session, level, owner_id, kind)
        if cadence is None:
            return
        before = _told(cadence)
        session.delete(cadence)
        session.flush()
        _replan(session, level, owner_id, case_id, kind)
        record(session, case_id, now(), "cadence.inherited", by, level=level, kind=kind, before=before, after=None)


def _told(cadence: Cadence | None) -> Facts | None:
    """In plain values; None where nothing is set."""
    names = ("name", "days", "most", "follow")
    return None if cadence is None else {name: getattr(cadence, name) for name in names}


def pause(level: Level, owner_id: int, by: str) -> None:
    """Remind nobody there until ``resume``; what falls due meanwhile is held."""
    with transaction() as session:
        case_id, at = case_of(session, level, owner_id), now()
        if session.scalars(_pause(level, owner_id)).one_or_none() is None:
            session.add(Pause(level=level, owner_id=owner_id, since=at, by=by[:254]))
            record(session, case_id, at, "reminders.paused", by, level=level, **_whom(level, owner_id))


def resume(level: Level, owner_id: int, by: str, *, anew: bool = False) -> None:
    """Remind there again. What fell due meanwhile gives one mail each, in the next hour in which its person is there.

    *anew*: instead, every wait begins now, and with it the count.
    """
    with transaction() as session:
        case_id, at = case_of(session, level, owner_id), now()
        paused = session.scalars(_pause(level, owner_id)).one_or_none()
        if paused is None:
            return
        session.delete(paused)
        if anew:
            fresh = {"since": at, "sent": 0, "last_at": None, "not_before": None, "followed_at": None}
            session.execute(update(Reminder).where(Reminder.ended_at.is_(None), _within(level, owner_id)).values(fresh))
            for question in Decision.pending(session, case_id):  # What was asked about the count before.
                whom = question.facts.get("person_id")
                if question.kind is DecisionKind.SILENT and (level is not Level.PERSON or whom == owner_id):
                    question.close(at)
        for kind, rhythm in rhythms_of(session, case_id).items():
            Reminder.replan(session, rhythm, _within(level, owner_id), Reminder.kind == kind)
        record(session, case_id, at, "reminders.resumed", by, level=level, anew=anew, **_whom(level, owner_id))


def missed(session: Session, level: Level, owner_id: int) -> int:
    """How many waits there have a reminder that fell due and was not sent."""
    due = [
        and_(Reminder.kind == kind, Reminder.planned(rhythm) <= now())
        for kind, rhythm in rhythms_of(session, case_of(session, level, owner_id)).items()
    ]
    open_there = Reminder.ended_at.is_(None), _within(level, owner_id)
    return session.scalar(select(func.count()).select_from(Reminder).where(*open_there, or_(*due))) or 0


def case_of(session: Session, level: Level, owner_id: int) -> int:
    """The case concerned, whose audit trail tells of it; 0 for the provider's own. Locked; raises NotFound.

    What concerns all locks all cases in which somebody is waited for, one after the other: a pass that ends two waits
    would otherwise wait for whoever plans them anew, and the other way round.
    """
    if level is Level.PROVIDER:
        waiting = select(Reminder.onboarding_id).where(Reminder.ended_at.is_(None))
        cases = select(Onboarding.id).where(Onboarding.id.in_(waiting)).order_by(Onboarding.id)
        session.execute(cases.with_for_update(key_share=True)).all()
        return 0
    if level is Level.CASE:
        return Onboarding.get(session, owner_id).id
    firm_id: int | None = owner_id
    if level is Level.PERSON:
        firm_id = session.scalars(select(Person.firm_id).where(Person.id == owner_id)).one_or_none()
    return Onboarding.of_firm(session, firm_id or 0).id


def rhythms_of(session: Session, case_id: int) -> dict[WaitKind, Rhythm]:
    """What applies in this case."""
    firm_id = session.scalars(select(Onboarding.firm_id).where(Onboarding.id == case_id)).one()
    cadences = Cadences(session, [(case_id, firm_id)])
    return {kind: cadences.rhythm(kind, case_id) for kind in WaitKind}


def _within(level: Level, owner_id: int) -> ColumnElement[bool]:
    match level:
        case Level.FIRM:
            return Reminder.onboarding_id.in_(select(Onboarding.id).where(Onboarding.firm_id == owner_id))
        case Level.CASE:
            return Reminder.onboarding_id == owner_id
        case Level.PERSON:
            return Reminder.person_id == owner_id
    return true()


def _replan(session: Session, level: Level, owner_id: int, case_id: int, kind: WaitKind) -> None:
    """Plan anew what this cadence, set or taken away at this level, decides about."""
    firm_id = session.scalars(select(Onboarding.firm_id).where(Onboarding.id == case_id)).one_or_none()
    cadences = Cadences(session, [] if firm_id is None else [(case_id, firm_id)])
    narrower = select(Cadence.owner_id).where(Cadence.kind == kind)
    which = [_within(level, owner_id), Reminder.kind == kind]
    if level is not Level.CASE:
        which.append(Reminder.onboarding_id.not_in(narrower.where(Cadence.level == Level.CASE)))
    if level is Level.PROVIDER:
        firms = narrower.where(Cadence.level == Level.FIRM)
        which.append(Reminder.onboarding_id.not_in(select(Onboarding.id).where(Onboarding.firm_id.in_(firms))))
    above = Level.CASE if level is Level.FIRM else None
    Reminder.replan(session, cadences.rhythm(kind, case_id, above=above), *which)


def _pause(level: Level, owner_id: int) -> Select[tuple[Pause]]:
    return select(Pause).where(Pause.level == level, Pause.owner_id == owner_id).with_for_update()


def _whom(level: Level, owner_id: int) -> dict[str, int]:
    return {"person": owner_id} if level is Level.PERSON else {}
