"""Processes that end with the one that started them, however that one ended, and what is known of them afterwards.

    python -m deployments.processes 7 deployments.worker     runs a module, holding on to file descriptor 7

Each child holds one end of a pipe whose other end only its parent has, and ends itself once that is gone: after Ctrl-C,
after SIGKILL, or when memory has run out. A record in the data folder tells the next start, and commands that are given
meanwhile, which processes there are. Nobody is signalled on account of a number alone: it must be the same process.
"""

import gc
import json
import os
import runpy
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self

from models.errors import N_, ProvisionError

GRACE = 25
"""Seconds that a process gets to end by itself; the worker needs up to 20 for the runs it has begun."""


class ProcessDied(ProvisionError):
    """Half a product is worse than none: when one process ends, all do."""

    status = 500
    says = N_("%(name)s ended with exit status %(code)s. Its last lines, from %(log)s:\n%(lines)s")

    def __init__(self, name: str, code: int | None, log: str, lines: str) -> None:
        super().__init__(name, code, log, lines)
        self.name = name
        self.code = code
        self.log = log
        self.lines = lines


class RunsAlready(ProvisionError):
    """Two products cannot share a folder."""

    says = N_("The product runs already in %(folder)s (process %(pid)s): end that one, or name another folder.")

    def __init__(self, folder: str, pid: int) -> None:
        super().__init__(folder, pid)
        self.folder = folder
        self.pid = pid


def spawn(
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    output: IO[bytes] | int,
    errors: IO[bytes] | int = subprocess.STDOUT,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a module in a process group of its own; it lives as long as the file descriptor that is returned is open.

    The descriptor closes by itself when this process ends.
    """
    held, lifeline = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "deployments.processes", str(held), module, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            process_group=0,
            pass_fds=[held],
        )
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(held)
    return process, lifeline


def end(process: subprocess.Popen[bytes], grace: float) -> None:
    """Ask a process with its children to end, and end them after *grace* seconds."""
    _signal(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Child:
    """One process of the product, in a group of its own, so that Ctrl-C reaches it through us."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    lifeline: int | None = None

    def check(self) -> None:
        """Raise ``ProcessDied`` if it has ended."""
        if (code := self.process.poll()) is not None:
            raise self.death(code)

    def death(self, code: int) -> ProcessDied:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return ProcessDied(self.name, code, str(self.log), "\n".join(f"    {line}" for line in lines))

    def end(self, grace: float) -> None:
        """Ask it to end, and end it after *grace* seconds; its own children too."""
        end(self.process, grace)
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None


@dataclass(frozen=True)
class Process:
    """A process of this machine that can be told from a later one with the same number."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this number now, unless it has ended."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            state, began = fields[0], f"{fields[19]} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
        except OSError:
            if Path("/proc/self/stat").exists():
                return None
            asked = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]  # Systems without /proc.
            told_by_ps = subprocess.run(asked, capture_output=True, check=False, text=True).stdout  # noqa: S603
            state, _, began = told_by_ps.strip().partition(" ")
        return None if not state or state.startswith(("Z", "X")) else cls(pid, began.strip())

    @property
    def lives(self) -> bool:
        return Process.of(self.pid) == self


@dataclass
class Record:
    """What runs in a data folder: whoever started it, where Prefect and the web pages are, and the processes."""

    file: Path
    up: Process
    prefect: str
    children: list[Process] = field(default_factory=list)
    web: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What was written down there last; None if nothing was, or it cannot be read."""
        file = _file(folder)
        with suppress(OSError, ValueError, TypeError, KeyError):
            data = json.loads(file.read_text())
            children = [Process(**child) for child in data["children"]]
            return cls(file, Process(**data["up"]), data["prefect"], children, data.get("web", ""))
        return None

    @classmethod
    def begin(cls, folder: Path, prefect: str, web: str = "") -> Self:
        """Write down that the present process starts the product in *folder*; ends first what was left behind there.

        Raises ``RunsAlready`` if that one still lives.
        """
        record = cls.read(folder)
        if record is not None:
            if record.up.lives:
                raise RunsAlready(str(folder), record.up.pid)
            record.end_leftovers()
        me = Process.of(os.getpid())
        assert me is not None
        made = cls(_file(folder), me, prefect, web=web)
        made.write()
        return made

    def add(self, process: subprocess.Popen[bytes]) -> None:
        if new_child := Process.of(process.pid):
            self.children = [child for child in self.children if child.lives] + [new_child]
            self.write()

    def write(self) -> None:
        fresh = self.file.with_suffix(f".{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        written = asdict(self)
        del written["file"]
        fresh.write_text(json.dumps(written))
        fresh.replace(self.file)

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)

    def end_leftovers(self, grace: float = GRACE) -> None:
        """End those processes that still live. They have noticed that they are alone, and may be ending already."""
        deadline = time.monotonic() + grace
        for number in (signal.SIGTERM, signal.SIGKILL):
            for child in self.children:
                if child.lives:
                    _signal(child.pid, number)
            while any(child.lives for child in self.children) and time.monotonic() < deadline:
                time.sleep(0.1)
            deadline = time.monotonic() + grace
        self.remove()


def _file(folder: Path) -> Path:
    return folder / "running.json"


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _hold_on(lifeline: int) -> None:
    """Wait until the parent is gone; then end, with all that was started here."""
    with suppress(OSError):
        os.read(lifeline, 1)
    group = os.getpid()
    _signal(group, signal.SIGTERM)
    time.sleep(GRACE)
    _signal(group, signal.SIGKILL)


def main() -> None:
    lifeline, module = int(sys.argv[1]), sys.argv[2]
    threading.Thread(target=_hold_on, args=(lifeline,), name="lifeline", daemon=True).start()
    # Nearly all that a start makes is there to stay: looking through it every 700 objects is a seventh of its time.
    gc.set_threshold(20_000, 10, 20)
    sys.argv[:3] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
