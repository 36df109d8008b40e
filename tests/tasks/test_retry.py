"""A side effect is repeated when the world broke, never when a rule refused."""

import importlib
import sqlite3

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed
from sqlalchemy.exc import OperationalError

from models.errors import NotFound
from tasks.engine import retry
from tasks.engine.retry import side_effect


@side_effect
def send(case_id: int) -> int:
    return case_id


@side_effect(name="3 Logo")
def fetch() -> None: ...


def test_a_task_shows_by_the_name_it_was_given():
    assert (send.name, fetch.name) == ("send", "3 Logo")


def test_a_breakage_is_tried_again_and_a_refusal_is_not():
    def tries_again(error: Exception) -> bool:
        return send.retry_condition_fn(send, None, Failed(data=error))

    assert tries_again(ConnectionError("away"))
    assert not tries_again(NotFound("case 7"))


def test_each_pause_is_twice_as_long_as_the_one_before(monkeypatch):
    monkeypatch.setenv("PROVISION_RETRY_SECONDS", "2")
    pauses = importlib.reload(retry).side_effect(lambda: None).retry_delay_seconds

    monkeypatch.undo()
    importlib.reload(retry)

    assert pauses == [2, 4, 8, 16, 32]


def test_nothing_is_served_from_cache_and_no_result_is_kept():
    assert send.cache_policy == NO_CACHE
    assert send.persist_result is False


def test_it_can_be_called_without_prefect():
    assert send.fn(7) == 7


def test_what_must_be_written_down_is_tried_again_while_the_database_is_busy():
    tries = []

    @retry.patiently
    def note(last: Exception | None) -> int:
        tries.append(last)
        if len(tries) < 4:
            raise OperationalError("", {}, sqlite_error(sqlite3.SQLITE_BUSY))
        if last:
            raise last
        return len(tries)

    assert note(None) == 4

    with pytest.raises(NotFound):
        note(NotFound("case 7"))
    broken = OperationalError("", {}, sqlite_error(sqlite3.SQLITE_ERROR))
    with pytest.raises(OperationalError):
        note(broken)
    assert len(tries) == 6


def test_patience_ends():
    @retry.patiently
    def never() -> None:
        tries.append(1)
        raise OperationalError("", {}, sqlite_error(sqlite3.SQLITE_BUSY))

    tries: list[int] = []
    with pytest.raises(OperationalError):
        never()
    assert len(tries) == 6


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error
