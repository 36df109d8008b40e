"""Invitations to many at once: the request, its recipients, and which mails belong to it.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

RUNNING, OF_BULK = sa.text("state = 'running'"), sa.text("bulk_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "bulk_invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(254), nullable=False),
        sa.Column("message", sa.String(1000), nullable=False),
        sa.Column("audience", sa.JSON(), nullable=False),
        sa.Column("a_second", sa.Integer(), nullable=False),
        sa.Column("an_hour", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("stop_reason", sa.String(40), nullable=True),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("after_client", sa.Integer(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(), nullable=True),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("leased_until", sa.DateTime(), nullable=True),
        sa.Column("limited_until", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_bulk_invitations_firm_id_firms")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_bulk_invitations_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_invitations")),
    )
    op.create_index(op.f("ix_bulk_invitations_firm_id"), "bulk_invitations", ["firm_id"])
    op.create_index(
        "ix_bulk_invitations_running", "bulk_invitations", ["id"], sqlite_where=RUNNING, postgresql_where=RUNNING
    )
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.add_column(sa.Column("bulk_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_outbox_bulk_id_bulk_invitations"), "bulk_invitations", ["bulk_id"], ["id"])
        batch_op.create_index(
            "ix_outbox_bulk",
            ["bulk_id", "delivered_at", "failed_at"],
            sqlite_where=OF_BULK,
            postgresql_where=OF_BULK,
        )
    op.create_table(
        "bulk_recipients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bulk_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=True),
        sa.Column("due_at", sa.DateTime(), nullable=True),
        sa.Column("mail_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bulk_id"], ["bulk_invitations.id"], name=op.f("fk_bulk_recipients_bulk_id_bulk_invitations")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_bulk_recipients_client_id_clients")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_bulk_recipients_person_id_persons")),
        sa.ForeignKeyConstraint(["mail_id"], ["outbox.id"], name=op.f("fk_bulk_recipients_mail_id_outbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_recipients")),
        sa.UniqueConstraint(
            "bulk_id", "person_id", "client_id", name=op.f("uq_bulk_recipients_bulk_id_person_id_client_id")
        ),
    )
    op.create_index("ix_bulk_recipients_turn", "bulk_recipients", ["bulk_id", "outcome", "due_at", "id"])
    op.create_index("ix_bulk_recipients_reason", "bulk_recipients", ["bulk_id", "outcome", "reason", "id"])


def downgrade() -> None:
    op.drop_table("bulk_recipients")
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_index("ix_outbox_bulk")
        batch_op.drop_constraint(op.f("fk_outbox_bulk_id_bulk_invitations"), type_="foreignkey")
        batch_op.drop_column("bulk_id")
    op.drop_table("bulk_invitations")
