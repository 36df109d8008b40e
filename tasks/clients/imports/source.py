"""A text file's bytes as rows of cells: which letters they are, where lines and cells end.

Nothing here knows what the cells mean. Nothing is held of the file but one record at a time.
"""

import codecs
import io
import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import IO, NamedTuple
from weakref import finalize

from models.errors import N_, ProvisionError
from tasks.clients.imports.draft import Guess
from tasks.untrusted.sandbox import Failed, TooCostly, ask_at_length

SIZE_MOST = 50_000_000
ROWS_MOST = 200_000
HEADERS_WITHIN = 40
"""So many rows may stand above a table."""
SHEET_SECONDS = 90
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How files begin that are spreadsheets, or other documents packed alike."""
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""What a spreadsheet that is protected by a password calls the rest of it."""
CELLS_MOST = 500
CELL_MOST = 100_000
"""Characters of a cell, however many lines it has: a quote that is open any longer was never closed."""
LINE_MOST = 1_000_000
BLOCK = 1 << 16
SAMPLES = 3
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""UTF-32 before UTF-16, whose mark its own begins with."""
SINGLE = ("cp1252", "cp850", "mac_roman", "cp1250")
"""Encodings in which a byte is a letter, likeliest first where nothing speaks for one of them."""
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", *SINGLE, "iso8859-15", "cp437")
"""What may be asked for."""
MIXED = "utf-8 with cp1252"
"""Most of it UTF-8, with lines in between that somebody has added in an older program."""
OFTEN, SOMETIMES = frozenset("äöüßÄÖÜéèêàçâîôûëïùœÉÈÀÇŒ"), frozenset("áíóúñãõåæøžščřńłśżźąęćőűțșìòÁÓŠŽØÅÆŁŚŻÕÑČŻĆ")
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1c\x1e\x1f]")
WRAPPED = re.compile(r' *"(?:[^"]|"")*" *')
QUOTES = frozenset("„“”‚‘’»«–—…€§°•®™´`·²³½¼×")


class FileTooLarge(ProvisionError):
    status = 413
    says = N_("The file has more than %(most)s MB: divide it, and import the parts one after the other.")

    def __init__(self) -> None:
        super().__init__()
        self.most = SIZE_MOST // 1_000_000


class TooManyRows(ProvisionError):
    status = 413
    says = N_("The file has more than %(most)s rows: divide it, and import the parts one after the other.")

    def __init__(self) -> None:
        super().__init__()
        self.most = ROWS_MOST


class TooManyColumns(ProvisionError):
    status = 413
    says = N_("The file has more than %(most)s columns: leave out those that are not needed, and choose it again.")

    def __init__(self) -> None:
        super().__init__()
        self.most = CELLS_MOST


class NotATable(ProvisionError):
    """Neither text nor a spreadsheet, or nothing in it."""

    status = 422
    says = N_("“%(filename)s” holds no table that can be read: save it as CSV (UTF-8) or as XLSX, and choose it again.")

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.filename = filename


class NoRecords(NotATable):
    says = N_("“%(filename)s” names its columns and has no row below them: choose the file with the clients.")


class LineTooLong(ProvisionError):
    status = 422
    says = N_(
        "The file has a line of more than %(most)s characters, which is none of a table: save it anew as CSV or XLSX."
    )

    def __init__(self) -> None:
        super().__init__()
        self.most = LINE_MOST


class PasswordProtected(ProvisionError):
    status = 422
    says = N_("“%(filename)s” is protected by a password: save it without one, and choose it again.")

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.filename = filename


class EncodingUnfit(ProvisionError):
    status = 422
    says = N_("The file is not written in %(encoding)s: choose another encoding.")

    def __init__(self, encoding: str) -> None:
        super().__init__(encoding)
        self.encoding = encoding


class SpreadsheetTooCostly(ProvisionError):
    status = 422
    says = N_(
        "“%(filename)s” takes too long to open, or is too large inside: save its table as CSV, and choose that file."
    )

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.filename = filename


class Flaw(StrEnum):
    """What is wrong with how a record is written."""

    UNCLOSED_QUOTE = "unclosed_quote"


class Row(NamedTuple):
    """The cells of one record, and where it begins."""

    line: int
    cells: tuple[str, ...]
    flaw: Flaw | None = None
    is_band: bool = False
    """Cells of it are one across columns."""

    @property
    def is_blank(self) -> bool:
        return not any(cell and not cell.isspace() for cell in self.cells)


Content = bytes | Path


def opened(content: Content) -> io.BufferedIOBase:
    return io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def size_of(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def beginning(content: Content, size: int = BLOCK) -> bytes:
    with opened(content) as stream:
        return stream.read(size)


@dataclass(frozen=True)
class Text:
    """A file that is text in this encoding."""

    content: Content
    encoding: str
    skip: int = 0
    """Bytes of its mark at the beginning."""
    guesses: tuple[Guess, ...] = ()
    is_wrapped: bool = False
    """Each line is one quoted cell in which a whole row stands, as spreadsheets write a table that they did not cut."""

    def lines(self) -> Iterator[str]:
        """Line by line as an editor counts, whatever ends them; each without its end."""
        stream = opened(self.content)
        stream.read(self.skip)
        encoding, errors = (
            ("utf-8", "provision-cp1252") if self.encoding == MIXED else (self.encoding, "provision-latin")
        )
        with io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline=None) as text:  # type: ignore[type-var]
            while line := text.readline(LINE_MOST):
                if len(line) == LINE_MOST:
                    raise LineTooLong
                bare = line.removesuffix("\n").replace("\0", "")
                yield bare.strip(" ")[1:-1].replace('""', '"') if self.is_wrapped and WRAPPED.fullmatch(bare) else bare


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(_letter(byte) for byte in error.object[error.start : error.end]), error.end


def _letter(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return "\N{REPLACEMENT CHARACTER}"


def _as_nothing(error: UnicodeError) -> tuple[str, int]:
    """A byte that is no letter in this encoding is shown as one that is missing."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\N{REPLACEMENT CHARACTER}", error.end


codecs.register_error("provision-cp1252", _as_cp1252)
codecs.register_error("provision-latin", _as_nothing)


def text_of(content: Content, filename: str, wanted: str | None = None) -> Text:
    """The file as text, in the encoding that is *wanted* or else in the likeliest; raises NotATable, EncodingUnfit."""
    head = beginning(content)
    if not head.strip():
        raise NotATable(filename)
    mark, marked = next(((mark, name) for mark, name in BOMS if head.startswith(mark)), (b"", ""))
    if wanted is not None and wanted.casefold() not in {marked, *ENCODINGS, MIXED}:
        raise EncodingUnfit(wanted[:20])
    skip = len(mark) if marked == "utf-8" or wanted in {None, marked} else 0
    if wanted is not None:
        return Text(content, wanted.casefold(), skip)
    if marked and _is_all(content, marked, skip):
        return Text(content, marked, skip)
    wide = marked if marked.startswith("utf-16") else _wide(head)
    if wide and _looks_wide(head[skip:], wide):
        return Text(content, wide, skip)
    if len(CONTROLS.findall(head)) * 20 > len(head):
        raise NotATable(filename)
    if not marked and _is_all(content, "utf-8", 0):
        return Text(content, "utf-8")
    return _guessed(content, skip)


def _is_all(content: Content, encoding: str, skip: int) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    with opened(content) as stream, suppress(UnicodeError):
        stream.read(skip)
        while block := stream.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
        return True
    return False


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: every other byte of what is written in Latin letters is 0."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) // 8:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _looks_wide(head: bytes, encoding: str) -> bool:
    """Whether that is text in this encoding, but perhaps for a letter that was cut in two."""
    text = head[: len(head) // 2 * 2].decode(encoding, "replace")
    return sum(char.isprintable() or char in "\t\r\n" for char in text) * 10 > len(text) * 9


def _guessed(content: Content, skip: int) -> Text:
    """By which encoding the words look like words; the others are told beside, to be looked at."""
    told = Counter[bytes]()
    good = bad = 0
    with opened(content) as stream:
        for line in _raw_lines(stream):
            if line.isascii():
                continue
            with suppress(UnicodeError):
                line.decode()
                good += 1
                continue
            bad += 1
            if len(told) < 5000:
                told.update(re.findall(rb"[^\s;,\t\"|]*[\x80-\xff][^\s;,\t\"|]*", line))
    scores = {name: _plausible(told, name) for name in SINGLE}
    ranked = sorted(SINGLE, key=lambda name: -scores[name])
    if skip or good > bad * 3:
        ranked.insert(0, MIXED)
    lines = _telling_lines(content)
    guesses = [Guess(name, tuple(_decoded(line, name) for line in lines)) for name in ranked]
    distinct = {guess.lines: guess for guess in reversed(guesses)}
    return Text(content, ranked[0], skip, tuple(guess for guess in guesses if distinct[guess.lines] is guess))


def _decoded(line: bytes, encoding: str) -> str:
    if encoding == MIXED:
        return line.decode("utf-8", "provision-cp1252")
    return line.decode(encoding, "provision-latin")


def _raw_lines(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """Lines of bytes, whatever ends them; one without an end comes in parts."""
    rest = b""
    while block := stream.read(BLOCK):
        lines = (rest + block).splitlines()
        rest = lines.pop() if lines else b""
        yield from lines
        if len(rest) > BLOCK:
            yield rest
            rest = b""
    yield rest


def _telling_lines(content: Content) -> list[bytes]:
    """Some lines with letters that are not the same in all encodings."""
    lines: list[bytes] = []
    with opened(content) as stream:
        for line in _raw_lines(stream):
            if not line.isascii():
                lines.append(line[:200])
            if len(lines) > SAMPLES:
                break
    # The first one is mostly the header, which says little.
    return lines[-SAMPLES:]


def _plausible(words: Counter[bytes], encoding: str) -> float:
    """How much these look like words of our languages in this encoding."""
    score = 0.0
    for word, times in words.items():
        text = word.decode(encoding, "provision-latin")
        score += min(times, 10) * sum(_fits(text, at) for at, char in enumerate(text) if not char.isascii())
    return score


def _fits(text: str, at: int) -> float:
    char = text[at]
    before, behind = text[at - 1 : at], text[at + 1 : at + 2]
    if char.isalpha():
        inside = before.isalpha() and before.islower()
        if char.isupper() and inside:
            return -3
        return 3 if char in OFTEN else 0.5 if char in SOMETIMES else -1
    if char not in QUOTES:
        return -1 if char.isspace() else -4
    if char in "’´`" or not (before.isalnum() and behind.isalnum()):
        # A quotation mark before a word opens it; what closes stands behind one.
        if char in "„‚«…€†‡•" and before.isalpha():
            return -1
        return -2 if char in "…€•®™°§" and behind.isalpha() else 1
    return -3


class _End(StrEnum):
    """How a piece of text ends that was cut into cells."""

    WELL = "well"
    OPEN = "open"
    BADLY = "badly"


class Cells:
    """Cuts lines into records of cells with this sign between them.

    A quote that opens a cell and is not closed in a way that fits a table of *width* cells ends with its line, so that
    it takes no other record with it.
    """

    def __init__(self, delimiter: str, width: int = 0) -> None:
        self.delimiter = delimiter
        self.width = width

    def rows(self, lines: Iterable[str], first: int = 1) -> Iterator[Row]:
        """The records in these lines, the first of which has this number; blank ones as well."""
        ahead: deque[str] = deque()
        source = iter(lines)
        at = first
        while (line := ahead.popleft() if ahead else next(source, None)) is not None:
            if '"' not in line:
                yield Row(at, tuple(line.split(self.delimiter)))
                at += 1
                continue
            taken, (cells, end) = [line], self._cut(line)
            while end is _End.OPEN and sum(map(len, taken)) < CELL_MOST:
                if len(ahead) < len(taken):
                    more = next(source, None)
                    if more is None:
                        break
                    ahead.append(more)
                taken.append(ahead[len(taken) - 1])
                if '"' in taken[-1]:
                    cells, end = self._cut("\n".join(taken))
            if end is _End.WELL and (len(taken) == 1 or not self._swallows(taken)):
                for _ in taken[1:]:
                    ahead.popleft()
                yield Row(at, tuple(cells))
                at += len(taken)
                continue
            cells, end = self._cut(line, leniently=True)
            if end is _End.WELL and (not self.width or len(cells) == self.width):
                yield Row(at, tuple(cells))
            else:
                cells = line.split(self.delimiter)
                is_whole = len(cells) == self.width and not any(cell.count('"') % 2 for cell in cells)
                yield Row(at, tuple(cells), None if is_whole else Flaw.UNCLOSED_QUOTE)
            at += 1

    def _swallows(self, lines: list[str]) -> bool:
        """Whether these are records of their own, of which the first has lost a quote."""
        if not self.width or len(lines[0].split(self.delimiter)) != self.width:
            return False
        cells, _ = self._cut("\n".join(lines))
        return len(cells) != self.width or len(lines[1].split(self.delimiter)) == self.width

    def _cut(self, text: str, *, leniently: bool = False) -> tuple[list[str], _End]:
        """The cells, and how the text ends; *leniently* a quote within a cell need not be doubled."""
        cells: list[str] = []
        at = 0
        while True:
            start = self._behind_blanks(text, at)
            if text[start : start + 1] == '"':
                end, behind = self._closing(text, start + 1, leniently=leniently)
                if end < 0:
                    return cells, _End.OPEN
                if behind < 0:
                    return cells, _End.BADLY
                cells.append(text[start + 1 : end].replace('""', '"'))
            else:
                behind = text.find(self.delimiter, at)
                behind = len(text) if behind < 0 else behind
                cells.append(text[at:behind])
            if behind == len(text):
                return cells, _End.WELL
            at = behind + 1

    def _closing(self, text: str, at: int, *, leniently: bool) -> tuple[int, int]:
        """Where the quote is that closes the cell, and what ends the cell; -1 where there is none."""
        while (end := text.find('"', at)) >= 0:
            behind = self._behind_blanks(text, end + 1)
            ends = behind == len(text) or text[behind] == self.delimiter
            is_double = text[end + 1 : end + 2] == '"'
            if is_double and not (leniently and text[end + 2 : end + 3] in {"", self.delimiter}):
                at = end + 2
            elif ends:
                return end, behind
            elif leniently:
                at = end + 1
            else:
                return end, -1
        return -1, -1

    def _behind_blanks(self, text: str, at: int) -> int:
        while at < len(text) and text[at] in " \t" and text[at] != self.delimiter:
            at += 1
        return at


class Lines:
    """Lines in a file that is gone with this; several may read them, each from where they are."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._turn = Lock()
        finalize(self, file.close)

    def some(self, at: int) -> tuple[list[bytes], int]:
        """The next lines from this place on, and where those behind them begin."""
        with self._turn:
            self._file.seek(at)
            return self._file.readlines(BLOCK), self._file.tell()


@dataclass(frozen=True)
class Sheet:
    """One sheet of a spreadsheet, as rows of text that lie in a file."""

    name: str
    columns: int
    begins: int
    """Where its rows lie in the file."""
    lies_in: Lines
    is_cut: bool = False
    """It has more columns than are read."""

    def rows(self, width: int) -> Iterator[Row]:
        """All rows that are not blank, each with the number that it has in the spreadsheet, and all of one width."""
        at = self.begins
        while True:
            lines, at = self.lies_in.some(at)
            for line in lines:
                if not line.startswith(b"["):
                    return
                number, is_band, cells = json.loads(line)
                texts = map(str, cells)
                yield Row(number, (*texts, *[""] * (max(self.columns, width) - len(cells))), None, bool(is_band))
            if not lines:
                return


def sheets_of(content: Content, filename: str) -> list[Sheet]:
    """The sheets of a spreadsheet that can be seen; raises a ProvisionError that says why none can."""
    given = content if isinstance(content, bytes) else content.read_bytes()
    if ENCRYPTED in given:
        raise PasswordProtected(filename)
    try:
        facts = {"rows_most": ROWS_MOST + HEADERS_WITHIN}
        told, rows = ask_at_length("tasks.untrusted.sheets", facts, given, seconds=SHEET_SECONDS)
    except TooCostly as error:
        raise SpreadsheetTooCostly(filename) from error
    except Failed as error:
        raise NotATable(filename) from error
    at = rows.tell()
    lines = Lines(rows)
    if told.get("fault") == "too many rows":
        raise TooManyRows
    if told.get("fault") == "PasswordError":
        raise PasswordProtected(filename)
    begins = []
    for line in rows:
        at += len(line)
        if not line.startswith(b"["):
            begins.append(at)
    sheets = [(str(sheet["name"]), int(sheet["columns"]), bool(sheet["is_cut"])) for sheet in told.get("sheets", ())]
    if not sheets or len(begins) != len(sheets):
        raise NotATable(filename)
    found = zip(sheets, begins, strict=True)
    return [Sheet(name, columns, begin, lines, is_cut) for (name, columns, is_cut), begin in found]
