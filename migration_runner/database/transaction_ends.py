"""The transactions that have ended on a connection, also by a COMMIT that is sent as a statement.

SQLAlchemy does not see that one, but the server tells its transaction status after every message
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY). A script
that ends a transaction and begins another can only be recognized by its text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.listeners import listening
from migration_runner.database.sql_text import ends_transaction
from migration_runner.database.statements import autocommits


class TransactionEnds:
    """Counts the ends on one connection: those that can have committed something."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self.count = 0
        self._connection = connection

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count in the block."""
        with listening(self._connection, commit=self._commit, after_cursor_execute=self._after):
            yield

    def look(self) -> None:
        """Count the end that a statement that failed has made before."""
        if self._idle():
            self.count += 1

    def _commit(self, _connection: sqlalchemy.Connection) -> None:
        self.count += 1

    def _after(
        self, _connection: sqlalchemy.Connection, _cursor: Any, statement: str, *_: Any
    ) -> None:
        if self._idle() or (";" in statement and ends_transaction(statement)):
            self.count += 1

    def _idle(self) -> bool:
        connection = self._connection
        if connection.closed or connection.invalidated or not connection.in_transaction():
            return False
        if autocommits(connection):
            return False
        return driver_under(connection).idle(driver_connection(connection))
