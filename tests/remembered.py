"""What the factories make of an empty database, made once: its rows and files come back for whoever asks the same.

Only where nothing has been done before and nothing is another way than it was then: no row, no file, no patch, no
setting and no move of the clock. So the way of a case to some point is gone once a process, not in each test.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from models.db import Base, engine
from models.settings import settings
from models.time.clock import now

OWN = {"PROVISION_DATA", "PROVISION_DATABASE_URL", "PROVISION_TIME_SHIFT"}
"""Settings that are another in each test."""


def shared_settings() -> list[tuple[str, str]]:
    """All but those."""
    return sorted(item for item in os.environ.items() if item[0].startswith("PROVISION_") and item[0] not in OWN)


def as_setting(by: timedelta) -> str:
    """So many whole seconds, no fewer, as a setting is written: ISO 8601, with its sign."""
    seconds = ceil(by.total_seconds())
    return f"{'-' if seconds < 0 else ''}PT{abs(seconds)}S"


@dataclass(frozen=True)
class Kept:
    """What was there when a factory was done."""

    given: Any
    at: datetime
    rows: Any
    files: dict[str, bytes]


@dataclass
class Beginning:
    """How a test begins, and whether it still is at its beginning."""

    kind: str
    address: str
    data: Path
    patch: pytest.MonkeyPatch
    patched: str = ""
    touched: bool = False
    was: tuple = field(init=False)

    def __post_init__(self) -> None:
        self.was = self._now()

    def _now(self) -> tuple:
        replaced = [place for place, *_ in self.patch._setitem if place is not os.environ]
        own = settings()
        return len(self.patch._setattr), len(replaced), os.environ["PROVISION_TIME_SHIFT"], own.data, own.database

    @property
    def lasts(self) -> bool:
        return not self.touched and self.was == self._now() and not any(self.data.iterdir())


_beginning: Beginning | None = None
_kept: dict[tuple, Kept] = {}


@event.listens_for(Pool, "checkout")
def _touch(*_: object) -> None:
    if _beginning is not None:
        _beginning.touched = True


def begin(beginning: Beginning | None) -> None:
    """From now on *beginning* is that of the test that runs."""
    global _beginning
    _beginning = beginning


def patched(what: str) -> None:
    """Whatever is patched by now belongs to the beginning, and is the same wherever it is called *what*."""
    if _beginning is not None:
        begin(replace(_beginning, patched=f"{_beginning.patched}, {what}"))


def remembered(make: Callable) -> Callable:
    """A factory that acts once for all tests that begin with it."""

    @wraps(make)
    def made(*args, **changes):
        beginning = _beginning
        how = repr((args, sorted(changes.items())))
        if beginning is None or " at 0x" in how or not beginning.lasts:
            return make(*args, **changes)
        key = (beginning.kind, beginning.patched, f"{make.__module__}.{make.__name__}", how, *shared_settings())
        if key in _kept:
            _bring_back(beginning, _kept[key])
            return _kept[key].given
        given = make(*args, **changes)
        _kept[key] = Kept(given, now(), _rows(beginning), _files(beginning.data))
        return given

    return made


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _rows(beginning: Beginning) -> Any:
    if beginning.kind == "sqlite":
        file = Path(beginning.address.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        return file.read_bytes()
    rows = {}
    with engine(beginning.address).begin() as made:
        connection = made.connection.driver_connection
        for table in Base.metadata.sorted_tables:
            with connection.cursor().copy(f"COPY {table.name} TO STDOUT (FORMAT binary)") as copy:
                told = b"".join(copy)
            if len(told) > 21:  # Head and end of a table without rows.
                rows[table.name] = told
        counted = connection.execute("SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL")
        return rows, counted.fetchall()


def _bring_back(beginning: Beginning, kept: Kept) -> None:
    for name, content in kept.files.items():
        file = beginning.data / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o600)
    if beginning.kind == "sqlite":
        file = Path(beginning.address.removeprefix("sqlite:///"))
        file.with_suffix(".new").write_bytes(kept.rows)
        file.with_suffix(".new").replace(file)
    else:
        _copy(beginning.address, *kept.rows)
    beginning.touched = True
    # It took as long as it did then, so that nothing is told of a time to come.
    shift = timedelta(seconds=ceil((kept.at - datetime.now(UTC)).total_seconds()))
    if shift > settings().time_shift:
        beginning.patch.setenv("PROVISION_TIME_SHIFT", as_setting(shift))
        settings.cache_clear()


def _copy(address: str, rows: dict[str, bytes], counted: list[tuple[str, int]]) -> None:
    with engine(address).begin() as made:
        connection = made.connection.driver_connection
        connection.execute("SET LOCAL session_replication_role = replica")
        for table, told in rows.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                copy.write(told)
        connection.execute("; ".join(f"SELECT setval('{name}', {last})" for name, last in counted))
