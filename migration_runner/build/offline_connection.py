"""Connections that lead nowhere, for an env.py that is run to find out where it connects."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine

from migration_runner.build.env_recorder import Reaching, replaced
from migration_runner.database.engine import waiting_engine
from migration_runner.database.probe import WaitLimits
from migration_runner.project.connections import connections_through
from migration_runner.settings.database_url import parse_database_url

# Nobody listens on the first port of this address of the machine's own.
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


class _Silent:
    """A driver's connection over which nothing is asked."""

    def __getattr__(self, name: str) -> Any:
        if name in ("commit", "rollback", "close", "_close_special"):
            return lambda *_, **__: None
        message = "env.py asks the database"
        raise Reaching(message)


def silent(engine: Engine) -> Connection:
    """Return a connection of an engine over which nothing can be asked."""
    return Connection(engine, connection=_Silent())  # type: ignore[arg-type]  # it only has to be as silent


@contextlib.contextmanager
def offline_connections(used: Callable[[], Engine | None]) -> Iterator[None]:
    """Let engines give silent connections, where they go to the URL that leads nowhere.

    `used` returns the one whose connection was configured in the end. Raises `Reaching` for one
    that goes elsewhere, or does something with each of its connections.
    """

    def see(_dialect: Any, _connect: object, arguments: tuple[Any, ...], words: Any) -> Any:
        raise _Seen(arguments, words)

    def connect(engine: Engine) -> Connection:
        try:
            engine.raw_connection()
        except _Seen as seen:
            words = {name: str(value) for name, value in seen.words.items()}
            # asyncpg's word, and what SQLAlchemy adds for psycopg: how Python's types are adapted.
            words["dbname"] = words.pop("database", words.get("dbname", ""))
            words.pop("context", None)
            if seen.arguments or words != _PARAMETERS:
                message = "env.py does not connect just where DATABASE_URL says"
                raise Reaching(message) from None
            return silent(engine)
        message = "env.py connects by itself"
        raise Reaching(message)

    def refuse(*_: object, **__: object) -> Any:
        message = "env.py connects by itself"
        raise Reaching(message)

    with contextlib.ExitStack() as stack:
        stack.enter_context(connections_through(see))
        installed = [name for name in _DRIVERS if importlib.util.find_spec(name)]
        usual = {name: _listeners(create_engine(f"postgresql+{name}://")) for name in installed}
        for name in installed:
            stack.enter_context(replaced(importlib.import_module(name), "connect", refuse))
        stack.enter_context(replaced(Engine, "connect", connect))
        yield
        engine = used()
        if engine is not None and _listeners(engine) != usual.get(engine.dialect.driver):
            message = "env.py listens to its connections"
            raise Reaching(message)


def _listeners(engine: Engine) -> list[int]:
    """Count who is told of an engine's connections, and may do something on each."""
    return [
        len(list(getattr(owner.dispatch, name)))
        for owner, names in ((engine.pool, _POOL_EVENTS), (engine, _ENGINE_EVENTS))
        for name in names
    ]


class _Seen(BaseException):
    """The parameters with which a driver was to connect."""

    def __init__(self, arguments: tuple[Any, ...], words: Mapping[str, Any]) -> None:
        super().__init__()
        self.arguments = arguments
        self.words = words


def offered_connection() -> Connection:
    """Return what a run would offer to env.py, but silent."""
    return silent(
        waiting_engine(parse_database_url(OFFLINE_URL), WaitLimits(0.0, 1.0), "migrate build")
    )
