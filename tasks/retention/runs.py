"""What ended at Prefect and is past its time: runs, with their artifacts.

The server of ``provision up`` takes old runs, events and logs away by itself; any other is asked to here.
"""

from models.retention.erasure import Words
from models.retention.rules import RUNS
from models.time.clock import now
from tasks.engine.prefect_client import delete_runs, delete_runs_with
from tasks.engine.retry import side_effect


@side_effect(name="remove runs at Prefect past their time")
def remove_runs() -> int:
    """Have Prefect forget runs that ended long ago, some at a time; returns how many. The next run goes on from there
    if Prefect is away.
    """
    removed = 0
    while gone := delete_runs(RUNS.term.limit(now())):
        removed += gone
    return removed


def forget_starts(words: Words) -> int:
    """Have Prefect forget the forms in which an operator has typed these words to open a case; returns how many.

    No other run bears anybody's name or address. Runs are deleted when their time is over in any case.
    """
    return delete_runs_with("start", lambda parameters: words.without(parameters) != parameters)
