"""A firm that has a logo is asked whether it likes what was found on its website better.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("logo_permissions") as batch_op:
        batch_op.add_column(sa.Column("offered", sa.JSON(none_as_null=True), nullable=True))
    # Not searched because there was a logo already: that permission was for another logo than is asked for today.
    op.execute(
        """
        UPDATE logo_permissions SET searched_at = granted_at WHERE searched_at IS NULL
        AND EXISTS (SELECT 1 FROM logos WHERE logos.firm_id = logo_permissions.firm_id)
        """
    )


def downgrade() -> None:
    with op.batch_alter_table("logo_permissions") as batch_op:
        batch_op.drop_column("offered")
