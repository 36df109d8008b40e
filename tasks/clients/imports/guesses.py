"""What the columns of a table without a header are, where what stands in them says so clearly.

Addresses, numbers, postcodes with their towns and names are known by themselves. Whatever else stands there is
mapped by hand, and no record is ever taken for a header because nothing was recognised.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.clients.naming import is_company
from models.people.names import is_salutation, is_title, split_name
from tasks.clients.imports.draft import Field, Format, Target
from tasks.clients.imports.formats import Known
from tasks.clients.imports.given_names import GIVEN_NAMES
from tasks.clients.imports.values import NONE_OF_THEM, NOTHING

EMAIL = re.compile(r"[^@]*[^\s@]@[^\s@]+\.[^\s@]+.*", re.DOTALL)
MEANT_AS_ADDRESS = re.compile(r"@|[(\[]at[)\]]", re.IGNORECASE)
PHONE = re.compile(r"(?:[+(0]|(?:tel|fon|mobil)\D{0,5})[\d\s()/.+\-–]{5,}\d\D{0,15}", re.IGNORECASE)
BARE_PHONE = re.compile(r"[1-9]\d{8,12}")
POSTCODE = re.compile(r"(?:[A-Z]{1,2}\s?-\s?)?\d{4,5}(?:\.0)?")
POSTCODE_AND_CITY = re.compile(r"(?:[A-Z]{1,2}\s?-\s?)?\d{4,5}\s+[^\W\d].*")
STREET = re.compile(
    r"(?:[^\W\d][^\d,;@]*\s\d{1,4}\s?[a-z]?(?:\s?[-–/+]\s?\d+\s?[a-z]?)?|postfach [\d ]+)(?:,.*)?", re.IGNORECASE
)
NUMBER = re.compile(r"[A-Z]{0,4}[-./ ]?\d{1,9}(?:\.0)?")
DAY = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}|\d{4}-\d{2}-\d{2}.*")
VAT_ID = re.compile(r"(?:[A-Z]{2}U?[ .]?[\d .]{8,14}|CHE[-\d. ]{9,15}.*)")
WEBSITE = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
WORDS = re.compile(r"[^\W\d_][^\d@;:_]*")
MOST, CLEAR = 0.6, 0.8
"""Of the cells with something in them: so many for what is sure by its form, so many for words."""


@dataclass(frozen=True)
class Guessed:
    """Where columns go by what stands in them."""

    known: Known
    is_order_sure: bool = True
    """Which of two columns of names holds the given ones."""


def guessed(rows: Sequence[tuple[str, ...]], width: int) -> Guessed:
    """What the columns of these records are; nothing of one that could be several things, or without any names."""
    columns = [_filled([row[at] for row in rows if at < len(row)]) for at in range(width)]
    fields: list[Field | None] = [None] * width
    for at, cells in enumerate(columns):
        fields[at] = next((of for of, fits in BY_FORM if _share(cells, fits) >= MOST), None)
    _postcodes(columns, fields)
    is_sure = _names(columns, fields)
    if not NAMED & {*fields}:
        fields = [None] * width
    return Guessed(Known(Format.TABLE, tuple(None if one is None else Target(one) for one in fields)), is_sure)


def is_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns that nobody knows: the others are of forms that it has nowhere.

    One such column is not enough, since somebody's address may be written badly; unless all are called alike.
    """
    names = [" ".join(cell.split()) for cell in first]
    if not all(names) or any(map(MEANT_AS_ADDRESS.search, names)):
        return False
    differs = 0
    for at, name in enumerate(names):
        cells = _filled([row[at] for row in others if at < len(row)])
        forms = [fits for fits in FORMS if cells and _share(cells, fits) >= CLEAR]
        if forms and (any(fits(name) for fits in forms) or _is_nothing(name)):
            return False
        differs += bool(forms)
    is_counted = len(names) > 1 and len({re.sub(r"\d+$", "", name) for name in names}) == 1
    return differs > 1 or (differs == 1 and is_counted)


NAMED = frozenset({Field.NAME, Field.NAME_FAMILY_FIRST, Field.FULL_NAME, Field.FAMILY_NAME}) | {
    Field.COMPANY_NAME,
    Field.ACCOUNT_NAME,
    Field.NAME_OF_NEITHER,
}
Fits = Callable[[str], object]


def _is_phone(cell: str) -> bool:
    digits = sum(map(str.isdigit, cell))
    return 6 <= digits <= 30 and not DAY.fullmatch(cell) and bool(PHONE.fullmatch(cell) or BARE_PHONE.fullmatch(cell))


def _is_greeting(cell: str) -> bool:
    return all(is_salutation(word) or word in {"und", "Firma", "Familie", "Eheleute"} for word in cell.split())


BY_FORM: list[tuple[Field, Fits]] = [
    (Field.EMAIL, EMAIL.fullmatch),
    (Field.WEBSITE, WEBSITE.fullmatch),
    (Field.VAT_ID, VAT_ID.fullmatch),
    (Field.POSTCODE_AND_CITY, POSTCODE_AND_CITY.fullmatch),
    (Field.PHONE, _is_phone),
    (Field.STREET, STREET.fullmatch),
    (Field.SALUTATION, _is_greeting),
    (Field.TITLE, lambda cell: all(map(is_title, cell.split()))),
]
"""Likelier ones first."""
FORMS: list[Fits] = [*(fits for _, fits in BY_FORM), POSTCODE.fullmatch, NUMBER.fullmatch, DAY.fullmatch]


def _filled(cells: Sequence[str]) -> list[str]:
    return [bare for cell in cells if (bare := " ".join(cell.split())) and not _is_nothing(bare)]


def _is_nothing(cell: str) -> bool:
    return cell.casefold() in NOTHING or bool(NONE_OF_THEM.fullmatch(cell))


def _share(cells: Sequence[str], fits: Fits) -> float:
    return sum(bool(fits(cell)) for cell in cells) / len(cells) if cells else 0


def _postcodes(columns: Sequence[list[str]], fields: list[Field | None]) -> None:
    """A postcode has its town beside it; numbers at the beginning, each of them once, are those of clients."""
    for at, cells in enumerate(columns):
        if fields[at] is not None or _share(cells, NUMBER.fullmatch) < CLEAR:
            continue
        near = [beside for beside in (at + 1, at - 1) if 0 <= beside < len(columns) and fields[beside] is None]
        town = next((beside for beside in near if _are_towns(columns[beside])), None)
        if at == 0:
            fields[at] = Field.NUMBER if len({*cells}) == len(cells) else None
        elif town is not None and Field.POSTCODE not in fields and _share(cells, POSTCODE.fullmatch) >= CLEAR:
            fields[at], fields[town] = Field.POSTCODE, Field.CITY


def _are_towns(cells: Sequence[str]) -> bool:
    return _share(cells, WORDS.fullmatch) >= CLEAR and not any(map(is_company, cells))


def _names(columns: Sequence[list[str]], fields: list[Field | None]) -> bool:
    """Find the columns of names; returns whether it is sure which of two holds given names."""
    free = [at for at, cells in enumerate(columns) if fields[at] is None and _share(cells, WORDS.fullmatch) >= CLEAR]
    companies = [at for at in free if _share(columns[at], is_company) >= MOST]
    if companies:
        fields[companies[0]] = Field.COMPANY_NAME
        free = [at for at in free if at not in companies]
    whole = [at for at in free if _share(columns[at], _is_whole) >= MOST]
    if whole:
        fields[whole[0]] = Field.FULL_NAME if companies else Field.NAME
        return True
    pairs = [(at, at + 1) for at in free if at + 1 in free]
    if not pairs:
        mixed = [at for at in free if any(map(is_company, columns[at]))]
        if mixed and not companies:
            fields[mixed[0]] = Field.NAME
        return True
    likely = {pair: _given_first(columns, pair) for pair in pairs}
    first, second = max(pairs, key=lambda pair: abs(likely[pair]))
    if likely[first, second] < 0:
        first, second = second, first
    fields[first], fields[second] = Field.GIVEN_NAME, Field.FAMILY_NAME
    return bool(likely.get((first, second)) or likely.get((second, first)))


def _is_whole(cell: str) -> bool:
    """Given and family name in one: “Max Muster”, “Muster, Max”; or a company among such."""
    given, family = split_name(cell)
    return is_company(cell) or (bool(given and family) and len(cell.split()) < 6 and cell[:1].isupper())


def _given_first(columns: Sequence[list[str]], pair: tuple[int, int]) -> float:
    """Above 0: the first of both columns holds given names; below: the second; 0: nobody can tell."""
    shares = Counter({at: _share(columns[at], lambda cell: cell.split()[0].casefold() in GIVEN_NAMES) for at in pair})
    return shares[pair[0]] - shares[pair[1]]
