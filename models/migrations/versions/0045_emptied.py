"""Cases, clients of ended contracts and files can be empty, because their time was over.

Revision ID: 0045
Revises: 0044
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

COLUMNS = (("onboardings", "emptied_at"), ("onboardings", "clients_emptied_at"), ("documents", "erased_at"))
PARTIAL = (
    ("onboardings", "ix_onboardings_stopped", "stopped_at", "stopped_at IS NOT NULL AND emptied_at IS NULL"),
    ("firms", "ix_firms_closed", "closed_at", "closed_at IS NOT NULL"),
)
FILES = (
    *(("agreements", f"{name}_id") for name in ("document", "drawing", "uploaded", "final")),
    ("changes", "document_id"),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, UTCDateTime(), nullable=True))
    for table, name, column, which in PARTIAL:
        op.create_index(name, table, [column], sqlite_where=sa.text(which), postgresql_where=sa.text(which))
    for table, column in FILES:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table, column in FILES:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
    for table, name, _, _ in PARTIAL:
        op.drop_index(name, table)
    for table, column in COLUMNS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column(column)
