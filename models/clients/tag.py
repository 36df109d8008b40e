"""Words by which a firm sorts its accounts and contacts."""

from collections.abc import Iterable
from typing import Any, Self

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from models.clients.label import Label, label, wait_for_names
from models.db import Base, Key
from models.text import one_line


class Tag(Label, Base):
    """One word, for accounts and contacts alike."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("firm_id", "folded"),)

    @classmethod
    def named(cls, session: Session, firm_id: int, names: Iterable[str]) -> list[Self]:
        """The tags of these names, made where there is none yet; an empty name says nothing."""
        wanted: dict[str, str] = {}
        for name, key in (label(each) for each in names if one_line(each)):
            wanted.setdefault(key, name)
        if wanted:
            wait_for_names(session, cls, firm_id)
        there = select(cls).where(cls.firm_id == firm_id, cls.folded.in_(wanted))
        tags = {tag.folded: tag for tag in session.scalars(there)}
        new = [cls(firm_id=firm_id, name=name, folded=key) for key, name in wanted.items() if key not in tags]
        session.add_all(new)
        session.flush()
        return [*tags.values(), *new]

    @classmethod
    def known(cls, session: Session, firm_id: int, names: Iterable[str]) -> list[Self]:
        """Those of the firm's tags that are called so; an empty name says nothing."""
        wanted = [label(each)[1] for each in names if one_line(each)]
        return list(session.scalars(select(cls).where(cls.firm_id == firm_id, cls.folded.in_(wanted))))

    @classmethod
    def held(cls) -> tuple[InstrumentedAttribute[Any], ...]:
        return ClientTag.tag_id, ContactTag.tag_id


class ClientTag(Base):
    """An account has a tag."""

    __tablename__ = "client_tags"
    __table_args__ = (UniqueConstraint("client_id", "tag_id"), Index("ix_client_tags_tag_id", "tag_id", "client_id"))

    id: Mapped[Key]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"))


class ContactTag(Base):
    """A contact has a tag."""

    __tablename__ = "contact_tags"
    __table_args__ = (UniqueConstraint("person_id", "tag_id"), Index("ix_contact_tags_tag_id", "tag_id", "person_id"))

    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"))
