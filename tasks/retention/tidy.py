"""What is past its time goes: in small transactions, the oldest first, however many there are.

It may be killed at any moment or run twice at once: what is claimed goes with the transaction that claimed it, or stays
for the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from models.audit import HOUSE, record
from models.db import give_back, is_busy, reading, transaction
from models.firm import Firm
from models.onboarding import Onboarding
from models.retention.hold import Holds
from models.retention.rule import Due, Rows, Rule, Scope
from models.retention.rules import RULES
from models.time.clock import now
from tasks.engine.retry import raise_all, side_effect
from tasks.retention.cases import empty, take_apart
from tasks.retention.evidence import forget_row
from tasks.retention.pace import FOUND_AT_ONCE, Pace

EMPTY_MOST = 0.25
"""How much of a SQLite file may be empty, as a share."""
CASES_AT_ONCE = 50
"""Cases that are looked up at once; each goes by itself."""


@dataclass(frozen=True)
class Past:
    """What is past its time by one rule."""

    rule: Rule
    number: int
    oldest: datetime | None
    """From when the time of the oldest counts."""

    @property
    def since(self) -> datetime | None:
        """For how long it should have been gone."""
        return self.oldest and self.rule.term.end(self.oldest)


def past(at: datetime) -> Iterator[Past]:
    """What would go now, by each rule over rows; nothing goes."""
    for rule in RULES:
        if rule.rows is not None:
            with reading() as session:
                yield Past(rule, *rule.rows.count(session, rule.term.limit(at), Holds.standing(session, at)))


@side_effect(name="remove what is past its time")
def remove_past() -> dict[str, int]:
    """All that is past its time goes; returns how many rows that is, by rule. A row that breaks holds up no other."""
    at = now()
    removed: dict[str, int] = {}
    faults: list[Exception] = []
    for rule in RULES:
        if rule.rows is not None:
            if rule.empties is None:
                number, broken = _remove(rule, rule.rows, at)
            else:
                number, broken = _empty(rule.empties, rule, rule.rows, at)
            removed |= {rule.name: number} if number else {}
            faults += broken
    if removed:
        with transaction() as session:
            record(session, HOUSE, at, "data.removed", removed=removed)
    _shrink()
    raise_all(faults)
    return removed


def _shrink() -> None:
    """What was removed holds no more room than a quarter of the file: the rest is for what comes."""
    pace = Pace()
    more = True
    while more:
        with pace.batch(pace.size):
            more = give_back(pace.size, EMPTY_MOST)
        pace.rest()


def _remove(rule: Rule, rows: Rows, at: datetime) -> tuple[int, list[Exception]]:
    """How many went, and what broke."""
    limit, pace, removed = rule.term.limit(at), Pace(), 0
    faults: list[Exception] = []
    found: list[Due] = []
    while True:
        try:
            with reading() as session:
                after = found[-1] if found else None
                found = rows.due(session, limit, Holds.standing(session, at), after, FOUND_AT_ONCE)
        except Exception as error:  # noqa: BLE001  (told at the end)
            return removed, [*faults, error]
        first = 0
        while some := found[first : first + pace.size]:
            first += len(some)
            try:
                with pace.batch(len(some)), transaction() as session:
                    keys = rows.claim(session, some, limit, Holds.standing(session, at))
                    if keys:
                        rows.go(session, keys, at)
                removed += len(keys)
            except Exception as error:  # noqa: BLE001  (each by itself, and told at the end)
                if is_busy(error):
                    return removed, [*faults, error]
                number, broken = _one_by_one(rows, some, limit, at)
                removed, faults = removed + number, faults + broken
            pace.rest()
        if len(found) < FOUND_AT_ONCE:
            return removed, faults


def _empty(scope: Scope, rule: Rule, rows: Rows, at: datetime) -> tuple[int, list[Exception]]:
    """The same of cases and of what goes in pieces, one after the other."""
    emptied, faults = 0, list[Exception]()
    after: Due | None = None
    while True:
        with reading() as session:
            found = rows.due(session, rule.term.limit(at), Holds.standing(session, at), after, CASES_AT_ONCE)
            cases = [due.key for due in found]
            if rows.table is Firm:
                cases = [*session.scalars(select(Onboarding.id).where(Onboarding.firm_id.in_(cases)))]
        for case_id in cases:
            try:
                if scope in {Scope.PIECES, Scope.ROW}:
                    go = take_apart if scope is Scope.PIECES else forget_row
                    emptied += go(rows, case_id, rule.term.limit(at), at)
                else:
                    emptied += empty(case_id, at, whole=scope is Scope.CASE) > 0
            except Exception as error:  # noqa: BLE001  (told at the end)
                faults.append(error)
        if len(found) < CASES_AT_ONCE:
            return emptied, faults
        after = found[-1]


def _one_by_one(rows: Rows, found: list[Due], limit: datetime, at: datetime) -> tuple[int, list[Exception]]:
    """Each in a transaction of its own: one among them breaks."""
    removed, faults = 0, []
    for due in found:
        try:
            with transaction() as session:
                if rows.take(session, due.key, limit, Holds.standing(session, at)):
                    rows.go(session, [due.key], at)
                    removed += 1
        except Exception as error:  # noqa: BLE001  (told at the end)
            faults.append(error)
    return removed, faults
