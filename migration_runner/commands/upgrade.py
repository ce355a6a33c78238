"""`migrate` and `migrate upgrade`: bring the database to the target."""

from __future__ import annotations

from migration_runner.commands.alembic import run_offline
from migration_runner.commands.begin import Options, begin_runs, make_moves
from migration_runner.errors import UsageError
from migration_runner.moves import Move
from migration_runner.report import RunReport
from migration_runner.settings import Flags
from migration_runner.upgrade import decide_upgrade


def upgrade(flags: Flags, report: RunReport, options: Options) -> None:
    """Wait, lock, apply what is pending, verify; with `--sql` only print what would be done."""
    if not all(target.strip() for target in options.targets):
        message = "A target is empty: leave it away for `head`."
        raise UsageError(message)
    if options.sql:
        run_offline(flags, report, options)
        return
    move = Move("upgrade", options.targets, tag=options.tag) if options.targets else None
    make_moves(begin_runs(flags, report, move), decide_upgrade)
