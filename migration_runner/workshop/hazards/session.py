"""Questions on the revision's own session, unseen by SQLAlchemy's events and by the revision."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy

from migration_runner.database.drivers.known import driver_connection
from migration_runner.database.sql_literals import literal

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
    driver = driver_connection(connection)
    threshold = getattr(driver, "prepare_threshold", None)
    if threshold is not None:
        # psycopg would prepare it, and anew whenever the schema changes.
        driver.prepare_threshold = None
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else ()
    finally:
        cursor.close()
        if threshold is not None:
            driver.prepare_threshold = threshold
