"""Prefect's server on its embedded SQLite, with writers that wait for each other instead of failing.

    python -m deployments.server --host 127.0.0.1 --port 4200     as `prefect server start`, with all its options

Prefect begins most transactions as readers. One that then writes fails at once ("database is locked") if another has
committed meanwhile. Worse, the error keeps cursors in reference cycles; when the garbage collector frees one in the
thread of the event loop, it waits for that cursor's connection, which may be waiting for a lock that only the event
loop can release: nothing moves until Prefect's busy timeout of a minute is over. With PostgreSQL nothing is changed.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from models.settings import keep_private, settings

PATIENCE = 5000
"""Milliseconds that a writer waits for its turn; clients repeat what was refused then."""

_begin = AioSqliteConfiguration.begin_transaction
_set_up = AioSqliteConfiguration.setup_sqlite


def _begin_as_writer(
    self: AioSqliteConfiguration,
    session: AsyncSession,
    with_for_update: bool = False,  # noqa: ARG001
) -> AbstractAsyncContextManager[AsyncSessionTransaction]:
    return _begin(self, session, with_for_update=True)


def _set_up_patiently(self: AioSqliteConfiguration, conn: Any, record: Any) -> None:
    _set_up(self, conn, record)
    cursor = conn.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {PATIENCE}")
    cursor.close()


def take_turns() -> None:
    """From now on every transaction of Prefect in this process waits for its turn when it begins."""
    AioSqliteConfiguration.begin_transaction = _begin_as_writer  # type: ignore[assignment, method-assign]
    AioSqliteConfiguration.setup_sqlite = _set_up_patiently  # type: ignore[method-assign]


if __name__ == "__main__":
    import sys

    keep_private(settings().data)
    take_turns()
    sys.argv[1:1] = ["server", "start"]
    app()
