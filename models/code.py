"""One-time codes by mail: whoever types one reads the mail of the person who was asked to sign.

Like a link's token, a code is derived from the product's secret and never stored, not even hashed: the hash of six
digits would be undone in a moment. The mail is written with the code only as it leaves.
"""

import hmac
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, Base, Instant, Key
from models.errors import N_, ProvisionError
from models.settings import settings

DIGITS, TRIES, LIFE = 6, 5, timedelta(minutes=10)
PAUSE, MOST_A_DAY = timedelta(minutes=1), 10
"""Between two codes, and how many one address is sent in 24 hours."""


class CodeWrong(ProvisionError):
    status = 422
    says = N_("This code is not right: check it against the newest mail. Tries that are left: %(left)s.")

    def __init__(self, left: int) -> None:
        super().__init__(left)
        self.left = left


class CodeDead(ProvisionError):
    """Expired, used, tried too often, or never asked for."""

    status = 422
    says = N_("This code is no longer good: ask for a new one.")


class CodeUnreadable(ProvisionError):
    """What cannot be a code is no try."""

    status = 422
    says = N_("“%(typed)s” is no code: it has six digits, as they stand in the newest mail.")

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self.typed = typed


class CodeMissing(CodeUnreadable):
    says = N_("The code is missing: type the six digits from the newest mail.")


class CodeSentJustNow(ProvisionError):
    says = N_(
        "A code was sent a moment ago: look into the mailbox, also among unwanted mail. You can ask again after %(at)s."
    )

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


class CodesSentToday(ProvisionError):
    says = N_(
        "%(most)s codes were sent within a day, and each was good for ten minutes at most: you can ask for the next one"
        " after %(until)s. Or send us the signed copy as a file."
    )

    def __init__(self, most: int, until: datetime) -> None:
        super().__init__(most, until)
        self.most, self.until = most, until


class Code(Base):
    """The code with which one person signs one agreement; asking again makes a new one, and the old one dies."""

    __tablename__ = "codes"
    __table_args__ = (
        UniqueConstraint("agreement_id", "person_id"),
        CheckConstraint("tries >= 0", name="tries"),
    )

    id: Mapped[Key]
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreements.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), index=True)
    generation: Mapped[int] = mapped_column(default=0, info=MUTE)
    made_at: Mapped[Instant] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Wrong ones, of this generation."""
    used_at: Mapped[Instant | None]

    @classmethod
    def of(cls, session: Session, agreement_id: int, person_id: int) -> Self | None:
        mine = select(cls).where(cls.agreement_id == agreement_id, cls.person_id == person_id)
        return session.scalars(mine.with_for_update()).one_or_none()

    @classmethod
    def fresh(cls, session: Session, agreement_id: int, person_id: int, now: datetime) -> Self:
        """A new code; raises CodeSentJustNow within the pause."""
        code = cls.of(session, agreement_id, person_id)
        if code is not None and code.used_at is None and now < code.made_at + PAUSE:
            raise CodeSentJustNow(code.made_at + PAUSE)
        code = code or cls(agreement_id=agreement_id, person_id=person_id, generation=0)
        code.generation, code.made_at, code.tries, code.used_at = code.generation + 1, now, 0, None
        session.add(code)
        session.flush()
        return code

    @property
    def digits(self) -> str:
        seed = f"code:{self.id}:{self.generation}".encode()
        drawn = int.from_bytes(hmac.digest(settings().secret_key, seed, "sha256"))  # Of 256 bits: no bias to speak of.
        return f"{drawn % 10**DIGITS:0{DIGITS}}"

    @property
    def expires_at(self) -> datetime:
        return self.made_at + LIFE

    def is_good(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.used_at is None and self.tries < TRIES and now < self.expires_at

    def use(self, typed: str, now: datetime) -> ProvisionError | None:
        """Use it up, or say why not; returned and not raised, so that a wrong try is kept in this transaction.

        Raises CodeMissing, CodeUnreadable, which are no tries.
        """
        if not self.is_good(now):
            return CodeDead()
        given = "".join(typed.split())
        if not given:
            raise CodeMissing
        if not (given.isascii() and given.isdecimal() and len(given) == DIGITS):
            raise CodeUnreadable(typed.strip()[:20])
        if hmac.compare_digest(given.encode(), self.digits.encode()):
            self.used_at = now
            return None
        self.tries += 1
        return CodeWrong(TRIES - self.tries) if self.tries < TRIES else CodeDead()
