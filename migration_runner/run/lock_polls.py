"""Polls of the run lock that hold no snapshot in a transaction of env.py's.

If env.py has executed something before `configure()`, its transaction stays open for as long as
the run waits. `CREATE INDEX CONCURRENTLY`, in the run that has the lock, waits for every
transaction that has a snapshot at one moment of its own
(https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY): if a
poll runs in that very moment, both wait. So another connection polls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.engine import waiting_engine
from migration_runner.database.probe import WaitLimits
from migration_runner.database.run_lock import LockHolder
from migration_runner.database.session import SessionSettings, WorkSession
from migration_runner.database.session_lock import find_lock_holder
from migration_runner.errors import TemporaryFailure
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.settings.database_address import with_current_secrets
from migration_runner.settings.database_url import DatabaseAddress

TRANSACTION_AWAITED: Final = "transaction_awaited"
# A session waits for a transaction by its virtual id.
_AWAITED: Final = """\
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks waiting
    JOIN pg_catalog.pg_locks ours USING (virtualxid)
    WHERE NOT waiting.granted AND ours.granted AND ours.pid = {pid}
)"""


class LockPolls:
    """The run lock of one work session: over it, or over another connection while it is open.

    `done` gets the heads, and returns whether nothing is left to do.
    """

    def __init__(
        self, run: RunContext, state: DatabaseState, done: Callable[[Sequence[str]], bool]
    ) -> None:
        self._run = run
        self._state = state
        self._done = done
        self._open = contextlib.ExitStack()
        self._tried = False
        self._other: WorkSession | None = None

    def close(self) -> None:
        """Close the other connection."""
        self._open.close()

    def try_lock(self, key: int) -> bool:
        """Try to take the lock, over the other connection only if it seems to be free.

        Raises `TemporaryFailure` if the run that has the lock waits for env.py's transaction.
        """
        first, self._tried = not self._tried, True
        if not first and self._other is None and self._state.session.in_transaction:
            self._other = self._connect()
        if self._other is None:
            return self._state.lock.try_lock(key)
        if find_lock_holder(self._other, key) is None:
            return self._state.lock.try_lock(key)
        self._require_unawaited(self._other)
        return False

    def lock_holder(self, key: int) -> LockHolder | None:
        """Return the lock's holder, or None if this role may not see it."""
        return find_lock_holder(self._other or self._state.session, key)

    def done(self) -> bool:
        """Whether another run has done what there was to do."""
        if self._other is None:
            return self._done(self._state.heads())
        with self._other.between_transactions():
            return self._done(self._state.heads_on(self._other.connection))

    def _connect(self) -> WorkSession | None:
        """Connect to the same server as env.py; None if its parameters are not known."""
        connection, run = self._state.session.connection, self._run
        parameters = driver_under(connection).libpq_parameters(driver_connection(connection))
        if parameters is None:
            return None
        limits = WaitLimits(0.0, run.settings.connect_timeout)
        address = DatabaseAddress(with_current_secrets(parameters))
        name = f"migrate-poll {run.report.run_id}"
        engine = waiting_engine(address, limits, name, writes=False)
        other = self._open.enter_context(engine.connect())
        session = WorkSession(other, SessionSettings("", 0.0, 0.0, run.settings.role))
        session.set_role()
        return session

    def _require_unawaited(self, other: WorkSession) -> None:
        with other.between_transactions():
            query = _AWAITED.format(pid=self._state.server.pid)
            awaited: bool = other.connection.exec_driver_sql(query).scalar_one()
        if awaited:
            message = (
                "Another session waits for the transaction in which this run waits for the run"
                " lock: env.py executes statements before context.configure()."
            )
            raise TemporaryFailure(message, reason=TRANSACTION_AWAITED)
