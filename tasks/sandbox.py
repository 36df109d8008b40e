"""The process in which strangers' files are opened: without secrets, with little memory and time.

``ask`` is called by the product and starts ``python -m MODULE``, which calls ``answer`` and nothing else. A line of
JSON and bytes go in and come out, so that even a process that a file has taken over can hand back nothing but a wrong
answer; through files, which have a limit of size where pipes have none.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import BoundedSemaphore
from typing import Any

from tasks.confinement import confine

log = logging.getLogger(__name__)

WALL_SECONDS = 15
AT_ONCE = 4
"""Processes; whoever comes later waits for one of them, so that many files do not need much memory."""

_turn = BoundedSemaphore(AT_ONCE)
_TOO_COSTLY = 3
"""Exit status of a process that ran out of memory or depth and could still say so."""


class TooCostly(Exception):
    """The process ran out of time or memory, or it was killed."""


class Failed(Exception):
    """The process met an error that nobody foresaw; may be the file's fault or ours."""


def ask(module: str, facts: dict[str, Any], *files: bytes) -> tuple[dict[str, Any], bytes]:
    """What *module* answers to the facts and files; raises TooCostly or Failed."""
    with _turn, TemporaryFile() as given, TemporaryFile() as said, TemporaryFile() as complained:
        given.write(json.dumps({"facts": facts, "sizes": [len(file) for file in files]}).encode() + b"\n")
        given.writelines(files)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603  (a module of ours)
            [sys.executable, "-m", module],
            stdin=given,
            stdout=said,
            stderr=complained,
            start_new_session=True,  # A group of its own, which ends with it.
            cwd=Path(__file__).parents[1],
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"},
        )
        try:
            code = process.wait(WALL_SECONDS)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code == 1:
            complained.seek(max(0, complained.seek(0, os.SEEK_END) - 4000))
            log.error("%s failed:\n%s", module, complained.read().decode(errors="replace"))
            raise Failed
        said.seek(0)
        head, _, rest = said.read().partition(b"\n")
        if code or not head:
            raise TooCostly
        answered: dict[str, Any] = json.loads(head)
        return answered, rest


def answer(work: Callable[[dict[str, Any], Sequence[bytes]], tuple[dict[str, Any], bytes]]) -> None:
    """The life of the limited process: do *work* on what was asked, and say what came of it."""
    confine()
    head = json.loads(sys.stdin.buffer.readline())
    files = [sys.stdin.buffer.read(size) for size in head["sizes"]]
    try:
        told, content = work(head["facts"], files)
    except (MemoryError, RecursionError):
        os._exit(_TOO_COSTLY)
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + content)
