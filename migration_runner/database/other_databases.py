"""Databases other than Postgres: Alembic's work is done and reported there, without our safeguards.

No advisory lock, no ledger, no timeouts, no observer, no waiting. See docs/other-databases.md.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy

from migration_runner.database.session import ServerFacts, SessionSettings, WorkSession
from migration_runner.errors import ConfigError
from migration_runner.settings.settings import Settings

POSTGRES: Final = "postgresql"  # SQLAlchemy's name of it


class PlainSession(WorkSession):
    """A work session on a database that has nothing of what Postgres sessions are set up with."""

    safeguarded = False

    def ask(self) -> ServerFacts:
        """Return what SQLAlchemy knows of the server."""
        version = self.connection.dialect.server_version_info or ()
        name = self.connection.engine.url.database or ""
        kind = self.connection.dialect.name
        return ServerFacts(name, f"{kind} {'.'.join(map(str, version))}".strip(), 0)

    def watch_network(self) -> None:
        """Do nothing."""

    def apply_settings(self) -> None:
        """Do nothing."""

    def locate_version_table(self, schema: str | None, table: str) -> tuple[str, str, str]:
        """Return the names as they are."""
        return self.ask().database, schema or "", table


def plain_session(
    settings: Settings, connection: sqlalchemy.Connection, *, read_only: bool
) -> PlainSession:
    """Return a session that Alembic works on as it would without us.

    Raises `ConfigError` unless MIGRATE_RUN_LOCK=off says that this is wanted.
    """
    name = connection.dialect.name
    if not read_only and settings.run_lock != "off":
        message = (
            f"env.py connects to {name}, and the run lock is an advisory lock of Postgres'. Nothing"
            " keeps two runs apart there: see to it that there is only one, and set"
            " MIGRATE_RUN_LOCK=off. Revisions, reports and exit codes work then; ledger, timeouts,"
            " retries and waiting do not (docs/other-databases.md)."
        )
        raise ConfigError(message, reason="other_database", dialect=name)
    if not read_only and settings.ledger == "require":
        message = f"env.py connects to {name}, where there is no ledger: MIGRATE_LEDGER=require."
        raise ConfigError(message, reason="other_database", dialect=name)
    if not read_only and settings.role:
        message = f"env.py connects to {name}, and MIGRATE_ROLE is for Postgres: leave it away."
        raise ConfigError(message, reason="other_database", dialect=name)
    return PlainSession(connection, SessionSettings("", 0.0, 0.0, ""))
