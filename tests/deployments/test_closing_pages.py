# ruff: noqa: F401, F811  (fixtures)
"""The pages by which an account is deleted, and what everybody is told afterwards."""

from datetime import date, datetime

import pytest
from bs4 import BeautifulSoup

from models.firm import Firm
from tasks.people import sessions
from tests.deployments.browser import Browser
from tests.deployments.test_contract_pages import PAGE, firm_id, said
from tests.factories import PASSWORD, operator
from tests.tasks.test_accounts import ZOE
from tests.tasks.test_contracts import BERLIN, MANAGER, at, catalogue, ends, row

CLOSE = f"{PAGE}/close"
NEW_YEAR = datetime(2027, 1, 1, 0, 0, 1, tzinfo=BERLIN)


@pytest.fixture
def ending(firm_id, clock):
    """The one module that the firm has ends with the year, and its owner is signed in."""
    at(clock, 2026, 12, 10)
    ends(firm_id, 1, MANAGER, chosen=date(2026, 12, 31), reason="Kanzlei gibt auf")
    return Browser(sessions.sign_in("erika@freitag.example", PASSWORD))


@pytest.fixture
def over(ending, clock):
    clock(NEW_YEAR)
    return Browser(sessions.sign_in("erika@freitag.example", PASSWORD))


def test_the_owner_deletes_the_account_and_is_told_once_more_wherever_they_go(over):
    number = str(row(Firm, 1).company_id)
    zoe = Browser(sessions.sign_in(ZOE, PASSWORD))
    page = over.get(CLOSE)
    assert "§ 147 Abs. 1 Nr. 2, 3, 4 und Abs. 3 AO" in said(page)
    refused = over.send_again(page, CLOSE, typed="123")
    assert (refused.status_code, "„123“ ist nicht das, was gefragt ist" in said(refused)) == (422, True)

    closed = over.send_again(refused, CLOSE, typed=number)

    assert closed.url.path == "/auth/login"
    assert "alle Zugänge sind beendet" in said(closed)
    twice = over.send_again(refused, CLOSE, typed=number)
    for browser, path in ((over, PAGE), (over, "/portal"), (zoe, "/firm/1"), (zoe, "/inbox")):
        answer = browser.get(path)
        assert (answer.status_code, "wurde am 1. Januar 2027" in said(answer)) == (410, True), path
    assert (twice.status_code, "wurde am 1. Januar 2027" in said(twice)) == (410, True)
    anew = Browser()
    login = anew.send_form("/auth/login", email=ZOE, password=PASSWORD)
    assert (login.status_code, "Niemand kann sich dort mehr anmelden" in login.text) == (410, True)
    assert BeautifulSoup(twice.text, "lxml").h1.text == "Das Konto wurde gelöscht"
    assert Browser().get(f"/f/{number}").status_code == 404


def test_operators_still_see_the_firm_and_its_contract_and_change_nothing(over):
    over.send_form(CLOSE, typed=str(row(Firm, 1).company_id))
    manager = Browser(operator("manager@convent-it.example", manager=True))
    page = manager.get(PAGE)
    assert "Das Konto wurde am 1. Januar 2027" in said(page)
    assert "Konto gelöscht – erika@freitag.example" in said(page)
    for word in ("Ändern", "Bestellen", "Konto löschen"):
        assert word not in said(page), word
    assert "Konto gelöscht" in said(manager.get("/board/cases/1"))
    assert "wieder aufnehmen" not in said(manager.get("/board/cases/1"))
    assert manager.get(CLOSE).status_code == 410
    assert manager.get(f"{PAGE}/modules/1").status_code == 200
    shown = manager.get("/board", params={"state": "closed"})
    assert "Anwaltskanzlei Freitag" in said(shown)


def test_an_operator_closes_it_with_a_reason_and_twice_is_once(over):
    clerk = Browser(operator())
    page = clerk.get(CLOSE)
    number = str(row(Firm, 1).company_id)
    refused = clerk.send_again(page, CLOSE, typed=number)
    assert (refused.status_code, "Die Begründung fehlt" in said(refused), number in refused.text) == (422, True, True)
    for _ in range(2):
        done = clerk.send_again(refused, CLOSE, typed=number, reason="Brief vom Inhaber, liegt vor")
        assert done.url.path == PAGE
    assert over.get(PAGE).status_code == 410


def test_closing_later_is_asked_for_shown_and_taken_back(ending):
    catalogue()
    module = f"{PAGE}/modules/1"
    assert ending.read(PAGE).select('a[href*="/order/"]')
    assert ending.read(module).select(f'form[action="{module}/undo"]')
    page = ending.get(CLOSE)
    assert "1. Januar 2027, 00:00" in said(page)
    asked = ending.send_again(page, CLOSE, typed=str(row(Firm, 1).company_id))
    assert (asked.url.path, "Das Konto wird am 1. Januar 2027" in said(asked)) == (PAGE, True)
    assert "Es soll wie gewünscht am 1. Januar 2027" in said(ending.get(CLOSE))
    assert not ending.read(PAGE).select('a[href*="/order/"]')  # Nothing that would be refused is offered.
    assert not ending.read(module).select(f'form[action="{module}/undo"]')
    assert "Das Konto soll wie gewünscht am 1. Januar 2027" in said(ending.get(module))
    kept = ending.send_form(PAGE, f"{PAGE}/close/take-back")
    assert "Zurückgenommen: Das Konto bleibt." in said(kept)
    again = ending.send_again(asked, f"{PAGE}/close/take-back")
    assert (again.status_code, "Niemand hat darum gebeten" in said(again)) == (409, True)
