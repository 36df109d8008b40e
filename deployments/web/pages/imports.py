"""Client lists brought as files: what was read, what will become of it, questions, and what came of it."""

from collections.abc import Callable, Collection
from secrets import token_urlsafe
from typing import Any

from babel.numbers import format_decimal
from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from deployments.web.pages.account_forms import of_firm
from deployments.web.security import limit_uploads
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting, member
from models.clients.imports import AT_WORK, LEFT_OUT, Import, ImportState, Outcome
from models.errors import ProvisionError
from models.onboarding import AgreementFirst, Stopped
from models.text import row_number
from tasks.clients.imports import course, errors, telling, undo, words, work
from tasks.clients.imports.draft import Column, Field, Format, Guess, Question, Reading, Skipped, Target
from tasks.clients.imports.source import ROWS_MOST, SIZE_MOST
from tasks.people.sessions import Membership

router = APIRouter()

COLUMNS_MOST = 380
"""Columns that are offered to be mapped by hand; a form takes no more fields."""
LOOK_AGAIN = 4
"""Seconds after which a page that shows work looks again."""
SECOND_PERSON = (
    Field.GIVEN_NAME,
    Field.FAMILY_NAME,
    Field.FULL_NAME,
    Field.TITLE,
    Field.SALUTATION,
    Field.EMAIL,
    Field.PHONE,
    Field.MOBILE,
    Field.BIRTHDAY,
)
"""What a column can tell of a second person in the same row."""
OF_ACCOUNT = [*Field][1 : [*Field].index(Field.STREET)]
OF_PLACE = [*Field][[*Field].index(Field.STREET) : [*Field].index(Field.TITLE)]
OF_PERSON = [*Field][[*Field].index(Field.TITLE) :]


# ---- a file is brought


@router.get("/firm/{firm_id}/accounts/import")
def ask_for_file(visit: Visiting, firm_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    return visit.page("imports/upload.html", form=Form({"form_key": token_urlsafe(12)}), **_listed(visit, staff))


def _listed(visit: Visit, staff: Membership) -> dict[str, Any]:
    before = row_number(visit.request.query_params.get("before", ""))
    rows = course.imports(staff.firm_id, before, 20, of=_own(staff))
    return {
        **of_firm(visit, staff),
        "imports": rows,
        "first": before is None,
        "states": telling.STATES,
        "megabytes": SIZE_MOST // 10**6,
        "rows_most": format_decimal(ROWS_MOST, locale=visit.reader.locale),
    }


def _own(staff: Membership) -> int | None:
    """Of whom they see the imports; None: of everybody, as they see all accounts."""
    return None if staff.rights.sees_all else staff.person_id


@router.post("/firm/{firm_id}/accounts/import", dependencies=[Depends(limit_uploads)])
def upload(visit: Submitting, firm_id: int) -> Response:
    """Keep the file and look at it; a form that is sent twice brings it once."""
    staff = visit.require_staff(firm_id, manages=True)
    name = ""
    try:
        name, content = visit.file("file")
        by, key = visit.signed_in().email, visit.text("form_key")
        import_id = course.start(firm_id, by, name, content, member=staff, form_key=key)
    except ProvisionError as refusal:
        place = "" if isinstance(refusal, (AgreementFirst, Stopped)) else "file"
        values = {"form_key": token_urlsafe(12)}
        return visit.again("imports/upload.html", {place: refusal}, values=values, tried=name, **_listed(visit, staff))
    page = f"/firm/{firm_id}/accounts/imports/{import_id}"
    return _go_on(visit, import_id, f"{page}/columns" if _is_unclear(firm_id, import_id) else page)


def _is_unclear(firm_id: int, import_id: int) -> bool:
    """Whether somebody should look at columns, letters or sheets first; columns are known from a file of this shape."""
    found, row = course.understood_of(firm_id, import_id), course.one(firm_id, import_id)
    unknown = [column for column in found.columns if column.target is None and column.examples]
    return (
        len(found.guesses) > 1
        or len(found.sheets) > 1
        or not found.header_line
        or (bool(unknown) and found.format is Format.TABLE and row.mapping is None)
    )


def _go_on(visit: Visit, import_id: int, path: str) -> Response:
    """What goes on by itself is begun; the page there shows how far it is."""
    work.carry_on(import_id)
    return visit.go(path)


# ---- how it is read


@router.get("/firm/{firm_id}/accounts/imports/{import_id}/columns")
def columns(visit: Visiting, firm_id: int, import_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    row = _import(staff, import_id)
    row.require(ImportState.UPLOADED, ImportState.PLANNED)
    return visit.page("imports/columns.html", **_columns(visit, staff, row))


def _columns(visit: Visit, staff: Membership, row: Import) -> dict[str, Any]:
    found = course.understood_of(staff.firm_id, row.id)
    return {
        **of_firm(visit, staff),
        "row": row,
        "found": found,
        "format": visit.reader.gettext(words.FORMATS[found.format]),
        "columns": [(at, column, _value(column)) for at, column in _offered(found)],
        "guesses": [
            (guess.encoding, letters(guess.encoding), _telling(guess, found.delimiter)) for guess in found.guesses
        ],
        "hidden": sum(not column.examples for column in found.columns),
        "targets": _targets(visit, found),
    }


def letters(encoding: str) -> str:
    """What people may know an encoding by."""
    return f"{KNOWN_BY[encoding]} ({encoding})" if encoding in KNOWN_BY else encoding


KNOWN_BY = {"cp1252": "Windows", "cp1250": "Windows", "mac_roman": "Mac", "cp850": "DOS", "cp437": "DOS"}


def _telling(guess: Guess, delimiter: str) -> list[str]:
    """The cells of its lines in which letters stand that are not the same in all encodings."""
    cells = [cell.strip(' "') for line in guess.lines for cell in line.split(delimiter or "\n")]
    return list(dict.fromkeys(cell for cell in cells if not cell.isascii()))[:CELLS]


CELLS = 6


def _offered(found: Reading) -> list[tuple[int, Column]]:
    """The columns in which something stands."""
    return [(at, column) for at, column in enumerate(found.columns) if column.examples][:COLUMNS_MOST]


def _value(column: Column) -> str:
    return str(column.target or Target(Field.IGNORE))


def _targets(visit: Visit, found: Reading) -> list[tuple[str, list[tuple[str, str]]]]:
    """Where a column may go, by what it tells of."""
    say = visit.reader.gettext
    used = {column.target for column in found.columns if column.target is not None and column.target.person > 1}
    second = {*used, *(Target(each, 2) for each in SECOND_PERSON)}
    more = sorted(second, key=lambda target: (target.person, [*Field].index(target.field)))
    others = [(str(each), _of_other(visit, each)) for each in more]
    return [
        ("", [(Field.IGNORE.value, say(words.FIELDS[Field.IGNORE]))]),
        *(
            (say(head), _options(visit, of))
            for head, of in zip(telling.PARTS, (OF_ACCOUNT, OF_PLACE, OF_PERSON), strict=True)
        ),
        (say(telling.OTHER_PEOPLE), others),
    ]


def _options(visit: Visit, fields: list[Field]) -> list[tuple[str, str]]:
    return [(each.value, visit.reader.gettext(words.FIELDS[each])) for each in fields]


def _of_other(visit: Visit, target: Target) -> str:
    says = visit.reader.gettext(words.FIELDS[target.field])
    return visit.reader.fill(telling.OF_OTHER, {"field": says, "number": target.person})


@router.post("/firm/{firm_id}/accounts/imports/{import_id}/columns")
def map_columns(visit: Submitting, firm_id: int, import_id: int) -> Response:
    """Where the columns go, or in which letters or of which sheet the file is read."""
    staff = visit.require_staff(firm_id, manages=True)
    row = _import(staff, import_id)
    page = f"/firm/{firm_id}/accounts/imports/{import_id}"
    try:
        if visit.text("act") == "read":
            encoding, sheet = visit.text("encoding") or None, visit.text("sheet") or None
            course.read_otherwise(firm_id, import_id, encoding=encoding, sheet=sheet)
            return _go_on(visit, import_id, f"{page}/columns?said=import_read")
        found = course.understood_of(firm_id, import_id)
        course.map_columns(firm_id, import_id, _mapping(visit, found))
    except ProvisionError as refusal:
        return visit.again("imports/columns.html", refusal, **_columns(visit, staff, row))
    return _go_on(visit, import_id, page)


def _mapping(visit: Submission, found: Reading) -> dict[str, Target]:
    """As it was chosen; a column that was not offered, or at which something strange stands, stays where it goes."""
    mapping = dict(found.mapping)
    for at, column in _offered(found):
        try:
            mapping[column.key] = Target.parse(visit.text(f"column-{at}"))
        except ValueError:
            continue
    return mapping


# ---- what becomes of it


@router.get("/firm/{firm_id}/accounts/imports/{import_id}")
def one(visit: Visiting, firm_id: int, import_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    row = _import(staff, import_id)
    answer = visit.page("imports/import.html", **_one(visit, staff, row))
    if row.state in AT_WORK and "still" not in visit.request.query_params:
        answer.headers["Refresh"] = str(LOOK_AGAIN)
    return answer


def _one(visit: Visit, staff: Membership, row: Import) -> dict[str, Any]:
    query = visit.request.query_params
    outcome, question = member(Outcome, query.get("outcome", "")), member(Question, query.get("question", ""))
    after = row_number(query.get("after", "")) or 0
    progress = course.progress(staff.firm_id, row.id)
    records = course.preview(staff.firm_id, row.id, outcome, question or "", after, PAGE + 1)
    reader = visit.reader
    return {
        **of_firm(visit, staff),
        "row": row,
        "state": telling.STATES[row.state],
        "progress": progress,
        "works": row.state in AT_WORK,
        "open": row.state in {ImportState.UPLOADED, ImportState.PLANNED},
        "done": row.state in {ImportState.DONE, ImportState.CANCELLED},
        "format": reader.gettext(words.FORMATS[Format(row.format)]),
        "letters": letters(row.encoding),
        "counts": [
            (each.value, reader.gettext(telling.OUTCOMES[each]), progress.counts[each])
            for each in Outcome
            if progress.counts.get(each)
        ],
        "questions": [
            (kind, telling.heading(kind, reader), number, telling.choices(kind, reader))
            for kind, number in sorted(progress.questions.items(), key=lambda each: -each[1])
        ],
        "answers": [telling.asked(kind, choice, reader) for kind, choice in row.answers.items()],
        "records": [telling.told(each, reader) for each in records[:PAGE]],
        "after": records[PAGE - 1].record if len(records) > PAGE else 0,
        "asked": {name: each.value for name, each in (("outcome", outcome), ("question", question)) if each},
        "first": not after,
        "alike": {kind for kind, number in progress.questions.items() if number > 1} | {each.value for each in Skipped},
        "outcomes": telling.OUTCOMES,
        "left_out": sum(progress.counts.get(each, 0) for each in LEFT_OUT),
        "expected": row.expected,
        "still": "still" in query,
    }


PAGE = 50


@router.post("/firm/{firm_id}/accounts/imports/{import_id}/answers")
def answer(visit: Submitting, firm_id: int, import_id: int) -> Response:
    """One record's question, or all of a kind; an empty choice takes the answer back."""
    staff = visit.require_staff(firm_id, manages=True)
    _import(staff, import_id)
    record = None if visit.ticked("all") else row_number(visit.text("record")) or 0
    try:
        course.answer(firm_id, import_id, visit.text("question"), visit.text("choice"), record)
    except ProvisionError as refusal:
        return visit.again("imports/import.html", refusal, **_one(visit, staff, _import(staff, import_id)))
    place = f"#record-{record}" if record else "#questions"
    return _go_on(visit, import_id, f"{_here(visit, firm_id, import_id)}{place}")


def _here(visit: Submission, firm_id: int, import_id: int) -> str:
    """The page as it was looked at."""
    page = f"/firm/{firm_id}/accounts/imports/{import_id}"
    asked = [f"{name}={text}" for name in ("outcome", "question") if (text := visit.text(name + "_shown"))]
    after = row_number(visit.text("after_shown"))
    query = "&".join([*asked, f"after={after}"] if after else asked)
    return f"{page}?{query}" if query else page


@router.post("/firm/{firm_id}/accounts/imports/{import_id}/begin")
def begin(visit: Submitting, firm_id: int, import_id: int) -> Response:
    """Whoever presses the button second, or twice, sees how far it is."""
    by, is_done = visit.signed_in().email, {ImportState.RUNNING, ImportState.DONE}
    return _act(visit, firm_id, import_id, lambda firm, which: course.begin(firm, which, by), is_done)


@router.post("/firm/{firm_id}/accounts/imports/{import_id}/cancel")
def cancel(visit: Submitting, firm_id: int, import_id: int) -> Response:
    by = visit.signed_in().email
    is_done = {ImportState.CANCELLED}
    return _act(visit, firm_id, import_id, lambda firm, which: course.cancel(firm, which, by), is_done)


def _act(
    visit: Submission,
    firm_id: int,
    import_id: int,
    act: Callable[[int, int], None],
    is_done: Collection[ImportState],
) -> Response:
    """*is_done*: states in which somebody has done so already, so that there is nothing to refuse."""
    staff = visit.require_staff(firm_id, manages=True)
    if _import(staff, import_id).state in is_done:
        return visit.go(f"/firm/{firm_id}/accounts/imports/{import_id}")
    try:
        act(firm_id, import_id)
    except ProvisionError as refusal:
        return visit.again("imports/import.html", refusal, **_one(visit, staff, _import(staff, import_id)))
    return _go_on(visit, import_id, f"/firm/{firm_id}/accounts/imports/{import_id}")


@router.post("/firm/{firm_id}/accounts/imports/{import_id}/errors.csv")
def error_rows(visit: Submitting, firm_id: int, import_id: int) -> Response:
    """What could not be imported, to be corrected and brought again; its columns are remembered."""
    _import(visit.require_staff(firm_id, manages=True), import_id)
    rows = errors.error_rows(firm_id, import_id, lambda row: telling.why(row, visit.reader))
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}.csv"'}
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)


# ---- taken back


@router.get("/firm/{firm_id}/accounts/imports/{import_id}/undo")
def ask_to_undo(visit: Visiting, firm_id: int, import_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    return visit.page("imports/undo.html", **_undo(visit, staff, import_id))


def _undo(visit: Visit, staff: Membership, import_id: int) -> dict[str, Any]:
    row = _import(staff, import_id)
    row.require(ImportState.DONE, ImportState.CANCELLED)
    found = undo.in_the_way(staff.firm_id, import_id)
    return {
        **of_firm(visit, staff),
        "row": row,
        "made": row.counts.get(Outcome.CREATE, 0),
        "obstacles": telling.obstacles(found, visit.reader),
        "named": NAMED,
    }


NAMED = 10
"""Of those with whom the same is the matter."""


@router.post("/firm/{firm_id}/accounts/imports/{import_id}/undo")
def take_back(visit: Submitting, firm_id: int, import_id: int) -> Response:
    staff = visit.require_staff(firm_id, manages=True)
    if _import(staff, import_id).state in {ImportState.UNDOING, ImportState.UNDONE}:
        return visit.go(f"/firm/{firm_id}/accounts/imports/{import_id}")
    try:
        undo.undo(firm_id, import_id, visit.signed_in().email)
    except undo.BuiltOn:  # The page says what stands in the way.
        return visit.page("imports/undo.html", status=409, **_undo(visit, staff, import_id))
    return _go_on(visit, import_id, f"/firm/{firm_id}/accounts/imports/{import_id}")


def _import(staff: Membership, import_id: int) -> Import:
    """The firm's own, of which the visitor sees the accounts; raises NotFound."""
    return course.one(staff.firm_id, import_id, of=_own(staff))
