"""A connection is ready once the server has answered a statement.

A paused pooler, and a server that hangs, accept the login and answer nothing after it.
"""

from __future__ import annotations

import select
import threading
import time
from typing import Any, Final

import psycopg
from psycopg import pq

from migration_runner.database.network import socket_shutdown

_STATEMENT: Final = "SELECT 1"


def require_answer(connection: Any, seconds: float, *, is_async: bool = False) -> None:
    """Execute a statement. Raises `TimeoutError` without an answer within `seconds`.

    `connection` is what a dialect of SQLAlchemy's has opened, or the driver's own. With a driver
    that is not known, nothing is executed.
    """
    driver = getattr(connection, "driver_connection", connection)
    module = type(driver).__module__.partition(".")[0]
    if module == "psycopg":
        ask(driver.pgconn, _STATEMENT, seconds)
    elif module == "asyncpg" and is_async:
        _ask_asyncpg(connection, driver, seconds)
    elif module == "psycopg2" and not is_async:
        _ask_psycopg2(driver, seconds)


def ask(pgconn: pq.abc.PGconn, statements: str, seconds: float) -> bytes | None:
    """Return the only value of the last statement's result, None if that has no row.

    Raises `TimeoutError` after `seconds`: psycopg itself would wait for ever.
    """
    pgconn.send_query(statements.encode())
    deadline = time.monotonic() + seconds
    answer: bytes | None = None
    while True:
        while pgconn.is_busy():
            pgconn.flush()
            remaining = max(0.0, deadline - time.monotonic())
            if not select.select([pgconn.socket], [], [], remaining)[0]:
                raise TimeoutError(_describe(seconds))
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return answer
        if message := result.error_message.decode(errors="replace"):
            raise psycopg.OperationalError(message)
        answer = result.get_value(0, 0) if result.ntuples else None


def _ask_asyncpg(connection: Any, driver: Any, seconds: float) -> None:
    """Ask in the driver's event loop, which runs in this thread."""
    asking = driver.execute(_STATEMENT, timeout=seconds)
    try:
        if hasattr(connection, "run_async"):
            connection.run_async(lambda _: asking)
        else:
            # SQLAlchemy before 1.4.30.
            connection.await_(asking)
    except TimeoutError as error:
        driver.terminate()
        raise TimeoutError(_describe(seconds)) from error


def _ask_psycopg2(driver: Any, seconds: float) -> None:
    """Ask, and let another thread shut the socket down: psycopg2 waits in C."""
    late = threading.Event()
    with socket_shutdown(driver) as shut_down:

        def give_up() -> None:
            late.set()
            shut_down()

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        autocommit = driver.autocommit
        try:
            driver.autocommit = True
            with driver.cursor() as cursor:
                cursor.execute(_STATEMENT)
            driver.autocommit = autocommit
        except Exception as error:
            if late.is_set():
                raise TimeoutError(_describe(seconds)) from error
            raise
        finally:
            timer.cancel()


def _describe(seconds: float) -> str:
    return f"connection timed out: the server did not answer a statement within {seconds:.1f} s"
