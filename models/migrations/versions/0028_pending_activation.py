"""Who was invited and is not active is listed and counted by indexes, with the page behind the link that was opened.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

CLIENT = "role = 'client' AND withdrawn_at IS NULL"
INDEXES = {
    "ix_persons_pending": (
        "persons",
        ["firm_id", "id", "bounced_at"],
        f"{CLIENT} AND registered_at IS NULL AND invited_at IS NOT NULL",
    ),
    "ix_persons_unaddressed": ("persons", ["firm_id", "id"], f"{CLIENT} AND email = ''"),
    "ix_reminders_silent": (
        "reminders",
        ["onboarding_id", "followed_at"],
        "followed_at IS NOT NULL AND ended_at IS NULL",
    ),
}


def upgrade() -> None:
    op.create_table(
        "openings",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("opened_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name=op.f("fk_openings_link_id_links")),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_openings")),
    )
    for name, (table, columns, which) in INDEXES.items():
        op.create_index(name, table, columns, sqlite_where=sa.text(which), postgresql_where=sa.text(which))


def downgrade() -> None:
    for name, (table, *_) in INDEXES.items():
        op.drop_index(name, table)
    op.drop_table("openings")
