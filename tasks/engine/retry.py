"""When a task is worth another try."""

import os
import random
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from time import sleep
from typing import Any, ParamSpec, TypeVar, overload

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff
from sqlalchemy.exc import DBAPIError

from models.db import is_busy
from models.errors import ProvisionError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

FIRST_PAUSE = float(os.environ.get("PROVISION_RETRY_SECONDS", "2"))
"""Seconds before the first repeat; each further pause is twice as long. Tests set 0 and never sleep."""


@overload
def side_effect(fn: Callable[P, R]) -> Task[P, R]: ...
@overload
def side_effect(*, name: str) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def side_effect(
    fn: Callable[P, R] | None = None, *, name: str | None = None
) -> Task[P, R] | Callable[[Callable[P, R]], Task[P, R]]:
    """Make a task of *fn*, which changes something and is safe to repeat.

    What breaks is tried five times more over about a minute, with jitter; a ``ProvisionError`` ends it at once.
    *name* is what the operator reads in the run's timeline; without it, the function's name.
    """

    def decorate(fn: Callable[P, R]) -> Task[P, R]:
        return task(
            name=name,
            retries=5,
            retry_delay_seconds=exponential_backoff(backoff_factor=FIRST_PAUSE),
            retry_jitter_factor=0.5,
            retry_condition_fn=_not_refused,
            cache_policy=NO_CACHE,  # The database remembers what was done, not Prefect.
            persist_result=False,
        )(fn)

    return decorate if fn is None else decorate(fn)


def patiently(fn: Callable[P, R]) -> Callable[P, R]:
    """Call *fn*, which is safe to repeat, again while the database is busy: for what must be written down and no task.

    After six tries, over a minute and more, it gives up and raises what the database said.
    """

    @wraps(fn)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for again in range(5):
            try:
                return fn(*args, **kwargs)
            except DBAPIError as error:
                if not is_busy(error):
                    raise
            sleep(FIRST_PAUSE * 2**again * random.uniform(0.5, 1))  # noqa: S311  (nothing secret about it)
        return fn(*args, **kwargs)

    return tried


def each(act: Callable[[T], int], rows: Iterable[T]) -> int:
    """Do it for every row by itself; returns the sum. A row that breaks down holds up no other.

    What broke is raised at the end, so that the run shows it, and the task is tried again.
    """
    done, faults = 0, []
    for row in rows:
        try:
            done += act(row)
        except Exception as error:  # noqa: BLE001  (raised below, when the others have had their turn)
            faults.append(error)
    raise_all(faults)
    return done


def raise_all(faults: Sequence[Exception]) -> None:
    """Raise what broke while others went on; nothing if nothing did."""
    if faults:
        raise ExceptionGroup(f"{len(faults)} broke down, all others are done", faults)


def _not_refused(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry what the world broke; never retry what a rule refused."""
    return not isinstance(state.result(raise_on_failure=False), ProvisionError)
