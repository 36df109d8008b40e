"""Contracts: what can be ordered, what a firm has ordered, and what becomes of it.

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "billing_settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("payment_days", sa.Integer(), nullable=False),
        sa.Column("set_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_settings")),
    )
    op.create_table(
        "modules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("abouts", sa.JSON(), nullable=False),
        sa.Column("is_orderable", sa.Boolean(), nullable=False),
        sa.Column("archived_at", UTCDateTime()),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modules")),
        sa.UniqueConstraint("code", name=op.f("uq_modules_code")),
    )
    op.create_table(
        "bookings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("module_id", sa.Integer(), nullable=False),
        sa.Column("ordered_at", UTCDateTime(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("ends_on", sa.Date()),
        sa.Column("ended_at", UTCDateTime()),
        sa.CheckConstraint("ended_at IS NULL OR ends_on IS NOT NULL", name=op.f("ck_bookings_ended_on_a_day")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_bookings_ends_after_it_starts")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_bookings_firm_id_firms")),
        sa.ForeignKeyConstraint(["module_id"], ["modules.id"], name=op.f("fk_bookings_module_id_modules")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
    )
    op.create_index(
        "ix_bookings_ending",
        "bookings",
        ["ends_on"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_bookings_firm_id"), "bookings", ["firm_id"])
    op.create_index(op.f("ix_bookings_module_id"), "bookings", ["module_id"])

    op.create_table(
        "contracts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(60), nullable=False),
        sa.Column("law", sa.String(40), nullable=False),
        sa.Column("concluded_at", UTCDateTime(), nullable=False),
        sa.Column("partner", sa.JSON(), nullable=False),
        sa.Column("billing_address", sa.JSON()),
        sa.Column("payment_days", sa.Integer(), nullable=False),
        sa.Column("pays_otherwise", sa.Boolean(), nullable=False),
        sa.Column("customer_number", sa.String(40), nullable=False),
        sa.Column("tax", sa.String(40), nullable=False),
        sa.Column("vat_id", sa.String(20), nullable=False),
        sa.Column("order_number", sa.String(255), nullable=False),
        sa.Column("sent_as", sa.String(40), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("closing_at", UTCDateTime()),
        sa.Column("closed_at", UTCDateTime()),
        sa.CheckConstraint("payment_days >= 0", name=op.f("ck_contracts_payment_days_not_negative")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_contracts_firm_id_firms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("firm_id", name=op.f("uq_contracts_firm_id")),
    )
    op.create_index("ix_contracts_closing", "contracts", ["closing_at"])

    op.create_table(
        "invoice_recipients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("copy", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_invoice_recipients_firm_id_firms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_recipients")),
    )
    op.create_index(op.f("ix_invoice_recipients_firm_id"), "invoice_recipients", ["firm_id"])

    op.create_table(
        "module_fields",
        sa.Column("module_id", sa.Integer(), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("editor", sa.String(40), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("archived_at", UTCDateTime()),
        sa.ForeignKeyConstraint(["module_id"], ["modules.id"], name=op.f("fk_module_fields_module_id_modules")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_module_fields")),
    )
    op.create_index(op.f("ix_module_fields_module_id"), "module_fields", ["module_id"])

    op.create_table(
        "tariffs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("module_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("plan", sa.String(40)),
        sa.Column("interval", sa.String(40), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("is_offered", sa.Boolean(), nullable=False),
        sa.Column("archived_at", UTCDateTime()),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("first_term", sa.String(6), nullable=False),
        sa.Column("extension", sa.String(6)),
        sa.Column("notice", sa.String(6), nullable=False),
        sa.Column("notice_to", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["module_id"], ["modules.id"], name=op.f("fk_tariffs_module_id_modules")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariffs")),
        sa.UniqueConstraint("module_id", "code", name=op.f("uq_tariffs_module_id_code")),
        sa.UniqueConstraint("plan", "interval", name=op.f("uq_tariffs_plan_interval")),
    )
    op.create_index(op.f("ix_tariffs_module_id"), "tariffs", ["module_id"])

    op.create_table(
        "articles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tariff_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_articles_tariff_id_tariffs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_articles")),
    )
    op.create_index(op.f("ix_articles_tariff_id"), "articles", ["tariff_id"])

    op.create_table(
        "price_lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tariff_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("published_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_price_lists_tariff_id_tariffs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_lists")),
        sa.UniqueConstraint("tariff_id", "number", name=op.f("uq_price_lists_tariff_id_number")),
        sa.UniqueConstraint("tariff_id", "valid_from", name=op.f("uq_price_lists_tariff_id_valid_from")),
    )
    op.create_table(
        "booked_options",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=False),
        sa.Column("article_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.String(20), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date()),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_booked_options_some")),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name=op.f("fk_booked_options_article_id_articles")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_booked_options_booking_id_bookings")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_booked_options_firm_id_firms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booked_options")),
    )
    op.create_index(op.f("ix_booked_options_booking_id"), "booked_options", ["booking_id"])
    op.create_index(op.f("ix_booked_options_firm_id"), "booked_options", ["firm_id"])

    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("came_by", sa.String(40), nullable=False),
        sa.Column("requested_at", UTCDateTime(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("effective_at", UTCDateTime(), nullable=False),
        sa.Column("tariff_id", sa.Integer()),
        sa.Column("price_list_id", sa.Integer()),
        sa.Column("is_chosen", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("document_id", sa.Integer()),
        sa.Column("undo_asked_at", UTCDateTime()),
        sa.Column("settled_at", UTCDateTime()),
        sa.CheckConstraint("(kind = 'tariff') = (tariff_id IS NOT NULL)", name=op.f("ck_changes_tariff_named")),
        sa.CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name=op.f("ck_changes_settled_at_a_moment")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_changes_booking_id_bookings")),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_changes_document_id_documents")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_changes_firm_id_firms")),
        sa.ForeignKeyConstraint(
            ["price_list_id"], ["price_lists.id"], name=op.f("fk_changes_price_list_id_price_lists")
        ),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_changes_tariff_id_tariffs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_booking_id"), "changes", ["booking_id"])
    op.create_index("ix_changes_due", "changes", ["state", "effective_at"])
    op.create_index(op.f("ix_changes_firm_id"), "changes", ["firm_id"])
    op.create_index(
        "ix_changes_one_pending",
        "changes",
        ["booking_id"],
        unique=True,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )

    op.create_table(
        "phases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=False),
        sa.Column("tariff_id", sa.Integer(), nullable=False),
        sa.Column("price_list_id", sa.Integer(), nullable=False),
        sa.Column("anchor_on", sa.Date(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date()),
        sa.Column("reprices_on", sa.Date()),
        sa.Column("next_price_list_id", sa.Integer()),
        sa.Column("base_amount", sa.String(20)),
        sa.Column("first_term", sa.String(6), nullable=False),
        sa.Column("extension", sa.String(6)),
        sa.Column("notice", sa.String(6), nullable=False),
        sa.Column("notice_to", sa.String(40), nullable=False),
        sa.CheckConstraint(
            "(reprices_on IS NULL) = (next_price_list_id IS NULL)", name=op.f("ck_phases_reprices_to_something")
        ),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_phases_ends_after_it_starts")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_phases_booking_id_bookings")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_phases_firm_id_firms")),
        sa.ForeignKeyConstraint(
            ["next_price_list_id"], ["price_lists.id"], name=op.f("fk_phases_next_price_list_id_price_lists")
        ),
        sa.ForeignKeyConstraint(
            ["price_list_id"], ["price_lists.id"], name=op.f("fk_phases_price_list_id_price_lists")
        ),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_phases_tariff_id_tariffs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phases")),
    )
    op.create_index(op.f("ix_phases_booking_id"), "phases", ["booking_id"])
    op.create_index(op.f("ix_phases_firm_id"), "phases", ["firm_id"])
    op.create_index(op.f("ix_phases_reprices_on"), "phases", ["reprices_on"])
    op.create_index(op.f("ix_phases_tariff_id"), "phases", ["tariff_id"])

    op.create_table(
        "prices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("price_list_id", sa.Integer(), nullable=False),
        sa.Column("article_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name=op.f("fk_prices_article_id_articles")),
        sa.ForeignKeyConstraint(
            ["price_list_id"], ["price_lists.id"], name=op.f("fk_prices_price_list_id_price_lists")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint("price_list_id", "article_id", name=op.f("uq_prices_price_list_id_article_id")),
    )


def downgrade() -> None:
    for table in (
        "prices",
        "phases",
        "changes",
        "booked_options",
        "price_lists",
        "articles",
        "tariffs",
        "module_fields",
        "invoice_recipients",
        "contracts",
        "bookings",
        "modules",
        "billing_settings",
    ):
        op.drop_table(table)
