"""Migrations: numbered, run by `payhub migrate`, from the folder that ships with the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from payhub.crypto import Keyring

FOLDER = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine, revision: str = "head", keyring: Keyring | None = None) -> None:
    """Bring the database to a revision; a second process waits for the first. What stood in plain text is sealed with the ring."""
    config = _config()
    config.attributes["keyring"] = keyring
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_lock(7289402)")
        connection.commit()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        finally:
            connection.rollback()
            connection.exec_driver_sql("SELECT pg_advisory_unlock(7289402)")
            connection.commit()


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def heads() -> str:
    """Return the newest revision this package knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(engine: Engine) -> str:
    """Return the revision the database is at, or an empty text."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""
