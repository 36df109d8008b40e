from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update

from models.audit import first_broken, trail
from models.db import reading, transaction
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from models.reminders.cadence import Follow, FollowUnfit, Level, WaitKind
from models.reminders.reminder import Reminder
from models.request import Named
from models.time.clock import now
from models.time.hours import Hours
from tasks.agreement import responses
from tasks.mail.address_holds import note_bounce
from tasks.mail.compose import write
from tasks.onboarding import registration
from tasks.onboarding.invitations import SentJustNow, SentOften, add_caseworkers, add_clients, resend
from tasks.reminders.cadences import inherit_cadence, missed, pause, resume, set_cadence
from tasks.reminders.forecast import foresee
from tasks.reminders.rounds import REMINDERS_AT_ONCE, send_reminders
from tasks.reminders.waits import Held
from tests.factories import (
    advance,
    at_once,
    countersigned,
    decide,
    firm_of,
    opened,
    operator,
    outbox,
    registered,
    token,
    with_client,
    with_organiser,
)

ERIKA = "erika@freitag.example"
MAX = "max@beispiel.example"
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def monday_morning(clock):
    """Every test begins on a Monday at ten in Berlin, weeks before any holiday."""
    clock(datetime(2027, 2, 8, 9, 1, tzinfo=UTC))


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


def test_the_link_of_the_first_mail_is_as_good_as_that_of_a_reminder(clock):
    advance(opened())
    first = token(ERIKA, Purpose.REGISTER)

    remind(clock, days=3)

    assert registration.opened(first, Purpose.REGISTER).person.email == ERIKA
    assert registration.opened(token(ERIKA, Purpose.REGISTER), Purpose.REGISTER).person.email == ERIKA


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


def test_the_organiser_is_reminded_of_all_that_is_missing_in_one_mail(clock):
    case_id = with_organiser(street="", land=None)

    remind(clock, days=3)

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "your_turn")).all()
        told = [entry.facts["steps"] for entry in trail(session, case_id) if entry.action == "person.reminded"]
    assert mail.facts["steps"] == ["details", "logo"]
    assert mail.facts["missing"] == ["street"]
    assert mail.facts["paths"]["logo"] == f"/firm/{firm_of(case_id)}/logo"
    assert told == [["details", "logo"]]


def test_nobody_is_asked_for_what_takes_an_account_before_there_is_one(clock):
    case_id = opened(street="", land=None)
    advance(case_id)

    held = remind(clock, days=3).held

    assert held[WaitKind.TASK, Held.ACCOUNT] == 2
    assert (len(outbox("register")), outbox("your_turn")) == (2, [])
    assert not [line for line in foresee(now() + timedelta(days=30)) if line.kind is WaitKind.TASK]
    registered()
    assert [round((wait.due_at - now()) / timedelta(days=1)) for wait in waits() if wait.kind is WaitKind.TASK] == [
        4
    ] * 2


def test_a_client_is_reminded_with_the_words_of_the_invitation(clock):
    with_client()

    remind(clock, days=3)

    with reading() as session:
        first, second = session.scalars(
            select(Outgoing).where(Outgoing.kind == "invitation").order_by(Outgoing.id)
        ).all()
    assert second.facts == {**first.facts, "count": 1}


def test_reminders_stop_with_the_case(clock):
    case_id = with_organiser()
    responses.decline(token(ERIKA, Purpose.AGREEMENT), "zu teuer")
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


# ---- cadences, pauses, silence


def set_days(level, owner_id, days, most="3", follow=Follow.NOTHING, kind=WaitKind.ORGANISER):
    set_cadence(level, owner_id, kind, "op@x.example", name="", days=days, most=most, follow=follow)


def next_due(case_id, kind=WaitKind.ORGANISER):
    with reading() as session:
        return session.scalars(
            select(Reminder.due_at).where(Reminder.onboarding_id == case_id, Reminder.kind == kind)
        ).one()


def days_until(case_id):
    due = next_due(case_id)
    return None if due is None else round((due - now()) / timedelta(days=1))


def test_a_cadence_set_anywhere_plans_all_that_is_pending_anew(clock):
    cases = [opened(f"test:{n}") for n in range(3)]
    for case_id in cases:
        advance(case_id)
    own, firms, _ = cases
    assert [days_until(one) for one in cases] == [3, 3, 3]

    set_days(Level.CASE, own, "10")
    set_days(Level.FIRM, firm_of(firms), "8")
    set_days(Level.FIRM, firm_of(own), "9")
    set_days(Level.PROVIDER, 0, "1, 2")

    assert [days_until(one) for one in cases] == [10, 8, 1]
    inherit_cadence(Level.CASE, own, WaitKind.ORGANISER, "op@x.example")
    inherit_cadence(Level.FIRM, firm_of(firms), WaitKind.ORGANISER, "op@x.example")
    assert [days_until(one) for one in cases] == [9, 1, 1]
    inherit_cadence(Level.PROVIDER, 0, WaitKind.ORGANISER, "op@x.example")
    assert [days_until(one) for one in cases] == [9, 3, 3]
    with reading() as session:
        acts = [entry.action for entry in trail(session, own)]
        assert first_broken(trail(session, own)) is None
    assert acts.count("cadence.set") == 2
    assert acts.count("cadence.inherited") == 1


def test_setting_a_cadence_takes_as_many_statements_for_many_waits_as_for_one(statements):
    asked = []
    for count in (1, 8):
        for number in range(count):
            advance(opened(f"test:{count}:{number}"))
        with statements() as said:
            set_days(Level.PROVIDER, 0, f"{count}, 9")
        asked.append(len(said))

    assert asked[0] == asked[1]


@pytest.mark.parametrize("level", [Level.FIRM, Level.CASE, Level.PERSON])
def test_paused_reminders_are_held_and_leave_once_when_they_go_on(clock, level):
    case_id = opened()
    advance(case_id)
    with reading() as session:
        erika = session.scalars(select(Person.id).where(Person.role == Role.ORGANISER)).one()
    owner = {Level.FIRM: firm_of(case_id), Level.CASE: case_id, Level.PERSON: erika}[level]
    pause(level, owner, "op@x.example")
    pause(level, owner, "op@x.example")

    held = remind(clock, days=21).held

    assert held[WaitKind.ORGANISER, Held.PAUSED] == 1
    assert len(outbox("register")) == 1
    with reading() as session:
        assert missed(session, level, owner) > 0
    resume(level, owner, "op@x.example")
    resume(level, owner, "op@x.example")
    remind(clock, seconds=1)
    assert len(outbox("register")) == 2


def test_counting_anew_after_a_pause_sends_nothing_at_once(clock):
    case_id = opened()
    advance(case_id)
    pause(Level.CASE, case_id, "op@x.example")
    remind(clock, days=21)

    resume(Level.CASE, case_id, "op@x.example", anew=True)
    remind(clock, seconds=1)

    assert len(outbox("register")) == 1
    assert days_until(case_id) == 3


def test_one_pause_holds_while_another_is_taken_away(clock):
    case_id = opened()
    advance(case_id)
    pause(Level.CASE, case_id, "op@x.example")
    pause(Level.FIRM, firm_of(case_id), "op@x.example")

    resume(Level.CASE, case_id, "op@x.example")
    remind(clock, days=3)

    assert len(outbox("register")) == 1


@pytest.mark.parametrize(
    ("verdict", "answer", "written_to"),
    [
        ("resend", {}, [ERIKA]),
        ("correct", {"address": "new@freitag.example"}, ["new@freitag.example"]),
        ("leave", {}, []),
    ],
)
def test_after_the_last_reminder_an_operator_is_asked_how_it_goes_on(clock, verdict, answer, written_to):
    case_id = opened(website="", logo_permission_by="")
    advance(case_id)
    set_days(Level.PROVIDER, 0, "1", "1", Follow.OPERATOR)
    for kind in (WaitKind.TASK, WaitKind.DECISION):
        set_days(Level.PROVIDER, 0, "1", "0", kind=kind)

    remind(clock, days=1)
    remind(clock, days=1)
    assert remind(clock, days=1).sent == 0

    before = outbox("register")
    decide(case_id, verdict, **answer)
    remind(clock, days=1)
    with reading() as session:
        fresh = session.scalars(select(Outgoing).where(Outgoing.kind == "register", Outgoing.key.not_in(before)))
        assert [mail.to_address for mail in fresh] == written_to


def live_on(clock, days, most="1", kind=WaitKind.CLIENT, follow=Follow.ORGANISER):
    """Until the last of *most* daily reminders of this kind has gone unanswered as well."""
    set_days(Level.PROVIDER, 0, "1", most, follow, kind)
    for _ in range(days):
        remind(clock, days=1)


def silent_mails():
    with reading() as session:
        return session.scalars(select(Outgoing).where(Outgoing.kind == "people_silent").order_by(Outgoing.id)).all()


def test_the_organiser_is_told_once_who_has_not_answered_in_an_hour_of_their_own(clock):
    case_id = with_client()
    people = [Named(name=f"Mia {n}", email=f"mia{n}@beispiel.example") for n in range(3)]
    add_clients(firm_of(case_id), ERIKA, people)
    advance(case_id)
    with transaction() as session:
        persons = session.scalars(select(Person).where(Person.email.in_(["mia1@beispiel.example", ERIKA]))).all()
        for person in persons:
            person.hours = Hours.parse("Mo–Fr 13–15" if person.email == ERIKA else "Mo–Fr 12–14")
    set_days(Level.PROVIDER, 0, "1", "1", Follow.ORGANISER, WaitKind.CLIENT)
    for _ in range(17):
        remind(clock, hours=3)

    (mail,) = silent_mails()
    assert [one["email"] for one in mail.facts["people"]] == [MAX, *(f"mia{n}@beispiel.example" for n in (0, 2, 1))]
    assert {one["reminders"] for one in mail.facts["people"]} == {1}
    assert mail.to_address == ERIKA
    assert mail.due_at.astimezone(BERLIN).hour == 13
    assert mail.due_at > now()
    with reading() as session:
        assert "organiser.told" in [entry.action for entry in trail(session, case_id)]
        everybody = session.scalars(select(Person.id)).all()
        silent = Reminder.silent(session, case_id, everybody)
        assert len(silent) == 4
    live_on(clock, 10)
    assert len(silent_mails()) == 1


def test_an_organiser_is_told_of_caseworkers_and_clients_in_one_mail(clock):
    case_id = with_client()
    add_caseworkers(firm_of(case_id), ERIKA, [Named(name="Jan Beispiel", email="jan@freitag.example")])
    advance(case_id)
    for kind in (WaitKind.CLIENT, WaitKind.CASEWORKER):
        set_days(Level.PROVIDER, 0, "1", "1", Follow.ORGANISER, kind)
    for _ in range(2):
        remind(clock, days=1)

    (mail,) = silent_mails()

    assert sorted(one["step"] for one in mail.facts["people"]) == ["caseworkers", "clients"]


def test_who_falls_silent_after_the_organiser_was_told_is_told_of_the_next_day(clock):
    with_client()
    live_on(clock, 2)
    with transaction() as session:
        session.execute(update(Outgoing).values(due_at=None, delivered_at=now()))
        wait = session.scalars(select(Reminder).where(Reminder.kind == WaitKind.CLIENT)).one()
        wait.followed_at, wait.due_at = None, now()
    send_reminders.fn()

    assert [len(mail.facts["people"]) for mail in silent_mails()] == [1, 1]


def test_the_managers_are_told_when_reminders_have_not_moved_a_decision(clock):
    operator("leitung@convent-it.example", manager=True)
    operator("betreuung@convent-it.example")
    advance(opened(plan=None, interval=None, question="Was passt?"))

    live_on(clock, 4, "2", WaitKind.ADVICE, Follow.MANAGERS)

    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.kind == "decisions_wait")).all()
        told = [(mail.to_address, one) for mail in mails for one in mail.facts["questions"] if one["why"] == "overdue"]
    ((address, question),) = told
    assert address == "leitung@convent-it.example"
    assert (question["kind"], question["reminders"]) == ("advice", 2)


@pytest.mark.parametrize(
    ("kind", "follow"),
    [(WaitKind.DECISION, Follow.OPERATOR), (WaitKind.ORGANISER, Follow.ORGANISER), (WaitKind.CLIENT, Follow.MANAGERS)],
)
def test_nobody_is_told_of_their_own_silence(kind, follow):
    with pytest.raises(FollowUnfit):
        set_days(Level.PROVIDER, 0, "1", follow=follow, kind=kind)


def test_operators_are_reminded_of_all_that_waits_for_them_in_one_mail(clock):
    for number in range(3):
        advance(opened(f"test:{number}", plan=None, interval=None, question="Was passt?"))

    remind(clock, days=1)

    (key,) = outbox("decisions_wait")
    with reading() as session:
        mail = session.scalars(select(Outgoing).where(Outgoing.key == key)).one()
    assert [one["kind"] for one in mail.facts["questions"]] == ["advice"] * 3
    assert mail.person_id is None


def test_whoever_is_to_sign_and_to_send_a_logo_is_reminded_in_one_mail(clock):
    case_id = with_organiser()

    remind(clock, days=30)

    with reading() as session:
        sent = session.scalars(select(Outgoing).where(Outgoing.created_at > now() - timedelta(hours=1))).all()
    assert [(mail.kind, [one["step"] for one in mail.facts["also"]]) for mail in sent] == [("agreement", ["logo"])]
    text = write(
        sent[0], Link(id=1, purpose=Purpose.AGREEMENT, generation=1, expires_at=now() + timedelta(days=1))
    ).get_body(("plain",))
    assert "Außer Ihrer Unterschrift fehlt noch" in text.get_content()
    assert f"/firm/{firm_of(case_id)}/logo" in text.get_content()


def test_an_answered_question_is_not_reminded_of(clock):
    case_id = opened(plan=None, interval=None)
    advance(case_id)
    decide(case_id, "agreed", plan="plus", interval="yearly")

    remind(clock, days=1)

    assert outbox("decisions_wait") == []


def test_what_is_foreseen_is_what_is_sent(clock):
    advance(opened())
    advance(opened("test:2", plan=None, interval=None, street=""))
    began = now()
    until = began + timedelta(days=25)
    seen = sorted((line.at, line.kind, line.number) for line in foresee(until))

    mails, followed = Counter(), Counter()
    while now() < until:
        done = remind(clock, hours=3)
        mails += done.mails
        followed += done.followed

    counted = Counter((kind, number) for _, kind, number in seen if number)
    for kind in (WaitKind.ORGANISER, WaitKind.TASK, WaitKind.ADVICE):
        assert {n: count for (k, n), count in mails.items() if k is kind} == {
            n: count for (k, n), count in counted.items() if k is kind
        }
    assert Counter(kind for _, kind, number in seen if not number) == Counter(
        {kind: count for (kind, _), count in followed.items()}
    )


def test_links_by_hand_are_three_a_day_and_ten_minutes_apart_and_restart_the_count(clock):
    case_id = opened()
    advance(case_id)
    remind(clock, days=3)
    with reading() as session:
        erika = session.scalars(select(Person.id).where(Person.role == Role.ORGANISER)).one()

    for _ in range(3):
        clock(minutes=11)
        resend(erika, "op@x.example")
        with pytest.raises(SentJustNow):
            resend(erika, "op@x.example")
    clock(minutes=11)
    with pytest.raises(SentOften):
        resend(erika, "op@x.example")

    (wait,) = waits(StepName.ORGANISER)
    assert wait.sent == 0
    clock(days=1)
    resend(erika, "op@x.example")


def test_one_reminder_that_breaks_down_holds_up_no_other_and_is_shown(clock):
    cases = [
        opened(f"test:{n}", organiser={"name": f"Erika M{n}", "email": f"erika{n}@freitag.example"}) for n in range(5)
    ]
    for case_id in cases:
        advance(case_id)
    with transaction() as session:  # A row that nothing but a hand in the database can make.
        session.execute(update(Person).where(Person.email == "erika2@freitag.example").values(time_zone="Nowhere/Land"))

    clock(days=3)
    with pytest.raises(ExceptionGroup, match="1 broke down"):
        send_reminders.fn()

    with reading() as session:
        sent = session.scalars(select(Outgoing).where(Outgoing.kind == "register").order_by(Outgoing.id)).all()
    assert {mail.to_address for mail in sent if mail.facts["count"]} == {
        f"erika{n}@freitag.example" for n in (0, 1, 3, 4)
    }
    with pytest.raises(ExceptionGroup):  # Again: nothing twice.
        send_reminders.fn()
    assert len(outbox("register")) == len(sent)


def test_a_case_at_work_is_left_to_the_next_round_and_is_looked_at_once(clock, product):
    """However many wait: a round ends, also while all that is due is held by others."""
    advance(opened())
    clock(days=3)
    if product == "sqlite":
        assert send_reminders.fn().sent == 1
        return
    with transaction() as session:
        with reading() as other:
            case_id = other.scalars(select(Onboarding.id)).one()
        Onboarding.get(session, case_id)
        assert at_once(send_reminders.fn)[0].sent == 0

    assert send_reminders.fn().sent == 1
