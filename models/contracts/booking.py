"""The modules that a firm has: since when, on which tariff, and until when; and what is to become of each.

A booking runs through phases, one after the other: on one tariff, at one version of its prices. A change of tariff and
a termination follow one rule, that of the tariff of the phase that runs; only managers may choose another day. One
change waits at a time, or another tariff before an end that comes after its first day, and then follows its terms. A
termination that was received is undone only by both sides (§ 130 I 2 BGB).
"""

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Self

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.contracts.catalogue import Agreed, PriceList, Tariff
from models.contracts.contract import Contract
from models.contracts.money import Amount
from models.contracts.terms import ONE_DAY, Terms
from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.errors import N_, NotFound

REASON_MOST = 1000


class Booking(Base):
    """A module that a firm has ordered."""

    __tablename__ = "bookings"
    EVIDENCE = ("firm_id", "module_id", "ordered_at", "starts_on", "data", "ends_on", "ended_at")
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="ends_after_it_starts"),
        CheckConstraint("ended_at IS NULL OR ends_on IS NOT NULL", name="ended_on_a_day"),
        Index(
            "ix_bookings_ending",
            "ends_on",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    module_id: Mapped[int] = mapped_column(ForeignKey("modules.id"), index=True)
    ordered_at: Mapped[Instant]
    ordered_as: Mapped[str | None] = mapped_column(String(260), unique=True, info=MUTE)
    """What told of the order, if another system did: it orders once."""
    starts_on: Mapped[date] = mapped_column(info=MUTE)
    data: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What the fields of the module hold, by their keys."""
    ends_on: Mapped[date | None] = mapped_column(info=MUTE)
    """Its last day, as soon as that is known."""
    ended_at: Mapped[Instant | None]
    """When it was switched off after its last day."""

    @classmethod
    def of(cls, session: Session, firm_id: int) -> list[Self]:
        """All that the firm ever had, the oldest first."""
        return list(session.scalars(select(cls).where(cls.firm_id == firm_id).order_by(cls.starts_on, cls.id)))

    @classmethod
    def get(cls, session: Session, contract: Contract, booking_id: int) -> Self:
        """One of this contract's, whose lock is its own; raises NotFound for that of another as well."""
        booking = session.get(cls, booking_id)
        if booking is None or booking.firm_id != contract.firm_id:
            raise NotFound(N_("The module"))
        return booking

    def is_active(self, day: date) -> bool:
        """Whether the firm has it on that day, or will have it."""
        return self.ends_on is None or day <= self.ends_on

    def begin(
        self, session: Session, tariff: Tariff, prices: PriceList, day: date, *, base: Decimal | None = None
    ) -> "Phase":
        """Its first phase, or one on another tariff; terms and periods are counted anew from that day."""
        made = Phase(
            firm_id=self.firm_id,
            booking_id=self.id,
            tariff_id=tariff.id,
            price_list_id=prices.id,
            anchor_on=day,
            starts_on=day,
            first_term=tariff.first_term,
            extension=tariff.extension,
            notice=tariff.notice,
            notice_to=tariff.notice_to,
            base_amount=base,
        )
        session.add(made)
        return made


class Phase(Agreed, Base):
    """A time in which a booking runs on one tariff at one version of its prices, on terms as they were agreed."""

    __tablename__ = "phases"
    EVIDENCE = (
        *("firm_id", "booking_id", "tariff_id", "price_list_id", "anchor_on", "starts_on", "ends_on"),
        *("first_term", "extension", "notice", "notice_to", "base_amount", "reprices_on", "next_price_list_id"),
    )
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="ends_after_it_starts"),
        CheckConstraint("(reprices_on IS NULL) = (next_price_list_id IS NULL)", name="reprices_to_something"),
        Index("ix_phases_notice", "reminded", "notice_by"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), index=True)
    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariffs.id"), index=True)
    price_list_id: Mapped[int] = mapped_column(ForeignKey("price_lists.id"))
    anchor_on: Mapped[date] = mapped_column(info=MUTE)
    """From which day terms and billing periods are counted: new prices leave it as it was."""
    starts_on: Mapped[date] = mapped_column(info=MUTE)
    ends_on: Mapped[date | None] = mapped_column(info=MUTE)
    reprices_on: Mapped[date | None] = mapped_column(index=True, info=MUTE)
    """The first day of the period from which on the next version of the prices counts, once it was announced."""
    next_price_list_id: Mapped[int | None] = mapped_column(ForeignKey("price_lists.id"))
    base_amount: Mapped[Decimal | None] = mapped_column(Amount, info=MUTE)
    """What the base article costs by an agreement with this firm alone, instead of what the price list says."""
    notice_by: Mapped[date | None] = mapped_column(info=MUTE)
    """The next last day for notice; once it has passed the one after it is reckoned. None: there is none."""
    reminded: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Of how many reminders before that day the time has come."""
    announce_on: Mapped[date | None] = mapped_column(index=True, info=MUTE)
    """When to look whether the next version of the prices is to be announced."""

    @classmethod
    def of(cls, session: Session, booking_ids: Collection[int]) -> dict[int, list[Self]]:
        """Those of each booking, one after the other."""
        of_each: dict[int, list[Self]] = {booking_id: [] for booking_id in booking_ids}
        rows = select(cls).where(cls.booking_id.in_(booking_ids)).order_by(cls.starts_on, cls.id)
        for phase in session.scalars(rows):
            of_each[phase.booking_id].append(phase)
        return of_each

    def at_prices(self, price_list_id: int, day: date) -> Self:
        """The phase that follows from that day on, at another version of the prices; nothing else is agreed anew."""
        return type(self)(
            firm_id=self.firm_id,
            booking_id=self.booking_id,
            tariff_id=self.tariff_id,
            price_list_id=price_list_id,
            anchor_on=self.anchor_on,
            starts_on=day,
            first_term=self.first_term,
            extension=self.extension,
            notice=self.notice,
            notice_to=self.notice_to,
            base_amount=self.base_amount,
            notice_by=self.notice_by,
            reminded=self.reminded,
        )

    def fixed_end(self, contract: Contract) -> date | None:
        """The day with which it ends by itself, if it does."""
        return self.terms(contract).fixed_end

    def end(self, last_day: date) -> None:
        """Nothing comes of it any more after this day.

        Where the booking has ended before prices rose, which was entered later, it bears a day that is not counted.
        """
        self.ends_on = max(last_day, self.starts_on)
        self.reprices_on = self.next_price_list_id = self.notice_by = self.announce_on = None

    def look_ahead(self, contract: Contract, day: date) -> None:
        """Reckon the next last day for notice, not before *day*."""
        chance = self.terms(contract).chance_from(day)
        self.notice_by, self.reminded = chance.last_day if chance else None, 0

    def terms(self, contract: Contract) -> Terms:
        """How it ends: what was agreed, from the day on that the terms are counted from."""
        return self.terms_from(self.anchor_on, contract.zone, contract.law)


def running_phase(phases: list[Phase], day: date) -> Phase:
    """The one that runs on that day; before the first one that one, after the last that."""
    begun = [phase for phase in phases if phase.starts_on <= day]
    return begun[-1] if begun else phases[0]


class BookedOption(Base):
    """An article with the key “option” that managers have added to a booking."""

    __tablename__ = "booked_options"
    EVIDENCE = ("firm_id", "booking_id", "article_id", "quantity", "amount", "starts_on", "ends_on")
    __table_args__ = (CheckConstraint("quantity > 0", name="some"),)

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), index=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    quantity: Mapped[int] = mapped_column(info=MUTE)
    amount: Mapped[Decimal] = mapped_column(Amount, info=MUTE)
    """What one costs in a billing interval, as agreed when it was added."""
    starts_on: Mapped[date] = mapped_column(info=MUTE)
    ends_on: Mapped[date | None] = mapped_column(info=MUTE)

    def goes_on(self, article_id: int, amount: Decimal, day: date) -> Self:
        """As many of them on another tariff, from that day on, at its price."""
        return type(self)(
            firm_id=self.firm_id,
            booking_id=self.booking_id,
            article_id=article_id,
            quantity=self.quantity,
            amount=amount,
            starts_on=max(day, self.starts_on),
        )


class ChangeKind(StrEnum):
    """What is to become of a booking."""

    TERMINATION = "termination"
    TARIFF = "tariff"
    EXTRAORDINARY = "extraordinary"  # For an important reason, § 314 BGB.
    SWITCH = "switch"  # To another provider, Regulation (EU) 2023/2854.

    @property
    def ends_it(self) -> bool:
        return self is not ChangeKind.TARIFF


class ChangeState(StrEnum):
    PENDING = "pending"
    APPLIED = "applied"
    UNDONE = "undone"  # Both sides agreed to go on.
    DROPPED = "dropped"  # Another change took its place, or the booking ended before.


class CameBy(StrEnum):
    """How a declaration was received."""

    PAGE = "page"
    LETTER = "letter"
    MAIL = "mail"
    WEBHOOK = "webhook"


class Change(Base):
    """A change of tariff or an end that was declared and received, and takes effect after its day."""

    __tablename__ = "changes"
    EVIDENCE = (
        *("firm_id", "booking_id", "kind", "state", "came_by", "requested_at", "received_at", "ends_on"),
        "effective_at",
        *("tariff_id", "price_list_id", "is_chosen", "reason", "document_id", "undo_asked_at", "undo_refused_at"),
        "settled_at",
    )
    __table_args__ = (
        *(
            Index(name, "booking_id", unique=True, sqlite_where=text(which), postgresql_where=text(which))
            for name, which in (
                ("ix_changes_one_tariff", "state = 'pending' AND kind = 'tariff'"),
                ("ix_changes_one_end", "state = 'pending' AND kind <> 'tariff'"),
            )
        ),
        Index("ix_changes_due", "state", "effective_at"),
        CheckConstraint("(kind = 'tariff') = (tariff_id IS NOT NULL)", name="tariff_named"),
        CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name="settled_at_a_moment"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), index=True)
    kind: Mapped[ChangeKind]
    state: Mapped[ChangeState] = mapped_column(default=ChangeState.PENDING)
    came_by: Mapped[CameBy] = mapped_column(default=CameBy.PAGE)
    requested_at: Mapped[Instant]
    """When it was entered here."""
    received_at: Mapped[Instant]
    """When the provider had it, which is what counts."""
    ends_on: Mapped[date] = mapped_column(info=MUTE)
    """The last day of the booking, or of its old tariff."""
    effective_at: Mapped[Instant]
    """The first moment after that day."""
    tariff_id: Mapped[int | None] = mapped_column(ForeignKey("tariffs.id"))
    price_list_id: Mapped[int | None] = mapped_column(ForeignKey("price_lists.id"))
    is_chosen: Mapped[bool] = mapped_column(default=False)
    """Whether a manager chose another day than the terms give."""
    reason: Mapped[str] = mapped_column(String(REASON_MOST), default="", info=TELLS)
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), index=True)
    """The letter, as a scan."""
    undo_asked_at: Mapped[Instant | None]
    undo_refused_at: Mapped[Instant | None]
    """When the provider did not agree to undo it; the firm may ask again."""
    settled_at: Mapped[Instant | None]
    """When it was applied, undone or dropped."""

    @classmethod
    def waiting(cls, session: Session, booking_ids: Collection[int]) -> "dict[int, Waiting]":
        """What waits for its day, by booking."""
        rows = select(cls).where(cls.booking_id.in_(booking_ids), cls.state == ChangeState.PENDING)
        found: dict[int, Waiting] = {}
        for change in session.scalars(rows):
            place = {"end" if change.kind.ends_it else "tariff": change}
            found[change.booking_id] = found.get(change.booking_id, Waiting())._replace(**place)
        return found

    @classmethod
    def pending(cls, session: Session, booking_ids: Collection[int]) -> "dict[int, Change]":
        """What waits for its day and can be undone, by booking: the end, where another tariff comes before it."""
        waiting = cls.waiting(session, booking_ids)
        return {key: waits.last for key, waits in waiting.items() if waits.last is not None}

    def settle(self, state: ChangeState, now: datetime) -> None:
        self.state, self.settled_at = state, now

    @property
    def undo_key(self) -> str:
        """Names the question whether it is undone, as it was asked last."""
        return f"undo:{self.id}:{self.undo_asked_at and self.undo_asked_at.isoformat()}"

    @property
    def is_pending(self) -> bool:
        return self.state is ChangeState.PENDING

    @property
    def new_from(self) -> date:
        """The first day of the new tariff, or without the module."""
        return self.ends_on + ONE_DAY


class Waiting(NamedTuple):
    """What waits for its day with one booking: another tariff, an end, or an end after another tariff."""

    tariff: Change | None = None
    end: Change | None = None

    @property
    def first(self) -> Change | None:
        return self.tariff or self.end

    @property
    def last(self) -> Change | None:
        return self.end or self.tariff
