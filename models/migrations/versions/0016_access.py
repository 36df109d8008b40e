"""Links that stay good beside a newer one; access that is paused; invitations a day.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("former_tokens", sa.Column("good_until", models.db.UTCDateTime(), nullable=True))
    op.add_column("firms", sa.Column("invitations_a_day", sa.Integer(), nullable=True))
    op.add_column("persons", sa.Column("paused_at", models.db.UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("persons", "paused_at")
    op.drop_column("firms", "invitations_a_day")
    op.drop_column("former_tokens", "good_until")
