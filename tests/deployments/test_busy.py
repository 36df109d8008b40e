"""What people and machines are told while somebody else holds the database, and that nothing typed is lost."""

import json
import sqlite3
from contextlib import contextmanager
from threading import BoundedSemaphore

import pytest
from bs4 import BeautifulSoup

from deployments.web.webhooks import example
from models.people import login
from models.settings import settings
from tests import factories
from tests.deployments.browser import Browser, entries
from tests.deployments.test_webhooks import NEW, signed
from tests.factories import PASSWORD

ERIKA = "erika@freitag.example"
SENTENCE = {
    "de": "Ihre Eingaben sind noch da.",
    "fr": "Votre saisie est conservée.",
    "en": "What you entered is kept.",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch, quiet):
    """Nobody waits long here."""
    monkeypatch.setenv("PROVISION_LOCK_SECONDS", "0.02")
    settings.cache_clear()


@contextmanager
def locked():
    """Somebody else writes, for as long as the block lasts."""
    other = sqlite3.connect(settings().database.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def with_account() -> str:
    factories.advance(factories.opened())
    return factories.registered()


@pytest.mark.parametrize("language", SENTENCE)
def test_a_form_that_finds_the_database_busy_comes_back_whole_and_can_be_sent_again(language):
    client = Browser(factories.operator(), raises=False, **{"accept-language": language})
    client.cookies.set("language", language)
    typed = {
        "firm_name": "Kanzlei „Süd“ & Söhne",
        "line_of_business": "law",
        "organiser_name": "Erika Muster",
        "organiser_email": ERIKA,
        "caseworkers": "Mira Kowalski <mira@freitag.example>\nOtto Sommer <otto@freitag.example>",
    }

    with locked():
        answer = client.send_form("/board/start", **typed)

    form = BeautifulSoup(answer.text, "lxml").select_one("main form")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert SENTENCE[language] in answer.text
    assert typed.items() <= entries(form).items()

    again = client.post(form["action"], data=entries(form))
    assert again.url.path == "/board/cases/1"
    assert typed["firm_name"] in BeautifulSoup(again.text, "lxml").h1.text


def test_a_password_is_asked_for_once_more_and_stands_in_no_page():
    with_account()
    client = Browser(raises=False)

    with locked():
        answer = client.send_form("/auth/login?next=/profile", email=ERIKA, password=PASSWORD)

    form = BeautifulSoup(answer.text, "lxml").select_one("main form")
    assert answer.status_code == 503
    assert PASSWORD not in answer.text
    assert form.select_one("[name=password]")["type"] == "password"
    again = client.post(form["action"], data=entries(form) | {"password": PASSWORD})
    assert again.url.path == "/profile"


def test_people_who_sign_in_leave_the_pages_to_others_and_keep_what_they_typed(monkeypatch):
    with_account()
    client, everybody = Browser(raises=False), BoundedSemaphore(1)
    monkeypatch.setattr(login, "_IN_LINE", everybody)

    with everybody:
        answer = client.send_form("/auth/login", email=ERIKA, password=PASSWORD)

    assert answer.status_code == 503
    assert "Gerade melden sich sehr viele" in answer.text
    assert BeautifulSoup(answer.text, "lxml").select_one("[name=email]")["value"] == ERIKA
    assert client.send_form("/auth/login", email=ERIKA, password=PASSWORD).status_code == 200


def test_a_file_is_asked_for_once_more():
    client = Browser(with_account(), raises=False)
    page = f"/firm/{factories.firm_of(1)}/logo"

    with locked():
        answer = client.send_form(page, files={"file": ("logo.png", factories.picture())})

    form = BeautifulSoup(answer.text, "lxml").select_one("main form")
    assert answer.status_code == 503
    assert (form["enctype"], form.select_one("[name=file]")["type"]) == ("multipart/form-data", "file")


def test_whoever_only_reads_waits_for_nobody():
    client = Browser(with_account())

    with locked():
        assert client.get("/portal").status_code == 200


def test_a_machine_is_told_when_to_send_its_event_again(monkeypatch):
    monkeypatch.setattr("deployments.web.webhooks.start_run", lambda *_, **__: None)
    monkeypatch.setenv("PROVISION_WEBHOOK_SECRET", NEW)
    settings.cache_clear()
    body = json.dumps(example("mail.bounced")).encode()

    with locked():
        answer = Browser(raises=False).post("/webhooks", content=body, headers=signed(body))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "again" in answer.json()["detail"]
    assert Browser().post("/webhooks", content=body, headers=signed(body)).status_code == 202


def test_a_link_that_was_asked_for_while_the_database_was_busy_is_sent_all_the_same(monkeypatch):
    with_account()
    tries = []
    ask = factories.sessions.ask_for_reset

    def busy_at_first(email):
        tries.append(email)
        if len(tries) == 1:
            with locked():
                ask(email)
        ask(email)

    monkeypatch.setattr("tasks.people.sessions.ask_for_reset", busy_at_first)
    Browser().send_form("/auth/forgot", email=ERIKA)

    assert len(tries) == 2
    assert len(factories.outbox("reset_password")) == 1
