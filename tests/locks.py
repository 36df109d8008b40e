"""In which order transactions lock rows, as PostgreSQL is told to: the case first, then what hangs on it."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, local
from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from models.settings import settings

ROOT = Path(__file__).parents[1]
PRODUCT = tuple(str(ROOT / ring) for ring in ("tasks", "flows", "deployments"))
TESTS = str(ROOT / "tests")
CASE = {"onboardings", "firms"}
"""The case and its firm are locked in one statement."""


def locked_by(statement: str) -> set[str]:
    """The tables of which this statement locks rows; inserted rows are nobody else's yet."""
    if changed := re.match(r"(?:UPDATE|DELETE FROM) (\w+)", statement):
        return {changed[1]}
    if "pg_advisory_xact_lock" in statement:
        return {"the chain of the house"}
    if asked := re.search(r" FOR (?:NO KEY )?UPDATE(?: OF ([\w, ]+?))?(?: SKIP LOCKED)?\s*$", statement):
        return set(asked[1].split(", ")) if asked[1] else set(re.findall(r"(?:FROM|JOIN) (\w+)", statement))
    return set()


def _of_the_product() -> bool:
    """Whether an act of the product asks, and not a test that prepares or looks."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(PRODUCT):
            return True
        if file.startswith(TESTS) and file != __file__:
            return False
        frame = frame.f_back
    return False


@contextmanager
def watched(counts: Callable[[], bool] = _of_the_product) -> Iterator[list[str]]:
    """Lists every lock on a case that is taken by whoever *counts*, while it holds one on something else."""
    faults: list[str] = []
    mine = f"locked:{id(faults)}"

    def begun(connection: Connection) -> None:
        connection.info[mine] = []

    def asked(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        tables = locked_by(statement)
        if not tables or connection.dialect.name == "sqlite" or not counts():  # There is one lock for all.
            return
        before = connection.info.setdefault(mine, [])
        if "onboardings" in tables and before and not CASE & {table for few in before for table in few}:
            faults.append(f"{[sorted(few) for few in before]} before the case: {statement[:200]}")
        before.append(tables)

    for name, listener in (("begin", begun), ("before_cursor_execute", asked)):
        event.listen(Engine, name, listener)
    try:
        yield faults
    finally:
        for name, listener in (("begin", begun), ("before_cursor_execute", asked)):
            event.remove(Engine, name, listener)


def interleaved(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """Let *first* take its first lock, then *second* come as far as it gets, then both go on.

    What each gave or raised. On PostgreSQL, which tells who waits for a lock; what deadlocks does so each time.
    """
    holds, go_on, mine = Event(), Event(), local()

    def pause(_connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if getattr(mine, "pauses", False) and locked_by(statement):
            mine.pauses = False
            holds.set()
            go_on.wait(60)

    def act(doing: Callable[[], Any], *, pauses: bool) -> Any:
        mine.pauses = pauses
        try:
            return doing()
        except Exception as error:  # noqa: BLE001
            return error
        finally:
            holds.set()

    event.listen(Engine, "after_cursor_execute", pause)
    try:
        with ThreadPoolExecutor(2) as pool, psycopg.connect(settings().database.replace("+psycopg", "")) as looking:
            looking.autocommit = True
            one = pool.submit(act, first, pauses=True)
            holds.wait(60)
            other = pool.submit(act, second, pauses=False)
            while not other.done() and not looking.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                time.sleep(0.002)
            go_on.set()
            return [one.result(60), other.result(60)]
    finally:
        event.remove(Engine, "after_cursor_execute", pause)
