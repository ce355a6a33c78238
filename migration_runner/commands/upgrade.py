"""`migrate` and `migrate upgrade`: bring the database to the target."""

from __future__ import annotations

from collections.abc import Mapping

from migration_runner.commands.begin import Options, begin_run, make_move
from migration_runner.report import RunReport
from migration_runner.upgrade import decide_upgrade


def upgrade(flags: Mapping[str, str], report: RunReport, _options: Options) -> None:
    """Wait, lock, apply what is pending, verify."""
    make_move(begin_run(flags, report), decide_upgrade)
