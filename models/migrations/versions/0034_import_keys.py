"""By what records of a file are about the same, so that an answer has only those compared anew that it concerns.

Of files that wait for somebody this is not known yet: they are read and compared once more.

Revision ID: 0034
Revises: 0033
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

WAITS = "state IN ('uploaded', 'planned')"
QUESTION = {
    "table_name": "import_records",
    "index_name": "ix_import_records_question",
    "sqlite_where": sa.text("question <> ''"),
    "postgresql_where": sa.text("question <> ''"),
}


def upgrade() -> None:
    op.create_table(
        "import_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(254), nullable=False),
        sa.Column("record", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_keys_import_id_imports")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_keys")),
    )
    op.create_index("ix_import_keys_key", "import_keys", ["import_id", "key", "record"])
    op.add_column("imports", sa.Column("again", sa.JSON()))
    op.drop_index("ix_import_records_question", "import_records")
    op.create_index(**QUESTION, columns=["import_id", "question", "record"])
    op.execute(f"DELETE FROM import_records WHERE import_id IN (SELECT id FROM imports WHERE {WAITS})")  # noqa: S608
    imports = sa.table(
        "imports",
        sa.column("state", sa.String()),
        sa.column("is_read", sa.Boolean()),
        sa.column("done", sa.Integer()),
        sa.column("due_at", UTCDateTime()),
    )
    once_more = {"state": "uploaded", "is_read": False, "done": 0, "due_at": datetime.now(UTC)}
    op.execute(imports.update().where(sa.text(WAITS)).values(**once_more))


def downgrade() -> None:
    op.drop_index("ix_import_records_question", "import_records")
    op.create_index(**QUESTION, columns=["import_id", "question"])
    op.drop_column("imports", "again")
    op.drop_table("import_keys")
