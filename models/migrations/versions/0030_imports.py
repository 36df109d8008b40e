"""Files with many clients, what becomes of each record, and by what accounts are compared with them.

Revision ID: 0030
Revises: 0029
"""

import re

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime
from models.firm import folded

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

PARTLY = {"number": "number <> ''", "question": "question <> ''"}


def upgrade() -> None:
    _make(
        "imports",
        sa.Column("firm_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer()),
        *_texts(by=254, file_name=200),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        *_texts(format=40, encoding=40, sheet=100, shape=64),
        sa.Column("mapping", sa.JSON()),
        *_jsons("answers", "counts"),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_encoding_said", "is_trial", "is_read")),
        *_texts(state=40),
        *_numbers("records", "done"),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        *(sa.Column(name, UTCDateTime()) for name in ("started_at", "finished_at", "due_at")),
        firm_id="firms",
        person_id="persons",
    )
    op.create_index("ix_imports_firm_id", "imports", ["firm_id", "id"])
    op.create_index(op.f("ix_imports_person_id"), "imports", ["person_id"])
    _partly("ix_imports_at_work", "imports", ["due_at"], "due_at IS NOT NULL")
    _make(
        "import_records",
        *_numbers("import_id", "record", "line"),
        sa.Column("client_id", sa.Integer()),
        *_jsons("draft", "answers", "told", "undo"),
        *_texts(name_key=200, number=40, reason=40, question=40),
        sa.Column("has_person", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(40)),
        sa.UniqueConstraint("import_id", "record", name=op.f("uq_import_records_import_id_record")),
        import_id="imports",
        client_id="clients",
    )
    op.create_index("ix_import_records_outcome", "import_records", ["import_id", "outcome", "record"])
    op.create_index("ix_import_records_name", "import_records", ["import_id", "name_key"])
    op.create_index(op.f("ix_import_records_client_id"), "import_records", ["client_id"])
    for name, which in PARTLY.items():
        _partly(f"ix_import_records_{name}", "import_records", ["import_id", name], which)
    columns = ("import_id", "person_id", "client_id")
    _make(
        "import_contacts",
        *_numbers("record", *columns),
        sa.UniqueConstraint(*columns, name=op.f(f"uq_import_contacts_{'_'.join(columns)}")),
        import_id="imports",
        person_id="persons",
        client_id="clients",
    )
    op.create_index(op.f("ix_import_contacts_client_id"), "import_contacts", ["client_id"])
    _make(
        "import_mappings",
        *_numbers("firm_id"),
        *_texts(shape=64),
        *_jsons("mapping"),
        sa.Column("used_at", UTCDateTime(), nullable=False),
        sa.UniqueConstraint("firm_id", "shape", name=op.f("uq_import_mappings_firm_id_shape")),
        firm_id="firms",
    )
    for table in ("clients", "contact_cards"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column("particulars", sa.JSON(), nullable=False, server_default="{}"))
            for name in ("name_key", "company_key") if table == "clients" else ():
                batch_op.add_column(sa.Column(name, sa.String(200), nullable=False, server_default=""))
    _find_by_name()
    for table in ("clients", "contact_cards"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column("particulars", server_default=None)
            for name in ("name_key", "company_key") if table == "clients" else ():
                batch_op.alter_column(name, server_default=None)
    op.create_index("ix_clients_name_key", "clients", ["firm_id", "name_key"])
    _partly("ix_clients_company_key", "clients", ["firm_id", "company_key"], "company_key <> ''")


def _make(table: str, *columns: sa.schema.SchemaItem, **points: str) -> None:
    """A table whose columns in *points* point to the tables named there."""
    constraints = [
        sa.ForeignKeyConstraint([name], [f"{other}.id"], name=op.f(f"fk_{table}_{name}_{other}"))
        for name, other in points.items()
    ]
    key = sa.Column("id", sa.Integer(), nullable=False)
    op.create_table(table, key, *columns, *constraints, sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")))


def _texts(**lengths: int) -> list[sa.Column]:
    return [sa.Column(name, sa.String(length), nullable=False) for name, length in lengths.items()]


def _numbers(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _jsons(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.JSON(), nullable=False) for name in names]


def _partly(name: str, table: str, columns: list[str], which: str) -> None:
    where = sa.text(which)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _find_by_name() -> None:
    """Accounts that are there are found by their names."""
    connection, last = op.get_bind(), 0
    clients = sa.table("clients", *map(sa.column, ("id", "name", "company_name", "name_key", "company_key")))
    some = sa.select(clients.c.id, clients.c.name, clients.c.company_name).order_by(clients.c.id).limit(1000)
    change = sa.update(clients).where(clients.c.id == sa.bindparam("key"))
    change = change.values(name_key=sa.bindparam("by_name"), company_key=sa.bindparam("by_company"))
    while rows := connection.execute(some.where(clients.c.id > last)).all():
        last = rows[-1].id
        keys = [{"key": row.id, "by_name": _key(row.name), "by_company": _key(row.company_name)} for row in rows]
        connection.execute(change, keys)


def _key(name: str) -> str:
    return " ".join(sorted(re.findall(r"[^\W_]+", folded(name))))[:200]


def downgrade() -> None:
    for table in ("import_mappings", "import_contacts", "import_records", "imports"):
        op.drop_table(table)
    op.drop_index("ix_clients_company_key", "clients")
    op.drop_index("ix_clients_name_key", "clients")
    with op.batch_alter_table("contact_cards") as batch_op:
        batch_op.drop_column("particulars")
    with op.batch_alter_table("clients") as batch_op:
        for name in ("particulars", "name_key", "company_key"):
            batch_op.drop_column(name)
