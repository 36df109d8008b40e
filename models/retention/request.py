"""What somebody wants to have done about data of theirs: erased or corrected (Art. 12, 16, 17 GDPR).

Whoever is responsible answers within a month: a firm about its clients, the provider about the people of firms. The
month may be made three for a reason that is told to who has asked (Art. 12(3)). Once it is over, the provider sees to a
request that a firm has left.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, and_, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.contracts.terms import Period, Unit, end_of_notice
from models.db import MUTE, TELLS, Base, Instant, Key, tells_of
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.onboarding import Onboarding
from models.time.clock import local_day

WORDS_MOST = 2000
TIME, LONGER = Period(1, Unit.MONTH), Period(3, Unit.MONTH)
"""How long an answer may take, and how long with a reason."""
NEARS = (14, 7, 2)
"""So many days before the last one whoever has to answer is reminded; afterwards each week."""
WEEK = 7
STUCK_AFTER = timedelta(days=2)
"""So long after it was granted an erasure that is not carried out yet is the provider's to see to."""
ASKED_A_DAY = 3
"""So often one person asks within a day, as whoever has to answer is written to each time."""


class Judge(StrEnum):
    """Who says whether an erasure that was asked for is carried out."""

    NOBODY = "nobody"
    """There is nothing to weigh: it is carried out."""
    FIRM = "firm"
    """They are its client: the firm answers for their data, and we work on its instructions (Art. 28)."""
    OPERATOR = "operator"
    """They work at the firm: are they needed for a contract that lives (Art. 17(1)(a), 6(1)(b))?"""


class RequestKind(StrEnum):
    ERASURE = "erasure"
    CORRECTION = "correction"


class RequestState(StrEnum):
    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """By who has asked."""
    MOOT = "moot"
    """Nobody's answer: they were erased in another way."""


class RequestAnswered(ProvisionError):
    says = N_("This request has been answered or withdrawn already: nothing was changed.")


class WishMissing(ProvisionError):
    status = 422
    says = N_("What is to be corrected is missing: write what is wrong, and what is right.")


class RefusalReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: whoever has asked has a right to know why it is refused.")


class DelayReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: whoever has asked has a right to know why it takes longer.")


class ExtendedAlready(ProvisionError):
    says = N_("The time to answer was made longer already: it ends on %(day)s, and not later.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class ExtendedLate(ProvisionError):
    says = N_(
        "The time to answer ended on %(day)s, and can be made longer only before that: grant the request or refuse it "
        "now."
    )

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class AskedOften(ProvisionError):
    status = 429
    says = N_("You have asked %(most)s times within a day: ask again tomorrow, or write to us.")

    def __init__(self) -> None:
        super().__init__()
        self.most = ASKED_A_DAY


class FirmAnswers(ProvisionError):
    says = N_("%(firm)s answers this, and has time for it until %(day)s: only after that may you answer in its place.")

    def __init__(self, firm: str, day: date) -> None:
        super().__init__(firm, day)
        self.firm = firm
        self.day = day


class ProviderAnswers(ProvisionError):
    """It was the firm's to answer when it was asked, and is not any more."""

    says = N_(
        "This is not %(firm)s’s to answer any more: whoever has asked works there now, or its account is closed. The "
        "provider answers."
    )

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class NothingToWeigh(ProvisionError):
    says = N_("%(firm)s has closed its account, so there is nothing to weigh any more: grant the request.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class PrivacyRequest(Base):
    """One request of one person. There is one open one of a kind."""

    __tablename__ = "privacy_requests"
    __table_args__ = (
        CheckConstraint("(state = 'open') = (answered_at IS NULL)", name="answered_at_a_moment"),
        Index(
            "ix_privacy_requests_open",
            "person_id",
            "kind",
            unique=True,
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
        Index(
            "ix_privacy_requests_due",
            "due_on",
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
        Index(
            "ix_privacy_requests_answered",
            "answered_at",
            sqlite_where=text("answered_at IS NOT NULL"),
            postgresql_where=text("answered_at IS NOT NULL"),
        ),
        Index(
            "ix_privacy_requests_to_do",
            "id",
            sqlite_where=text("state = 'granted' AND done_at IS NULL"),
            postgresql_where=text("state = 'granted' AND done_at IS NULL"),
        ),
    )

    id: Mapped[Key]
    onboarding_id: Mapped[int] = mapped_column(ForeignKey("onboardings.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    kind: Mapped[RequestKind]
    judge: Mapped[Judge]
    words: Mapped[str] = mapped_column(String(WORDS_MOST), default="", info=tells_of("person_id"))
    asked_at: Mapped[Instant]
    due_on: Mapped[date] = mapped_column(info=MUTE)
    """The last day for the answer."""
    extension: Mapped[str] = mapped_column(String(WORDS_MOST), default="", info=tells_of("person_id"))
    """Why it takes longer than a month."""
    extended_at: Mapped[Instant | None]
    state: Mapped[RequestState] = mapped_column(default=RequestState.OPEN)
    answered_at: Mapped[Instant | None]
    answered_by: Mapped[str] = mapped_column(String(254), default="", info=TELLS)
    reason: Mapped[str] = mapped_column(String(WORDS_MOST), default="", info=tells_of("person_id"))
    """What was said with the answer."""
    done_at: Mapped[Instant | None]
    """When what was granted had been carried out."""
    obstacle: Mapped[str | None] = mapped_column(String(40), info=MUTE)
    """What stood in the way when it was to be carried out last, by the name of the refusal."""
    held_until: Mapped[date | None] = mapped_column(info=MUTE)
    """Until when, where that is known."""
    reminded: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Of how many reminders the time has come."""

    @classmethod
    def begin(
        cls,
        session: Session,
        case: Onboarding,
        person_id: int,
        kind: RequestKind,
        judge: Judge,
        words: str,
        at: datetime,
    ) -> Self:
        """A new one; the case is locked, and none is ``pending``."""
        due_on = end_of_notice(local_day(at), TIME)
        row = cls(onboarding_id=case.id, person_id=person_id, kind=kind, judge=judge, words=words)
        row.asked_at, row.due_on, row.state = at, due_on, RequestState.OPEN
        session.add(row)
        session.flush()
        return row

    @classmethod
    def pending(cls, session: Session, person_ids: Collection[int], kind: RequestKind) -> Self | None:
        """What somebody who is these people has asked already: an erasure that is granted and about to be carried out,
        after which nothing is left to ask for, or the open one of this kind.
        """
        undone = and_(cls.kind == RequestKind.ERASURE, _is_undone())
        mine = cls.person_id.in_(person_ids), or_(undone, and_(cls.kind == kind, cls.answered_at.is_(None)))
        return session.scalars(select(cls).where(*mine).order_by(cls.answered_at.is_(None), cls.id).limit(1)).first()

    @classmethod
    def get(cls, session: Session, request_id: int, *which: ColumnElement[bool]) -> Self:
        """Locked, its case before it (not while only reading); raises NotFound, also if *which* does not hold."""
        row = session.scalars(select(cls).where(cls.id == request_id, *which)).one_or_none()
        if row is None:
            raise NotFound(N_("The request"))
        if not session.info.get("reading"):
            Onboarding.get(session, row.onboarding_id)
            session.refresh(row, with_for_update=True)
        return row

    @classmethod
    def of(cls, session: Session, person_ids: list[int]) -> list[Self]:
        """What these people have asked, the newest first."""
        return list(session.scalars(select(cls).where(cls.person_id.in_(person_ids)).order_by(cls.id.desc())))

    @classmethod
    def require_seldom(cls, session: Session, person_ids: Collection[int], at: datetime) -> None:
        """Raises AskedOften."""
        lately = select(func.count()).where(cls.person_id.in_(person_ids), cls.asked_at > at - timedelta(days=1))
        if session.scalars(lately).one() >= ASKED_A_DAY:
            raise AskedOften

    def require_open(self) -> None:
        """Raises RequestAnswered."""
        if self.state is not RequestState.OPEN:
            raise RequestAnswered

    def answer(self, state: RequestState, by: str, reason: str, at: datetime) -> None:
        self.state, self.answered_at, self.answered_by, self.reason = state, at, by[:254], reason

    def extend(self, reason: str, at: datetime) -> None:
        """Raises ExtendedAlready; ExtendedLate: who waits has to be told within the time (Art. 12(3))."""
        if self.extended_at is not None:
            raise ExtendedAlready(self.due_on)
        if self.due_on < local_day(at):
            raise ExtendedLate(self.due_on)
        self.extension, self.extended_at = reason, at
        self.due_on, self.reminded = end_of_notice(local_day(self.asked_at), LONGER), 1

    def reminders_by(self, day: date) -> int:
        """Of how many reminders the time has come on that day."""
        left = (self.due_on - day).days
        late = 0 if left >= 0 else 1 + (-left - 1) // WEEK
        return sum(1 for days in NEARS if left <= days) + late


def of_provider(at: datetime) -> ColumnElement[bool]:
    """What the provider has to see to: open requests about people of firms, or that a firm has left; and what was
    granted, by whomever, and is not carried out.
    """
    mine, left = PrivacyRequest.judge != Judge.FIRM, PrivacyRequest.due_on < local_day(at)
    stuck = and_(_is_undone(), PrivacyRequest.answered_at < at - STUCK_AFTER)
    return or_(and_(PrivacyRequest.answered_at.is_(None), or_(mine, left, _is_closed())), stuck)


def of_firm(firm_id: int) -> ColumnElement[bool]:
    """Open requests that a firm has to answer."""
    cases = select(Onboarding.id).where(Onboarding.firm_id == firm_id)
    mine = PrivacyRequest.judge == Judge.FIRM, PrivacyRequest.onboarding_id.in_(cases)
    return and_(PrivacyRequest.answered_at.is_(None), *mine)


def _is_undone() -> ColumnElement[bool]:
    return and_(PrivacyRequest.state == RequestState.GRANTED, PrivacyRequest.done_at.is_(None))


def _is_closed() -> ColumnElement[bool]:
    closed = select(Onboarding.id).join(Firm, Firm.id == Onboarding.firm_id).where(Firm.closed_at.is_not(None))
    return PrivacyRequest.onboarding_id.in_(closed)


def count(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count()).select_from(PrivacyRequest).where(which)).one()
