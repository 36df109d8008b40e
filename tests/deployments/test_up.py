"""Everything starts with one command and ends with one signal."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from deployments.up import Child, PortTaken, ProcessDied, running
from tests.deployments.conftest import free_port

COMMAND = "import sys; from deployments.up import up; sys.exit(up(None, *map(int, sys.argv[1:])))"
ROOT = Path(__file__).resolve().parents[2]


def start(data: Path, *ports: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, ports)],
        cwd=data,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PROVISION_DATA": "var"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def until_ready(product: subprocess.Popen[str]) -> str:
    said = ""
    while "Ctrl-C ends" not in said:
        line = product.stdout.readline()
        assert line, product.stderr.read()
        said += line
    return said


def test_everything_is_there_when_it_says_so_and_gone_after_one_ctrl_c(tmp_path):
    web, prefect, smtp = free_port(), free_port(), free_port()

    (tmp_path / "var").mkdir(mode=0o755)
    product = start(tmp_path, web, prefect, smtp)
    said = until_ready(product)

    assert f"http://127.0.0.1:{web}" in said
    assert httpx.get(f"http://127.0.0.1:{web}/").status_code < 500
    assert httpx.get(f"http://127.0.0.1:{web}/mail").is_success
    names = [one["name"] for one in httpx.post(f"http://127.0.0.1:{prefect}/api/deployments/filter", json={}).json()]
    assert {"onboard", "sweep", "deliver", "remind"} <= set(names)
    with socket.create_connection(("127.0.0.1", smtp), 5) as mail:
        assert mail.recv(3) == b"220"
    children = children_of(product.pid)
    assert len(children) == 4

    product.send_signal(signal.SIGINT)
    _, errors = product.communicate(timeout=60)

    assert product.returncode == 0, errors
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert (tmp_path / "var" / "prefect" / "prefect.db").exists()
    kept = [tmp_path / "var", *(tmp_path / "var").rglob("*")]
    assert {"provision.db", "secret", "prefect.db", "web.log", "mails"} <= {one.name for one in kept}
    assert [str(one) for one in kept if one.lstat().st_mode & 0o077] == []


def test_when_one_process_dies_it_is_said_which_and_all_end(tmp_path):
    product = start(tmp_path, free_port(), free_port(), free_port())
    until_ready(product)
    children = children_of(product.pid)
    worker = next(child for child in children if "deployments.worker" in command_of(child))

    os.kill(worker, signal.SIGKILL)
    _, errors = product.communicate(timeout=60)

    assert product.returncode == 1
    assert errors.startswith("worker ended with exit status -9. Its last lines, from ")
    assert "Worker" in errors.split("\n", 1)[1]
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_a_taken_port_is_said_in_one_sentence_before_anything_starts(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]

        with (
            pytest.raises(PortTaken, match=f"^Port {taken} for Prefect is taken: .*--prefect-port"),
            running(tmp_path / "new", free_port(), taken, free_port()),
        ):
            pass


def test_a_start_that_is_given_up_leaves_nothing_behind(tmp_path):
    stop = threading.Event()
    threading.Timer(1, stop.set).start()

    with running(tmp_path / "new", free_port(), free_port(), free_port(), stop=stop) as product:
        assert stop.is_set()

    assert [child.process.poll() is None for child in product.children] == [False] * len(product.children)


def test_a_process_that_does_not_want_to_end_is_ended(tmp_path):
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, process_group=0)
    process.stdout.readline()
    began = time.monotonic()

    with process.stdout:
        Child("stubborn", tmp_path / "log", process).end(0.3)

    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 5


def test_the_reason_of_a_death_is_the_end_of_its_log(tmp_path):
    log = tmp_path / "web.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], process_group=0)
    process.wait()

    with pytest.raises(ProcessDied) as death:
        Child("web", log, process).check()

    assert str(death.value).startswith(f"web ended with exit status 3. Its last lines, from {log}:\n    line 85\n")
    assert str(death.value).endswith("line 99")
