"""What tags, groups, portfolios, fields and folder templates have in common: a name that the firm gives only once."""

from typing import Any, Self

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, Key
from models.errors import N_, NotFound, ProvisionError
from models.firm import folded
from models.text import fitting, one_line

LABEL_MOST = 60


class LabelMissing(ProvisionError):
    status = 422
    says = N_("The name is missing: write one.")


class LabelTaken(ProvisionError):
    says = N_("“%(name)s” is there already: choose another name.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Label:
    """Of two names that differ in capitals or accents only there is one in a firm."""

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    name: Mapped[str] = mapped_column(String(LABEL_MOST), info=MUTE)
    folded: Mapped[str] = mapped_column(String(2 * LABEL_MOST), info=MUTE)
    """The name as it is compared; follows it."""

    @classmethod
    def of(cls, session: Session, firm_id: int) -> list[Self]:
        """All of the firm's, in the order of the alphabet."""
        return list(session.scalars(select(cls).where(cls.firm_id == firm_id).order_by(cls.folded)))

    @classmethod
    def get(cls, session: Session, firm_id: int, key: int) -> Self:
        """The firm's own, locked; raises NotFound for that of another firm as well."""
        row = session.get(cls, key, with_for_update=True)
        if row is None or row.firm_id != firm_id:
            raise NotFound(f"{cls.__name__} {key}")
        return row

    def call(self, session: Session, written: str) -> None:
        """Name it; raises LabelMissing, LabelTaken or TextTooLong."""
        name, key = label(written)
        same = select(type(self)).where(*self._rivals(), type(self).folded == key)
        if any(row is not self for row in session.scalars(same)):
            raise LabelTaken(name)
        self.name, self.folded = name, key

    def _rivals(self) -> list[Any]:
        """Among which its name stands once."""
        return [type(self).firm_id == self.firm_id]


def label(written: str) -> tuple[str, str]:
    """The name as it is kept, and as it is compared; raises LabelMissing or TextTooLong."""
    name = one_line(written)
    if not folded(name):
        raise LabelMissing
    return fitting(name, LABEL_MOST, "name"), folded(name)
