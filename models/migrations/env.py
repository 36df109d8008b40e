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
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
