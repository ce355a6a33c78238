"""What every verb does first, and what those that go through env.py have in common."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migration_runner import __version__
from migration_runner.clock import SystemClock
from migration_runner.errors import MigrationError, UsageError
from migration_runner.history.manifest_history import load_manifest_history
from migration_runner.history.request import Request
from migration_runner.log import events, logs
from migration_runner.log.redaction import hide_secrets
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.report.report import RunReport
from migration_runner.run.attempts import attempt_until_done
from migration_runner.run.context import RunContext
from migration_runner.run.env_run import Decide
from migration_runner.settings.database_address import export_override
from migration_runner.settings.settings import Flags, Settings, load_settings


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
    flags: Flags, report: RunReport, request: Request | None = None, *, read_only: bool = False
) -> list[RunContext]:
    """Check settings and histories, and return a run of `request` for each history.

    Without a request it is an upgrade to the target. Nothing is touched before all are checked.
    """
    settings = load_settings(flags=flags)
    begin(settings, report)
    export_override(os.environ)
    request = request or Request("upgrade", tuple(settings.target.split()))
    report.target, report.direction = request.target, request.direction
    histories = {"histories": settings.histories} if settings.histories else {}
    logs.get_logger().info(
        events.RUN_STARTED,
        target=request.target,
        runner_version=__version__,
        build=settings.build or None,
        **histories,
    )
    with _without_garbage_collection():
        return [
            _prepare(each, report.part(name) if name else report, request, read_only=read_only)
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
    flags: Flags, report: RunReport, request: Request | None = None, *, read_only: bool = False
) -> RunContext:
    """Return the run of a verb that works on one history.

    Raises `UsageError` where MIGRATE_HISTORIES names several and none is chosen.
    """
    first, *others = begin_runs(flags, report, request, read_only=read_only)
    if others or first.report is not report:
        message = (
            "MIGRATE_HISTORIES names several histories, and this command works on one: say which"
            " with -n (a section) or -c (a file)."
        )
        raise UsageError(message)
    return first


def _prepare(
    settings: Settings, report: RunReport, request: Request, *, read_only: bool
) -> RunContext:
    with _in_history(report):
        project = AlembicProject(
            settings.alembic,
            request.words,
            transaction_per_revision=settings.transactions == "revision",
            manifest=load_manifest_history(settings.alembic),
        )
        if request.direction == "upgrade":
            for target in request.targets:
                project.check_target(target)
    return RunContext(project, settings, report, SystemClock(), request, read_only=read_only)


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


def carry_out_all(runs: list[RunContext], decide: Callable[[RunContext], Decide]) -> None:
    """Make the request of each run, one after the other, and an upgrade target by target."""
    for run in runs:
        whole = run.request
        single = whole.direction == "upgrade" and len(whole.targets) > 1
        with _in_history(run.report):
            for target in whole.targets if single else [whole.target]:
                run.request = Request("upgrade", (target,), tag=whole.tag) if single else whole
                carry_out(run, decide)
        run.request = whole


def carry_out(run: RunContext, decide: Callable[[RunContext], Decide]) -> None:
    """Go through env.py until the run's request is made."""
    attempt_until_done(
        run,
        decide(run),
        lambda this, offer: run.project.run_env(run.request, offer, this),
    )
