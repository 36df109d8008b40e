"""Indexes from which what waits and what was sent is counted.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OPEN = sa.text("ended_at IS NULL")
NOT_ARRIVED = sa.text("delivered_at IS NULL OR failed_at IS NOT NULL OR complained_at IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_reminders_open", "reminders", ["kind", "since"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_outbox_kind", "outbox", ["kind"])
    op.create_index("ix_outbox_not_arrived", "outbox", ["kind"], sqlite_where=NOT_ARRIVED, postgresql_where=NOT_ARRIVED)


def downgrade() -> None:
    for name, table in {"not_arrived": "outbox", "kind": "outbox"}.items():
        op.drop_index(f"ix_outbox_{name}", table)
    op.drop_index("ix_reminders_open", "reminders")
