"""The connections that somebody's env.py makes for itself: waited for, and kept out of the log.

SQLAlchemy asks `do_connect` listeners before it connects, and then the dialect
(https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.DialectEvents.do_connect).
Listeners of the project's own (that fetch a token, for one) have to come first, so ours only puts
itself around the dialect.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Engine

from migration_runner.database.other_databases import POSTGRES
from migration_runner.database.probe import libpq_timeout
from migration_runner.log.redaction import hide_secrets
from migration_runner.settings.database_url import SECRET_PARAMETERS

# Calls the function that it is given, which may take so many seconds, until it connects.
Wait = Callable[[Callable[[float], Any], tuple[type[BaseException], ...]], Any]

_LIBPQ_DRIVERS: Final = ("psycopg", "psycopg2")
_LIBPQ_TIMEOUT: Final = "connect_timeout"


# Makes a connection: of the dialect, its own way to connect, and what to connect with.
Connect = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@contextlib.contextmanager
def waiting_connections(wait: Wait) -> Iterator[None]:
    """Let every Postgres engine in this process connect through `wait`.

    An engine with a `creator` connects by itself, and is not seen here.
    """

    def connect_waiting(
        dialect: Any, connect: Callable[..., Any], arguments: tuple[Any, ...], words: dict[str, Any]
    ) -> Any:
        def attempt(seconds: float) -> Any:
            return connect(*arguments, **{**_limit(dialect, arguments, seconds), **words})

        return wait(attempt, _failures(dialect))

    with connections_through(connect_waiting):
        yield


@contextlib.contextmanager
def connections_through(connect: Connect) -> Iterator[None]:
    """Let every Postgres engine in this process connect through `connect`."""
    changed: list[Any] = []

    def before(dialect: Any, _record: Any, _arguments: Any, words: dict[str, Any]) -> None:
        # PyMySQL's word is another one.
        secrets = (words.get(name) for name in (*SECRET_PARAMETERS, "passwd"))
        public = [words.get(name) for name in ("user", "dbname", "database")]
        hide_secrets(
            tuple(each for each in secrets if isinstance(each, str)),
            tuple(each for each in public if isinstance(each, str)),
        )
        if dialect.name == POSTGRES and "connect" not in vars(dialect):
            dialect.connect = _through(connect, dialect, dialect.connect)
            changed.append(dialect)

    event.listen(Engine, "do_connect", before)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", before)
        for dialect in changed:
            del dialect.connect


def _through(connect: Connect, dialect: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def connect_through(*arguments: Any, **words: Any) -> Any:
        return connect(dialect, original, arguments, words)

    return connect_through


def _limit(dialect: Any, arguments: tuple[Any, ...], seconds: float) -> dict[str, Any]:
    """Return the driver's word for a limit, where nobody has chosen one."""
    if dialect.driver == "asyncpg":
        return {"timeout": seconds}
    chosen = _LIBPQ_TIMEOUT in str(arguments) or os.environ.get("PGCONNECT_TIMEOUT")
    if dialect.driver not in _LIBPQ_DRIVERS or chosen:
        return {}
    return {_LIBPQ_TIMEOUT: libpq_timeout(seconds)}


def _failures(dialect: Any) -> tuple[type[BaseException], ...]:
    """Return what a connection that cannot be made raises."""
    driver = dialect.loaded_dbapi if hasattr(dialect, "loaded_dbapi") else dialect.dbapi
    own = [driver.Error, OSError]
    if dialect.driver == "asyncpg":
        # SQLAlchemy leaves asyncpg's own as they are.
        asyncpg = importlib.import_module("asyncpg")
        own += [asyncpg.PostgresError, asyncpg.InterfaceError]
    return tuple(own)
