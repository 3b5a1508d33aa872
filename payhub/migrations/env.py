"""Alembic's door: the connection comes from `payhub.migrate`, the metadata from every room's models."""

from alembic import context
from sqlalchemy import Connection

from payhub.db import Base


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
