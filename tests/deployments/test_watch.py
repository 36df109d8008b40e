"""What machines are told about the product."""

import re
import shutil

import httpx
import pytest
from alembic import command
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.catalogue import CATALOGUE, POOL, register
from deployments.web import watch
from models.db import engine, transaction
from models.mail.mail_server import MailServer
from models.migrate import config, upgrade
from models.settings import settings
from models.time.clock import now
from tests.deployments.browser import Browser
from tests.factories import advance, opened, signed


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A database as the migrations make it."""
    file = tmp_path_factory.mktemp("migrated") / "provision.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISION_DATABASE_URL", f"sqlite:///{file}")
        settings.cache_clear()
        upgrade()
        engine(settings().database).dispose()
    settings.cache_clear()
    return file


@pytest.fixture
def up_to_date(migrated):
    engine(settings().database).dispose()
    shutil.copy(migrated, engine(settings().database).url.database)


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


def test_a_mail_server_that_refuses_us_is_told_without_names_and_visitors_are_taken_all_the_same(up_to_date):
    def note(**seen):
        with transaction() as session:
            MailServer.note(session, now(), smtputf8=False, **seen)

    note(took=False, fault="554 5.7.1 <erika@freitag.example>: Relay access denied")
    refused, metrics = Browser().get("/ready"), Browser().get("/metrics").text
    note(took=True)

    assert refused.status_code == 200
    assert refused.json()["mail"].startswith("refused by the mail server since 2026-09-15T0")
    assert "erika" not in refused.text + metrics
    assert 'provision_mail_server{state="refuses"} 1.0' in metrics
    assert Browser().get("/ready").json() == {"status": "ready"}
    assert 'provision_mail_server{state="takes"} 1.0' in Browser().get("/metrics").text


def test_the_metrics_count_what_waits_and_name_nobody(no_runs):
    signed()
    advance(opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"}))

    answer = Browser().get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    assert 'provision_waits{age="hour",kind="decision"} 1.0' in answer.text
    assert 'provision_steps{age="hour",step="agreement",waiting_for="operator"} 1.0' in answer.text
    assert 'provision_decisions_open{age="hour",kind="countersign"} 1.0' in answer.text
    assert re.search(r'provision_mails\{kind="register",state="waiting"\} 1\.0', answer.text)
    assert re.search(r'provision_mails\{kind="agreement",state="dropped"\} 1\.0', answer.text)  # Signed without it.
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


@pytest.fixture
def engine_seen(up_to_date, monkeypatch):
    """Prefect is asked each time, not only now and then."""
    monkeypatch.setattr(watch, "_engine", watch._Engine())
    monkeypatch.setattr(watch._Engine, "FRESH", 0.0)


def test_it_is_not_ready_without_its_deployments_and_tells_which_are_not_right(prefect, engine_seen):
    register(CATALOGUE)
    assert Browser().get("/ready").json() == {"status": "ready"}
    for name, how in (("sweep", {"paused": True}), ("deliver", None)):
        path = f"/deployments/{prefect.get(f'/deployments/name/{name}/{name}').json()['id']}"
        (prefect.patch(path, json=how) if how else prefect.delete(path)).raise_for_status()

    answer, metrics = Browser().get("/ready"), Browser().get("/metrics").text

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "deployments not as they should be",
        "deployments": {"deliver": "missing", "sweep": "paused"},
    }
    assert 'provision_deployments{state="missing"} 1.0' in metrics
    assert 'provision_deployments{state="paused"} 1.0' in metrics
    assert f'provision_deployments{{state="right"}} {len([POOL, *CATALOGUE]) - 2}.0' in metrics


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api", "http://127.0.0.1:9/no-api"])
def test_it_is_not_ready_without_prefect(engine_seen, address):
    with temporary_settings({PREFECT_API_URL: address}):
        answer, metrics = Browser().get("/ready"), Browser().get("/metrics").text

    assert (answer.status_code, answer.json()) == (503, {"status": "Prefect away"})
    assert f'provision_deployments{{state="unknown"}} {len([POOL, *CATALOGUE])}.0' in metrics


def test_however_often_it_is_asked_prefect_is_asked_now_and_then_only(up_to_date, monkeypatch):
    asked = []
    monkeypatch.setattr(watch, "_engine", watch._Engine())
    monkeypatch.setattr(watch, "differences", lambda _: asked.append(1) or {})
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert [Browser().get("/ready").status_code for _ in range(5)] == [200] * 5

    assert len(asked) == 1
