"""Questions answered and agreements never signed can be empty, because their time was over.

Revision ID: 0058
Revises: 0057
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

PARTIAL = (
    ("decisions", "ix_decisions_answered", "answered_at", "answered_at IS NOT NULL AND emptied_at IS NULL"),
    ("agreements", "ix_agreements_unsigned", "expires_at", "signed_at IS NULL AND emptied_at IS NULL"),
)


def upgrade() -> None:
    for table, name, column, which in PARTIAL:
        op.add_column(table, sa.Column("emptied_at", UTCDateTime(), nullable=True))
        op.create_index(name, table, [column], sqlite_where=sa.text(which), postgresql_where=sa.text(which))


def downgrade() -> None:
    for table, name, _, _ in PARTIAL:
        op.drop_index(name, table)
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column("emptied_at")
