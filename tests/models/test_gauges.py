"""Counts of everything that waits, with a question to the database for each sort."""

from sqlalchemy import select, update

from models import gauges
from models.db import reading, transaction
from models.decision import Decision
from models.exchange import MOST_ATTEMPTS, Incoming, Outgoing
from models.gauges import Count
from models.onboarding import STUCK_AFTER, Onboarding
from models.schedule import now
from tests.factories import advance, opened, signed, with_organiser


def counted(gauge, *at):
    with reading() as session:
        return dict(getattr(gauges, gauge)(session, *at))


def test_nothing_is_counted_where_nothing_is():
    assert [counted("waits", now()), counted("mails"), counted("passes", now()), counted("events")] == [{}] * 4
    assert set(counted("left_over", now()).values()) == {0}


def test_waits_are_counted_by_step_party_and_age(clock):
    with_organiser()
    clock(days=3)
    case_id = opened(key="test:2", organiser={"name": "Paula Berg", "email": "paula@berg.example"})
    advance(case_id)

    found = counted("waits", now())

    assert found["agreement", "organiser", "week"] == 1
    assert found["organiser", "organiser", "hour"] == 1
    assert not [sort for sort in found if sort[0] in {"caseworkers", "clients"}]


def test_what_stops_or_ends_waits_no_more():
    case_id = with_organiser()
    with transaction() as session:
        Onboarding.get(session, case_id).stopped_at = now()

    assert counted("waits", now()) == counted("passes", now()) == {}


def test_open_decisions_are_counted_by_kind_and_age(clock):
    signed()
    clock(days=40)

    assert counted("decisions", now()) == {("countersign", "older"): 1}


def test_mails_are_counted_by_kind_and_what_became_of_them():
    signed()
    advance(opened(key="test:2", organiser={"name": "Paula Berg", "email": "paula@berg.example"}))
    with transaction() as session:
        first, second, third, *_ = session.scalars(select(Outgoing).order_by(Outgoing.id))
        first.delivered_at, second.failed_at, third.attempts = now(), now(), 1
        kinds = first.kind.value, second.kind.value, third.kind.value

    found = counted("mails")

    assert found[kinds[0], "delivered"] == 1
    assert found[kinds[1], "failed"] == 1
    assert found[kinds[2], "retrying"] == 1


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
        gauges.passes(session, now()), gauges.events(session), gauges.left_over(session, now())

    assert len(asked) == 6
