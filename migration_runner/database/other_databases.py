"""Databases other than Postgres: revisions are run and reported, without the safeguards.

No run lock, no ledger, no timeouts, no observer, no waiting. See docs/other-databases.md.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy

from migration_runner.database.session import ServerFacts, SessionSettings, WorkSession
from migration_runner.database.session_limits import StricterLimit
from migration_runner.documentation import docs_page
from migration_runner.errors import ConfigError
from migration_runner.settings.settings import Settings

POSTGRES: Final = "postgresql"  # SQLAlchemy's name of it


class PlainSession(WorkSession):
    """A work session on another database, without the settings of Postgres sessions."""

    safeguarded = False

    def ask(self) -> ServerFacts:
        """Return what SQLAlchemy knows about the server."""
        version = self.connection.dialect.server_version_info or ()
        name = self.connection.engine.url.database or ""
        kind = self.connection.dialect.name
        return ServerFacts(name, f"{kind} {'.'.join(map(str, version))}".strip(), 0)

    def set_limits(self) -> list[StricterLimit]:
        """Do nothing."""
        return []

    def apply_settings(self) -> None:
        """Do nothing."""

    def locate_version_table(self, schema: str | None, table: str) -> tuple[str, str, str]:
        """Return the names unchanged."""
        return self.ask().database, schema or "", table


def plain_session(
    settings: Settings, connection: sqlalchemy.Connection, *, read_only: bool
) -> PlainSession:
    """Return a session on which Alembic works as it would without the runner.

    Raises `ConfigError` unless this is allowed by MIGRATE_RUN_LOCK=off.
    """
    name = connection.dialect.name
    if not read_only and settings.run_lock != "off":
        message = (
            f"env.py connects to {name}, where there is no run lock, so that nothing prevents two"
            " runs at once. Make sure that there is only one, and set MIGRATE_RUN_LOCK=off."
            " Revisions, reports and exit codes then work; the ledger, timeouts, retries and"
            f" waiting do not ({docs_page('other-databases')})."
        )
        raise ConfigError(message, reason="other_database", dialect=name)
    if not read_only and settings.ledger == "require":
        message = f"env.py connects to {name}, where there is no ledger: unset MIGRATE_LEDGER."
        raise ConfigError(message, reason="other_database", dialect=name)
    if not read_only and settings.role:
        message = f"env.py connects to {name}, where roles cannot be set: unset MIGRATE_ROLE."
        raise ConfigError(message, reason="other_database", dialect=name)
    return PlainSession(connection, SessionSettings("", 0.0, 0.0, ""))
