"""The pages on which somebody asks about own data, and is answered."""

import pytest

from models.db import reading
from models.mail.outbox import Outgoing
from models.retention.request import PrivacyRequest, RequestKind
from tasks.people import sessions
from tasks.retention import requests
from tests import factories
from tests.contacts import ERIKA, MAX, STAFF
from tests.deployments.browser import Browser, errors
from tests.factories import PASSWORD, Purpose, firm_of
from tests.remembered import remembered

pytestmark = pytest.mark.usefixtures("quiet")

MINE = "/my-data/requests"
JAN = STAFF[0]["email"]


@remembered
def firm_with_all() -> int:
    case_id = factories.with_client(caseworkers=STAFF[:1])
    factories.registered(JAN)
    factories.registered(MAX, Purpose.ACTIVATE)
    return firm_of(case_id)


@pytest.fixture
def firm_id(no_runs):
    return firm_with_all()


def signed_in(email):
    return Browser(sessions.sign_in(email, PASSWORD))


def test_what_would_go_and_stay_is_told_before_anybody_asks(firm_id):
    page = signed_in(MAX).read(MINE).main

    assert "Anwaltskanzlei Freitag & Kollegen ist verantwortlich" in page.text
    assert "Was gelöscht wird" in page.text
    assert "Was bleiben muss" in page.text


@pytest.mark.parametrize("kind", ["erasure", "correction"])
def test_a_client_asks_and_the_firm_finds_it(firm_id, kind):
    client, owner = signed_in(MAX), signed_in(ERIKA)
    form = {"firm": str(firm_id), "kind": kind, f"words-{kind}-{firm_id}": "Ich heiße Beispiehl."}
    sent = client.post(MINE, data={"form_token": client.form_token(MINE)} | form)

    assert "Ihre Anfrage ist angekommen" in sent.text
    assert f"words-{kind}-{firm_id}" not in sent.text  # It is asked once.
    listed = owner.read(f"/firm/{firm_id}/requests").main.text
    assert "Max Beispiel" in listed
    assert "1 Anfrage" in owner.read(f"/firm/{firm_id}/clients").main.text
    one = owner.read(f"/firm/{firm_id}/requests/1").main
    assert "Beispiehl" in one.text
    assert ("Was gelöscht wird" in one.text) == (kind == "erasure")


def test_a_correction_without_words_and_a_refusal_without_a_reason_say_so_at_the_field(firm_id):
    client, owner = signed_in(MAX), signed_in(ERIKA)
    form = {"form_token": client.form_token(MINE), "firm": str(firm_id), "kind": "correction"}

    for kind in ("korrektur", ""):
        assert client.post(MINE, data=form | {"kind": kind}).status_code == 404
    refused = client.post(MINE, data=form)
    assert list(errors(refused)) == [f"words-correction-{firm_id}"]
    client.post(MINE, data=form | {f"words-correction-{firm_id}": "Ich heiße anders."})
    page = f"/firm/{firm_id}/requests/1"
    token = {"form_token": owner.form_token(page)}

    assert list(errors(owner.post(f"{page}/refuse", data=token | {"reason": " "}))) == ["reason"]
    assert list(errors(owner.post(f"{page}/extend", data=token | {"delay": " "}))) == ["delay"]
    done = owner.post(f"{page}/refuse", data=token | {"reason": "Der Name stimmt."})
    assert "Abgelehnt" in done.text
    again = owner.post(f"{page}/grant", data=token)
    assert (again.status_code, "schon beantwortet" in again.text) == (409, True)
    assert "Der Name stimmt." in client.read(MINE).main.text


def test_the_board_has_what_people_of_firms_ask_and_nobody_else_sees_it(firm_id):
    jan = signed_in(JAN)
    requests.ask(sessions.signed_in(sessions.sign_in(JAN, PASSWORD)), firm_id, RequestKind.ERASURE, "")
    operator = Browser(factories.operator())

    assert "Jan" in operator.read("/board/requests").main.text
    assert "(1)" in operator.read("/board").main.text
    page = "/board/requests/1"
    for browser in (jan, signed_in(ERIKA)):
        assert {browser.get(path).status_code for path in ("/board/requests", page)} == {404}
        assert browser.post(f"{page}/grant", data={"form_token": browser.form_token(MINE)}).status_code == 404
    assert signed_in(ERIKA).get(f"/firm/{firm_id}/requests/1").status_code == 404
    sent = operator.post(f"{page}/grant", data={"form_token": operator.form_token(page)})

    assert "Entsprochen" in sent.text
    with reading() as session:
        assert session.get_one(PrivacyRequest, 1).answered_by == "operator@convent-it.example"
        answers = [mail.to_address for mail in session.query(Outgoing).filter(Outgoing.kind == "privacy_answered")]
    assert answers == [JAN]
    assert "Der Löschung ist entsprochen" in jan.read(MINE).main.text


@pytest.mark.parametrize("language", ["de", "fr", "en"])
def test_all_pages_are_there_in_all_languages_and_states(firm_id, language):
    client, owner, operator = signed_in(MAX), signed_in(ERIKA), Browser(factories.operator())
    who = sessions.signed_in(sessions.sign_in(MAX, PASSWORD))
    requests.ask(who, firm_id, RequestKind.ERASURE, "Bitte.")
    requests.ask(who, firm_id, RequestKind.CORRECTION, "Bitte.")
    requests.extend(firm_id, 1, ERIKA, "Es sind viele.")
    for browser in (client, owner, operator):
        browser.cookies.set("provision_language", language)

    for act in (lambda: None, lambda: requests.refuse(firm_id, 1, ERIKA, "Nein."), lambda: requests.withdraw(who, 2)):
        act()
        pages = [client.get(MINE), owner.get(f"/firm/{firm_id}/requests"), operator.get("/board/requests")]
        pages += [owner.get(f"/firm/{firm_id}/requests/{number}") for number in (1, 2)]
        pages += [operator.get(f"/board/requests/{number}") for number in (1, 2)]
        assert {page.status_code for page in pages} == {200}
