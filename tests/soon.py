"""How long something may take, whatever else the machine does meanwhile."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails if the block takes longer than so many seconds on a machine of its own.

    Where more processes want to run than there are processors, each gets its share only, and has as much longer.
    """
    busy, begun = os.getloadavg()[0], time.monotonic()
    yield
    took, busy = time.monotonic() - begun, max(busy, os.getloadavg()[0])
    share = max(1.0, busy / (os.cpu_count() or 1))
    assert took < seconds * share, f"{took:.1f} s, and {seconds * share:.1f} s are allowed at a load of {busy:.1f}"
