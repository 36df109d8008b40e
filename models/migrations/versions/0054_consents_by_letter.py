"""Consent that came by letter is kept with its scan.

Revision ID: 0054
Revises: 0053
"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("consents") as table:
        table.add_column(sa.Column("document_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_consents_document_id_documents"), "documents", ["document_id"], ["id"])
        table.create_index(op.f("ix_consents_document_id"), ["document_id"])


def downgrade() -> None:
    with op.batch_alter_table("consents") as table:
        table.drop_index(op.f("ix_consents_document_id"))
        table.drop_constraint(op.f("fk_consents_document_id_documents"), type_="foreignkey")
        table.drop_column("document_id")
