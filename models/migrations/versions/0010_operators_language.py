"""Operators read and are written to in a language of their own.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LANGUAGE = sa.Enum("de", "fr", "en", name="language", native_enum=False, length=40)
ADDRESS_FORM = sa.Enum("sie", "du", name="addressform", native_enum=False, length=40)


def upgrade() -> None:
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.add_column(sa.Column("language", LANGUAGE, nullable=False, server_default="de"))
        batch_op.add_column(sa.Column("address_form", ADDRESS_FORM, nullable=False, server_default="sie"))
    # Whoever works at a firm as well goes on in the language spoken there.
    for column in ("language", "address_form"):
        op.execute(
            f"""
            UPDATE accounts SET {column} =
                (SELECT {column} FROM persons WHERE account_id = accounts.id ORDER BY id LIMIT 1)
            WHERE id IN (SELECT account_id FROM persons)
            """  # noqa: S608
        )
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.alter_column("language", existing_type=LANGUAGE, server_default=None)
        batch_op.alter_column("address_form", existing_type=ADDRESS_FORM, server_default=None)
    # What can follow at a decision: the managers are told, there is nobody silent to ask about.
    op.execute("UPDATE cadences SET follow = 'managers' WHERE kind IN ('advice', 'decision') AND follow = 'operator'")


def downgrade() -> None:
    op.execute("UPDATE cadences SET follow = 'nothing' WHERE follow IN ('organiser', 'managers')")
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.drop_column("address_form")
        batch_op.drop_column("language")
