"""People ask for data of theirs to be erased or corrected.

Revision ID: 0056
Revises: 0055
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

TABLE = "privacy_requests"
OPEN, ANSWERED = sa.text("answered_at IS NULL"), sa.text("answered_at IS NOT NULL")
TO_DO = sa.text("state = 'granted' AND done_at IS NULL")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("onboarding_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("judge", sa.String(40), nullable=False),
        sa.Column("words", sa.String(2000), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("extension", sa.String(2000), nullable=False),
        sa.Column("extended_at", UTCDateTime()),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("answered_at", UTCDateTime()),
        sa.Column("answered_by", sa.String(254), nullable=False),
        sa.Column("reason", sa.String(2000), nullable=False),
        sa.Column("done_at", UTCDateTime()),
        sa.Column("reminded", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state = 'open') = (answered_at IS NULL)", name=op.f("ck_privacy_requests_answered_at_a_moment")
        ),
        sa.ForeignKeyConstraint(
            ["onboarding_id"], ["onboardings.id"], name=op.f("fk_privacy_requests_onboarding_id_onboardings")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_privacy_requests_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_requests")),
    )
    op.create_index("ix_privacy_requests_onboarding_id", TABLE, ["onboarding_id"])
    for name, columns, which in (
        ("due", ["due_on"], OPEN),
        ("answered", ["answered_at"], ANSWERED),
        ("to_do", ["id"], TO_DO),
    ):
        op.create_index(f"ix_privacy_requests_{name}", TABLE, columns, sqlite_where=which, postgresql_where=which)
    op.create_index(
        "ix_privacy_requests_open", TABLE, ["person_id", "kind"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )


def downgrade() -> None:
    op.drop_table(TABLE)
