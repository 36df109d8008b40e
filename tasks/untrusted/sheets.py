"""The confined process that opens a spreadsheet (XLSX, XLSB, XLS, ODS) and gives its rows as text.

The answer names the sheets that can be seen; behind it stand, sheet by sheet, a line with the number of the sheet, and
for each row that is not blank its number in the spreadsheet, whether cells in it are one across columns, and its cells.
Numbers are text as it was typed, as far as a spreadsheet keeps that.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO
from math import isfinite
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from tasks.untrusted.confinement import Limits
from tasks.untrusted.sandbox import answer

LOADED_LATER = ("python_calamine",)
LIMITS = Limits(cpu_seconds=60, memory=3 << 30, file_most=600_000_000)
SHEETS_MOST, COLUMNS_MOST, CELLS_MOST = 50, 500, 40_000_000
CELL_MOST = 32_767
"""Characters: no spreadsheet holds more in a cell."""
DIGITS_MOST = 15
"""A spreadsheet keeps no more digits of a number."""


def read(facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], Iterator[bytes]]:
    """All rows of the sheets that can be seen; a file that is no spreadsheet has none."""
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(files[0]))
        names = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible is SheetVisibleEnum.Visible and sheet.typ is SheetTypeEnum.WorkSheet
        ][:SHEETS_MOST]
        sheets = [(name, book.get_sheet_by_name(name)) for name in names]
    except (CalamineError, ValueError, OSError) as error:
        return {"fault": type(error).__name__}, iter(())
    told = [{"name": name, "columns": _columns(sheet), "is_cut": _is_cut(sheet)} for name, sheet in sheets]
    if sum(sheet.height * sheet.width for _, sheet in sheets) > CELLS_MOST or any(
        sheet.height > facts["rows_most"] for _, sheet in sheets
    ):
        return {"fault": "too many rows"}, iter(())
    return {"sheets": told}, _lines([sheet for _, sheet in sheets])


def _columns(sheet: CalamineSheet) -> int:
    return min(sheet.end[1] + 1, COLUMNS_MOST) if sheet.end else 0


def _is_cut(sheet: CalamineSheet) -> bool:
    """Whether it has more columns than are read."""
    return sheet.end is not None and sheet.end[1] >= COLUMNS_MOST


def _lines(sheets: Sequence[CalamineSheet]) -> Iterator[bytes]:
    for number, sheet in enumerate(sheets):
        yield b"%d\n" % number
        for row in _rows(sheet):
            yield json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, int, list[str]]]:
    if sheet.start is None:
        return
    _, first_column = sheet.start
    before: list[str] = [""] * first_column
    bands, below = _merged(sheet)
    kept: dict[int, str] = {}
    for at, values in enumerate(sheet.iter_rows()):  # From the top, though not from the left.
        cells = before + [_told(value) for value in values[: COLUMNS_MOST - first_column]]
        for column in below.get(at, ()):
            if column < len(cells) and not cells[column]:
                cells[column] = kept.get(column, "")
        kept = {column: cells[column] for column in below.get(at + 1, ()) if column < len(cells)}
        while cells and not cells[-1]:
            cells.pop()
        if any(cells):
            yield at + 1, int(at in bands), cells


def _merged(sheet: CalamineSheet) -> tuple[set[int], dict[int, list[int]]]:
    """Rows in which cells are one across columns, and by row the columns whose cell is that of the row above."""
    bands: set[int] = set()
    below: dict[int, list[int]] = {}
    left = 1_000_000
    for (top, first), (bottom, last) in sheet.merged_cell_ranges or ():
        left -= bottom - top + 1
        if left < 0:
            break
        if last > first:
            bands |= {*range(top, bottom + 1)}
        else:
            for row in range(top + 1, bottom + 1):
                below.setdefault(row, []).append(first)
    return bands, below


def _told(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value[:CELL_MOST]
        case int() | float():
            return _digits(value)
        case datetime():
            return str(value.date() if value.time() == time() else value)
        case date() | time() | timedelta():
            return str(value)
        case _:
            return ""


def _digits(value: float) -> str:
    """A whole number without a point; one with more digits than are kept as what it is: an estimate."""
    if not isfinite(value):
        return ""
    if value == int(value) and abs(value) < 10**DIGITS_MOST:
        return str(int(value))
    return f"{value:.2E}" if abs(value) >= 10**DIGITS_MOST else repr(value)


if __name__ == "__main__":
    answer(read, LOADED_LATER, LIMITS)
