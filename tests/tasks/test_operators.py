"""Operators and managers, their deputies, and the mails that go to them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from models.audit import HOUSE, Entry, first_broken, trail
from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.mail.outbox import Outgoing
from models.people.login import Login, hash_password
from models.people.manners import AddressForm, Language
from models.people.operator import AbsenceInvalid, DeputyUnfit, LastManager, OperatorAlready
from models.people.passwords import PasswordNamesYou
from models.reminders.cadence import Level
from models.settings import settings
from models.time.clock import now
from tasks.mail import delivery
from tasks.mail.compose import write
from tasks.people import operators, sessions
from tasks.reminders import cadences
from tasks.reminders.rounds import send_reminders
from tests import factories
from tests.factories import at_once, everything

pytestmark = pytest.mark.usefixtures("no_runs")

ADA, BEA, CEM = (f"{name}@convent-it.example" for name in ("ada", "bea", "cem"))


def account(email):
    with reading() as session:
        return Login.by_email(session, email)


def acts():
    with reading() as session:
        entries = trail(session, HOUSE)
    assert first_broken(entries) is None
    return [(one.action, one.actor, one.facts.get("email")) for one in entries if one.action != "case.opened"]


def mails(kind):
    with reading() as session:
        found = session.scalars(select(Outgoing).where(Outgoing.kind == kind).order_by(Outgoing.id)).all()
    return [(mail.to_address, mail.facts["instead_of"]) for mail in found]


def gathered():
    """Mails about open decisions: to whom, instead of whom, and why they are told of each."""
    with reading() as session:
        found = session.scalars(select(Outgoing).where(Outgoing.kind == "decisions_wait").order_by(Outgoing.id)).all()
    return [
        (mail.to_address, mail.facts["instead_of"], [one["why"] for one in mail.facts["questions"]]) for mail in found
    ]


WEDNESDAY = datetime(2026, 6, 17, 9, tzinfo=UTC)


def asked(case_id, days, key="advice:1"):
    with transaction() as session:
        Decision.ask(
            session, Decision.draft(case_id, DecisionKind.ADVICE, key, now() - timedelta(days=days), question="?")
        )


def test_a_manager_invites_an_operator_who_sets_a_password_and_works():
    factories.operator(ADA, manager=True)

    operators.invite(" Bea@Convent-IT.example ", "Bea Berg", ADA, manager=False)

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing)).all()
    assert (mail.to_address, mail.facts["by"], mail.facts["manager"]) == (BEA, ADA, False)
    assert account(BEA).is_operator
    assert not account(BEA).is_manager
    assert acts() == [("operator.appointed", ADA, BEA)]
    with pytest.raises(OperatorAlready):
        operators.invite(BEA, "Bea Berg", ADA, manager=True)


def test_the_last_manager_stays_one():
    factories.operator(ADA, manager=True)
    factories.operator(BEA)

    with pytest.raises(LastManager):
        operators.deactivate(account(ADA).id, ADA)
    with pytest.raises(LastManager):
        operators.change_role(account(ADA).id, ADA, manager=False)
    operators.change_role(account(BEA).id, ADA, manager=True)
    operators.change_role(account(ADA).id, BEA, manager=False)

    assert (account(ADA).is_manager, account(BEA).is_manager) == (False, True)
    assert acts() == [("operator.role_changed", ADA, BEA), ("operator.role_changed", BEA, ADA)]


def test_of_two_managers_who_remove_each_other_at_the_same_moment_one_stays():
    factories.operator(ADA, manager=True)
    factories.operator(BEA, manager=True)
    ada, bea = account(ADA).id, account(BEA).id

    done = at_once(lambda: operators.deactivate(bea, ADA), lambda: operators.deactivate(ada, BEA))

    assert sorted(type(one).__name__ for one in done) == ["LastManager", "NoneType"]
    assert [account(ADA).is_manager, account(BEA).is_manager].count(True) == 1


def test_whoever_is_deactivated_is_signed_out_at_once_and_cannot_sign_in():
    factories.operator(ADA, manager=True)
    session_token = factories.operator(BEA)
    assert sessions.signed_in(session_token).is_operator

    operators.deactivate(account(BEA).id, ADA)

    assert sessions.signed_in(session_token) is None
    with pytest.raises(Exception, match="not right"):
        sessions.sign_in(BEA, factories.PASSWORD)
    assert account(BEA).deactivated_at is not None
    operators.appoint(BEA, "command line")
    assert sessions.signed_in(sessions.sign_in(BEA, factories.PASSWORD)).is_operator


def test_an_operator_who_also_works_at_a_firm_keeps_that_account():
    factories.with_organiser()
    factories.operator(ADA, manager=True)
    operators.appoint("erika@freitag.example", ADA)

    operators.deactivate(account("erika@freitag.example").id, ADA)

    visitor = sessions.signed_in(sessions.sign_in("erika@freitag.example", factories.PASSWORD))
    assert (visitor.is_operator, len(visitor.memberships)) == (False, 1)


@pytest.mark.parametrize(("first", "last"), [(2, 1), (-5, -1), (None, 1), (1, None)])
def test_an_absence_has_both_its_days_in_order(first, last):
    factories.operator(ADA)
    days = [None if day is None else operators.today() + timedelta(days=day) for day in (first, last)]

    with pytest.raises(AbsenceInvalid):
        operators.set_absence(account(ADA).id, *days, None, ADA)


def test_nobody_is_their_own_deputy_or_that_of_somebody_who_is_no_operator():
    factories.with_organiser()
    factories.operator(ADA)
    today = operators.today()

    for deputy in (account(ADA).id, account("erika@freitag.example").id, 999):
        with pytest.raises(DeputyUnfit):
            operators.set_absence(account(ADA).id, today, today, deputy, ADA)


def test_an_overdue_decision_is_told_to_the_managers_once(clock):
    clock(WEDNESDAY)
    factories.operator(ADA, manager=True)
    factories.operator(BEA)
    case_id = factories.opened()
    asked(case_id, 2.1)
    asked(case_id, 1, "advice:2")

    assert operators.escalate_overdue.fn() == 1
    assert operators.escalate_overdue.fn() == 0

    assert gathered() == [(ADA, [], ["overdue"])]
    with reading() as session:
        assert [one.escalated_at is not None for one in Decision.pending(session)] == [True, False]
        (told,) = session.scalars(select(Entry).where(Entry.action == "decision.escalated")).all()
    assert (told.case_id, told.facts) == (case_id, {"kind": "advice", "to": [ADA]})
    assert [value.about for value in told.values] == [f"account:{account(ADA).id}"]


def test_two_sweeps_at_the_same_moment_tell_of_a_decision_once(clock):
    clock(WEDNESDAY)
    factories.operator(ADA, manager=True)
    asked(factories.opened(), 5)

    done = at_once(operators.escalate_overdue.fn, operators.escalate_overdue.fn)

    assert sorted(done) == [0, 1]
    assert gathered() == [(ADA, [], ["overdue"])]


def test_nobody_is_told_at_night_and_without_a_manager_the_provider_is(clock):
    clock(datetime(2026, 6, 17, 21, tzinfo=UTC))
    asked(factories.opened(), 5)

    assert operators.escalate_overdue.fn() == 0
    clock(WEDNESDAY)
    assert operators.escalate_overdue.fn() == 1

    assert gathered() == [(settings().provider_email, [], ["overdue"])]


def test_an_answered_decision_is_not_told_of(clock):
    clock(WEDNESDAY)
    case_id = factories.opened(plan=None, interval=None)
    asked(case_id, 5)
    factories.decide(case_id, "agreed", plan="plus", interval="yearly")

    assert operators.escalate_overdue.fn() == 0


def test_during_an_absence_mails_go_to_the_deputy_as_well_and_on_to_the_deputys_deputy(clock):
    clock(WEDNESDAY)
    for email in (ADA, BEA, CEM):
        factories.operator(email, manager=email == ADA)
    ada, bea, cem = (account(email).id for email in (ADA, BEA, CEM))
    today = operators.today()
    case_id = factories.opened()
    operators.set_absence(ada, today, today + timedelta(days=3), bea, ADA)
    asked(case_id, 5)
    operators.escalate_overdue.fn()
    clock(minutes=5)
    operators.set_absence(bea, today, today, cem, ADA)
    asked(case_id, 5, "advice:2")
    operators.escalate_overdue.fn()
    clock(minutes=5)
    operators.set_absence(ada, today + timedelta(days=1), today + timedelta(days=3), bea, ADA)
    asked(case_id, 5, "advice:3")
    operators.escalate_overdue.fn()

    assert mails("decisions_wait") == [
        *[(ADA, []), (BEA, [ADA])],
        *[(ADA, []), (BEA, [ADA]), (CEM, [ADA])],
        (ADA, []),
    ]


def test_what_is_due_at_once_for_one_reader_is_one_mail(clock):
    clock(WEDNESDAY)
    for email in (ADA, BEA):
        factories.operator(email, manager=email == ADA)
    for number in range(30):
        days = 5 if number < 10 else 0.9999 if number < 20 else 0.01
        asked(factories.opened(f"test:{number}"), days, f"advice:{number}")
        asked(factories.opened(f"more:{number}"), 0.01, f"more:{number}")
    clock(minutes=2)

    operators.tell_new.fn()
    send_reminders.fn()
    operators.escalate_overdue.fn()
    clock(minutes=1)
    send_reminders.fn()
    operators.escalate_overdue.fn()

    assert [(to, len(whys)) for to, _, whys in gathered()] == [(ADA, 60), (BEA, 60)]
    assert [to for to, _, whys in gathered() if "overdue" in whys] == [ADA]


def test_new_questions_are_told_within_minutes_together_and_once(clock):
    clock(WEDNESDAY)
    factories.operator(ADA)
    case_id = factories.opened()
    asked(case_id, 0)
    assert operators.tell_new.fn() == 0
    clock(minutes=2)
    asked(case_id, 0, "advice:2")

    clock(minutes=2)
    assert sum(at_once(operators.tell_new.fn, operators.tell_new.fn)) == 2
    assert operators.tell_new.fn() == 0

    assert gathered() == [(ADA, [], ["new", "new"])]
    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "decisions_wait")).all()
    assert mail.due_at <= now() + operators.GATHER
    assert str(write(mail)["Subject"]) == "2 neue Entscheidungen warten auf Sie"


def test_new_questions_are_told_in_working_hours_and_to_deputies_as_well(clock):
    clock(datetime(2026, 6, 17, 21, tzinfo=UTC))
    for email in (ADA, BEA):
        factories.operator(email)
    day = operators.today() + timedelta(days=1)
    operators.set_absence(account(BEA).id, day, day, account(ADA).id, ADA)
    asked(factories.opened(), 0)
    clock(minutes=10)

    assert operators.tell_new.fn() == 0
    clock(datetime(2026, 6, 18, 9, tzinfo=UTC))
    assert operators.tell_new.fn() == 1

    assert gathered() == [(ADA, [BEA], ["new"]), (BEA, [], ["new"])]


@pytest.mark.parametrize("level", [Level.CASE, Level.FIRM])
def test_where_reminders_are_paused_new_questions_are_told_when_they_go_on(clock, level):
    clock(WEDNESDAY)
    factories.operator(ADA)
    case_id = factories.opened()
    owner = case_id if level is Level.CASE else factories.firm_of(case_id)
    asked(case_id, 0.1)
    cadences.pause(level, owner, ADA)

    assert operators.tell_new.fn() == 0
    cadences.resume(level, owner, ADA)
    assert operators.tell_new.fn() == 1


def test_an_answered_question_is_told_to_nobody(clock):
    clock(WEDNESDAY)
    factories.operator(ADA)
    case_id = factories.opened(plan=None, interval=None)
    asked(case_id, 0.1)
    factories.decide(case_id, "agreed", plan="plus", interval="yearly")

    assert operators.tell_new.fn() == 0
    assert gathered() == []


def test_what_was_decided_before_the_mail_leaves_is_not_told_any_more(clock):
    clock(WEDNESDAY)
    factories.operator(ADA, manager=True)
    cases = [factories.opened(f"test:{number}", plan=None, interval=None) for number in range(2)]
    for case_id in cases:
        asked(case_id, 5, f"advice:{case_id}")
    operators.escalate_overdue.fn()
    clock(minutes=5)

    def told():
        rows = [one.row for one in delivery._claim(50) if one.row.kind == "decisions_wait"]
        clock(minutes=11)
        return [len(row.facts["questions"]) for row in rows]

    factories.decide(cases[0], "agreed", plan="plus", interval="yearly")
    assert told() == [1]
    factories.decide(cases[1], "agreed", plan="plus", interval="yearly")
    assert told() == [0]


def test_what_has_left_already_is_no_part_of_the_next_mail(clock):
    clock(WEDNESDAY)
    factories.operator(ADA, manager=True)
    case_id = factories.opened()
    asked(case_id, 5)
    operators.escalate_overdue.fn()
    with transaction() as session:
        Outgoing.due(session, now() + timedelta(hours=1), 10, timedelta(minutes=10))
    asked(case_id, 5, "advice:2")

    operators.escalate_overdue.fn()

    assert [whys for _, _, whys in gathered()] == [["overdue"], ["overdue"]]


def test_operators_are_reminded_each_in_their_language_and_deputies_know_for_whom(clock):
    clock(datetime(2027, 2, 8, 9, 1, tzinfo=UTC))
    for email in (ADA, BEA, CEM):
        factories.operator(email, manager=email == ADA)
    today = operators.today()
    operators.set_absence(account(BEA).id, today, today + timedelta(days=9), account(CEM).id, ADA)
    operators.speak(account(ADA).id, Language.FRENCH, AddressForm.SIE)
    operators.speak(account(CEM).id, Language.GERMAN, AddressForm.DU)
    asked(factories.opened(), 0)

    clock(days=1)
    send_reminders.fn()

    assert mails("decisions_wait") == [(ADA, []), (BEA, []), (CEM, [BEA])]
    with reading() as session:
        rows = session.scalars(select(Outgoing).where(Outgoing.kind == "decisions_wait").order_by(Outgoing.id)).all()
    written = [(mail.language.value, mail.address_form.value, str(write(mail)["Subject"])) for mail in rows]
    assert written == [
        ("fr", "sie", "1 décision vous attend"),
        ("de", "sie", "1 Entscheidung wartet auf Sie"),
        ("de", "du", "1 Entscheidung wartet auf dich"),
    ]


def test_whoever_is_invited_in_a_language_is_written_to_and_works_in_it():
    factories.operator(ADA, manager=True)

    operators.invite(BEA, "Bea Berg", ADA, manager=False, language=Language.ENGLISH)
    operators.appoint(CEM, "command line", language=Language.FRENCH)
    operators.appoint(CEM, "command line")

    with reading() as session:
        assert session.scalars(select(Outgoing.language)).all() == ["en"]
    assert (account(BEA).language, account(CEM).language) == ("en", "fr")
    hashed = hash_password(factories.PASSWORD)
    with transaction() as session:
        Login.by_email(session, CEM).keep_password(session, hashed)
    assert sessions.signed_in(sessions.sign_in(CEM, factories.PASSWORD)).language == "fr"


def test_everybody_gets_one_digest_a_week(clock):
    clock(WEDNESDAY)
    factories.operator(ADA, manager=True)
    factories.operator(BEA)
    factories.opened()
    assert operators.send_digests.fn() == 0  # They began after this week's was due.

    clock(datetime(2026, 6, 22, 4, 59, tzinfo=UTC))
    assert operators.send_digests.fn() == 0
    clock(datetime(2026, 6, 22, 5, 1, tzinfo=UTC))
    assert sorted(at_once(operators.send_digests.fn, operators.send_digests.fn)) == [0, 2]
    clock(datetime(2026, 6, 28, 12, tzinfo=UTC))
    assert operators.send_digests.fn() == 0

    assert mails("digest") == [(ADA, []), (BEA, [])]
    with reading() as session:
        facts = session.scalars(select(Outgoing.facts).where(Outgoing.kind == "digest")).first()
    assert facts["parties"] == {"provision": 1}
    assert facts["news"] == {"opened": 1}


def test_there_is_no_digest_where_there_is_nothing_to_say(clock):
    clock(WEDNESDAY)
    factories.operator(ADA)
    clock(datetime(2026, 6, 22, 6, tzinfo=UTC))

    assert operators.send_digests.fn() == 0
    factories.opened()
    assert operators.send_digests.fn() == 0  # Told in the next one.

    assert mails("digest") == []


def test_a_digest_counts_what_is_overdue_and_what_went_wrong(clock):
    clock(WEDNESDAY)
    factories.operator(ADA)
    case_id = factories.opened()
    factories.advance(case_id)
    asked(case_id, 9)
    with transaction() as session:
        for mail in session.scalars(select(Outgoing)):
            mail.failed_at, mail.due_at = now(), None
    clock(datetime(2026, 7, 6, 6, tzinfo=UTC))

    operators.send_digests.fn()

    with reading() as session:
        facts = session.scalars(select(Outgoing.facts).where(Outgoing.kind == "digest")).one()
    assert facts["waiting"] == {"decisions": 1, "decisions_overdue": 1, "overdue": 1}
    assert facts["wrong"] == {"mail_failed": 1}
    assert facts["news"] == {}


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-06-22T04:59+00:00", "2026-06-15T05:00+00:00"),
        ("2026-06-22T05:00+00:00", "2026-06-22T05:00+00:00"),
        ("2026-10-26T05:59+00:00", "2026-10-19T05:00+00:00"),
        ("2026-10-26T06:00+00:00", "2026-10-26T06:00+00:00"),
    ],
)
def test_digests_are_due_on_mondays_at_seven_by_the_clock_in_berlin(moment, due):
    assert operators.digest_moment(datetime.fromisoformat(moment)) == datetime.fromisoformat(due)


def test_no_link_stands_in_the_database(monkeypatch):
    url = operators.appoint(ADA, "command line", manager=True)

    assert url.rpartition("/")[2] not in everything()


def test_one_overdue_decision_that_breaks_down_holds_up_no_other(clock):
    clock(WEDNESDAY)
    factories.operator(ADA, manager=True)
    case_id = factories.opened()
    for number in range(3):
        asked(case_id, 3, f"advice:{number}")
    with transaction() as session:  # A row that nothing but a hand in the database can make.
        session.execute(text("UPDATE decisions SET kind = 'strange' WHERE key = 'advice:1'"))

    for tell in (operators.tell_new, operators.escalate_overdue):
        with pytest.raises(ExceptionGroup, match="1 broke down"):
            tell.fn()

    assert gathered() == [(ADA, [], ["overdue", "overdue"])]


def test_no_password_is_made_of_an_operators_own_name():
    link = operators.appoint("lk@provider.example", "command line", manager=True, name="Ludmilla Kowalczyk")

    with pytest.raises(PasswordNamesYou):
        sessions.reset_password(link.rpartition("/")[2], "LudmillaKowalczyk2026")
