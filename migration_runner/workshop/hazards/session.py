"""Questions on the revision's own session, unseen by SQLAlchemy's events and by the revision."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import sqlalchemy

from migration_runner.database.sql_literals import literal
from migration_runner.database.statements import unprepared

SETTING: Final = "client_min_messages"
LOUDER: Final = (
    f"SELECT pg_catalog.current_setting('{SETTING}'),"
    f" pg_catalog.set_config('{SETTING}', 'debug1', false)"
)


def restore(connection: sqlalchemy.Connection, setting: str) -> None:
    """Set the level of messages again, unless the statement has set it."""
    ask(
        connection,
        f"SELECT pg_catalog.set_config('{SETTING}', {literal(setting)}, false)"
        f" WHERE pg_catalog.current_setting('{SETTING}') = 'debug1'",
    )


def ask(connection: sqlalchemy.Connection, sql: str) -> Any:
    """Execute SQL on the session, unseen by SQLAlchemy's events; return the first row."""
    with unprepared(connection), contextlib.closing(connection.connection.cursor()) as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else ()
