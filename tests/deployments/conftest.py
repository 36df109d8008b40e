"""One real Prefect server for the tests of how the product starts: 10 s once, and only if a test asks for it."""

import httpx
import pytest
from argon2 import PasswordHasher

from deployments.web import security
from models.people import login
from models.settings import settings
from tasks.engine.prefect_client import access
from tests import agreements
from tests.servers import SIGN_IN, free_port, prefect_server, used


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    """Agreements are made for all tests, and passwords hashed cheaply."""
    agreements.unread_everywhere(monkeypatch)
    monkeypatch.setattr(login, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def quiet(no_runs):
    """Limits begin anew, and nobody asks Prefect for runs."""
    security._limiter.cache_clear()


@pytest.fixture(autouse=True)
def no_mail_server(product, monkeypatch: pytest.MonkeyPatch):
    """Whoever runs the product beside the tests has one where the settings look for it."""
    monkeypatch.setenv("PROVISION_SMTP_PORT", str(free_port()))
    settings.cache_clear()


@pytest.fixture(scope="session")
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
