"""Cadences: how often whoever is waited for is reminded, when that stops, and what follows the last reminder.

There is one for each kind of wait. The provider's applies unless a firm has its own, a firm's unless the case has.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from sqlalchemy import JSON, ColumnElement, String, UniqueConstraint, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Instant, Key
from models.errors import N_, ProvisionError

MOST_REMINDERS = 12
LONGEST_DAYS = 365


class WaitKind(StrEnum):
    """For what we wait."""

    ORGANISER = "organiser"  # The organiser makes an account.
    TASK = "task"  # The organiser tells details, supplies the logo, names caseworkers or clients.
    AGREEMENT = "agreement"  # The agreement comes back signed.
    CASEWORKER = "caseworker"  # A caseworker makes an account.
    CLIENT = "client"  # A client activates the access.
    ADVICE = "advice"  # An operator advises on the subscription.
    DECISION = "decision"  # An operator decides anything else.
    CONSENT = "consent"  # The firm agrees to new terms, or refuses.
    NOTICE = "notice"  # The last day for notice comes; its days are counted before that day.


class Follow(StrEnum):
    """What follows when the last reminder was not answered either."""

    NOTHING = "nothing"
    OPERATOR = "operator"  # An operator is asked how it goes on.
    ORGANISER = "organiser"  # The firm's organiser is told who has not answered.
    MANAGERS = "managers"  # The managers are told that nobody has decided.


_OF_THE_FIRM = [Follow.OPERATOR, Follow.NOTHING]
_INVITED = [Follow.ORGANISER, Follow.OPERATOR, Follow.NOTHING]
_OPERATORS = [Follow.MANAGERS, Follow.NOTHING]
FOLLOWS: dict[WaitKind, list[Follow]] = {
    WaitKind.ORGANISER: _OF_THE_FIRM,
    WaitKind.TASK: _OF_THE_FIRM,
    WaitKind.AGREEMENT: _OF_THE_FIRM,
    WaitKind.CASEWORKER: _INVITED,
    WaitKind.CLIENT: _INVITED,
    WaitKind.ADVICE: _OPERATORS,
    WaitKind.DECISION: _OPERATORS,
    WaitKind.CONSENT: [Follow.NOTHING],
    WaitKind.NOTICE: [Follow.NOTHING],
}
"""What can follow at each kind of wait: whoever is silent is not told of it."""


class Level(StrEnum):
    """Where a cadence is set and where reminders are paused; the narrower one counts."""

    PROVIDER = "provider"
    FIRM = "firm"
    CASE = "case"
    PERSON = "person"  # Pauses only.


class DaysInvalid(ProvisionError):
    status = 422
    says = N_("“%(days)s” is not a row of days: write ascending numbers from 1 to 365, for example “3, 7, 12”.")

    def __init__(self, days: str) -> None:
        super().__init__(days)
        self.days = days


class DaysMissing(DaysInvalid):
    says = N_("The days are missing: write ascending numbers from 1 to 365, for example “3, 7, 12”.")

    def __init__(self, days: str = "") -> None:
        super().__init__(days)


class FollowUnfit(ProvisionError):
    status = 422
    says = N_("“%(follow)s” cannot follow there: choose one of %(choices)s.")

    def __init__(self, follow: Follow, choices: Sequence[Follow]) -> None:
        super().__init__(follow, choices)
        self.follow = follow
        self.choices = choices


class MostInvalid(ProvisionError):
    status = 422
    says = N_("“%(most)s” is not a number of reminders: give one from 0 (none) to %(limit)s.")

    def __init__(self, most: str) -> None:
        super().__init__(most)
        self.most = most
        self.limit = MOST_REMINDERS


class MostMissing(MostInvalid):
    says = N_("The number of reminders is missing: give one from 0 (none) to %(limit)s.")

    def __init__(self, most: str = "") -> None:
        super().__init__(most)


@dataclass(frozen=True)
class Rhythm:
    """A cadence as it is counted. Beyond the days given, the last distance repeats."""

    name: str
    days: tuple[int, ...]
    """Days after the wait began on which a reminder falls due."""
    most: int
    follow: Follow = Follow.NOTHING
    level: Level | None = None
    """Where it was set; none: it comes with the product."""

    def day(self, number: int) -> int:
        """The day of reminder *number*, counted from 0; of what follows, if that is ``most``."""
        beyond = number - len(self.days) + 1
        return self.days[number] if beyond <= 0 else self.days[-1] + beyond * self.gap(len(self.days) - 1)

    def gap(self, number: int) -> int:
        """Days between this reminder and the one before, or the begin of the wait."""
        number = min(number, len(self.days) - 1)
        return self.days[number] - (self.days[number - 1] if number else 0)


DEFAULTS = {
    WaitKind.ORGANISER: Rhythm("", (3, 7, 12), 3, Follow.OPERATOR),
    WaitKind.TASK: Rhythm("", (3, 7, 12), 3, Follow.OPERATOR),
    WaitKind.AGREEMENT: Rhythm("", (3, 7, 12), 3, Follow.OPERATOR),
    WaitKind.CASEWORKER: Rhythm("", (3, 7, 12), 3, Follow.OPERATOR),
    WaitKind.CLIENT: Rhythm("", (3, 7, 12), 3, Follow.ORGANISER),
    WaitKind.ADVICE: Rhythm("", (1, 3), 6, Follow.MANAGERS),
    WaitKind.DECISION: Rhythm("", (1, 3), 6, Follow.MANAGERS),
    WaitKind.CONSENT: Rhythm("", (7, 21, 35), 3),
    WaitKind.NOTICE: Rhythm("", (14, 45), 2),
}
"""What comes with the product. Clients are the firm's own: the firm is told of a silent one, nobody else."""


class Cadence(Base):
    """The cadence of one kind of wait, as somebody has set it for one firm, one case or all."""

    __tablename__ = "cadences"
    __table_args__ = (UniqueConstraint("level", "owner_id", "kind"),)

    id: Mapped[Key]
    level: Mapped[Level]
    owner_id: Mapped[int] = mapped_column(default=0, info=MUTE)
    """The firm or the case; 0 for the provider's."""
    kind: Mapped[WaitKind]
    name: Mapped[str] = mapped_column(String(80), info=MUTE)
    days: Mapped[list[int]] = mapped_column(JSON, info=MUTE)
    most: Mapped[int] = mapped_column(info=MUTE)
    follow: Mapped[Follow]
    set_at: Mapped[Instant]
    set_by: Mapped[str] = mapped_column(String(254), info=TELLS)

    @classmethod
    def at(cls, session: Session, level: Level, owner_id: int, kind: WaitKind) -> Self | None:
        query = select(cls).where(cls.level == level, cls.owner_id == owner_id, cls.kind == kind)
        return session.scalars(query.with_for_update()).one_or_none()

    @property
    def rhythm(self) -> Rhythm:
        return Rhythm(self.name, tuple(self.days), self.most, self.follow, self.level)


def days_of(text: str) -> list[int]:
    """The days written as “3, 7, 12”; raises DaysMissing, DaysInvalid."""
    if not text.strip():
        raise DaysMissing
    numbers = [int(digits) for digits in re.findall(r"\d{1,4}", text, re.ASCII)]
    clean = re.fullmatch(r"[\d\s,;]+", text, re.ASCII) and len(numbers) <= MOST_REMINDERS
    if not (clean and numbers and numbers[0] > 0 and numbers == sorted(set(numbers)) and numbers[-1] <= LONGEST_DAYS):
        raise DaysInvalid(text[:60])
    return numbers


def most_of(text: str) -> int:
    """How many reminders at most; raises MostMissing, MostInvalid."""
    if not text:
        raise MostMissing
    if not re.fullmatch(r"\d{1,2}", text, re.ASCII) or int(text) > MOST_REMINDERS:
        raise MostInvalid(text[:20])
    return int(text)


class Cadences:
    """The cadences that apply to some cases, read in one query."""

    def __init__(self, session: Session, cases: Iterable[tuple[int, int]]) -> None:
        """*cases*: pairs of the case's id and its firm's."""
        self._firms = dict(cases)
        rows = session.scalars(
            select(Cadence).where(
                or_(
                    Cadence.level == Level.PROVIDER,
                    and_(Cadence.level == Level.FIRM, Cadence.owner_id.in_(set(self._firms.values()))),
                    and_(Cadence.level == Level.CASE, Cadence.owner_id.in_(self._firms)),
                )
            )
        )
        self._set = {(row.level, row.owner_id, row.kind): row.rhythm for row in rows}

    def rhythm(self, kind: WaitKind, case_id: int = 0, *, above: Level | None = None) -> Rhythm:
        """What applies to this kind of wait in this case (none: wherever nothing narrower is set).

        *above*: what would apply there if nothing were set at this level.
        """
        places = [(Level.CASE, case_id), (Level.FIRM, self._firms.get(case_id, 0)), (Level.PROVIDER, 0)]
        if above is not None:
            places = places[[level for level, _ in places].index(above) + 1 :]
        return next((self._set[(*place, kind)] for place in places if (*place, kind) in self._set), DEFAULTS[kind])


class Pause(Base):
    """Nobody is reminded here until it is taken away."""

    __tablename__ = "pauses"
    __table_args__ = (UniqueConstraint("level", "owner_id"),)

    id: Mapped[Key]
    level: Mapped[Level]
    owner_id: Mapped[int] = mapped_column(info=MUTE)
    since: Mapped[Instant]
    by: Mapped[str] = mapped_column(String(254), info=TELLS)

    @classmethod
    def holds(cls, case_id: ColumnElement[int], firm_id: ColumnElement[int]) -> ColumnElement[bool]:
        """Whether nobody is reminded in this case, in SQL."""
        case = and_(cls.level == Level.CASE, cls.owner_id == case_id)
        firm = and_(cls.level == Level.FIRM, cls.owner_id == firm_id)
        return select(cls.id).where(or_(case, firm)).exists()

    @classmethod
    def among(
        cls, session: Session, firms: Collection[int], cases: Collection[int], people: Collection[int]
    ) -> dict[tuple[Level, int], Self]:
        """The pauses of these firms, cases and people, in one query."""
        at = ((Level.FIRM, firms), (Level.CASE, cases), (Level.PERSON, people))
        condition = or_(*(and_(cls.level == level, cls.owner_id.in_(owners)) for level, owners in at))
        return {(row.level, row.owner_id): row for row in session.scalars(select(cls).where(condition))}
