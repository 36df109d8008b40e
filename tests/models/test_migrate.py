import pytest
from alembic import command
from sqlalchemy import inspect, text

from models.db import Base, engine
from models.migrate import config, upgrade
from models.settings import settings
from tests import postgres


@pytest.fixture
def nothing(product, request, tmp_path, monkeypatch):
    """An empty database that the settings name."""
    if product == "postgresql":
        url = postgres.make_database(request.getfixturevalue("postgres_server"), "migrated")
    else:
        url = f"sqlite:///{tmp_path / 'migrated.db'}"
    monkeypatch.setenv("PROVISION_DATABASE_URL", url)
    settings.cache_clear()
    return url


def test_a_new_database_gets_every_table(nothing):
    upgrade()

    assert {*Base.metadata.tables, "alembic_version"} == set(inspect(engine(nothing)).get_table_names())


def test_bringing_up_to_date_again_changes_nothing(nothing):
    upgrade()
    with engine(nothing).begin() as connection:
        connection.execute(text("INSERT INTO company_id_pool (id, free) VALUES (1, 42)"))

    upgrade()

    with engine(nothing).begin() as connection:
        assert connection.execute(text("SELECT free FROM company_id_pool")).scalar() == 42


def test_the_migrations_lead_to_the_tables_that_the_models_describe(nothing):
    upgrade()

    command.check(config())


def constraints(url):
    read = inspect(engine(url))
    return {
        (table, kind, str(found["name"]), str(found.get("sqltext") or found.get("column_names")))
        for table in Base.metadata.tables
        for kind in ("check_constraints", "unique_constraints", "foreign_keys", "indexes")
        for found in getattr(read, f"get_{kind}")(table)
    }


def test_checks_and_constraints_are_migrated_as_well(nothing):
    """What ``alembic check`` does not compare."""
    upgrade()
    migrated = constraints(nothing)

    with engine(nothing).begin() as connection:
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)

    assert migrated == constraints(nothing)
    assert len(migrated) > 60
