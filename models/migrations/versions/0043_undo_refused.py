"""When the provider did not agree to undo a termination.

Revision ID: 0043
Revises: 0042
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("changes") as batch_op:
        batch_op.add_column(sa.Column("undo_refused_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("changes") as batch_op:
        batch_op.drop_column("undo_refused_at")
