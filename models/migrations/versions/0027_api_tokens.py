"""Tokens by which other systems act for a firm, and what they were answered; accounts are paged by their ids as well.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("ending", sa.String(length=4), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        *(sa.Column(name, sa.DateTime()) for name in ("expires_at", "used_at", "revoked_at")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_api_tokens_firm_id_firms")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_api_tokens_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_tokens_token_sha256")),
    )
    op.create_index(op.f("ix_api_tokens_account_id"), "api_tokens", ["account_id"])
    there = sa.text("revoked_at IS NULL")
    op.create_index(
        "uq_api_tokens_name",
        "api_tokens",
        ["firm_id", "name"],
        unique=True,
        sqlite_where=there,
        postgresql_where=there,
    )
    op.create_table(
        "api_replies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name=op.f("fk_api_replies_token_id_api_tokens")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_replies")),
        sa.UniqueConstraint("token_id", "key", name=op.f("uq_api_replies_token_id_key")),
    )
    op.create_index(op.f("ix_api_replies_kept_at"), "api_replies", ["kept_at"])
    op.create_index("ix_clients_in_turn", "clients", ["firm_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_clients_in_turn", "clients")
    op.drop_table("api_replies")
    op.drop_table("api_tokens")
