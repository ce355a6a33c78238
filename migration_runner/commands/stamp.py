"""`migrate stamp`: say where the database is, without running a revision."""

from __future__ import annotations

from collections.abc import Mapping

from migration_runner.commands.begin import Options, begin_run, make_move
from migration_runner.moves import Move
from migration_runner.report import RunReport
from migration_runner.upgrade import decide_stamp


def stamp(flags: Mapping[str, str], report: RunReport, options: Options) -> None:
    """Write the version table, as `alembic stamp` does: under the lock and into the ledger."""
    move = Move("stamp", options.targets, purge=options.purge)
    make_move(begin_run(flags, report, move), decide_stamp)
