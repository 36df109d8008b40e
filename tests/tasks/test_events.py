import pytest
from sqlalchemy import func, select

from models.audit import trail
from models.db import reading, transaction
from models.decision import Decision
from models.inbox import MOST_ATTEMPTS, Incoming
from models.onboarding import Onboarding, StepName
from models.people.login import Login
from models.people.person import Person
from models.time.clock import now
from tasks.intake import events
from tasks.intake.events import handle, handle_again, handle_events
from tests import factories
from tests.factories import (
    advance,
    agreement,
    at_once,
    case,
    everything,
    firm_of,
    opened,
    request,
    signed,
    with_organiser,
)


def store(kind, payload, external_id="1", source="webhook"):
    with transaction() as session:
        Incoming.store(session, source, external_id, kind, payload, now())
    return event(external_id, source).id


def event(external_id="1", source="webhook"):
    with reading() as session:
        return Incoming.by_external_id(session, source, external_id)


def cases():
    with reading() as session:
        return session.scalar(select(func.count()).select_from(Onboarding))


def test_the_same_event_is_handled_once():
    for _ in range(3):
        store("onboarding.requested", request().model_dump(mode="json"))
        handle_events.fn()

    assert cases() == 1
    assert event().refusal is None


def test_the_same_event_at_the_same_moment_is_handled_once():
    event_id = store("onboarding.requested", request().model_dump(mode="json"))

    at_once(*[lambda: handle(event_id)] * 4)

    assert cases() == 1
    assert event().handled_at is not None


def test_handled_again_after_a_crash_nothing_changes():
    event_id = store("onboarding.requested", request().model_dump(mode="json"))
    handle(event_id)
    with transaction() as session:
        session.get_one(Incoming, event_id).handled_at = None

    assert handle(event_id)

    assert cases() == 1


def test_a_refusal_is_written_down_and_not_tried_again():
    store("agreement.signed", {"company_id": "861272", "version": 1, "signer": "Erika Muster"})

    assert handle_events.fn() == 1
    assert handle_events.fn() == 0

    assert "861272" in event().refusal


def test_a_breakdown_is_tried_again_and_holds_nobody_up(monkeypatch):
    def broken(_event):
        raise OSError("disk full")

    works = events._HANDLERS["account.registered"]
    monkeypatch.setitem(events._HANDLERS, "account.registered", broken)
    store("account.registered", {"email": "x@x.example", "external_id": "idp|1", "family_name": "X"}, "1")
    store("onboarding.requested", request().model_dump(mode="json"), "2")

    assert handle_events.fn() == 1
    assert cases() == 1
    assert event("1").handled_at is None

    monkeypatch.setitem(events._HANDLERS, "account.registered", works)
    assert handle_events.fn() == 1
    assert event("1").attempts == 2


def test_what_breaks_down_for_ever_waits_for_an_operator():
    store("no.such.type", {})

    for _ in range(MOST_ATTEMPTS + 3):
        handle_events.fn()

    assert event().attempts == MOST_ATTEMPTS
    assert event().handled_at is None


def test_the_first_answer_to_a_question_wins_and_the_second_is_told():
    case_id = opened(preferred_number="777777")
    advance(case_id)
    with reading() as session:
        (question,) = Decision.pending(session, case_id)
    for number, verdict in enumerate(("grant", "refuse", "grant")):
        store("decision.answered", {"decision_id": question.id, "verdict": verdict, "note": ""}, str(number), "prefect")

    assert handle_events.fn() == 3

    assert event("0", "prefect").refusal is None
    assert "grant" in event("1", "prefect").refusal
    assert event("2", "prefect").refusal is None  # The same answer again is no other answer.
    advance(case_id)
    assert case(case_id).firm.company_id == 777_777


def test_an_account_made_elsewhere_moves_the_case_once():
    case_id = opened()
    advance(case_id)
    said = {"email": "Erika@freitag.example", "external_id": "idp|5", "given_name": "Erika", "family_name": "Müster"}
    for number in range(3):
        store("account.registered", said, str(number))
        handle_events.fn()
    advance(case_id)

    assert case(case_id).is_done(StepName.ORGANISER)
    assert agreement(case_id).data["organiser_name"] == "Erika Müster"
    with reading() as session:
        account = session.scalars(select(Login)).one()
        (told,) = [entry for entry in trail(session, case_id) if entry.action == "person.registered"]
    assert (account.external_id, account.password_hash) == ("idp|5", None)
    assert (told.actor_id, told.actor) == (f"account:{account.id}", "erika@freitag.example")


def test_a_signature_given_elsewhere_counts_once():
    case_id = with_organiser()
    said = {"company_id": str(case(case_id).firm.company_id), "version": 1, "signer": "Erika Muster"}
    for number in range(2):
        store("agreement.signed", said, str(number))
        handle_events.fn()

    assert agreement(case_id).signed_how == "webhook"
    with reading() as session:
        (told,) = [entry for entry in trail(session, case_id) if entry.action == "agreement.signed"]
        organiser = Person.organiser(session, firm_of(case_id)).id
    assert {value.about: value.value.get("signer") for value in told.values} == {
        f"person:{organiser}": "Erika Muster",
        f"case:{case_id}": None,
    }
    store("agreement.declined", said | {"reason": "doch nicht"}, "9")
    handle_events.fn()
    assert "signed already" in event("9").refusal


def test_a_notice_about_another_version_is_refused():
    case_id = with_organiser()
    store("agreement.declined", {"company_id": str(case(case_id).firm.company_id), "version": 7, "reason": "x"})

    handle_events.fn()

    assert "version 7" in event().refusal
    assert agreement(case_id).is_open


def test_a_refusal_told_by_another_system_is_of_whoever_was_asked_to_sign():
    case_id = with_organiser()
    store("agreement.declined", {"company_id": str(case(case_id).firm.company_id), "version": 1, "reason": "Zu teuer."})

    handle_events.fn()

    with reading() as session:
        organiser = Person.organiser(session, firm_of(case_id)).id
        (told,) = [entry for entry in trail(session, case_id) if entry.action == "agreement.declined"]
    assert {value.about for value in told.values if "reason" in value.value} == {f"person:{organiser}"}


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_a_bounce_of_a_mail_nobody_wrote_changes_nothing(kind):
    signed()
    before = everything()
    store("mail.bounced", {"message_id": "<x@x.example>", "kind": kind})
    handle_events.fn()

    assert len(everything()) - len(before) < 1000
    assert event().refusal is None


def test_an_event_that_nobody_tries_any_more_is_tried_again_when_an_operator_says_so():
    with transaction() as session:
        Incoming.store(session, "webhook", "evt_given_up", "agreement.signed", {"company_id": "x"}, now())
    for _ in range(MOST_ATTEMPTS + 1):
        handle_events.fn()
    with transaction() as session:
        (event,) = Incoming.given_up(session)

    assert handle_again(event.id, "operator@convent-it.example")

    with transaction() as session:
        assert Incoming.given_up(session) == []
        assert [one.id for one in Incoming.waiting(session, 10)] == [event.id]
    assert not handle_again(event.id, "operator@convent-it.example")


def test_the_longest_event_id_opens_a_case():
    body = factories.request().model_dump(mode="json")
    with transaction() as session:
        Incoming.store(session, "webhook", "e" * 200, "onboarding.requested", body, now())

    assert handle_events.fn() == 1

    with transaction() as session:
        assert session.scalars(select(Onboarding.request_key)).one() == f"webhook:{'e' * 200}"


def test_an_account_that_is_known_under_another_address_is_refused_not_retried():
    first = {"email": "a@freitag.example", "external_id": "idp-1"}
    for number, said in enumerate([first, first | {"email": "b@freitag.example"}]):
        with transaction() as session:
            Incoming.store(session, "webhook", f"evt_{number}", "account.registered", said, now())

    assert handle_events.fn() == 2

    with transaction() as session:
        refusals = session.scalars(select(Incoming.refusal).order_by(Incoming.id)).all()
    assert refusals[0] is None
    assert "idp-1 is known under another address than b@freitag.example" in refusals[1]


def test_a_request_for_a_firm_with_a_case_waits_for_an_operator_who_may_want_a_second_one():
    known = opened()
    event_id = store("onboarding.requested", request(again=False).model_dump(mode="json"))

    assert handle(event_id)
    assert f"/board/cases/{known}" in event().refusal
    assert cases() == 1

    assert handle_again(event_id, "operator@convent-it.example")
    assert handle(event_id)
    assert event().refusal is None
    assert cases() == 2


def test_a_sender_may_mean_a_second_case_as_well():
    opened()
    handle(store("onboarding.requested", request(again=True).model_dump(mode="json")))

    assert (event().refusal, cases()) == (None, 2)
