"""What a trail tells of people stands beside it, so that it can be erased; trails written until now are closed.

Revision ID: 0022
Revises: 0021
"""

import json
from datetime import UTC, datetime
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

AUDIT = sa.table(
    "audit",
    *(sa.column(name, sa.Integer) for name in ("version", "case_id", "number")),
    sa.column("at", sa.DateTime),
    *(sa.column(name, sa.String) for name in ("actor", "action", "previous", "hash")),
    *(sa.column(name, sa.JSON) for name in ("facts", "commitments")),
)


def upgrade() -> None:
    with op.batch_alter_table("audit") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("commitments", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("audit") as batch_op:
        batch_op.alter_column("version", existing_type=sa.Integer(), server_default=None)
        batch_op.alter_column("commitments", existing_type=sa.JSON(), server_default=None)
    op.create_table(
        "audit_values",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("about", sa.String(length=40), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id", "number"], ["audit.case_id", "audit.number"], name=op.f("fk_audit_values_case_id_number_audit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_values")),
        sa.UniqueConstraint("case_id", "number", "about", name=op.f("uq_audit_values_case_id_number_about")),
    )
    op.create_index(op.f("ix_audit_values_about"), "audit_values", ["about"])
    _close()


def _close() -> None:
    """The last entry of each chain is followed by one of the new version that names it."""
    connection, at = op.get_bind(), datetime.now(UTC)
    newest = sa.select(AUDIT.c.case_id, sa.func.max(AUDIT.c.number)).group_by(AUDIT.c.case_id)
    heads = sa.select(AUDIT.c.case_id, AUDIT.c.number, AUDIT.c.hash)
    heads = heads.where(sa.tuple_(AUDIT.c.case_id, AUDIT.c.number).in_(newest)).order_by(AUDIT.c.case_id)
    entries = [_renewed(*head, at) for head in connection.execute(heads)]
    if entries:
        connection.execute(sa.insert(AUDIT), entries)


def _renewed(case_id: int, number: int, head: str, at: datetime) -> dict:
    entry = {"version": 2, "case_id": case_id, "number": number + 1, "actor": "provision", "action": "chain.renewed"}
    entry |= {"facts": {"head": head, "entries": number}, "commitments": {}}
    content = [2, case_id, number + 1, at.isoformat(), "provision", "chain.renewed", entry["facts"], {}]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = sha256(f"{head}{canonical}".encode()).hexdigest()
    return {**entry, "at": at.replace(tzinfo=None), "previous": head, "hash": digest}


def downgrade() -> None:
    """Trails to which nothing was added since are as they were. Others hold no more: what tells of people is lost."""
    newest = sa.select(AUDIT.c.case_id, sa.func.max(AUDIT.c.number)).group_by(AUDIT.c.case_id)
    is_newest = sa.tuple_(AUDIT.c.case_id, AUDIT.c.number).in_(newest)
    op.execute(sa.delete(AUDIT).where(is_newest, AUDIT.c.version == 2, AUDIT.c.action == "chain.renewed"))
    op.drop_table("audit_values")
    with op.batch_alter_table("audit") as batch_op:
        batch_op.drop_column("commitments")
        batch_op.drop_column("version")
