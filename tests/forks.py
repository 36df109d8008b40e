"""The processes that open strangers' files, without the second that each takes to load its libraries.

    python -m tests.forks 7 tasks.untrusted.pdfs.check     answers requests on the socket of this number

For each module one server that has loaded what the module imports; for each request it forks a process that goes on
as ``python -m MODULE`` does: confines itself, reads, answers and ends. Servers end with the process of the tests.
"""

import importlib
import json
import os
import runpy
import select
import socket
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from threading import Lock

from tasks.untrusted import confinement

LAZY = ("tasks.logos.drawing",)
"""Modules that those of logos load for drawings only."""
cpu_seconds = confinement.CPU_SECONDS
"""What each process may take: less where a test asks what happens then, since it takes all of it."""
_servers: dict[str, tuple[socket.socket, subprocess.Popen[bytes]]] = {}
_one_asks = Lock()


class Forked:
    """What ``tasks.untrusted.sandbox`` uses of ``subprocess.Popen``."""

    def __init__(self, command, *, stdin, stdout, stderr, start_new_session, cwd, env) -> None:
        assert (command[:2], stdin, start_new_session) == ([sys.executable, "-m"], subprocess.PIPE, True)
        self.args, self.returncode = command, None
        reading, writing = os.pipe()
        self.stdin = os.fdopen(writing, "wb", buffering=0)
        # Its number and how it ended stay two messages, however late they are read.
        self._status, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs, _one_asks:
            request = json.dumps({"cwd": str(cwd), "env": env, "cpu_seconds": cpu_seconds}).encode()
            given = [reading, stdout.fileno(), stderr.fileno(), theirs.fileno()]
            socket.send_fds(_server(command[2]), [request], given)
        os.close(reading)
        self.pid = int(self._status.recv(20))

    def communicate(self, given: bytes, timeout: float) -> None:
        """Hand over what is given, and wait until the process has ended."""
        until, left = time.monotonic() + timeout, memoryview(given)
        os.set_blocking(self.stdin.fileno(), False)
        while left:
            if not select.select([], [self.stdin], [], max(0, until - time.monotonic()))[1]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            try:
                left = left[os.write(self.stdin.fileno(), left[: 1 << 16]) :]
            except BrokenPipeError:
                break
        self.stdin.close()
        if not select.select([self._status], [], [], max(0, until - time.monotonic()))[0]:
            raise subprocess.TimeoutExpired(self.args, timeout)
        self.wait()

    def wait(self) -> None:
        if self.returncode is None:
            self.returncode = int(self._status.recv(20))
            self._status.close()


def _server(module: str) -> socket.socket:
    if module not in _servers:
        mine, theirs = socket.socketpair()
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8"}
        with theirs:
            _servers[module] = (
                mine,
                subprocess.Popen(
                    [sys.executable, "-m", "tests.forks", str(theirs.fileno()), module],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=Path(__file__).parents[1],
                    env=environment,
                ),
            )
    return _servers[module][0]


def end() -> None:
    """End all servers."""
    for control, process in _servers.values():
        control.close()
        process.wait()
    _servers.clear()


def serve(control: socket.socket, module: str) -> None:
    """Fork a process for each request, until there is nobody left who might ask."""
    loaded = importlib.import_module(module)
    for later in (*getattr(loaded, "LOADED_LATER", ()), *(LAZY if module.startswith("tasks.logos.") else ())):
        importlib.import_module(later)
    while True:
        request, given, _, _ = socket.recv_fds(control, 1 << 16, 4)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG if request else 0)[0]:
                pass  # Whatever has ended: so its time counts as ours.
        if not request:
            return
        if os.fork() == 0:
            control.close()
            _keep(module, json.loads(request), given)
        for each in given:
            os.close(each)


def _keep(module: str, request: dict, given: list[int]) -> None:
    """Stay until the process has ended, and tell how it did: only its parent is told by the system."""
    status = socket.socket(fileno=given[3])
    child = os.fork()
    if child == 0:
        _become(module, request, given, status)
    _, ended = os.waitpid(child, 0)
    with suppress(OSError):
        status.sendall(b"%d" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def _become(module: str, request: dict, given: list[int], status: socket.socket) -> None:
    """The life of the process, up to its exit status."""
    os.setsid()
    status.sendall(b"%d" % os.getpid())
    status.close()
    for number, each in enumerate(given[:3]):
        os.dup2(each, number)
    os.closerange(3, 1024)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    confinement.CPU_SECONDS = request["cpu_seconds"]
    del sys.modules[module]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:  # noqa: BLE001
        code = 1
        with suppress(BaseException):
            traceback.print_exc()
    try:
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001
        code = 120
    os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
