"""What tells of people: which columns may do it, and where everything is that tells of one person.

Every column says it where it is defined: ``MUTE``, ``TELLS`` or ``tells_of``, see ``models.db``. Whatever erases,
exports or searches walks the places that are listed here.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Enum,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    cast,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from models.audit import subject
from models.db import Base, UTCDateTime
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.person import Person, Role

THEIRS = ("person_id", "account_id")
"""By what a row points to whose it is."""
SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
"""As SQLite, and PostgreSQL in the locale C, make small letters."""


@dataclass(frozen=True, order=True)
class Place:
    """One value that tells of a person."""

    table: str
    row: int
    """The row's key."""
    column: str


def undeclared() -> list[str]:
    """The columns of which neither their type nor they themselves say whether they tell of anybody."""
    return [
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if "tells" not in column.info and not _is_mute_by_type(column)
    ]


def _is_mute_by_type(column: Column[Any]) -> bool:
    return bool(column.primary_key or column.foreign_keys) or isinstance(column.type, UTCDateTime | Boolean | Enum)


def telling(table: Table) -> list[Column[Any]]:
    """The columns of this table that may tell of people."""
    return [column for column in table.columns if column.info.get("tells") is not None]


def places_of(session: Session, person: Person) -> Iterator[Place]:
    """Everything that tells of *person*, table by table, documents last.

    That is: what may tell of somebody in their own row, in that of their account and in rows that point to either; what
    a column says to be theirs; any other text that holds their address or their whole name; and the documents to which
    such rows lead. It takes one statement for each table, which reads the whole of it.
    """
    account = session.get(Login, person.account_id) if person.account_id is not None else None
    known = [person.email, person.name, account and account.email, account and account.name]
    names = {name for name in known if name}
    keys = {"persons": [person.id], "accounts": [account.id] if account is not None else []}
    if person.role is Role.ORGANISER:
        keys["onboardings"] = [Onboarding.of_firm(session, person.firm_id).id]
    documents: set[int] = set()
    subjects = {subject(row) for row in (person, account) if row is not None}
    for table in sorted(Base.metadata.sorted_tables, key=lambda table: table.name == "audit_values"):
        columns = [column for column in telling(table) if not isinstance(column.type, LargeBinary)]
        if not columns:
            continue
        is_theirs = points(table, keys)
        tells = [or_(is_theirs, holds(column, names), says(column, keys, {*names, *subjects})) for column in columns]
        tells = [and_(column.is_not(None), told) for column, told in zip(columns, tells, strict=True)]
        (key,) = table.primary_key.columns
        leading = [column for column in table.columns if leads_to(column, "documents")]
        for row, *values in session.execute(select(key, *leading, *tells).where(or_(*tells)).order_by(key)):
            documents.update(number for number in values[: len(leading)] if number is not None)
            for column, does_tell in zip(columns, values[len(leading) :], strict=True):
                if does_tell:
                    subjects |= {f"decision:{row}"} if table.name == "decisions" else set()
                    yield Place(table.name, row, column.name)
    yield from (Place("documents", number, "content") for number in sorted(documents))


def points(table: Table, keys: Mapping[str, Collection[int]]) -> ColumnElement[bool]:
    """Whether a row is that of the person or of their account, or belongs to one of them."""
    own = [table.c.id.in_(keys[table.name])] if table.name in ("persons", "accounts") else []
    return or_(false(), *own, *(_points(table.c[name], keys) for name in THEIRS if name in table.c))


def says(column: Column[Any], keys: Mapping[str, Collection[int]], named: Collection[str]) -> ColumnElement[bool]:
    """Whether the column itself says that it is theirs: by a key, an address or a subject in another column."""
    ways: list[ColumnElement[bool]] = []
    before: list[Column[Any]] = []
    for name in column.info["tells"]:  # The first that is not empty counts.
        other = column.table.c[name]
        names_them = _points(other, keys) if other.foreign_keys else other.in_(named)
        ways.append(and_(*(empty.is_(None) for empty in before), names_them))
        before.append(other)
    return or_(false(), *ways)


def _points(column: Column[Any], keys: Mapping[str, Collection[int]]) -> ColumnElement[bool]:
    (key,) = column.foreign_keys
    numbers = keys.get(key.column.table.name)
    return column.in_(numbers) if numbers else false()


def leads_to(column: Column[Any], table: str) -> bool:
    return any(key.column.table.name == table for key in column.foreign_keys)


def holds(column: Column[Any], names: Collection[str]) -> ColumnElement[bool]:
    """Whether one of these stands in the text, or in JSON, where all but ASCII is written in numbers.

    In capitals or not; SQLite, and PostgreSQL in the locale C, know no small letters but those of ASCII.
    """
    is_text = isinstance(column.type, String)
    text = func.lower(column if is_text else cast(column, Text))
    spelled = {name if is_text else json.dumps(name)[1:-1] for name in names}
    small = {each for name in spelled for each in (name.lower(), name.translate(SMALL))}
    return or_(false(), *(text.contains(name, autoescape=True) for name in small))
