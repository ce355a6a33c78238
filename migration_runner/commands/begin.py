"""What every verb does first, and what those that go through env.py have in common."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migration_runner import __version__, events, logs
from migration_runner.alembic_bridge import AlembicProject
from migration_runner.clock import SystemClock
from migration_runner.database_address import export_override
from migration_runner.env_run import Decide
from migration_runner.errors import MigrationError, UsageError
from migration_runner.history_notes import load_notes
from migration_runner.moves import Move
from migration_runner.passes import pass_until_done
from migration_runner.redaction import hide_secrets
from migration_runner.report import RunReport
from migration_runner.run_context import RunContext
from migration_runner.settings import Flags, Settings, load_settings


@dataclass(frozen=True)
class Options:
    """A verb's own words on the command line, beside the settings."""

    verb: str = ""
    as_json: bool = False
    check: bool = False
    limit: int | None = None
    yes: bool = False
    purge: bool = False
    seal: bool = False
    sql: bool = False
    tag: str | None = None
    targets: tuple[str, ...] = ()
    # For one of Alembic's own commands: all that stands behind its name.
    words: tuple[str, ...] = ()


def begin(settings: Settings, report: RunReport) -> None:
    """Let the log and the report follow the settings, and keep their secrets out of both."""
    if settings.database is not None:
        hide_secrets(settings.database.secrets, settings.database.public)
    logs.configure_logging(settings.log_format, settings.log_level)
    report.termination_log, report.build = settings.termination_log, settings.build


def begin_runs(
    flags: Flags, report: RunReport, move: Move | None = None, *, looks: bool = False
) -> list[RunContext]:
    """Check settings and histories, and return a run of `move` for each history.

    Without a move it is an upgrade to the target. Nothing is touched before all are checked.
    """
    settings = load_settings(flags=flags)
    begin(settings, report)
    export_override(os.environ)
    move = move or Move("upgrade", tuple(settings.target.split()))
    report.target, report.direction = move.target, move.direction
    histories = {"histories": settings.histories} if settings.histories else {}
    logs.get_logger().info(
        events.RUN_STARTED,
        target=move.target,
        runner_version=__version__,
        build=settings.build or None,
        **histories,
    )
    with _without_garbage_collection():
        return [
            _prepare(each, report.part(name) if name else report, move, looks=looks)
            for name, each in settings.each_history()
        ]


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Load a history without looking for garbage in it: there is none, and there will be none."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def begin_run(
    flags: Flags, report: RunReport, move: Move | None = None, *, looks: bool = False
) -> RunContext:
    """Return the run of a verb that works on one history.

    Raises `UsageError` where MIGRATE_HISTORIES names several and none is chosen.
    """
    first, *others = begin_runs(flags, report, move, looks=looks)
    if others or first.report is not report:
        message = (
            "MIGRATE_HISTORIES names several histories, and this command works on one: say which"
            " with -n (a section) or -c (a file)."
        )
        raise UsageError(message)
    return first


def _prepare(settings: Settings, report: RunReport, move: Move, *, looks: bool) -> RunContext:
    with _in_history(report):
        project = AlembicProject(
            settings.alembic,
            move.words,
            transaction_per_revision=settings.transactions == "revision",
            notes=load_notes(settings.alembic),
        )
        if move.direction == "upgrade":
            for target in move.targets:
                project.check_target(target)
    return RunContext(project, settings, report, SystemClock(), move, looks=looks)


@contextlib.contextmanager
def _in_history(report: RunReport) -> Iterator[None]:
    """Let the log and a failure say which one of several histories it is."""
    try:
        with logs.bound(history=report.part_name):
            yield
    except MigrationError as error:
        if report.part_name:
            error.message = f"{report.part_name}: {error.message}"
            error.facts["history"] = report.part_name
        raise


def make_moves(runs: list[RunContext], decide: Callable[[RunContext], Decide]) -> None:
    """Make the move of each run, one after the other, and an upgrade target by target."""
    for run in runs:
        whole = run.move
        single = whole.direction == "upgrade" and len(whole.targets) > 1
        with _in_history(run.report):
            for target in whole.targets if single else [whole.target]:
                run.move = Move("upgrade", (target,), tag=whole.tag) if single else whole
                make_move(run, decide)
        run.move = whole


def make_move(run: RunContext, decide: Callable[[RunContext], Decide]) -> None:
    """Go through env.py until the run's move is made."""
    pass_until_done(
        run,
        decide(run),
        lambda this, offer: run.project.run_env(run.move, offer, this),
    )
