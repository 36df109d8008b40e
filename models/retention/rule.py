"""How rows past their time are found, and made to go: a rule of the table in ``models.retention.rules``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Integer, Select, Table, and_, delete, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.db import Base
from models.retention.hold import Holds, Whose
from models.retention.term import Term

Remove = Callable[[Session, Sequence[Any], datetime], None]


class Scope(StrEnum):
    """What goes with a case."""

    CLIENTS = "clients"
    """All that tells of the firm's clients."""
    CASE = "case"
    """All that tells of anybody."""
    PIECES = "pieces"
    """It is no case, but has so many pieces that they go before it."""
    ROW = "row"
    """It is a row of a case that goes on: with it goes what the trail and files tell."""


class Due(NamedTuple):
    """A row past its time."""

    moment: datetime
    """From when its time counts."""
    key: Any


@dataclass(frozen=True)
class Rows:
    """Rows of one table, whose time counts from a column with an index: that finds them, whatever else is there."""

    table: type[Base]
    moment: InstrumentedAttribute[Any]
    which: Sequence[ColumnElement[bool]] = ()
    """What else must hold of a row that goes: that it is settled, and that nothing younger needs it."""
    whose: Mapping[Whose, InstrumentedAttribute[Any]] = field(default_factory=dict)
    """By these columns a legal hold spares it."""
    remove: Remove | None = None
    """What is done about them; None: they are deleted, and nothing points to them."""
    newest_stays: bool = False
    """The newest row is kept until another follows: SQLite would give its number again, and a link or the key of a mail
    that bears it would mean somebody else."""

    @property
    def key(self) -> Column[Any]:
        assert isinstance(self.table.__table__, Table)
        (key,) = self.table.__table__.primary_key.columns
        return key

    def due(self, session: Session, limit: datetime, holds: Holds, after: Due | None, most: int) -> list[Due]:
        """Up to so many, the oldest first, those after *after*."""
        query = self._past(select(self.moment, self.key), limit, holds)
        if after is not None:
            later = and_(self.moment == after.moment, self.key > after.key)
            query = query.where(self.moment >= after.moment, or_(self.moment > after.moment, later))
        query = query.order_by(self.moment, self.key).limit(most)
        return [Due(*row) for row in session.execute(query)]

    def claim(self, session: Session, found: Sequence[Due], limit: datetime, holds: Holds) -> list[Any]:
        """Which of these, in order as they were found, are still due; what somebody else is at work on is left out.

        It looks at no others, however many are past their time.
        """
        query = self._past(select(self.key), limit, holds).where(self.key.in_([due.key for due in found]))
        query = query.where(self.moment >= found[0].moment, self.moment <= found[-1].moment)
        return [*session.scalars(query.with_for_update(skip_locked=True, of=self.table))]

    def take(self, session: Session, key: Any, limit: datetime, holds: Holds) -> bool:
        """Claim this one alone; False if it is not due any more, or somebody else is at work on it."""
        query = self._past(select(self.key), limit, holds).where(self.key == key)
        return session.scalars(query.with_for_update(skip_locked=True, of=self.table)).first() is not None

    def count(self, session: Session, limit: datetime, holds: Holds) -> tuple[int, datetime | None]:
        """How many are past their time, and from when the time of the oldest counts."""
        query = self._past(select(func.count(), func.min(self.moment)).select_from(self.table), limit, holds)
        number, oldest = session.execute(query).one()
        return number, oldest

    def oldest(self, session: Session, limit: datetime, holds: Holds) -> datetime | None:
        """From when the time of the oldest of them counts."""
        found = self.due(session, limit, holds, None, 1)
        return found[0].moment if found else None

    def go(self, session: Session, keys: Sequence[Any], now: datetime) -> None:
        """Make these go, which were claimed in this transaction."""
        if self.remove is not None:
            self.remove(session, keys, now)
            return
        gone = delete(self.table).where(self.key.in_(keys))
        session.execute(gone.execution_options(synchronize_session=False))

    def _past(self, query: Select[Any], limit: datetime, holds: Holds) -> Select[Any]:
        newest = select(func.max(self.key)).scalar_subquery()
        kept = [self.key < newest] if self.newest_stays and isinstance(self.key.type, Integer) else []
        return query.where(self.moment <= limit, *self.which, *kept, *holds.spare(self.whose))


@dataclass(frozen=True)
class Rule:
    """A class of what is stored: for how long, why so long, and how it goes."""

    name: str
    what: str
    """What it is, and what becomes of it."""
    term: Term
    since: str
    """The moment from which its time counts, in words."""
    reason: str
    """The law by which it is kept so long, or goes."""
    rows: Rows | None = None
    """None: it lies in files or at Prefect."""
    tables: tuple[str, ...] = ()
    """Further tables whose rows go with these."""
    empties: Scope | None = None
    """The rows are cases or firms, of whose case this much goes, or go in pieces (``models.retention.parts``), or cease
    to tell of anybody as the trail does."""

    @property
    def all_tables(self) -> tuple[str, ...]:
        return (*((self.rows.table.__tablename__,) if self.rows else ()), *self.tables)
