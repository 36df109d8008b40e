"""What is past its time is found by indexes that SQLite chooses as well.

Revision ID: 0049
Revises: 0048
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

INDEXES = (
    ("outbox", "ix_outbox_settled", ("due_at", "addressed_at"), "due_at IS NULL AND to_address <> ''"),
    ("accounts", "ix_accounts_unproven", ("external_id", "created_at"), "confirmed_at IS NULL AND external_id IS NULL"),
)


def upgrade() -> None:
    for table, name, columns, which in INDEXES:
        op.drop_index(name, table)
        op.create_index(name, table, [*columns], sqlite_where=sa.text(which), postgresql_where=sa.text(which))
    op.create_index(op.f("ix_accounts_deputy_id"), "accounts", ["deputy_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_accounts_deputy_id"), "accounts")
    for table, name, columns, which in INDEXES:
        op.drop_index(name, table)
        op.create_index(name, table, [columns[1]], sqlite_where=sa.text(which), postgresql_where=sa.text(which))
