import contextvars
import gc
import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client

from deployments import worker as worker_module
from deployments.catalogue import CATALOGUE, POOL, Deployment, register
from deployments.worker import Worker
from tasks.runs import cancel_run, is_open, start_run
from tests.deployments import toy

# Prefect leaves the sockets of a run's event loop to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TOYS = tuple(Deployment(f"tests/deployments/toy.py:{flow}", "A toy.") for flow in ("greet", "linger", "ask"))


@pytest.fixture
def toys(prefect):
    register(TOYS)
    toy.seen.clear()
    toy.gate.clear()
    yield
    toy.gate.set()


@pytest.fixture(autouse=True)
def swept():
    """What Prefect leaves to the garbage collector goes here, where it may warn, not in a later test."""
    yield
    gc.collect()


@pytest.fixture
def serving(toys):
    """Start a worker; all that were started end with the test."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(patience: float = 5) -> Worker:
        worker = Worker(patience=patience)
        thread = threading.Thread(target=contextvars.copy_context().run, args=(worker.serve,))
        thread.start()
        started.append((worker, thread))
        return worker

    yield start

    toy.gate.set()
    for worker, thread in started:
        worker.stop.set()
        thread.join(20)


def until(holds, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def ask_for(flow: str, case_id: int = 1) -> str:
    run = start_run(f"{flow}/{flow}", {"case_id": case_id}, key=uuid4().hex)
    assert run
    return run


def state(prefect, run: str) -> str:
    return prefect.get(f"/flow_runs/{run}").json()["state"]["name"]


def answer(prefect, run: str, **given: str) -> str:
    return prefect.post(f"/flow_runs/{run}/resume", json={"run_input": given}).json()["status"]


def test_a_run_is_done_soon_after_it_was_asked_for(prefect, serving):
    serving()
    first = ask_for("greet", 1)  # Warms up.
    until(lambda: not is_open(first))

    began = time.monotonic()
    run = ask_for("greet", 2)
    until(lambda: not is_open(run))

    assert state(prefect, run) == "Completed"
    assert toy.seen == [1, 2]
    assert time.monotonic() - began < 5


def test_one_key_makes_one_run_however_often_it_is_asked_for(prefect, toys):
    runs = {start_run("greet/greet", {"case_id": 1}, key="event:1") for _ in range(3)}

    assert len(runs) == 1
    cancel_run(*runs)  # Nobody serves here: it would be the next worker's first.


def test_a_long_run_holds_up_no_other(prefect, serving):
    serving()
    long = ask_for("linger", 1)
    until(lambda: toy.seen == [1])

    short = ask_for("greet", 2)
    until(lambda: not is_open(short))

    assert is_open(long)


def test_an_answered_form_goes_on_and_a_bad_answer_is_asked_again(prefect, serving):
    serving()
    run = ask_for("ask", 7)
    until(lambda: state(prefect, run) == "Suspended")

    answer(prefect, run, choice="perhaps")
    assert state(prefect, run) == "Suspended"  # Refused before it began again.

    answer(prefect, run, choice="refuse")
    until(lambda: _description(prefect, run, 2).endswith("A refusal needs a reason."))
    assert toy.seen == []

    assert answer(prefect, run, choice="refuse", reason="taken") == "ACCEPT"
    until(lambda: state(prefect, run) == "Completed")
    assert toy.seen == [7]


def _description(prefect, run: str, attempt: int) -> str:
    response = prefect.get(f"/flow_runs/{run}/input/suspended-case-7-{attempt}-description")
    return response.json() if response.is_success else ""


def test_a_form_that_was_answered_elsewhere_disappears(prefect, serving):
    serving()
    run = ask_for("ask", 8)
    until(lambda: state(prefect, run) == "Suspended")
    assert is_open(run)

    cancel_run(run)

    assert state(prefect, run) == "Cancelled"
    assert is_open(run) is False


def test_a_run_that_was_cancelled_before_it_began_is_never_begun(prefect, serving):
    cancelled = ask_for("greet", 1)
    cancel_run(cancelled)

    serving()
    run = ask_for("greet", 2)
    until(lambda: not is_open(run))

    assert toy.seen == [2]


def test_stopping_lets_runs_end(prefect, serving):
    worker = serving(patience=15)
    run = ask_for("linger", 1)
    until(lambda: toy.seen == [1])

    worker.stop.set()
    toy.gate.set()

    until(lambda: state(prefect, run) == "Completed")


def test_what_does_not_end_in_time_is_marked_crashed(prefect, serving):
    worker = serving(patience=0.2)
    run = ask_for("linger", 1)
    until(lambda: toy.seen == [1])

    worker.stop.set()

    until(lambda: state(prefect, run) == "Crashed")


def test_a_stopped_worker_leaves_the_list_of_workers(prefect, serving):
    def names() -> list[str]:
        return [worker["name"] for worker in prefect.post(f"/work_pools/{POOL}/workers/filter", json={}).json()]

    worker = serving()
    until(lambda: worker.name in names())

    worker.stop.set()

    until(lambda: worker.name not in names())


def test_what_a_dead_worker_left_running_is_marked_crashed(prefect, serving, monkeypatch):
    monkeypatch.setattr(worker_module, "HEAL", 0.1)
    run = ask_for("greet", 1)
    for kind in ({"type": "PENDING", "message": "Taken by a-dead-worker"}, {"type": "RUNNING"}):
        prefect.post(f"/flow_runs/{run}/set_state", json={"state": kind}).raise_for_status()

    serving()

    until(lambda: state(prefect, run) == "Crashed")
    assert toy.seen == []


def test_runs_of_other_kinds_of_workers_are_left_alone(prefect, serving, monkeypatch):
    monkeypatch.setattr(worker_module, "HEAL", 0.1)
    run = ask_for("greet", 1)
    prefect.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "PENDING"}}).raise_for_status()

    serving()
    other = ask_for("greet", 2)
    until(lambda: not is_open(other))

    assert state(prefect, run) == "Pending"


def test_of_the_runs_that_a_schedule_missed_only_the_latest_is_made_up_for(prefect, serving):
    register((Deployment("tests/deployments/toy.py:tick", "A clock.", every=timedelta(seconds=2)),))

    def runs(**where):
        return prefect.post("/flow_runs/filter", json={"flows": {"name": {"any_": ["tick"]}}, **where}).json()

    # If this never comes true, the server's scheduler does not work with the installed SQLAlchemy.
    until(lambda: len([run for run in runs() if run["estimated_start_time_delta"] > 0]) >= 3, seconds=40)
    missed = [run["id"] for run in runs() if run["estimated_start_time_delta"] > 0]

    serving()

    until(lambda: all(not is_open(run) for run in missed))
    states = sorted(state(prefect, run) for run in missed)
    assert states.count("Skipped") >= len(missed) - 1


def test_a_worker_without_a_server_waits(prefect):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        worker = Worker()
        threading.Timer(0.7, worker.stop.set).start()

        assert worker.serve()


def test_asking_a_server_that_is_away_costs_nothing_and_says_so(caplog):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert start_run("greet/greet", {"case_id": 1}, key="event:2") is None
        assert cancel_run(str(uuid4())) is False
        assert is_open(str(uuid4())) is None

    assert "left to the sweep" in caplog.text


def test_a_run_that_is_gone_is_not_open(prefect):
    assert is_open(str(uuid4())) is False


def test_the_catalogue_registers_again_without_change_and_removes_what_left_it(prefect):
    register(TOYS)
    register(TOYS[:1])

    with get_client(sync_client=True) as client:
        assert [found.name for found in client.read_deployments()] == ["greet"]


def test_a_schedule_that_an_operator_paused_stays_paused(prefect):
    clock = (Deployment("tests/deployments/toy.py:tick", "A clock.", every=timedelta(hours=1)),)
    register(clock)
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("tick/tick")
        client.update_deployment_schedule(found.id, found.schedules[0].id, active=False)

        register(clock)

        assert [schedule.active for schedule in client.read_deployment_by_name("tick/tick").schedules] == [False]


def test_every_real_deployment_can_be_registered_with_an_active_schedule(prefect):
    register(CATALOGUE)

    with get_client(sync_client=True) as client:
        found = {one.name: [schedule.active for schedule in one.schedules] for one in client.read_deployments()}
    assert found == {one.name: [True] if one.schedule() else [] for one in CATALOGUE}
