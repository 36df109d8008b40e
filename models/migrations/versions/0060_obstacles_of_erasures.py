"""What stands in the way of an erasure that was granted is kept, so that it can be told.

Revision ID: 0060
Revises: 0059
"""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

TABLE = "privacy_requests"


def upgrade() -> None:
    """Of those that are granted it is found out when they are tried next, within the hour."""
    op.add_column(TABLE, sa.Column("obstacle", sa.String(40)))
    op.add_column(TABLE, sa.Column("held_until", sa.Date()))


def downgrade() -> None:
    op.drop_column(TABLE, "held_until")
    op.drop_column(TABLE, "obstacle")
