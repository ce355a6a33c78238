"""The connections that env.py opens itself: with retries, and with their secrets hidden.

SQLAlchemy calls `do_connect` listeners before it connects, and then the dialect
(https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.DialectEvents.do_connect).
The project's own listeners (which may fetch a token) have to come first, so the runner's listener
only wraps the dialect.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import event
from sqlalchemy.engine import Engine

from migration_runner.database.other_databases import POSTGRES
from migration_runner.database.probe import libpq_timeout
from migration_runner.log.redaction import hide_secrets
from migration_runner.settings.database_url import SECRET_PARAMETERS
from migration_runner.settings.search_path import with_search_path


@dataclass(frozen=True)
class Connecting:
    """How one of the project's engines connects.

    `open` gets the seconds that each of the `hosts` may take, and raises one of the `failures`.
    `libpq_parameters` are None for a driver without libpq, which gets `words`.
    """

    open: Callable[[float], Any]
    failures: tuple[type[BaseException], ...]
    hosts: Sequence[str]
    is_async: bool
    libpq_parameters: dict[str, str] | None
    words: dict[str, Any]


# Connects, again and again.
Wait = Callable[[Connecting], Any]

_LIBPQ_DRIVERS: Final = ("psycopg", "psycopg2")
_LIBPQ_TIMEOUT: Final = "connect_timeout"


# Opens a connection, given the dialect, its own `connect`, and the arguments for that.
Connect = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@contextlib.contextmanager
def waiting_connections(wait: Wait, search_path: str = "") -> Iterator[None]:
    """Let every Postgres engine in this process connect through `wait`, with this search_path.

    Except engines with a `creator`, which does not use the dialect.
    """

    def connect_waiting(
        dialect: Any, connect: Callable[..., Any], arguments: tuple[Any, ...], words: dict[str, Any]
    ) -> Any:
        words = {**words, **_search_path(dialect, arguments, words, search_path)}

        def open_(seconds: float) -> Any:
            return connect(*arguments, **{**_limit(dialect, arguments, seconds), **words})

        is_async = bool(getattr(dialect, "is_async", False))
        parameters = _libpq_parameters(dialect, arguments, words)
        return wait(
            Connecting(open_, _failures(dialect), _hosts(words), is_async, parameters, words)
        )

    with connections_through(connect_waiting):
        yield


@contextlib.contextmanager
def connections_through(connect: Connect, *, any_database: bool = False) -> Iterator[None]:
    """Let every engine in this process connect through `connect`: Postgres's, or all."""
    changed: list[Any] = []

    def before(dialect: Any, _record: Any, _arguments: Any, words: dict[str, Any]) -> None:
        # "passwd" is PyMySQL's.
        secrets = (words.get(name) for name in (*SECRET_PARAMETERS, "passwd"))
        public = [words.get(name) for name in ("user", "dbname", "database")]
        hide_secrets(
            tuple(each for each in secrets if isinstance(each, str)),
            tuple(each for each in public if isinstance(each, str)),
        )
        wanted = any_database or dialect.name == POSTGRES
        if wanted and "connect" not in vars(dialect):
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
    """Return the driver's argument for a timeout, unless the project has set one."""
    if dialect.driver == "asyncpg":
        return {"timeout": seconds}
    chosen = _LIBPQ_TIMEOUT in str(arguments) or os.environ.get("PGCONNECT_TIMEOUT")
    if dialect.driver not in _LIBPQ_DRIVERS or chosen:
        return {}
    return {_LIBPQ_TIMEOUT: libpq_timeout(seconds)}


def _search_path(
    dialect: Any, arguments: tuple[Any, ...], words: dict[str, Any], search_path: str
) -> dict[str, Any]:
    """Return the driver's arguments for a search_path: it is there from the first statement on."""
    if not search_path:
        return {}
    if dialect.driver == "asyncpg":
        theirs = words.get("server_settings") or {}
        return {"server_settings": {**theirs, "search_path": search_path}}
    known = _libpq_parameters(dialect, arguments, words)
    if known is None:
        # `run/search_path.py` finds out if it has to be another.
        return {}
    return {"options": with_search_path(known.get("options"), search_path)}


def _libpq_parameters(
    dialect: Any, arguments: tuple[Any, ...], words: dict[str, Any]
) -> dict[str, str] | None:
    """Return what libpq gets, without the driver's own arguments."""
    if dialect.driver not in _LIBPQ_DRIVERS:
        return None
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    found: dict[str, Any] = {}
    with contextlib.suppress(psycopg.Error):
        for text in arguments:
            found |= conninfo_to_dict(str(text))
    found |= words
    return {name: str(found[name]) for name in known if found.get(name) is not None}


def _hosts(words: dict[str, Any]) -> Sequence[str]:
    """Return the hosts' names: libpq has them in one text, asyncpg in a list."""
    hosts = words.get("host") or ""
    found = hosts.split(",") if isinstance(hosts, str) else [str(each) for each in hosts]
    return [host for host in found if host and not host.startswith("/")]


def _failures(dialect: Any) -> tuple[type[BaseException], ...]:
    """Return the exceptions that the driver raises if it cannot connect."""
    driver = dialect.loaded_dbapi if hasattr(dialect, "loaded_dbapi") else dialect.dbapi
    own = [driver.Error, OSError]
    if dialect.driver == "asyncpg":
        # SQLAlchemy does not translate asyncpg's own exceptions here.
        asyncpg = importlib.import_module("asyncpg")
        own += [asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError]
    return tuple(own)
