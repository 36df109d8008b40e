"""Everything starts with one command and ends with one signal."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deployments.processes import Child, Process, ProcessDied, spawn
from deployments.rehearsal import until
from deployments.up import Endpoints, PortTaken, running
from tasks.engine.prefect_client import access
from tests.servers import begun_before, free_port

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Product:
    """A product that was started by the command, in a process of its own."""

    process: subprocess.Popen[bytes]
    web: str
    prefect: str
    smtp: int

    def until_ready(self) -> str:
        said = ""
        while "Ctrl-C ends" not in said:
            line = self.process.stdout.readline().decode()
            assert line, self.process.stderr.read()
            said += line
        return said

    def ended(self) -> str:
        """What it said on the standard error, once it has ended."""
        return self.process.communicate(timeout=90)[1].decode()


Start = Callable[..., Product]


@contextmanager
def starting(data: Path) -> Iterator[Start]:
    """Start the product with all it keeps in *data*; what was started ends with the block."""
    started: list[tuple[subprocess.Popen[bytes], int]] = []
    environment = os.environ | {"PROVISION_DATA": str(data), "PYTHONPATH": str(ROOT)}

    def run(*ports: int) -> Product:
        web, prefect, smtp = ports or (free_port(), free_port(), free_port())
        options = ["--port", web, "--prefect-port", prefect, "--smtp-port", smtp]
        process, lifeline = spawn(
            "deployments", "up", *map(str, options),
            environment=environment, output=subprocess.PIPE, errors=subprocess.PIPE,
        )  # fmt: skip
        started.append((process, lifeline))
        return Product(process, f"http://127.0.0.1:{web}", f"http://127.0.0.1:{prefect}", smtp)

    yield run
    for process, lifeline in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=90)
        os.close(lifeline)


@dataclass
class Again:
    """A product that was started where one had been killed, in a folder that was open to others."""

    product: Product
    said: str
    data: Path
    start: Start
    left: list[int]
    """The processes that the killed one had started."""


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory):
    """One for three tests, the last of which ends it: a start takes long."""
    data = tmp_path_factory.mktemp("again") / "var"
    data.mkdir(mode=0o755)
    begun_before(data / "prefect")
    with starting(data) as start:
        ports = free_port(), free_port(), free_port()
        killed = start(*ports)
        killed.until_ready()
        left = children_of(killed.process.pid)
        killed.process.kill()
        product = start(*ports)
        yield Again(product, product.until_ready(), data, start, left)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def worker_of(product: Product) -> int | None:
    for child in children_of(product.process.pid):
        with suppress(OSError):  # It has ended meanwhile.
            if "deployments.worker" in Path(f"/proc/{child}/cmdline").read_text():
                return child
    return None


def lives(pid: int) -> bool:
    return Process.of(pid) is not None


def sign_in(data: Path) -> str:
    return (data / "prefect-sign-in").read_text()


def deployments(product: Product, data: Path) -> set[str]:
    api = f"{product.prefect}/api"
    found = httpx.post(f"{api}/deployments/filter", json={}, auth=access(api, sign_in(data)))
    return {one["name"] for one in found.raise_for_status().json()}


def test_prefect_asks_for_the_password_that_is_told_at_the_start_and_lets_no_foreign_page_in(again):
    product = again.product
    api, kept = f"{product.prefect}/api", again.data / "prefect-sign-in"

    assert f"asks once for {kept.read_text()}\n" in again.said
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert httpx.get(f"{product.prefect}/ui-settings").json()["auth"] == "BASIC"
    assert httpx.get(f"{api}/admin/version").status_code == 401
    user, _, password = kept.read_text().partition(":")
    assert httpx.get(f"{api}/admin/version", auth=(user, password)).is_success
    unasked = httpx.post(f"{api}/deployments/filter", json={}, auth=(user, password))
    assert (unasked.status_code, unasked.json()) == (403, {"detail": "Missing CSRF token."})
    wanted = {"Origin": "http://attacker.example", "Access-Control-Request-Method": "POST"}
    assert httpx.options(f"{api}/deployments/filter", headers=wanted).status_code == 400
    own = httpx.options(f"{api}/deployments/filter", headers=wanted | {"Origin": product.prefect})
    assert own.headers["access-control-allow-origin"] == product.prefect
    for address in (product.prefect, product.web):
        assert httpx.get(address, headers={"Host": "attacker.example"}).status_code == 400


def test_a_product_that_was_killed_leaves_nothing_in_the_way_of_the_next_start(again):
    assert not [child for child in again.left if lives(child)]
    assert deployments(again.product, again.data)

    third = again.start()
    assert f"The product runs already in {again.data} (process {again.product.process.pid})" in third.ended()
    assert third.process.returncode == 1


def test_everything_is_there_when_it_says_so_and_gone_after_one_ctrl_c(again):
    product, data = again.product, again.data

    assert product.web in again.said
    assert httpx.get(product.web).status_code < 500
    assert httpx.get(f"{product.web}/mail").is_success
    assert {"onboard", "sweep", "deliver", "remind"} <= deployments(product, data)
    with socket.create_connection(("127.0.0.1", product.smtp), 5) as mail:
        assert mail.recv(3) == b"220"
    children = children_of(product.process.pid)
    assert len(children) == 4

    product.process.send_signal(signal.SIGINT)
    errors = product.ended()

    assert product.process.returncode == 0, errors
    assert not [child for child in children if lives(child)]
    assert (data / "prefect" / "prefect.db").exists()
    kept = [data, *data.rglob("*")]
    assert {"provision.db", "prefect-sign-in", "prefect.db", "web.log", "mails"} <= {one.name for one in kept}
    assert [str(one) for one in kept if one.lstat().st_mode & 0o077] == []
    assert not (data / "running.json").exists()


def test_when_one_process_dies_it_is_said_which_and_all_end(tmp_path):
    begun_before(tmp_path / "var" / "prefect")
    with starting(tmp_path / "var") as start:
        product = start()
        worker = until("its worker", lambda: worker_of(product))
        children = children_of(product.process.pid)
        os.kill(worker, signal.SIGKILL)
        errors = product.ended()

    assert product.process.returncode == 1
    assert errors.startswith("worker ended with exit status -9. Its last lines, from ")
    assert not [child for child in children if lives(child)]


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


def test_a_death_is_noticed_and_its_reason_is_the_end_of_the_log(tmp_path):
    log = tmp_path / "web.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], process_group=0)

    with pytest.raises(ProcessDied) as death:
        Endpoints("", "", "", tmp_path, "", [Child("web", log, process)]).watch(threading.Event())

    assert str(death.value).startswith(f"web ended with exit status 3. Its last lines, from {log}:\n    line 85\n")
    assert str(death.value).endswith("line 99")
