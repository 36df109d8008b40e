"""Logos that were replaced are found by when they were chosen.

Revision ID: 0055
Revises: 0054
"""

from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_logos_chosen_at", "logos", ["chosen_at"])


def downgrade() -> None:
    op.drop_index("ix_logos_chosen_at", "logos")
