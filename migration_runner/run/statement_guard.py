"""Handles the lock timeouts and the invalid indexes of a revision's statements.

By events of the connection, so that `op.create_index`, `op.execute` and `op.get_bind()` are all
covered.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final

import sqlalchemy
from sqlalchemy import text

from migration_runner.database.invalid_indexes import find_invalid_index
from migration_runner.database.listeners import listening
from migration_runner.database.sql_text import (
    ConcurrentIndex,
    concurrent_index,
    waits_without_queue,
)
from migration_runner.database.statements import autocommits
from migration_runner.log import events, logs

# Not if the revision has set its own timeout, nor if its transaction holds a lock that blocks reads
# or writes: those would queue behind it.
_LIFT: Final = """\
SELECT set_config('lock_timeout', :timeout, false) FROM pg_catalog.pg_settings
WHERE name = 'lock_timeout' AND setting = :usual AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
      AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
)"""


class StatementGuard:
    """Sets a different lock timeout for statements behind which nothing queues.

    With `repair`, it drops the invalid index that an earlier attempt of the same statement left.
    `indexes` are those that were built concurrently since `forget_indexes`.
    """

    def __init__(
        self,
        connection: sqlalchemy.Connection,
        ddl_lock_timeout: float,
        concurrent_lock_timeout: float,
        *,
        repair: bool,
    ) -> None:
        self.indexes: list[ConcurrentIndex] = []
        self._usual = f"{ddl_lock_timeout * 1000:.0f}"
        self._lifted_to = f"{concurrent_lock_timeout * 1000:.0f}"
        self._repair = repair
        self._lifted = False
        self._undone_by_failure = False
        self._at_work = False
        self._connection = connection

    def listening(self) -> AbstractContextManager[None]:
        """Guard the statements on the connection until the block is left."""
        return listening(
            self._connection,
            before_cursor_execute=self._before,
            after_cursor_execute=self._after,
        )

    def forget_indexes(self) -> None:
        """Reset, for the next revision."""
        self.indexes = []

    def _before(
        self, connection: sqlalchemy.Connection, _cursor: Any, statement: str, *_: Any
    ) -> None:
        if self._at_work:
            return
        self._at_work = True
        if connection.dialect.paramstyle in ("format", "pyformat"):
            # SQLAlchemy has doubled the percent signs for the driver.
            statement = statement.replace("%%", "%")
        try:
            if self._lifted:
                # The previous statement failed.
                self._restore(connection, undone=self._undone_by_failure)
            if waits_without_queue(statement):
                self._lift(connection)
            if index := concurrent_index(statement):
                self.indexes.append(index)
                if self._repair and autocommits(connection):
                    _drop_if_invalid(connection, index)
        finally:
            self._at_work = False

    def _after(self, connection: sqlalchemy.Connection, *_: Any) -> None:
        if self._lifted and not self._at_work:
            self._at_work = True
            try:
                self._restore(connection, undone=False)
            finally:
                self._at_work = False

    def _lift(self, connection: sqlalchemy.Connection) -> None:
        values = {"timeout": self._lifted_to, "usual": self._usual}
        self._lifted = connection.execute(text(_LIFT), values).first() is not None
        # Within a transaction, a failure also undoes the setting.
        self._undone_by_failure = not autocommits(connection)

    def _restore(self, connection: sqlalchemy.Connection, *, undone: bool) -> None:
        self._lifted = False
        if not undone:
            query = text("SELECT set_config('lock_timeout', :timeout, false)")
            connection.execute(query, {"timeout": self._usual})


def _drop_if_invalid(connection: sqlalchemy.Connection, index: ConcurrentIndex) -> None:
    found = find_invalid_index(connection, index)
    if found is not None:
        # Without parameters, a percent sign in a name stands for itself.
        unchanged = {"no_parameters": True}
        connection.exec_driver_sql(found.drop, execution_options=unchanged)
        logs.get_logger().warning(
            events.INDEX_REPAIRED, index=found.name, table=found.table, statement=found.drop
        )
