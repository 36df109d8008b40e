"""Mails that were marked as spam.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.add_column(sa.Column("complained_at", models.db.UTCDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_column("complained_at")
