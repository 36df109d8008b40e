"""Tidying up, as Prefect does it: rows, and runs of its own that ended long ago."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prefect.settings import get_current_settings
from sqlalchemy import func, select, update

from flows.digest import digest
from flows.tidy import tidy
from models.db import reading, transaction
from models.inbox import Incoming
from models.time.clock import now
from tasks.engine.prefect_client import access
from tests.servers import SIGN_IN

# Prefect's own client leaves sockets to the garbage collector when an event loop ends.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def runs(flow: str) -> list[dict]:
    address = str(get_current_settings().api.url)
    query = {"flows": {"name": {"any_": [flow]}}}
    with httpx.Client(auth=access(address, SIGN_IN)) as client:
        return client.post(f"{address}/flow_runs/filter", json=query).json()


def test_rows_and_runs_past_their_time_are_removed_and_running_it_again_changes_nothing(clock):
    with transaction() as session:
        Incoming.store(session, "webhook", "x", "mail.bounced", {}, now())
        session.execute(update(Incoming).values(handled_at=now()))
    asyncio.run(digest())
    assert len(runs("digest")) == 1

    clock(max(now(), datetime.now(UTC)) + timedelta(days=91))  # Prefect's clock is the machine's.
    for _ in range(2):
        assert asyncio.run(tidy(return_state=True)).is_completed()

    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Incoming)) == 0
    assert runs("digest") == []
    assert "RUNNING" not in {run["state_type"] for run in runs("tidy")}
