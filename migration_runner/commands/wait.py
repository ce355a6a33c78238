"""`migrate wait`: wait until another run has brought the database to the target."""

from __future__ import annotations

from collections.abc import Mapping

from migration_runner.commands.begin import go_through_env
from migration_runner.report import RunReport
from migration_runner.wait import decide_wait


def wait(flags: Mapping[str, str], report: RunReport) -> None:
    """Wait for the database, then for its revisions; apply nothing and lock nothing."""
    go_through_env(flags, report, decide_wait)
