"""Operators and managers, absence, overdue decisions, and what a search compares.

Revision ID: 0009
Revises: 0008
"""

from unicodedata import combining, normalize

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "œ": "oe", "æ": "ae"})
APOSTROPHES = str.maketrans(dict.fromkeys("'’‘ʼ`´"))


def upgrade() -> None:
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.add_column(sa.Column("is_manager", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("deactivated_at", models.db.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("absent_from", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("absent_until", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("deputy_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("digest_at", models.db.UTCDateTime(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_accounts_deputy_id_accounts"), "accounts", ["deputy_id"], ["id"])
        batch_op.create_check_constraint(op.f("ck_accounts_manager_is_operator"), "is_operator OR NOT is_manager")
        batch_op.create_check_constraint(
            op.f("ck_accounts_absence_has_an_end"), "(absent_from IS NULL) = (absent_until IS NULL)"
        )
    # Until now every operator could do everything.
    op.execute("UPDATE accounts SET is_manager = is_operator")
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.alter_column("is_manager", existing_type=sa.Boolean(), server_default=None)
    with op.batch_alter_table("decisions") as batch_op:
        batch_op.add_column(sa.Column("escalated_at", models.db.UTCDateTime(), nullable=True))
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.create_index(op.f("ix_outbox_onboarding_id"), ["onboarding_id"])
    with op.batch_alter_table("firms") as batch_op:
        batch_op.add_column(sa.Column("search", sa.Text(), nullable=False, server_default=""))
    fill_search()
    with op.batch_alter_table("firms") as batch_op:
        batch_op.alter_column("search", existing_type=sa.Text(), server_default=None)


def fill_search() -> None:
    firms = sa.table("firms", *(sa.column(name) for name in ("id", "name", "business", "search")))
    bound = op.get_bind()
    for firm_id, name, business in bound.execute(sa.select(firms.c.id, firms.c.name, firms.c.business)).all():
        bound.execute(firms.update().where(firms.c.id == firm_id).values(search=searchable(f"{name} {business}")))


def searchable(text: str) -> str:
    """As models.firm folds it at this revision."""
    plain = normalize("NFC", text).casefold().translate(APOSTROPHES)
    return " ".join(dict.fromkeys((letters(plain.translate(UMLAUTS)), letters(plain))))


def letters(text: str) -> str:
    kept = (char if char.isalnum() else " " for char in normalize("NFKD", text) if not combining(char))
    return " ".join("".join(kept).split())


def downgrade() -> None:
    with op.batch_alter_table("firms") as batch_op:
        batch_op.drop_column("search")
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_index(op.f("ix_outbox_onboarding_id"))
    with op.batch_alter_table("decisions") as batch_op:
        batch_op.drop_column("escalated_at")
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.drop_constraint(op.f("ck_accounts_absence_has_an_end"), type_="check")
        batch_op.drop_constraint(op.f("ck_accounts_manager_is_operator"), type_="check")
        batch_op.drop_constraint(op.f("fk_accounts_deputy_id_accounts"), type_="foreignkey")
        for name in ("is_manager", "deactivated_at", "absent_from", "absent_until", "deputy_id", "digest_at"):
            batch_op.drop_column(name)
