"""Alembic's environment: which models, which connection."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from migration_runner.api import engine_from_environment
from models import Base

target_metadata = Base.metadata


def run_migrations_offline() -> None:
    """Print the statements, without a database: `--sql`."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=target_metadata,
        literal_binds=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations(connection: Connection) -> None:
    """Run over a connection that has no transaction open."""
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    """Run over the runner's connection, pytest-alembic's engine, or an engine of our own."""
    connectable = context.config.attributes.get("connection") or engine_from_environment()
    if isinstance(connectable, Connection):
        run_migrations(connectable)
        return
    with connectable.connect() as connection:
        run_migrations(connection)


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
