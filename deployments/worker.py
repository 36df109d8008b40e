"""The long-lived worker: asks its work pool for runs that are due and runs them in threads of its own process.

Prefect's own workers start a process per run, which takes seconds; here a run begins within half a second of being
asked for. Any number of these may serve one pool, on any number of machines: Prefect gives each run to one of them.

    python -m deployments.worker
    python -m deployments.worker --register     registers the catalogue first

Each of them compares the deployments with the catalogue every minute and puts back what somebody deleted, paused or
changed: no schedule of Prefect's could do that, since it would be gone as well.

Stopping (SIGTERM, Ctrl-C) takes no new runs and gives those at work time to end; what has not ended by then is marked
crashed, and the sweep goes on with its case. What a killed worker left running, another one marks crashed once the
dead one's heartbeat is missed. A run that waits can be cancelled; a run at work is a short pass and ends by itself.
"""

import asyncio
import contextvars
import logging
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect import Flow
from prefect.client import orchestration
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterWorkQueueName,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkerStatus
from prefect.exceptions import Abort, ObjectNotFound, Pause, PrefectHTTPStatusError
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Crashed, Pending
from prefect.utilities.engine import propose_state_sync

from deployments import catalogue, logs
from deployments.catalogue import CATALOGUE, POOL, QUEUE, URGENT, Deployment, load_flow, put_back
from models.settings import keep_private, settings

log = logging.getLogger(__name__)

TAKEN_BY = "Taken by "
POLL = 0.3
"""Seconds between two looks for due runs."""
CLAIM = 20
"""Seconds after which scheduled runs are asked for even if none is due, so that the queue counts as served."""
HEARTBEAT = 5
"""Seconds between two signs of life; Prefect calls a worker dead after missing three."""
HEAL = 15
"""Seconds between two looks for runs that a dead worker left behind."""
WATCH = 60
"""Seconds between two looks whether the deployments are as the catalogue says."""
URGENT_AT_ONCE = 2
"""Urgent runs that are at work beside the others: they find a place however much there is to do."""
INSIST = 3.0
"""Seconds for which a leaving worker repeats what Prefect was too busy to take."""
AWAY = (httpx.TransportError, PrefectHTTPStatusError, ObjectNotFound, OSError)
"""What Prefect's client raises while the server is away, starting or without our work pool."""


class Worker:
    """Serves the product's pool until ``stop`` is set, and keeps up *catalogue*.

    At most *at_once* runs at a time, and a few urgent ones beside them.
    """

    def __init__(self, at_once: int = 4, patience: float = 20, catalogue: tuple[Deployment, ...] = CATALOGUE) -> None:
        self.pool = POOL
        self.catalogue = catalogue
        self.at_once = at_once
        self.patience = patience
        """Seconds that runs at work get to end after ``stop``."""
        self.name = f"{socket.gethostname()}-{uuid4().hex[:6]}"
        self.stop = threading.Event()
        self._working: dict[UUID, FlowRun] = {}
        self._entrypoints: dict[UUID, str] = {}
        self._ran: dict[str, float] = {}
        """For when the runs by schedule that were last begun here were meant, by entrypoint, in seconds."""
        self._next_heartbeat = 0.0
        self._next_claim = 0.0
        self._next_heal = monotonic() + HEAL
        self._next_watch = monotonic() + WATCH
        self._away = False
        self._context = contextvars.copy_context()

    def serve(self) -> bool:
        """Work until told to stop; whether everything that was taken also ended."""
        # Prefect's client would wait up to a minute before it asks a restarted server again; runs keep that patience.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as prefect:
            while not self.stop.is_set():
                self._once(prefect)
                self.stop.wait(POLL)
            return self._drain(prefect)

    def _once(self, prefect: SyncPrefectClient) -> None:
        try:
            if monotonic() >= self._next_watch:  # Before all that fails without a pool.
                self._watch(prefect)
                self._next_watch = monotonic() + WATCH
            self._beat(prefect)
            if monotonic() >= self._next_heal:
                self._heal(prefect)
                self._next_heal = monotonic() + HEAL
            for run in self._due(prefect):
                self._take(prefect, run)
        except AWAY as error:
            if not self._away:
                log.warning("Waiting for Prefect and its work pool %r: %s", self.pool, str(error).splitlines()[0])
            self._away = True
        else:
            if self._away:
                log.info("Prefect is back")
                self._next_heal = monotonic() + HEAL  # Time for the other workers to give a sign of life.
                self._ran.clear()  # What Prefect has lost is found by runs that are due or not.
            self._away = False

    def _watch(self, prefect: SyncPrefectClient) -> None:
        for name, difference in put_back(prefect, self.catalogue).items():
            log.warning("%s was %s in Prefect, and is put back", name, difference.value)

    def _beat(self, prefect: SyncPrefectClient) -> None:
        if monotonic() >= self._next_heartbeat:
            prefect.send_worker_heartbeat(self.pool, self.name, heartbeat_interval_seconds=HEARTBEAT)
            self._next_heartbeat = monotonic() + HEARTBEAT

    def _due(self, prefect: SyncPrefectClient) -> list[FlowRun]:
        """Due runs for which there is room, urgent ones first, then the oldest."""
        working = list(self._working.values())
        urgent = sum(run.work_queue_name == URGENT for run in working)
        room = {URGENT: URGENT_AT_ONCE - urgent, QUEUE: self.at_once - (len(working) - urgent)}
        queues = [queue for queue, free in room.items() if free > 0]
        if not queues or (monotonic() < self._next_claim and not self._is_any_due(prefect, queues)):
            return []
        self._next_claim = monotonic() + CLAIM
        return [run for queue in queues for run in self._latest(prefect, queue)[: room[queue]]]

    def _latest(self, prefect: SyncPrefectClient, queue: str) -> list[FlowRun]:
        """The due runs of this queue, the oldest first; of a schedule's missed runs only the latest."""
        responses = prefect.get_scheduled_flow_runs_for_work_pool(
            self.pool, work_queue_names=[queue], scheduled_before=datetime.now(UTC)
        )
        due = {response.flow_run.id: response.flow_run for response in responses}
        for run in due.values():
            run.work_queue_name = queue  # The answer leaves it out.
        latest = {run.deployment_id: run.id for run in due.values() if run.auto_scheduled}
        busy = {run.deployment_id for run in list(self._working.values()) if run.auto_scheduled}
        for run in list(due.values()):
            if run.auto_scheduled and (run.id != latest[run.deployment_id] or run.deployment_id in busy):
                skipped = State(
                    type=StateType.CANCELLED, name="Skipped", message="Another run of this schedule did it."
                )
                with suppress(ObjectNotFound):  # Another worker has removed it.
                    prefect.set_flow_run_state(run.id, skipped)
                del due[run.id]
        return list(due.values())

    def _is_any_due(self, prefect: SyncPrefectClient, queues: list[str]) -> bool:
        """Only reads, where asking for scheduled runs makes Prefect write down each time, twice, that it was asked."""
        return bool(
            prefect.read_flow_runs(
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.pool])),
                flow_run_filter=FlowRunFilter(
                    state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                    work_queue_name=FlowRunFilterWorkQueueName(any_=queues),
                    next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),
                ),
                limit=1,
            )
        )

    def _take(self, prefect: SyncPrefectClient, run: FlowRun) -> None:
        """Claim *run* and start it; nothing if another worker was quicker or it was cancelled meanwhile."""
        try:
            entrypoint = self._entrypoint(prefect, run)
        except ObjectNotFound:  # Prefect would begin no such run, and offer it for ever.
            stranded: State[Any] = Crashed(message="Its deployment was deleted; the sweep goes on.")
            prefect.set_flow_run_state(run.id, stranded, force=True)
            return
        try:
            state = propose_state_sync(prefect, Pending(message=TAKEN_BY + self.name), run.id)
        except (Abort, Pause, ObjectNotFound):  # Not found: another worker took it, saw nothing to do and removed it.
            if run.deployment_id is not None:
                self._entrypoints.pop(run.deployment_id, None)  # It may have been deleted: the next look will tell.
            return
        if not state.is_pending():
            return
        try:
            flow = load_flow(entrypoint)
        except Exception as error:
            log.exception("Run %s cannot be loaded", run.id)
            prefect.set_flow_run_state(run.id, Crashed(message=f"The flow cannot be loaded: {error!r}"), force=True)
            return
        run.state, run.state_type, run.state_name = state, state.type, state.name
        self._working[run.id] = run
        # Each run in a copy of the context that the worker was made in: the settings, not our hasty client.
        threading.Thread(
            target=self._context.copy().run, args=(self._run, flow, run, entrypoint), name=f"run-{run.id}", daemon=True
        ).start()

    def _entrypoint(self, prefect: SyncPrefectClient, run: FlowRun) -> str:
        if run.deployment_id is None:
            return ""
        if run.deployment_id not in self._entrypoints:
            self._entrypoints[run.deployment_id] = prefect.read_deployment(run.deployment_id).entrypoint or ""
        return self._entrypoints[run.deployment_id]

    def _run(self, flow: Flow[..., Any], run: FlowRun, entrypoint: str) -> None:
        try:
            if self._is_idle(run, entrypoint):
                with get_client(sync_client=True) as prefect:
                    prefect.delete_flow_run(run.id)
                return
            running = run_flow(flow, flow_run=run, return_type="state")
            if isinstance(running, Coroutine):
                asyncio.run(running)
        except (Abort, Pause):
            log.info("Run %s was suspended or withdrawn", run.id)
        except Exception:
            # The engine has written the state of a flow that failed; this is the engine itself, or Prefect is away.
            log.exception("Run %s broke", run.id)
        finally:
            del self._working[run.id]

    def _is_idle(self, run: FlowRun, entrypoint: str) -> bool:
        """Whether *run* is of a schedule, has nothing to do, and another one of it ran here not long ago."""
        if not run.auto_scheduled or run.expected_start_time is None:
            return False
        at = run.expected_start_time.timestamp()
        deployment = next((one for one in self.catalogue if one.entrypoint == entrypoint and one.due), None)
        if deployment is None or deployment.due is None:
            return False
        last = self._ran.get(entrypoint)
        try:
            if last is not None and at - last < deployment.at_least.total_seconds() and not deployment.due():
                return True
        except Exception:
            log.exception("Whether %s has anything to do cannot be told: it runs", deployment.name)
        self._ran[entrypoint] = at
        return False

    def _heal(self, prefect: SyncPrefectClient) -> None:
        """Mark crashed what dead workers left behind, and take them off the list."""
        mine = set(self._working)  # Before asking: a run that ends meanwhile was ours.
        left = prefect.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.pool])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
                )
            ),
        )
        workers = prefect.read_workers_for_work_pool(self.pool)
        alive = {worker.name for worker in workers if worker.status is WorkerStatus.ONLINE}
        for run in left:
            if run.id in mine:
                continue
            history = sorted(prefect.read_flow_run_states(run.id), key=lambda state: state.timestamp)
            takers = [str(state.message) for state in history if (state.message or "").startswith(TAKEN_BY)]
            # Runs that Prefect's own workers took are theirs to heal.
            if takers and takers[-1].removeprefix(TAKEN_BY) not in alive - {self.name}:
                end = Cancelled if run.state_type is StateType.CANCELLING else Crashed
                prefect.set_flow_run_state(run.id, end(message="Its worker died; the sweep goes on."))
        for worker in workers:
            if worker.name not in alive:
                self._forget(prefect, worker.name)

    def _forget(self, prefect: SyncPrefectClient, worker: str) -> None:
        prefect.request(
            "DELETE",
            "/work_pools/{work_pool_name}/workers/{name}",
            path_params={"work_pool_name": self.pool, "name": worker},
        )

    def _drain(self, prefect: SyncPrefectClient) -> bool:
        deadline = monotonic() + self.patience
        try:
            while self._working and monotonic() < deadline:
                self._beat(prefect)
                time.sleep(0.05)
            for run in list(self._working):
                stopped: State[Any] = Crashed(message="Its worker was stopped; the sweep goes on.")
                _insist(partial(prefect.set_flow_run_state, run, stopped))
            _insist(partial(self._forget, prefect, self.name))
        except AWAY as error:
            log.info("Prefect was gone before the worker: %s", str(error).splitlines()[0])
        return not self._working


def _insist(act: Callable[[], object]) -> None:
    """Do it again for a few seconds while Prefect's database is busy: on the way out nobody comes back for it."""
    deadline = monotonic() + INSIST
    while True:
        try:
            act()
        except PrefectHTTPStatusError as error:
            busy = error.response.status_code == httpx.codes.SERVICE_UNAVAILABLE
            if not busy or monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def share_certificates() -> None:
    """From now on Prefect's clients read the list of all authorities once.

    Every run and every task makes clients of its own, and each of them took longer to read it than to ask anything.
    """
    shared = SimpleNamespace(**vars(ssl) | {"create_default_context": cache(ssl.create_default_context)})
    orchestration.ssl = shared  # type: ignore[assignment, attr-defined]


def main() -> None:
    """Serve the product's pool; exit status 1 if a run had to be left behind."""
    keep_private(settings().data)
    share_certificates()
    for deployment in CATALOGUE:
        load_flow(deployment.entrypoint)  # Not at the first run.
    if "--register" in sys.argv:
        catalogue.main()
    logs.set_up()  # Prefect has put up the handlers.
    log.setLevel(logging.INFO)
    worker = Worker(at_once=settings().runs_at_once)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop.set())
    log.info("Worker %s serves pool %s, %d runs at once", worker.name, worker.pool, worker.at_once)
    if not worker.serve():
        os._exit(1)  # Their threads would hold up the exit.


if __name__ == "__main__":
    main()
