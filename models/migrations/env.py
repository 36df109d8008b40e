"""How Alembic reaches the tables; the rest of its settings are in pyproject.toml."""

from alembic import context

from models.db import Base, engine
from models.migrate import register_tables
from models.settings import settings

register_tables()

with engine(settings().database).connect() as connection:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET lock_timeout = '5s'")
        connection.commit()
    else:  # SQLite changes a table by making it anew, and would not drop the old one while others refer to it.
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
        if connection.dialect.name == "sqlite" and (
            lost := connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        ):
            msg = f"rows refer to what is not there: {lost[:5]}"
            raise RuntimeError(msg)
    connection.commit()
    connection.invalidate()  # The next one minds foreign keys again.
