"""SQLAlchemy engines whose connections wait for the database."""

from __future__ import annotations

import contextvars
import importlib.util
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
import sqlalchemy
from sqlalchemy.pool import NullPool

from migration_runner.clock import SystemClock
from migration_runner.database.probe import (
    Connection,
    WaitLimits,
    connect_when_ready,
    connection_parameters,
)
from migration_runner.errors import ConfigError
from migration_runner.settings.database_address import (
    explain_missing,
    load_database_address,
    read_again,
)
from migration_runner.settings.database_url import DatabaseAddress

_Answer = TypeVar("_Answer")


def application_name(run_id: str) -> str:
    """Return a run's name in `pg_stat_activity`: `migrate <run id> <host>`."""
    return f"migrate {run_id} {socket.gethostname()}"


def waiting_engine(
    address: DatabaseAddress,
    limits: WaitLimits,
    name: str,
    connected: Callable[[Connection], object] | None = None,
    *,
    writes: bool = True,
) -> sqlalchemy.Engine:
    """Return an engine whose connections wait for the database, within `limits`.

    `connected` gets each connection before SQLAlchemy's own first statements.
    Connecting raises what `connect_when_ready` raises.
    """
    parameters = connection_parameters(address, name, writes=writes)
    driver, connect_once = _driver(address)
    # psycopg2 inserts values into the statement, where the server infers their types; psycopg sends
    # them separately, with types. Revisions written for psycopg2 have to work unchanged.
    as_psycopg2 = driver == "psycopg" and address.driver in ("", "psycopg2")

    def connect_now(**words: Any) -> Any:
        # The address, and its password, as it is at each attempt.
        current = connection_parameters(read_again(address), name, writes=writes)
        return connect_once(**{**words, **current})

    def connect() -> Connection:
        connection = connect_when_ready(parameters, limits, SystemClock(), connect_now)
        connection.autocommit = False
        if as_psycopg2:
            connection.cursor_factory = psycopg.ClientCursor
        if connected is not None:
            connected(connection)
        return connection

    url = _url(f"postgresql+{driver}", parameters)
    engine = sqlalchemy.create_engine(url, creator=connect, poolclass=NullPool)
    if as_psycopg2:
        from sqlalchemy.engine.interfaces import BindTyping  # noqa: PLC0415 - new in 2.0

        engine.dialect.bind_typing = BindTyping.NONE
    return engine


def _url(drivername: str, parameters: Mapping[str, str]) -> sqlalchemy.engine.URL:
    """Return a URL for code that reads it, such as a revision that opens a second connection."""
    port = parameters.get("port", "").partition(",")[0]
    return sqlalchemy.engine.URL.create(
        drivername,
        parameters.get("user"),
        parameters.get("password"),
        parameters.get("host", "").partition(",")[0] or None,
        int(port) if port.isdecimal() else None,
        parameters.get("dbname"),
    )


def _driver(address: DatabaseAddress) -> tuple[str, Callable[..., Any]]:
    """Return the driver that a project expects, since its revisions may use it directly.

    Without a driver in the URL, SQLAlchemy uses psycopg2 before 2.1. It supports psycopg since 2.0.
    """
    release = tuple(map(int, sqlalchemy.__version__.split(".")[:2]))
    too_old = release < (2, 0)
    means = address.driver or ("psycopg2" if release < (2, 1) else "psycopg")
    if not too_old and means != "psycopg2":
        return "psycopg", psycopg.connect
    if importlib.util.find_spec("psycopg2") is None:
        if not too_old:
            return "psycopg", psycopg.connect
        message = "SQLAlchemy 1.4 needs psycopg2: pip install psycopg2-binary."
        raise ConfigError(message, reason="no_driver")
    import psycopg2  # noqa: PLC0415 - installed only where the project needs it

    def connect(*, autocommit: bool, **parameters: Any) -> Any:
        try:
            connection = psycopg2.connect(**parameters)
        except psycopg2.Error as error:
            raise psycopg.OperationalError(str(error)) from error
        connection.autocommit = autocommit
        return connection

    return "psycopg2", connect


def on_new_connection(
    engine: sqlalchemy.Engine, ask: Callable[[sqlalchemy.Connection], _Answer]
) -> _Answer:
    """Return what `ask` returns over a new connection to the database of env.py's `engine`.

    Not over the engine itself: an async engine's pool is bound to its event loop, which has ended.
    """
    fresh = sqlalchemy.engine.Engine(engine.pool.recreate(), engine.dialect, engine.url)

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

    if asyncio._get_running_loop() is None:  # noqa: SLF001 - the public function raises
        return asyncio.run(connect_and_ask_in_a_loop())
    # env.py goes on in that one.
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(context.run, asyncio.run, connect_and_ask_in_a_loop()).result()


def engine_from_environment() -> sqlalchemy.Engine:
    """Return an engine for the environment's database, for an env.py under plain Alembic.

    Reads `DATABASE_URL`, `DATABASE_URL_FILE` or libpq's variables, and does not wait.
    Raises `ConfigError` if none of them is set.
    """
    address = load_database_address()
    if address is None:
        message = f"There is no database to connect to: {explain_missing()}."
        raise ConfigError(message, reason="no_database")
    return waiting_engine(address, WaitLimits(0.0, 5.0), application_name("alembic"))
