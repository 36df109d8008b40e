"""The processes among which tests are shared out, without the seconds that each takes to load tests and product.

They are forked by the process that shares out, once it has loaded all that it will ask for: pytest-xdist takes them for
processes that it has started itself.
"""

import gc
import importlib
import os
import random
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import pytest
from _pytest.config import apply_warning_filters
from execnet import gateway_io
from execnet.gateway_base import Popen2IO, get_execmodel

ROOT = Path(__file__).parents[1]


class Forked(Popen2IO):
    """What execnet uses of a process that it has started."""

    def __init__(self, others: list["Forked"]) -> None:
        told, tells = os.pipe()
        hears, heard = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            for each in (tells, hears, *(end.fileno() for other in others for end in (other.outfile, other.infile))):
                os.close(each)
            _become(told, heard)
        os.close(told)
        os.close(heard)
        super().__init__(os.fdopen(tells, "wb"), os.fdopen(hears, "rb"), get_execmodel("main_thread_only"))

    def wait(self) -> int | None:
        with suppress(ChildProcessError):
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, SIGKILL)


def _become(told: int, heard: int) -> None:
    """The life of the process: what a new Python does that is given execnet's line."""
    leave = os._exit
    # What measures the tests has its own of both. It is told once, at the end, and not of what tests fork themselves.
    os.fork, os._exit = (getattr(each, "__wrapped__", each) for each in (os.fork, leave))
    os.dup2(told, 0)
    os.dup2(heard, 1)
    os.closerange(min(told, heard), max(told, heard) + 1)
    sys.stdin, sys.stdout = os.fdopen(0, "r", 1, closefd=False), os.fdopen(1, "w", 1, closefd=False)
    random.seed()
    try:
        exec(eval(sys.stdin.readline()), {})
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    leave(0)


def begin(config: pytest.Config, count: int) -> None:
    """So many processes, in place of the next that are started."""
    with warnings.catch_warnings():
        apply_warning_filters(config.getini("filterwarnings"), config.known_args_namespace.pythonwarnings or [])
        for name in _asked_for(config):
            with suppress(Exception, pytest.skip.Exception):  # Each of them tells it where it looks for tests.
                importlib.import_module(name)
    assert threading.active_count() == 1, f"what was loaded has started {threading.enumerate()}"
    gc.collect()
    gc.freeze()
    waiting: list[Forked] = []
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        for _ in range(count):
            waiting.append(Forked(waiting))
    started: Callable = gateway_io.Popen2IOMaster
    gateway_io.Popen2IOMaster = lambda *how: waiting.pop(0) if waiting else started(*how)


def _asked_for(config: pytest.Config) -> Iterator[str]:
    """The modules of the tests that it will ask for."""
    ignored = [Path(each).resolve() for each in config.getoption("ignore") or []]
    for argument in config.args:
        place = config.invocation_params.dir / argument.partition("::")[0]
        found = place.rglob("*.py") if place.is_dir() else [place]
        for file in sorted(each.resolve() for each in found):
            wanted = any(file.match(pattern) for pattern in config.getini("python_files"))
            if wanted and not any(file.is_relative_to(each) for each in ignored):
                yield ".".join(file.relative_to(ROOT).with_suffix("").parts)
