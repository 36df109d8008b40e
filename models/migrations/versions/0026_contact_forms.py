"""By which form a contact was added to an account.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client_contacts", sa.Column("form_key", sa.String(64)))


def downgrade() -> None:
    op.drop_column("client_contacts", "form_key")
