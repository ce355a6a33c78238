"""`migrate stamp`: say where the database is, without running a revision."""

from __future__ import annotations

from migration_runner.commands.alembic import run_offline
from migration_runner.commands.begin import Options, begin_run, make_move
from migration_runner.moves import Move
from migration_runner.report import RunReport
from migration_runner.settings import Flags
from migration_runner.upgrade import decide_stamp


def stamp(flags: Flags, report: RunReport, options: Options) -> None:
    """Write the version table, as `alembic stamp` does: under the lock and into the ledger."""
    if options.sql:
        run_offline(flags, report, options)
        return
    move = Move("stamp", options.targets, purge=options.purge, tag=options.tag)
    make_move(begin_run(flags, report, move), decide_stamp)
