"""Mails that rest after a back-up was restored: how many would go, and the word that lets them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from models.audit import HOUSE, record
from models.db import reading, transaction
from models.mail.outbox import Outgoing
from models.restoration import Restoration
from models.time.clock import now

DROPPED = "dropped after a restore"


@dataclass(frozen=True)
class Held:
    """What waits since a restore, by kind of mail."""

    made_at: datetime
    """When the back-up was made."""
    restored_at: datetime
    older: Mapping[str, int]
    """Waited when it was made: those may have left since."""
    newer: Mapping[str, int]
    """Were written since it was restored: of what happened since the back-up, they may say again what was said."""


def held() -> Held | None:
    """None if nothing rests."""
    with reading() as session:
        restored = Restoration.holding(session)
        if restored is None:
            return None
        counts = select(Outgoing.kind, func.count()).where(Outgoing.due_at.is_not(None)).group_by(Outgoing.kind)
        counts = counts.order_by(Outgoing.kind)
        older, newer = (
            {kind.value: number for kind, number in session.execute(counts.where(which))}
            for which in (Outgoing.created_at <= restored.made_at, Outgoing.created_at > restored.made_at)
        )
    return Held(restored.made_at, restored.restored_at, older, newer)


def let_go(by: str, *, drop_older: bool = False) -> tuple[int, int]:
    """Mails leave again; with *drop_older* those that waited when the back-up was made never do.

    How many go, and how many were dropped; a second time there is nothing to let go.
    """
    at = now()
    with transaction() as session:
        rows = Restoration.release(session, at)
        if not rows:
            return 0, 0
        waiting = Outgoing.due_at.is_not(None)
        dropped = 0
        if drop_older:
            old = update(Outgoing).where(waiting, Outgoing.created_at <= rows[-1].made_at)
            gone = session.execute(old.values(due_at=None, fault=DROPPED).execution_options(synchronize_session=False))
            dropped = gone.rowcount  # type: ignore[attr-defined]
        going = session.scalar(select(func.count()).select_from(Outgoing).where(waiting)) or 0
        record(session, HOUSE, at, "mails.released", by, going=going, dropped=dropped)
    return going, dropped
