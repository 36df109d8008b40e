"""When operators first heard of a question; what is told to one of them at once is one mail.

Revision ID: 0018
Revises: 0017
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

import models.db

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UNTOLD = sa.text("told_at IS NULL AND answered_at IS NULL")
OUTBOX = sa.table("outbox", sa.column("id", sa.Integer), sa.column("kind", sa.String), sa.column("facts", sa.JSON))


def upgrade() -> None:
    with op.batch_alter_table("decisions") as batch_op:
        batch_op.add_column(sa.Column("told_at", models.db.UTCDateTime(), nullable=True))
    op.execute("UPDATE decisions SET told_at = opened_at")
    op.create_index("ix_decisions_untold", "decisions", ["opened_at"], sqlite_where=UNTOLD, postgresql_where=UNTOLD)
    connection = op.get_bind()
    overdue = sa.select(OUTBOX.c.id, OUTBOX.c.facts).where(OUTBOX.c.kind == "decision_overdue")
    for mail_id, facts in connection.execute(overdue).all():
        question = {
            "kind": facts["question"],
            "firm": facts["about"],
            "days": (datetime.now(UTC) - datetime.fromisoformat(facts["opened_at"])).days,
            "path": facts["path"],
            "why": "overdue",
            "reminders": facts.get("reminders", 0),
        }
        kept = {name: facts[name] for name in ("firm", "company_id", "logo", "instead_of") if name in facts}
        changed = {**kept, "path": "/board", "questions": [question]}
        connection.execute(sa.update(OUTBOX).where(OUTBOX.c.id == mail_id).values(kind="decisions_wait", facts=changed))


def downgrade() -> None:
    op.drop_index("ix_decisions_untold", "decisions")
    with op.batch_alter_table("decisions") as batch_op:
        batch_op.drop_column("told_at")
