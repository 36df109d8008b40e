"""When something of a contract is due: the last day for notice, prices to be announced, contracts to be begun.

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

LONG_AGO = "2000-01-01"
DUE = sa.text("countersigned_at IS NOT NULL AND contract_begun_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("phases") as batch_op:
        batch_op.add_column(sa.Column("notice_by", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("reminded", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("announce_on", sa.Date(), nullable=True))
    with op.batch_alter_table("phases") as batch_op:
        batch_op.alter_column("reminded", server_default=None)
        batch_op.create_index("ix_phases_notice", ["reminded", "notice_by"])
        batch_op.create_index(op.f("ix_phases_announce_on"), ["announce_on"])
    # The next run of the flow reckons both.
    op.execute(f"UPDATE phases SET notice_by = '{LONG_AGO}', announce_on = '{LONG_AGO}' WHERE ends_on IS NULL")
    # What was planned was not announced to anybody.
    op.execute("UPDATE phases SET reprices_on = NULL, next_price_list_id = NULL")
    with op.batch_alter_table("bookings") as batch_op:
        batch_op.add_column(sa.Column("ordered_as", sa.String(260), nullable=True))
        batch_op.create_unique_constraint(op.f("uq_bookings_ordered_as"), ["ordered_as"])
    with op.batch_alter_table("price_lists") as batch_op:
        batch_op.add_column(sa.Column("rolled_out_at", UTCDateTime(), nullable=True))
        batch_op.create_index("ix_price_lists_rolled_out", ["rolled_out_at"])
    op.execute("UPDATE price_lists SET rolled_out_at = published_at")
    with op.batch_alter_table("agreements") as batch_op:
        batch_op.add_column(sa.Column("contract_begun_at", UTCDateTime(), nullable=True))
        batch_op.create_index("ix_agreements_contract_due", ["id"], sqlite_where=DUE, postgresql_where=DUE)
    op.execute(
        "UPDATE agreements SET contract_begun_at = countersigned_at WHERE onboarding_id IN (SELECT onboardings.id"
        " FROM onboardings JOIN contracts ON contracts.firm_id = onboardings.firm_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("agreements") as batch_op:
        batch_op.drop_index("ix_agreements_contract_due")
        batch_op.drop_column("contract_begun_at")
    with op.batch_alter_table("price_lists") as batch_op:
        batch_op.drop_index("ix_price_lists_rolled_out")
        batch_op.drop_column("rolled_out_at")
    with op.batch_alter_table("bookings") as batch_op:
        batch_op.drop_constraint(op.f("uq_bookings_ordered_as"), type_="unique")
        batch_op.drop_column("ordered_as")
    with op.batch_alter_table("phases") as batch_op:
        batch_op.drop_index(op.f("ix_phases_announce_on"))
        batch_op.drop_index("ix_phases_notice")
        for name in ("announce_on", "reminded", "notice_by"):
            batch_op.drop_column(name)
