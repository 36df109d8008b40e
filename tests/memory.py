"""How much memory the processes take in which strangers' files are opened."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tasks.untrusted import sandbox

EVERY_SECONDS = 0.005


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Gives a function: what the largest process that the sandbox has started since then took at most, in bytes.

    The kernel's record of ended children (``getrusage``) would do, but it begins with what their parent had when it
    started them: in a large test run it tells about the tests.
    """
    started: list[int] = []
    most: dict[int, int] = {}
    end = threading.Event()

    class Watched(sandbox.subprocess.Popen):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            look(self.pid)  # It may have ended before it is looked at again.
            started.append(self.pid)

    def look(pid: int) -> None:
        with suppress(FileNotFoundError, ProcessLookupError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            most[pid] = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

    def watch() -> None:
        while not end.wait(EVERY_SECONDS):
            for pid in started:
                look(pid)
            started[:] = [pid for pid in started if Path(f"/proc/{pid}").exists()]

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with patch.object(sandbox.subprocess, "Popen", Watched):
            yield lambda: max(most.values(), default=0)
    finally:
        end.set()
        watcher.join()
