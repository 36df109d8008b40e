"""What a back-up and a restore cost, beside what the databases do by themselves; memory stays flat.

``BACKUP_ROWS=1000000 make bench`` measures a million rows instead of a hundred thousand.
"""

import os
import resource
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from models.db import engine
from models.settings import settings
from tasks.backup import database
from tasks.backup.making import back_up
from tasks.backup.restoring import restore
from tests import postgres
from tests.benchmarks.bench_retention import fill_inbox, fill_outbox
from tests.factories import with_organiser

pytestmark = pytest.mark.benchmark
ROWS = int(os.environ.get("BACKUP_ROWS", "100000"))


def measured(act) -> tuple[float, float]:
    """Seconds of CPU of this process, and of the clock."""
    cpu, began = time.process_time(), time.perf_counter()
    act()
    return time.process_time() - cpu, time.perf_counter() - began


def memory_of(act) -> int:
    """MB that another process with what is loaded here takes more at most while it does this."""
    engine(settings().database).dispose()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            act()
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
            os.write(writes, str(more).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writes)
    with os.fdopen(reads) as told:
        return int(told.read())


def native(product: str, tmp_path) -> tuple[float, float]:
    """What the database does by itself: SQLite's own back-up; all rows of the two large tables by COPY, thrown away."""
    if product == "sqlite":

        def act() -> None:
            place = settings().database.removeprefix("sqlite:///")
            with closing(sqlite3.connect(place)) as one, closing(sqlite3.connect(tmp_path / "native.db")) as other:
                one.backup(other)

    else:

        def act() -> None:
            with psycopg.connect(settings().database.replace("+psycopg", "")) as one, one.cursor() as cursor:
                for table in ("inbox", "outbox"):
                    with cursor.copy(f"COPY {table} TO STDOUT".encode()) as copied:
                        for _ in copied:
                            pass

    return measured(act)


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_a_backup_costs_by_its_rows_and_takes_no_more_memory_for_many(product, request, tmp_path, monkeypatch):
    with engine(settings().database).begin() as connection:
        connection.execute(text(f"CREATE TABLE {database.VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text(f"INSERT INTO {database.VERSIONS} VALUES (:head)"), {"head": database.head()})
    with_organiser()
    there, took, source = 0, {}, (settings().database, str(settings().data))
    try:
        for rows in (1000, ROWS):
            fill_inbox((rows - there) // 2, timedelta(days=1), f"i{rows}-")
            fill_outbox((rows - there) // 2, timedelta(days=1), f"o{rows}-")
            there = rows
            file = tmp_path.with_name(f"{tmp_path.name}-{rows}.backup")
            again = file.with_suffix(".again")
            memory = memory_of(lambda file=again: back_up(file))
            out = measured(lambda file=file: back_up(file))
            by_itself = native(product, tmp_path)
            address = ""
            if product == "postgresql":
                address = postgres.make_database(request.getfixturevalue("postgres_server"), f"benched{rows}")
            monkeypatch.setenv("PROVISION_DATABASE_URL", address)
            monkeypatch.setenv("PROVISION_DATA", str(tmp_path / f"other{rows}"))
            settings.cache_clear()
            back = measured(lambda file=file: restore(file))
            more = memory_of(lambda file=file: restore(file, replace=True))
            engine(settings().database).dispose()
            monkeypatch.setenv("PROVISION_DATABASE_URL", source[0])
            monkeypatch.setenv("PROVISION_DATA", source[1])
            settings.cache_clear()
            took[rows] = memory, more
            print(
                f"\n{product}, {rows} rows, {file.stat().st_size / 1e6:.1f} MB: backed up in {out[0]:.2f} s of CPU"
                f" ({rows / out[0]:.0f} rows a second; {out[1]:.2f} s), {memory} MB more;"
                f" the database's own way {by_itself[0]:.2f} s of CPU ({by_itself[1]:.2f} s);"
                f" restored in {back[0]:.2f} s of CPU ({rows / back[0]:.0f} rows a second; {back[1]:.2f} s),"
                f" {more} MB more"
            )
            file.unlink()
            again.unlink()
    finally:
        with engine(source[0]).begin() as connection:
            connection.execute(text(f"DROP TABLE {database.VERSIONS}"))
    few, many = took[1000], took[ROWS]
    assert all(after < before + 64 for before, after in zip(few, many, strict=True))
