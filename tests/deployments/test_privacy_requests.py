"""The pages on which somebody asks about own data, and is answered."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person, Role
from models.request import Named
from models.retention.request import Judge, PrivacyRequest, RequestKind
from models.time.clock import now
from tasks.onboarding import invitations
from tasks.people import sessions
from tasks.retention import requests
from tasks.retention.holds import set_hold
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


def test_whoever_asks_too_often_keeps_what_was_typed_and_no_table_is_walked(firm_id, monkeypatch):
    client, who = signed_in(MAX), sessions.signed_in(sessions.sign_in(MAX, PASSWORD))
    field = f"words-erasure-{firm_id}"
    form = {"form_token": client.form_token(MINE), "firm": str(firm_id), "kind": "erasure", field: "Bitte löschen."}
    for _ in range(3):
        requests.ask(who, firm_id, RequestKind.ERASURE, "")
        requests.refuse(firm_id, 1 if _ == 0 else _ + 1, ERIKA, "Nein.")
    monkeypatch.setattr("tasks.retention.requests.plan", lambda *_: 1 / 0)

    for says, times in (("morgen", 20), ("zu oft", 1)):
        for _ in range(times):
            again = client.post(MINE, data=form)
        assert (again.status_code, says in errors(again)[field]) == (429, True)
        assert "Bitte löschen." in again.text
    assert int(again.headers["Retry-After"]) > 0


def test_more_requests_than_fit_on_a_page_are_reached_page_by_page(firm_id, monkeypatch):
    monkeypatch.setattr("tasks.retention.requests.SHOWN", 2)
    with transaction() as session:
        max_ = session.scalars(select(Person).where(Person.role == Role.CLIENT)).one()
        case = session.scalars(select(Onboarding)).one()
        for number in range(10):
            person = Person(firm_id=firm_id, role=Role.CLIENT, given_name="Kim", family_name=f"Nr{number}")
            person.email, person.added_at = f"k{number}@kunde.example", now()
            person.language, person.address_form = max_.language, max_.address_form
            session.add(person)
            session.flush()
            judge = Judge.FIRM if number % 2 else Judge.OPERATOR
            PrivacyRequest.begin(session, case, person.id, RequestKind.CORRECTION, judge, "Bitte.", now())

    for browser, place, theirs in (
        (signed_in(ERIKA), f"/firm/{firm_id}/requests", [[1, 3], [5, 7], [9]]),
        (Browser(factories.operator()), "/board/requests", [[0, 2], [4, 6], [8]]),
    ):
        for page, at in (("", 0), ("1", 0), ("2", 1), ("3", 2), ("99", 2), ("x", 0), ("-1", 0)):
            text = browser.read(f"{place}?page={page}").main.text
            assert [number for number in range(10) if f"Nr{number}" in text] == theirs[at]
            assert f"Seite {at + 1} von 3" in text


def test_whether_a_page_is_there_can_be_asked(firm_id):
    client, owner, operator = signed_in(MAX), signed_in(ERIKA), Browser(factories.operator())
    requests.ask(sessions.signed_in(sessions.sign_in(MAX, PASSWORD)), firm_id, RequestKind.CORRECTION, "Bitte.")

    assert client.head(MINE).status_code == 200
    for browser, place in ((owner, f"/firm/{firm_id}/requests"), (operator, "/board/requests")):
        assert [browser.head(path).status_code for path in (place, f"{place}/1")] == [200, 200]
        assert client.head(place).status_code == 404


def test_what_is_not_the_firms_any_more_is_said_on_its_list(firm_id):
    owner = signed_in(ERIKA)
    requests.ask(sessions.signed_in(sessions.sign_in(MAX, PASSWORD)), firm_id, RequestKind.CORRECTION, "Bitte.")
    page = f"/firm/{firm_id}/requests/1"
    token = owner.form_token(page)
    invitations.add_caseworkers(firm_id, ERIKA, [Named(name="Max Beispiel", email=MAX)])
    factories.advance(1)

    sent = owner.post(f"{page}/grant", data={"form_token": token})

    assert (sent.status_code, "antwortet nicht mehr" in sent.text, "Max Beispiel" in sent.text) == (
        409,
        True,
        False,
    )
    assert owner.get(page).status_code == 404
    assert "Max Beispiel" in Browser(factories.operator()).read("/board/requests").main.text


def test_the_board_says_why_an_erasure_is_not_carried_out(firm_id, clock):
    requests.ask(sessions.signed_in(sessions.sign_in(MAX, PASSWORD)), firm_id, RequestKind.ERASURE, "")
    requests.grant(firm_id, 1, ERIKA)
    set_hold(1, "otto@provider.example", whose="", reason="Az. 7", until=f"{now().date() + timedelta(days=99)}")
    clock(days=3)
    operator = Browser(factories.operator())
    assert "wird stündlich erneut versucht" in operator.read("/board/requests").main.text

    requests.see_to_requests.fn()

    for page in ("/board/requests", "/board/requests/1"):
        assert "Art. 17 Abs. 3 Buchst. e" in operator.read(page).main.text
    assert "Anfragen zu eigenen Daten (1)" in operator.read("/board").main.text
