"""Contracts that broke down when they were to go on by themselves.

Revision ID: 0046
Revises: 0045
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contract_faults",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("work", sa.String(40), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_contract_faults_firm_id_firms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_faults")),
        sa.UniqueConstraint("firm_id", "work", name=op.f("uq_contract_faults_firm_id_work")),
    )


def downgrade() -> None:
    op.drop_table("contract_faults")
