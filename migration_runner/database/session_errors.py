"""What went wrong on the connections, noted where it happens.

What arrives in the end can be something else: a `finally` (Alembic's `autocommit_block` has one)
replaces an exception with its own, and a revision or env.py can swallow one.
"""

from __future__ import annotations

import weakref
from contextlib import AbstractContextManager
from typing import Any, Final

import sqlalchemy
from sqlalchemy.engine import Engine

from migration_runner.database.drivers.known import driver_connection, driver_for
from migration_runner.database.listeners import listening
from migration_runner.database.statements import IN_FAILED_TRANSACTION, severity_of, sqlstate_of
from migration_runner.errors import TemporaryFailure

SESSION_LOST: Final = "session_lost"
# https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS
_ABORTS_SESSION: Final = frozenset(("FATAL", "PANIC"))
# From drivers that do not tell the severity. Other errors can have these, too: dblink's, for one.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
# The server ends the session, or has ended it for being idle.
_SESSION_ENDED: Final = frozenset(("57P01", "57P02", "57P03", "57P05", "25P03", "25P04"))
_CONNECTION_EXCEPTION: Final = "08"


def ends_session(error: BaseException) -> bool:
    """Whether an error tells by itself that the connection broke, or that the server ends it."""
    if getattr(error, "connection_invalidated", False):
        return True
    if (severity := severity_of(error)) is not None:
        return severity in _ABORTS_SESSION
    code = sqlstate_of(error) or ""
    return code in _SESSION_ENDED or code.startswith(_CONNECTION_EXCEPTION)


class SessionErrors:
    """The errors on the connections of one attempt."""

    def __init__(self) -> None:
        self._held: weakref.WeakKeyDictionary[sqlalchemy.Connection, Any] = (
            weakref.WeakKeyDictionary()
        )
        # Of the last error.
        self.engine: Engine | None = None
        self._ends = _Noted()
        self._causes = _Noted()

    def hold(self, connection: sqlalchemy.Connection) -> None:
        """Let a connection keep its session: SQLAlchemy would replace one that broke.

        Another session has neither the run lock nor the settings.
        """
        self._held[connection] = driver_connection(connection)

    @property
    def lost(self) -> bool:
        """Whether the session of a connection that is held has ended by itself."""
        return any(self.lost_on(connection) for connection in self._held)

    def lost_on(self, connection: sqlalchemy.Connection) -> bool:
        """Whether the session of one connection has ended by itself."""
        driver = self._held.get(connection)
        if driver is None:
            return False
        return self.ended(driver)

    def ended(self, driver: Any) -> bool:
        """Whether one of the driver's connections has ended by itself."""
        return self._ends.of(driver) is not None or driver_for(driver).broken(driver)

    def forget(self, driver: Any) -> None:
        """Forget the errors of a connection that is closed, or whose failure is dealt with."""
        self._ends.forget(driver)
        self._causes.forget(driver)

    def cause(self, error: BaseException) -> BaseException:
        """Return the error behind `error`: what ended the session, or failed its transaction."""
        for driver in self._held.values():
            if ended := self._ends.of(driver):
                return ended
            if _is_consequence(error) and (cause := self._causes.of(driver)):
                return cause
        return error

    def noted(self) -> AbstractContextManager[None]:
        """Note what drivers raise in the block, on every engine of the process.

        https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.DialectEvents.handle_error
        """
        return listening(
            Engine,
            handle_error=self._note,
            before_cursor_execute=self._keep_session,
            commit=self._keep_session,
        )

    def _note(self, failure: Any) -> None:
        connection, original = failure.connection, failure.original_exception
        # Not an interrupt or a cancelled task, which break the connection from this side.
        if connection is None or not isinstance(original, Exception):
            return
        if connection.closed or connection.invalidated:
            return
        self.engine = connection.engine
        driver = driver_connection(connection)
        error = failure.sqlalchemy_exception or original
        if (failure.is_disconnect or ends_session(original)) and self._ends.of(driver) is None:
            self._ends.note(driver, error)
        if sqlstate_of(error) != IN_FAILED_TRANSACTION:
            self._causes.note(driver, error)

    def _keep_session(self, connection: sqlalchemy.Connection, *_: Any) -> None:
        driver = self._held.get(connection)
        if driver is not None and (error := self._ends.of(driver)):
            message = f"The session was lost: {error}. Run again."
            raise TemporaryFailure(message, reason=SESSION_LOST)


class _Noted:
    """An error for each of the driver's connections, some of which have no weak references."""

    def __init__(self) -> None:
        self._errors: dict[int, tuple[Any, BaseException]] = {}

    def note(self, driver: Any, error: BaseException) -> None:
        # The connection is kept, and with it its identity.
        self._errors[id(driver)] = driver, error

    def forget(self, driver: Any) -> None:
        self._errors.pop(id(driver), None)

    def of(self, driver: Any) -> BaseException | None:
        _, error = self._errors.get(id(driver), (None, None))
        return error


def _is_consequence(error: BaseException) -> bool:
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return sqlstate_of(error) == IN_FAILED_TRANSACTION
    return isinstance(error, sqlalchemy.exc.PendingRollbackError)
