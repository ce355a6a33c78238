"""`migrate` and `migrate upgrade`: bring the database to the target."""

from __future__ import annotations

from migration_runner.commands.alembic import run_offline
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import UsageError
from migration_runner.history.request import Request
from migration_runner.run.decisions import decide_upgrade
from migration_runner.run.runs import carry_out_all, prepare_runs


def upgrade(invocation: Invocation) -> None:
    """Wait, lock, apply what is pending, verify; with `--sql`, only print the SQL."""
    options = invocation.options
    if not all(target.strip() for target in options.targets):
        message = "The target is empty. Omit it for `head`."
        raise UsageError(message)
    if options.sql:
        run_offline(invocation)
        return
    request = Request("upgrade", options.targets, tag=options.tag) if options.targets else None
    runs = prepare_runs(invocation.load_settings(), invocation.report, request)
    carry_out_all(runs, decide_upgrade)
