"""``provision check`` and what the law wants on the pages: each look is shown to find its fault."""

import json
import os
import socket
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from deployments import checks
from deployments.__main__ import app
from models import imprint
from models.migrate import upgrade
from models.settings import settings
from tests.deployments.browser import Browser

PROVIDER = {
    "NAME": "Beispiel IT GmbH",
    "ADDRESS": "Beispielweg 1, 10115 Berlin",
    "EMAIL": "post@beispiel.example",
    "PHONE": "+49 30 5550111",
    "REPRESENTATIVES": "Erika Beispiel",
    "REGISTER": "Amtsgericht Musterstadt, HRB 12345",
    "VAT_ID": "DE123456789",
}
AUTHORITY = "Datenschutzaufsicht Musterland, aufsicht.example"


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Settings in a folder of their own."""

    def give(**names):
        for name, value in names.items():
            monkeypatch.setenv(f"PROVISION_{name}", str(value))
        settings.cache_clear()

    give(DATA=tmp_path / "var", DATABASE_URL="", ENV_FILE="", TIME_SHIFT="PT0S")
    yield give
    monkeypatch.undo()
    settings.cache_clear()


def said(subject):
    return " ".join(one.says for one in dict(checks.findings())[subject])


def test_what_the_imprint_lacks_is_told_by_its_variable_until_it_is_set(given):
    assert "PROVISION_PROVIDER_REGISTER" in imprint.warning()
    assert "PROVISION_PROVIDER_NAME" in said("imprint"), "a sample is nobody's name"

    given(PRIVACY_AUTHORITY=AUTHORITY, **{f"PROVIDER_{name}": value for name, value in PROVIDER.items()})

    assert (imprint.warning(), said("imprint")) == ("", "")
    assert all(value.split(",")[0] in Browser().get("/imprint").text for value in PROVIDER.values())
    given(PROVIDER_REGISTER="", PROVIDER_VAT_ID="")
    assert imprint.warning() == "", "whoever is in no register, or has no number, has said so"
    given(PROVIDER_PHONE="")
    assert "PROVISION_PROVIDER_PHONE" in imprint.warning()
    given(KEEP_CONTRACTS_YEARS="11")
    notice = Browser().get("/privacy").text
    assert AUTHORITY in notice
    assert "11 Jahre" in notice, "the terms are those by which things really go"


def test_each_look_finds_its_fault_and_is_silent_without(given, tmp_path, monkeypatch):
    data = tmp_path / "var"
    assert "provision migrate" in said("database")
    assert not data.exists(), "nothing is made by looking"
    data.mkdir(mode=0o700)
    data.chmod(0o700)
    old_umask = os.umask(0o077)
    upgrade()
    os.umask(old_umask)
    assert (said("database"), said("files"), said("settings"), said("seal")) == ("", "", "", "")

    (data / "secret").write_text("x")
    (data / "secret").chmod(0o644)
    assert "chmod -R go=" in said("files")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    given(SMTP_PORT=port, BASE_URL="http://portal.example", TIME_SHIFT="P3D", SEAL_PKCS12=tmp_path / "none.p12")
    assert f"127.0.0.1:{port}" in said("mail")
    assert all(name in said("settings") for name in ("BASE_URL", "MAIL_CATCHER", "TIME_SHIFT"))
    assert "none.p12" in said("seal")
    assert "samples" in said("texts")
    assert said("disk") == ""
    monkeypatch.setattr(checks, "DISK_LEAST", 10**18)
    assert "make room" in said("disk")
    at = datetime.now(UTC)
    assert list(checks.differing(at + timedelta(seconds=5), at)) == []
    assert "NTP" in next(checks.differing(at - timedelta(minutes=2), at))


def test_the_command_says_it_to_people_and_machines_and_ends_with_1(given, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    told = CliRunner().invoke(app, ["check", "--json"])
    answer = json.loads(told.stdout)
    assert told.exit_code == 1
    assert answer["looked_at"] == list(checks.LOOKS)
    assert {"imprint", "database"} <= {fault["subject"] for fault in answer["faults"]}

    given(DIGEST_HOUR="99")
    told = CliRunner().invoke(app, ["check"])
    assert (told.exit_code, told.stdout.splitlines()[0][:22]) == (1, "settings: digest_hour:")
    assert "99" not in told.stdout, "what was typed may be a secret"
