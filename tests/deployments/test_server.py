"""Prefect's SQLite: who reads first and writes then is not overtaken by who writes at once."""

import asyncio

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.exc import OperationalError

from deployments import server


async def overtaken(address: str) -> list[int]:
    """What stands in the table after one transaction has read, another has written, and the first has written."""
    database = AioSqliteConfiguration(connection_url=address)
    engine = await database.engine()
    async with await database.session(engine) as session, database.begin_transaction(session):
        await session.execute(sa.text("CREATE TABLE told (number INTEGER)"))
    has_read = asyncio.Event()

    async def slow() -> None:
        async with await database.session(engine) as session, database.begin_transaction(session):
            await session.execute(sa.text("SELECT * FROM told"))
            has_read.set()
            await asyncio.sleep(0.3)
            await session.execute(sa.text("INSERT INTO told VALUES (1)"))

    async def quick() -> None:
        await has_read.wait()
        async with await database.session(engine) as session, database.begin_transaction(session):
            await session.execute(sa.text("INSERT INTO told VALUES (2)"))

    try:
        await asyncio.gather(slow(), quick())
        async with await database.session(engine) as session, database.begin_transaction(session):
            return list(await session.scalars(sa.text("SELECT number FROM told ORDER BY rowid")))
    finally:
        await engine.dispose()


@pytest.fixture
def address(tmp_path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}"


def test_writers_take_turns(address, monkeypatch):
    for name in ("begin_transaction", "setup_sqlite"):
        monkeypatch.setattr(AioSqliteConfiguration, name, getattr(AioSqliteConfiguration, name))
    server.take_turns()

    assert asyncio.run(overtaken(address)) == [1, 2]


def test_without_turns_prefect_still_fails_here(address):
    """Once this no longer fails, ``deployments/server.py`` has become superfluous."""
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(overtaken(address))
