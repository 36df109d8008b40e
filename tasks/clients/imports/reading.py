"""A file of clients, read: which program wrote it, in which letters, its columns, and a draft for each record."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice

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
from tasks.clients.imports.guesses import NAMED, guessed, is_header
from tasks.clients.imports.records import Layout
from tasks.clients.imports.source import (
    CELLS_MOST,
    HEADERS_WITHIN,
    ROWS_MOST,
    SIZE_MOST,
    SPREADSHEETS,
    WRAPPED,
    Cells,
    Content,
    FileTooLarge,
    NoRecords,
    NotATable,
    Row,
    Sheet,
    Text,
    TooManyColumns,
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
ALL_SHEETS = "*"
"""Which no sheet can be called: all those with clients, one after the other."""
SIGN_TOLD = re.compile(r'"?sep=(.)"?[;,\t]*', re.IGNORECASE)
TOTALS = re.compile(
    r"(?:(?:zwischen|end|gesamt)?summe|total|gesamt(?:zahl)?|(?:gesamt)?anzahl|ergebnis|somme|nombre)"
    r"(?:\s+(?:der\s+|des\s+|de\s+)?(?:mandanten|kunden|datensätze|kontakte|adressen|clients|records|einträge))?\s*[:=]?\s*[\d.,]*"
    r"|(?:seite|page)\s+\d+.*|stand\s*:?\s*\d.*"
    r"|(?:gedruckt|erstellt|exportiert|ausgedruckt)\s+(?:am|von)\b.*|ende der (?:liste|auswertung).*"
    r"|\d+ (?:datensätze|einträge|mandanten|kunden|zeilen|records|rows|clients)\b.*",
    re.IGNORECASE,
)
"""What stands below a table, or between two pages of it."""


SWISS = frozenset({"npa", "npalocalite", "noide", "uidmwst", "uidmwstnr", "mwstnr", "natel", "kanton", "canton"})
"""Names of columns by which a table is from Switzerland."""
HOW_REACHED = frozenset({Field.EMAIL, Field.PHONE, Field.POSTCODE, Field.POSTCODE_AND_CITY})


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
    is_order_guessed: bool = False


@dataclass(frozen=True)
class _Table:
    """The rows of a file, or of a sheet of it, of which it is known which of them is the header."""

    rows: Rows
    sight: _Sight
    keys: tuple[str, ...]
    sheet: str = ""
    """Its name, if it is one of several that are read."""

    def _sorted(self) -> Iterator[tuple[Row, bool]]:
        """All rows but the header, and whether each is a record or stands beside them."""
        header = tuple(cell.strip() for cell in self.sight.columns)
        above: set[tuple[str, ...]] = set()
        for at, row in enumerate(self.rows(len(self.keys))):
            if at > self.sight.header:
                yield row, not (_is_beside(row, header) or (above and _title(row) in above))
            elif at < self.sight.header:
                above |= {_title(row)} - {()}
                yield row, False

    def records(self) -> Iterator[Row]:
        """All rows that are records, from the first."""
        is_ours = LINE in self.keys
        for row, is_record in self._sorted():
            if is_record:
                yield row._replace(cells=tuple(map(unguarded, row.cells))) if is_ours else row

    def targets(self, mapping: Mapping[str, Target]) -> list[Target | None]:
        """Where each column goes, with what is said by hand."""
        targets = list(self.sight.known.targets)
        for key, target in mapping.items():
            at = self.place(key)
            if at is not None:
                targets[at] = target
        return targets

    def place(self, key: str) -> int | None:
        """Which column is meant by this, however it is spelled."""
        if key in self.keys:
            return self.keys.index(key)
        return next((at for at, own in enumerate(self.keys) if folded(own) == folded(key) != ""), None)

    def count(self) -> tuple[int, list[tuple[int, str]]]:
        """How many records there are, and what stands beside them; raises TooManyRows."""
        count = 0
        beside: list[tuple[int, str]] = []
        for row, is_record in self._sorted():
            count += is_record
            if count > ROWS_MOST:
                raise TooManyRows
            if not is_record and len(beside) < BESIDE_MOST and not row.is_blank:
                beside.append((row.line, " ".join(one_line(cell) for cell in row.cells if cell.strip())[:100]))
        return count, beside

    @property
    def header_line(self) -> int:
        at = self.sight.header
        return next(islice(self.rows(0), at, None)).line if at >= 0 else 0

    def layout(self, targets: Sequence[Target | None], sample: Sequence[Row], country: str, *, is_said: bool) -> Layout:
        """*is_said*: somebody has said where the columns go."""
        found = self.sight.known.format
        is_swiss = found is Format.BEXIO or bool(SWISS & {*map(folded, self.sight.columns)})
        return Layout(
            found,
            self.keys,
            tuple(targets),
            "CH" if is_swiss else country,
            least=max((at + 1 for at, cell in enumerate(self.sight.columns) if cell.strip()), default=len(self.keys)),
            account_digits=self.sight.account_digits,
            family_first=_is_family_first(sample, targets),
            month_first=found is Format.OUTLOOK and "Last Name" in self.keys,
            is_order_guessed=self.sight.is_order_guessed and not is_said,
            of_sheet=self.sheet,
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
    text = replace(text, is_wrapped=_is_wrapped(text))
    delimiter, skipped, sight = _cut(text)

    def rows(width: int) -> Iterator[Row]:
        return Cells(delimiter, width).rows(islice(text.lines(), skipped, None), skipped + 1)

    table = _Table(rows, sight, tuple(_keys(sight.columns, set())))
    reading = _reading([table], filename, country, mapping or {})
    return replace(reading, encoding=text.encoding, delimiter=delimiter, guesses=text.guesses)


def _of_sheets(
    sheets: Sequence[Sheet], filename: str, country: str, mapping: Mapping[str, Target], wanted: str | None
) -> Reading:
    """The sheet that is wanted, else all with clients; if there is none, the first of those with most known columns."""
    seen = [(one, _look([*islice(one.rows(0), TRIED)])) for one in sheets if wanted in {None, ALL_SHEETS, one.name}]
    if not seen:
        raise SheetUnknown((wanted or "")[:60])
    chosen = [(one, sight) for one, sight in seen if _tells_of_clients(sight)]
    if len(chosen) < 2:
        chosen = [max(seen, key=lambda both: both[1].known.count)]
    if any(one.is_cut for one, _ in chosen):
        raise TooManyColumns
    tables: list[_Table] = []
    taken: set[str] = set()
    for one, sight in chosen:
        before = f"{one.name}: " if tables else ""
        keys = tuple(_keys(sight.columns, taken, before))
        tables.append(_Table(one.rows, sight, keys, one.name if len(chosen) > 1 else ""))
    reading = _reading(tables, filename, country, mapping)
    name = ALL_SHEETS if len(chosen) > 1 else chosen[0][0].name
    return replace(reading, sheet=name, sheets=tuple(one.name for one in sheets))


def _tells_of_clients(sight: _Sight) -> bool:
    fields = {target.field for target in sight.known.targets if target is not None}
    return bool(fields & NAMED) and len(fields) > 1 and (sight.header >= 0 or bool(fields & HOW_REACHED))


def _reading(tables: Sequence[_Table], filename: str, country: str, mapping: Mapping[str, Target]) -> Reading:
    """One file out of its tables: their columns beside each other, their records one after the other."""
    for key in mapping:
        if all(table.place(key) is None for table in tables):
            raise ColumnUnknown(key[:60])
    columns: list[Column] = []
    layouts: list[Layout] = []
    beside: list[tuple[int, str]] = []
    records = 0
    for table in tables:
        targets = table.targets(mapping)
        count, around = table.count()
        records += count
        beside += around
        sample = [*islice(table.records(), TRIED)]
        layouts.append(table.layout(targets, sample, country, is_said=bool(mapping)))
        found = zip(table.keys, targets, strict=True)
        columns += [Column(key, target, _examples(sample, at)) for at, (key, target) in enumerate(found)]
    if any(len(table.keys) > CELLS_MOST for table in tables):
        raise TooManyColumns
    if not records:
        raise NoRecords(filename) if any(table.sight.known.count for table in tables) else NotATable(filename)
    if records > ROWS_MOST:
        raise TooManyRows
    return Reading(
        format=tables[0].sight.known.format,
        encoding="",
        delimiter="",
        sheet="",
        sheets=(),
        header_line=tables[0].header_line,
        columns=tuple(columns),
        records=records,
        beside=tuple(beside[:BESIDE_MOST]),
        guesses=(),
        begin=partial(_drafts, tables, layouts),
    )


def _is_wrapped(text: Text) -> bool:
    """Whether all of the first lines are one quoted cell each, with the same sign between cells in them."""
    lines = [line for line in islice(text.lines(), TRIED) if line.strip()]
    return all(map(WRAPPED.fullmatch, lines)) and any(all(sign in line for line in lines) for sign in DELIMITERS)


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
    if there and there[0][1].cells[0] == LINE:  # Of a file of ours, whatever its other columns are called.
        at, row = there[0]
        return _Sight(at, known(row.cells), row.cells)
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
    return _without_known_header([(at, row) for at, row in enumerate(sample) if not row.is_blank])


def _without_known_header(there: Sequence[tuple[int, Row]]) -> _Sight:
    """Columns that are called by words of somebody's own, or by nothing, and are known by what stands in them."""
    widths = Counter(len(row.cells) for _, row in there if any(any(map(str.isalnum, cell)) for cell in row.cells))
    width = max(widths, key=lambda each: (each > 1, widths[each]), default=0)
    table = [(at, row.cells) for at, row in there if len(row.cells) == width and not row.is_band]
    if table and is_header(table[0][1], [cells for _, cells in table[1:]]):
        at, cells = table[0]
        return _Sight(at, known(cells), cells)
    guess = guessed([cells for _, cells in table], width)
    return _Sight(-1, guess.known, ("",) * width, is_order_guessed=not guess.is_order_sure)


def _of_two(above: tuple[str, ...], header: tuple[str, ...]) -> tuple[str, ...]:
    """The header, with what the row above it calls columns that have no name in it themselves."""
    return tuple(
        above[at] if not cell.strip() and at < len(above) and known((above[at],)).count else cell
        for at, cell in enumerate(header)
    )


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


def _keys(headers: Sequence[str], taken: set[str], before: str = "") -> list[str]:
    """What each column is called, differently from all others that are *taken*."""
    keys: list[str] = []
    for at, header in enumerate(headers):
        own = one_line(header)[:100]
        name = f"{before}{own or f'[{at + 1}]'}"
        key, count = name, 1
        while key in taken:
            count += 1
            key = f"{name if own else before} [{count}]".strip()
        taken.add(key)
        keys.append(key)
    return keys


def _drafts(tables: Sequence[_Table], layouts: Sequence[Layout], after: int) -> Iterator[Draft]:
    """The drafts behind this record; of several tables each has its cells under its own columns."""
    widths = [len(table.keys) for table in tables]
    records = chain.from_iterable(((at, row) for row in table.records()) for at, table in enumerate(tables))
    for number, (at, row) in enumerate(records, 1):
        if number <= after:
            continue
        draft = layouts[at].draft(number, row)
        if len(tables) > 1:
            cells = (*draft.raw, *[""] * (widths[at] - len(draft.raw)))
            draft = replace(draft, raw=(*[""] * sum(widths[:at]), *cells, *[""] * sum(widths[at + 1 :])))
        yield draft


def _examples(sample: Sequence[Row], at: int) -> tuple[str, ...]:
    cells = (one_line(row.cells[at]) for row in sample if at < len(row.cells))
    return tuple(islice(dict.fromkeys(cell[:100] for cell in cells if cell), EXAMPLES))


def _is_family_first(sample: Sequence[Row], targets: Sequence[Target | None]) -> bool:
    """Whether most people in the column of names are written “Muster, Erika”."""
    at = next((at for at, target in enumerate(targets) if target == Target(Field.NAME)), None)
    names = [row.cells[at] for row in sample if at is not None and at < len(row.cells)]
    people = [name for name in names if name.strip() and not is_company(name)]
    return len(people) > 2 and sum("," in name for name in people) * 2 > len(people)


def _title(row: Row) -> tuple[str, ...]:
    """What a row above a table says, whatever the number of its page."""
    return tuple(re.sub(r"\d+", "#", one_line(cell)) for cell in row.cells if cell.strip())


def _is_beside(row: Row, header: tuple[str, ...]) -> bool:
    """Whether a row is none of the table's: blank, a line, the header once more, a letter between groups, a sum."""
    filled = [cell for cell in row.cells if cell and not cell.isspace()]
    if not any(any(map(str.isalnum, cell)) for cell in filled):
        return True
    if row.cells[0].strip() == header[0] and tuple(cell.strip() for cell in row.cells[: len(header)]) == header:
        return True
    if len(filled) > 3:
        return False
    filled = [one_line(cell) for cell in filled]
    if len(filled) == 1 and len(header) > 2 and (len(filled[0]) == 1 or row.is_band):
        return True
    is_short = len(filled) * 2 <= max(len(header), 2) or not any(map(str.isalpha, "".join(filled[1:])))
    return is_short and bool(TOTALS.fullmatch(filled[0]))
