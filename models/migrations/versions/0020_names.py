"""Operators have a name, and a signed copy the day that is written on it.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=200), nullable=True))
    with op.batch_alter_table("agreements") as batch_op:
        batch_op.add_column(sa.Column("signed_on", sa.Date(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("agreements") as batch_op:
        batch_op.drop_column("signed_on")
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.drop_column("name")
