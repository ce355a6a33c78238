"""The interface to a driver; its defaults are for unknown drivers, with which nothing fails."""

from __future__ import annotations

from typing import Any


class Driver:
    """A driver, and what it knows about its own connections."""

    # Whether several statements without parameters are sent as one message.
    sends_scripts = False

    def login_pid(self, connection: Any) -> int | None:  # noqa: ARG002 - see the module's docstring
        """Return the process id from the login.

        A pooler makes one up, to distinguish its clients' cancel requests.
        """
        return None

    def libpq_parameters(self, connection: Any) -> dict[str, str] | None:  # noqa: ARG002 - as above
        """Return libpq's parameters for the same server and user, with the password.

        Of several hosts, the one that is connected.
        """
        return None

    def waits_for_answer(self, connection: Any) -> bool | None:  # noqa: ARG002 - as above
        """Whether a statement was sent and has no result yet. May be called from any thread."""
        return None

    def broken(self, connection: Any) -> bool:  # noqa: ARG002 - as above
        """Whether the connection is known to have broken: not closed from this side."""
        return False

    def cancel(self, connection: Any) -> None:
        """Cancel the running statement in the server. Called from another thread; may block.

        Not needed by a driver that cancels it itself when a signal handler raises.
        """

    def idle(self, connection: Any) -> bool:  # noqa: ARG002 - as above
        """Whether the server has no transaction open."""
        return False

    def transaction_ended(self, connection: Any, adapter: Any) -> bool:  # noqa: ARG002 - as above
        """Whether COMMIT or ROLLBACK was run as a statement, after which there is no new BEGIN.

        `adapter` is SQLAlchemy's, around an asynchronous connection.
        """
        return False

    def descriptor(self, connection: Any) -> int:  # noqa: ARG002 - as above
        """Return the file descriptor of the connection's socket. Raises `OSError` without one."""
        message = "the driver does not expose its socket"
        raise OSError(message)
