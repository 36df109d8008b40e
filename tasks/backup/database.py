"""All rows of the database as one SQLite file, and back: whatever database they come from, and go to.

Both ways need none of a database's own programs. What is written is what stood there at one moment, while the product
goes on. On SQLite the file is the database itself, without what was deleted in it; on PostgreSQL rows are streamed from
one snapshot, and back in one transaction, which leaves the old ones as they were unless it comes to its end.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, Connection, Date, DateTime, Integer, LargeBinary, Table, inspect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator, TypeEngine

from models.db import Base, engine, reading, singly
from models.errors import N_, ProvisionError
from models.migrate import config, register_tables
from models.settings import settings

VERSIONS = "alembic_version"


class DatabaseBehind(ProvisionError):
    says = N_(
        "The tables have the shape of another release (%(revision)s): run provision migrate, or back up with that one."
    )

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision


class InUse(ProvisionError):
    says = N_("%(place)s is in use: end the product on all machines first. Nothing was changed.")

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class UnsoundError(Exception):
    """A SQLite file is not what the product writes; says why."""


def head() -> str:
    """The present shape of the tables."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def is_known(revision: str) -> bool:
    """Whether it is one of this release, or of an earlier one."""
    return revision in {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def is_sqlite() -> bool:
    return engine(settings().database).dialect.name == "sqlite"


def _revision() -> str:
    with reading() as session:
        return MigrationContext.configure(session.connection()).get_current_revision() or ""


# ---- out


def snapshot(file: Path) -> dict[str, int]:
    """Write all rows into *file*, which is empty; returns the numbers given last, by table, where rows do not tell.

    Raises DatabaseBehind where rows are copied one by one and the tables have another shape.
    """
    register_tables()
    if is_sqlite():
        with singly() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute("VACUUM INTO ?", [str(file)])
        return {}
    revision = _revision()
    if revision != head():
        raise DatabaseBehind(revision or "none")
    with closing(sqlite3.connect(file, isolation_level=None)) as to, reading() as session:
        connection = session.connection()
        _begin(to)
        to.execute(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        to.execute(f"INSERT INTO {VERSIONS} VALUES (?)", [revision])  # noqa: S608
        dialect = sqlite_dialect.dialect()
        for table in Base.metadata.sorted_tables:
            to.execute(str(CreateTable(table).compile(dialect=dialect)))
            _copy_out(connection, to, table)
        for table in Base.metadata.sorted_tables:
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                to.execute(str(CreateIndex(index).compile(dialect=dialect)))
        to.execute("COMMIT")
        return {table: last for table, _, last in _sequences(connection) if last is not None}


def _begin(lite: sqlite3.Connection) -> None:
    """In one go, into a file that nobody else knows."""
    for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF"):
        lite.execute(f"PRAGMA {pragma}")
    lite.execute("BEGIN")


def _copy_out(connection: Connection, to: sqlite3.Connection, table: Table) -> None:
    columns = [*table.columns]
    asked = ", ".join(_as_sqlite_keeps_it(column) for column in columns)
    places = ", ".join("?" for _ in columns)
    with _raw(connection).cursor() as cursor:
        query = f'COPY (SELECT {asked} FROM "{table.name}") TO STDOUT (FORMAT BINARY)'  # noqa: S608
        with cursor.copy(query.encode()) as rows:
            rows.set_types([_sent_as(column.type) for column in columns])
            to.executemany(f'INSERT INTO "{table.name}" VALUES ({places})', rows.rows())  # noqa: S608


def _raw(connection: Connection) -> "psycopg.Connection[Any]":
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def _sent_as(kind: TypeEngine[Any]) -> str:
    match _plain(kind):
        case Integer() | Boolean():
            return "int8"
        case LargeBinary():
            return "bytea"
    return "text"


def _as_sqlite_keeps_it(column: Column[Any]) -> str:
    """The column in SQL of PostgreSQL, as SQLAlchemy writes it down on SQLite."""
    name = f'"{column.name}"'
    kind = _plain(column.type)
    if isinstance(kind, LargeBinary):
        return name
    if isinstance(kind, DateTime):
        return f"to_char({name}, 'YYYY-MM-DD HH24:MI:SS.US')"
    if isinstance(kind, Date):
        return f"to_char({name}, 'YYYY-MM-DD')"
    ways = {Boolean: "::int::int8", Integer: "::int8"}
    return name + next((way for each, way in ways.items() if isinstance(kind, each)), "::text")


def _sequences(connection: Connection) -> list[tuple[str, str, int | None]]:
    """Table, sequence and the number given last, for each number that the database gives."""
    asked = """
        SELECT t.relname, quote_ident(n.nspname) || '.' || quote_ident(s.relname),
            pg_sequence_last_value(s.oid)
        FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
        JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') JOIN pg_class t ON t.oid = d.refobjid
        WHERE s.relkind = 'S' AND n.nspname = current_schema() ORDER BY 1"""
    return [(table, name, last) for table, name, last in connection.exec_driver_sql(asked)]


def count(file: Path) -> tuple[str, dict[str, int]]:
    """Its shape, and how many rows are in each of its tables."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as lite:
        names = [name for (name,) in lite.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows = {
            name: lite.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
            for name in names
            if name != VERSIONS and not name.startswith("sqlite_")
        }
        revision = lite.execute(f"SELECT version_num FROM {VERSIONS}").fetchone()  # noqa: S608
    return revision[0] if revision else "", rows


def require_sound(file: Path, revision: str, rows: Mapping[str, int]) -> None:
    """It holds just these rows, nothing that would act by itself, and is whole; raises UnsoundError."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as lite:
            for pragma in ("trusted_schema=OFF", "cell_size_check=ON"):
                lite.execute(f"PRAGMA {pragma}")
            made = lite.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
            for kind, name, sql in made:
                if kind not in {"table", "index"} or sql.upper().startswith("CREATE VIRTUAL"):
                    raise UnsoundError(f"its database holds something else than rows: {str(name)[:60]!r}")
            if {name for kind, name, _ in made if kind == "table"} - {VERSIONS} != set(rows):
                raise UnsoundError("its database has other tables than it says")
            if lite.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                raise UnsoundError("its database is damaged")
            if lite.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise UnsoundError("rows of its database refer to what is not there")
        if count(file) != (revision, dict(rows)):
            raise UnsoundError("its database has other rows than it says")
    except sqlite3.Error as error:
        raise UnsoundError(f"its database cannot be read: {error}") from error


# ---- in


def is_empty() -> bool:
    """Whether the database that the settings name has no rows that anybody could miss."""
    if is_sqlite() and not sqlite_file().exists():
        return True
    bound = engine(settings().database)
    with bound.connect() as connection:
        there = set(inspect(connection).get_table_names())
        asked = [name for name in ("onboardings", "accounts", "audit", "inbox") if name in there]
        return not any(
            connection.exec_driver_sql(f'SELECT 1 FROM "{name}" LIMIT 1').first()  # noqa: S608
            for name in asked
        )


def sqlite_file() -> Path:
    """The file of the database that the settings name."""
    return Path(engine(settings().database).url.database or "").absolute()


def seize() -> None:
    """Make sure that nobody uses the SQLite file of the settings, and that all of it is in the file itself.

    Raises InUse.
    """
    file = sqlite_file()
    engine(settings().database).dispose()
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=2, isolation_level=None)) as lite:
            lite.execute("PRAGMA locking_mode=EXCLUSIVE")
            lite.execute("PRAGMA journal_mode=DELETE").fetchone()
            lite.execute("BEGIN EXCLUSIVE")
            lite.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        # What cannot be read is nobody's, and may be why somebody restores.
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise InUse(str(file)) from error


def load(
    file: Path, numbers: Mapping[str, int], before_it_counts: Callable[[], None], tick: Callable[[int], None]
) -> None:
    """Put all rows of *file*, which has the present shape, in place of what the PostgreSQL database holds.

    In one transaction: whoever dies over it has changed nothing. *before_it_counts* is called when all is there and
    proven. Raises InUse if anybody else is connected.
    """
    register_tables()
    bound = engine(settings().database)
    bound.dispose()
    with (
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as lite,
        bound.begin() as connection,
    ):
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        if connection.exec_driver_sql(f"{others} AND backend_type = 'client backend'").scalar_one():
            raise InUse(_place(connection))
        _clear(connection)
        for table in Base.metadata.sorted_tables:
            connection.execute(CreateTable(table, include_foreign_key_constraints=[]))
            _copy_in(lite, connection, table, tick)
        _bind(connection, numbers)
        before_it_counts()
    with bound.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    bound.dispose()


def _clear(connection: Connection) -> None:
    """No table of ours is there any more, and the one that tells their shape is there anew."""
    there = set(inspect(connection).get_table_names()) & {*Base.metadata.tables, VERSIONS}
    try:
        for name in sorted(there):
            connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
    except OperationalError as error:
        raise InUse(_place(connection)) from error
    connection.exec_driver_sql(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.exec_driver_sql(f"INSERT INTO {VERSIONS} VALUES (%s)", (head(),))  # noqa: S608


def _bind(connection: Connection, numbers: Mapping[str, int]) -> None:
    """Indexes and what rows refer to, made for all at once, which takes less and proves them; no number comes twice."""
    tables = Base.metadata.sorted_tables
    for index in (index for table in tables for index in sorted(table.indexes, key=lambda index: str(index.name))):
        connection.execute(CreateIndex(index))
    for table in tables:
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
            connection.execute(AddConstraint(key, isolate_from_table=False))
    for name, sequence, _ in _sequences(connection):
        highest = connection.exec_driver_sql(f'SELECT max(id) FROM "{name}"').scalar()  # noqa: S608
        last = max(highest or 0, numbers.get(name, 0))
        if last:
            connection.exec_driver_sql("SELECT setval(%s::regclass, %s)", (sequence, last))


def _place(connection: Connection) -> str:
    url = connection.engine.url
    return f"{url.host or ''}/{url.database}"


def _copy_in(lite: sqlite3.Connection, connection: Connection, table: Table, tick: Callable[[int], None]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    with _raw(connection).cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN'.encode()) as rows:
        for number, row in enumerate(lite.execute(f'SELECT {names} FROM "{table.name}"'), 1):  # noqa: S608
            rows.write_row(row)
            if number % 1000 == 0:
                tick(1000)
