"""A question that was answered, or a version of an agreement that nobody has signed, in a case that goes on.

The trail repeats them, so they stay with numbers, moments and kinds: files and trail cease to tell of anybody before
the row does, each in small transactions that hold the case. It may be killed between any two of them: the row is due
until the last one has written that it is empty.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import Value, subject
from models.db import reading, transaction
from models.decision import Decision, DecisionKind, Verdict
from models.onboarding import Onboarding
from models.retention.hold import Holds
from models.retention.parts import Part
from models.retention.rule import Rows
from tasks.retention.cases import (
    COPY_ACTS,
    Act,
    Held,
    acts_on_agreements,
    erase_document,
    files_of,
    forget,
    hold_case,
    is_needed,
)
from tasks.retention.pace import Pace

ENTRIES_AT_ONCE = 100


class _Proof(NamedTuple):
    """What repeats a row, or belongs to it."""

    files: Collection[int]
    entries: Collection[int]
    """Numbers of acts in the trail of its case."""


def forget_row(rows: Rows, key: int, limit: datetime, at: datetime) -> bool:
    """It ceases to tell of anybody; False if it is not due any more, is held, or somebody else works on it."""
    with reading() as session:
        row = session.get(rows.table, key)
        assert isinstance(row, Agreement | Decision)
        case_id, proof = row.onboarding_id, _proof(session, row)
    with suppress(Held):
        if not _is_due(rows, key, case_id, limit, at):
            return False
        for number in sorted(proof.files):
            erase_document(case_id, number, at, row=(rows.table, key))
        entries, pace = sorted(proof.entries), Pace()
        for first in range(0, len(entries), ENTRIES_AT_ONCE):
            some = entries[first : first + ENTRIES_AT_ONCE]
            forget(case_id, at, pace, Value.case_id == case_id, Value.number.in_(some))
        with transaction() as session:
            hold_case(session, case_id, at)
            if rows.take(session, key, limit, Holds.standing(session, at)):
                Part(rows.table, rows.key == key, stays=True).go(session, [key])
                session.execute(update(rows.table).where(rows.key == key).values(emptied_at=at))
                return True
    return False


def _is_due(rows: Rows, key: int, case_id: int, limit: datetime, at: datetime) -> bool:
    with transaction() as session:
        hold_case(session, case_id, at)
        return rows.take(session, key, limit, Holds.standing(session, at))


def _proof(session: Session, row: Agreement | Decision) -> _Proof:
    return _of_version(session, row) if isinstance(row, Agreement) else _of_question(session, row)


def _of_version(session: Session, version: Agreement) -> _Proof:
    """All acts on it, from when it was sent to when the next one was: not all of them name it."""
    acts, number = [], 0
    for act in acts_on_agreements(session, version.onboarding_id):
        number = act.plain.get("version", number) if act.action == "agreement.sent" else number
        acts += [act] if act.plain.get("version", number) == version.version else []
    own = filter(None, (version.document_id, version.drawing_id, version.uploaded_id))
    return _Proof({*own, *files_of(session, acts)}, {act.number for act in acts})


def _of_question(session: Session, question: Decision) -> _Proof:
    """The answer; and of a signature, or a signed copy, that does not count, what was kept as it came."""
    case_id, files = question.onboarding_id, question.files
    answers = select(Value.number).where(Value.about == subject(question), (Value.case_id + 0) == case_id)
    entries = {*session.scalars(answers)}
    if question.kind is DecisionKind.COUNTERSIGN and question.verdict is Verdict.REFUSE:
        signatures = [act for act in acts_on_agreements(session, case_id) if _is_asked_about(question, act)]
        entries |= {act.number for act in signatures}
        files |= files_of(session, signatures)
    if question.verdict in {Verdict.REFUSE, Verdict.MOOT}:
        entries |= {act.number for act in _of_copies(session, question, files)}
    return _Proof(files, entries)


def _is_asked_about(question: Decision, act: Act) -> bool:
    """Whether it is the signature about which the question was whether to countersign it."""
    if act.action != "agreement.signed":
        return False
    arrived = act.plain.get("arrived_at")
    at = datetime.fromisoformat(arrived) if arrived else act.at
    return at == datetime.fromisoformat(question.key.split(":", 2)[2])


def _of_copies(session: Session, question: Decision, files: Collection[int]) -> Iterator[Act]:
    """What the trail tells of files that came back, and that nothing else of the case needs."""
    case, row = Onboarding.get(session, question.onboarding_id), (Decision, question.id)
    gone = {number for number in files if not is_needed(session, case, number, row)}
    for act in acts_on_agreements(session, case.id) if gone else ():
        if act.action in COPY_ACTS and act.plain.get("document_id") in gone:
            yield act
