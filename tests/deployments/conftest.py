"""One real Prefect server for the tests of how the product starts: 10 s once, and only if a test asks for it."""

import httpx
import pytest

from tasks.engine.prefect_client import access
from tests.servers import SIGN_IN, prefect_server, used


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
