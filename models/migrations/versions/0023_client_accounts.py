"""What a firm keeps of a client's account, and what a contact may and gets there.

Revision ID: 0023
Revises: 0022
"""

from unicodedata import combining, normalize

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TEXTS = {"company_name": 200, "street": 200, "postcode": 10, "city": 100, "website": 300, "vat_id": 20}
MANY = {
    "there": "withdrawn_at IS NULL",
    "uninvited": "withdrawn_at IS NULL AND invited_at IS NULL",
    "active": "withdrawn_at IS NULL AND registered_at IS NOT NULL",
}
SWITCHES = ("email_sync", "is_commercial", "is_main_commercial", "is_operational")
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "œ": "oe", "æ": "ae"})
APOSTROPHES = str.maketrans(dict.fromkeys("'’‘ʼ`´"))
CLIENTS = sa.table("clients", *map(sa.column, ("id", "name", "search")))
CONTACTS = sa.table("client_contacts", *map(sa.column, ("client_id", "person_id")))
PERSONS = sa.table("persons", *map(sa.column, ("id", "given_name", "family_name")))


def upgrade() -> None:
    with op.batch_alter_table("firms") as batch_op:
        batch_op.add_column(sa.Column("name_format", sa.String(40), nullable=False, server_default="family_first"))
    with op.batch_alter_table("clients") as batch_op:
        batch_op.add_column(sa.Column("is_named_by_hand", sa.Boolean(), nullable=False, server_default=sa.false()))
        for name, length in TEXTS.items():
            batch_op.add_column(sa.Column(name, sa.String(length), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("country", sa.String(2), nullable=False, server_default="DE"))
        batch_op.add_column(sa.Column("number", sa.String(40)))
        batch_op.add_column(sa.Column("search", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("archived_at", sa.DateTime()))
        batch_op.create_unique_constraint(op.f("uq_clients_firm_id_number"), ["firm_id", "number"])
        batch_op.drop_index(op.f("ix_clients_firm_id"))
        batch_op.create_index("ix_clients_firm_id_name", ["firm_id", "name", "id"])
    with op.batch_alter_table("client_contacts") as batch_op:
        batch_op.add_column(sa.Column("notify", sa.Boolean(), nullable=False, server_default=sa.true()))
        for name in SWITCHES:
            batch_op.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    one_main = {"sqlite_where": sa.text("is_main_commercial"), "postgresql_where": sa.text("is_main_commercial")}
    op.create_index("uq_client_contacts_one_main", "client_contacts", ["client_id"], unique=True, **one_main)
    for name, which in MANY.items():
        where = {"sqlite_where": sa.text(which), "postgresql_where": sa.text(which)}
        op.create_index(f"ix_persons_{name}", "persons", ["firm_id", "role", "id"], **where)
    _file()
    for table, names in {
        "firms": ["name_format"],
        "clients": ["is_named_by_hand", *TEXTS, "country", "search"],
        "client_contacts": ["notify", *SWITCHES],
    }.items():
        with op.batch_alter_table(table) as batch_op:
            for name in names:
                batch_op.alter_column(name, server_default=None)


def _file() -> None:
    """An account that is called as its contact is, is filed by the family name from now on, and can be found."""
    connection = op.get_bind()
    named = sa.select(CLIENTS.c.id, CLIENTS.c.name, PERSONS.c.given_name, PERSONS.c.family_name)
    named = named.outerjoin(CONTACTS, CONTACTS.c.client_id == CLIENTS.c.id)
    named = named.outerjoin(PERSONS, PERSONS.c.id == CONTACTS.c.person_id).order_by(CLIENTS.c.id)
    for client_id, name, given, family in connection.execute(named).all():
        filed = f"{family}, {given}" if given and name == f"{given} {family}" else name
        change = sa.update(CLIENTS).where(CLIENTS.c.id == client_id)
        connection.execute(change.values(name=filed, search=_folded(filed)))


def _folded(text: str) -> str:
    """As searches compared names then."""
    small = normalize("NFC", text).casefold().translate(APOSTROPHES)
    return " ".join(dict.fromkeys(_words(spelling) for spelling in (small.translate(UMLAUTS), small)))


def _words(text: str) -> str:
    plain = "".join(char for char in normalize("NFKD", text) if not combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in plain).split())


def downgrade() -> None:
    for name in MANY:
        op.drop_index(f"ix_persons_{name}", "persons")
    op.drop_index("uq_client_contacts_one_main", "client_contacts")
    with op.batch_alter_table("client_contacts") as batch_op:
        for name in ("notify", *SWITCHES):
            batch_op.drop_column(name)
    with op.batch_alter_table("clients") as batch_op:
        batch_op.drop_index("ix_clients_firm_id_name")
        batch_op.create_index(op.f("ix_clients_firm_id"), ["firm_id"])
        batch_op.drop_constraint(op.f("uq_clients_firm_id_number"))
        for name in ("is_named_by_hand", *TEXTS, "country", "number", "search", "archived_at"):
            batch_op.drop_column(name)
    op.drop_column("firms", "name_format")
