"""What tags, groups, portfolios, fields and folder templates have in common: a name that the firm gives only once."""

from collections.abc import Collection
from typing import Any, Self

from sqlalchemy import ForeignKey, String, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from models.db import MUTE, Key, alone
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


class LabelGone(ProvisionError):
    says = N_("Something that was chosen has been deleted in the meantime: look at what there is now and choose again.")


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
            raise NotFound(N_("The entry"))
        return row

    @classmethod
    def chosen(cls, session: Session, firm_id: int, keys: Collection[int]) -> list[Self]:
        """Those of the firm's that a form names, to be given to somebody: until then nobody deletes them.

        Raises LabelGone where one is not there.
        """
        rows = select(cls).where(cls.firm_id == firm_id, cls.id.in_(keys)).order_by(cls.id)
        found = list(session.scalars(rows.with_for_update(read=True, key_share=True)))
        if len(found) < len(set(keys)):
            raise LabelGone
        return found

    @classmethod
    def held(cls) -> tuple[InstrumentedAttribute[Any], ...]:
        """The columns by which accounts and contacts have one of these, a row for each that does."""
        return ()

    @classmethod
    def counts(cls, session: Session, firm_id: int) -> dict[int, tuple[int, ...]]:
        """How many rows have each of the firm's, in the order of ``held``."""
        there: dict[int, list[int]] = {}
        for number, column in enumerate(cls.held()):
            rows = select(column, func.count()).join(cls, cls.id == column).where(cls.firm_id == firm_id)
            for key, count in session.execute(rows.group_by(column)):
                there.setdefault(key, [0] * len(cls.held()))[number] = count
        return {key: tuple(counts) for key, counts in there.items()}

    def remove(self, session: Session) -> None:
        """Take it out of the firm's list and from all that have it, however many, in a statement for each table."""
        for column in self.held():
            table = column.class_
            gone = update(table).values({column.key: None}) if column.nullable else delete(table)
            session.execute(gone.where(column == self.id))
        session.delete(self)

    def call(self, session: Session, written: str) -> None:
        """Name it; raises LabelMissing, LabelTaken or TextTooLong."""
        name, key = label(written)
        wait_for_names(session, type(self), self.firm_id)
        same = select(type(self)).where(*self._rivals(), type(self).folded == key)
        if any(row is not self for row in session.scalars(same)):
            raise LabelTaken(name)
        self.name, self.folded = name, key

    def _rivals(self) -> list[Any]:
        """Among which its name stands once."""
        return [type(self).firm_id == self.firm_id]


def wait_for_names(session: Session, kind: type[Label], firm_id: int) -> None:
    """Whoever gives such a name in this firm waits for whoever else does, so that there are not two."""
    alone(session, "name", kind.__name__, str(firm_id))


def label(written: str) -> tuple[str, str]:
    """The name as it is kept, and as it is compared; raises LabelMissing or TextTooLong."""
    name = one_line(written)
    if not folded(name):
        raise LabelMissing
    # Some signs are written out as many letters.
    return fitting(name, LABEL_MOST, "name"), folded(name)[: 2 * LABEL_MOST]
