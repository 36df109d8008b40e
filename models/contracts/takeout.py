"""All that is stored of a firm as files in one archive, for it to take along (Regulation (EU) 2023/2854, Article 25).

Asked for whenever the firm likes, whatever its tariff; made in the background, kept for a while, then gone.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Table,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, Base, Instant, Key
from models.people.manners import Language

DAYS = timedelta(days=30)
"""How long it can be fetched: the least that the regulation asks for."""
REST = timedelta(hours=1)
"""Who asks again so soon gets the one that was just made."""
LEASE = timedelta(minutes=15)
"""How long one file of it may take before somebody else begins anew."""
PIECE = 2**20
OPEN = "ready_at IS NULL"


class Takeout(Base):
    """One archive, asked for by somebody at the firm. One at a time is made for each firm."""

    __tablename__ = "takeouts"
    __table_args__ = (
        Index("ix_takeouts_one_open", "firm_id", unique=True, sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index("ix_takeouts_firm", "firm_id", "id"),
        Index("ix_takeouts_due", "due_at", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index("ix_takeouts_expires", "expires_at"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    """Who asked for it, and is told when it is there."""
    language: Mapped[Language] = mapped_column(info=MUTE)
    """In which its words are."""
    asked_at: Mapped[Instant]
    due_at: Mapped[Instant]
    """When somebody may begin with it: while it is made that is the end of a lease."""
    done: Mapped[int] = mapped_column(default=0, info=MUTE)
    files: Mapped[int] = mapped_column(default=0, info=MUTE)
    """How many of how many files are in it; 0: that is not known yet."""
    ready_at: Mapped[Instant | None]
    expires_at: Mapped[Instant | None]
    size: Mapped[int] = mapped_column(BigInteger, default=0, info=MUTE)
    """Bytes."""
    sha256: Mapped[str] = mapped_column(String(64), default="", info=MUTE)

    @classmethod
    def newest(cls, session: Session, firm_id: int) -> Self | None:
        """Locked, unless it is only read."""
        rows = select(cls).where(cls.firm_id == firm_id).order_by(cls.id.desc()).limit(1)
        if not session.info.get("reading"):
            rows = rows.with_for_update().execution_options(populate_existing=True)
        return session.scalars(rows).first()

    def is_there(self, at: datetime) -> bool:
        """Whether it can be fetched."""
        return self.expires_at is not None and at < self.expires_at


class TakeoutPiece(Base):
    """A part of the archive, so that nobody ever holds all of it."""

    __tablename__ = "takeout_pieces"
    __table_args__ = (Index("ix_takeout_pieces_order", "takeout_id", "number", unique=True),)

    id: Mapped[Key]
    takeout_id: Mapped[int] = mapped_column(ForeignKey("takeouts.id"))
    number: Mapped[int] = mapped_column(info=MUTE)
    content: Mapped[bytes] = mapped_column(LargeBinary, info=MUTE)


# ---- what is theirs


class Route(NamedTuple):
    """Rows are the firm's if *column* names one of those of *table* that are."""

    column: str
    table: str
    names: str = "id"


THEIR_OWN = None
"""A row says by itself whose it is."""
TAKEN: Mapping[str, Route | None] = {
    **dict.fromkeys(("firms", "persons", "clients", "bulk_invitations", "sign_ups"), THEIR_OWN),
    **dict.fromkeys(("tags", "groups", "portfolios", "custom_fields", "folder_templates"), THEIR_OWN),
    **dict.fromkeys(("imports", "import_mappings", "api_tokens", "logos", "logo_permissions"), THEIR_OWN),
    **dict.fromkeys(("subscriptions", "contracts", "invoice_recipients", "bookings", "phases"), THEIR_OWN),
    **dict.fromkeys(("booked_options", "changes", "billings", "vat_answers", "consents", "onboardings"), THEIR_OWN),
    "former_letters": THEIR_OWN,
    **dict.fromkeys(("staff", "contact_cards", "phones", "contact_tags"), Route("person_id", "persons")),
    **dict.fromkeys(("group_members", "portfolio_members", "notices"), Route("person_id", "persons")),
    **dict.fromkeys(("links", "outbox", "reminders"), Route("person_id", "persons")),
    **dict.fromkeys(("client_contacts", "client_access", "client_tags"), Route("client_id", "clients")),
    "portfolio_clients": Route("client_id", "clients"),
    "openings": Route("link_id", "links"),
    "bulk_recipients": Route("bulk_id", "bulk_invitations"),
    **dict.fromkeys(("steps", "privacy_requests", "successions"), Route("onboarding_id", "onboardings")),
    "agreements": Route("onboarding_id", "onboardings"),
    "legal_texts": Route("id", "consents", "legal_text_id"),
    "charges": Route("billing_id", "billings"),
    "modules": Route("id", "bookings", "module_id"),
    "module_fields": Route("module_id", "bookings", "module_id"),
    "tariffs": Route("id", "phases", "tariff_id"),
    "articles": Route("tariff_id", "phases", "tariff_id"),
    "price_lists": Route("id", "phases", "price_list_id"),
    "prices": Route("price_list_id", "phases", "price_list_id"),
}
"""The tables of which a firm takes its rows along, and by which way these are found."""
_OPENS = "opens something, or could help to"
_WORKING = "made of what is taken along, for searching and working"
_OURS = "the provider's own, which tells of no firm"
STAYS_HERE: Mapping[str, str] = {
    **dict.fromkeys(("accounts", "sign_ins", "former_tokens", "codes", "api_replies", "provider_tokens"), _OPENS),
    **dict.fromkeys(("client_words", "import_records", "import_keys", "import_contacts"), _WORKING),
    **dict.fromkeys(("takeouts", "takeout_pieces"), "the archives themselves"),
    **dict.fromkeys(("audit", "audit_values"), "taken along as trail.json"),
    "documents": "taken along as files",
    **dict.fromkeys(
        ("decisions", "inbox", "holds", "vat_silences", "contract_faults"), "how the provider works on its side"
    ),
    **dict.fromkeys(("cadences", "pauses", "billing_settings", "billed_months", "mail_servers"), _OURS),
    **dict.fromkeys(("company_id_pool", "company_id_moves", "restorations"), _OURS),
}
"""All other tables, each with the reason."""
LEFT_OUT = frozenset(
    {
        *("token_sha256", "search", "name_key", "company_key", "form_key", "folded", "account_id"),
        *("request_key", "pass_due_at", "attempts", "version", "leased_until", "after_client", "message_id", "key"),
        *("link_id", "facts", "urgency", "notice_by", "reminded", "announce_on", "ordered_as", "rolled_out_at"),
        *("followed_at", "not_before", "decision_id", "invitation_waits", "svg", "report", "offered", "again"),
    }
)
"""Columns that only the product has a use for, by which something opens, or that are taken along otherwise."""
_LEFT_OF: Mapping[str, frozenset[str]] = {
    "changes": frozenset({"reason"}),  # What managers of the provider write for themselves.
    "subscriptions": frozenset({"advice"}),
    # Who withdrew one acted for the provider, and is the provider to the firm.
    "agreements": frozenset({"document_id", "drawing_id", "uploaded_id", "final_id", "withdrawn_by"}),
}
_KEPT: Mapping[str, frozenset[str]] = {
    "articles": frozenset({"key"}),
    "notices": frozenset({"facts"}),
    "agreements": frozenset({"version"}),
}


def columns_of(table: Table) -> list[Column[Any]]:
    """What of a row is taken along."""
    without = (LEFT_OUT | _LEFT_OF.get(table.name, frozenset())) - _KEPT.get(table.name, frozenset())
    return [
        column for column in table.columns if column.name not in without and not isinstance(column.type, LargeBinary)
    ]


def rows_of(name: str, firm_id: int) -> Select[Any]:
    """The firm's rows of this table, in the order of their keys."""
    table = Base.metadata.tables[name]
    return select(*columns_of(table)).where(_is_theirs(table, firm_id)).order_by(*table.primary_key.columns)


def _is_theirs(table: Table, firm_id: int) -> ColumnElement[bool]:
    route = TAKEN[table.name]
    if route is None:
        return table.c["id" if table.name == "firms" else "firm_id"] == firm_id
    leads_to = Base.metadata.tables[route.table]
    return table.c[route.column].in_(select(leads_to.c[route.names]).where(_is_theirs(leads_to, firm_id)))


def pieces(session: Session, takeout_id: int, after: int) -> bytes | None:
    """The piece that follows; None: there is no more."""
    rows = select(TakeoutPiece.content).where(TakeoutPiece.takeout_id == takeout_id, TakeoutPiece.number == after + 1)
    return session.scalars(rows).one_or_none()


def tables() -> Iterator[str]:
    """In the order in which they lead to one another."""
    return (table.name for table in Base.metadata.sorted_tables if table.name in TAKEN)
