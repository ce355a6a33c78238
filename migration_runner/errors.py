"""The errors that end a run, each with its exit code.

A message says what happened, what state the database is in, and what to do.
Exit codes follow `sysexits.h`, so that a Kubernetes Job's `podFailurePolicy` can act on them.
"""

from __future__ import annotations

from typing import Any


class MigrationError(Exception):
    """Base of all errors that end a run.

    `facts` are the machine-readable part of the message, and go into the report unchanged.
    """

    exit_code: int = 70

    def __init__(self, message: str, /, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class RevisionFailed(MigrationError):
    """A revision's own SQL or Python failed."""

    exit_code = 1


class PendingRevisions(MigrationError):
    """The database is behind the target, and the command does not upgrade it."""

    exit_code = 3


class SchemaDrift(MigrationError):
    """Models and database differ."""

    exit_code = 4


class HazardFound(MigrationError):
    """A revision would do to a database in use what the command was told to refuse."""

    exit_code = 5


class UsageError(MigrationError):
    """The command line is wrong."""

    exit_code = 64


class HistoryError(MigrationError):
    """The image's revisions are inconsistent, or do not match the database."""

    exit_code = 65


class DatabaseUnavailable(MigrationError):
    """The database was not reachable, or not writable, within the wait timeout."""

    exit_code = 69


class TemporaryFailure(MigrationError):
    """A later run can succeed: the run lock was busy, a lock timed out, the session was lost."""

    exit_code = 75


class DatabaseRejected(MigrationError):
    """The server refused the connection or a statement: login, database, TLS, privilege."""

    exit_code = 77


class ConfigError(MigrationError):
    """The settings are invalid; the database was not touched."""

    exit_code = 78


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGINT arrived.

    A `KeyboardInterrupt`, because psycopg then cancels the running statement in the server, and
    because a revision's `except Exception` must not swallow it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number, as a shell reports it: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + self.signal_number
