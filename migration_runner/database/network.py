"""Detects a dead network or server from both ends within seconds.

By the kernel and libpq at this end, and by settings at the server's; and shuts a socket down.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection, driver_for

# A dead network is detected after 5 + 3 x 3 seconds, also during a long statement.
_IDLE_SECONDS: Final = 5
_INTERVAL_SECONDS: Final = 3
_COUNT: Final = 3
_UNACKNOWLEDGED_MILLISECONDS: Final = 14_000

# libpq's parameters for the runner's own connections.
KEEPALIVES: Final = {
    "keepalives_idle": str(_IDLE_SECONDS),
    "keepalives_interval": str(_INTERVAL_SECONDS),
    "keepalives_count": str(_COUNT),
    "tcp_user_timeout": str(_UNACKNOWLEDGED_MILLISECONDS),
}
# So that the server, too, detects that this process or the network is gone: it cancels the
# statement and releases the lock. `client_connection_check_interval` exists since PostgreSQL 14.
SERVER_SIDE: Final = {
    "client_connection_check_interval": "2s",
    "tcp_keepalives_idle": str(_IDLE_SECONDS),
    "tcp_keepalives_interval": str(_INTERVAL_SECONDS),
    "tcp_keepalives_count": str(_COUNT),
    "tcp_user_timeout": str(_UNACKNOWLEDGED_MILLISECONDS),
}
_VALUES: Final = ", ".join(f"('{name}', '{value}')" for name, value in SERVER_SIDE.items())
SET_SERVER_SIDE: Final = (
    "SELECT set_config(s.name, wanted.value, false)"  # noqa: S608 - our own constants
    f" FROM (VALUES {_VALUES}) AS wanted (name, value)"
    " JOIN pg_catalog.pg_settings s ON s.name = wanted.name"
)


def keep_alive(connection: sqlalchemy.Connection) -> None:
    """Let the kernel detect a dead server or network, on any connection that env.py opens."""
    with contextlib.suppress(OSError), _socket(driver_connection(connection)) as found:
        if found.family == socket.AF_UNIX:
            return
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", _IDLE_SECONDS),
            ("TCP_KEEPINTVL", _INTERVAL_SECONDS),
            ("TCP_KEEPCNT", _COUNT),
            ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MILLISECONDS),
        ):
            # Linux has all of them, other systems some.
            if (option := getattr(socket, name, None)) is not None:
                found.setsockopt(socket.IPPROTO_TCP, option, value)


@contextlib.contextmanager
def socket_shutdown(driver: Any) -> Iterator[Callable[[], None]]:
    """Yield a function that shuts a connection's socket down, for another thread to call.

    Code that waits for a result on it then gets the end of the stream. `driver` is the driver's own
    connection; if its socket is not accessible, the function does nothing. A duplicate of the
    socket stays open until the block ends.
    """
    try:
        duplicate = _socket(driver)
    except OSError:
        yield lambda: None
        return

    def shut_down() -> None:
        with contextlib.suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)

    with duplicate:
        yield shut_down


def _socket(driver: Any) -> socket.socket:
    """Return a duplicate of the connection's socket. Raises `OSError` if it has none."""
    return socket.socket(fileno=os.dup(driver_for(driver).descriptor(driver)))
