"""Whether a mail waits that takes a file along is found by an index.

Revision ID: 0061
Revises: 0060
"""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

NAME, WHICH = "ix_outbox_attached", sa.text("document_id IS NOT NULL AND due_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(NAME, "outbox", ["document_id"], sqlite_where=WHICH, postgresql_where=WHICH)


def downgrade() -> None:
    op.drop_index(NAME, "outbox")
