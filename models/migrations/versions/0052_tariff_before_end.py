"""Another tariff may wait for its day together with an end that comes after it.

Revision ID: 0052
Revises: 0051
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

PENDING = (
    ("ix_changes_one_tariff", "state = 'pending' AND kind = 'tariff'"),
    ("ix_changes_one_end", "state = 'pending' AND kind <> 'tariff'"),
)


def upgrade() -> None:
    op.drop_index("ix_changes_one_pending", "changes")
    for name, which in PENDING:
        _one(name, which)


def downgrade() -> None:
    for name, _ in PENDING:
        op.drop_index(name, "changes")
    _one("ix_changes_one_pending", "state = 'pending'")


def _one(name: str, which: str) -> None:
    where = sa.text(which)
    op.create_index(name, "changes", ["booking_id"], unique=True, sqlite_where=where, postgresql_where=where)
