"""What keeps a trial of env.py to itself: no network, no process, an empty database in memory."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

import sqlalchemy
from sqlalchemy.engine import Engine

# Python's events (https://docs.python.org/3/library/audit_events.html).
_REFUSED: Final = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system")
_REFUSED_PREFIXES: Final = ("os.exec", "os.fork", "os.posix_spawn", "os.spawn")
# Drivers that connect in C, unseen by Python.
_DRIVERS: Final = (
    ("psycopg", "connect"),
    ("psycopg", "Connection.connect"),
    ("psycopg", "AsyncConnection.connect"),
    ("psycopg2", "connect"),
    ("MySQLdb", "connect"),
)
# These ask for variables of their own.
_LIBRARIES: Final = ("sqlalchemy", "alembic", "psycopg", "psycopg2", "migration_runner")


class Connects(BaseException):
    """Ends env.py where it would go on to a server; no `except Exception` of its own catches it."""


class Guards:
    """As Alembic's `EnvListener`, it ends env.py where that has configured Alembic.

    `connected`: env.py has asked for a connection. `asked`: variables that it asked for in vain;
    `reads_all`: it has looked at all of them.
    """

    def __init__(self) -> None:
        self.connected = False
        self.asked: set[str] = set()
        self.reads_all = False
        self._connect: Callable[[], sqlalchemy.Connection] | None = None

    def install(self) -> None:
        """Guard this process, for the rest of its life."""
        self._record_variables()
        with contextlib.suppress(ImportError):
            engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
            self._replace_connections(engine)
        for module, name in _DRIVERS:
            found: Any = _imported(module)
            *inner, last = name.split(".")
            for each in inner:
                found = getattr(found, each, None)
            if found is not None:
                setattr(found, last, self._refuse)
        sys.addaudithook(self._audit)

    def _replace_connections(self, ours: Engine) -> None:
        """Let every engine connect to our database, and to nothing without SQLAlchemy."""
        every: Any = Engine
        connect, raw_connection = every.connect, every.raw_connection

        def only_ours(engine: Engine, *arguments: Any, **words: Any) -> Any:
            return (raw_connection if engine is ours else self._refuse)(engine, *arguments, **words)

        self._connect = lambda: connect(ours)
        every.connect, every.raw_connection = lambda *_, **__: self.offer(), only_ours

    def offer(self) -> sqlalchemy.Connection:
        """Return a connection to an empty database."""
        self.connected = True
        if self._connect is None:
            raise Connects
        return self._connect()

    def configured(self, _context: object) -> NoReturn:
        """Go no further."""
        self._refuse()

    def write(self, *_: Any, **__: Any) -> NoReturn:
        """Go no further, also if env.py has caught the end."""
        self._refuse()

    apply = completed = write

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        self.connected = True
        raise Connects

    def _audit(self, name: str, _arguments: object) -> None:
        if name in _REFUSED or name.startswith(_REFUSED_PREFIXES):
            self._refuse()

    def _record_variables(self) -> None:
        kind: Any = type(os.environ)
        get, each = kind.__getitem__, kind.__iter__

        def get_or_note(environ: Any, name: str) -> str:
            try:
                found: str = get(environ, name)
            except KeyError:
                if not _is_librarys(sys._getframe(1)):  # noqa: SLF001 - who asks
                    self.asked.add(name)
                raise
            return found

        def note_all(environ: Any) -> Iterator[str]:
            if not _is_librarys(sys._getframe(1)):  # noqa: SLF001 - as above
                self.reads_all = True
            return each(environ)  # type: ignore[no-any-return]  # as `os` has it

        kind.__getitem__, kind.__iter__ = get_or_note, note_all


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception:  # noqa: BLE001 - it is not there, or not usable
        return None


def _is_librarys(frame: Any) -> bool:
    """Whether Python's own library, or one that the runner uses, asks for a variable."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in ("os", "_collections_abc", "collections"):
            return module in _LIBRARIES or module in sys.stdlib_module_names
        frame = frame.f_back
    return True
