"""Alembic's own template, except that the runner provides the connection."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from migration_runner.api import engine_from_environment
from models import Base


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


_connection = context.config.attributes.get("connection")
if _connection is None:
    with engine_from_environment().connect() as _connection:
        _run(_connection)
else:
    _run(_connection)
