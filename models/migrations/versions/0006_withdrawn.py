"""People who are no longer invited.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("persons", sa.Column("withdrawn_at", models.db.UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("persons", "withdrawn_at")
