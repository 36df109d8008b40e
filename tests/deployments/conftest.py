"""One real Prefect server for the tests of how the product starts: 10 s once, and only if a test asks for it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@pytest.fixture(scope="session")
def prefect_address(tmp_path_factory: pytest.TempPathFactory):
    from deployments.up import QUIET

    home: Path = tmp_path_factory.mktemp("prefect")
    port = free_port()
    address = f"http://127.0.0.1:{port}/api"
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "deployments.server", "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | QUIET | {"PREFECT_HOME": str(home), "PREFECT_API_URL": address},
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/health").raise_for_status()
                break
            except httpx.HTTPError:
                assert server.poll() is None, (home / "server.log").read_text()
                time.sleep(0.1)
        yield home, address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@pytest.fixture
def prefect(prefect_address):
    """The server's REST interface; Prefect's own client in this test talks to the same server."""
    home, address = prefect_address
    with (
        temporary_settings({PREFECT_API_URL: address, PREFECT_HOME: home}),
        httpx.Client(base_url=address, timeout=20) as client,
    ):
        yield client
