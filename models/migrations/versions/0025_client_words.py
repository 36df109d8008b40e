"""What a search for accounts looks through stands apart from them, in a narrow table.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

COLUMNS = {"names": "search", "contacts": "search_contacts", "places": "search_places"}


def upgrade() -> None:
    op.create_table(
        "client_words",
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("firm_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in COLUMNS),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_client_words_firm_id_firms")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_client_words_client_id_clients")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_words")),
    )
    words = ", ".join(COLUMNS.values())
    op.execute(
        sa.text(
            f"INSERT INTO client_words (firm_id, client_id, {', '.join(COLUMNS)}) "  # noqa: S608
            f"SELECT firm_id, id, {words} FROM clients ORDER BY id"
        )
    )
    op.create_index(op.f("ix_client_words_firm_id"), "client_words", ["firm_id"])
    for name in COLUMNS.values():
        op.drop_column("clients", name)


def downgrade() -> None:
    with op.batch_alter_table("clients") as batch_op:
        for name in COLUMNS.values():
            batch_op.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for words, name in COLUMNS.items():
        there = f"SELECT {words} FROM client_words WHERE client_id = clients.id"  # noqa: S608
        op.execute(sa.text(f"UPDATE clients SET {name} = coalesce(({there}), '')"))  # noqa: S608
    op.drop_table("client_words")
    with op.batch_alter_table("clients") as batch_op:
        for name in COLUMNS.values():
            batch_op.alter_column(name, server_default=None)
