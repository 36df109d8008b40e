import gc

import pytest

from tests.deployments.conftest import quick, silent_port  # noqa: F401  (fixtures)
from tests.servers import prefect_server, used


@pytest.fixture(autouse=True, scope="package")
def prefect_backend(tmp_path_factory: pytest.TempPathFactory):
    """One throw-away Prefect server for all flow tests: 10 s once; nothing of it outlives them."""
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=5)  # One that was started by tests of the worker still talks to their server.
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home) as address, used(address, home):
        yield
        EventsWorker.drain_all(timeout=5)
    gc.collect()  # What the server's end leaves, too.
