import contextvars
import threading
import time
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client

from deployments import worker as worker_module
from deployments.catalogue import CATALOGUE, POOL, PULL, URGENT, Deployment, Difference, differences, put_back, register
from deployments.worker import Worker
from tasks.engine.prefect_client import RunState, busy, cancel_run, start_run, states
from tests.deployments import toy

# Prefect leaves the sockets of a run's event loop to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TOYS = tuple(Deployment(f"tests/deployments/toy.py:{flow}", "A toy.") for flow in ("greet", "linger", "ask", "alone"))
TOYS += (Deployment("tests/deployments/toy.py:hurry", "A toy that cannot wait.", queue=URGENT),)


def registered(prefect, catalogue: tuple[Deployment, ...]) -> None:
    """The server's deployments are those of *catalogue*, as most tests leave them."""
    names = {one["name"] for one in prefect.post("/deployments/filter", json={}).json()}
    if names != {one.name for one in catalogue} or unlike(prefect, catalogue):
        register(catalogue)


def unlike(prefect, catalogue: tuple[Deployment, ...]) -> dict[str, Difference]:
    """What is not as *catalogue* says."""

    def ask(method: str, path: str, body: dict | None):
        return prefect.request(method, path, json=body).raise_for_status().json()

    return differences(ask, catalogue)


@pytest.fixture
def toys(prefect):
    registered(prefect, TOYS)
    toy.seen.clear()
    toy.gate.clear()
    yield
    toy.gate.set()


@pytest.fixture
def serving(toys):
    """Start a worker; all that were started end with the test."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(patience: float = 5) -> Worker:
        worker = Worker(patience=patience, catalogue=TOYS)
        thread = threading.Thread(target=contextvars.copy_context().run, args=(worker.serve,))
        thread.start()
        started.append((worker, thread))
        return worker

    yield start

    toy.gate.set()
    for worker, thread in started:
        worker.stop.set()
        thread.join(20)


def is_open(run: str) -> bool:
    """Whether a run of any of the toys still waits or works."""
    return any(
        found[run] is not RunState.ENDED
        for toy in ("greet", "ask", "alone", "tick")
        if (found := states(f"{toy}/{toy}", [run]))
    )


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


def test_what_cannot_wait_finds_a_place_however_much_is_at_work(serving):
    worker = serving()
    asked = [ask_for("linger", case_id) for case_id in range(worker.at_once + 3)]
    until(lambda: len(toy.seen) == worker.at_once)

    ask_for("hurry", 99)

    until(lambda: 99 in toy.seen)
    assert len(toy.seen) == worker.at_once + 1
    for run in asked:
        cancel_run(run)  # Those that still wait would be the next worker's first.


def test_runs_are_done_by_the_worker_itself_without_a_process_for_each(prefect, serving):
    serving()

    for number in (1, 2):
        run = ask_for("greet", number)
        until(lambda run=run: not is_open(run))
        assert state(prefect, run) == "Completed"

    assert toy.seen == [1, 2]  # Seen here: that is what makes them begin at once.


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
        assert states("greet/greet", [str(uuid4())]) is None
        assert busy("greet", ["case-1"], timedelta(minutes=5)) is None

    assert "left to the sweep" in caplog.text


def test_what_a_run_does_is_told_of_many_at_once(prefect, toys):
    waiting, ended, gone = ask_for("greet"), ask_for("greet"), str(uuid4())
    cancel_run(ended)

    told = states("greet/greet", [waiting, ended, gone])

    assert told == {waiting: RunState.WAITS, ended: RunState.ENDED, gone: RunState.ENDED}
    cancel_run(waiting)


def test_a_run_that_waits_for_a_deployment_which_was_deleted_since_is_stranded(prefect, serving):
    serving()
    run = ask_for("ask", 3)
    until(lambda: state(prefect, run) == "Suspended")
    prefect.delete(f"/deployments/{prefect.get('/deployments/name/ask/ask').json()['id']}").raise_for_status()
    register(TOYS)

    assert states("ask/ask", [run]) == {run: RunState.STRANDED}
    cancel_run(run)
    assert states("ask/ask", [run]) == {run: RunState.ENDED}


def test_a_stranded_run_is_marked_crashed_and_holds_nobody_up(prefect, serving):
    serving()
    first = ask_for("greet", 1)  # The worker has learned where the flow lies.
    until(lambda: not is_open(first))
    run = ask_for("ask", 9)
    until(lambda: state(prefect, run) == "Suspended")
    prefect.delete(f"/deployments/{prefect.get('/deployments/name/ask/ask').json()['id']}").raise_for_status()
    register(TOYS)

    until(lambda: answer(prefect, run, choice="grant") == "ACCEPT")
    until(lambda: state(prefect, run) == "Crashed")
    other = ask_for("greet", 2)
    until(lambda: not is_open(other))

    assert toy.seen == [1, 2]


def test_what_is_coming_is_found_by_its_tag_whether_it_waits_or_works(prefect, toys):
    lease, runs = timedelta(minutes=5), {}
    for tag in ("case-1", "case-2", "case-3", "case-4"):
        runs[tag] = start_run("greet/greet", {"case_id": 1}, key=uuid4().hex, tag=tag)
    for tag in ("case-2", "case-3"):
        for kind in ("PENDING", "RUNNING"):
            change = {"state": {"type": kind}, "force": True}
            prefect.post(f"/flow_runs/{runs[tag]}/set_state", json=change).raise_for_status()
    cancel_run(runs["case-4"])

    assert busy("greet", [*runs, "case-5"], lease) == {"case-1", "case-2", "case-3"}
    assert busy("ask", list(runs), lease) == set()
    assert busy("greet", list(runs), -lease) == {"case-1"}  # What has been at work for too long is lost.
    for run in runs.values():
        cancel_run(run)


def test_a_run_that_asks_what_is_coming_does_not_mean_itself(prefect, serving):
    serving()
    run = start_run("alone/alone", {"case_id": 5}, key=uuid4().hex, tag="case-5")
    until(lambda: not is_open(run))

    assert toy.seen == [0]


def test_the_catalogue_registers_again_without_change_and_removes_what_left_it(prefect):
    register(TOYS)
    register(TOYS[:1])

    with get_client(sync_client=True) as client:
        assert [found.name for found in client.read_deployments()] == ["greet"]


def test_what_is_as_the_catalogue_says_is_not_written_again_unless_the_code_lies_elsewhere(prefect):
    def written() -> dict[str, tuple]:
        listed = prefect.post("/deployments/filter", json={}).json()
        return {one["name"]: (one["id"], one["updated"], one["path"], one["pull_steps"]) for one in listed}

    register(TOYS)
    before = written()
    register(TOYS)
    assert written() == before

    moved = prefect.get("/deployments/name/greet/greet").json()
    elsewhere = {"path": "/elsewhere", "pull_steps": [{next(iter(PULL[0])): {"directory": "/elsewhere"}}]}
    prefect.patch(f"/deployments/{moved['id']}", json=elsewhere).raise_for_status()
    assert written()["greet"][2:] == ("/elsewhere", elsewhere["pull_steps"])
    register(TOYS)

    after = written()
    assert after.pop("greet")[2:] == before.pop("greet")[2:]
    assert after == before


def test_every_real_deployment_can_be_registered_with_an_active_schedule(prefect):
    register(CATALOGUE)

    with get_client(sync_client=True) as client:
        found = {one.name: [schedule.active for schedule in one.schedules] for one in client.read_deployments()}
    assert found == {one.name: [True] if one.schedule() else [] for one in CATALOGUE}


@pytest.fixture
def seen(prefect):
    """What is not as the catalogue says."""
    registered(prefect, CLOCK)
    return partial(unlike, prefect, CLOCK)


CLOCK = (
    *TOYS,
    Deployment("tests/deployments/toy.py:tick", "A clock.", tags=("b", "a"), every=timedelta(hours=1)),
)


def change(prefect, **how: object) -> None:
    found = prefect.get("/deployments/name/tick/tick").json()["id"]
    prefect.patch(f"/deployments/{found}", json=how).raise_for_status()


def deleted(prefect):
    prefect.delete(f"/deployments/{prefect.get('/deployments/name/tick/tick').json()['id']}").raise_for_status()


def deleted_with_its_flow(prefect):
    prefect.delete(f"/flows/{prefect.get('/flows/name/tick').json()['id']}").raise_for_status()


def schedule_paused(prefect):
    found = prefect.get("/deployments/name/tick/tick").json()
    path = f"/deployments/{found['id']}/schedules/{found['schedules'][0]['id']}"
    prefect.patch(path, json={"active": False}).raise_for_status()


def schedule_slower(prefect):
    found = prefect.get("/deployments/name/tick/tick").json()
    path = f"/deployments/{found['id']}/schedules/{found['schedules'][0]['id']}"
    prefect.patch(path, json={"schedule": {"interval": 86400}}).raise_for_status()


def schedule_deleted(prefect):
    found = prefect.get("/deployments/name/tick/tick").json()
    prefect.delete(f"/deployments/{found['id']}/schedules/{found['schedules'][0]['id']}").raise_for_status()


def moved_to_another_pool(prefect):
    prefect.post("/work_pools/", json={"name": "elsewhere", "type": "process"})
    change(prefect, work_pool_name="elsewhere")


def pool(prefect, **how: object) -> None:
    prefect.patch(f"/work_pools/{POOL}", json=how).raise_for_status()


def pool_deleted(prefect):
    prefect.delete(f"/work_pools/{POOL}").raise_for_status()


WRONGS = {
    deleted: {"tick": "missing"},
    deleted_with_its_flow: {"tick": "missing"},
    partial(change, paused=True): {"tick": "paused"},
    schedule_paused: {"tick": "paused"},
    schedule_slower: {"tick": "changed"},
    schedule_deleted: {"tick": "changed"},
    moved_to_another_pool: {"tick": "changed"},
    partial(change, entrypoint="tests/deployments/toy.py:linger"): {"tick": "changed"},
    partial(change, parameters={"case_id": 7}): {"tick": "changed"},
    partial(change, job_variables={"env": {"PYTHONPATH": "/tmp"}}): {"tick": "changed"},
    partial(change, enforce_parameter_schema=False): {"tick": "changed"},
    partial(change, parameter_openapi_schema={}): {"tick": "changed"},
    partial(change, concurrency_limit=1): {"tick": "changed"},
    partial(change, pull_steps=[{"prefect.deployments.steps.run_shell_script": {"script": "true"}}]): {
        "tick": "changed"
    },
    partial(change, description="Another."): {"tick": "changed"},
    partial(pool, is_paused=True): {POOL: "paused"},
    partial(pool, concurrency_limit=0): {POOL: "paused"},
    pool_deleted: {POOL: "missing"},
}


def name_of(wrong) -> str:
    how = getattr(wrong, "keywords", {})
    return wrong.__name__ if not how else f"{wrong.func.__name__}_{next(iter(how))}_{next(iter(how.values()))}"[:40]


def test_what_was_registered_is_as_the_catalogue_says(seen):
    register(CATALOGUE)
    register(CLOCK)

    assert seen() == {}


def test_the_real_catalogue_is_as_it_says(prefect):
    register(CATALOGUE)

    assert differences(lambda method, path, body: prefect.request(method, path, json=body).json()) == {}


@pytest.mark.parametrize("wrong", WRONGS, ids=name_of)
def test_whatever_stops_the_engine_is_noticed_and_put_back(prefect, seen, wrong):
    wrong(prefect)
    noticed = seen()

    with get_client(sync_client=True) as client:
        put_back(client, CLOCK)

    assert {name: noticed.get(name) for name in WRONGS[wrong]} == WRONGS[wrong]
    assert seen() == {}


def test_a_worker_puts_back_what_was_deleted_though_no_schedule_is_left(prefect, seen, serving, monkeypatch):
    monkeypatch.setattr(worker_module, "WATCH", 0.2)
    pool_deleted(prefect)
    for one in prefect.post("/deployments/filter", json={}).json():
        prefect.delete(f"/deployments/{one['id']}").raise_for_status()

    serving()

    until(lambda: set(seen()) <= {"tick"})
    run = ask_for("greet", 3)
    until(lambda: not is_open(run))


def test_what_others_put_beside_the_catalogue_is_left_alone(prefect, seen):
    with get_client(sync_client=True) as client:
        client.create_deployment(client.create_flow_from_name("foreign"), "foreign", work_pool_name=POOL)
        assert put_back(client, CLOCK) == {}
        assert client.read_deployment_by_name("foreign/foreign")
        client.delete_flow(client.create_flow_from_name("foreign"))
