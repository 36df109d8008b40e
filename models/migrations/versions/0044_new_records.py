"""Which records of a file are new throughout, and since when nothing was done that could change it.

Beside that, invitations of many are found by their account: an import that is taken back looks for them.

Revision ID: 0044
Revises: 0043
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imports", sa.Column("compared_at_entry", sa.Integer()))
    with op.batch_alter_table("import_records") as batch_op:
        batch_op.add_column(sa.Column("is_new", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("import_records") as batch_op:
        batch_op.alter_column("is_new", server_default=None)
    op.create_index(op.f("ix_bulk_recipients_client_id"), "bulk_recipients", ["client_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_bulk_recipients_client_id"), "bulk_recipients")
    op.drop_column("import_records", "is_new")
    op.drop_column("imports", "compared_at_entry")
