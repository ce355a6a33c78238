"""`migrate wait`: wait until another run has brought the database to the target."""

from __future__ import annotations

from collections.abc import Mapping

from migration_runner.commands.begin import Options, begin_run, make_move
from migration_runner.report import RunReport
from migration_runner.wait import Waiter


def wait(flags: Mapping[str, str], report: RunReport, _options: Options) -> None:
    """Wait for the database, then for its revisions; apply nothing and lock nothing."""
    run = begin_run(flags, report, looks=True)
    waiter = Waiter(run)
    waiter.wait(lambda: make_move(run, lambda _: waiter.decide()))
