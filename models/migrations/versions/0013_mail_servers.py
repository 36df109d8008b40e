"""What is known of the mail server; from when on the age of a mail counts.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_servers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("smtputf8", sa.Boolean(), nullable=True),
        sa.Column("taken_at", models.db.UTCDateTime(), nullable=True),
        sa.Column("fault", sa.String(length=500), nullable=True),
        sa.Column("fault_since", models.db.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_servers")),
        sa.UniqueConstraint("address", name=op.f("uq_mail_servers_address")),
    )
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.add_column(sa.Column("addressed_at", models.db.UTCDateTime(), nullable=True))
    op.execute("UPDATE outbox SET addressed_at = created_at")
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.alter_column("addressed_at", existing_type=models.db.UTCDateTime(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_column("addressed_at")
    op.drop_table("mail_servers")
