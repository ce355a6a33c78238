"""`migrate wait`: wait until another run has brought the database to the target."""

from __future__ import annotations

import dataclasses

from migration_runner.clock import Stopwatch, SystemClock
from migration_runner.commands.invocation import Invocation
from migration_runner.log import logs
from migration_runner.run.context import RunContext
from migration_runner.run.runs import carry_out, prepare_runs
from migration_runner.run.wait import Waiter


def wait(invocation: Invocation) -> None:
    """Wait for the database, then for its revisions. Changes and locks nothing."""
    waiting = Stopwatch(SystemClock())
    for run in prepare_runs(invocation.load_settings(), invocation.report, read_only=True):
        # The wait timeout is for all histories together.
        left = max(0.0, waiting.remaining(run.settings.wait_timeout))
        settings = dataclasses.replace(run.settings, wait_timeout=left)
        with logs.bound(history=run.report.part_name):
            _wait_for(dataclasses.replace(run, settings=settings))


def _wait_for(run: RunContext) -> None:
    waiter = Waiter(run)
    waiter.wait(lambda: carry_out(run, lambda _: waiter.decide()))
