"""Who did what, when: one row per act, in a hash chain per case, outliving what it tells of."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import String, UniqueConstraint, func, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import Base, Facts, Instant, Key

START = "0" * 64


class Entry(Base):
    """One act. ``hash`` covers the entry and the hash before it, so that a later change shows."""

    __tablename__ = "audit"
    __table_args__ = (UniqueConstraint("case_id", "number"),)

    id: Mapped[Key]
    case_id: Mapped[int]
    """The onboarding; not a foreign key, since entries outlive it."""
    number: Mapped[int]
    """Counts from 1 without gaps within the case."""
    at: Mapped[Instant]
    actor: Mapped[str] = mapped_column(String(200))
    """An account's address, ``operator``, ``webhook`` or ``provision`` (the product itself)."""
    action: Mapped[str] = mapped_column(String(60))
    facts: Mapped[Facts]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    def computed_hash(self) -> str:
        content = [self.case_id, self.number, self.at.isoformat(), self.actor, self.action, self.facts]
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return sha256(f"{self.previous}{canonical}".encode()).hexdigest()


def record(
    session: Session, case_id: int, now: datetime, action: str, actor: str = "provision", **facts: object
) -> None:
    """Write down an act in the transaction that does it. *facts* are plain JSON values."""
    record_each(session, {case_id: facts}, now, action, actor)


def record_each(
    session: Session, facts: Mapping[int, Facts], now: datetime, action: str, actor: str = "provision"
) -> None:
    """Write down an act that concerns several cases: *facts* by case, in as many statements for many as for one."""
    session.flush()
    newest = select(Entry.case_id, func.max(Entry.number)).where(Entry.case_id.in_(facts)).group_by(Entry.case_id)
    found = select(Entry).where(tuple_(Entry.case_id, Entry.number).in_(newest))
    last = {entry.case_id: entry for entry in session.scalars(found)}
    for case_id, told in facts.items():
        before = last.get(case_id)
        entry = Entry(
            case_id=case_id,
            number=1 if before is None else before.number + 1,
            at=now.astimezone(UTC),
            actor=actor[:200],
            action=action,
            facts=told,
            previous=START if before is None else before.hash,
        )
        entry.hash = entry.computed_hash()
        session.add(entry)
    session.flush()


def trail(session: Session, case_id: int) -> list[Entry]:
    """The case's entries in order."""
    return list(session.scalars(select(Entry).where(Entry.case_id == case_id).order_by(Entry.number)))


def first_broken(entries: list[Entry]) -> int | None:
    """Number of the first entry that does not follow from the one before; None if the chain holds."""
    previous = START
    for number, entry in enumerate(entries, 1):
        if entry.number != number or entry.previous != previous or entry.hash != entry.computed_hash():
            return number
        previous = entry.hash
    return None
