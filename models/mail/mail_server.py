"""The mail server that takes our mail: what it can, and whether it takes any.

What it refuses for a fault of ours (no connection, no login, no relaying, a blocked sender) concerns every mail. So it
is told once, here, and not of each mail; it is over as soon as the server takes one.
"""

from datetime import datetime
from typing import Self

from sqlalchemy import String, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Instant, Key, reading
from models.settings import settings


class MailServer(Base):
    """One mail server, by its address; the settings say which one counts."""

    __tablename__ = "mail_servers"

    id: Mapped[Key]
    address: Mapped[str] = mapped_column(String(300), unique=True, info=MUTE)
    smtputf8: Mapped[bool | None]
    """Whether it offers SMTPUTF8 (RFC 6531), as last seen in its answer to EHLO; None: not seen yet."""
    taken_at: Mapped[Instant | None]
    """When it last took a mail."""
    fault: Mapped[str | None] = mapped_column(String(500), info=TELLS)
    """Why it takes none now."""
    fault_since: Mapped[Instant | None]

    @classmethod
    def configured(cls, session: Session) -> Self | None:
        """The one that the settings name; None if nobody has spoken with it yet."""
        return session.scalars(select(cls).where(cls.address == _address())).one_or_none()

    @classmethod
    def note(cls, session: Session, now: datetime, *, smtputf8: bool | None, took: bool, fault: str = "") -> None:
        """What was seen of it: that it *took* a mail, which ends every *fault*, or why it took none."""
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(insert(cls).values(address=_address()).on_conflict_do_nothing(index_elements=["address"]))
        server = session.scalars(select(cls).where(cls.address == _address()).with_for_update()).one()
        server.smtputf8 = server.smtputf8 if smtputf8 is None else smtputf8
        if took:
            server.taken_at, server.fault, server.fault_since = now, None, None
        elif fault:
            server.fault, server.fault_since = fault[:500], server.fault_since or now


def offers_smtputf8() -> bool:
    """Whether an address with letters outside ASCII before the @ can be written to, as far as is known.

    By what the mail server said last; False as long as nobody has spoken with it. Each delivery sees to that.
    """
    with reading() as session:
        server = MailServer.configured(session)
    return server is not None and bool(server.smtputf8)


def _address() -> str:
    return f"{settings().smtp_host}:{settings().smtp_port}"[:300]
