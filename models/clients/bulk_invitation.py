"""Invitations to many contacts at once: who asked for them, how far they are, and what became of each contact."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.clients.message import MESSAGE_MOST
from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.errors import N_, NotFound, ProvisionError
from models.mail.outbox import Outgoing
from models.people.person import Person

RATE_MOST = 1000
"""Mails a second, and as many hundreds an hour, beyond which nobody slows anything down."""
REFUSALS_FEW, REFUSALS_SHARE = 20, 10
"""So many mails that came back, and one in so many of those that were tried, end it: something is wrong then."""
HORIZON = timedelta(minutes=1)
"""For so long what is slowed down is handed over in advance."""


class BulkState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


class StopReason(StrEnum):
    """Why the invitations ended before everybody had their turn."""

    BY_HAND = "by_hand"
    REFUSALS = "refusals"
    ASKER_GONE = "asker_gone"


class Outcome(StrEnum):
    """What became of a contact at an account."""

    WAITING = "waiting"
    INVITED = "invited"
    """For the first time, with a link to a password."""
    TOLD = "told"
    """Invited before, and told of one more account."""
    RESENT = "resent"
    """Told of it before and not active yet: sent the invitation again."""
    REFUSED = "refused"
    LEFT_OUT = "left_out"
    """The invitations ended before their turn."""


class Reason(StrEnum):
    """Why nothing was sent to a contact."""

    NO_ADDRESS = "no_address"
    ADDRESS_BAD = "address_bad"
    ARCHIVED = "archived"
    PAUSED = "paused"
    LOGIN_OFF = "login_off"
    NOTIFY_OFF = "notify_off"
    """At all of their accounts: who was invited before gets no mail to many."""
    SEES_ALREADY = "sees_already"
    SENT_LATELY = "sent_lately"
    GONE = "gone"
    ENDED = "ended"


class RateInvalid(ProvisionError):
    status = 422
    says = N_("“%(rate)s” is no number of mails: write a whole number from 1 to %(most)s, or leave it empty.")

    def __init__(self, rate: str, most: int) -> None:
        super().__init__(rate, most)
        self.rate = rate
        self.most = most


class BulkOver(ProvisionError):
    says = N_("These invitations have ended already: nothing was changed.")


class Progress(NamedTuple):
    """How far they are."""

    outcomes: dict[Outcome, int]
    refused: dict[Reason, int]
    mails: int
    """Handed over to be sent; one may tell a person of several accounts."""
    delivered: int
    bounced: int
    activated: int

    @property
    def contacts(self) -> int:
        return sum(self.outcomes.values())

    @property
    def done(self) -> int:
        """Contacts who had their turn; whoever is left out had none."""
        none = (Outcome.WAITING, Outcome.LEFT_OUT)
        return self.contacts - sum(self.outcomes.get(outcome, 0) for outcome in none)


class BulkInvitation(Base):
    """One request to invite many. The audience is resolved account by account, in the order of their keys."""

    __tablename__ = "bulk_invitations"
    __table_args__ = (
        Index(
            "ix_bulk_invitations_running",
            "id",
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        Index(
            "ix_bulk_invitations_ended",
            "ended_at",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    """Who asked: they invite to accounts that they see."""
    asked_by: Mapped[str] = mapped_column(String(254), info=TELLS)
    """By which address; answers go there."""
    message: Mapped[str] = mapped_column(String(MESSAGE_MOST), default="", info=TELLS)
    audience: Mapped[Facts] = mapped_column(info=TELLS)
    """A filter of accounts, or their numbers."""
    a_second: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Mails at most; 0: as many as can be."""
    an_hour: Mapped[int] = mapped_column(default=0, info=MUTE)
    state: Mapped[BulkState] = mapped_column(default=BulkState.RUNNING)
    stop_reason: Mapped[StopReason | None]
    asked_at: Mapped[Instant]
    after_client: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Up to which account the audience is resolved."""
    resolved_at: Mapped[Instant | None]
    next_at: Mapped[Instant | None]
    """When the next mail may leave, where they are slowed down."""
    leased_until: Mapped[Instant | None]
    """So long a pass has it in hand: others leave it alone."""
    limited_until: Mapped[Instant | None]
    """The firm has invited as many as it may in a day: when to look again."""
    ended_at: Mapped[Instant | None]

    @classmethod
    def get(cls, session: Session, firm_id: int, bulk_id: int) -> Self:
        """One of the firm's, locked (not while only reading); raises NotFound."""
        query = select(cls).where(cls.id == bulk_id, cls.firm_id == firm_id)
        if not session.info.get("reading"):
            query = query.with_for_update().execution_options(populate_existing=True)
        bulk = session.scalars(query).one_or_none()
        if bulk is None:
            raise NotFound(N_("The invitations"))
        return bulk

    @classmethod
    def running(cls, session: Session) -> list[tuple[int, int]]:
        """Firm and number of each that goes on, oldest first."""
        rows = session.execute(select(cls.firm_id, cls.id).where(cls.state == BulkState.RUNNING).order_by(cls.id))
        return [(firm_id, bulk_id) for firm_id, bulk_id in rows]

    def same_that_is_open(self, session: Session) -> Self | None:
        """The same, asked for by the same person before, that has not ended yet."""
        kind = type(self)
        mine = select(kind).where(kind.firm_id == self.firm_id, kind.person_id == self.person_id)
        mine = mine.where(kind.state.in_([BulkState.RUNNING, BulkState.PAUSED]), kind.message == self.message)
        mine = mine.where(kind.a_second == self.a_second, kind.an_hour == self.an_hour).order_by(kind.id)
        return next((bulk for bulk in session.scalars(mine) if bulk.audience == self.audience), None)

    @property
    def interval(self) -> timedelta:
        """Between two mails."""
        gaps = [timedelta(seconds=1) / self.a_second] if self.a_second else []
        gaps += [timedelta(hours=1) / self.an_hour] if self.an_hour else []
        return max(gaps, default=timedelta())

    def places_left(self, at: datetime, most: int) -> int:
        """How many mails may be handed over now."""
        if not self.interval:
            return most
        begin = max(self.next_at or at, at)
        return max(0, min(most, (at + HORIZON - begin) // self.interval))

    def take_place(self, at: datetime) -> datetime:
        """When the next mail leaves."""
        moment = max(self.next_at or at, at)
        self.next_at = moment + self.interval
        return moment

    def require_open(self) -> None:
        if self.state in {BulkState.STOPPED, BulkState.DONE}:
            raise BulkOver

    def end(self, at: datetime, reason: StopReason | None = None) -> None:
        self.state = BulkState.STOPPED if reason else BulkState.DONE
        self.stop_reason, self.ended_at, self.leased_until = reason, at, None

    def progress(self, session: Session) -> Progress:
        """Counted by indexes, however many they are."""
        mine = select(BulkRecipient.outcome, func.count()).where(BulkRecipient.bulk_id == self.id)
        outcomes = dict(session.execute(mine.group_by(BulkRecipient.outcome)).tuples().all())
        why = select(BulkRecipient.reason, func.count()).where(
            BulkRecipient.bulk_id == self.id, BulkRecipient.outcome == Outcome.REFUSED
        )
        refused = {reason: count for reason, count in session.execute(why.group_by(BulkRecipient.reason)) if reason}
        joined = select(func.count(BulkRecipient.person_id.distinct())).join(
            Person, Person.id == BulkRecipient.person_id
        )
        told = BulkRecipient.outcome.in_([Outcome.INVITED, Outcome.RESENT])
        active = joined.where(BulkRecipient.bulk_id == self.id, told, Person.registered_at.is_not(None))
        return Progress(outcomes, refused, *self.mails(session), session.scalars(active).one())

    def mails(self, session: Session) -> tuple[int, int, int]:
        """How many were handed over, were delivered and have not come back, and came back or were given up."""
        arrived = func.count().filter(Outgoing.delivered_at.is_not(None), Outgoing.failed_at.is_(None))
        counts = select(func.count(), arrived, func.count(Outgoing.failed_at))
        mails, delivered, failed = session.execute(counts.where(Outgoing.bulk_id == self.id)).one()
        return mails, delivered, failed

    def is_refused(self, session: Session) -> bool:
        """Whether too many mails came back to go on."""
        _, delivered, failed = self.mails(session)
        return bool(failed >= REFUSALS_FEW and failed * REFUSALS_SHARE >= delivered + failed)


def rate(written: str, most: int) -> int:
    """How many mails may leave at most, as somebody writes it; 0: as many as can be. Raises RateInvalid."""
    text = written.strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise RateInvalid(text[:20], most)
    return int(text)


class BulkRecipient(Base):
    """A contact at an account, among those who are invited together: one outcome, and one reason if it is a refusal."""

    __tablename__ = "bulk_recipients"
    __table_args__ = (
        UniqueConstraint("bulk_id", "person_id", "client_id"),
        # Picked and counted by these.
        Index("ix_bulk_recipients_turn", "bulk_id", "outcome", "due_at", "id"),
        Index("ix_bulk_recipients_reason", "bulk_id", "outcome", "reason", "id"),
    )

    id: Mapped[Key]
    bulk_id: Mapped[int] = mapped_column(ForeignKey("bulk_invitations.id"))
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    outcome: Mapped[Outcome] = mapped_column(default=Outcome.WAITING)
    reason: Mapped[Reason | None]
    due_at: Mapped[Instant | None]
    """From when on they can be reached; None: they have had their turn."""
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"), index=True)

    def settle(self, outcome: Outcome, reason: Reason | None = None, mail_id: int | None = None) -> None:
        self.outcome, self.reason, self.mail_id, self.due_at = outcome, reason, mail_id, None
