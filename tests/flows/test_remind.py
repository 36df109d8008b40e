import asyncio
import json

import pytest
from prefect.client.orchestration import get_client

from flows.follow_up import follow_up
from flows.remind import remind
from models.settings import settings
from tests.factories import advance, case, opened, outbox

# Prefect's own client leaves sockets to the garbage collector when an event loop ends.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def later(no_runs, monkeypatch):
    case_id = opened(plan=None, interval=None)
    advance(case_id)
    monkeypatch.setenv("PROVISION_TIME_SHIFT", "P20D")
    settings.cache_clear()
    return case_id


def left_behind(key):
    """The newest artifact under this key."""

    async def read():
        async with get_client() as prefect:
            answer = await prefect._client.get(f"/artifacts/{key}/latest")
            return answer.json()

    return asyncio.run(read())


def test_a_round_tells_what_was_sent_and_what_was_held_without_names(later):
    asyncio.run(remind())

    told = left_behind("reminders")
    rows = json.loads(told["data"])
    assert {row["Worauf gewartet wird"] for row in rows} >= {"Organisator legt Account an"}
    assert "Muster" not in told["data"] + told["description"]


def test_a_dry_run_shows_what_would_go_out_when_and_why_and_sends_nothing(later):
    before = outbox()

    asyncio.run(remind(dry_run=True, until="2036-12-31"))

    told = left_behind("reminders-foreseen")
    rows = json.loads(told["data"])
    assert outbox() == before
    assert "Probelauf" in told["description"]
    assert any("Tag 3" in row["Warum dann"] or "Tag 1" in row["Warum dann"] for row in rows)
    assert case(later).firm.name not in told["data"]
    assert "Muster" not in told["data"]


def test_following_up_shows_what_contacts_would_be_sent_and_reminding_all_the_rest(later):
    asyncio.run(follow_up(dry_run=True, until="2036-12-31"))
    contacts = json.loads(left_behind("reminders-foreseen")["data"])
    asyncio.run(remind(dry_run=True, until="2036-12-31"))
    others = json.loads(left_behind("reminders-foreseen")["data"])

    assert contacts == []
    assert others
