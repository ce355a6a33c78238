"""SQLAlchemy engines over connections that were waited for."""

from __future__ import annotations

import socket

import sqlalchemy
from sqlalchemy.pool import NullPool

from migration_runner.clock import SystemClock
from migration_runner.database_url import DatabaseAddress
from migration_runner.probe import Connection, WaitLimits, connect_when_ready, connection_parameters
from migration_runner.settings import load_database_address


def application_name(run_id: str) -> str:
    """Return the name under which `pg_stat_activity` shows a run: `migrate <run id> <host>`."""
    return f"migrate {run_id} {socket.gethostname()}"


def waiting_engine(address: DatabaseAddress, limits: WaitLimits, name: str) -> sqlalchemy.Engine:
    """Return an engine whose connections wait for the database as `limits` say.

    Its connections raise what `connect_when_ready` raises.
    """
    parameters = connection_parameters(address, name)

    def connect() -> Connection:
        connection = connect_when_ready(parameters, limits, SystemClock())
        connection.autocommit = False
        return connection

    return sqlalchemy.create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def engine_from_environment() -> sqlalchemy.Engine:
    """Return an engine for the database that the environment names, for an env.py on its own.

    Reads `DATABASE_URL`, `DATABASE_URL_FILE` or libpq's variables, and does not wait.
    Raises `ConfigError` when they name no database.
    """
    return waiting_engine(
        load_database_address(), WaitLimits(0.0, 5.0), application_name("alembic")
    )
