"""What every verb does first, and what those that go through env.py have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migration_runner import __version__, events, logs
from migration_runner.alembic_bridge import AlembicProject
from migration_runner.clock import SystemClock
from migration_runner.database_address import export_override
from migration_runner.env_run import Decide
from migration_runner.moves import Move
from migration_runner.passes import pass_until_done
from migration_runner.report import RunReport
from migration_runner.run_context import RunContext
from migration_runner.settings import Settings, load_settings


@dataclass(frozen=True)
class Options:
    """A verb's own words on the command line, beside the settings."""

    as_json: bool = False
    check: bool = False
    limit: int | None = None
    yes: bool = False
    purge: bool = False
    targets: tuple[str, ...] = ()


def begin(settings: Settings, report: RunReport) -> None:
    """Let the log and the report follow the settings, and keep their secrets out of both."""
    address = settings.database
    logs.hide_secrets(address.secrets, address.public)
    logs.configure_logging(settings.log_format, settings.log_level)
    report.termination_log, report.build = settings.termination_log, settings.build


def begin_run(
    flags: Mapping[str, str], report: RunReport, move: Move | None = None, *, looks: bool = False
) -> RunContext:
    """Check settings and history, and return a run of `move` (an upgrade to the target)."""
    settings = load_settings(flags=flags)
    begin(settings, report)
    export_override(os.environ)
    move = move or Move("upgrade", (settings.target,))
    report.target, report.direction = move.target, move.direction
    logs.get_logger().info(
        events.RUN_STARTED,
        target=move.target,
        runner_version=__version__,
        build=settings.build or None,
    )
    project = AlembicProject(settings.alembic_config)
    if move.direction == "upgrade":
        project.check_target(move.target)
    return RunContext(project, settings, report, SystemClock(), move, looks=looks)


def make_move(run: RunContext, decide: Callable[[RunContext], Decide]) -> None:
    """Go through env.py until the run's move is made."""
    pass_until_done(
        run,
        decide(run),
        lambda this, connection: run.project.run_env(run.move, connection, this),
    )
