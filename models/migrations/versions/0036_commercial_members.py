"""Members of a firm who answer for its contract with the provider.

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("staff") as batch_op:
        batch_op.add_column(sa.Column("is_commercial", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("staff") as batch_op:
        batch_op.alter_column("is_commercial", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("staff") as batch_op:
        batch_op.drop_column("is_commercial")
