"""The account of a firm can be closed for good, with or without a contract.

It stands with the firm, since an account can be closed that never had a contract; no contract was closed so far.
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("firms") as batch_op:
        batch_op.add_column(sa.Column("closed_at", UTCDateTime(), nullable=True))
    with op.batch_alter_table("contracts") as batch_op:
        batch_op.drop_column("closed_at")


def downgrade() -> None:
    with op.batch_alter_table("contracts") as batch_op:
        batch_op.add_column(sa.Column("closed_at", UTCDateTime(), nullable=True))
    with op.batch_alter_table("firms") as batch_op:
        batch_op.drop_column("closed_at")
