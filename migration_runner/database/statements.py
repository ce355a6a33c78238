"""Statements of ours on a connection that others use: its transaction stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection, driver_under

_SAVEPOINT: Final = "migrate_statement"


def autocommits(connection: sqlalchemy.Connection) -> bool:
    """Whether every statement is a transaction of its own just now."""
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


def sqlstate_of(error: sqlalchemy.exc.DBAPIError) -> str | None:
    """Return the SQLSTATE that the server gave, whichever driver it came through."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return None if code is None else str(code)


def message_of(error: sqlalchemy.exc.DBAPIError) -> str:
    """Return the server's own words, without the statement that drivers draw below them."""
    return str(error.orig).strip().partition("\n")[0]


@contextlib.contextmanager
def protected(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Keep a failure from spoiling the open transaction, with a savepoint where one can be had."""
    if autocommits(connection) or _transaction_ended(connection):
        yield
        return
    with connection.begin_nested():
        yield


def execute_protected(connection: sqlalchemy.Connection, *statements: str) -> None:
    """Execute statements so that a failure of theirs does not spoil the open transaction.

    Where the driver sends scripts, that is one round trip, savepoint and all.
    """
    if not sends_scripts(connection):
        with protected(connection):
            for statement in statements:
                execute_plain(connection, statement)
        return
    save, keep = f"SAVEPOINT {_SAVEPOINT}", f"RELEASE SAVEPOINT {_SAVEPOINT}"
    try:
        execute_plain(connection, "; ".join([save, *statements, keep]))
    except sqlalchemy.exc.DBAPIError as error:
        if not error.connection_invalidated:
            execute_plain(connection, f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        raise


def execute_plain(
    connection: sqlalchemy.Connection, statement: str
) -> sqlalchemy.CursorResult[Any]:
    """Execute SQL as it stands, without parameters: a per cent sign means itself.

    psycopg prepares what it meets often, and throws all that away with every ALTER TABLE: each of
    that is a round trip. Between revisions nothing is ever worth it.
    """
    driver = driver_connection(connection)
    threshold = getattr(driver, "prepare_threshold", None)
    if threshold is not None:
        driver.prepare_threshold = None
    try:
        return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    finally:
        if threshold is not None:
            driver.prepare_threshold = threshold


def sends_scripts(connection: sqlalchemy.Connection) -> bool:
    """Whether several statements without parameters go as one message, in the open transaction."""
    if not connection.in_transaction() or autocommits(connection):
        return False
    scripts = driver_under(connection).sends_scripts and not connection.dialect.is_async
    return scripts and not _transaction_ended(connection)


def _transaction_ended(connection: sqlalchemy.Connection) -> bool:
    """Whether a revision has sent COMMIT or ROLLBACK as a statement."""
    return driver_under(connection).transaction_ended(driver_connection(connection))


@contextlib.contextmanager
def without_transaction(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Let a statement be a transaction by itself: that saves the round trips of BEGIN and COMMIT.

    Where the driver cannot do that, or has a transaction open, everything stays as it is.
    """
    driver = connection.connection.dbapi_connection
    if driver is None or getattr(driver, "autocommit", None) is not False:
        yield
        return
    try:
        driver.autocommit = True
    except Exception:  # noqa: BLE001 - each driver has its own; what is wrong shows itself below
        yield
        return
    try:
        yield
    except BaseException:
        # It may be broken: what it was broken by is what counts.
        with contextlib.suppress(Exception):
            driver.autocommit = False
        raise
    driver.autocommit = False


def roll_back(connection: sqlalchemy.Connection) -> None:
    """Give up the open transaction, whoever began it."""
    if hasattr(connection, "rollback"):
        connection.rollback()
        return
    # SQLAlchemy 1.4, where a driver's transaction can be open without one of SQLAlchemy's.
    if transaction := connection.get_transaction():
        transaction.rollback()
    connection.connection.rollback()
