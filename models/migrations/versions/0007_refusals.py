"""Refused events wait for an operator's notice."""

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPEN = sa.text("refusal IS NOT NULL AND dismissed_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("inbox") as table:
        table.add_column(sa.Column("dismissed_at", models.db.UTCDateTime(), nullable=True))
    op.create_index("ix_inbox_refused", "inbox", ["id"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index("ix_inbox_refused", "inbox")
    with op.batch_alter_table("inbox") as table:
        table.drop_column("dismissed_at")
