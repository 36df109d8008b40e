"""Client lists by machine: a file is compared, its questions are answered, and then it is written.

Nothing is written before ``begin``. A list of up to five hundred records is worked on at once, a longer one by a run.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.responses import Response

from deployments.web.api.calls import Call, Calling, Route, fresh
from deployments.web.api.routes import Cursor, Decorator, Limit, add_route, after, next_page
from deployments.web.api.schemas import Sent
from deployments.web.security import UPLOAD, limit
from models.clients.imports import Import, ImportRecord, ImportState, Outcome
from models.db import reading
from models.errors import N_, ProvisionError
from models.people.api_token import Scope
from models.text import one_line
from tasks.clients.imports import course, undo, work
from tasks.clients.imports.draft import CHOICES, Choice, Question, Skipped

router = APIRouter(route_class=Route)

FILE = {
    "required": True,
    "description": "The file as it is: CSV in any encoding, XLSX, XLSB, XLS or ODS, up to 50 MB.",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


class FileEmpty(ProvisionError):
    status = 422
    says = N_("The body is empty: send the file itself as the body of the request.")


class Answer(Sent):
    """How one record, or all that have no answer of their own, are taken."""

    question: str = Field(max_length=40, description="As `question` of a record that is held.")
    choice: Choice | None = Field(None, description="One of `choices` of the record; null takes an answer back.")
    record: Annotated[int, Field(ge=1, le=10**9)] | None = Field(None, description="Of this record; else of all.")


class ImportShown(BaseModel):
    id: int
    file_name: str
    format: str
    encoding: str
    state: ImportState
    records: int
    done: int = Field(description="How far what goes on by itself is.")
    counts: dict[str, int] = Field(description="Records by outcome; they add up to all once it is planned.")
    questions: dict[str, int] = Field(description="Records that are held, by the question that has no answer.")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Import, questions: dict[str, int]) -> "ImportShown":
        names = ("id", "file_name", "format", "encoding", "state", "records", "done", "counts")
        moments = ("created_at", "finished_at")
        return cls(questions=questions, **{name: getattr(row, name) for name in (*names, *moments)})


class Imports(BaseModel):
    imports: list[ImportShown]
    next: str | None = Field(description="Ask again with this as `cursor`; none: these are the last.")


class RecordShown(BaseModel):
    """What becomes of one record; account and contacts as they will stand there afterwards."""

    record: int
    line: int
    outcome: Outcome | None = Field(description="None: not compared yet.")
    reason: str
    question: str
    choices: list[str] = Field(description="How the question can be answered.")
    account_id: int | None
    account: dict[str, Any] | None
    contacts: list[dict[str, Any]]

    @classmethod
    def of(cls, row: ImportRecord) -> "RecordShown":
        return cls(
            record=row.record,
            line=row.line,
            outcome=row.outcome,
            reason=row.reason,
            question=row.question,
            choices=_choices(row),
            account_id=row.client_id,
            account=row.told.get("account"),
            contacts=row.told.get("contacts", []),
        )


class Records(BaseModel):
    records: list[RecordShown]
    next: str | None = Field(description="Ask again with this as `cursor`; none: these are the last.")


def _choices(row: ImportRecord) -> list[str]:
    if row.outcome is Outcome.SKIPPED and row.reason in set(Skipped):
        return [Choice.CREATE.value, Choice.SKIP.value]
    return [choice.value for choice in CHOICES[Question(row.question)]] if row.question else []


def _shown(call: Call, import_id: int) -> ImportShown:
    with reading() as session:
        row = course.row_of(session, call.member.firm_id, import_id)
    return ImportShown.of(row, course.progress(call.member.firm_id, import_id).questions)


IMPORTS = "/imports"
ONE = "/imports/{import_id}"


def route(method: str, path: str, summary: str, **more: Any) -> Decorator:
    return add_route(router, method, path, Scope.IMPORTS_WRITE, summary, **more)


@route("GET", IMPORTS, "List imports", gives=Imports)
def list_imports(call: Calling, limit: Limit = 50, cursor: Cursor = "") -> Response:
    """The newest first."""
    rows = course.imports(call.member.firm_id, after(call, cursor) or None, limit + 1)
    shown = [ImportShown.of(row, {}) for row in rows[:limit]]
    return call.shown(Imports(imports=shown, next=next_page(call, shown[-1].id if len(rows) > limit else None)))


@route("POST", IMPORTS, "Compare a client list", gives=ImportShown, status=201, body=FILE)
def upload(
    call: Calling,
    file_name: Annotated[
        str, Query(min_length=1, max_length=200, description="What the file is called, with its end.")
    ],
    encoding: Annotated[str, Query(max_length=40, description="If it is known; else it is guessed.")] = "",
    sheet: Annotated[str, Query(max_length=100, description="Of a spreadsheet with several.")] = "",
) -> Response:
    """Every record gets one outcome; nothing is written before `begin`."""
    if not call.body:
        raise FileEmpty
    limit(UPLOAD, "api-upload", str(call.caller.token_id))
    member, content, name = call.member, call.body, one_line(file_name)
    said, which = encoding or None, sheet or None
    brought = course.brought(member.firm_id, call.by, name, content, member=member, encoding=said, sheet=which)

    def act() -> ImportShown:
        import_id = course.keep(brought)
        return fresh(lambda: _shown(call, import_id))

    kept = call.done(act, status=201, place=lambda made: f"/imports/{made.id}")
    import_id = ImportShown.model_validate_json(bytes(kept.body)).id
    work.carry_on(import_id)
    return call.as_it_is(kept, _shown(call, import_id))


@route("GET", ONE, "Read an import", gives=ImportShown)
def read_import(call: Calling, import_id: int) -> Response:
    """While `state` is uploaded, running or undoing something goes on by itself: ask again in a while."""
    return call.shown(_shown(call, import_id))


@route("GET", f"{ONE}/records", "List the records of an import", gives=Records)
def list_records(
    call: Calling,
    import_id: int,
    limit: Limit = 50,
    cursor: Cursor = "",
    outcome: Outcome | None = None,
    question: Annotated[str, Query(max_length=40, description="Only those that wait for its answer.")] = "",
) -> Response:
    """In the order of the file."""
    last, asked = after(call, cursor), one_line(question)
    rows = course.preview(call.member.firm_id, import_id, outcome, asked, last, limit + 1)
    shown = [*map(RecordShown.of, rows[:limit])]
    return call.shown(Records(records=shown, next=next_page(call, shown[-1].record if len(rows) > limit else None)))


@route("POST", f"{ONE}/answers", "Answer a question of an import", gives=ImportShown)
def answer(call: Calling, import_id: int, sent: Answer) -> Response:
    """The list is compared anew with it."""

    def act() -> ImportShown:
        choice = sent.choice.value if sent.choice else ""
        course.answer(call.member.firm_id, import_id, one_line(sent.question), choice, sent.record)
        return fresh(lambda: _shown(call, import_id))

    return _goes_on(call.done(act), import_id)


@route("POST", f"{ONE}/begin", "Write what was compared", gives=ImportShown)
def begin(call: Calling, import_id: int) -> Response:
    """What is held or refused is left out."""

    def act() -> ImportShown:
        course.begin(call.member.firm_id, import_id, call.by)
        return fresh(lambda: _shown(call, import_id))

    return _goes_on(call.done(act), import_id)


@route("POST", f"{ONE}/cancel", "Stop an import", gives=ImportShown)
def cancel(call: Calling, import_id: int) -> Response:
    """What is written already stays, until it is undone."""

    def act() -> ImportShown:
        course.cancel(call.member.firm_id, import_id, call.by)
        return fresh(lambda: _shown(call, import_id))

    return call.done(act)


@route("POST", f"{ONE}/undo", "Take an import back", gives=ImportShown)
def take_back(call: Calling, import_id: int) -> Response:
    """As a whole; refused with `built-on` where something was done since with what it has brought."""
    undo.require_unused(call.member.firm_id, import_id)

    def act() -> ImportShown:
        undo.begin_undo(call.member.firm_id, import_id, call.by)
        return fresh(lambda: _shown(call, import_id))

    return _goes_on(call.done(act), import_id)


def _goes_on(response: Response, import_id: int) -> Response:
    response.background = BackgroundTask(work.carry_on, import_id)
    return response
