"""Named sets of a firm's accounts, and the contacts who see all of a set."""

from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from models.clients.label import Label
from models.db import Base, Key


class Portfolio(Label, Base):
    """One set of accounts. An employee of clients may belong to several, and sees what is in any of them."""

    __tablename__ = "portfolios"
    __table_args__ = (UniqueConstraint("firm_id", "folded"),)

    @classmethod
    def held(cls) -> tuple[InstrumentedAttribute[Any], ...]:
        return PortfolioClient.portfolio_id, PortfolioMember.portfolio_id


class PortfolioClient(Base):
    """An account is in a portfolio."""

    __tablename__ = "portfolio_clients"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "client_id"),
        Index("ix_portfolio_clients_client_id", "client_id"),
    )

    id: Mapped[Key]
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id"))
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))


class PortfolioMember(Base):
    """A contact sees what is in a portfolio."""

    __tablename__ = "portfolio_members"
    __table_args__ = (
        UniqueConstraint("person_id", "portfolio_id"),
        Index("ix_portfolio_members_portfolio_id", "portfolio_id"),
    )

    id: Mapped[Key]
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
