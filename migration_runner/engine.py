"""SQLAlchemy engines over connections that were waited for."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy
from sqlalchemy.pool import NullPool

from migration_runner.clock import SystemClock
from migration_runner.database_address import load_database_address
from migration_runner.database_url import DatabaseAddress
from migration_runner.probe import Connection, WaitLimits, connect_when_ready, connection_parameters

_Answer = TypeVar("_Answer")


def application_name(run_id: str) -> str:
    """Return the name under which `pg_stat_activity` shows a run: `migrate <run id> <host>`."""
    return f"migrate {run_id} {socket.gethostname()}"


def waiting_engine(
    address: DatabaseAddress,
    limits: WaitLimits,
    name: str,
    connected: Callable[[Connection], None] | None = None,
    *,
    writes: bool = True,
) -> sqlalchemy.Engine:
    """Return an engine whose connections wait for the database as `limits` say.

    `connected` gets each before its first statement, of which SQLAlchemy has some of its own.
    Its connections raise what `connect_when_ready` raises.
    """
    parameters = connection_parameters(address, name, writes=writes)

    def connect() -> Connection:
        connection = connect_when_ready(parameters, limits, SystemClock())
        connection.autocommit = False
        if connected is not None:
            connected(connection)
        return connection

    return sqlalchemy.create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def on_new_connection(
    engine: sqlalchemy.Engine, ask: Callable[[sqlalchemy.Connection], _Answer]
) -> _Answer:
    """Return what `ask` finds over a new connection to where somebody's `engine` goes.

    Not over the engine itself: an async one's pool is bound to its event loop, which has ended.
    """
    fresh = sqlalchemy.Engine(engine.pool.recreate(), engine.dialect, engine.url)

    def connect_and_ask() -> _Answer:
        try:
            with fresh.connect() as connection:
                return ask(connection)
        finally:
            fresh.dispose()

    if not engine.dialect.is_async:
        return connect_and_ask()
    import asyncio  # noqa: PLC0415 - only for an async env.py

    from sqlalchemy.util import greenlet_spawn  # noqa: PLC0415 - as above

    async def connect_and_ask_in_a_loop() -> _Answer:
        return await greenlet_spawn(connect_and_ask)

    return asyncio.run(connect_and_ask_in_a_loop())


def engine_from_environment() -> sqlalchemy.Engine:
    """Return an engine for the database that the environment names, for an env.py on its own.

    Reads `DATABASE_URL`, `DATABASE_URL_FILE` or libpq's variables, and does not wait.
    Raises `ConfigError` when they name no database.
    """
    return waiting_engine(
        load_database_address(), WaitLimits(0.0, 5.0), application_name("alembic")
    )
