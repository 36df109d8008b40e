"""What VIES has said of the VAT ids of firms, and about which of them it keeps silent.

Revision ID: 0040
Revises: 0039
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

REVERSE_CHARGE = sa.text("tax = 'reverse_charge'")


def upgrade() -> None:
    op.create_table(
        "vat_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("vat_id", sa.String(20), nullable=False),
        sa.Column("own_id", sa.String(20), nullable=False),
        sa.Column("answered_at", UTCDateTime(), nullable=False),
        sa.Column("result", sa.String(40), nullable=False),
        sa.Column("consultation", sa.String(40), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_vat_answers_firm_id_firms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vat_answers")),
    )
    op.create_index("ix_vat_answers_newest", "vat_answers", ["firm_id", "answered_at"])
    op.create_table(
        "vat_silences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("vat_id", sa.String(20), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("tried_at", UTCDateTime(), nullable=False),
        sa.Column("fault", sa.String(40), nullable=False),
        sa.Column("told_at", UTCDateTime()),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_vat_silences_firm_id_firms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vat_silences")),
        sa.UniqueConstraint("firm_id", name=op.f("uq_vat_silences_firm_id")),
    )
    op.create_index(
        "ix_contracts_reverse_charge",
        "contracts",
        ["firm_id"],
        sqlite_where=REVERSE_CHARGE,
        postgresql_where=REVERSE_CHARGE,
    )


def downgrade() -> None:
    op.drop_index("ix_contracts_reverse_charge", "contracts")
    op.drop_table("vat_silences")
    op.drop_table("vat_answers")
