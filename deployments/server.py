"""Prefect's server, which answers only to its own names; on its embedded SQLite writers wait for each other.

    python -m deployments.server --host 127.0.0.1 --port 4200     as `prefect server start`, with all its options

Its names are those of this machine, of the addresses that Prefect's settings give for its API, its UI and the origins
it allows, and those in PROVISION_ALLOWED_HOSTS.

Prefect begins most transactions as readers. One that then writes fails at once ("database is locked") if another has
committed meanwhile. Worse, the error keeps cursors in reference cycles; when the garbage collector frees one in the
thread of the event loop, it waits for that cursor's connection, which may be waiting for a lock that only the event
loop can release: nothing moves until Prefect's busy timeout of a minute is over. With PostgreSQL nothing is changed.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from prefect.cli import app
from prefect.server.api import server
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from starlette.types import ASGIApp

from deployments.hosts import KnownHosts
from models.settings import host_name, keep_private, settings

PATIENCE = 5000
"""Milliseconds that a writer waits for its turn; clients repeat what was refused then."""

_begin = AioSqliteConfiguration.begin_transaction
_set_up = AioSqliteConfiguration.setup_sqlite
_create_app = server.create_app


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


def names() -> frozenset[str]:
    """By which Prefect's API and UI may be asked for."""
    prefect = get_current_settings()
    origins = (prefect.server.api.cors_allowed_origins or "").split(",")
    addresses = [prefect.api.url or "", prefect.server.ui.api_url or "", *origins]
    return settings().host_names | {host_name(address) for address in addresses if "//" in address}


def _create_guarded_app(**options: Any) -> ASGIApp:
    """Guarded is what listens; Prefect's own services ask the unguarded one, within the process."""
    made = _create_app(**options)
    return KnownHosts(made, names) if options.get("final") else made


def know_hosts() -> None:
    """From now on a server that is started in this process answers only to its own names."""
    server.create_app = _create_guarded_app  # type: ignore[assignment]


if __name__ == "__main__":
    import sys

    keep_private(settings().data)
    take_turns()
    know_hosts()
    sys.argv[1:1] = ["server", "start"]
    app()
