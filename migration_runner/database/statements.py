"""The runner's statements on env.py's connection, which leave its transaction as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.sql_literals import literal

_SAVEPOINT: Final = "migrate_statement"
# The transaction has failed before.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
IN_FAILED_TRANSACTION: Final = "25P02"


def autocommits(connection: sqlalchemy.Connection) -> bool:
    """Whether every statement is currently its own transaction."""
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


def sqlstate_of(error: BaseException) -> str | None:
    """Return the server's SQLSTATE, with any driver, wrapped by SQLAlchemy or not."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return None if code is None else str(code)


def severity_of(error: BaseException) -> str | None:
    """Return the severity that the server gave an error, in English; None if it is not known."""
    return _field(error, "severity_nonlocalized") or _field(error, "severity_en")


def is_in_catalog(error: BaseException) -> bool:
    """Whether an error is about a row of the system catalogs.

    https://www.postgresql.org/docs/current/protocol-error-fields.html
    """
    return _field(error, "schema_name") == "pg_catalog"


def routine_of(error: BaseException) -> str:
    """Return the server's function that reported an error; "" if it is not known."""
    return _field(error, "source_function") or _field(error, "server_source_function") or ""


def _field(error: BaseException, name: str) -> str | None:
    """Return a field of the server's message, as libpq's drivers or asyncpg have it."""
    original = getattr(error, "orig", None) or error
    # SQLAlchemy's adapter for asyncpg raises an error of its own from asyncpg's.
    for each in (getattr(original, "diag", None), original, original.__cause__):
        if found := getattr(each, name, None):
            return str(found)
    return None


def message_of(error: sqlalchemy.exc.DBAPIError) -> str:
    """Return the server's message, without the lines that drivers add to it."""
    return str(error.orig).strip().partition("\n")[0]


@contextlib.contextmanager
def protected(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Keep a failure from aborting the open transaction, by a savepoint if there can be one."""
    if autocommits(connection) or transaction_ended(connection):
        yield
        return
    with connection.begin_nested():
        yield


def execute_protected(connection: sqlalchemy.Connection, *statements: str) -> None:
    """Execute statements so that their failure does not abort the open transaction.

    If the driver can send scripts, this is one round trip, including the savepoint.
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
        # Otherwise there is no savepoint.
        if not error.connection_invalidated and sqlstate_of(error) != IN_FAILED_TRANSACTION:
            execute_plain(connection, f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        raise


def execute_plain(
    connection: sqlalchemy.Connection, statement: str
) -> sqlalchemy.CursorResult[Any]:
    """Execute SQL unchanged, without parameters: a percent sign stands for itself.

    psycopg prepares frequent statements, and discards them after every ALTER TABLE: each of these
    is a round trip, which never pays off between revisions.
    """
    with unprepared(connection):
        return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


@contextlib.contextmanager
def unprepared(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Let the driver prepare nothing in the block."""
    driver = driver_connection(connection)
    threshold = getattr(driver, "prepare_threshold", None)
    if threshold is None:
        yield
        return
    driver.prepare_threshold = None
    try:
        yield
    finally:
        driver.prepare_threshold = threshold


def sends_scripts(connection: sqlalchemy.Connection) -> bool:
    """Whether several statements without parameters are sent at once, in the open transaction."""
    if not connection.in_transaction() or autocommits(connection):
        return False
    scripts = driver_under(connection).sends_scripts and not connection.dialect.is_async
    return scripts and not transaction_ended(connection)


def transaction_ended(connection: sqlalchemy.Connection) -> bool:
    """Whether there is no transaction any more: COMMIT or ROLLBACK was sent as a statement."""
    if not connection.in_transaction():
        return False
    adapter = connection.connection.dbapi_connection
    return driver_under(connection).transaction_ended(driver_connection(connection), adapter)


def set_names(connection: sqlalchemy.Connection, role: str, search_path: str = "") -> None:
    """Set the session's role and search_path, in the open transaction; "" leaves one as it is.

    They decide where a name leads. Another role can have other privileges, and other schemas by
    `"$user"`: every connection that reads what a run has written needs the run's.
    """
    values = {"role": role, "search_path": search_path}
    calls = [
        f"set_config('{name}', {literal(values[name])}, false)" for name in values if values[name]
    ]
    if calls:
        execute_plain(connection, f"SELECT {', '.join(calls)}")


@contextlib.contextmanager
def without_transaction(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Make a statement its own transaction, which saves the round trips of BEGIN and COMMIT.

    If the driver cannot do that, or has a transaction open, nothing changes.
    """
    driver = connection.connection.dbapi_connection
    if driver is None or getattr(driver, "autocommit", None) is not False:
        yield
        return
    try:
        driver.autocommit = True
    except Exception:  # noqa: BLE001 - each driver has its own; a real error recurs below
        yield
        return
    try:
        yield
    except BaseException:
        # The connection may be broken; the error that broke it is raised.
        with contextlib.suppress(Exception):
            driver.autocommit = False
        raise
    driver.autocommit = False


@contextlib.contextmanager
def undone(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Undo what the block sets, and leave the transaction that may be open as it is."""
    with contextlib.ExitStack() as stack:
        if not connection.in_transaction():
            outer = stack.enter_context(connection.begin())
            if hasattr(connection, "rollback"):
                yield
                outer.rollback()
                return
            # SQLAlchemy 1.4: the driver's transaction can be open, with what env.py has set.
        inner = stack.enter_context(connection.begin_nested())
        yield
        inner.rollback()


def roll_back(connection: sqlalchemy.Connection) -> None:
    """Roll back the open transaction, whoever began it."""
    if hasattr(connection, "rollback"):
        connection.rollback()
        return
    # SQLAlchemy 1.4, where a driver's transaction can be open without one of SQLAlchemy's.
    if transaction := connection.get_transaction():
        transaction.rollback()
    connection.connection.rollback()
