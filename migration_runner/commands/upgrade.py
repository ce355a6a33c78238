"""`migrate` and `migrate upgrade`: bring the database to the target."""

from __future__ import annotations

from collections.abc import Mapping

from migration_runner.commands.begin import go_through_env
from migration_runner.report import RunReport
from migration_runner.upgrade import decide_upgrade


def upgrade(flags: Mapping[str, str], report: RunReport) -> None:
    """Wait, lock, apply what is pending, verify."""
    go_through_env(flags, report, decide_upgrade)
