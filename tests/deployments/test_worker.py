import contextvars
import ssl
import threading
import time
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from prefect.client import orchestration
from prefect.client.orchestration import get_client

from deployments import worker as worker_module
from deployments.catalogue import POOL, PULL, URGENT, Deployment, Difference, differences, put_back, register
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
    if names(prefect) != {one.name for one in catalogue} or unlike(prefect, catalogue):
        register(catalogue)


def names(prefect) -> set[str]:
    return {one["name"] for one in prefect.post("/deployments/filter", json={}).json()}


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

    def start(patience: float = 5, at_once: int = 4) -> Worker:
        worker = Worker(at_once, patience, TOYS)
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
        time.sleep(0.1)  # Each look is work for the server that is waited for.


def ask_for(flow: str, case_id: int = 1) -> str:
    run = start_run(f"{flow}/{flow}", {"case_id": case_id}, key=uuid4().hex)
    assert run
    return run


def state(prefect, run: str) -> str:
    return prefect.get(f"/flow_runs/{run}").json()["state"]["name"]


def answer(prefect, run: str, **given: str) -> str:
    return prefect.post(f"/flow_runs/{run}/resume", json={"run_input": given}).json()["status"]


def test_what_cannot_wait_finds_a_place_however_much_is_at_work(serving):
    worker = serving(at_once=2)
    asked = [ask_for("linger", case_id) for case_id in range(worker.at_once + 1)]
    until(lambda: len(toy.seen) == worker.at_once)

    ask_for("hurry", 99)

    until(lambda: 99 in toy.seen)
    assert len(toy.seen) == worker.at_once + 1
    for run in asked:
        cancel_run(run)  # Those that still wait would be the next worker's first.


def test_a_worker_does_runs_in_its_own_process_beside_a_long_one_and_lets_that_end_before_it_leaves(prefect, serving):
    def workers() -> list[str]:
        return [worker["name"] for worker in prefect.post(f"/work_pools/{POOL}/workers/filter", json={}).json()]

    worker = serving(patience=15)
    long = ask_for("linger", 1)
    until(lambda: toy.seen == [1])  # Seen here: that is what makes runs begin at once.
    for number in (2, 3):
        run = ask_for("greet", number)
        until(lambda run=run: not is_open(run))
        assert state(prefect, run) == "Completed"
    alone = start_run("alone/alone", {"case_id": 5}, key=uuid4().hex, tag="case-5")
    until(lambda: not is_open(alone))

    assert toy.seen == [1, 2, 3, 0]  # A run that asks what is coming does not mean itself.
    assert is_open(long)
    assert worker.name in workers()

    worker.stop.set()
    toy.gate.set()

    until(lambda: state(prefect, long) == "Completed")
    until(lambda: worker.name not in workers())


def test_one_key_makes_one_run_however_often_it_is_asked_for(prefect, toys):
    runs = {start_run("greet/greet", {"case_id": 1}, key="event:1") for _ in range(3)}

    assert len(runs) == 1
    cancel_run(*runs)  # Nobody serves here: it would be the next worker's first.


def test_an_answered_form_goes_on_a_bad_answer_is_asked_again_and_one_answered_elsewhere_disappears(prefect, serving):
    serving()
    run, elsewhere = ask_for("ask", 7), ask_for("ask", 8)
    until(lambda: {state(prefect, one) for one in (run, elsewhere)} == {"Suspended"})
    assert is_open(elsewhere)

    cancel_run(elsewhere)
    assert state(prefect, elsewhere) == "Cancelled"
    assert is_open(elsewhere) is False

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


def test_of_what_a_worker_finds_it_begins_nothing_cancelled_marks_crashed_what_a_dead_one_left_and_leaves_the_rest(
    prefect, serving, monkeypatch
):
    monkeypatch.setattr(worker_module, "HEAL", 0.1)
    cancelled, left, foreign = (ask_for("greet", number) for number in (1, 2, 3))
    cancel_run(cancelled)
    taken = {"type": "PENDING", "message": "Taken by a-dead-worker"}
    # What another kind of worker has taken does not say so.
    for run, kind in ((left, taken), (left, {"type": "RUNNING"}), (foreign, {"type": "PENDING"})):
        prefect.post(f"/flow_runs/{run}/set_state", json={"state": kind}).raise_for_status()

    serving()
    run = ask_for("greet", 4)
    until(lambda: not is_open(run))

    until(lambda: state(prefect, left) == "Crashed")
    assert (state(prefect, foreign), toy.seen) == ("Pending", [4])


def test_what_does_not_end_in_time_is_marked_crashed(prefect, serving):
    worker = serving(patience=0.2)
    run = ask_for("linger", 1)
    until(lambda: toy.seen == [1])

    worker.stop.set()

    until(lambda: state(prefect, run) == "Crashed")


def test_of_the_runs_that_a_schedule_missed_only_the_latest_is_made_up_for(prefect, serving):
    register((*TOYS, Deployment("tests/deployments/toy.py:tick", "A clock.", every=timedelta(seconds=1))))

    def runs(**where):
        return prefect.post("/flow_runs/filter", json={"flows": {"name": {"any_": ["tick"]}}, **where}).json()

    # If this never comes true, the server's scheduler does not work with the installed SQLAlchemy.
    until(lambda: len([run for run in runs() if run["estimated_start_time_delta"] > 0]) >= 3, seconds=40)
    missed = [run["id"] for run in runs() if run["estimated_start_time_delta"] > 0]

    serving()

    until(lambda: all(not is_open(run) for run in missed))
    states = sorted(state(prefect, run) for run in missed)
    assert states.count("Skipped") >= len(missed) - 1


def test_runs_by_schedule_that_have_nothing_to_do_leave_no_trace_and_the_first_thing_to_do_is_done(prefect, toys):
    asked, due = [], threading.Event()

    def is_due() -> bool:
        asked.append(due.is_set())
        return due.is_set()

    clock = Deployment("tests/deployments/toy.py:tick", "A clock.", every=timedelta(seconds=1), due=is_due)
    register((*TOYS, clock))
    worker = Worker(4, 5, (*TOYS, clock))
    thread = threading.Thread(target=contextvars.copy_context().run, args=(worker.serve,))
    thread.start()

    def done() -> int:
        ended = {"flows": {"name": {"any_": ["tick"]}}, "flow_runs": {"state": {"name": {"any_": ["Completed"]}}}}
        return len(prefect.post("/flow_runs/filter", json=ended).json())

    try:
        before = done()
        until(lambda: len(asked) >= 3, seconds=60)
        assert done() <= before + 1  # The first after a start runs in any case.

        due.set()
        until(lambda: done() > before + 1)
    finally:
        worker.stop.set()
        thread.join(20)


def test_prefects_clients_read_the_list_of_authorities_once(prefect, monkeypatch):
    monkeypatch.setattr(orchestration, "ssl", orchestration.ssl)
    read, make = [], ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda **files: read.append(files) or make(**files))

    worker_module.share_certificates()
    for _ in range(3):
        with get_client(sync_client=True):
            pass

    assert len(read) == 1


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


def test_a_run_whose_deployment_was_deleted_is_stranded_marked_crashed_when_answered_and_holds_nobody_up(
    prefect, serving
):
    serving()
    first = ask_for("greet", 1)  # The worker has learned where the flow lies.
    cancelled, run = ask_for("ask", 3), ask_for("ask", 9)
    until(lambda: {state(prefect, one) for one in (cancelled, run)} == {"Suspended"} and not is_open(first))
    prefect.delete(f"/deployments/{prefect.get('/deployments/name/ask/ask').json()['id']}").raise_for_status()
    register(TOYS)

    assert states("ask/ask", [cancelled]) == {cancelled: RunState.STRANDED}
    cancel_run(cancelled)
    assert states("ask/ask", [cancelled]) == {cancelled: RunState.ENDED}

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


def test_the_catalogue_registers_again_without_change_and_removes_what_left_it(prefect):
    for catalogue in (CLOCK, TOYS):
        register(catalogue)

    assert names(prefect) == {one.name for one in TOYS}


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


@pytest.fixture
def seen(prefect):
    """What is not as the catalogue says."""
    registered(prefect, CLOCK)
    return partial(unlike, prefect, CLOCK)


CLOCK = (
    *TOYS,
    Deployment("tests/deployments/toy.py:tick", "A clock.", tags=("b", "a"), every=timedelta(hours=1)),
)


def path_of(prefect, name: str) -> str:
    return f"/deployments/{prefect.get(f'/deployments/name/{name}/{name}').json()['id']}"


def change(prefect, name: str, **how: object) -> None:
    prefect.patch(path_of(prefect, name), json=how).raise_for_status()


def deleted(prefect, name: str) -> None:
    prefect.delete(path_of(prefect, name)).raise_for_status()


def deleted_with_its_flow(prefect, name: str) -> None:
    prefect.delete(f"/flows/{prefect.get(f'/flows/name/{name}').json()['id']}").raise_for_status()


def schedule(prefect, name: str, **how: object) -> None:
    """Changed so, or deleted."""
    path = path_of(prefect, name)
    path += f"/schedules/{prefect.get(path).json()['schedules'][0]['id']}"
    (prefect.patch(path, json=how) if how else prefect.delete(path)).raise_for_status()


def moved_to_another_pool(prefect, name: str) -> None:
    prefect.post("/work_pools/", json={"name": "elsewhere", "type": "process"})
    change(prefect, name, work_pool_name="elsewhere")


def pool(prefect, _name: str, **how: object) -> None:
    """Changed so, or deleted."""
    path = f"/work_pools/{POOL}"
    (prefect.patch(path, json=how) if how else prefect.delete(path)).raise_for_status()


SHELL = [{"prefect.deployments.steps.run_shell_script": {"script": "true"}}]
WRONGS = [
    {
        "greet": (deleted, "missing"),
        "hurry": (deleted_with_its_flow, "missing"),
        "ask": (partial(change, paused=True), "paused"),
        "alone": (moved_to_another_pool, "changed"),
        "linger": (partial(change, entrypoint="tests/deployments/toy.py:greet"), "changed"),
        "tick": (partial(schedule, active=False), "paused"),
    },
    {
        "greet": (partial(change, parameters={"case_id": 7}), "changed"),
        "hurry": (partial(change, job_variables={"env": {"PYTHONPATH": "/tmp"}}), "changed"),
        "ask": (partial(change, enforce_parameter_schema=False), "changed"),
        "alone": (partial(change, parameter_openapi_schema={}), "changed"),
        "linger": (partial(change, concurrency_limit=1), "changed"),
        "tick": (partial(schedule, schedule={"interval": 86400}), "changed"),
        POOL: (partial(pool, is_paused=True), "paused"),
    },
    {
        "greet": (partial(change, pull_steps=SHELL), "changed"),
        "linger": (partial(change, description="Another."), "changed"),
        "tick": (schedule, "changed"),
        POOL: (partial(pool, concurrency_limit=0), "paused"),
    },
]
"""What somebody does to each in Prefect, and how it is noticed; of several ways with one, each has its round."""


@pytest.mark.parametrize("wrongs", WRONGS)
def test_whatever_stops_the_engine_is_noticed_and_put_back(prefect, seen, wrongs):
    for name, (wrong, _) in wrongs.items():
        wrong(prefect, name)
    noticed = seen()

    with get_client(sync_client=True) as client:
        put_back(client, CLOCK)

    assert noticed == {name: told for name, (_, told) in wrongs.items()}
    assert seen() == {}


def test_a_deleted_pool_is_noticed_and_put_back(prefect, seen):
    pool(prefect, POOL)
    noticed = seen()

    with get_client(sync_client=True) as client:
        put_back(client, CLOCK)

    assert noticed[POOL] == "missing"
    assert seen() == {}


def test_a_worker_puts_back_what_was_deleted_though_no_schedule_is_left(prefect, seen, serving, monkeypatch):
    monkeypatch.setattr(worker_module, "WATCH", 0.2)
    deleted(prefect, "greet")
    pool(prefect, POOL)

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
