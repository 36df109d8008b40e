"""Counts of everything that waits, with a question to the database for each sort."""

from contextlib import contextmanager

from sqlalchemy import event, select, update

from models.db import reading, transaction
from models.decision import Decision
from models.inbox import MOST_ATTEMPTS, Incoming
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import STUCK_AFTER, Onboarding
from models.queries import gauges
from models.queries.gauges import Count
from models.reminders.reminder import Reminder
from models.time.clock import now
from tests.factories import advance, opened, signed, with_organiser


@contextmanager
def capturing(session):
    """The statements that are sent, with their values."""
    said, bound = [], session.get_bind()

    def keep(_connection, _cursor, statement, values, *_):
        said.append((statement, values))

    event.listen(bound, "before_cursor_execute", keep)
    yield said
    event.remove(bound, "before_cursor_execute", keep)


def counted(gauge, *at):
    with reading() as session:
        return dict(getattr(gauges, gauge)(session, *at))


def test_nothing_is_counted_where_nothing_is():
    found = (
        counted("waits", now()),
        counted("steps", now()),
        counted("mails"),
        counted("passes", now()),
        counted("events"),
    )
    assert found == ({}, {}, {}, {}, {})
    assert set(counted("left_over", now()).values()) == {0}


def test_waits_are_counted_by_kind_and_age_until_they_end(clock):
    with_organiser()
    clock(days=3)
    advance(
        opened(key="test:2", organiser={"name": "Paula Berg", "email": "paula@berg.example"}, plan=None, interval=None)
    )
    clock(days=1)

    assert counted("waits", now()) == {
        ("agreement", "week"): 1,
        ("task", "week"): 2,
        ("organiser", "week"): 1,
        ("advice", "week"): 1,
    }
    clock(days=90)
    assert counted("waits", now())["agreement", "older"] == 1
    with transaction() as session:
        session.execute(update(Reminder).where(Reminder.kind == "agreement").values(ended_at=now()))
    assert ("agreement", "older") not in counted("waits", now())


def test_steps_are_counted_by_name_party_and_age(clock):
    with_organiser()
    clock(days=3)
    case_id = opened(key="test:2", organiser={"name": "Paula Berg", "email": "paula@berg.example"})
    advance(case_id)

    found = counted("steps", now())

    assert found["agreement", "organiser", "week"] == 1
    assert found["organiser", "organiser", "hour"] == 1
    assert not [sort for sort in found if sort[0] in {"caseworkers", "clients"}]


def test_what_stops_or_ends_waits_no_more():
    case_id = with_organiser()
    with transaction() as session:
        Onboarding.get(session, case_id).stopped_at = now()

    assert counted("steps", now()) == counted("passes", now()) == {}


def test_open_decisions_are_counted_by_kind_and_age(clock):
    signed()
    clock(days=40)

    assert counted("decisions", now()) == {("countersign", "older"): 1}


def test_mails_are_counted_by_kind_and_what_became_of_them():
    signed()
    for number in (2, 3):
        advance(opened(key=f"test:{number}", organiser={"name": "Paula Berg", "email": f"paula{number}@berg.example"}))
    with transaction() as session:
        session.execute(update(Outgoing).values(kind=MailKind.WELCOME, attempts=0))
        session.expire_all()
        mails = list(session.scalars(select(Outgoing).order_by(Outgoing.id)))
        mails, rest = mails[:5], mails[5:]
        for mail in rest:
            session.delete(mail)
        mails[0].delivered_at = mails[1].delivered_at = mails[1].failed_at = mails[2].failed_at = now()
        mails[3].attempts, mails[4].due_at = 1, None
    assert counted("mails") == dict.fromkeys(
        [("welcome", state) for state in ("delivered", "bounced", "failed", "retrying", "dropped")], 1
    )

    with transaction() as session:
        session.execute(update(Outgoing).values(complained_at=now()))

    assert counted("mails") == {("welcome", "complained"): 5}


def test_cases_are_due_stuck_or_idle():
    for number in range(3):
        opened(key=f"test:{number}")
    with transaction() as session:
        one, two, _ = session.scalars(select(Onboarding).order_by(Onboarding.id))
        one.attempts, two.pass_due_at = STUCK_AFTER, None

    assert counted("passes", now()) == {("stuck",): 1, ("idle",): 1, ("due",): 1}


def test_events_are_counted_by_what_became_of_them():
    with transaction() as session:
        for number in range(4):
            Incoming.store(session, "webhook", str(number), "x", {}, now())
        handled, refused, given_up, _ = session.scalars(select(Incoming).order_by(Incoming.id))
        handled.handled_at = refused.handled_at = now()
        refused.refusal, given_up.attempts = "no", MOST_ATTEMPTS

    states = ("handled", "refused", "given_up", "waiting")
    assert counted("events") == {("webhook", state): 1 for state in states}


def test_only_what_lies_longer_than_it_should_is_left_over(clock):
    case_id = signed()
    with transaction() as session:
        Incoming.store(session, "webhook", "1", "x", {}, now())
        session.execute(update(Onboarding).values(pass_due_at=now()))
        mails = len(session.scalars(select(Outgoing.id).where(Outgoing.due_at.is_not(None))).all())
    assert set(counted("left_over", now()).values()) == {0}

    clock(minutes=3)

    assert counted("left_over", now()) == {("passes",): 1, ("mails",): mails, ("events",): 1, ("forms",): 1}
    with transaction() as session:
        Decision.pending(session, case_id)[0].form_run_id = "a run"
    assert counted("left_over", now())["forms",] == 0


def test_each_gauge_asks_once_however_many_cases_there_are(statements):
    signed()
    opened(key="test:2")
    with reading() as session, statements() as asked:
        for found in (gauges.waits(session, now()), gauges.decisions(session, now()), gauges.mails(session)):
            assert all(isinstance(one, Count) for one in found)
        gauges.steps(session, now()), gauges.passes(session, now())
        gauges.events(session), gauges.left_over(session, now())

    assert len(asked) == 8


def test_what_grows_without_end_is_counted_from_indexes(product):
    with reading() as session:
        with capturing(session) as said:
            gauges.waits(session, now()), gauges.mails(session)
        if product == "sqlite":  # PostgreSQL reads tables as small as these from end to end.
            for statement, values in [one for one in said if one[0].startswith("SELECT")]:
                plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
                read = [row[3] for row in plan if row[3].startswith(("SCAN", "SEARCH"))]
                assert [one for one in read if "INDEX" not in one and one != "SCAN CONSTANT ROW"] == []
