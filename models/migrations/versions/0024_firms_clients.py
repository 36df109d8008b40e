"""What a firm keeps of its clients, how it sorts them, who of its people sees them, and who registers by themselves.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

from models.db import UTCDateTime
from models.firm import spellings

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

FUNCTIONS = '["messages", "documents", "contract", "invoices", "appointments"]'
LISTS = ["portfolios", "groups", "folder_templates", "custom_fields", "tags"]
UNINVITED = {
    "0023": "withdrawn_at IS NULL AND invited_at IS NULL",
    "0024": "withdrawn_at IS NULL AND invited_at IS NULL AND NOT invitation_waits AND email <> ''",
}
OPTIONAL = ("sign_ups", "client_id")
SOME = {"there": "withdrawn_at IS NULL", "active": "withdrawn_at IS NULL AND registered_at IS NOT NULL"}


def make(table: str, *columns: sa.Column, unique: list[str] | None = None, **points: str) -> None:
    """A table whose columns in *points* point to the tables named there."""
    keys = [sa.Column(name, sa.Integer(), nullable=(table, name) == OPTIONAL) for name in points]
    constraints: list[sa.schema.SchemaItem] = [
        sa.ForeignKeyConstraint([name], [f"{other}.id"], name=op.f(f"fk_{table}_{name}_{other}"))
        for name, other in points.items()
    ]
    if unique:
        constraints.append(sa.UniqueConstraint(*unique, name=op.f(f"uq_{table}_{'_'.join(unique)}")))
    key = sa.Column("id", sa.Integer(), nullable=False)
    primary = sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))
    op.create_table(table, key, *keys, *columns, *constraints, primary)


def text(name: str, length: int) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=False)


def flag(name: str) -> sa.Column:
    return sa.Column(name, sa.Boolean(), nullable=False)


def facts(name: str) -> sa.Column:
    return sa.Column(name, sa.JSON(), nullable=False)


def moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, UTCDateTime(), nullable=nullable)


def some(name: str, table: str, columns: list[str], which: str, *, unique: bool = False) -> None:
    where = sa.text(which)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    label, mine = [text("name", 60), text("folded", 120)], {"firm_id": "firms"}
    make("portfolios", *label, unique=["firm_id", "folded"], **mine)
    make("tags", *label, unique=["firm_id", "folded"], **mine)
    make("groups", *label, facts("functions"), unique=["firm_id", "folded"], **mine)
    make("folder_templates", *label, facts("paths"), unique=["firm_id", "folded"], **mine)
    field = [text("belongs_to", 40), text("kind", 40), facts("choices"), moment("archived_at")]
    make("custom_fields", *label, *field, unique=["firm_id", "belongs_to", "folded"], **mine)
    _people()
    _accounts()
    place = [text("street", 200), text("postcode", 10), text("city", 100), text("country", 2)]
    make(
        "sign_ups",
        *(text("email", 254), text("given_name", 100), text("family_name", 100), text("company_name", 200), *place),
        *(text("language", 40), text("address_form", 40), moment("asked_at", nullable=False)),
        *(moment("confirmed_at"), moment("answered_at"), sa.Column("verdict", sa.String(40))),
        firm_id="firms",
        client_id="clients",
    )
    op.create_index(op.f("ix_sign_ups_client_id"), "sign_ups", ["client_id"])
    some("ix_sign_ups_waiting", "sign_ups", ["firm_id", "id"], "confirmed_at IS NOT NULL AND answered_at IS NULL")
    some("ix_sign_ups_unconfirmed", "sign_ups", ["asked_at"], "confirmed_at IS NULL")
    some("uq_sign_ups_open", "sign_ups", ["firm_id", "email"], "answered_at IS NULL", unique=True)
    with op.batch_alter_table("firms") as batch_op:
        batch_op.add_column(sa.Column("functions", sa.JSON(), nullable=False, server_default=FUNCTIONS))
        for name in ("is_listed", "takes_sign_ups"):
            batch_op.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("firms") as batch_op:
        for name in ("functions", "is_listed", "takes_sign_ups"):
            batch_op.alter_column(name, server_default=None)


def _people() -> None:
    """Contacts may have no address, and somebody may be invited later."""
    for name in ("uninvited", *SOME):
        op.drop_index(f"ix_persons_{name}", "persons")
    with op.batch_alter_table("persons") as batch_op:
        batch_op.add_column(sa.Column("invitation_waits", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(moment("address_confirmed_at"))
        batch_op.drop_constraint(op.f("uq_persons_firm_id_role_email"), type_="unique")
        batch_op.create_check_constraint(op.f("ck_persons_reachable"), "email <> '' OR role = 'client'")
    with op.batch_alter_table("persons") as batch_op:
        batch_op.alter_column("invitation_waits", server_default=None)
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.add_column(sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.alter_column("must_change_password", server_default=None)
    some("uq_persons_address", "persons", ["firm_id", "role", "email"], "email <> ''", unique=True)
    _index_people("0024")
    person = {"person_id": "persons"}
    place = [text("street", 200), text("postcode", 10), text("city", 100), text("country", 2), text("website", 300)]
    card = [text("title", 60), *place, flag("is_listed"), facts("fields")]
    make("contact_cards", *card, unique=["person_id"], **person)
    some("ix_contact_cards_listed", "contact_cards", ["person_id"], "is_listed")
    make("phones", text("kind", 40), text("number", 20), flag("is_primary"), unique=["person_id", "number"], **person)
    some("uq_phones_one_primary", "phones", ["person_id"], "is_primary", unique=True)
    rights = [flag(name) for name in ("is_administrator", "manages_accounts", "has_default_access")]
    make("staff", *rights, unique=["person_id"], **person)
    entry = [facts("facts"), text("path", 200), moment("created_at", nullable=False), moment("read_at")]
    make("notices", text("kind", 40), *entry, **person)
    op.create_index("ix_notices_person_id", "notices", ["person_id", "id"])
    some("ix_notices_unread", "notices", ["person_id", "id"], "read_at IS NULL")
    make("group_members", unique=["person_id", "group_id"], **person, group_id="groups")
    op.create_index("ix_group_members_group_id", "group_members", ["group_id", "person_id"])
    make("contact_tags", unique=["person_id", "tag_id"], **person, tag_id="tags")
    op.create_index("ix_contact_tags_tag_id", "contact_tags", ["tag_id", "person_id"])
    make("portfolio_members", unique=["person_id", "portfolio_id"], **person, portfolio_id="portfolios")
    op.create_index("ix_portfolio_members_portfolio_id", "portfolio_members", ["portfolio_id"])


def _index_people(release: str) -> None:
    for name, which in {**SOME, "uninvited": UNINVITED[release]}.items():
        some(f"ix_persons_{name}", "persons", ["firm_id", "role", "id"], which)


def _accounts() -> None:
    with op.batch_alter_table("clients") as batch_op:
        batch_op.add_column(sa.Column("fields", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("state", sa.String(40), nullable=False, server_default="prepared"))
        batch_op.drop_index("ix_clients_firm_id_name")
        batch_op.create_index("ix_clients_state", ["firm_id", "state", "name", "id"])
        for name in ("search_contacts", "search_places"):
            batch_op.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("form_key", sa.String(40)))
        batch_op.create_unique_constraint(op.f("uq_clients_firm_id_form_key"), ["firm_id", "form_key"])
        batch_op.add_column(sa.Column("folder_template_id", sa.Integer()))
        batch_op.create_foreign_key(
            op.f("fk_clients_folder_template_id_folder_templates"), "folder_templates", ["folder_template_id"], ["id"]
        )
        batch_op.create_index(op.f("ix_clients_folder_template_id"), ["folder_template_id"])
    with op.batch_alter_table("clients") as batch_op:
        for name in ("fields", "search_contacts", "search_places", "state"):
            batch_op.alter_column(name, server_default=None)
    some("ix_clients_there", "clients", ["firm_id", "name", "id"], "archived_at IS NULL")
    _tell_states()
    _find_by_contacts()
    op.add_column("client_contacts", moment("told_at"))
    make(
        "client_access", flag("has_access"), unique=["client_id", "person_id"], client_id="clients", person_id="persons"
    )
    op.create_index("ix_client_access_person_id", "client_access", ["person_id", "client_id"])
    make("client_tags", unique=["client_id", "tag_id"], client_id="clients", tag_id="tags")
    op.create_index("ix_client_tags_tag_id", "client_tags", ["tag_id", "client_id"])
    within = {"portfolio_id": "portfolios", "client_id": "clients"}
    make("portfolio_clients", unique=["portfolio_id", "client_id"], **within)
    op.create_index("ix_portfolio_clients_client_id", "portfolio_clients", ["client_id"])
    told = sa.text(
        "UPDATE client_contacts SET told_at = "
        "(SELECT invited_at FROM persons WHERE persons.id = client_contacts.person_id)"
    )
    op.execute(told)


def _tell_states() -> None:
    """Of every account, how far its contacts are."""
    for state, which in (("active", "registered_at IS NOT NULL"), ("pending", "invited_at IS NOT NULL")):
        there = (
            "SELECT 1 FROM client_contacts c JOIN persons p ON p.id = c.person_id "
            f"WHERE c.client_id = clients.id AND c.login AND p.withdrawn_at IS NULL AND p.{which}"  # noqa: S608
        )
        change = f"UPDATE clients SET state = '{state}' WHERE state = 'prepared' AND EXISTS ({there})"  # noqa: S608
        op.execute(sa.text(change))


def _find_by_contacts() -> None:
    """Accounts are found by the names and addresses of their contacts."""
    connection, last = op.get_bind(), 0
    clients = sa.table("clients", sa.column("id"), sa.column("search_contacts"))
    some = sa.text("SELECT id FROM clients WHERE id > :last ORDER BY id LIMIT 1000")
    people = sa.text(
        "SELECT c.client_id, p.given_name, p.family_name, p.email FROM client_contacts c "
        "JOIN persons p ON p.id = c.person_id WHERE c.client_id > :last AND c.client_id <= :until ORDER BY c.id"
    )
    while ids := connection.execute(some, {"last": last}).scalars().all():
        words: dict[int, list[str]] = {}
        for client_id, *parts in connection.execute(people, {"last": last, "until": ids[-1]}):
            words.setdefault(client_id, []).extend(parts)
        last = ids[-1]
        found = [{"key": key, "words": " ".join(spellings(" ".join(parts)))} for key, parts in words.items()]
        if found:
            change = sa.update(clients).where(clients.c.id == sa.bindparam("key"))
            connection.execute(change.values(search_contacts=sa.bindparam("words")), found)


def downgrade() -> None:
    for table in ("sign_ups", "portfolio_clients", "client_tags", "client_access", "portfolio_members"):
        op.drop_table(table)
    for table in ("contact_tags", "group_members", "notices", "staff", "phones", "contact_cards"):
        op.drop_table(table)
    with op.batch_alter_table("firms") as batch_op:
        for name in ("functions", "is_listed", "takes_sign_ups"):
            batch_op.drop_column(name)
    op.drop_column("client_contacts", "told_at")
    op.drop_index("ix_clients_there", "clients")
    with op.batch_alter_table("clients") as batch_op:
        batch_op.drop_index("ix_clients_state")
        batch_op.create_index("ix_clients_firm_id_name", ["firm_id", "name", "id"])
        batch_op.drop_constraint(op.f("uq_clients_firm_id_form_key"), type_="unique")
        batch_op.drop_index(op.f("ix_clients_folder_template_id"))
        batch_op.drop_constraint(op.f("fk_clients_folder_template_id_folder_templates"), type_="foreignkey")
        for name in ("fields", "folder_template_id", "search_contacts", "search_places", "state", "form_key"):
            batch_op.drop_column(name)
    for table in LISTS:
        op.drop_table(table)
    for name in ("ix_persons_uninvited", *(f"ix_persons_{name}" for name in SOME), "uq_persons_address"):
        op.drop_index(name, "persons")
    # Whoever has no address cannot be kept as the table was.
    op.execute(sa.text("UPDATE persons SET email = 'none-' || id || '@invalid' WHERE email = ''"))
    with op.batch_alter_table("persons") as batch_op:
        batch_op.drop_constraint(op.f("ck_persons_reachable"), type_="check")
        batch_op.drop_column("invitation_waits")
        batch_op.drop_column("address_confirmed_at")
        batch_op.create_unique_constraint(op.f("uq_persons_firm_id_role_email"), ["firm_id", "role", "email"])
    _index_people("0023")
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.drop_column("must_change_password")
