"""What is asked of a driver. Of one that is not known, nothing is known, and nothing breaks."""

from __future__ import annotations

from typing import Any


class Driver:
    """A driver, asked about one of its own connections."""

    # Whether several statements without parameters go to the server as one message.
    sends_scripts = False

    def login_pid(self, connection: Any) -> int | None:  # noqa: ARG002 - see the module's docstring
        """Return the process id that the server gave at login.

        A pooler gives one of its own making, since it has to tell cancel requests apart.
        """
        return None

    def libpq_parameters(self, connection: Any) -> dict[str, str] | None:  # noqa: ARG002 - as above
        """Return what libpq needs to reach the same server as the same user, with the password.

        Of several hosts it is the one that answered.
        """
        return None

    def waits_for_answer(self, connection: Any) -> bool | None:  # noqa: ARG002 - as above
        """Whether a statement is on its way, or not answered yet. Any thread may ask."""
        return None

    def transaction_ended(self, connection: Any) -> bool:  # noqa: ARG002 - as above
        """Whether COMMIT or ROLLBACK was sent as a statement, and the driver begins no new one."""
        return False

    def descriptor(self, connection: Any) -> int:  # noqa: ARG002 - as above
        """Return the descriptor of the connection's socket. Raises `OSError` without one."""
        message = "the driver does not show its socket"
        raise OSError(message)
