"""The transactions that have ended on a connection, also by a COMMIT that is sent as a statement.

SQLAlchemy does not see that one, but the server tells its transaction status after every message
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY). A script
that ends a transaction and begins another can only be recognized by its text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.listeners import listening
from migration_runner.database.sql_text import ends_transaction
from migration_runner.database.statements import autocommits

# Statements that change nothing; a function that a SELECT calls can.
_READS: Final = ("SELECT", "SHOW", "SET", "EXPLAIN", "SAVEPOINT", "RELEASE", "ROLLBACK TO")
_UNDOES: Final = ("ROLLBACK", "PREPARE TRANSACTION")


class TransactionEnds:
    """Counts the ends on one connection: those that can have committed something.

    Of the revision since `begin`: `committed_work` if it has committed changes that it had made in
    a transaction; `undone_work` if changes were rolled back without an error, by a statement or by
    SQLAlchemy. (A driver's own `rollback()` looks like its `commit()`.)
    """

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self.count = 0
        self.committed_work = False
        self.undone_work = False
        self._connection = connection
        # Whether a statement was sent, and with it the driver's BEGIN.
        self._begun = False
        # Whether the open transaction has changes, and some of this revision.
        self._changed = self._changed_here = False

    def begin(self) -> None:
        """Begin a revision."""
        self.committed_work = self.undone_work = self._changed_here = False

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
            self._end()

    def _commit(self, _connection: sqlalchemy.Connection) -> None:
        self._end()

    def _roll_back(self, _connection: sqlalchemy.Connection) -> None:
        self._undo()

    def _before(self, *_: Any) -> None:
        # The driver's own `commit()`, too.
        self.look()
        self._begun = True

    def _after(
        self, connection: sqlalchemy.Connection, cursor: Any, statement: str, *_: Any
    ) -> None:
        if self._begun and self._idle():
            if str(getattr(cursor, "statusmessage", None) or statement).upper().startswith(_UNDOES):
                self._undo()
            self._end()
        elif ";" in statement and ends_transaction(statement):
            self._end()
        elif not autocommits(connection) and not statement.lstrip().upper().startswith(_READS):
            self._changed = self._changed_here = True

    def _end(self) -> None:
        self.count += 1
        self.committed_work = self.committed_work or self._changed_here
        self._begun = self._changed = self._changed_here = False

    def _undo(self) -> None:
        self.undone_work = self.undone_work or self._changed
        self._begun = self._changed = self._changed_here = False

    def _idle(self) -> bool:
        connection = self._connection
        if connection.closed or connection.invalidated or not connection.in_transaction():
            return False
        if autocommits(connection):
            return False
        return driver_under(connection).idle(driver_connection(connection))
