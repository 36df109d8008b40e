"""Bringing a database to the present shape of the tables."""

from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import models
from models.db import reading
from models.settings import settings


def register_tables() -> None:
    """Import every module of ``models``, so that ``Base.metadata`` and every foreign key are whole."""
    for module in walk_packages(models.__path__, "models."):
        if not module.name.startswith("models.migrat"):
            import_module(module.name)


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return made


def upgrade() -> None:
    """Make or update the database that the settings name; nothing happens if it is up to date."""
    settings().data.mkdir(parents=True, exist_ok=True)
    command.upgrade(config(), "head")


def is_up_to_date() -> bool:
    """Whether the database answers and has the present shape of the tables; raises what the database raises."""
    with reading() as session:
        heads = MigrationContext.configure(session.connection()).get_current_heads()
    return set(heads) == set(ScriptDirectory.from_config(config()).get_heads())
