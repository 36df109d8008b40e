"""Clients who are active are told together, and an agreement that ran out among the other questions.

Revision ID: 0021
Revises: 0020
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OUTBOX = sa.table("outbox", sa.column("id", sa.Integer), sa.column("kind", sa.String), sa.column("facts", sa.JSON))


def _rewrite(kind: str, new: str, changed) -> None:
    connection = op.get_bind()
    for mail_id, facts in connection.execute(sa.select(OUTBOX.c.id, OUTBOX.c.facts).where(OUTBOX.c.kind == kind)).all():
        changes = sa.update(OUTBOX).where(OUTBOX.c.id == mail_id)
        connection.execute(changes.values(kind=new, facts=changed(facts)))


def _together(facts: dict) -> dict:
    return {**facts, "clients": [{"name": facts["client"]}], "more": 0}


def _alone(facts: dict) -> dict:
    return {**facts, "client": facts["clients"][0]["name"] if facts["clients"] else ""}


def _as_question(facts: dict) -> dict:
    days = (datetime.now(UTC) - datetime.fromisoformat(facts["sent_at"])).days
    question = {"id": 0, "kind": "lapsed", "firm": facts["firm"], "days": days, "path": facts["path"], "why": "waiting"}
    kept = {name: facts[name] for name in ("company_id", "logo") if name in facts}
    return {**kept, "firm": "", "path": "/board", "instead_of": [], "questions": [question]}


def upgrade() -> None:
    _rewrite("client_active", "client_active", _together)
    _rewrite("agreement_expired", "decisions_wait", _as_question)


def downgrade() -> None:
    _rewrite("client_active", "client_active", _alone)
