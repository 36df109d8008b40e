"""How many rows go in one transaction, and how long others have their turn between two."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

FEWEST, MOST = 20, 1000
"""Rows that go in one transaction."""
FOUND_AT_ONCE = 10_000
"""Rows that are looked up at once, and go in many transactions: to find the next few, PostgreSQL may look at all that
are there, and sort them."""
LOCKED = 0.05
"""Seconds for which one transaction is to hold up others: the next one takes more rows or fewer by it."""


class Pace:
    """Learns from each batch how large the next one may be."""

    def __init__(self) -> None:
        self.size = FEWEST
        self._took = 0.0

    @contextmanager
    def batch(self, size: int) -> Iterator[None]:
        """So many rows go, in as many seconds as this lasts."""
        began = monotonic()
        yield
        self._took = monotonic() - began
        share = max(0.25, min(4.0, LOCKED / max(self._took, 0.001)))
        self.size = max(FEWEST, min(MOST, int(size * share)))

    def rest(self) -> None:
        """As long as the last one took, others write."""
        sleep(min(self._took, 1))
