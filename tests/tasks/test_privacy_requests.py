"""Whoever asks about their own data is answered in time, by who is responsible, and once."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from models.audit import Entry
from models.db import reading, transaction
from models.errors import NotFound, ProvisionError
from models.firm import Firm
from models.mail.outbox import Outgoing
from models.people.person import Person, Role
from models.request import Named
from models.retention.erasure import ErasureHeld, StillNeeded, is_erased
from models.retention.request import (
    AskedOften,
    DelayReasonMissing,
    ExtendedAlready,
    ExtendedLate,
    FirmAnswers,
    Judge,
    NothingToWeigh,
    PrivacyRequest,
    ProviderAnswers,
    RefusalReasonMissing,
    RequestAnswered,
    RequestKind,
    RequestState,
    WishMissing,
)
from models.settings import settings
from models.text import TextTooLong
from models.time.clock import now
from tasks.mail.compose import write
from tasks.onboarding import invitations, stopping
from tasks.people import sessions
from tasks.retention import requests
from tasks.retention.erasure import _Work, forget
from tasks.retention.holds import set_hold
from tests import factories
from tests.contacts import ERIKA, MAX, STAFF
from tests.factories import PASSWORD, Purpose, at_once, firm_of
from tests.tasks.test_erasure import share
from tests.traces import found

OTTO = "otto@convent-it.example"
ERASURE, CORRECTION = RequestKind.ERASURE, RequestKind.CORRECTION


@pytest.fixture(autouse=True)
def awake(monkeypatch):
    """Nobody else writes here, for whom there would be a pause."""
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)


@pytest.fixture
def max_(no_runs):
    """The firm's client, active and signed in; returns the number of the firm."""
    case_id = factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    return firm_of(case_id)


def visitor(address):
    return sessions.signed_in(sessions.sign_in(address, PASSWORD))


def asks(firm_id, kind=ERASURE, words="", who=MAX):
    requests.ask(visitor(who), firm_id, kind, words)
    return request().id


def request():
    with reading() as session:
        return session.scalars(select(PrivacyRequest).order_by(PrivacyRequest.id.desc())).first()


def delivered():
    """Every mail has left."""
    with transaction() as session:
        for mail in session.scalars(select(Outgoing).where(Outgoing.due_at.is_not(None))):
            mail.due_at, mail.delivered_at = None, now()


def outbox(kind):
    with reading() as session:
        return list(session.scalars(select(Outgoing).where(Outgoing.kind == kind).order_by(Outgoing.id)))


def acts():
    with reading() as session:
        told = select(Entry.action).where(Entry.action.startswith("privacy.") | (Entry.action == "person.erased"))
        return list(session.scalars(told.order_by(Entry.id)))


def texts(kind):
    return [write(mail, None, None, None).get_body(("plain",)).get_content() for mail in outbox(kind)]


def test_a_client_asks_the_firm_grants_and_all_is_gone_once_the_answer_has_left(max_):
    asked = asks(max_, words="Ich bin nicht mehr Ihr Mandant.")
    (wait,) = outbox("privacy_waits")
    assert (wait.to_address, request().judge) == (ERIKA, Judge.FIRM)
    assert [each.person.email for each in requests.waiting(max_)] == [MAX]
    assert requests.waiting(None) == []

    requests.grant(max_, asked, ERIKA)
    assert requests.see_to_requests.fn() == 0  # The answer has not left.
    (text,) = texts("privacy_answered")
    assert "Protokoll" in text
    delivered()

    assert requests.see_to_requests.fn() == 1
    assert requests.see_to_requests.fn() == 0

    assert found(MAX, "Max Beispiel", "nicht mehr Ihr Mandant") == set()
    done = request()
    assert (done.state, done.done_at is not None, done.words) == (RequestState.GRANTED, True, "")
    assert acts() == ["privacy.asked", "privacy.granted", "person.erased"]


def test_who_is_refused_or_has_to_wait_is_told_why(max_, clock):
    asked = asks(max_, CORRECTION, "Ich heiße Bei Spiel.")
    for act, missing in ((requests.refuse, RefusalReasonMissing), (requests.extend, DelayReasonMissing)):
        with pytest.raises(missing):
            act(max_, asked, ERIKA, "  ")
    due = request().due_on

    requests.extend(max_, asked, ERIKA, "Wir warten auf das Register.")
    with pytest.raises(ExtendedAlready):
        requests.extend(max_, asked, ERIKA, "Noch länger.")
    assert 58 <= (request().due_on - due).days <= 62
    requests.refuse(max_, asked, ERIKA, "Der Name steht so im Ausweis.")

    later, refused = texts("privacy_answered")
    assert "Register" in later
    assert "Ausweis" in refused
    assert all("Datenschutzaufsicht" in text for text in (later, refused))
    assert acts() == ["privacy.asked", "privacy.extended", "privacy.refused"]


def test_what_is_corrected_is_done_with_the_answer(max_):
    with pytest.raises(WishMissing):
        asks(max_, CORRECTION, " ")

    requests.grant(max_, asks(max_, CORRECTION, "Ich heiße Bei Spiel."), ERIKA, "Erledigt.")

    assert (request().state, request().done_at is not None) == (RequestState.GRANTED, True)
    assert requests.see_to_requests.fn() == 0


def test_asked_twice_it_is_one_request_and_withdrawn_it_is_none(max_):
    asked = asks(max_)
    assert asks(max_) == asked
    assert len(outbox("privacy_waits")) == 1

    requests.withdraw(visitor(MAX), asked)

    for act in (lambda: requests.grant(max_, asked, ERIKA), lambda: requests.withdraw(visitor(MAX), asked)):
        with pytest.raises(RequestAnswered):
            act()
    assert asks(max_) != asked


@pytest.mark.parametrize(("start", "due"), [("2027-01-31", date(2027, 2, 28)), ("2027-03-15", date(2027, 4, 15))])
def test_the_answer_has_a_month_and_whoever_owes_it_is_reminded(max_, clock, start, due):
    clock(datetime.fromisoformat(f"{start}T10:00:00").replace(tzinfo=UTC))
    asks(max_)
    assert request().due_on == due

    told = []
    for day in range(45):
        requests.see_to_requests.fn()
        told += [(day, mail.to_address == ERIKA) for mail in outbox("privacy_waits")[len(told) :]]
        clock(days=1)

    days = (due - date.fromisoformat(start)).days
    firm = [day for day, is_firm in told if is_firm]
    ours = [day for day, is_firm in told if not is_firm]
    assert firm == [0, days - 14, days - 7, days - 2, *range(days + 1, 45, 7)]
    assert ours == [*range(days + 1, 45, 7)]
    assert [each.person.email for each in requests.waiting(None)] == [MAX]


def test_somebody_of_the_firm_is_answered_by_the_provider(no_runs):
    case_id = factories.countersigned(caseworkers=STAFF)
    jan = STAFF[0]["email"]
    factories.registered(jan)
    asked = asks(firm_of(case_id), who=jan)

    assert [mail.to_address for mail in outbox("privacy_waits")] != [ERIKA]
    assert requests.waiting(firm_of(case_id)) == []
    with pytest.raises(NotFound):
        requests.grant(firm_of(case_id), asked, ERIKA)
    requests.grant(None, asked, OTTO)
    delivered()
    requests.see_to_requests.fn()

    assert found(jan) == set()


def test_the_only_organiser_is_told_what_stands_in_the_way(no_runs):
    case_id = factories.countersigned()
    asked = asks(firm_of(case_id), who=ERIKA)

    with pytest.raises(StillNeeded):
        requests.grant(None, asked, OTTO)

    assert request().state is RequestState.OPEN


def test_a_hold_set_after_the_answer_is_waited_for(max_, clock):
    requests.grant(max_, asks(max_), ERIKA)
    delivered()
    set_hold(1, OTTO, whose="", reason="Az. 7", until=date.fromordinal(now().date().toordinal() + 9).isoformat())

    assert requests.see_to_requests.fn() == 0
    with pytest.raises(ErasureHeld):
        forget(share(MAX), ERIKA)
    clock(days=11)

    assert requests.see_to_requests.fn() == 1
    assert found(MAX) == set()


def test_an_answer_that_does_not_leave_holds_up_nothing_for_ever(max_, clock):
    requests.grant(max_, asks(max_), ERIKA)
    clock(days=2)

    assert requests.see_to_requests.fn() == 1
    assert found(MAX) == set()


def test_who_was_erased_in_another_way_has_asked_for_nothing_more(max_):
    asks(max_)
    forget(share(MAX), OTTO)

    assert requests.waiting(max_) == [] or requests.see_to_requests.fn() == 1
    assert request().state is RequestState.MOOT


def test_on_a_stopped_case_it_is_asked_and_answered_all_the_same(max_):
    stopping.stop_case(1, "Doppelt.", OTTO)
    person_id = _person().id
    with transaction() as session:
        assert PrivacyRequest.of(session, [person_id]) == []
    requests.ask(visitor(MAX), max_, ERASURE, "")

    requests.grant(None if request().judge is not Judge.FIRM else max_, request().id, OTTO)
    delivered()
    requests.see_to_requests.fn()

    assert is_erased(_person(person_id))


def _person(number=None):
    with reading() as session:
        mine = Person.id == number if number else Person.role == Role.CLIENT
        return session.scalars(select(Person).where(mine)).one()


def test_what_a_firm_has_time_for_is_not_answered_in_its_place(max_, clock):
    asked = asks(max_)
    for act in (requests.grant, requests.refuse, requests.extend):
        with pytest.raises(FirmAnswers):
            act(None, asked, OTTO, "Darum.")
    clock(days=35)

    requests.refuse(None, asked, OTTO, "Er ist noch Mandant.")

    assert request().answered_by == OTTO


def test_nobody_has_the_firm_written_to_more_than_three_times_a_day(max_, clock):
    for _ in range(3):
        requests.refuse(max_, asks(max_), ERIKA, "Noch nicht.")

    with pytest.raises(AskedOften):
        asks(max_)
    clock(days=1, hours=1)
    asks(max_)


@pytest.mark.parametrize("act", [requests.refuse, requests.extend])
def test_two_answers_at_once_are_one(max_, act):
    asked = asks(max_)

    done = at_once(lambda: requests.grant(max_, asked, ERIKA), lambda: act(max_, asked, ERIKA, "Zu viele Anfragen."))

    refused = [each for each in done if isinstance(each, ProvisionError)]
    answered = [each for each in acts() if each in ("privacy.granted", "privacy.refused")]
    assert len(answered) == 1
    assert len(refused) <= 1
    assert len(outbox("privacy_answered")) == 2 - len(refused)


@pytest.mark.parametrize("meanwhile", ["grant", "withdraw", "ask", "remind"])
def test_what_falls_into_a_running_erasure_goes_with_it(max_, clock, monkeypatch, meanwhile, product):
    theirs, who, asked = share(MAX), visitor(MAX), asks(max_, words="Bitte alles.")
    acts = {
        "grant": lambda: requests.grant(max_, asked, ERIKA, "Gern, Max Beispiel."),
        "withdraw": lambda: requests.withdraw(who, asked),
        "ask": lambda: requests.ask(who, max_, CORRECTION, "Ich bin Max Beispiel."),
        "remind": lambda: clock(days=29) or requests.see_to_requests.fn(),
    }
    end, done = _Work.end, []

    def met(work):
        done.append(acts[meanwhile]())
        return end(work)

    monkeypatch.setattr("tasks.retention.erasure._Work.end", met)
    forget(theirs, OTTO)

    assert len(done) == 1
    assert found(MAX, "Max Beispiel", "Bitte alles") == set()


def test_it_takes_no_longer_once_the_time_is_over(max_, clock):
    asked = asks(max_)
    due = request().due_on
    clock(datetime.fromisoformat(f"{due}T12:00:00").replace(tzinfo=UTC))
    clock(days=1)

    for firm_id in (max_, None):
        with pytest.raises(ExtendedLate, match=due.isoformat()):
            requests.extend(firm_id, asked, ERIKA, "Es sind viele.")
    assert (request().due_on, request().extended_at) == (due, None)


def test_who_has_come_to_work_at_the_firm_is_answered_by_the_provider(max_):
    asked = asks(max_)
    invitations.add_caseworkers(max_, ERIKA, [Named(name="Max Beispiel", email=MAX)])
    factories.advance(1)

    for act in (requests.grant, requests.refuse, requests.extend):
        with pytest.raises((ProviderAnswers, NotFound)):
            act(max_, asked, ERIKA, "Darum.")

    assert (request().state, request().judge) == (RequestState.OPEN, Judge.OPERATOR)
    assert requests.waiting(max_) == []
    assert [mail.due_at is not None for mail in outbox("privacy_waits")] == [False, True]
    assert "/board/requests/" in outbox("privacy_waits")[1].facts["path"]
    requests.refuse(None, asked, OTTO, "Er arbeitet jetzt dort.")


def test_once_the_firm_is_gone_nobody_weighs_and_nothing_is_refused(max_):
    asked = asks(max_)
    with transaction() as session:
        session.get_one(Firm, max_).closed_at = now()

    with pytest.raises(ProviderAnswers):
        requests.refuse(max_, asked, ERIKA, "Nein.")
    with pytest.raises(NothingToWeigh):
        requests.refuse(None, asked, OTTO, "Nein.")
    requests.grant(None, asked, OTTO)

    assert request().state is RequestState.GRANTED


def test_who_is_about_to_be_erased_asks_for_nothing_more(max_):
    asked = asks(max_)
    requests.grant(max_, asked, ERIKA)

    assert (asks(max_), asks(max_, CORRECTION, "Ich heiße anders.")) == (asked, asked)
    assert len(outbox("privacy_waits")) == 1


def test_one_human_being_has_one_request_at_a_firm_in_whichever_role(max_):
    asked = asks(max_)
    invitations.add_caseworkers(max_, ERIKA, [Named(name="Max Beispiel", email=MAX)])
    factories.advance(1)
    factories.registered(MAX)
    who = visitor(MAX)
    assert len(who.memberships) == 2

    requests.ask(dataclasses.replace(who, memberships=who.memberships[::-1]), max_, ERASURE, "")

    assert request().id == asked


@pytest.mark.parametrize("act", ["withdraw", "grant", "refuse", "extend"])
def test_once_it_is_answered_nobody_is_asked_for_an_answer_any_more(max_, act):
    asked = asks(max_)
    assert outbox("privacy_waits")[0].due_at is not None

    if act == "withdraw":
        requests.withdraw(visitor(MAX), asked)
    else:
        getattr(requests, act)(max_, asked, ERIKA, "Darum.")

    assert [mail.due_at for mail in outbox("privacy_waits")] == [None]


@pytest.mark.parametrize(("act", "field"), [("grant", "note"), ("refuse", "reason"), ("extend", "delay")])
def test_what_is_too_long_is_told_at_its_field(max_, act, field):
    with pytest.raises(TextTooLong) as refused:
        getattr(requests, act)(max_, asks(max_), ERIKA, "x" * 2001)

    assert refused.value.field == field


def test_what_is_granted_and_not_carried_out_stands_on_the_board_and_is_told_once(max_, clock):
    requests.grant(max_, asks(max_), ERIKA)
    delivered()
    until = date.fromordinal(now().date().toordinal() + 9)
    set_hold(1, OTTO, whose="", reason="Az. 7", until=until.isoformat())
    for _ in range(3):
        clock(hours=15)
        requests.see_to_requests.fn()
        assert (requests.waiting(None), outbox("privacy_stuck")) == ([], [])

    for _ in range(3):
        clock(hours=12)
        assert requests.see_to_requests.fn() == 0

    (one,) = requests.waiting(None)
    assert (one.is_undone, requests.count_waiting(None), requests.waiting(max_)) == (True, 1, [])
    assert (type(one.obstacle), one.obstacle.until) == (ErasureHeld, until)
    (mail,) = outbox("privacy_stuck")
    assert mail.to_address == settings().provider_email
    assert "Art. 17 Abs. 3 Buchst. e" in texts("privacy_stuck")[0]
    clock(days=11)
    requests.see_to_requests.fn()
    assert (requests.waiting(None), found(MAX, "Max Beispiel")) == ([], set())


def test_one_that_breaks_down_holds_up_no_other(no_runs, monkeypatch):
    firm_id = firm_of(factories.countersigned(caseworkers=STAFF[:2]))
    first, second = (each["email"] for each in STAFF[:2])
    for who in (first, second):
        factories.registered(who)
        requests.grant(None, asks(firm_id, who=who), OTTO)
    delivered()

    def breaks_down(share, by):
        return 1 / 0 if share.address == first else forget(share, by)

    monkeypatch.setattr("tasks.retention.requests.forget", breaks_down)
    with pytest.raises(ZeroDivisionError):
        requests.see_to_requests.fn()

    assert (found(second), found(first) != set()) == (set(), True)
