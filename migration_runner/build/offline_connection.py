"""Offline connections, for running env.py in a build to determine where it connects."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine

from migration_runner.build.env_recorder import Obstacle, replaced
from migration_runner.database.engine import waiting_engine
from migration_runner.database.probe import WaitLimits
from migration_runner.project.connections import connections_through
from migration_runner.settings.database_url import parse_database_url

# A loopback address and a port on which no server listens.
OFFLINE_URL: Final = "postgresql://offline_user:offline_password@127.6.6.6:1/offline_database"
_PARAMETERS: Final = {
    "host": "127.6.6.6",
    "port": "1",
    "user": "offline_user",
    "password": "offline_password",
    "dbname": "offline_database",
}
_DRIVERS: Final = ("psycopg", "psycopg2", "asyncpg")
_POOL_EVENTS: Final = ("connect", "first_connect", "checkout")
_ENGINE_EVENTS: Final = ("engine_connect", "begin", "before_execute", "before_cursor_execute")


class _OfflineDriverConnection:
    """A driver's connection that runs no queries."""

    def __getattr__(self, name: str) -> Any:
        if name in ("commit", "rollback", "close", "_close_special"):
            return lambda *_, **__: None
        message = "env.py queries the database"
        raise Obstacle(message)


def offline_connection(engine: Engine) -> Connection:
    """Return an offline connection of an engine."""
    return Connection(engine, connection=_OfflineDriverConnection())  # type: ignore[arg-type]  # it has all that is used


@contextlib.contextmanager
def offline_connections(used: Callable[[], Engine | None]) -> Iterator[None]:
    """Let engines return offline connections if they connect to `OFFLINE_URL`.

    `used` returns the engine whose connection env.py has configured. Raises `Obstacle` for one that
    connects elsewhere, or that has event listeners on its connections.
    """

    def capture(_dialect: Any, _connect: object, arguments: tuple[Any, ...], words: Any) -> Any:
        raise _ConnectArguments(arguments, words)

    def connect(engine: Engine) -> Connection:
        try:
            engine.raw_connection()
        except _ConnectArguments as captured:
            words = {name: str(value) for name, value in captured.words.items()}
            # asyncpg's name, and what SQLAlchemy passes to psycopg to adapt Python's types.
            words["dbname"] = words.pop("database", words.get("dbname", ""))
            words.pop("context", None)
            if captured.arguments or words != _PARAMETERS:
                message = "env.py connects with other parameters than DATABASE_URL's"
                raise Obstacle(message) from None
            return offline_connection(engine)
        message = "env.py opens a connection itself"
        raise Obstacle(message)

    def refuse(*_: object, **__: object) -> Any:
        message = "env.py opens a connection itself"
        raise Obstacle(message)

    with contextlib.ExitStack() as stack:
        stack.enter_context(connections_through(capture))
        installed = [name for name in _DRIVERS if importlib.util.find_spec(name)]
        usual = {name: _listeners(create_engine(f"postgresql+{name}://")) for name in installed}
        for name in installed:
            stack.enter_context(replaced(importlib.import_module(name), "connect", refuse))
        stack.enter_context(replaced(Engine, "connect", connect))
        yield
        engine = used()
        if engine is not None and _listeners(engine) != usual.get(engine.dialect.driver):
            message = "env.py has event listeners on its connections"
            raise Obstacle(message)


def _listeners(engine: Engine) -> list[int]:
    """Count an engine's event listeners that could act on its connections."""
    return [
        len(list(getattr(owner.dispatch, name)))
        for owner, names in ((engine.pool, _POOL_EVENTS), (engine, _ENGINE_EVENTS))
        for name in names
    ]


class _ConnectArguments(BaseException):
    """The arguments that a driver's `connect` would get."""

    def __init__(self, arguments: tuple[Any, ...], words: Mapping[str, Any]) -> None:
        super().__init__()
        self.arguments = arguments
        self.words = words


def offered_connection() -> Connection:
    """Return an offline connection like the one that a run offers to env.py."""
    return offline_connection(
        waiting_engine(parse_database_url(OFFLINE_URL), WaitLimits(0.0, 1.0), "migrate build")
    )
