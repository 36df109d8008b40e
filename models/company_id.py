"""Company IDs: six digits, unique, at constant cost, and no telling the next one from the last.

The free numbers lie in a bag of which only the shuffled places are written down: position *p* holds number
``FIRST + p`` unless a row says otherwise. Drawing takes the number at a random position and fills the hole with
the one at the end, so that each draw costs two look-ups however full the range is, and every free number is
equally likely (a sparse Fisher-Yates shuffle).
"""

from secrets import randbelow
from typing import Self

from sqlalchemy import CheckConstraint, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, Base
from models.errors import N_, ProvisionError

FIRST, LAST = 100_000, 999_999


class NumberInvalid(ProvisionError):
    status = 422
    says = N_("“%(number)s” cannot be a company ID: it has six digits, from 100000 to 999999.")

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class NumberMissing(NumberInvalid):
    says = N_("The company ID is missing: type its six digits.")

    def __init__(self, number: str = "") -> None:
        super().__init__(number)


class NumberNotChosen(NumberMissing):
    """There are numbers to choose from."""

    says = N_("The company ID is missing: choose one, or type its six digits.")


class NumbersExhausted(ProvisionError):
    says = N_("All company IDs are taken: an operator must free numbers of firms that have left.")


class CompanyIdPool(Base):
    """How many numbers are free; its row is the lock under which numbers change hands."""

    __tablename__ = "company_id_pool"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"), CheckConstraint("free >= 0", name="free"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, info=MUTE)
    free: Mapped[int] = mapped_column(info=MUTE)

    @classmethod
    def locked(cls, session: Session) -> Self:
        """The pool, for this transaction alone; the first who asks for it makes it."""
        locked = select(cls).where(cls.id == 1).with_for_update()
        pool = session.scalars(locked).one_or_none()
        if pool is None:
            insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
            session.execute(insert(cls).values(id=1, free=LAST - FIRST + 1).on_conflict_do_nothing())
            pool = session.scalars(locked).one()
        return pool

    def draw(self, session: Session) -> int:
        """A free number, each equally likely; it is taken from now on."""
        if self.free == 0:
            raise NumbersExhausted
        return self._remove(session, randbelow(self.free))

    def take(self, session: Session, number: int) -> bool:
        """Take this very number; False if it is not free."""
        position = self._position(session, number)
        if position is None:
            return False
        self._remove(session, position)
        return True

    def put_back(self, session: Session, number: int) -> None:
        """A reserved number that was not granted is free again."""
        self._place(session, self.free, number)
        self.free += 1

    def nearest_free(self, session: Session, number: int, count: int = 3) -> list[int]:
        """The free numbers closest to *number*, ascending; fewer if there are no more."""
        reach = 50
        while True:
            low, high = max(FIRST, number - reach), min(LAST, number + reach)
            free = self._free_between(session, low, high)
            if len(free) >= count or (low, high) == (FIRST, LAST):
                return sorted(sorted(free, key=lambda other: (abs(other - number), other))[:count])
            reach *= 8

    def _free_between(self, session: Session, low: int, high: int) -> list[int]:
        moved = dict(
            session.execute(select(Move.number, Move.position).where(Move.number.between(low, high))).tuples().all()
        )
        overlaid = set(session.scalars(select(Move.position).where(Move.position.between(low - FIRST, high - FIRST))))
        return [n for n in range(low, high + 1) if n in moved or (n - FIRST not in overlaid and n - FIRST < self.free)]

    def _position(self, session: Session, number: int) -> int | None:
        free = self._free_between(session, number, number)
        if not free:
            return None
        moved = session.scalars(select(Move.position).where(Move.number == number)).one_or_none()
        return number - FIRST if moved is None else moved

    def _remove(self, session: Session, position: int) -> int:
        """Take what lies at *position* and close the hole with what lies last."""
        number, last = self._at(session, position), self._at(session, self.free - 1)
        self._place(session, self.free - 1, None)
        self.free -= 1
        if position != self.free:
            self._place(session, position, last)
        return number

    def _at(self, session: Session, position: int) -> int:
        move = session.get(Move, position)
        return FIRST + position if move is None else move.number

    def _place(self, session: Session, position: int, number: int | None) -> None:
        move = session.get(Move, position)
        if move is not None:
            session.delete(move)
            session.flush()
        if number is not None and number != FIRST + position:
            session.add(Move(position=position, number=number))
        session.flush()


class Move(Base):
    """A position of the bag that holds another number than its own."""

    __tablename__ = "company_id_moves"

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, info=MUTE)
    number: Mapped[int] = mapped_column(unique=True, info=MUTE)


def company_number(text: str) -> int:
    """The number that *text* writes; raises NumberMissing, NumberInvalid."""
    digits = "".join(text.split())
    if not digits:
        raise NumberMissing
    if not (digits.isascii() and digits.isdigit() and FIRST <= int(digits[:7] or 0) <= LAST and len(digits) == 6):
        raise NumberInvalid(text.strip()[:40])
    return int(digits)
