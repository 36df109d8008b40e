"""Servers for the length of some tests. They end with the process that runs the tests, also if that one is killed."""

import os
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import prefect
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from deployments.processes import end, spawn
from deployments.up import QUIET, guarded

SIGN_IN = "tests:a password for tests only"
MIGRATED = Path(__file__).parents[1] / ".pytest_cache" / "prefect" / "prefect.db"
"""Prefect's database as its first start leaves it, which takes longer than all other things that it begins with."""


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def begun_before(home: Path) -> None:
    """A server that starts in *home* finds a database there, unless none has ever been started. It is empty."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if MIGRATED.exists():
        shutil.copy(MIGRATED, home / MIGRATED.name)
        (home / MIGRATED.name).chmod(0o600)


def _keep_migrated(home: Path) -> None:
    """A newer Prefect makes of it what it needs, and is kept in turn."""
    if MIGRATED.exists() and MIGRATED.stat().st_mtime > Path(prefect.__file__).stat().st_mtime:
        return
    MIGRATED.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MIGRATED.parent) as folder:
        made = Path(folder, MIGRATED.name)
        with closing(sqlite3.connect(home / MIGRATED.name)) as begun, closing(sqlite3.connect(made)) as kept:
            begun.backup(kept)
        made.replace(MIGRATED)


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """A real Prefect server, guarded as the product's; gives the address of its API."""
    begun_before(home)
    address = f"http://127.0.0.1:{free_port()}"
    environment = os.environ | QUIET | guarded(address, SIGN_IN) | {"PREFECT_HOME": str(home)}
    port = address.rpartition(":")[2]
    log = home / "server.log"
    with log.open("wb") as lines:
        server, lifeline = spawn(
            "deployments.server", "--host", "127.0.0.1", "--port", port, environment=environment, output=lines
        )
    try:
        with httpx.Client() as asking:  # Each client loads all certificates that there are.
            for _ in range(1200):
                try:
                    asking.get(f"{address}/api/health").raise_for_status()
                    break
                except httpx.HTTPError:
                    assert server.poll() is None, log.read_text()
                    time.sleep(0.1)
        _keep_migrated(home)  # Before anything is registered there.
        yield f"{address}/api"
    finally:
        end(server, 30)
        os.close(lifeline)


def used(api: str, home: Path):
    """A context in which Prefect's own client, and ours, talk to this server."""
    return temporary_settings({PREFECT_API_URL: api, PREFECT_API_AUTH_STRING: SIGN_IN, PREFECT_HOME: home})
