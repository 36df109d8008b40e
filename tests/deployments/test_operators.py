"""The page of the provider's own people."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from models.audit import HOUSE, Value, erase, newest
from models.db import reading, transaction
from models.decision import Decision
from models.inbox import MOST_ATTEMPTS, Incoming
from models.people.login import Login
from models.time.clock import now
from tasks.people import operators as tasks
from tasks.people import sessions
from tasks.people.operators import today
from tests import factories
from tests.deployments.test_board import Browser, text

pytestmark = pytest.mark.usefixtures("no_runs")

ADA, BEA = "ada@convent-it.example", "bea@convent-it.example"
PAGE = "/board/operators"


@pytest.fixture
def ada():
    return Browser(factories.operator(ADA, manager=True))


@pytest.fixture
def bea():
    return Browser(factories.operator(BEA))


def account(email):
    with reading() as session:
        return Login.by_email(session, email)


def test_only_managers_change_operators(ada, bea):
    number = account(ADA).id
    token = {"form_token": re.search(r'name="form_token" value="([^"]+)"', bea.get(PAGE).text)[1]}

    for path in ("/invite", f"/{number}/role", f"/{number}/deactivate"):
        assert bea.ask("POST", PAGE + path, data={}).status_code == 403
        refused = bea.ask("POST", PAGE + path, data=token | {"email": "x@convent-it.example", "role": "operator"})
        assert (refused.status_code, "Nur Leitende" in text(refused)) == (403, True)
    assert bea.ask("POST", PAGE + "/absence", data=token | {"whose": str(number)}).status_code == 403
    assert "Jemanden zur Betreuung einladen" not in text(bea.get(PAGE))
    assert account(ADA).is_manager


def test_what_a_manager_does_stands_in_the_trail_with_where_it_came_from(ada, bea):
    sent = ada.send(PAGE, f"{PAGE}/invite", name="Cem Can", email="cem@convent-it.example", manager="yes")
    wrong = ada.send(PAGE, f"{PAGE}/invite", name="Cem Can", email="cem@")
    ada.send(PAGE, f"{PAGE}/{account(BEA).id}/deactivate")

    assert sent.headers["location"] == f"{PAGE}?said=invited"
    assert (wrong.status_code, 'href="#email"' in wrong.text) == (422, True)
    assert account("cem@convent-it.example").is_manager
    with reading() as session:
        told = [
            (one.action, one.actor, set(one.facts) >= {"ip", "agent"})
            for one in newest(session, HOUSE, 99, without={"case.opened"})
        ]
    assert told == [("operator.appointed", ADA, True), ("operator.deactivated", ADA, True)]
    assert "Zur Betreuung freigeschaltet : cem@convent-it.example (Leitung)" in text(ada.get(PAGE))
    assert bea.get("/board").status_code == 303


def test_the_last_manager_is_told_why_not(ada):
    answer = ada.send(PAGE, f"{PAGE}/{account(ADA).id}/deactivate")

    assert answer.status_code == 409
    assert f"{ADA} hat als Einzige die Leitung" in text(answer)


def test_an_operator_sets_an_absence_with_a_deputy_and_takes_it_back(ada, bea):
    first, last = today(), today() + timedelta(days=3)

    wrong = bea.send(PAGE, f"{PAGE}/absence", absent_from="gestern", absent_until="")
    saved = bea.send(
        PAGE, f"{PAGE}/absence", absent_from=f"{first}", absent_until=f"{last}", deputy=str(account(ADA).id)
    )

    assert (wrong.status_code, 'href="#absent_from"' in wrong.text) == (422, True)
    assert saved.headers["location"] == f"{PAGE}?said=absent"
    assert (account(BEA).absent_until, account(BEA).deputy_id) == (last, account(ADA).id)
    assert f"Vertretung: {ADA}" in text(ada.get(PAGE))
    assert f"Abwesend: {BEA}" in text(ada.get("/board"))
    bea.send(PAGE, f"{PAGE}/absence", act="back")
    assert account(BEA).absent_from is None


def test_an_operator_chooses_a_language_in_which_the_board_speaks(bea):
    answer = bea.send(PAGE, f"{PAGE}/language", language="fr", address_form="sie")

    assert answer.headers["location"] == f"{PAGE}?said=spoken"
    assert account(BEA).language == "fr"
    assert "Opérateurs" in text(Browser(sessions.sign_in(BEA, factories.PASSWORD)).get(PAGE))


def test_a_manager_invites_in_the_language_of_who_is_invited(ada):
    ada.send(PAGE, f"{PAGE}/invite", name="Cem Can", email="cem@convent-it.example", invite_language="en")

    assert account("cem@convent-it.example").language == "en"


def test_an_event_tried_again_stands_in_the_trail(bea):
    with transaction() as session:
        Incoming.store(session, "webhook", "evt_given_up", "agreement.signed", {}, now())
        Incoming.by_external_id(session, "webhook", "evt_given_up").attempts = MOST_ATTEMPTS

    bea.send("/board", "/board/events/1")

    with reading() as session:
        (told,) = newest(session, HOUSE, 99, without={"case.opened"})
    assert (told.action, told.actor, told.facts["event"]) == ("event.retried", BEA, 1)


def test_acts_of_the_command_line_are_shown_as_well(ada):
    tasks.appoint(BEA, "command line")

    assert f"Zur Betreuung freigeschaltet : {BEA} (Betreuung)" in text(ada.get(PAGE))
    assert "· Kommandozeile" in text(ada.get(PAGE))


def test_an_operator_says_what_they_are_called_and_a_manager_may_for_others(ada, bea):
    with reading() as session:
        numbers = {one.email: one.id for one in session.scalars(select(Login))}

    assert bea.send(PAGE, f"{PAGE}/name", own_name="Bea Berg").headers["location"] == f"{PAGE}?said=named"
    assert bea.send(PAGE, f"{PAGE}/name", own_name="X Y", called=numbers[ADA]).status_code == 403
    refused = ada.send(PAGE, f"{PAGE}/name", own_name="Bea", called=numbers[BEA])
    assert (refused.status_code, "Der Name fehlt" in text(refused)) == (422, True)
    ada.send(PAGE, f"{PAGE}/name", own_name="Bea Bergmann", called=numbers[BEA])

    shown = text(ada.get(PAGE))
    assert "Bea Bergmann bea@convent-it.example" in shown
    assert "Name gesetzt : bea@convent-it.example (Bea Berg → Bea Bergmann)" in shown


def test_what_was_said_of_operators_and_is_erased_leaves_the_page_as_it_is(ada, bea):
    with transaction() as session:
        Login.by_email(session, BEA).name = None
    bea.send(PAGE, f"{PAGE}/name", own_name="Bea Berg")
    tasks.set_absence(account(BEA).id, today(), today(), account(ADA).id, BEA)
    with transaction() as session:
        assert erase(session, now(), "operator", Value.about == f"account:{account(BEA).id}")

    shown = text(ada.get(PAGE))

    assert re.search(rf"Name gesetzt : {account(BEA).id} \d", shown)  # Of the names nothing is left, nor an arrow.
    assert shown.count("jemand, dessen Name gelöscht wurde") == 2


def test_who_has_no_name_is_asked_for_it_where_they_countersign(ada):
    factories.signed()
    with transaction() as session:
        Login.by_email(session, ADA).name = None
        (question,) = Decision.pending(session)

    page, answer = "/board/cases/1", f"/board/decisions/{question.id}"
    assert "Ihr Vor- und Nachname" in text(ada.get(page))
    assert ada.send(page, answer, verdict="countersign").status_code == 422
    assert "Ihr Vor- und Nachname" in text(ada.get("/board/countersign"))
    ada.send(page, answer, verdict="countersign", **{f"d{question.id}-name": "Ada Adler"})

    assert factories.agreement(1).countersigned_by == "Ada Adler"
