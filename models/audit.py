"""Who did what, when: one row per act, in a hash chain per case, outliving what it tells of."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple, Protocol, Self

from sqlalchemy import String, UniqueConstraint, func, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.people.person import account_name

START = "0" * 64
HOUSE = 0
"""The chain of acts that belong to no case: those on operators, on the provider's cadences, and on events that other
systems sent. It also names every case that was opened, so that a chain that is gone is missed."""

origin: ContextVar[Mapping[str, str]] = ContextVar("origin", default=MappingProxyType({}))
"""Where the one who acts is, as far as known: ``ip`` and ``agent``; stands in every entry written meanwhile."""


class Actor(Protocol):
    """Who acts, where more is at hand than an address."""

    @property
    def email(self) -> str: ...

    @property
    def name(self) -> str: ...


def standing(row: Base) -> Facts:
    """What the row holds in the columns of which the trail keeps it, as plain JSON values."""
    held = {name: getattr(row, name) for name in ("id", *row.EVIDENCE)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in held.items()}


def evidence(*rows: Base) -> Facts:
    """How these rows stand from now on, by table. Every act that changes such a row keeps it as its fact ``rows``.

    So the verifier need not know what each act does to them. The rows must have been written.
    """
    by_table: Facts = {}
    for row in rows:
        by_table.setdefault(row.__tablename__, []).append(standing(row))
    return by_table


class Head(NamedTuple):
    """The newest entry of a case at some moment."""

    case_id: int
    number: int
    hash: str


class Entry(Base):
    """One act. ``hash`` covers the entry and the hash before it, so that a later change shows."""

    __tablename__ = "audit"
    __table_args__ = (UniqueConstraint("case_id", "number"),)

    id: Mapped[Key]
    case_id: Mapped[int] = mapped_column(info=MUTE)
    """The onboarding, or HOUSE; not a foreign key, since entries outlive it."""
    number: Mapped[int] = mapped_column(info=MUTE)
    """Counts from 1 without gaps within the case."""
    at: Mapped[Instant]
    actor: Mapped[str] = mapped_column(String(200), info=TELLS)
    """An account's address, ``operator``, ``webhook`` or ``provision`` (the product itself)."""
    action: Mapped[str] = mapped_column(String(60), info=MUTE)
    facts: Mapped[Facts] = mapped_column(info=TELLS)
    previous: Mapped[str] = mapped_column(String(64), info=MUTE)
    hash: Mapped[str] = mapped_column(String(64), info=MUTE)

    @classmethod
    def after(cls, before: Self | None, case_id: int, at: datetime, actor: str, action: str, facts: Facts) -> Self:
        """The entry that follows *before*; without one, the first."""
        made = cls(
            case_id=case_id,
            number=1 if before is None else before.number + 1,
            at=at.astimezone(UTC),
            actor=actor[:200],
            action=action,
            facts=facts,
            previous=START if before is None else before.hash,
        )
        made.hash = made.computed_hash()
        return made

    def computed_hash(self) -> str:
        content = [self.case_id, self.number, self.at.isoformat(), self.actor, self.action, self.facts]
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return sha256(f"{self.previous}{canonical}".encode()).hexdigest()


def record(
    session: Session, case_id: int, now: datetime, action: str, actor: "str | Actor" = "provision", **facts: object
) -> None:
    """Write down an act in the transaction that does it. *facts* are plain JSON values."""
    record_each(session, {case_id: facts}, now, action, actor)


def record_each(
    session: Session, facts: Mapping[int, Facts], now: datetime, action: str, actor: "str | Actor" = "provision"
) -> None:
    """Write down an act that concerns several cases: *facts* by case, in as many statements for many as for one.

    Whose act it was stands there by address and, as ``by_name``, by the name that they had then.
    """
    session.flush()
    who, named = _who(session, actor)
    if HOUSE in facts and session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(HOUSE)))  # There is no row to lock, as a case has one.
    newest = select(Entry.case_id, func.max(Entry.number)).where(Entry.case_id.in_(facts)).group_by(Entry.case_id)
    entries = select(Entry).where(tuple_(Entry.case_id, Entry.number).in_(newest))
    last = {entry.case_id: entry for entry in session.scalars(entries)}
    for case_id, case_facts in facts.items():
        session.add(Entry.after(last.get(case_id), case_id, now, who, action, {**named, **case_facts, **origin.get()}))
    session.flush()


def _who(session: Session, actor: "str | Actor") -> tuple[str, Facts]:
    """Address, or what stands for one, and name of who acts; an account's name is looked up."""
    if not isinstance(actor, str):
        return actor.email, {"by_name": actor.name}
    name = account_name(session, actor) if "@" in actor else None
    return actor, {"by_name": name} if name else {}


def trail(session: Session, case_id: int) -> list[Entry]:
    """The case's entries in order."""
    return list(session.scalars(select(Entry).where(Entry.case_id == case_id).order_by(Entry.number)))


def newest(session: Session, case_id: int, most: int, *, without: str = "") -> list[Entry]:
    """The last entries in order, but for those of one act."""
    entries = select(Entry).where(Entry.case_id == case_id, Entry.action != without)
    return list(session.scalars(entries.order_by(Entry.number.desc()).limit(most)))[::-1]


def heads(session: Session) -> Iterator[Head]:
    """Of every case the newest entry, to be kept where whoever changes this database cannot reach."""
    newest = select(Entry.case_id, func.max(Entry.number)).group_by(Entry.case_id)
    entries = select(Entry.case_id, Entry.number, Entry.hash)
    for row in session.execute(entries.where(tuple_(Entry.case_id, Entry.number).in_(newest)).order_by(Entry.case_id)):
        yield Head(*row)


class Chain:
    """A chain proven entry by entry, in the memory of one.

    The chain alone does not tell whether its end was cut off, or whether everything from a changed entry on was
    computed anew. Heads that are *known* from elsewhere (a certificate page, a list kept outside) tell it: of two
    faults that both show, the first one is told.
    """

    def __init__(self, known: Iterable[Head] = ()) -> None:
        self.entries = 0
        self._previous = START
        self._faults: list[int] = []
        self._known: dict[int, set[str]] = {}
        for head in known:
            self._known.setdefault(head.number, set()).add(head.hash)

    def take(self, entry: Entry) -> None:
        """The next entry, in order."""
        self.entries += 1
        if not self._faults and (
            entry.number != self.entries or entry.previous != self._previous or entry.hash != entry.computed_hash()
        ):
            self._faults.append(self.entries)
        if self._known.pop(self.entries, {entry.hash}) != {entry.hash}:
            self._faults.append(self.entries)
        self._previous = entry.hash

    @property
    def broken(self) -> int | None:
        """Of those taken, the first that is not what it was; the next one if a known head lies behind the end."""
        return min([*self._faults, *([self.entries + 1] if self._known else [])], default=None)


def first_broken(entries: Iterable[Entry], known: Iterable[Head] = ()) -> int | None:
    """Number of the first entry that is missing or not what it was; None if the chain holds."""
    chain = Chain(known)
    for entry in entries:
        chain.take(entry)
    return chain.broken
