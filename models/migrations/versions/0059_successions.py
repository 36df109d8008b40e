"""The account of a firm passes to another owner.

Revision ID: 0059
Revises: 0058
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

TABLE = "successions"
OPEN, ENDED = sa.text("ended_at IS NULL"), sa.text("ended_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("onboarding_id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("successor_id", sa.Integer(), nullable=False),
        sa.Column("stays", sa.Boolean(), nullable=False),
        sa.Column("by_provider", sa.Boolean(), nullable=False),
        sa.Column("begun_by", sa.String(254), nullable=False),
        sa.Column("reason", sa.String(2000), nullable=False),
        sa.Column("proof", sa.String(2000), nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=False),
        sa.Column("answer_by", UTCDateTime(), nullable=False),
        sa.Column("reminded_at", UTCDateTime()),
        sa.Column("outcome", sa.String(40)),
        sa.Column("ended_at", UTCDateTime()),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_successions_ended_somehow")),
        sa.ForeignKeyConstraint(
            ["onboarding_id"], ["onboardings.id"], name=op.f("fk_successions_onboarding_id_onboardings")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_successions_owner_id_persons")),
        sa.ForeignKeyConstraint(["successor_id"], ["persons.id"], name=op.f("fk_successions_successor_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_successions")),
    )
    for column in ("onboarding_id", "owner_id", "successor_id"):
        op.create_index(f"ix_successions_{column}", TABLE, [column])
    op.create_index(
        "uq_successions_open", TABLE, ["onboarding_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_successions_ended", TABLE, ["ended_at"], sqlite_where=ENDED, postgresql_where=ENDED)


def downgrade() -> None:
    op.drop_table(TABLE)
