"""The sweep: each of its loops lives when another one dies."""

import asyncio

import pytest
from sqlalchemy import text

from flows.sweep import sweep
from models.db import transaction
from models.inbox import Incoming
from models.onboarding import StepName
from models.time.clock import now
from tests import factories

# Prefect's own client leaves sockets to the garbage collector when an event loop ends.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_one_loop_of_the_sweep_that_dies_leaves_the_others_alive_and_shows(monkeypatch):
    started = []
    monkeypatch.setattr("tasks.engine.passes.start_run", lambda name, *_, **__: started.append(name))
    case_id = factories.opened(plan=None, interval=None)
    factories.advance(case_id)
    with transaction() as session:
        Incoming.store(
            session, "webhook", "e-1", "account.registered", {"email": "x@y.example", "external_id": "1"}, now()
        )
        # Rows that nothing but a hand in the database can make: one kills the events, one the forms.
        session.execute(text("UPDATE inbox SET received_at = 'never'"))
        session.execute(text("UPDATE decisions SET kind = 'strange'"))

    state = asyncio.run(sweep(return_state=True))

    assert state.is_failed()
    assert "onboard/onboard" in started  # Passes are asked for all the same.


def test_a_sweep_takes_what_was_left_behind_and_ends_what_was_not_signed_in_time(no_runs, clock):
    case_id = factories.with_organiser()
    clock(days=91)
    with transaction() as session:
        body = factories.request().model_dump(mode="json")
        Incoming.store(session, "webhook", "evt_2", "onboarding.requested", body, now())

    assert asyncio.run(sweep(return_state=True)).is_completed()

    assert factories.agreement(case_id).expired_at is not None
    assert factories.case(case_id + 1).step(StepName.SUBSCRIPTION) is not None
