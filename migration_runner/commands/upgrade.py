"""`migrate` and `migrate upgrade`: bring the database to the target."""

from __future__ import annotations

from migration_runner.commands.alembic import run_offline
from migration_runner.commands.begin import Options, begin_runs, carry_out_all
from migration_runner.errors import UsageError
from migration_runner.history.request import Request
from migration_runner.report.report import RunReport
from migration_runner.run.decisions import decide_upgrade
from migration_runner.settings.settings import Flags


def upgrade(flags: Flags, report: RunReport, options: Options) -> None:
    """Wait, lock, apply what is pending, verify; with `--sql` only print what would be done."""
    if not all(target.strip() for target in options.targets):
        message = "A target is empty: leave it away for `head`."
        raise UsageError(message)
    if options.sql:
        run_offline(flags, report, options)
        return
    request = Request("upgrade", options.targets, tag=options.tag) if options.targets else None
    carry_out_all(begin_runs(flags, report, request), decide_upgrade)
