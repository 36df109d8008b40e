"""Nothing outlives whoever started it, and nobody else is ended."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.processes import Process, Record, RunsAlready, end, spawn
from tests.deployments import sleeper

PARENT = """
import os, sys, time
from deployments.processes import spawn
print(spawn("tests.deployments.sleeper", environment=os.environ, output=sys.stderr.buffer)[0].pid, flush=True)
time.sleep(600)
"""


def gone(process: Process) -> bool:
    deadline = time.monotonic() + 60
    while process.lives and time.monotonic() < deadline:
        time.sleep(0.05)
    return not process.lives


@pytest.fixture
def asleep(tmp_path):
    """A process with a child of its own, both of which only sleep."""
    with (tmp_path / "log").open("wb") as log:
        process, lifeline = spawn("tests.deployments.sleeper", environment=os.environ, output=log)
    until_asleep(tmp_path / "log")
    yield process
    end(process, 0)
    os.close(lifeline)


def until_asleep(log: Path) -> Process:
    """Its child, once there is one."""
    deadline = time.monotonic() + 60
    while sleeper.ASLEEP not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = Process.of(int(log.read_text().rpartition(" ")[2]))
    assert found
    return found


def test_a_process_and_its_children_end_when_their_parent_is_killed(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=log)
    child = Process.of(int(parent.stdout.readline()))
    grandchild = until_asleep(tmp_path / "log")

    parent.kill()
    parent.communicate()

    assert gone(child)
    assert gone(grandchild)


def test_a_process_is_told_from_a_later_one_with_the_same_number(asleep):
    known = Process.of(asleep.pid)

    assert known.lives
    assert not Process(known.pid, "at another time").lives
    end(asleep, 30)
    assert not known.lives


def test_what_an_earlier_start_left_in_the_folder_is_ended_and_nobody_else(tmp_path, asleep):
    with (tmp_path / "other").open("wb") as log:
        other, lifeline = spawn("tests.deployments.sleeper", environment=os.environ, output=log)
    until_asleep(tmp_path / "other")
    killed = Process(os.getpid(), "before this machine was started")
    ours, reused = Process.of(asleep.pid), Process(other.pid, "before this machine was started")
    Record(tmp_path / "running.json", killed, "http://127.0.0.1:1/api", [ours, reused]).write()

    Record.begin(tmp_path, "http://127.0.0.1:2/api")

    assert asleep.wait(30) == -signal.SIGTERM
    assert other.poll() is None
    assert Record.read(tmp_path).children == []
    end(other, 0)
    os.close(lifeline)


def test_a_folder_in_which_the_product_runs_is_left_to_it(tmp_path):
    Record.begin(tmp_path, "http://127.0.0.1:1/api")

    with pytest.raises(RunsAlready, match=f"process {os.getpid()}"):
        Record.begin(tmp_path, "http://127.0.0.1:2/api")

    assert stat.S_IMODE((tmp_path / "running.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"up": 1}', '{"up": {"pid": 1}, "prefect": "", "children": []}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "running.json").write_text(text)

    assert Record.read(tmp_path) is None


def test_a_database_for_tests_is_gone_when_they_are_killed():
    tests = (
        "import time; from tests import postgres\nwith postgres.server() as at: print(at, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", tests], stdout=subprocess.PIPE)
    folder = Path(process.stdout.readline().decode().strip().partition("host=")[2])
    server = Process.of(int((folder / "data" / "postmaster.pid").read_text().splitlines()[0]))

    process.kill()
    process.communicate()

    assert gone(server)
