"""Which revisions a named database has, for the commands that spare those."""

from __future__ import annotations

import dataclasses

from migration_runner.commands.invocation import Invocation
from migration_runner.errors import ConfigError, DatabaseRejected, DatabaseUnavailable
from migration_runner.history.request import Request
from migration_runner.log import events, logs
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.runs import carry_out, prepare_run
from migration_runner.settings.settings import Settings


def read_applied(invocation: Invocation, settings: Settings, *, required: bool) -> set[str] | None:
    """Return what version table and ledger have; None if the database cannot be asked."""
    request = Request("upgrade", ("heads",))
    settings = dataclasses.replace(settings, wait_timeout=0.0)
    run = prepare_run(settings, invocation.report, request, read_only=True)
    run.optional = True
    applied: set[str] = set()

    def look(state: DatabaseState) -> bool:
        books = state.books(state.heads())
        applied.update(books.table.heads, books.below, books.active())
        return False

    try:
        carry_out(run, lambda _: look)
    except (DatabaseUnavailable, DatabaseRejected, ConfigError) as error:
        if required:
            raise
        logs.get_logger().warning(events.DATABASE_SKIPPED, detail=error.message)
        return None
    return applied
