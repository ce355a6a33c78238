"""What happens around a revision's statements: their lock timeout, and their invalid indexes.

It listens on the connection itself, so `op.create_index`, `op.execute` and a revision's own
`op.get_bind()` are all the same to it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import event, text

from migration_runner import events, logs
from migration_runner.driver_connection import autocommits
from migration_runner.invalid_indexes import find_invalid_index
from migration_runner.sql_text import ConcurrentIndex, concurrent_index, waits_without_queue


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
        try:
            if self._lifted:
                # The statement before failed. Inside a transaction that has undone the setting.
                self._restore(connection, undone=not autocommits(connection))
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
        """Set the other timeout, unless the revision has set one of its own."""
        query = text(
            "SELECT set_config('lock_timeout', :timeout, false) FROM pg_catalog.pg_settings"
            " WHERE name = 'lock_timeout' AND setting = :usual"
        )
        values = {"timeout": self._lifted_to, "usual": self._usual}
        self._lifted = connection.execute(query, values).first() is not None

    def _restore(self, connection: sqlalchemy.Connection, *, undone: bool) -> None:
        self._lifted = False
        if not undone:
            query = text("SELECT set_config('lock_timeout', :timeout, false)")
            connection.execute(query, {"timeout": self._usual})


def _drop_if_invalid(connection: sqlalchemy.Connection, index: ConcurrentIndex) -> None:
    found = find_invalid_index(connection, index)
    if found is not None:
        connection.exec_driver_sql(found.drop)
        logs.get_logger().warning(
            events.INDEX_REPAIRED, index=found.name, table=found.table, statement=found.drop
        )
