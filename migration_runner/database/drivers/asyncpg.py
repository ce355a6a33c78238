"""asyncpg."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import Any

from migration_runner.database.drivers.cancel_request import send_cancel_request
from migration_runner.database.drivers.driver import Driver


class Asyncpg(Driver):
    """asyncpg, which has its own protocol implementation, and few public attributes."""

    def login_pid(self, connection: Any) -> int | None:
        """Return the server's."""
        return int(connection.get_server_pid())

    def libpq_parameters(self, connection: Any) -> dict[str, str] | None:
        """Convert asyncpg's own parameters; None if their names have changed."""
        with contextlib.suppress(AttributeError, ValueError, TypeError):
            asked = connection._params  # noqa: SLF001 - there is no public way
            address = connection._addr  # noqa: SLF001 - as above
            # A socket's path ends in `.s.PGSQL.<port>`.
            host, port = address if isinstance(address, tuple) else address.rsplit("/.s.PGSQL.", 1)
            found = {"host": host, "port": port, "dbname": asked.database, "user": asked.user}
            found["password"] = asked.password if isinstance(asked.password, str) else None
            # The certificates are in an SSLContext, which libpq cannot use.
            mode = getattr(asked.sslmode, "name", "prefer")
            found["sslmode"] = mode if mode in ("disable", "allow", "prefer") else "require"
            return {name: str(value) for name, value in found.items() if value}
        return None

    def idle(self, connection: Any) -> bool:
        """Use asyncpg's function: it keeps the server's transaction status."""
        return not connection.is_in_transaction()

    def transaction_ended(self, connection: Any, adapter: Any) -> bool:
        """Compare it with the transaction that SQLAlchemy has begun."""
        return getattr(adapter, "_transaction", None) is not None and self.idle(connection)

    def cancel(self, connection: Any) -> None:
        """Send a cancel request over a connection of its own, as asyncpg does in its event loop."""
        secret = connection._protocol.backend_secret  # noqa: SLF001 - as above
        send_cancel_request(connection._addr, connection.get_server_pid(), secret)  # noqa: SLF001 - as above

    def waits_for_answer(self, connection: Any) -> bool | None:
        """Look for the future that asyncpg's protocol has while a statement runs.

        It is an attribute of a class in C, which only the garbage collector can see.
        """
        with contextlib.suppress(AttributeError):
            held = gc.get_referents(connection._protocol)  # noqa: SLF001 - as above
            return any(asyncio.isfuture(each) and not each.done() for each in held)
        return None

    def descriptor(self, connection: Any) -> int:
        """Return the transport's, which has the socket also if the connection is encrypted."""
        with contextlib.suppress(AttributeError):
            found = connection._transport.get_extra_info("socket")  # noqa: SLF001 - as above
            return int(found.fileno())
        return super().descriptor(connection)
