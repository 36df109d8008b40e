"""The scan of an answer to terms stays when another answer takes its place.

Revision ID: 0057
Revises: 0056
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

TABLE = "former_letters"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("consent_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("answered_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_former_letters_firm_id_firms")),
        sa.ForeignKeyConstraint(["consent_id"], ["consents.id"], name=op.f("fk_former_letters_consent_id_consents")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_former_letters_document_id_documents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_letters")),
    )
    for column in ("firm_id", "consent_id", "document_id"):
        op.create_index(op.f(f"ix_former_letters_{column}"), TABLE, [column])


def downgrade() -> None:
    op.drop_table(TABLE)
