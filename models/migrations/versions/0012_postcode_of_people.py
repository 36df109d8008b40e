"""People have a postcode: some holidays are those of a town.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("persons") as batch_op:
        batch_op.add_column(sa.Column("postcode", sa.String(length=10), nullable=False, server_default=""))
    op.execute(
        """
        UPDATE persons SET postcode = (SELECT postcode FROM firms WHERE firms.id = persons.firm_id)
        WHERE EXISTS (SELECT 1 FROM firms WHERE firms.id = persons.firm_id AND firms.land = persons.land)
        """
    )
    with op.batch_alter_table("persons") as batch_op:
        batch_op.alter_column("postcode", existing_type=sa.String(length=10), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("persons") as batch_op:
        batch_op.drop_column("postcode")
