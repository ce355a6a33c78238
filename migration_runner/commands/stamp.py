"""`migrate stamp`: say where the database is, without running a revision."""

from __future__ import annotations

from migration_runner.commands.alembic import run_offline
from migration_runner.commands.begin import Options, begin_run, carry_out
from migration_runner.history.request import Request
from migration_runner.report.report import RunReport
from migration_runner.run.decisions import decide_stamp
from migration_runner.settings.settings import Flags


def stamp(flags: Flags, report: RunReport, options: Options) -> None:
    """Write the version table, as `alembic stamp` does: under the lock and into the ledger."""
    if options.sql:
        run_offline(flags, report, options)
        return
    request = Request("stamp", options.targets, purge=options.purge, tag=options.tag)
    carry_out(begin_run(flags, report, request), decide_stamp)
