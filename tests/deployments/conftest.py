"""One real Prefect server for the tests of how the product starts: 10 s once, and only if a test asks for it."""

import socket
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from deployments.web import security
from models.people import login
from models.settings import settings
from tasks.engine.prefect_client import access
from tests import agreements, remembered
from tests.servers import SIGN_IN, prefect_server, used


@pytest.fixture(scope="session")
def silent_port():
    """A port at which nobody listens."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@pytest.fixture(autouse=True)
def quick(request, product, emptied_sqlite, silent_port, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Tests share agreements that nobody reads and what factories have made; passwords are hashed cheaply.

    All tests have the address of the database in common, and with it what SQLAlchemy has compiled. Mail is handed to
    nobody: who runs the product beside the tests has a server where the settings look for it.
    """
    monkeypatch.setenv("PROVISION_SMTP_PORT", str(silent_port))
    kept = request.path.name == "test_up.py"  # There the product has a folder with all it keeps.
    if product != "postgresql" and not kept:
        (tmp_path / "provision.db").unlink()
        monkeypatch.setenv("PROVISION_DATABASE_URL", emptied_sqlite())
    settings.cache_clear()
    agreements.unread_everywhere(monkeypatch)
    monkeypatch.setattr(login, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    remembered.begin(remembered.Beginning(product, settings().database, tmp_path, monkeypatch))
    yield
    remembered.begin(None)


@pytest.fixture
def quiet(no_runs):
    """Limits begin anew, and nobody asks Prefect for runs."""
    security._limiter.cache_clear()


@pytest.fixture(scope="package")
def prefect_address(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home) as address:
        yield home, address


@pytest.fixture
def prefect(prefect_address):
    """The server's REST interface; Prefect's own client in this test talks to the same server."""
    home, address = prefect_address
    with used(address, home), httpx.Client(base_url=address, auth=access(address, SIGN_IN), timeout=20) as client:
        yield client
