"""The advisory lock on one SQLAlchemy connection: what `run_lock` needs of a session."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event, text

from migration_runner.database.drivers.known import driver_connection
from migration_runner.database.run_lock import LockHolder
from migration_runner.database.session import WorkSession
from migration_runner.database.sql_text import shorten_query
from migration_runner.database.statements import execute_plain, undone

# The privilege to read these views can be revoked: the lock works without it.
_VISIBLE: Final = "has_table_privilege('pg_catalog.{view}', 'SELECT')"
_HALF: Final = 0xFFFFFFFF
# As in `find_lock_holder`; a session sees its own locks.
_HELD: Final = (
    "SELECT 1 FROM pg_catalog.pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
    " AND granted AND objsubid = 1 AND classid::bigint = {high} AND objid::bigint = {low}"
)
# The cast's error, in the server's log, shows the text.
_REQUIRE: Final = (
    "SELECT ('run lock: released by the revision, not ' || count(*))::int"
    " FROM ({held}) AS held HAVING count(*) = 0"
)


class SessionLock:
    """The run lock of one work session, released by `unlock` or at the session's end."""

    def __init__(self, session: WorkSession) -> None:
        self._session = session
        self._locked: int | None = None
        # Whether the role can see its own locks.
        self._visible = True
        self._listening = contextlib.ExitStack()
        self._driver: Any = None

    def try_lock(self, key: int) -> bool:
        """Try to take the advisory lock, without waiting in the server."""
        with self._session.statement_by_statement():
            query = f"SELECT pg_try_advisory_lock({key}), {_VISIBLE.format(view='pg_locks')}"
            locked, visible = tuple(execute_plain(self._session.connection, query).one())
        locked, self._visible = bool(locked), bool(visible)
        if locked:
            self._locked = key
            self._driver = driver_connection(self._session.connection)
            self._unlock_at_checkin()
        return locked

    def _unlock_at_checkin(self) -> None:
        """Release the lock when env.py returns its connection to a pool, which keeps it open."""
        self._listening.close()
        connection = self._session.connection
        if connection.dialect.is_async:
            # An async connection cannot be used outside its event loop.
            return
        ours = driver_connection(connection)

        def unlock(dbapi_connection: Any, _record: Any) -> None:
            if dbapi_connection is not ours or self._locked is None:
                return
            key, self._locked = self._locked, None
            with contextlib.suppress(Exception):
                cursor = dbapi_connection.cursor()
                cursor.execute(f"SELECT pg_advisory_unlock({key})")
                cursor.close()
                dbapi_connection.commit()

        pool = connection.engine.pool
        event.listen(pool, "checkin", unlock)
        # The pool outlives the lock: env.py can have thousands of tenants.
        self._listening.callback(event.remove, pool, "checkin", unlock)

    def lock_holder(self, key: int) -> LockHolder | None:
        """Return the advisory lock's holder, or None if this role may not see it."""
        return find_lock_holder(self._session, key)

    def require_held(self) -> str | None:
        """Return SQL that fails if the session has lost the lock; None if that cannot be seen."""
        if self._locked is None or not self._visible:
            return None
        return _REQUIRE.format(held=self._held())

    def is_held(self) -> bool:
        """Whether the session still has the lock that it took; True unless it is seen not to.

        A revision can release it: `pg_advisory_unlock_all()`, `DISCARD ALL`.
        """
        if self._locked is None or not self._visible:
            return True
        with self._session.between_transactions():
            return execute_plain(self._session.connection, self._held()).first() is not None

    def take_again(self) -> bool:
        """Try to take the lock that the session has lost."""
        return self._locked is not None and self.try_lock(self._locked)

    def _held(self) -> str:
        assert self._locked is not None  # noqa: S101 - the callers have looked
        return _HELD.format(high=self._locked >> 32 & _HALF, low=self._locked & _HALF)

    def unlock(self) -> None:
        """Release the lock, once env.py has returned; closing a session has done so already."""
        session = self._session
        if self._locked is None or session.over or session.lost:
            self._listening.close()
            return
        session.roll_back()
        self.release()

    def release(self, following: sqlalchemy.Connection | None = None) -> None:
        """Release the lock while env.py goes on, in the transaction that it may have open.

        `following`: its next connection, which can be the same session, from a pool.
        """
        self._listening.close()
        key, self._locked = self._locked, None
        connection = self._session.connection
        if key is None or self._session.lost:
            return
        query = f"SELECT pg_advisory_unlock({key})"
        if not connection.closed:
            with self._session.between_transactions():
                execute_plain(connection, query)
        elif following is not None and driver_connection(following) is self._driver:
            with undone(following):
                execute_plain(following, query)


class NoLock(SessionLock):
    """Replaces the lock with MIGRATE_RUN_LOCK=off: every run gets it."""

    def try_lock(self, key: int) -> bool:  # noqa: ARG002 - there is none
        """Return True."""
        return True


def find_lock_holder(session: WorkSession, key: int) -> LockHolder | None:
    """Return the advisory lock's holder, or None if there is none, or this role may not see it.

    `pg_locks` has a 64-bit key in two halves, with `objsubid` 1
    (https://www.postgresql.org/docs/current/view-pg-locks.html).
    """
    query = text(
        "SELECT a.pid, a.application_name, a.usename, host(a.client_addr), a.state,"
        " extract(epoch FROM now() - a.backend_start)::float,"
        " nullif(a.query, '<insufficient privilege>')"
        " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND l.classid::bigint = :high AND l.objid::bigint = :low"
    )
    halves = {"high": key >> 32 & _HALF, "low": key & _HALF}
    visible = " AND ".join(_VISIBLE.format(view=view) for view in ("pg_locks", "pg_stat_activity"))
    row = None
    with session.between_transactions():
        if execute_plain(session.connection, f"SELECT {visible}").scalar_one():
            row = session.connection.execute(query, halves).first()
    if row is None:
        return None
    pid, name, role, client, state, seconds, statement = row
    connected = None if seconds is None else round(seconds, 1)
    shown = statement and shorten_query(statement)
    return LockHolder(pid, name or "", role, client, state, connected, shown)
