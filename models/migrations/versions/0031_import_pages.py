"""What an import is expected to make, and the form that brought it.

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("imports") as batch_op:
        batch_op.add_column(sa.Column("expected", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("form_key", sa.String(40)))
        batch_op.create_unique_constraint(op.f("uq_imports_firm_id_form_key"), ["firm_id", "form_key"])
    with op.batch_alter_table("imports") as batch_op:
        batch_op.alter_column("expected", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("imports") as batch_op:
        batch_op.drop_constraint(op.f("uq_imports_firm_id_form_key"), type_="unique")
        batch_op.drop_column("form_key")
        batch_op.drop_column("expected")
