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
        # Whether a statement was sent, and with it the driver's BEGIN.
        self._begun = False

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count in the block."""
        with listening(
            self._connection,
            commit=self._commit,
            rollback=self._roll_back,
            before_cursor_execute=self._before,
            after_cursor_execute=self._after,
        ):
            yield

    def look(self) -> None:
        """Count an end that was not followed by a statement, or that a failed script has made."""
        if self._begun and self._idle():
            self.count += 1
            self._begun = False

    def _commit(self, _connection: sqlalchemy.Connection) -> None:
        self.count += 1
        self._begun = False

    def _roll_back(self, _connection: sqlalchemy.Connection) -> None:
        self._begun = False

    def _before(self, *_: Any) -> None:
        # The driver's own `commit()`, too.
        self.look()
        self._begun = True

    def _after(
        self, _connection: sqlalchemy.Connection, _cursor: Any, statement: str, *_: Any
    ) -> None:
        self.look()
        if ";" in statement and ends_transaction(statement):
            self.count += 1

    def _idle(self) -> bool:
        connection = self._connection
        if connection.closed or connection.invalidated or not connection.in_transaction():
            return False
        if autocommits(connection):
            return False
        return driver_under(connection).idle(driver_connection(connection))
