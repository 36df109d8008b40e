"""Mails that cannot wait go first, mails to many last.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.add_column(sa.Column("urgency", sa.SmallInteger(), nullable=False, server_default="1"))
    op.execute("UPDATE outbox SET urgency = 0 WHERE kind IN ('sign_code', 'reset_password', 'operator_invited')")
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.alter_column("urgency", existing_type=sa.SmallInteger(), server_default=None)
    op.create_index("ix_outbox_turn", "outbox", ["urgency", "due_at"])


def downgrade() -> None:
    op.drop_index("ix_outbox_turn", "outbox")
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_column("urgency")
