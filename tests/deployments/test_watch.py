"""What machines are told about the product."""

import re

import httpx
import pytest
from alembic import command

from models.db import engine, transaction
from models.mail_server import MailServer
from models.migrate import config, upgrade
from models.schedule import now
from models.settings import settings
from tests.deployments.browser import Browser
from tests.factories import signed


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr("tasks.passes.start_run", lambda *_, **__: None)


def test_it_lives_even_without_a_database(monkeypatch):
    monkeypatch.setenv("PROVISION_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    settings.cache_clear()

    assert Browser().get("/health").json() == {"status": "alive"}
    answer = Browser().get("/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "database away"})


def test_it_is_ready_once_the_database_has_the_present_shape(monkeypatch, tmp_path):
    monkeypatch.setenv("PROVISION_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    settings.cache_clear()
    command.upgrade(config(), "0001")

    before = Browser().get("/ready")
    engine(settings().database).dispose()
    upgrade()
    after = Browser().get("/ready")

    assert (before.status_code, before.json()) == (503, {"status": "database not up to date"})
    assert (after.status_code, after.json()) == (200, {"status": "ready"})


def test_a_mail_server_that_refuses_us_is_told_without_names_and_visitors_are_taken_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("PROVISION_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    settings.cache_clear()
    upgrade()

    def note(**seen):
        with transaction() as session:
            MailServer.note(session, now(), smtputf8=False, **seen)

    note(took=False, fault="554 5.7.1 <erika@freitag.example>: Relay access denied")
    refused, metrics = Browser().get("/ready"), Browser().get("/metrics").text
    note(took=True)

    assert refused.status_code == 200
    assert refused.json()["mail"].startswith("refused by the mail server since 2026-09-15T09:0")
    assert "erika" not in refused.text + metrics
    assert 'provision_mail_server{state="refuses"} 1.0' in metrics
    assert Browser().get("/ready").json() == {"status": "ready"}
    assert 'provision_mail_server{state="takes"} 1.0' in Browser().get("/metrics").text


def test_the_metrics_count_what_waits_and_name_nobody(quiet):
    signed()

    answer = Browser().get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    assert 'provision_waits{age="hour",kind="decision"} 1.0' in answer.text
    assert 'provision_steps{age="hour",step="agreement",waiting_for="operator"} 1.0' in answer.text
    assert 'provision_decisions_open{age="hour",kind="countersign"} 1.0' in answer.text
    assert re.search(r'provision_mails\{kind="agreement",state="waiting"\} 1\.0', answer.text)
    assert 'provision_left_over{what="passes"}' in answer.text
    assert not [word for word in ("Erika", "Muster", "freitag", "@", "Freitag") if word in answer.text]


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}])
def test_the_metrics_are_not_there_for_who_comes_through_a_proxy(headers):
    assert Browser(**headers).get("/metrics").status_code == 404


def test_with_a_token_the_metrics_are_for_who_has_it(monkeypatch):
    monkeypatch.setenv("PROVISION_METRICS_TOKEN", "geheim-und-lang")
    settings.cache_clear()

    assert Browser().get("/metrics").status_code == 404
    assert Browser(Authorization="Bearer falsch").get("/metrics").status_code == 404
    assert (
        Browser(Authorization="Bearer geheim-und-lang", **{"X-Forwarded-For": "203.0.113.9"}).get("/metrics").is_success
    )


def test_machines_are_answered_in_their_own_way():
    answer: httpx.Response = Browser().post("/metrics")

    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/json"
