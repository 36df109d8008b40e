"""The process in which strangers' files are opened: without secrets, with little memory and time.

``run`` is called by the product and starts ``python -m MODULE``, which confines itself
(``tasks.untrusted.confinement``) before it reads a byte of what it was given. It inherits its input, a file for its
answer, one for its complaints, and nothing else. So even a process that a file has taken over can hand back nothing but
a wrong answer, of limited size, and keep nothing. ``ask`` sends a line of JSON and files and gets the same; ``answer``
is the other side of it.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import BoundedSemaphore
from typing import IO, Any

from models.errors import N_, ProvisionError
from tasks.untrusted.confinement import UNCONFINED, CannotConfine, Limits, confine

log = logging.getLogger(__name__)

WALL_SECONDS = 15
AT_ONCE = 4
"""Processes; whoever comes later waits for one of them, so that many files do not need much memory."""
COMPLAINT_MOST = 4000

_turn = BoundedSemaphore(AT_ONCE)
_TOO_COSTLY = 3
"""Exit status of a process that ran out of memory or depth and could still say so."""
_UNCONFINED = 4
"""Exit status of a process that could not confine itself, and so has read nothing."""


class TooCostly(Exception):
    """The process ran out of time or memory, or it was killed."""


class Failed(Exception):
    """The process met an error that nobody foresaw; may be the file's fault or ours."""


class NothingIsOpened(ProvisionError):
    """The system cannot confine the process, so that no stranger's file is opened; the log says why."""

    status = 503
    says = N_("Files cannot be opened at the moment, and nothing was changed: please try again later, or tell us.")

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Ended:
    """How a limited process ended."""

    code: int
    said: bytes


def run(module: str, given: bytes, seconds: float, into: IO[bytes] | None = None) -> Ended:
    """Let *module* work on what is given for so long; raises NothingIsOpened if it cannot be confined.

    What it says goes *into* a file if there is one, and is not held in memory then.
    """
    from models.settings import settings  # Not in the limited process, which begins with the import of this module.

    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
    if settings().unconfined:
        environment[UNCONFINED] = "true"
    # Files have a limit of size where pipes have none.
    with nullcontext(into) if into else TemporaryFile() as output, TemporaryFile() as complained:
        process = subprocess.Popen(  # noqa: S603  (a module of ours)
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=complained,
            start_new_session=True,  # A group of its own, which ends with it.
            cwd=Path(__file__).parents[2],
            env=environment,
        )
        try:
            process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            log.info("%s took more than %s s", module, seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if process.returncode in {1, _UNCONFINED}:
            complained.seek(max(0, complained.seek(0, os.SEEK_END) - COMPLAINT_MOST))
            complaint = complained.read().decode(errors="replace").strip()
            log.error("%s failed:\n%s", module, complaint)
            if process.returncode == _UNCONFINED:
                raise NothingIsOpened(complaint)
        output.seek(0)
        return Ended(process.returncode, b"" if into else output.read())


def ask(module: str, facts: dict[str, Any], *files: bytes) -> tuple[dict[str, Any], bytes]:
    """What *module* answers to the facts and files; raises TooCostly, Failed or NothingIsOpened."""
    with _turn:
        ended = run(module, _asked(facts, files), WALL_SECONDS)
    head, _, rest = ended.said.partition(b"\n")
    return _answered(ended, head), rest


def ask_at_length(
    module: str, facts: dict[str, Any], *files: bytes, seconds: float
) -> tuple[dict[str, Any], IO[bytes]]:
    """The same, for so long, of an answer that is too large for memory: it lies in a file that is gone once closed."""
    output = TemporaryFile()  # noqa: SIM115  (Who asks closes it.)
    try:
        with _turn:
            ended = run(module, _asked(facts, files), seconds, output)
        return _answered(ended, output.readline()), output
    except BaseException:
        output.close()
        raise


def _asked(facts: dict[str, Any], files: Sequence[bytes]) -> bytes:
    head = json.dumps({"facts": facts, "sizes": [len(file) for file in files]}).encode()
    return b"".join((head, b"\n", *files))


def _answered(ended: Ended, head: bytes) -> dict[str, Any]:
    if ended.code == 1:
        raise Failed
    if ended.code or not head:
        raise TooCostly
    try:
        answered = json.loads(head)
    except ValueError as error:
        raise Failed from error
    if not isinstance(answered, dict):
        raise Failed
    return answered


def confined(ahead: Sequence[str] = (), limits: Limits | None = None) -> None:
    """Begin the life of the limited process, which ends here if it cannot be confined."""
    try:
        confine(ahead, limits)
    except CannotConfine as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201
        os._exit(_UNCONFINED)


def answer(
    work: Callable[[dict[str, Any], Sequence[bytes]], tuple[dict[str, Any], bytes | Iterable[bytes]]],
    ahead: Sequence[str] = (),
    limits: Limits | None = None,
) -> None:
    """The life of the limited process: do *work* on what was asked, and say what came of it, piece by piece."""
    confined(ahead, limits)
    head = json.loads(sys.stdin.buffer.readline())
    files = [sys.stdin.buffer.read(size) for size in head["sizes"]]
    try:
        result, content = work(head["facts"], files)
        sys.stdout.buffer.write(json.dumps(result).encode() + b"\n")
        for piece in [content] if isinstance(content, bytes) else content:
            sys.stdout.buffer.write(piece)
    except (MemoryError, RecursionError):
        os._exit(_TOO_COSTLY)


def rehearse() -> None:
    """Confine a process for nothing; raises NothingIsOpened where that cannot be done."""
    run("tasks.untrusted.sandbox", b"", WALL_SECONDS)


if __name__ == "__main__":
    confined()
