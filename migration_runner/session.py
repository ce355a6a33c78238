"""The work session: the connection that env.py hands to Alembic, with our settings on it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event, text

from migration_runner import events, logs
from migration_runner.run_lock import LockHolder

_HALF: Final = 0xFFFFFFFF
_QUERY_CHARACTERS: Final = 200


@dataclass(frozen=True)
class SessionSettings:
    """What is set on the session; times in seconds, 0 for none."""

    application_name: str
    ddl_lock_timeout: float
    statement_timeout: float
    role: str


class WorkSession:
    """One connection and what the runner does on it between other people's transactions."""

    def __init__(self, connection: sqlalchemy.Connection, settings: SessionSettings) -> None:
        self.connection = connection
        self._settings = settings
        self._locked: int | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: env.py's own, or a revision's."""
        return self.connection.in_transaction()

    @property
    def lost(self) -> bool:
        """Whether the connection broke, so that the server had better not be asked again."""
        return not self.connection.closed and self.connection.invalidated

    @property
    def over(self) -> bool:
        """Whether nothing can be done on the connection once env.py is through.

        It has closed it, or it was bound to an event loop that has ended.
        """
        return self.connection.closed or self.connection.dialect.is_async

    def roll_back(self) -> None:
        """Give up the open transaction, whoever began it, where there still is a session."""
        if not self.over and not self.lost:
            self.connection.rollback()

    @contextlib.contextmanager
    def between_transactions(self) -> Iterator[None]:
        """Leave no transaction behind: Alembic takes an open one for somebody else's.

        Inside a transaction that env.py has begun, everything happens in that one.
        """
        theirs = self.in_transaction
        yield
        if not theirs:
            self.connection.commit()

    def apply_settings(self) -> None:
        """Set timeouts, role and name; before every revision, as revisions change them too."""
        values = {
            "application_name": self._settings.application_name,
            "lock_timeout": f"{self._settings.ddl_lock_timeout * 1000:.0f}",
            "statement_timeout": f"{self._settings.statement_timeout * 1000:.0f}",
        }
        if self._settings.role:
            values["role"] = self._settings.role
        calls = ", ".join(f"set_config('{name}', :{name}, false)" for name in values)
        with self.between_transactions():
            self.connection.execute(text(f"SELECT {calls}"), values)

    def locate_version_table(self, schema: str | None, table: str) -> tuple[str, str, str]:
        """Return database, schema and name of the version table, where it is or would be made."""
        query = text(
            "SELECT current_database(), coalesce(:schema,"
            " (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid = to_regclass(quote_ident(:table))), current_schema(), ''), :table"
        ).bindparams(
            sqlalchemy.bindparam("schema", schema, sqlalchemy.Text),
            sqlalchemy.bindparam("table", table, sqlalchemy.Text),
        )
        with self.between_transactions():
            database, found, name = self.connection.execute(query).one()
        return str(database), str(found), str(name)

    def try_lock(self, key: int) -> bool:
        """Ask for the advisory lock, without waiting in the server."""
        with self.between_transactions():
            query = text("SELECT pg_try_advisory_lock(:key)")
            locked = bool(self.connection.execute(query, {"key": key}).scalar_one())
        if locked:
            self._locked = key
        return locked

    def lock_holder(self, key: int) -> LockHolder | None:
        """Return who has the advisory lock, or None where this role may not see that.

        `pg_locks` has a 64-bit key in two halves, with `objsubid` 1
        (https://www.postgresql.org/docs/current/view-pg-locks.html).
        """
        query = text(
            "SELECT a.pid, a.application_name, a.usename, host(a.client_addr), a.state,"
            " extract(epoch FROM now() - a.backend_start)::float,"
            " left(nullif(a.query, '<insufficient privilege>'), :characters)"
            " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND l.classid::bigint = :high AND l.objid::bigint = :low"
        )
        halves = {"high": key >> 32 & _HALF, "low": key & _HALF, "characters": _QUERY_CHARACTERS}
        row = None
        with (
            self.between_transactions(),
            # Some take the right to read these views away: the lock does without.
            contextlib.suppress(sqlalchemy.exc.ProgrammingError),
            self.connection.begin_nested(),
        ):
            row = self.connection.execute(query, halves).first()
        if row is None:
            return None
        pid, name, role, client, state, seconds, statement = row
        connected = None if seconds is None else round(seconds, 1)
        shown = statement and " ".join(statement.split())
        return LockHolder(pid, name or "", role, client, state, connected, shown)

    def unlock(self) -> None:
        """Give the lock back; a session that is closed has done so already."""
        if self._locked is None or self.over or self.lost:
            return
        self.roll_back()
        with self.between_transactions():
            query = text("SELECT pg_advisory_unlock(:key)")
            self.connection.execute(query, {"key": self._locked})
        self._locked = None

    def prepare(self) -> tuple[str, str]:
        """Return the database's name and the server's version, `18.1` for example.

        And set `client_connection_check_interval` where there is one (PostgreSQL 14, on Linux and
        the BSDs): when this process is killed the server drops its statement, and so the lock.
        """
        query = (
            "SELECT current_database(), current_setting('server_version'), (SELECT"
            " set_config(name, '2s', false) FROM pg_settings"
            " WHERE name = 'client_connection_check_interval')"
        )
        with self.between_transactions():
            database, version, _ = self.connection.exec_driver_sql(query).one()
        return str(database), str(version).split()[0]


def log_statements(connection: sqlalchemy.Connection) -> None:
    """Log every statement of `connection` with its duration, at debug."""
    if not event.contains(connection, "before_cursor_execute", _before_statement):
        event.listen(connection, "before_cursor_execute", _before_statement)
        event.listen(connection, "after_cursor_execute", _after_statement)


def count_commits(connection: sqlalchemy.Connection) -> Callable[[], int]:
    """Return a function that tells how many commits there were on `connection` since."""
    commits = 0

    def count(_connection: sqlalchemy.Connection) -> None:
        nonlocal commits
        commits += 1

    event.listen(connection, "commit", count)
    return lambda: commits


def _before_statement(*arguments: Any) -> None:
    context = arguments[4]
    if context is not None:
        context.migrate_started = time.perf_counter()


def _after_statement(*arguments: Any) -> None:
    statement, context = arguments[2], arguments[4]
    started = getattr(context, "migrate_started", None)
    if started is not None:
        duration = round(time.perf_counter() - started, 6)
        text_ = " ".join(statement.split())
        logs.get_logger().debug(
            events.STATEMENT_EXECUTED, statement=text_, duration_seconds=duration
        )
