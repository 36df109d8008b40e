"""When a person can be reached.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORKING_HOURS = "00000003ff0003ff0003ff0003ff0003ff00"  # Monday to Friday, 8 to 18.


def upgrade() -> None:
    with op.batch_alter_table("persons") as batch_op:
        batch_op.add_column(
            sa.Column("hours", sa.String(length=42), nullable=False, server_default=WORKING_HOURS.zfill(42))
        )
    with op.batch_alter_table("persons") as batch_op:
        batch_op.alter_column("hours", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("persons") as batch_op:
        batch_op.drop_column("hours")
