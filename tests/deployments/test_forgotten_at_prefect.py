"""What stands at Prefect of somebody who is erased: nothing but what an operator has typed, and that goes."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from flows.onboard import onboard
from flows.start import start
from models.db import reading
from models.onboarding import Onboarding
from models.retention.erasure import shares
from tasks.onboarding import stopping
from tasks.retention.erasure import forget
from tests import factories

# Prefect leaves the sockets of a run's event loop to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NAME, ADDRESS = "Zyxqwvut Tsrqponm", "zyxqwvut@erased.example"


def standing(home: Path, *words: str) -> set[str]:
    """The tables of Prefect in which one of these words stands."""
    found = set()
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                text = " ".join(
                    value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row
                ).lower()
                found |= {table for word in words if word.lower() in text}
    return found


async def brought_aboard() -> None:
    form = {"firm_name": "Kanzlei Neu", "line_of_business": "tax", "organiser_name": NAME, "organiser_email": ADDRESS}
    await start(**form)
    with reading() as session:
        case_id = session.scalars(select(Onboarding.id)).one()
    await onboard(case_id)


def test_the_form_goes_in_which_an_operator_has_typed_somebody_and_no_other_run_log_or_artifact_has_named_them(
    prefect, prefect_address, monkeypatch
):
    home, _ = prefect_address
    asyncio.run(brought_aboard())
    words = (NAME, ADDRESS, "zyxqwvut", "tsrqponm")
    assert standing(home, *words) == {"flow_run"}
    factories.registered(ADDRESS)
    with reading() as session:
        case_id = session.scalars(select(Onboarding.id)).one()
    stopping.stop_case(case_id, f"{NAME} hat abgesagt.", "otto@provider.example")
    with reading() as session:
        (share,) = shares(session, ADDRESS)

    erased = forget(share, "command line")

    assert erased.counts["runs"] == 1
    assert standing(home, *words) == set()
