"""`migrate stamp`: set the version table without running revisions."""

from __future__ import annotations

from migration_runner.commands.alembic import run_offline
from migration_runner.commands.invocation import Invocation
from migration_runner.history.request import Request
from migration_runner.run.decisions import decide_stamp
from migration_runner.run.runs import carry_out, prepare_run


def stamp(invocation: Invocation) -> None:
    """Set the version table, as `alembic stamp`, but under the lock and with a ledger row."""
    options = invocation.options
    if options.sql:
        run_offline(invocation)
        return
    request = Request("stamp", options.targets, purge=options.purge, tag=options.tag)
    run = prepare_run(invocation.load_settings(), invocation.report, request)
    carry_out(run, decide_stamp)
