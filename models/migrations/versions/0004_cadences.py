"""Cadences, pauses, and waits for operators.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KINDS = ("organiser", "task", "agreement", "caseworker", "client", "advice", "decision")
KIND = sa.Enum(*KINDS, name="waitkind", native_enum=False, length=40)
LEVEL = sa.Enum("provider", "firm", "case", "person", name="level", native_enum=False, length=40)
FOLLOW = sa.Enum("nothing", "operator", name="follow", native_enum=False, length=40)
STEP = sa.Enum(
    *("subscription", "details", "logo", "organiser", "agreement", "caseworkers", "clients"),
    name="stepname",
    native_enum=False,
    length=40,
)


def upgrade() -> None:
    op.create_table(
        "cadences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("level", LEVEL, nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("days", sa.JSON(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("follow", FOLLOW, nullable=False),
        sa.Column("set_at", models.db.UTCDateTime(), nullable=False),
        sa.Column("set_by", sa.String(length=254), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cadences")),
        sa.UniqueConstraint("level", "owner_id", "kind", name=op.f("uq_cadences_level_owner_id_kind")),
    )
    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("level", LEVEL, nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("since", models.db.UTCDateTime(), nullable=False),
        sa.Column("by", sa.String(length=254), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pauses")),
        sa.UniqueConstraint("level", "owner_id", name=op.f("uq_pauses_level_owner_id")),
    )
    with op.batch_alter_table("reminders") as batch_op:
        batch_op.add_column(sa.Column("kind", KIND, nullable=True))
        batch_op.add_column(sa.Column("decision_id", sa.Integer(), nullable=True))
        for name in ("last_at", "not_before", "followed_at"):
            batch_op.add_column(sa.Column(name, models.db.UTCDateTime(), nullable=True))
        batch_op.alter_column("person_id", existing_type=sa.Integer(), nullable=True)
        batch_op.alter_column("step", existing_type=STEP, nullable=True)
        batch_op.drop_index("ix_reminders_due")
    op.execute(
        """
        UPDATE reminders SET kind = CASE
            WHEN step = 'agreement' THEN 'agreement'
            WHEN step || ' ' || (SELECT role FROM persons WHERE persons.id = person_id)
                IN ('organiser organiser', 'caseworkers caseworker', 'clients client')
                THEN (SELECT role FROM persons WHERE persons.id = person_id)
            ELSE 'task' END
        """
    )
    op.execute(
        """
        INSERT INTO reminders (onboarding_id, decision_id, kind, since, sent, due_at)
        SELECT onboarding_id, id, CASE kind WHEN 'advice' THEN 'advice' ELSE 'decision' END, opened_at, 0, opened_at
        FROM decisions WHERE answered_at IS NULL
        """
    )
    with op.batch_alter_table("reminders") as batch_op:
        batch_op.alter_column("kind", existing_type=KIND, nullable=False)
        batch_op.create_foreign_key(op.f("fk_reminders_decision_id_decisions"), "decisions", ["decision_id"], ["id"])
        batch_op.create_unique_constraint(op.f("uq_reminders_decision_id"), ["decision_id"])
        batch_op.create_check_constraint(
            op.f("ck_reminders_person_or_decision"), "(person_id IS NULL) = (decision_id IS NOT NULL)"
        )
        batch_op.create_check_constraint(op.f("ck_reminders_person_has_step"), "(person_id IS NULL) = (step IS NULL)")
        batch_op.create_index("ix_reminders_due", ["due_at", "id"])


def downgrade() -> None:
    op.execute("DELETE FROM reminders WHERE person_id IS NULL")
    with op.batch_alter_table("reminders") as batch_op:
        batch_op.drop_index("ix_reminders_due")
        batch_op.drop_constraint(op.f("ck_reminders_person_has_step"), type_="check")
        batch_op.drop_constraint(op.f("ck_reminders_person_or_decision"), type_="check")
        batch_op.drop_constraint(op.f("uq_reminders_decision_id"), type_="unique")
        batch_op.drop_constraint(op.f("fk_reminders_decision_id_decisions"), type_="foreignkey")
        for name in ("kind", "decision_id", "last_at", "not_before", "followed_at"):
            batch_op.drop_column(name)
        batch_op.alter_column("person_id", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("step", existing_type=STEP, nullable=False)
        batch_op.create_index("ix_reminders_due", ["due_at"])
    op.drop_table("pauses")
    op.drop_table("cadences")
