"""Figures of the audit trail: how long a million entries take to prove, beside those that tell all in the clear."""

import resource
import time

import pytest

from models.audit import START, Entry, Head, write
from models.db import transaction
from models.time.clock import now
from tasks.audit.verification import verify

pytestmark = pytest.mark.benchmark

A_CASE = 1000
WHO = {"by": "erika@freitag.example", "by_name": "Erika Muster", "ip": "198.51.100.7", "agent": "Mozilla/5.0 " * 8}


def fill(version: int, first: int, cases: int) -> None:
    """So many chains of a thousand entries each, as an opened agreement leaves them."""
    for case_id in range(first, first + cases):
        before, entries = Head(case_id, 0, START), []
        for number in range(1, A_CASE + 1):
            plain = {"version": 1, "sha256": START}
            if version > 1:
                told = {f"person:{number}": WHO}
                entry = Entry.after(before, case_id, now(), f"person:{number}", "agreement.opened", plain, told)
            else:
                entry = Entry(version=1, case_id=case_id, number=number, at=now(), actor_id=WHO["by"], values=[])
                entry.action, entry.plain, entry.commitments = "agreement.opened", {**plain, **WHO}, {}
                entry.previous = before.hash
                entry.hash = entry.computed_hash()
            before = Head(case_id, number, entry.hash)
            entries.append(entry)
        with transaction() as session:
            write(session, entries)


def seconds_of(cases: int) -> float:
    began = time.perf_counter()
    proven = sum(one.entries for one in verify())
    assert proven == cases * A_CASE
    return time.perf_counter() - began


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_a_million_entries(product):
    fill(1, 1, 100)
    clear = seconds_of(100)
    with transaction() as session:
        session.query(Entry).delete()
    fill(2, 1, 100)
    beside = seconds_of(100)
    small = memory()
    fill(2, 101, 900)
    filled, million = memory(), seconds_of(1000)
    print(
        f"\n\n{product}: 100,000 entries in {beside:.1f} s, {beside / clear:.2f} times those in the clear"
        f" ({clear:.1f} s);"
        f" 1,000,000 in {million:.0f} s, {million / beside:.1f} times 100,000; most memory {small} MB with 100,000,"
        f" {filled} MB when a million was written, {memory()} MB when it was proven"
    )
