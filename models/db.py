"""The database: base class, column types, and the two ways to open it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    MetaData,
    String,
    create_engine,
    event,
    func,
    literal,
    select,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from models.settings import settings
from models.text import seen


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC; refuses a naive one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"naive datetime {value!r}: give it a time zone"
            raise ValueError(msg)
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value and value.replace(tzinfo=UTC)


class DaysAfter(FunctionElement[datetime]):
    """So many days after the moment in a column, in SQL."""

    type = UTCDateTime()
    inherit_cache = True

    def __init__(self, moment: Any, days: int) -> None:
        super().__init__(moment, literal(days))


@compiles(DaysAfter, "postgresql")
def _days_after(element: DaysAfter, compiler: Any, **how: Any) -> str:
    moment, days = (compiler.process(clause, **how) for clause in element.clauses)
    return f"({moment} + make_interval(days => {days}))"


@compiles(DaysAfter, "sqlite")
def _days_after_as_text(element: DaysAfter, compiler: Any, **how: Any) -> str:
    """As SQLAlchemy writes moments down; the parts of a second go past SQLite's arithmetic, which rounds."""
    moment, days = (compiler.process(clause, **how) for clause in element.clauses)
    return f"strftime('%Y-%m-%d %H:%M:%S', substr({moment}, 1, 19), {days} || ' days') || substr({moment}, 20)"


class Holds(FunctionElement[bool]):
    """Whether a text in a column holds these letters, to the letter; both fold them before where that is wanted.

    On SQLite LIKE takes three times as long as this, as it looks at each letter in two ways. Of PostgreSQL's ways LIKE
    is the one whose finds are foreseen: it takes a third of all rows for what ``strpos`` finds, and then walks along a
    list in its order until fifty were found, which for one or none takes seven times as long as to find them first.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: Any, letters: str) -> None:
        super().__init__(column, literal(letters))


@compiles(Holds, "postgresql")
def _holds(element: Holds, compiler: Any, **how: Any) -> str:
    column, letters = (compiler.process(clause, **how) for clause in element.clauses)
    as_they_are = f"regexp_replace({letters}, '([\\\\%%_])', '\\\\\\1', 'g')"
    return f"({column} LIKE '%%' || {as_they_are} || '%%')"


@compiles(Holds, "sqlite")
def _holds_as_sqlite_says(element: Holds, compiler: Any, **how: Any) -> str:
    column, letters = (compiler.process(clause, **how) for clause in element.clauses)
    return f"(instr({column}, {letters}) > 0)"


Key = Annotated[int, mapped_column(primary_key=True)]
Instant = Annotated[datetime, mapped_column(UTCDateTime)]
Facts = dict[str, Any]
"""A small JSON object of plain values."""
MUTE: Facts = {"tells": None}
"""As ``info`` of a column: it never tells of a person. Keys, moments, kinds and yes or no need not say it."""
TELLS: Facts = {"tells": ()}
"""It may: of whose row it is, of whom the row points to, and of whoever is named in it. See ``models.privacy``."""


def tells_of(*columns: str) -> Facts:
    """As ``info`` of a column: it tells of whom the first of these *columns* that is not empty points to or names."""
    return {"tells": columns}


class Base(DeclarativeBase):
    """Every table; constraints get predictable names so migrations can find them."""

    EVIDENCE: ClassVar[tuple[str, ...]] = ()
    """Columns of which the audit trail keeps what they hold, whatever act changed them, see ``models.audit``."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        Facts: JSON,
        # By value, as text, so that a new member needs no new type in PostgreSQL; what we read is checked by the type.
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            length=40,
            create_constraint=False,
            values_callable=lambda kind: [member.value for member in kind],
        ),
    }


@event.listens_for(Base, "attribute_instrument", propagate=True)
def _keep_seen_texts_only(_class: type, _name: str, attribute: Any) -> None:
    """Nothing that nobody sees is kept of a text, whichever way it came: PostgreSQL takes no NUL, a page no U+202E."""
    columns = getattr(attribute.property, "columns", [])
    if columns and isinstance(columns[0].type, String) and not isinstance(columns[0].type, Enum):
        event.listen(attribute, "set", _seen, retval=True, propagate=True)


def _seen(_row: object, value: Any, _before: object, _initiator: object) -> Any:
    return seen(value) if isinstance(value, str) else value


@cache
def engine(url: str) -> Engine:
    """One pool per address and process."""
    # Prefect shows everyone what an exception says: names and addresses are not to stand in it.
    made = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_sqlite)
    else:
        event.listen(made, "connect", _prepare_postgresql)
    return made


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # We say BEGIN ourselves, see below.
    patience = f"busy_timeout={settings().lock_seconds * 1000:.0f}"
    connection.execute(f"PRAGMA {patience}")
    # What is removed can be given back to the disk, see ``give_back``. In a file with anything in it that would have no
    # effect, and wait for whoever is writing.
    is_new = connection.execute("PRAGMA page_count").fetchone()[0] == 0
    # What is deleted is written over, which costs nothing that can be measured: no name is left between the rows.
    kept = "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"
    for pragma in (*["auto_vacuum=INCREMENTAL"] * is_new, *kept):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    connection.execute(f"SET lock_timeout = {settings().lock_seconds * 1000:.0f}")
    connection.commit()  # Else the first transaction that is rolled back would take the setting with it.


def _begin_sqlite(connection: Any) -> None:
    """Writers queue at BEGIN: a transaction that starts by reading would otherwise fail when it writes."""
    options = connection.get_execution_options()
    if options.get("provision_singly", False):
        return
    reading = options.get("provision_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def is_busy(error: BaseException) -> bool:
    """Whether the database was locked, at its limits or away for the moment, so that the same again may work."""
    if not isinstance(error, OperationalError):
        return isinstance(error, PoolTimeoutError)
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


writing: ContextVar[bool] = ContextVar("writing", default=False)
"""Whether this thread is within a ``transaction()``: what takes long has no place there, which all tests watch."""


_whole: ContextVar[Session | None] = ContextVar("whole", default=None)


@contextmanager
def together() -> Iterator[Session]:
    """One transaction for several acts: every ``transaction()`` and ``reading()`` within is a part of it.

    So all of them are done or none is, and what is read within sees what was done before.
    """
    with transaction() as session:
        before = _whole.set(session)
        try:
            yield session
        finally:
            _whole.reset(before)


@contextmanager
def transaction() -> Iterator[Session]:
    """All of it or none of it: commit on the way out, roll back on an exception.

    Others wait for it to end, on SQLite all who write: hash, render, draw and talk to other machines before or after.
    """
    whole = _whole.get()
    if whole is not None:
        yield whole
        whole.flush()
        return
    before = writing.set(True)
    try:
        with Session(engine(settings().database), expire_on_commit=False) as session, session.begin():
            yield session
    finally:
        writing.reset(before)


def alone(session: Session, *what: str) -> None:
    """Until the transaction ends whoever names the same waits here: for what is not there yet and cannot be locked."""
    if session.get_bind().dialect.name == "postgresql":  # On SQLite only one at a time writes anyway.
        session.execute(select(func.pg_advisory_xact_lock(_number(what))))


def is_alone(session: Session, *what: str) -> bool:
    """The same without waiting: False if somebody is within who names the same."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_number(what)))))


def _number(what: tuple[str, ...]) -> int:
    return int.from_bytes(sha256("\0".join(what).encode()).digest()[:8], "big", signed=True)


_single: ContextVar[Connection | None] = ContextVar("single", default=None)


@contextmanager
def singly() -> Iterator[Connection]:
    """A connection on which each statement is a transaction of its own: for what is written down singly, and often.

    Within another one it is the same, as long as that one is whole.
    """
    open_already = _single.get()
    if open_already is not None and not open_already.invalidated:
        yield open_already
        return
    bound = engine(settings().database)
    sqlite = bound.dialect.name == "sqlite"
    options = {"provision_singly": True} if sqlite else {"isolation_level": "AUTOCOMMIT"}
    with bound.connect().execution_options(**options) as connection:
        token = _single.set(connection)
        try:
            yield connection
        finally:
            _single.reset(token)


def give_back(pages: int, most: float) -> bool:
    """Give the disk some pages of a SQLite file that hold nothing, if they are more than *most* of all, as a share.

    False if there is nothing to be done, as on PostgreSQL, whose autovacuum keeps empty room for what comes.
    """
    if engine(settings().database).dialect.name != "sqlite":
        return False
    with singly() as connection:
        empty, all_pages, kind = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("freelist_count", "page_count", "auto_vacuum")
        )
        if kind == 0 or empty <= most * all_pages:
            return False
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.executescript(f"PRAGMA incremental_vacuum({pages})")  # Anything else would stop after the first page.
        return True


def leave_no_trace() -> bool:
    """What was written over is gone from SQLite's journal as well, if nobody reads what was before; else False, and it
    goes as the journal is written anew. PostgreSQL's autovacuum sees to it by itself.
    """
    if engine(settings().database).dialect.name != "sqlite":
        return True
    with singly() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=100")  # Who writes waits meanwhile.
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        connection.exec_driver_sql(f"PRAGMA busy_timeout={settings().lock_seconds * 1000:.0f}")
        return not is_busy


@contextmanager
def reading() -> Iterator[Session]:
    """One consistent look at the database, never in the way of a writer; changes are not kept."""
    whole = _whole.get()
    if whole is not None:
        yield whole
        return
    bound = engine(settings().database)
    options = {"provision_reading": True} if bound.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with Session(
        bound.execution_options(**options),
        expire_on_commit=False,
        autoflush=False,
        info={"reading": True},
    ) as session:
        yield session  # Closing rolls back.
