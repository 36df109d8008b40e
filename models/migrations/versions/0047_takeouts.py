"""All data of a firm, to be taken along.

Revision ID: 0047
Revises: 0046
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

OPEN = sa.text("ready_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "takeouts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(40), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("ready_at", UTCDateTime()),
        sa.Column("expires_at", UTCDateTime()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_takeouts_firm_id_firms")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_takeouts_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takeouts")),
    )
    op.create_index(
        "ix_takeouts_one_open", "takeouts", ["firm_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_takeouts_firm", "takeouts", ["firm_id", "id"])
    op.create_index("ix_takeouts_due", "takeouts", ["due_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_takeouts_expires", "takeouts", ["expires_at"])
    op.create_table(
        "takeout_pieces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("takeout_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["takeout_id"], ["takeouts.id"], name=op.f("fk_takeout_pieces_takeout_id_takeouts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takeout_pieces")),
    )
    op.create_index("ix_takeout_pieces_order", "takeout_pieces", ["takeout_id", "number"], unique=True)


def downgrade() -> None:
    op.drop_table("takeout_pieces")
    op.drop_table("takeouts")
