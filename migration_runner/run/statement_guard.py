"""What happens around a revision's statements: their lock timeout, and their invalid indexes.

It listens on the connection itself, so `op.create_index`, `op.execute` and a revision's own
`op.get_bind()` are all the same to it.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy
from sqlalchemy import event, text

from migration_runner.database.invalid_indexes import find_invalid_index
from migration_runner.database.sql_text import (
    ConcurrentIndex,
    concurrent_index,
    waits_without_queue,
)
from migration_runner.database.statements import autocommits
from migration_runner.log import events, logs

# Not where the revision has set a timeout of its own, nor where its transaction holds what reads or
# writes want: there, somebody does queue behind it.
_LIFT: Final = """\
SELECT set_config('lock_timeout', :timeout, false) FROM pg_catalog.pg_settings
WHERE name = 'lock_timeout' AND setting = :usual AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
      AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
)"""


class StatementGuard:
    """Gives statements that nobody queues behind a lock timeout of their own.

    With `repair`, it drops the invalid index that an earlier try of the same statement has left.
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
        event.listen(connection, "before_cursor_execute", self._before)
        event.listen(connection, "after_cursor_execute", self._after)

    def forget_indexes(self) -> None:
        """Start anew, for the next revision."""
        self.indexes = []

    def _before(
        self, connection: sqlalchemy.Connection, _cursor: Any, statement: str, *_: Any
    ) -> None:
        if self._at_work:
            return
        self._at_work = True
        if connection.dialect.paramstyle in ("format", "pyformat"):
            # SQLAlchemy has doubled what the driver halves.
            statement = statement.replace("%%", "%")
        try:
            if self._lifted:
                # The statement before failed.
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
        # Inside a transaction a failure undoes the setting, too.
        self._undone_by_failure = not autocommits(connection)

    def _restore(self, connection: sqlalchemy.Connection, *, undone: bool) -> None:
        self._lifted = False
        if not undone:
            query = text("SELECT set_config('lock_timeout', :timeout, false)")
            connection.execute(query, {"timeout": self._usual})


def _drop_if_invalid(connection: sqlalchemy.Connection, index: ConcurrentIndex) -> None:
    found = find_invalid_index(connection, index)
    if found is not None:
        # Without parameters, a per cent sign in a name means itself.
        as_it_is = {"no_parameters": True}
        connection.exec_driver_sql(found.drop, execution_options=as_it_is)
        logs.get_logger().warning(
            events.INDEX_REPAIRED, index=found.name, table=found.table, statement=found.drop
        )
