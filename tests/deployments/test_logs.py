"""What stands in the logs, and what does not."""

import asyncio
import io
import json
import logging
import sys

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from deployments import logs
from deployments.logs import Lines, without_secrets
from deployments.web.app import app, lifespan
from models.db import transaction
from models.link import Purpose
from models.people.mail_address import AddressInvalid, email_address
from models.settings import settings
from tests.factories import request, token, with_organiser


@pytest.fixture(autouse=True)
def only_ours(monkeypatch):
    """What is set up here does not outlive the test."""
    monkeypatch.setattr(logging.root.manager, "loggerDict", {})
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)


@pytest.fixture
def written():
    """A logger, and what it wrote."""
    stream = io.StringIO()
    logger = logging.getLogger("toy")
    logger.addHandler(logging.StreamHandler(stream))
    logger.propagate = False
    logs.set_up()
    return logger, stream


def test_a_line_is_an_object_with_moment_level_and_facts(written):
    logger, stream = written

    logger.warning("Case %s waits", 17, extra={"case_id": 17})

    line = json.loads(stream.getvalue())
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "warning", "logger": "toy", "message": "Case 17 waits", "case_id": 17}


def test_addresses_and_personal_links_are_blotted_out(written):
    logger, stream = written
    with_organiser()
    link = token("erika@freitag.example", Purpose.AGREEMENT)

    try:
        email_address("erika.muster@freitag.example, and more")
    except AddressInvalid:
        logger.exception("GET /agreement/%s by %s", link, "Erika.Muster+x@freitag.example", extra={"to": "a@b.example"})

    said = stream.getvalue()
    assert link not in said
    assert "freitag.example" not in said
    assert "b.example" not in said
    assert "AddressInvalid" in said
    assert json.loads(said)["error"] == "AddressInvalid"


def test_what_is_no_secret_stays():
    kept = (
        "run 6f1f8c1e-0b5a-4a53-9d7e-1f0a6d9f8c11, sha256 " + "ab" * 32 + ", mail <…>, tasks/agreement/lifecycle.py:12"
    )

    assert without_secrets(kept) == kept
    assert without_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == "…"


def test_what_was_to_be_written_is_not_in_the_errors_of_the_database(written):
    logger, stream = written
    name = request().organiser.name

    try:
        with transaction() as session:
            session.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": name})
    except SQLAlchemyError:
        logger.exception("broke")

    assert "nowhere" in stream.getvalue()
    assert name not in stream.getvalue()


def test_lines_to_be_read_by_eye():
    record = logging.makeLogRecord({"msg": "Mail to a@b.example", "levelname": "INFO", "name": "toy", "case_id": 3})

    line = Lines(as_json=False).format(record)

    assert line.endswith("INFO    toy: Mail to …@… case_id=3")


def test_the_web_process_writes_so_from_its_start(monkeypatch):
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger("uvicorn.access").addHandler(handler)
    monkeypatch.setenv("PROVISION_LOG_FORMAT", "text")
    settings.cache_clear()

    async def start():
        async with lifespan(app):
            assert isinstance(handler.formatter, Lines)

    asyncio.run(start())
