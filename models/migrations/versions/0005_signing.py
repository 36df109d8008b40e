"""the signing of agreements, part by part and with a code, and what can become of them

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-24 13:52:49.006733

"""

from datetime import timedelta
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

import models.db


# revision identifiers, used by Alembic.
revision: str = "0005"
down_revision: Union[str, Sequence[str], None] = "0004"
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None

DAYS = 90
"""For how long agreements sent before can be signed."""

# SQLite makes the table anew, and Alembic does not find the checks that it has.
CHECKS = [
    sa.CheckConstraint("(signed_at IS NULL) = (signer IS NULL)", name="ck_agreements_signed_by_somebody"),
    sa.CheckConstraint(
        "countersigned_at IS NULL OR signed_at IS NOT NULL", name="ck_agreements_countersigned_after_signed"
    ),
    sa.CheckConstraint(
        "final_id IS NULL OR countersigned_at IS NOT NULL", name="ck_agreements_final_after_countersigned"
    ),
    sa.CheckConstraint("signed_at IS NULL OR declined_at IS NULL", name="ck_agreements_signed_or_declined"),
]


def upgrade() -> None:
    """Upgrade schema."""
    for column in (
        sa.Column("expires_at", models.db.UTCDateTime()),
        sa.Column("delegate_id", sa.Integer()),
        sa.Column("delegate_function", sa.String(length=100)),
        sa.Column("delegated_at", models.db.UTCDateTime()),
        sa.Column("viewed_at", models.db.UTCDateTime()),
        sa.Column("parts_read", sa.JSON()),
        sa.Column("signer_email", sa.String(length=254)),
        sa.Column("signer_function", sa.String(length=100)),
        sa.Column("code_used", sa.Boolean()),
        sa.Column("drawing_id", sa.Integer()),
        sa.Column("expired_at", models.db.UTCDateTime()),
        sa.Column("withdrawn_at", models.db.UTCDateTime()),
        sa.Column("withdrawn_by", sa.String(length=254)),
        sa.Column("withdraw_reason", sa.String(length=2000)),
    ):
        op.add_column("agreements", column)
    fill()
    with op.batch_alter_table("agreements", table_args=CHECKS) as batch_op:
        for name, kind in (
            ("expires_at", models.db.UTCDateTime()),
            ("parts_read", sa.JSON()),
            ("code_used", sa.Boolean()),
        ):
            batch_op.alter_column(name, existing_type=kind, nullable=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_agreements_drawing_id_documents"), "documents", ["drawing_id"], ["id"]
        )
        batch_op.create_foreign_key(batch_op.f("fk_agreements_delegate_id_persons"), "persons", ["delegate_id"], ["id"])
        batch_op.create_check_constraint(
            batch_op.f("ck_agreements_withdrawn_alone"),
            "withdrawn_at IS NULL OR (signed_at IS NULL AND declined_at IS NULL AND expired_at IS NULL)",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_agreements_expired_alone"),
            "expired_at IS NULL OR (signed_at IS NULL AND declined_at IS NULL)",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_agreements_delegated_to_somebody"), "(delegate_id IS NULL) = (delegated_at IS NULL)"
        )
    op.create_table(
        "codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("made_at", models.db.UTCDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", models.db.UTCDateTime(), nullable=True),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_codes_tries")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_codes_agreement_id_agreements")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_codes_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codes")),
        sa.UniqueConstraint("agreement_id", "person_id", name=op.f("uq_codes_agreement_id_person_id")),
    )
    op.create_index(op.f("ix_codes_person_id"), "codes", ["person_id"], unique=False)
    op.create_table(
        "former_tokens",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name=op.f("fk_former_tokens_link_id_links")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_former_tokens")),
    )
    op.create_index(op.f("ix_former_tokens_link_id"), "former_tokens", ["link_id"], unique=False)


def fill() -> None:
    """Give the agreements that are there what every agreement has now."""
    table = sa.table(
        "agreements",
        sa.column("id", sa.Integer()),
        sa.column("sent_at", models.db.UTCDateTime()),
        sa.column("expires_at", models.db.UTCDateTime()),
        sa.column("parts_read", sa.JSON()),
        sa.column("code_used", sa.Boolean()),
    )
    connection = op.get_bind()
    for number, sent_at in connection.execute(sa.select(table.c.id, table.c.sent_at)).all():
        values = {"expires_at": sent_at + timedelta(days=DAYS), "parts_read": {}, "code_used": False}
        connection.execute(sa.update(table).where(table.c.id == number).values(values))


def downgrade() -> None:
    """Upgrades only: what has been signed is not given up."""
    raise NotImplementedError
