"""psycopg2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from migration_runner.database.drivers.psycopg import LibpqDriver

_READY: Final = 1  # STATUS_READY: its next statement begins a transaction


class Psycopg2(LibpqDriver):
    """psycopg2, which keeps its own transaction status in addition to libpq's."""

    def broken(self, connection: Any) -> bool:
        """Read psycopg2's `closed`: 1 after `close`, another number after an error."""
        return int(connection.closed) > 1

    def cancel(self, connection: Any) -> None:
        """Send libpq's cancel request: Python's handlers do not run while psycopg2 waits."""
        if self.waits_for_answer(connection):
            connection.cancel()

    def transaction_ended(self, connection: Any, adapter: Any) -> bool:  # noqa: ARG002 - the same
        """Compare its own status with libpq's."""
        began: bool = connection.status != _READY
        return began and self.idle(connection)

    def _parameters(self, connection: Any) -> Mapping[str, str]:
        known: dict[str, str] = connection.info.dsn_parameters
        return known
