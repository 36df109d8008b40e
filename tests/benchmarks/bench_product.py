"""Figures of the product beside a baseline in the same run: ``make bench``."""

import time
from collections.abc import Callable
from statistics import median

import pytest
from sqlalchemy import insert, text

from models.company_id import FIRST, LAST, CompanyIdPool, Move
from models.db import transaction
from tests import factories

pytestmark = pytest.mark.benchmark


def seconds(act: Callable[[], object], times: int) -> float:
    """The median of *times* runs."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return median(took)


def one_number() -> None:
    with transaction() as session:
        CompanyIdPool.locked(session).draw(session)


def nothing() -> None:
    with transaction() as session:
        session.execute(text("SELECT 1"))


def fill(share: float) -> None:
    """As if this share of all numbers had been drawn: the moved places that are left are as many as they can be."""
    size = LAST - FIRST + 1
    free = int(size * (1 - share))
    with transaction() as session:
        pool = CompanyIdPool.locked(session)
        moved = [{"position": p, "number": LAST - p} for p in range(min(free, size - free))]
        session.execute(text("DELETE FROM company_id_moves"))
        for start in range(0, len(moved), 50_000):
            session.execute(insert(Move), moved[start : start + 50_000])
        pool.free = free


def test_a_company_id_costs_the_same_however_full_the_range_is():
    base = seconds(nothing, 200)
    for share in (0.0, 0.5, 0.99):
        fill(share)
        took = seconds(one_number, 200)
        print(
            f"\ncompany ID, {share:4.0%} taken: {took * 1000:.2f} ms, {took / base:.1f} x an empty transaction", end=""
        )


def test_a_pass_over_a_case_that_waits():
    case_id = factories.with_organiser()
    base = seconds(nothing, 50)
    took = seconds(lambda: factories.advance(case_id), 20)
    print(f"\npass over a waiting case: {took * 1000:.1f} ms, {took / base:.0f} x an empty transaction", end="")
