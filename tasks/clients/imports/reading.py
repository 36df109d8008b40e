"""A file of clients, read: which program wrote it, in which letters, its columns, and a draft for each record."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from models.clients.naming import is_company
from models.errors import N_, ProvisionError
from models.text import one_line
from tasks.clients.imports.draft import Column, Draft, Field, Format, Reading, Target
from tasks.clients.imports.formats import (
    CATEGORIES,
    CLIENTS_CATEGORY,
    DATEV_MARKS,
    ColumnUnknown,
    Known,
    OtherCategory,
    folded,
    known,
)
from tasks.clients.imports.guard import LINE, unguarded
from tasks.clients.imports.records import Layout
from tasks.clients.imports.source import (
    CELLS_MOST,
    HEADERS_WITHIN,
    ROWS_MOST,
    SIZE_MOST,
    SPREADSHEETS,
    Cells,
    Content,
    FileTooLarge,
    NotATable,
    Row,
    Sheet,
    Text,
    TooManyRows,
    beginning,
    sheets_of,
    size_of,
    text_of,
)

DELIMITERS = (";", ",", "\t", "|")
TRIED = 200
"""Records by which the sign between cells and the header are found."""
EXAMPLES, BESIDE_MOST = 3, 100
SIGN_TOLD = re.compile(r'"?sep=(.)"?[;,\t]*', re.IGNORECASE)
TOTALS = re.compile(
    r"(?:(?:zwischen|end|gesamt)?summe|total|gesamt(?:zahl)?|anzahl|ergebnis|somme|nombre)"
    r"(?:\s+(?:der\s+|des\s+|de\s+)?(?:mandanten|kunden|datensätze|kontakte|adressen|clients|records|einträge))?\s*[:=]?\s*[\d.,]*"
    r"|(?:seite|page)\s+\d+.*|stand\s*:?\s*\d.*|gedruckt am.*|ende der (?:liste|auswertung).*"
    r"|\d+ (?:datensätze|einträge|mandanten|kunden|zeilen|records|rows|clients)\b.*",
    re.IGNORECASE,
)
"""What stands below a table, or between two pages of it."""


SWISS = frozenset({"npa", "npalocalite", "noide", "uidmwst", "mwstnr"})
"""Names of columns by which a table is from Switzerland."""


class SheetUnknown(ProvisionError):
    status = 422
    says = N_("The file has no sheet “%(sheet)s” that can be seen: choose one of its own.")

    def __init__(self, sheet: str) -> None:
        super().__init__(sheet)
        self.sheet = sheet


class VcardUnsupported(ProvisionError):
    status = 422
    says = N_(
        "“%(filename)s” holds business cards (vCard), which are not read: export the contacts as CSV and choose that "
        "file."
    )

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.filename = filename


Rows = Callable[[int], Iterator[Row]]
"""All rows of a table from the top, of so many cells as far as that is known already (0: it is not)."""


@dataclass(frozen=True)
class _Sight:
    """What the first rows show."""

    header: int
    """Which of them tells what the columns are; -1: none does."""
    known: Known
    columns: tuple[str, ...]
    account_digits: int = 0


@dataclass(frozen=True)
class _Table:
    """The rows of a file of which it is known which of them is the header."""

    rows: Rows
    sight: _Sight
    keys: tuple[str, ...]

    def records(self) -> Iterator[Row]:
        """All rows that are records, from the first."""
        header = tuple(cell.strip() for cell in self.sight.columns)
        is_ours = LINE in self.keys
        for at, row in enumerate(self.rows(len(self.keys))):
            if at > self.sight.header and not _is_beside(row, header):
                yield row._replace(cells=tuple(map(unguarded, row.cells))) if is_ours else row

    def targets(self, mapping: Mapping[str, Target]) -> list[Target | None]:
        """Where each column goes, with what is said by hand; raises ColumnUnknown."""
        targets = list(self.sight.known.targets)
        places = {folded(key): at for at, key in reversed([*enumerate(self.keys)])}
        places |= {key: at for at, key in enumerate(self.keys)}
        for key, target in mapping.items():
            at = places.get(key, places.get(folded(key)) if folded(key) else None)
            if at is None:
                raise ColumnUnknown(key[:60])
            targets[at] = target
        return targets

    def count(self) -> tuple[int, tuple[tuple[int, str], ...]]:
        """How many records there are, and what stands beside them; raises TooManyRows."""
        header = tuple(cell.strip() for cell in self.sight.columns)
        count = 0
        beside: list[tuple[int, str]] = []
        for at, row in enumerate(self.rows(len(self.keys))):
            if at > self.sight.header and not _is_beside(row, header):
                count += 1
                if count > ROWS_MOST:
                    raise TooManyRows
            elif at != self.sight.header and len(beside) < BESIDE_MOST and not row.is_blank:
                beside.append((row.line, " ".join(one_line(cell) for cell in row.cells if cell.strip())[:100]))
        return count, tuple(beside)

    @property
    def header_line(self) -> int:
        at = self.sight.header
        return next(islice(self.rows(0), at, None)).line if at >= 0 else 0

    def layout(self, targets: Sequence[Target | None], sample: Sequence[Row], country: str) -> Layout:
        return Layout(
            self.sight.known.format,
            self.keys,
            tuple(targets),
            "CH" if SWISS & {*map(folded, self.keys)} else country,
            least=max((at + 1 for at, cell in enumerate(self.sight.columns) if cell.strip()), default=len(self.keys)),
            account_digits=self.sight.account_digits,
            family_first=_is_family_first(sample, targets),
            month_first=self.sight.known.format is Format.OUTLOOK and "Last Name" in self.keys,
        )


def read(
    content: Content,
    filename: str,
    *,
    country: str,
    mapping: Mapping[str, Target] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
) -> Reading:
    """The file as it can be understood; raises a ProvisionError that says why it cannot.

    *country* is the firm's. What *mapping* says of a column counts before what is known of it; one that it does not
    name goes where it would go by itself.
    """
    if size_of(content) > SIZE_MOST:
        raise FileTooLarge
    head = beginning(content, 512)
    if re.search(rb"BEGIN:\0?V\0?C\0?A\0?R\0?D", head.replace(b"\0", b""), re.IGNORECASE):
        raise VcardUnsupported(filename)
    if re.match(rb"(?:\xef\xbb\xbf)?\s*(?:%PDF|<[!?a-zA-Z]|[{\[])", head):
        raise NotATable(filename)
    if head.startswith(SPREADSHEETS):
        return _of_sheets(sheets_of(content, filename), filename, country, mapping or {}, sheet)
    if sheet is not None:
        raise SheetUnknown(sheet[:60])
    text = text_of(content, filename, encoding)
    delimiter, skipped, sight = _cut(text)

    def rows(width: int) -> Iterator[Row]:
        return Cells(delimiter, width).rows(islice(text.lines(), skipped, None), skipped + 1)

    table = _Table(rows, sight, tuple(_keys(sight.columns)))
    reading = _reading(table, filename, country, mapping or {})
    return replace(reading, encoding=text.encoding, delimiter=delimiter, guesses=text.guesses)


def _of_sheets(
    sheets: Sequence[Sheet], filename: str, country: str, mapping: Mapping[str, Target], wanted: str | None
) -> Reading:
    """The sheet that is wanted, else the first of those in which most columns are known."""
    seen = [(sheet, _look([*islice(sheet.rows(0), TRIED)])) for sheet in sheets if wanted in {None, sheet.name}]
    if not seen:
        raise SheetUnknown((wanted or "")[:60])
    sheet, sight = max(seen, key=lambda both: both[1].known.count)
    table = _Table(sheet.rows, sight, tuple(_keys(sight.columns)))
    reading = _reading(table, filename, country, mapping)
    return replace(reading, sheet=sheet.name, sheets=tuple(one.name for one in sheets))


def _reading(table: _Table, filename: str, country: str, mapping: Mapping[str, Target]) -> Reading:
    targets = table.targets(mapping)
    count, beside = table.count()
    if not count or len(table.keys) > CELLS_MOST:
        raise NotATable(filename)
    sample = [*islice(table.records(), TRIED)]
    return Reading(
        format=table.sight.known.format,
        encoding="",
        delimiter="",
        sheet="",
        sheets=(),
        header_line=table.header_line,
        columns=tuple(
            Column(key, target, _examples(sample, at))
            for at, (key, target) in enumerate(zip(table.keys, targets, strict=True))
        ),
        records=count,
        beside=beside,
        guesses=(),
        begin=partial(_drafts, table, table.layout(targets, sample, country)),
    )


def _cut(text: Text) -> tuple[str, int, _Sight]:
    """The sign between cells, how many lines come before the first row, and what that row and the next ones show."""
    lines = [*islice(text.lines(), TRIED)]
    told = SIGN_TOLD.fullmatch(lines[0].strip(" ")) if lines else None
    first = 1 if told else 0
    ways = [told[1]] if told else DELIMITERS
    best: tuple[tuple[float, ...], str, _Sight] | None = None
    for delimiter in ways:
        sample = [*Cells(delimiter).rows(lines[first:], first + 1)]
        sight = _look(sample)
        widths = [len(row.cells) for row in sample[max(sight.header, 0) :] if not row.is_blank]
        width = len(sight.columns)
        alike = sum(each == width for each in widths) / max(len(widths), 1)
        score = (min(sight.known.count, 3) if width > 1 else sight.known.count, width > 1 and alike >= 0.3, alike)
        if best is None or score > best[0]:
            best = score, delimiter, sight
    assert best is not None
    return best[1], first, best[2]


def _look(sample: Sequence[Row]) -> _Sight:
    """Where the header is among the first rows, and what it says."""
    there = [(at, row) for at, row in enumerate(sample[:HEADERS_WITHIN]) if not row.is_blank]
    if there and _bare(there[0][1].cells[0]).upper() in DATEV_MARKS:
        return _datev(there)
    best: tuple[int, int, Known] | None = None
    for at, row in there:
        filled = [cell for cell in row.cells if cell.strip()]
        if any("@" in cell and "." in cell for cell in filled):
            continue
        found = known(row.cells)
        # Of a header in two rows; a record has a name that is no word for a column.
        is_second = best is not None and best[0] == at - 1 and 1 < found.count == len(filled)
        if found.count >= min(2, len(filled)) and (best is None or is_second or found.count > best[1]):
            best = at, found.count, found
    if best is not None:
        cells = _of_two(sample[best[0] - 1].cells if best[0] else (), sample[best[0]].cells)
        return _Sight(best[0], known(cells), cells)
    widest = max((len(row.cells) for _, row in there), default=0)
    at, row = next(((at, row) for at, row in there if len(row.cells) == widest), (-1, Row(0, ())))
    others = [other for _, other in there if other is not row]
    is_header = (
        bool(others)
        and all(_is_word(cell) for cell in row.cells)
        and any(any(char.isdigit() or char == "@" for char in "".join(other.cells)) for other in others)
    )
    if is_header:
        return _Sight(at, known(row.cells), row.cells)
    return _Sight(-1, Known(Format.TABLE, (None,) * widest), ("",) * widest)


def _of_two(above: tuple[str, ...], header: tuple[str, ...]) -> tuple[str, ...]:
    """The header, with what the row above it calls columns that have no name in it themselves."""
    return tuple(
        above[at] if not cell.strip() and at < len(above) and known((above[at],)).count else cell
        for at, cell in enumerate(header)
    )


def _is_word(cell: str) -> bool:
    return bool(cell.strip()) and not any(char.isdigit() or char == "@" for char in cell)


def _bare(cell: str) -> str:
    return one_line(cell).strip("\"' ")


def _datev(there: Sequence[tuple[int, Row]]) -> _Sight:
    """A file of DATEV's, whose first row says what it holds; raises OtherCategory."""
    facts = [_bare(cell) for cell in there[0][1].cells]
    category = facts[2] if len(facts) > 2 else ""
    if category != CLIENTS_CATEGORY:
        told = facts[3] if len(facts) > 3 else ""
        raise OtherCategory(CATEGORIES.get(category, told[:40]) or category[:10] or "?")
    digits = facts[13] if len(facts) > 13 else ""
    if len(there) < 2:
        return _Sight(-1, Known(Format.DATEV, ()), ())
    at, row = there[1]
    cells = row.cells
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    size = int(digits) + 1 if re.fullmatch("[4-8]", digits) else 0
    return _Sight(at, known(cells, is_datev=True), cells, size)


def _keys(headers: Sequence[str]) -> list[str]:
    """What each column is called, differently from all others."""
    keys: list[str] = []
    taken: set[str] = set()
    for at, header in enumerate(headers):
        name = one_line(header)[:100]
        key, count = name or f"[{at + 1}]", 1
        while key in taken:
            count += 1
            key = f"{name} [{count}]"
        taken.add(key)
        keys.append(key)
    return keys


def _drafts(table: _Table, layout: Layout, after: int) -> Iterator[Draft]:
    for number, row in enumerate(table.records(), 1):
        if number > after:
            yield layout.draft(number, row)


def _examples(sample: Sequence[Row], at: int) -> tuple[str, ...]:
    cells = (one_line(row.cells[at]) for row in sample if at < len(row.cells))
    return tuple(islice(dict.fromkeys(cell[:100] for cell in cells if cell), EXAMPLES))


def _is_family_first(sample: Sequence[Row], targets: Sequence[Target | None]) -> bool:
    """Whether most people in the column of names are written “Muster, Erika”."""
    at = next((at for at, target in enumerate(targets) if target == Target(Field.NAME)), None)
    names = [row.cells[at] for row in sample if at is not None and at < len(row.cells)]
    people = [name for name in names if name.strip() and not is_company(name)]
    return len(people) > 2 and sum("," in name for name in people) * 2 > len(people)


def _is_beside(row: Row, header: tuple[str, ...]) -> bool:
    """Whether a row is none of the table's: blank, the header once more, a letter between groups, a sum."""
    filled = [cell for cell in row.cells if cell and not cell.isspace()]
    if not filled:
        return True
    if row.cells[0].strip() == header[0] and tuple(cell.strip() for cell in row.cells[: len(header)]) == header:
        return True
    if len(filled) > 3:
        return False
    filled = [one_line(cell) for cell in filled]
    if len(filled) == 1 and len(header) > 2 and (len(filled[0]) == 1 or row.is_band):
        return True
    return len(filled) * 2 <= max(len(header), 2) and bool(TOTALS.fullmatch(filled[0]))
