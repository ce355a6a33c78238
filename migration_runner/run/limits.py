"""Says which limits of the session, stricter than the runner's own, do not apply to revisions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from migration_runner.database.session_limits import StricterLimit
from migration_runner.log import events, logs
from migration_runner.run.context import RunContext

# The settings with which they can be kept.
_SETTINGS: Final = {
    "lock_timeout": "MIGRATE_DDL_LOCK_TIMEOUT",
    "statement_timeout": "MIGRATE_STATEMENT_TIMEOUT",
}


def report_replaced_limits(run: RunContext, limits: Sequence[StricterLimit]) -> None:
    """Log each limit once in a run: env.py can have many sessions."""
    for limit in limits:
        if limit.name in run.reported_limits:
            continue
        run.reported_limits.add(limit.name)
        text = f"{limit.seconds:g}s"
        setting = _SETTINGS.get(limit.name)
        logs.get_logger().log(
            logging.WARNING if setting else logging.INFO,
            events.LIMIT_REPLACED,
            limit=limit.name,
            value=text,
            source=limit.source,
            advice=f"To keep it, set {setting}={text}." if setting else None,
        )
