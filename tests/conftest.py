"""Each test has a database of its own, migrated from nothing: SQLite here, PostgreSQL with ``--postgres``."""

import socket
from pathlib import Path

import pytest

from models.db import Base, engine
from models.migrate import register_tables
from models.settings import settings

register_tables()

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Settings and database of this test alone."""
    monkeypatch.setenv("PROVISION_DATA", str(tmp_path))
    monkeypatch.setenv("PROVISION_SECRET", "a secret for tests only")
    settings.cache_clear()
    database = engine(settings().database)
    Base.metadata.create_all(database)
    yield
    database.dispose()
    engine.cache_clear()
    settings.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Move the product's clock: ``clock(days=3)``; moves add up."""
    from datetime import timedelta

    shift = timedelta()

    def move(**by: float) -> None:
        nonlocal shift
        shift += timedelta(**by)
        monkeypatch.setenv("PROVISION_TIME_SHIFT", str(shift.total_seconds()))
        settings.cache_clear()

    return move


@pytest.fixture(autouse=True)
def no_traffic(monkeypatch: pytest.MonkeyPatch):
    """Nothing leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address):
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            raise AssertionError(f"a test wanted to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
