"""What was handed over to accounting, month by month; since when a test account is none any more.

Revision ID: 0035
Revises: 0034
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contracts", sa.Column("billed_from", sa.Date()))
    op.create_table(
        "billed_months",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billed_months")),
        sa.UniqueConstraint("month", name=op.f("uq_billed_months_month")),
    )
    op.create_table(
        "billings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_billings_firm_id_firms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billings")),
        sa.UniqueConstraint("month", "firm_id", name=op.f("uq_billings_month_firm_id")),
    )
    op.create_index(op.f("ix_billings_firm_id"), "billings", ["firm_id"])
    op.create_table(
        "charges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("billing_id", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=False),
        sa.Column("article_id", sa.Integer(), nullable=False),
        sa.Column("option_id", sa.Integer()),
        sa.Column("period_first", sa.Date(), nullable=False),
        sa.Column("period_last", sa.Date(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price", sa.String(20), nullable=False),
        sa.Column("net", sa.String(20), nullable=False),
        sa.Column("cancels_id", sa.Integer()),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["billing_id"], ["billings.id"], name=op.f("fk_charges_billing_id_billings")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_charges_booking_id_bookings")),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name=op.f("fk_charges_article_id_articles")),
        sa.ForeignKeyConstraint(["option_id"], ["booked_options.id"], name=op.f("fk_charges_option_id_booked_options")),
        sa.ForeignKeyConstraint(["cancels_id"], ["charges.id"], name=op.f("fk_charges_cancels_id_charges")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charges")),
        sa.UniqueConstraint("cancels_id", name=op.f("uq_charges_cancels_id")),
    )
    op.create_index(op.f("ix_charges_billing_id"), "charges", ["billing_id"])
    op.create_index(op.f("ix_charges_booking_id"), "charges", ["booking_id"])


def downgrade() -> None:
    op.drop_table("charges")
    op.drop_table("billings")
    op.drop_table("billed_months")
    with op.batch_alter_table("contracts") as batch_op:
        batch_op.drop_column("billed_from")
