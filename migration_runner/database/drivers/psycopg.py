"""psycopg, and what it shares with psycopg2: both use libpq."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import pq

from migration_runner.database.drivers.driver import Driver

_IDLE: Final = 0  # PQTRANS_IDLE
_ACTIVE: Final = 1  # PQTRANS_ACTIVE


class LibpqDriver(Driver, ABC):
    """A driver that uses libpq, and whose connections have `info`."""

    sends_scripts = True

    def login_pid(self, connection: Any) -> int | None:
        """Return libpq's `PQbackendPID`."""
        return int(connection.info.backend_pid)

    def libpq_parameters(self, connection: Any) -> dict[str, str] | None:
        """Return libpq's own parameters, except any that psycopg's libpq does not know."""
        info = connection.info
        # psycopg2 brings a libpq of its own, perhaps of another version.
        names = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
        with contextlib.suppress(KeyError):
            known = self._parameters(connection)
            found = {name: value for name, value in known.items() if name in names}
            place = {"host": info.host, "port": info.port, "password": info.password}
            return {**found, **{name: str(value) for name, value in place.items() if value}}
        return None

    def waits_for_answer(self, connection: Any) -> bool | None:
        """Read libpq's own field.

        https://www.postgresql.org/docs/current/libpq-status.html#LIBPQ-PQTRANSACTIONSTATUS
        """
        return int(connection.info.transaction_status) == _ACTIVE

    def idle(self, connection: Any) -> bool:
        """Read the same field."""
        return int(connection.info.transaction_status) == _IDLE

    def descriptor(self, connection: Any) -> int:
        """Return libpq's `PQsocket`."""
        return int(connection.fileno())

    @abstractmethod
    def _parameters(self, connection: Any) -> Mapping[str, str]:
        """Return what the driver itself tells of its connection, without the password."""


class Psycopg(LibpqDriver):
    """psycopg 3, synchronous and asynchronous."""

    def broken(self, connection: Any) -> bool:
        """Read psycopg's own field."""
        return bool(connection.broken)

    def idle(self, connection: Any) -> bool:
        """Read libpq's field itself: it is asked twice for every statement."""
        return bool(connection.pgconn.transaction_status == _IDLE)

    def cancel(self, connection: Any) -> None:
        """Send libpq's cancel request; a synchronous connection does so itself."""
        if isinstance(connection, psycopg.AsyncConnection):
            connection.cancel()

    def _parameters(self, connection: Any) -> Mapping[str, str]:
        # `info.get_parameters` looks for a home directory, and raises if there is none.
        return {
            option.keyword.decode(): option.val.decode()
            for option in connection.pgconn.info
            if option.val not in (None, option.compiled)
        }
