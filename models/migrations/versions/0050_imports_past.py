"""Imports and invitations of many that are past their time are found by indexes.

Revision ID: 0050
Revises: 0049
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

PARTIAL = (
    ("imports", "ix_imports_finished", "finished_at", "finished_at IS NOT NULL"),
    ("imports", "ix_imports_left", "created_at", "finished_at IS NULL"),
    ("bulk_invitations", "ix_bulk_invitations_ended", "ended_at", "ended_at IS NOT NULL"),
)


def upgrade() -> None:
    for table, name, column, which in PARTIAL:
        op.create_index(name, table, [column], sqlite_where=sa.text(which), postgresql_where=sa.text(which))


def downgrade() -> None:
    for table, name, _, _ in PARTIAL:
        op.drop_index(name, table)
