import gc

import pytest


@pytest.fixture(autouse=True, scope="package")
def prefect_backend():
    """One throw-away Prefect server for all flow tests: 10 s once; nothing of it outlives them."""
    from prefect.events.worker import EventsWorker
    from prefect.testing.utilities import prefect_test_harness

    EventsWorker.drain_all(timeout=5)  # One that was started by tests of the worker still talks to their server.
    with prefect_test_harness(server_startup_timeout=120):
        yield
        EventsWorker.drain_all(timeout=5)


@pytest.fixture(autouse=True)
def swept():
    """Prefect leaves sockets to the garbage collector; it comes here, where that is allowed, not in a later test."""
    yield
    gc.collect()
