"""Texts in a column as a search compares them, folded by the database: for what is rarely looked through.

``models.firm.spelled`` folds what is kept or typed; a test holds that all three find the same.
"""

import sqlite3
from typing import Any
from unicodedata import normalize

from sqlalchemy import Engine, String, event
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from models.firm import APOSTROPHES, SPELLED, spelled


class Spelled(FunctionElement[str]):
    """Both ways in which ``spelled`` writes the text, one after the other."""

    type = String()
    inherit_cache = True


_LATIN = [letter for letter in map(chr, [*range(0xC0, 0x250), ord("ẞ")]) if normalize("NFC", letter) == letter]
_PLAIN = {letter: spelled(letter)[1] for letter in _LATIN}
_ONE = {letter: plain for letter, plain in _PLAIN.items() if len(plain) == 1}
_SEVERAL = {letter: plain for letter, plain in _PLAIN.items() if len(plain) > 1 and plain.isascii()}


@compiles(Spelled, "postgresql")
def _spelled(element: Spelled, compiler: Any, **how: Any) -> str:
    (text,) = (f"lower({compiler.process(clause, **how)})" for clause in element.clauses)
    signs = "".join(map(chr, APOSTROPHES)).replace("'", "''")
    ways = []
    for several in (_SEVERAL | {each: way for small in map(chr, SPELLED) for each, way in _both(small)}, _SEVERAL):
        written = text
        for letter, plain in several.items():
            written = f"replace({written}, '{letter}', '{plain}')"
        ways.append(f"translate({written}, '{''.join(_ONE)}{signs}', '{''.join(_ONE.values())}')")
    return f"({ways[0]} || ' ' || {ways[1]})"


def _both(small: str) -> list[tuple[str, str]]:
    """The letter in both sizes, as PostgreSQL knows no small one of it in the locale C."""
    return [(small, SPELLED[ord(small)]), (small.upper(), SPELLED[ord(small)])]


@compiles(Spelled, "sqlite")
def _spelled_by_python(element: Spelled, compiler: Any, **how: Any) -> str:
    (text,) = (compiler.process(clause, **how) for clause in element.clauses)
    return f"spelled({text})"


@event.listens_for(Engine, "connect")
def _teach_sqlite(connection: Any, _: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("spelled", 1, lambda text: " ".join(spelled(text or "")), deterministic=True)
