"""Many contacts are invited from the list of accounts, and the page tells how far that is."""

import json
import re

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from models.clients.bulk_invitation import BulkInvitation, BulkState
from models.clients.client import ClientContact
from models.db import reading, transaction
from models.link import later_token
from models.people.login import Login
from models.people.person import Person
from tasks.clients import bulk_invitations
from tasks.people.sessions import sign_in
from tests.contacts import ERIKA, account, contact
from tests.deployments.browser import Browser
from tests.deployments.test_cli import company_id, run
from tests.factories import PASSWORD, countersigned, firm_of, told_by

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def firm():
    """Three accounts with a contact each; one has no address."""
    firm_id = firm_of(countersigned())
    for name in ("Ada", "Bea", "Cem"):
        account(
            firm_id,
            f"{name} GmbH",
            contact(firm_id, name, "Kunde", (name != "Cem" and f"{name}@kunde.example") or ""),
            login=True,
        )
    return firm_id


@pytest.fixture
def browser(firm):
    return Browser(sign_in(ERIKA, PASSWORD))


def asked() -> list[BulkInvitation]:
    with reading() as session:
        return list(session.scalars(select(BulkInvitation)))


def send(browser: Browser, to: str, data: dict | None = None):
    token = browser.form_token("/profile")
    return browser.post(to, data=(data or {}) | {"form_token": token})


def said(answer) -> str:
    return " ".join(BeautifulSoup(answer.text, "html.parser").main.get_text(" ").split())


def test_the_accounts_that_are_ticked_are_invited_with_words_that_were_seen_before(firm, browser):
    listed = browser.get(f"/firm/{firm}/accounts")
    keys = re.findall(r'name="account" value="(\d+)"', listed.text)
    form = send(browser, f"/firm/{firm}/accounts", data={"act": "invite", "account": keys[:2]})
    assert "/accounts/invitations/new" in str(form.url)
    carried = re.findall(r'<input type="hidden" name="account" value="(\d+)"', form.text)
    assert sorted(carried) == sorted(keys[:2])
    assert "2 Kontakte" in said(form)

    to = f"/firm/{firm}/accounts/invitations/new"
    shown = send(browser, to, data={"account": carried, "message": "Guten Tag {Vorname}!", "act": "preview"})
    assert "Guten Tag Ada!" in shown.text
    assert asked() == []
    progress = send(browser, to, data={"account": carried, "message": "Guten Tag {Vorname}!"})
    assert "Die Einladungen sind unterwegs." in said(progress)

    (bulk,) = asked()
    while bulk_invitations.hand_over(firm, bulk.id) is not None:
        pass
    page = said(browser.get(str(progress.url.copy_remove_param("said"))))
    assert "2 von 2 Kontakten waren an der Reihe" in page
    assert "Übergebene E-Mails 2" in page
    assert asked()[0].state is BulkState.DONE


def test_the_filter_of_the_list_is_the_audience_and_reasons_are_told(firm, browser):
    progress = send(browser, f"/firm/{firm}/accounts/invitations/new", data={"search": "cem"})
    (bulk,) = asked()
    while bulk_invitations.hand_over(firm, bulk.id) is not None:
        pass

    page = said(browser.get(str(progress.url)))

    assert bulk.audience == {"filter": {"search": "cem"}}
    assert "keine E-Mail-Adresse 1" in page
    assert "nicht eingeladen (1)" in page


def test_what_cannot_be_stands_at_its_field_all_at_once_and_nothing_that_was_typed_is_lost(firm, browser):
    typed = {"message": "Hallo {Foo} {Bar} {Foo}", "a_second": "viele", "an_hour": "9" * 300}
    again = send(browser, f"/firm/{firm}/accounts/invitations/new", data={"search": "ada", **typed})

    page = BeautifulSoup(again.text, "html.parser")
    assert again.status_code == 422
    assert "„{Foo}, {Bar}“" in page.select_one("#message-error").text
    assert "viele" in page.select_one("#a_second-error").text
    assert page.select_one("#an_hour-error")
    assert page.select_one("textarea").text == typed["message"]
    assert [page.select_one(f"#{name}")["value"] for name in ("a_second", "an_hour")] == ["viele", "9" * 300]
    assert page.select_one("input[type=hidden][name=search]")["value"] == "ada"
    assert asked() == []


def test_they_are_paused_resumed_and_stopped_by_buttons(firm, browser):
    at = str(send(browser, f"/firm/{firm}/accounts/invitations/new", data={}).url).partition("?")[0]
    for act, state in (("pause", BulkState.PAUSED), ("resume", BulkState.RUNNING), ("stop", BulkState.STOPPED)):
        assert send(browser, f"{at}/{act}").status_code == 200
        assert asked()[0].state is state
        if state is BulkState.PAUSED:  # Somebody else who would invite the same contacts is told of these.
            assert "Erika Muster hat diese Einladungen" in said(browser.get(f"/firm/{firm}/accounts/invitations/new"))

    earlier = said(browser.get(f"{at}?said=bulk_resumed"))  # By the button “back”.
    assert "0 von 3 Kontakten waren an der Reihe" in earlier or "zusammengestellt" in earlier
    assert "Es geht weiter" not in earlier
    assert "schon zu Ende" in send(browser, f"{at}/pause").text
    assert "beendet" in said(browser.get(f"/firm/{firm}/accounts/invitations"))


@pytest.mark.parametrize(
    ("language", "form", "words"),
    [("de", "du", "kannst jederzeit"), ("fr", "sie", "Vous pouvez suspendre"), ("en", "sie", "You can pause")],
)
def test_the_page_speaks_the_readers_language(firm, browser, language, form, words):
    with transaction() as session:
        login = Login.by_email(session, ERIKA)
        login.language, login.address_form = language, form
        for person in session.scalars(select(Person).where(Person.account_id == login.id)):
            person.language, person.address_form = language, form

    assert words.lower() in said(browser.get(f"/firm/{firm}/accounts/invitations/new")).lower()


def test_they_are_asked_for_by_machine_in_the_name_of_the_organiser(firm, no_runs):
    number = company_id(1)

    told = json.loads(run("clients", "invite", "--firm", number, "--search", "ada", "--message", "Hallo", "--json")[0])

    (bulk,) = asked()
    assert told == {"invitations": bulk.id, "accounts": 1, "contacts": 1}
    assert (bulk.asked_by, bulk.message) == (ERIKA, "Hallo")
    wrong = run("clients", "invite", "--firm", number, "--message", "{Foo}", "--a-second", "x", status=2)[1]
    assert "message: “{Foo}” stands for nothing" in wrong
    assert "a_second: “x” is no number of mails" in wrong


def test_one_click_in_a_mail_program_ends_reminders_and_looking_does_not(firm, browser):
    with reading() as session:
        ada = session.scalars(select(Person).where(Person.given_name == "Ada")).one()
    path, program = f"/unsubscribe/{later_token(ada.id, ada.email)}", Browser()

    assert "ada@kunde.example" in said(program.get(path)).lower()
    before = notified(ada.id)
    answers = [program.post(path, data={"List-Unsubscribe": "One-Click"}) for _ in range(2)]

    assert (before, notified(ada.id)) == ([True], [False])
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(told_by(1, "notify.declined")) == 1
    assert program.post(path[:-1] + "x", data={"List-Unsubscribe": "One-Click"}).status_code == 404


def notified(person_id: int) -> list[bool]:
    with reading() as session:
        return list(session.scalars(select(ClientContact.notify).where(ClientContact.person_id == person_id)))
