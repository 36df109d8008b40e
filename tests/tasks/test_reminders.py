from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from models.audit import first_broken, trail
from models.db import reading, transaction
from models.exchange import Outgoing
from models.link import LinkUnknown, Purpose
from models.onboarding import Onboarding, Reminder, StepName
from models.person import Person, Role
from models.request import Named
from models.schedule import now
from tasks import accounts, agreements
from tasks.bounces import note_bounce
from tasks.invitations import add_caseworkers, add_clients
from tasks.reminders import REMINDERS_AT_ONCE, send_reminders
from tests.factories import (
    advance,
    at_once,
    countersigned,
    decide,
    firm_of,
    opened,
    outbox,
    token,
    with_client,
    with_organiser,
)

ERIKA = "erika@freitag.example"
MAX = "max@beispiel.example"


@pytest.fixture(autouse=True)
def monday_morning(clock):
    """Every test begins on a Monday at ten in Berlin, weeks before any holiday."""
    clock(seconds=round((datetime(2027, 2, 8, 9, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds()))


def waits(step=None):
    with reading() as session:
        found = session.scalars(select(Reminder).order_by(Reminder.id)).all()
    return [wait for wait in found if wait.ended_at is None and step in {None, wait.step}]


def remind(clock, **later):
    clock(**later)
    return send_reminders.fn()


def test_reminders_follow_the_cadence_and_end_with_the_third(clock):
    advance(opened())

    for _ in range(30):
        remind(clock, days=1)

    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.kind == "register").order_by(Outgoing.id)).all()
    days, counts = [mail.created_at.date() for mail in mails], [mail.facts["count"] for mail in mails]
    assert [(day - days[0]).days for day in days] == [0, 3, 7, 14]  # The twelfth day is a Saturday.
    assert counts == [0, 1, 2, 3]


def test_dates_missed_give_one_mail(clock):
    advance(opened())

    remind(clock, days=21)
    send_reminders.fn()

    assert len(outbox("register")) == 2
    (wait,) = [wait for wait in waits() if wait.step is StepName.ORGANISER]
    assert wait.due_at > now() + timedelta(days=2, minutes=-1)


@pytest.mark.parametrize(
    ("unreachable", "until_reachable"),
    [({"days": 3, "hours": 10}, {"hours": 12}), ({"days": 5, "hours": 1}, {"days": 2})],
    ids=["at night", "on Saturday"],
)
def test_nobody_is_reminded_when_they_cannot_be_reached(clock, unreachable, until_reachable):
    advance(opened())

    remind(clock, **unreachable)
    assert len(outbox("register")) == 1

    remind(clock, **until_reachable)
    assert len(outbox("register")) == 2


def test_a_reminder_carries_a_fresh_link_and_the_old_one_is_dead(clock):
    advance(opened())
    old = token(ERIKA, Purpose.REGISTER)

    remind(clock, days=3)

    with pytest.raises(LinkUnknown):
        accounts.opened(old, Purpose.REGISTER)
    assert accounts.opened(token(ERIKA, Purpose.REGISTER), Purpose.REGISTER).person.email == ERIKA


def test_reminding_again_changes_nothing(clock):
    case_id = opened()
    advance(case_id)
    remind(clock, days=3)
    with reading() as session:
        before = outbox(), [entry.action for entry in trail(session, case_id)]

    for _ in range(3):
        send_reminders.fn()

    with reading() as session:
        assert (outbox(), [entry.action for entry in trail(session, case_id)]) == before
        assert first_broken(trail(session, case_id)) is None
    assert "person.reminded" in before[1]


def test_two_at_the_same_moment_remind_once(clock):
    advance(opened(website=""))
    clock(days=3)

    at_once(send_reminders.fn, send_reminders.fn, send_reminders.fn)
    send_reminders.fn()

    assert len(outbox("register")) == 2


def test_who_reached_the_goal_is_not_reminded(clock):
    with_organiser()

    remind(clock, days=3)

    assert len(outbox("register")) == 1
    assert len(outbox("agreement")) == 2


def test_the_organiser_is_reminded_of_what_is_missing(clock):
    advance(opened(street="", land=None))

    remind(clock, days=3)

    with reading() as session:
        told = {m.facts["step"]: m.facts["missing"] for m in session.scalars(select(Outgoing)) if m.kind == "your_turn"}
    assert told == {"details": ["street"], "logo": ["street"]}


def test_a_client_is_reminded_with_the_words_of_the_invitation(clock):
    with_client()

    remind(clock, days=3)

    with reading() as session:
        first, second = session.scalars(select(Outgoing).where(Outgoing.kind == "invitation")).all()
    assert second.facts == {**first.facts, "count": 1}


def test_reminders_stop_with_the_case(clock):
    case_id = with_organiser()
    agreements.decline(token(ERIKA, Purpose.AGREEMENT), "zu teuer")
    advance(case_id)
    decide(case_id, "stop")
    before = outbox()

    remind(clock, days=30)

    assert outbox() == before


def test_an_address_that_bounced_is_not_reminded_until_it_is_corrected(clock):
    case_id = opened()
    advance(case_id)
    note_bounce({"address": ERIKA, "kind": "hard"})
    remind(clock, days=3)
    assert len(outbox("register")) == 1

    decide(case_id, "correct", address="erika.muster@freitag.example")
    remind(clock, days=5)

    assert len(outbox("register")) == 2


def test_fifty_reminders_take_as_many_statements_as_five(product, statements, clock):
    case_id = countersigned()
    clock(days=14)
    send_reminders.fn()
    asked = []
    for count in (5, 50):
        for act, role in ((add_caseworkers, "k"), (add_clients, "m")):
            people = [Named(name=f"P {n}", email=f"{role}{count}-{n}@x.example") for n in range(count)]
            act(firm_of(case_id), ERIKA, people)
        advance(case_id)
        with transaction() as session:
            session.execute(update(Reminder).values(due_at=None))
            people = session.scalars(select(Person.id).where(Person.email.like(f"_{count}-%"))).all()
            due = {"since": now() - timedelta(days=3), "due_at": now()}
            session.execute(update(Reminder).where(Reminder.person_id.in_(people)).values(due))
        with statements() as said:
            assert send_reminders.fn().sent == 2 * count
        asked.append([line for line in said if product == "postgresql" or not line.startswith("INSERT")])

    assert len(asked[1]) <= len(asked[0])


def test_a_thousand_due_reminders_of_many_firms_go_out_in_batches(clock, statements):
    case_id = opened()
    advance(case_id)
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        row = {"firm_id": case.firm_id, "role": Role.CLIENT, "given_name": "", "family_name": "X", "added_at": now()}
        row |= {"language": "de", "address_form": "sie", "time_zone": "Europe/Berlin", "invited_at": now()}
        session.execute(insert(Person), [{**row, "email": f"{n}@x.example"} for n in range(1000)])
        wait = {
            "onboarding_id": case_id,
            "kind": "client",
            "step": StepName.CLIENTS,
            "since": now() - timedelta(days=3),
            "sent": 0,
            "due_at": now(),
        }
        people = session.scalars(select(Person.id).where(Person.role == Role.CLIENT))
        session.execute(insert(Reminder), [{**wait, "person_id": person} for person in people])

    with statements() as asked:
        assert send_reminders.fn().sent == 1000

    assert len(outbox("invitation")) == 1000
    selects = [line for line in asked if line.startswith("SELECT")]
    assert len(selects) <= 14 * (1000 // REMINDERS_AT_ONCE + 1)
