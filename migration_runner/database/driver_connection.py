"""What only the driver knows of a connection: its socket, and which backend answered the login.

psycopg, psycopg2 and asyncpg are known; of another driver nothing is known, and nothing breaks.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import sqlalchemy
from psycopg import pq

POSTGRES: Final = "postgresql"  # SQLAlchemy's name of it
# A dead network shows itself after 5 + 3 x 3 seconds, also while a statement runs long.
KEEPALIVE_IDLE: Final = 5
KEEPALIVE_INTERVAL: Final = 3
KEEPALIVE_COUNT: Final = 3
UNACKNOWLEDGED_MILLISECONDS: Final = 14_000
_IDLE: Final = 0  # PQTRANS_IDLE
_ACTIVE: Final = 1  # PQTRANS_ACTIVE
_READY: Final = 1  # psycopg2's STATUS_READY: its next statement begins a transaction
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
    if autocommits(connection) or _ended_behind_its_back(connection):
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
    driver = driver_of(connection)
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
    scripts = connection.dialect.driver in ("psycopg", "psycopg2")
    return scripts and not _ended_behind_its_back(connection)


def _ended_behind_its_back(connection: sqlalchemy.Connection) -> bool:
    """Whether a revision has sent COMMIT or ROLLBACK as a statement: psycopg2 begins no new one."""
    if connection.dialect.driver != "psycopg2":
        return False
    driver = driver_of(connection)
    began: bool = driver.status != _READY
    return began and driver.info.transaction_status == _IDLE


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


def login_pid(driver: Any) -> int | None:
    """Return the process id that the server gave at login, None where the driver hides it.

    A pooler gives one of its own making, since it has to know cancel requests apart.
    """
    with contextlib.suppress(AttributeError):
        return int(driver.info.backend_pid)
    for name in ("get_backend_pid", "get_server_pid"):
        if ask := getattr(driver, name, None):
            return int(ask())
    return None


def libpq_parameters(driver: Any) -> dict[str, str] | None:
    """Return what libpq needs to reach the same server as the same user, the password included.

    Of several hosts it is the one that answered. None where the driver hides it.
    """
    with contextlib.suppress(AttributeError, KeyError):
        info = driver.info
        # psycopg's own, or psycopg2's.
        known = info.get_parameters() if hasattr(info, "get_parameters") else info.dsn_parameters
        # psycopg2 brings a libpq of its own, of another version maybe.
        names = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
        found = {name: value for name, value in known.items() if name in names}
        place = {"host": info.host, "port": info.port, "password": info.password}
        return {**found, **{name: str(value) for name, value in place.items() if value}}
    with contextlib.suppress(AttributeError, ValueError, TypeError):
        return _asyncpg_parameters(driver)
    return None


def _asyncpg_parameters(driver: Any) -> dict[str, str]:
    asked = driver._params  # noqa: SLF001 - asyncpg shows them in no public way
    address = driver._addr  # noqa: SLF001 - as above
    # A socket's path ends in `.s.PGSQL.<port>`.
    host, port = address if isinstance(address, tuple) else address.rsplit("/.s.PGSQL.", 1)
    found = {"host": host, "port": port, "dbname": asked.database, "user": asked.user}
    found["password"] = asked.password if isinstance(asked.password, str) else None
    # What it verified with is in an SSLContext, which libpq cannot use.
    mode = getattr(asked.sslmode, "name", "prefer")
    found["sslmode"] = mode if mode in ("disable", "allow", "prefer") else "require"
    return {name: str(value) for name, value in found.items() if value}


def waits_for_answer(driver: Any) -> bool | None:
    """Whether a statement is on its way or answered by nobody yet; None where that is not shown.

    `driver` is `driver_of` a connection; safe to ask from another thread, as libpq only reads a
    field (https://www.postgresql.org/docs/current/libpq-status.html#LIBPQ-PQTRANSACTIONSTATUS).
    """
    status = None
    with contextlib.suppress(AttributeError):
        status = driver.info.transaction_status
    return None if status is None else int(status) == _ACTIVE


def watch_network(connection: sqlalchemy.Connection) -> None:
    """Let the kernel notice a dead server or network, on whatever connection env.py has made."""
    with contextlib.suppress(OSError), _socket(driver_of(connection)) as found:
        if found.family == socket.AF_UNIX:
            return
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", KEEPALIVE_IDLE),
            ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL),
            ("TCP_KEEPCNT", KEEPALIVE_COUNT),
            ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MILLISECONDS),
        ):
            # Linux has them all; other systems some.
            if (option := getattr(socket, name, None)) is not None:
                found.setsockopt(socket.IPPROTO_TCP, option, value)


@contextlib.contextmanager
def cutter(driver: Any) -> Iterator[Callable[[], None]]:
    """Give what shuts the connection's socket down, for another thread to call.

    Whoever waits for an answer on it gets the end of the stream instead. It does nothing where the
    driver hides its socket. To be left in time: until then the socket stays open.
    """
    try:
        wire = _socket(driver)
    except OSError:
        yield lambda: None
        return

    def cut() -> None:
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)

    with wire:
        yield cut


def _socket(driver: Any) -> socket.socket:
    """Return a duplicate of the connection's socket. Raises `OSError` where there is none."""
    with contextlib.suppress(AttributeError):
        return socket.socket(fileno=os.dup(driver.fileno()))
    with contextlib.suppress(AttributeError):
        # asyncpg. Encrypted or not, the transport knows the socket below.
        number = driver._transport.get_extra_info("socket").fileno()  # noqa: SLF001 - there is no public way
        return socket.socket(fileno=os.dup(number))
    message = "the driver does not show its socket"
    raise OSError(message)


def driver_of(connection: sqlalchemy.Connection) -> Any:
    """Return the driver's own connection, below SQLAlchemy's adapter for asynchronous ones."""
    return connection.connection.driver_connection
