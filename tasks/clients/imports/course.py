"""The course of an import: brought, compared, answered, written, stopped, as pages, flows and the command line ask.

Whoever works on one takes it for a while and says so with each batch: killed at any row, it is gone on with by the next
one, and every record is written once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, undefer

from models.audit import origin, record
from models.clients.address import HOME
from models.clients.imports import (
    LEASE,
    LEFT_OUT,
    Import,
    ImportContact,
    ImportKey,
    ImportMapping,
    ImportRecord,
    ImportState,
    Outcome,
)
from models.db import Facts, reading, transaction
from models.errors import N_, NotFound, ProvisionError
from models.onboarding import Onboarding
from models.text import one_line
from models.time.clock import now
from tasks.clients.imports.draft import CHOICES, Choice, Question, Reading, Skipped, Target
from tasks.clients.imports.reading import read
from tasks.people.sessions import Membership

AT_ONCE = 500
"""Records that are compared or written together."""
T = TypeVar("T")


def batches(rows: Iterable[T], most: int) -> Iterator[list[T]]:
    """So many of them at a time."""
    begun = iter(rows)
    while some := list(islice(begun, most)):
        yield some


class FileErased(ProvisionError):
    status = 410
    says = N_(
        "“%(file)s” is not kept any more, as somebody who stood in it was erased: bring what is still wanted of it "
        "again."
    )

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class AnswerUnfit(ProvisionError):
    status = 422
    says = N_("“%(choice)s” is no answer to that question: choose one of those offered.")

    def __init__(self, choice: str) -> None:
        super().__init__(choice)
        self.choice = choice


@dataclass(frozen=True)
class Progress:
    """How far an import is."""

    import_id: int
    file_name: str
    state: ImportState
    records: int
    done: int
    counts: dict[str, int]
    """Records by outcome."""
    questions: dict[str, int]
    """Records that are held, by the question that has no answer."""


# ---- brought


def start(
    firm_id: int,
    by: str,
    file_name: str,
    content: bytes,
    *,
    member: Membership | None = None,
    mapping: Mapping[str, Target] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    answers: Mapping[str, str] | None = None,
    is_trial: bool = False,
    form_key: str = "",
) -> int:
    """Keep a file and what can be said of it at once; returns the import's id. ``go_on`` compares it.

    A form that is sent twice (*form_key*) brings it once. Raises what ``brought`` does, and AgreementFirst.
    """
    row = brought(
        firm_id,
        by,
        file_name,
        content,
        member=member,
        mapping=mapping,
        sheet=sheet,
        encoding=encoding,
        answers=answers,
        is_trial=is_trial,
    )
    return keep(row, form_key)


def brought(
    firm_id: int,
    by: str,
    file_name: str,
    content: bytes,
    *,
    member: Membership | None = None,
    mapping: Mapping[str, Target] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    answers: Mapping[str, str] | None = None,
    is_trial: bool = False,
) -> Import:
    """A file with what can be said of it at once, to ``keep``; opening it takes its time.

    *member* is who of the firm brings it; None: an operator. Without a *mapping* the columns go where they went in the
    last file of this shape. Raises what ``read`` does.
    """
    for question, choice in (answers or {}).items():
        require_answer(question, choice)
    read_now = read(content, file_name, country=HOME, mapping=mapping, sheet=sheet, encoding=encoding)
    shape = shape_of(column.key for column in read_now.columns)
    if mapping is None:
        with reading() as session:
            remembered = ImportMapping.remembered(session, firm_id, shape)
        if remembered is not None:
            mapping = {name: Target.parse(target) for name, target in remembered.items()}
            read_now = read(content, file_name, country=HOME, mapping=mapping, sheet=sheet, encoding=encoding)
    by_hand = None if mapping is None else {name: str(target) for name, target in mapping.items()}
    return Import(
        firm_id=firm_id,
        person_id=member.person_id if member else None,
        by=by,
        file_name=one_line(file_name)[:200],
        content=content,
        format=read_now.format.value,
        encoding=read_now.encoding,
        is_encoding_said=encoding is not None,
        sheet=read_now.sheet[:100],
        shape=shape,
        records=read_now.records,
        mapping=by_hand,
        answers=dict(answers or {}),
        is_trial=is_trial,
    )


def keep(row: Import, form_key: str = "") -> int:
    """Keep what was ``brought``; returns its id, or that of what the same form has brought before."""
    with transaction() as session:
        case = Onboarding.of_firm(session, row.firm_id)
        case.require_agreement()
        key = one_line(form_key)[:40] or None
        same = select(Import.id).where(Import.firm_id == row.firm_id, Import.form_key == key)
        before = session.scalars(same).one_or_none() if key else None
        if before is not None:
            return before
        row.form_key, row.created_at = key, now()
        row.origin = dict(origin.get()) if "token" in origin.get() else {}
        row.go(ImportState.UPLOADED, now())
        session.add(row)
        session.flush()
        return row.id


def shape_of(keys: Iterable[str]) -> str:
    """By which the next file of the same columns is known."""
    return sha256("\n".join(keys).encode()).hexdigest()


def map_columns(firm_id: int, import_id: int, mapping: Mapping[str, Target], *, encoding: str | None = None) -> None:
    """Read the file so from the beginning; files of this shape are mapped so from now on."""
    with transaction() as session:
        Onboarding.of_firm(session, firm_id).require_agreement()
        row = Import.get(session, firm_id, import_id)
        row.require(ImportState.UPLOADED, ImportState.PLANNED)
        row.mapping = {name: str(target) for name, target in mapping.items()}
        if encoding:
            row.encoding, row.is_encoding_said = encoding, True
        ImportMapping.remember(session, firm_id, row.shape, row.mapping, now())
        _read_anew(session, row)


def read_otherwise(firm_id: int, import_id: int, *, encoding: str | None = None, sheet: str | None = None) -> None:
    """Read the file in other letters, or another of its sheets, and find out anew where its columns go."""
    with reading() as session:
        row = row_with_file(session, firm_id, import_id)
        content, name, firm_sheet = row.content, row.file_name, row.sheet
    found = read(content, name, country=HOME, sheet=sheet or firm_sheet or None, encoding=encoding)
    with transaction() as session:
        Onboarding.of_firm(session, firm_id).require_agreement()
        row = Import.get(session, firm_id, import_id)
        row.require(ImportState.UPLOADED, ImportState.PLANNED)
        row.encoding, row.is_encoding_said = found.encoding, encoding is not None
        row.sheet, row.format, row.records = found.sheet[:100], found.format.value, found.records
        row.shape, row.mapping = shape_of(column.key for column in found.columns), None
        _read_anew(session, row)


def _read_anew(session: Session, row: Import) -> None:
    forget_records(session, row.id)
    row.is_read, row.counts, row.expected, row.again = False, {}, {}, None
    row.go(ImportState.UPLOADED, now())


def understood_of(firm_id: int, import_id: int) -> Reading:
    """The file as it is read now: its columns, where they go, and how its letters could be read otherwise."""
    with reading() as session:
        row = row_with_file(session, firm_id, import_id)
    found = understood(row)
    if not row.is_encoding_said:
        return found
    return replace(found, guesses=read(row.content, row.file_name, country=HOME, sheet=row.sheet or None).guesses)


def understood(row: Import) -> Reading:
    mapping = None if row.mapping is None else {name: Target.parse(each) for name, each in row.mapping.items()}
    encoding = row.encoding if row.is_encoding_said else None
    return read(row.content, row.file_name, country=HOME, mapping=mapping, sheet=row.sheet or None, encoding=encoding)


def row_with_file(session: Session, firm_id: int, import_id: int) -> Import:
    row = session.get(Import, import_id, options=[undefer(Import.content)])
    if row is None or row.firm_id != firm_id:
        raise NotFound(N_("The import"))
    if not row.content:
        raise FileErased(row.file_name)
    return row


# ---- answered


def require_answer(question: str, choice: str) -> None:
    """Raises AnswerUnfit unless the question can be answered so."""
    if question in {each.value for each in Skipped}:
        allowed: Iterable[Choice] = (Choice.CREATE, Choice.SKIP)
    else:
        allowed = CHOICES[Question(question)] if question in {each.value for each in Question} else ()
    if choice not in {each.value for each in allowed}:
        raise AnswerUnfit(f"{question}={choice}"[:60])


def answer(firm_id: int, import_id: int, question: str, choice: str, record_number: int | None = None) -> None:
    """Answer one record's question, or that of all who have none of their own; an empty *choice* takes it back.

    What it concerns is compared anew by ``go_on``.
    """
    if choice:
        require_answer(question, choice)
    with transaction() as session:
        Onboarding.of_firm(session, firm_id).require_going()
        row = Import.get(session, firm_id, import_id)
        row.require(ImportState.PLANNED, ImportState.UPLOADED)
        pending = row.again
        if record_number is None:
            row.again = _concerned(session, row, question)
            row.answers = _answered(row.answers, question, choice)
        else:
            row.again = [record_number]
            mine = ImportRecord.import_id == import_id, ImportRecord.record == record_number
            one = session.scalars(select(ImportRecord).where(*mine)).one_or_none()
            if one is None:
                raise NotFound(N_("The record"))
            one.answers = _answered(one.answers, question, choice)
        row.again = None if pending is None or row.again is None else [*pending, *row.again]
        row.go(ImportState.UPLOADED, now())


def _concerned(session: Session, row: Import, question: str) -> list[int] | None:
    """Which records ask it; None: too many, or they had an answer that is another now."""
    if question in row.answers:
        return None
    rows = select(ImportRecord.record, ImportRecord.reason, ImportRecord.told).where(ImportRecord.import_id == row.id)
    rows = rows.where(ImportRecord.outcome.in_((Outcome.HELD, Outcome.SKIPPED))).limit(4 * AT_ONCE + 1)
    found = session.execute(rows).tuples().all()
    if len(found) > 4 * AT_ONCE:
        return None
    return [
        number
        for number, reason, told in found
        if question == reason or question in {each for each, _ in told.get("facts", {}).get("all", ())}
    ]


def _answered(answers: Mapping[str, str], question: str, choice: str) -> Facts:
    rest = {name: held for name, held in answers.items() if name != question}
    return rest | ({question: choice} if choice else {})


# ---- worked on


def begin(firm_id: int, import_id: int, by: str = "") -> None:
    """Write what was planned, from now on; ``go_on`` does it. *by*: who says so, unless who has brought it."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_agreement()
        row = Import.get(session, firm_id, import_id)
        row.require(ImportState.PLANNED)
        row.go(ImportState.RUNNING, now())
        row.started_at = now()
        if row.mapping is not None:
            ImportMapping.remember(session, firm_id, row.shape, row.mapping, now())
        record(session, case.id, now(), "import.begun", by or row.by, imported=row.id)


def cancel(firm_id: int, import_id: int, by: str = "") -> None:
    """Stop it; what is written already stays, until it is taken back. *by*: who says so, unless who has brought it."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        row = Import.get(session, firm_id, import_id)
        row.require(ImportState.UPLOADED, ImportState.PLANNED, ImportState.RUNNING)
        done = row.done if row.state is ImportState.RUNNING else 0
        row.go(ImportState.CANCELLED, now())
        row.done = done
        record(session, case.id, now(), "import.cancelled", by or row.by, imported=row.id, done=done)


def is_mine(row: Import, lease: datetime) -> bool:
    return row.due_at == lease


def renew(row: Import) -> datetime:
    row.due_at = now() + LEASE
    return row.due_at


def forget_records(session: Session, import_id: int) -> None:
    for table in (ImportContact, ImportKey, ImportRecord):
        session.execute(delete(table).where(table.import_id == import_id))


def discard(import_id: int) -> None:
    """Leave nothing of an import of which nothing was written."""
    with transaction() as session:
        forget_records(session, import_id)
        session.execute(delete(Import).where(Import.id == import_id))


# ---- looked at


def behind(session: Session, import_id: int, last: int, most: int = AT_ONCE, *which: Any) -> Sequence[ImportRecord]:
    rows = select(ImportRecord).where(ImportRecord.import_id == import_id, ImportRecord.record > last, *which)
    return session.scalars(rows.order_by(ImportRecord.record).limit(most)).all()


def progress(firm_id: int, import_id: int) -> Progress:
    """Where it stands; raises NotFound."""
    with reading() as session:
        row = row_of(session, firm_id, import_id)
        held = select(ImportRecord.question, func.count())
        held = held.where(ImportRecord.import_id == import_id, ImportRecord.question != "")
        questions = dict(session.execute(held.group_by(ImportRecord.question)).tuples().all())
        return Progress(row.id, row.file_name, row.state, row.records, row.done, {**row.counts}, questions)


def row_of(session: Session, firm_id: int, import_id: int) -> Import:
    row = session.get(Import, import_id)
    if row is None or row.firm_id != firm_id:
        raise NotFound(N_("The import"))
    return row


def one(firm_id: int, import_id: int, *, of: int | None = None) -> Import:
    """The firm's import; raises NotFound, also for one that somebody else than *of* has brought."""
    with reading() as session:
        row = row_of(session, firm_id, import_id)
    if of not in {None, row.person_id}:
        raise NotFound(N_("The import"))
    return row


def imports(firm_id: int, before: int | None = None, most: int = 50, *, of: int | None = None) -> list[Import]:
    """The firm's imports, newest first, those before the import *before*; *of* one of its people alone."""
    with reading() as session:
        rows = select(Import).where(Import.firm_id == firm_id, Import.is_trial.is_(False))
        rows = rows.where(Import.person_id == of) if of else rows
        rows = rows.where(Import.id < before) if before else rows
        return list(session.scalars(rows.order_by(Import.id.desc()).limit(most)))


def preview(
    firm_id: int,
    import_id: int,
    outcome: Outcome | None = None,
    question: str = "",
    after: int = 0,
    most: int = 50,
) -> list[ImportRecord]:
    """The records behind the record *after*, of one outcome or with one question, or all."""
    with reading() as session:
        row_of(session, firm_id, import_id)
        which: list[Any] = [ImportRecord.outcome == outcome] if outcome else []
        which += [ImportRecord.question == question] if question else []
        return list(behind(session, import_id, after, most, *which))


def left_out(firm_id: int, import_id: int, after: int = 0, most: int = 50) -> list[ImportRecord]:
    """The records behind the record *after* that are held or refused."""
    with reading() as session:
        row_of(session, firm_id, import_id)
        return list(behind(session, import_id, after, most, ImportRecord.outcome.in_(LEFT_OUT)))


def first_line(firm_id: int, import_id: int) -> str:
    """Of a text file, as it is read now, with its end."""
    with reading() as session:
        row = row_with_file(session, firm_id, import_id)
    return next(iter(row.content.decode(row.encoding, "replace").splitlines()), "").lstrip("\ufeff") + "\r\n"


def each_record(import_id: int) -> Iterator[ImportRecord]:
    """All records in the order of the file, however many."""
    last = 0
    while True:
        with reading() as session:
            rows = behind(session, import_id, last)
        if not rows:
            return
        yield from rows
        last = rows[-1].record
