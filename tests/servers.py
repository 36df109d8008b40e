"""Servers for the length of some tests. They end with the process that runs the tests, also if that one is killed."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from deployments.processes import end, spawn
from deployments.up import QUIET, guarded

SIGN_IN = "tests:a password for tests only"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """A real Prefect server, guarded as the product's; gives the address of its API."""
    address = f"http://127.0.0.1:{free_port()}"
    environment = os.environ | QUIET | guarded(address, SIGN_IN) | {"PREFECT_HOME": str(home)}
    port = address.rpartition(":")[2]
    log = home / "server.log"
    with log.open("wb") as lines:
        server, lifeline = spawn(
            "deployments.server", "--host", "127.0.0.1", "--port", port, environment=environment, output=lines
        )
    try:
        for _ in range(1200):
            try:
                httpx.get(f"{address}/api/health").raise_for_status()
                break
            except httpx.HTTPError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
        yield f"{address}/api"
    finally:
        end(server, 30)
        os.close(lifeline)


def used(api: str, home: Path):
    """A context in which Prefect's own client, and ours, talk to this server."""
    return temporary_settings({PREFECT_API_URL: api, PREFECT_API_AUTH_STRING: SIGN_IN, PREFECT_HOME: home})
