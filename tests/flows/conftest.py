import gc

import pytest

from models.settings import settings
from tests.servers import free_port, prefect_server, used


@pytest.fixture(autouse=True, scope="package")
def prefect_backend(tmp_path_factory: pytest.TempPathFactory):
    """One throw-away Prefect server for all flow tests: 10 s once; nothing of it outlives them."""
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=5)  # One that was started by tests of the worker still talks to their server.
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home) as address, used(address, home):
        gc.collect()
        gc.freeze()  # What is loaded by now is not looked through again after each test.
        yield
        gc.unfreeze()
        EventsWorker.drain_all(timeout=5)
    gc.collect()  # What the server's end leaves, too.


@pytest.fixture(autouse=True)
def no_mail_server(product, monkeypatch: pytest.MonkeyPatch):
    """Whoever runs the product beside the tests has one where the settings look for it."""
    monkeypatch.setenv("PROVISION_SMTP_PORT", str(free_port()))
    settings.cache_clear()


@pytest.fixture(autouse=True)
def swept():
    """Prefect leaves sockets to the garbage collector; it comes here, where that is allowed, not in a later test."""
    yield
    gc.collect()
