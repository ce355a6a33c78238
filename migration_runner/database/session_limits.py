"""The limits of the work session: those that the runner sets once, and those that it replaces.

A revision may compute, or wait for another session, for as long as it takes: neither the role nor
the database may end it for being idle. What was stricter before is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy

from migration_runner.database.network import SERVER_SIDE

# In milliseconds in pg_settings; 0 for none.
# https://www.postgresql.org/docs/current/runtime-config-client.html#RUNTIME-CONFIG-CLIENT-STATEMENT
_IDLE_LIMITS: Final = (
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)
# Set before every revision: `WorkSession.apply_settings`.
_REVISION_LIMITS: Final = ("lock_timeout", "statement_timeout")
_SET_ONCE: Final = {**SERVER_SIDE, **dict.fromkeys(_IDLE_LIMITS, "0")}
_ROWS: Final = ", ".join(
    [f"('{name}', '{value}')" for name, value in _SET_ONCE.items()]
    + [f"('{name}', NULL)" for name in _REVISION_LIMITS]
)
# Older servers do not have all of them. The values are from before the change.
_SET_AND_ASK: Final = (
    "SELECT s.name, s.setting, s.source,"  # noqa: S608 - our own constants
    " CASE WHEN wanted.value IS NOT NULL THEN set_config(s.name, wanted.value, false) END"
    f" FROM (VALUES {_ROWS}) AS wanted (name, value)"
    " JOIN pg_catalog.pg_settings s ON s.name = wanted.name"
)


@dataclass(frozen=True)
class StricterLimit:
    """A limit of the session's, in seconds, and what has set it: `user`, `database` ..."""

    name: str
    seconds: float
    source: str


def set_limits(connection: sqlalchemy.Connection) -> list[StricterLimit]:
    """Set the limits of the session, in the open transaction; return those that it had."""
    rows = connection.exec_driver_sql(_SET_AND_ASK)
    names = (*_IDLE_LIMITS, *_REVISION_LIMITS)
    return [
        StricterLimit(name, int(setting) / 1000, source)
        for name, setting, source, _ in rows
        if name in names and int(setting) > 0
    ]
