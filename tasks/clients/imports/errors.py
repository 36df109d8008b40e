"""What could not be stored goes back to the firm as a file, which can be corrected and imported again."""

import csv
from collections.abc import Callable, Iterator, Sequence
from io import StringIO

from models.clients.imports import ImportMapping, ImportRecord
from models.db import transaction
from models.onboarding import Onboarding
from models.time.clock import now
from tasks.clients.imports.course import AT_ONCE, first_line, left_out, shape_of, understood_of
from tasks.clients.imports.draft import Format, Question
from tasks.clients.imports.guard import LINE, WHY, guarded

BOM = "\ufeff"


def error_rows(
    firm_id: int, import_id: int, tell: Callable[[ImportRecord], str] = lambda row: row.reason
) -> Iterator[str]:
    """The lines of a CSV file in UTF-8 with all records that are held or refused, each with its line and why.

    Its columns will go where they go in this file. *tell* says why in the reader's language.
    """
    read_now = understood_of(firm_id, import_id)
    is_datev = read_now.format is Format.DATEV  # Its first line says what the file is.
    keys = [column.key for column in read_now.columns]
    with transaction() as session:
        if Onboarding.of_firm(session, firm_id).stopped_at is None:
            mapping = {key: str(target) for key, target in read_now.mapping.items()}
            ImportMapping.remember(session, firm_id, shape_of((LINE, WHY, *keys)), mapping, now())
    return _lines(firm_id, import_id, keys, first_line(firm_id, import_id) if is_datev else "", tell)


def _lines(
    firm_id: int, import_id: int, keys: Sequence[str], before: str, tell: Callable[[ImportRecord], str]
) -> Iterator[str]:
    yield BOM + before + _line([LINE, WHY, *keys])
    last = 0
    while rows := left_out(firm_id, import_id, last, AT_ONCE):
        for row in rows:
            cells = [str(row.line), guarded(tell(row)), *(guarded(cell) for cell in row.draft["raw"])]
            # A quote that nobody closed stays as it is: whoever corrects the row sees it, or is asked again.
            yield ";".join(cells) + "\r\n" if row.question == Question.UNCLOSED_QUOTE else _line(cells)
        last = rows[-1].record


def _line(cells: Sequence[str]) -> str:
    written = StringIO()
    csv.writer(written, delimiter=";", lineterminator="\r\n").writerow(cells)
    return written.getvalue()
