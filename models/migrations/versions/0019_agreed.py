"""What is agreed with one firm alone: a discount, a time of notice, a clause.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UNIT = sa.Enum("days", "weeks", "months", name="noticeunit", native_enum=False, length=40)
# SQLite makes the table anew, and Alembic does not find the checks that it has.
CHECKS = [
    sa.CheckConstraint(
        "confirmed_at IS NULL OR (plan IS NOT NULL AND interval IS NOT NULL)", name="ck_subscriptions_confirmed_whole"
    ),
    sa.CheckConstraint("price_cents >= 0", name="ck_subscriptions_price_not_negative"),
]
NEW = {
    "full_cents": sa.Integer(),
    "discount": sa.Integer(),
    "notice_count": sa.Integer(),
    "notice_unit": UNIT,
    "clause": sa.String(length=4000),
}


def upgrade() -> None:
    for name, kind in NEW.items():
        op.add_column("subscriptions", sa.Column(name, kind))
    op.execute(
        "UPDATE subscriptions SET full_cents = price_cents, discount = 0, notice_count = 0, notice_unit = 'months', clause = ''"
    )
    with op.batch_alter_table("subscriptions", table_args=CHECKS) as batch_op:
        for name, kind in NEW.items():
            batch_op.alter_column(name, existing_type=kind, nullable=False)
        batch_op.create_check_constraint(
            batch_op.f("ck_subscriptions_discount_in_hundredths"), "discount BETWEEN 0 AND 10000"
        )
        batch_op.create_check_constraint(batch_op.f("ck_subscriptions_notice_not_negative"), "notice_count >= 0")


def downgrade() -> None:
    with op.batch_alter_table("subscriptions", table_args=CHECKS) as batch_op:
        for name in reversed(NEW):
            batch_op.drop_column(name)
