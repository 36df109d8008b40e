"""Groups of a firm's contacts: a category, and what its members find in the portal."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from models.clients.function import Function
from models.clients.label import Label
from models.db import MUTE, Base, Key
from models.firm import Firm


class Group(Label, Base):
    """One group. Who is in several may use what any of them opens; who is in none, what ``Firm.functions`` says."""

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("firm_id", "folded"),)

    functions: Mapped[list[str]] = mapped_column(JSON, default=list, info=MUTE)

    @classmethod
    def held(cls) -> tuple[InstrumentedAttribute[Any], ...]:
        return (GroupMember.group_id,)


class GroupMember(Base):
    """A contact is in a group."""

    __tablename__ = "group_members"
    __table_args__ = (
        UniqueConstraint("person_id", "group_id"),
        Index("ix_group_members_group_id", "group_id", "person_id"),
    )

    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"))


def functions_of(firm: Firm, groups: Collection[Group]) -> list[Function]:
    """What a contact in these groups of the firm may use."""
    open_to = {function for group in groups for function in group.functions} if groups else set(firm.functions)
    return [function for function in Function if function in open_to]
