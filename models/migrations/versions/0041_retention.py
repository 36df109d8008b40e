"""What is past its time is found by indexes; legal holds; whose an event was.

Revision ID: 0041
Revises: 0040
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

PARTIAL = (
    ("outbox", "ix_outbox_link_id", "link_id", "link_id IS NOT NULL"),
    ("outbox", "ix_outbox_settled", "addressed_at", "due_at IS NULL AND to_address <> ''"),
    ("accounts", "ix_accounts_unproven", "created_at", "confirmed_at IS NULL AND external_id IS NULL"),
    ("reminders", "ix_reminders_ended", "ended_at", "ended_at IS NOT NULL"),
    ("sign_ups", "ix_sign_ups_answered", "answered_at", "answered_at IS NOT NULL"),
)
PLAIN = (
    ("bulk_recipients", "mail_id"),
    ("codes", "made_at"),
    ("former_tokens", "good_until"),
    ("notices", "created_at"),
    ("openings", "opened_at"),
    ("sign_ins", "expires_at"),
)


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("set_at", UTCDateTime(), nullable=False),
        sa.Column("set_by", sa.String(254), nullable=False),
        sa.Column("lifted_at", UTCDateTime(), nullable=True),
        sa.Column("lifted_by", sa.String(254), nullable=True),
        sa.CheckConstraint("client_id IS NULL OR person_id IS NULL", name=op.f("ck_holds_of_one")),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{table}.id"], name=op.f(f"fk_holds_{name}_id_{table}"))
            for name, table in (("firm", "firms"), ("client", "clients"), ("person", "persons"))
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index(op.f("ix_holds_firm_id"), "holds", ["firm_id"])
    standing = sa.text("lifted_at IS NULL")
    op.create_index("ix_holds_standing", "holds", ["until"], sqlite_where=standing, postgresql_where=standing)
    with op.batch_alter_table("inbox") as batch_op:
        batch_op.add_column(sa.Column("onboarding_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk_inbox_onboarding_id_onboardings"), "onboardings", ["onboarding_id"], ["id"]
        )
    # What opened nothing any more did not say since when: no later than the newest link of the same was made.
    op.execute(
        "UPDATE former_tokens SET good_until = (SELECT made_at FROM links WHERE links.id = former_tokens.link_id)"
        " WHERE good_until IS NULL"
    )
    with op.batch_alter_table("former_tokens") as batch_op:
        batch_op.alter_column("good_until", existing_type=UTCDateTime(), nullable=False)
    for table, column in PLAIN:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    for table, name, column, which in PARTIAL:
        op.create_index(name, table, [column], sqlite_where=sa.text(which), postgresql_where=sa.text(which))


def downgrade() -> None:
    for table, name, _, _ in PARTIAL:
        op.drop_index(name, table)
    for table, column in PLAIN:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
    with op.batch_alter_table("former_tokens") as batch_op:
        batch_op.alter_column("good_until", existing_type=UTCDateTime(), nullable=True)
    with op.batch_alter_table("inbox") as batch_op:
        batch_op.drop_constraint(op.f("fk_inbox_onboarding_id_onboardings"), type_="foreignkey")
        batch_op.drop_column("onboarding_id")
    op.drop_table("holds")
