"""Versions of terms and annexes, and what firms say to each.

Nobody is asked about what they have agreed to: that stands in their agreement.
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "legal_texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("is_material", sa.Boolean(), nullable=False),
        sa.Column("changes", sa.String(500), nullable=False),
        sa.Column("published_at", UTCDateTime(), nullable=False),
        sa.Column("rolled_out_at", UTCDateTime()),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_legal_texts_document_id_documents")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_texts")),
        sa.UniqueConstraint("kind", "number", name=op.f("uq_legal_texts_kind_number")),
    )
    op.create_index("ix_legal_texts_rolled_out", "legal_texts", ["rolled_out_at"])
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("legal_text_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("how", sa.String(40)),
        sa.Column("answered_at", UTCDateTime()),
        sa.Column("answered_by", sa.String(254), nullable=False),
        sa.Column("answered_name", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.CheckConstraint(
            "(state IN ('accepted', 'refused')) = (answered_at IS NOT NULL)",
            name=op.f("ck_consents_answered_at_a_moment"),
        ),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_consents_firm_id_firms")),
        sa.ForeignKeyConstraint(
            ["legal_text_id"], ["legal_texts.id"], name=op.f("fk_consents_legal_text_id_legal_texts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint("firm_id", "legal_text_id", name=op.f("uq_consents_firm_id_legal_text_id")),
    )
    op.create_index("ix_consents_due", "consents", ["state", "mails", "asked_at"])
    op.create_index("ix_consents_text", "consents", ["legal_text_id", "state", "firm_id"])


def downgrade() -> None:
    op.drop_table("consents")
    op.drop_table("legal_texts")
