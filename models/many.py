"""Very many rows at once, written as each database does it fastest.

A statement that SQLAlchemy makes reckons about each value of each row anew, which takes longer than SQLite needs to
write it down; and PostgreSQL is asked once for all rows here, not once for each.
"""

import codecs
import gc
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import JSON, Column, Connection, Table
from sqlalchemy.orm import Session

from models.db import Base, Facts


@contextmanager
def uncollected() -> Iterator[None]:
    """Python looks for no garbage: as long as a batch is made, all that there is of it is needed.

    For a second at most, since it looks for none of other threads either.
    """
    is_first = gc.isenabled()  # Of several at once the first lets it go on, which the others do not mind.
    gc.disable()
    try:
        yield
    finally:
        if is_first:
            gc.enable()


def insert_all(session: Session, kind: type[Base], rows: Sequence[Facts], *, unless_there: bool = False) -> None:
    """Insert these rows, all with the same columns; the others have their defaults.

    *unless_there*: without those that break a rule of uniqueness.
    """
    if not rows:
        return
    table, connection = _table(kind), session.connection()
    values = {key: [row[key] for row in rows] for key in rows[0]} | _defaults(table, rows[0], len(rows))
    names = ", ".join(values)
    ending = " ON CONFLICT DO NOTHING" if unless_there else ""
    told = _Told(connection, table, values)
    _write(connection, f"INSERT INTO {table.name} ({names}) {told.selected}{ending}", told)


def update_all(session: Session, kind: type[Base], rows: Sequence[Facts], *, by: str = "id") -> None:
    """Give each row that is there, found *by* this column, what the others say; all with the same columns."""
    if not rows:
        return
    table, connection = _table(kind), session.connection()
    names = [key for key in rows[0] if key != by]
    told = _Told(connection, table, {key: [row[key] for row in rows] for key in [*names, by]})
    if told.is_one:
        change = ", ".join(f"{name} = told.{name}" for name in names)
        change = f"{change} FROM ({told.selected}) AS told WHERE {table.name}.{by} = told.{by}"
    else:
        change = ", ".join(f"{name} = ?" for name in names) + f" WHERE {by} = ?"
    _write(connection, f"UPDATE {table.name} SET {change}", told)  # noqa: S608  (all names are our own)


def update_each(session: Session, kind: type[Base], rows: Iterable[tuple[Any, Facts]], *, by: str = "id") -> None:
    """The same where each row has columns of its own: those with the same ones, in the same order, in one statement."""
    alike: dict[tuple[str, ...], list[Facts]] = {}
    for key, values in rows:
        if values:
            alike.setdefault((*values,), []).append({by: key, **values})
    for some in alike.values():
        update_all(session, kind, some, by=by)


def as_json(value: object) -> str:
    """As it is written to a JSON column: all but ASCII in numbers, so that it is found there (``models.privacy``)."""
    try:
        written = orjson.dumps(value)
    except TypeError:  # Of half a letter, or of a number too large for it.
        return json.dumps(value)
    return written.decode() if written.isascii() else written.decode().encode("ascii", _IN_NUMBERS).decode()


def _in_numbers(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


_IN_NUMBERS = "as JSON writes letters in numbers"
codecs.register_error(_IN_NUMBERS, _in_numbers)


class _Told:
    """The values as the database takes them."""

    def __init__(self, connection: Connection, table: Table, values: dict[str, list[Any]]) -> None:
        self.is_one = connection.dialect.name == "postgresql"
        """One statement tells all."""
        bound = [_bound(connection, table.columns[key], held) for key, held in values.items()]
        rows = zip(*bound, strict=True)
        if not self.is_one:
            self.selected = f"VALUES ({', '.join('?' * len(bound))})"
            self.parameters: Any = [*rows]
            return
        # A JSON column is told as text: as a part of the whole it could not hold every letter that it may.
        kinds = {key: table.columns[key].type for key in values}
        compiled = {key: kind.compile(connection.dialect) for key, kind in kinds.items()}
        made = ", ".join(f"{k} {'text' if isinstance(kinds[k], JSON) else compiled[k]}" for k in values)
        taken = ", ".join(f"{key}::json" if isinstance(kinds[key], JSON) else key for key in values)
        self.selected = f"SELECT {taken} FROM json_to_recordset(%s::json) AS told({made})"  # noqa: S608
        self.parameters = (as_json([dict(zip(values, row, strict=True)) for row in rows]),)


def _write(connection: Connection, statement: str, told: _Told) -> None:
    connection.exec_driver_sql(statement, told.parameters)


def _table(kind: type[Base]) -> Table:
    table = kind.__table__
    assert isinstance(table, Table)
    return table


def _defaults(table: Table, row: Facts, number: int) -> dict[str, list[Any]]:
    """What Python has for the columns that are not among these."""
    made = {}
    for column in table.columns:
        default: Any = column.default
        if column.key not in row and default is not None:
            made[column.key] = [default.arg(None) if default.is_callable else default.arg] * number
    return made


def _bound(connection: Connection, column: Column[Any], values: list[Any]) -> list[Any]:
    """What stands in many rows is reckoned once."""
    kind = column.type
    if isinstance(kind, JSON):
        return [None if value is None and kind.none_as_null else as_json(value) for value in values]
    process = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if process is None:
        return values
    known = {value: process(value) for value in set(values)}
    return [known[value] for value in values]
