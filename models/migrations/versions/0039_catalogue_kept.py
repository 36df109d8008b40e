"""Options that are the same in several tariffs; the price list by which a plan was agreed.

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("articles", sa.Column("code", sa.String(40), nullable=True))
    # Until now none was the same in two tariffs: each base has the code that all have, the others one of their own.
    op.execute("UPDATE articles SET code = CASE key WHEN 'base' THEN 'base' ELSE key || '-' || id END")
    with op.batch_alter_table("articles") as batch_op:
        batch_op.alter_column("code", existing_type=sa.String(40), nullable=False)
        batch_op.create_unique_constraint(op.f("uq_articles_tariff_id_code"), ["tariff_id", "code"])
    # What was agreed before stays at its price, see ``models.contracts.plans.agreed_prices``.
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.add_column(sa.Column("price_list_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk_subscriptions_price_list_id_price_lists"), "price_lists", ["price_list_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.drop_constraint(op.f("fk_subscriptions_price_list_id_price_lists"), type_="foreignkey")
        batch_op.drop_column("price_list_id")
    with op.batch_alter_table("articles") as batch_op:
        batch_op.drop_constraint(op.f("uq_articles_tariff_id_code"), type_="unique")
        batch_op.drop_column("code")
