"""The runs of one command, one for each history: prepared together, carried out in turn."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator

from migration_runner import __version__
from migration_runner.clock import SystemClock
from migration_runner.errors import MigrationError
from migration_runner.history.manifest_history import load_manifest_history
from migration_runner.history.request import Request
from migration_runner.log import events, logs
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.report.report import RunReport
from migration_runner.run.attempts import attempt_until_done
from migration_runner.run.context import RunContext
from migration_runner.run.decisions import Decide
from migration_runner.settings.database_address import export_override
from migration_runner.settings.settings import Settings


def prepare_runs(
    settings: Settings,
    report: RunReport,
    request: Request | None = None,
    *,
    read_only: bool = False,
    any_target: bool = False,
) -> list[RunContext]:
    """Check the histories, and return a run of `request` for each.

    The default request is an upgrade to the target. All are checked before any database is touched;
    `any_target`: except for whether the history has the target.
    """
    export_override(os.environ)
    # Others, such as `revision`, are for an empty history, too.
    upgrades = request is None or (request.direction == "upgrade" and not read_only)
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
        runs = [
            _prepare(
                *(each, report.part(name) if name else report, request),
                read_only=read_only,
                any_target=any_target,
            )
            for name, each in settings.each_history()
        ]
    if upgrades:
        for run in runs:
            _warn_of_no_revisions(run)
    return runs


def _warn_of_no_revisions(run: RunContext) -> None:
    if run.project.history.revisions:
        return
    folders = [str(folder) for folder in run.project.folders[1:]]
    with logs.bound(history=run.report.part_name):
        logs.get_logger().warning(
            events.NO_REVISIONS,
            folders=folders,
            detail=(
                f"There are no revisions in {', '.join(folders)}, so nothing is applied. If there"
                " should be: did a .dockerignore leave them out, or is something mounted there?"
            ),
        )


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Load a history without garbage collection: it creates no garbage, and stays in memory."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def prepare_run(
    settings: Settings,
    report: RunReport,
    request: Request | None = None,
    *,
    read_only: bool = False,
) -> RunContext:
    """Return the run of a command that works on one history.

    Raises `UsageError` if MIGRATE_HISTORIES names several and none is chosen.
    """
    settings.require_one_history()
    (run,) = prepare_runs(settings, report, request, read_only=read_only)
    return run


def _prepare(
    settings: Settings,
    report: RunReport,
    request: Request,
    *,
    read_only: bool,
    any_target: bool = False,
) -> RunContext:
    with _in_history(report):
        project = AlembicProject(
            settings.alembic,
            request.words,
            transaction_per_revision=settings.transactions == "revision",
            manifest=load_manifest_history(settings.alembic),
        )
        if request.direction == "upgrade" and not any_target:
            for target in request.targets:
                project.check_target(target)
    return RunContext(project, settings, report, SystemClock(), request, read_only=read_only)


@contextlib.contextmanager
def _in_history(report: RunReport) -> Iterator[None]:
    """Name the history in the log and in an error, if there are several."""
    try:
        with logs.bound(history=report.part_name):
            yield
    except MigrationError as error:
        if report.part_name:
            error.message = f"{report.part_name}: {error.message}"
            error.facts["history"] = report.part_name
        raise


def carry_out_all(runs: list[RunContext], decide: Callable[[RunContext], Decide]) -> None:
    """Carry out the request of each run, one after another, and an upgrade target by target."""
    for run in runs:
        whole = run.request
        single = whole.direction == "upgrade" and len(whole.targets) > 1
        with _in_history(run.report), run.report.measured():
            for target in whole.targets if single else [whole.target]:
                run.request = Request("upgrade", (target,), tag=whole.tag) if single else whole
                carry_out(run, decide)
        run.request = whole


def carry_out(run: RunContext, decide: Callable[[RunContext], Decide]) -> None:
    """Run env.py until the run's request is carried out."""
    attempt_until_done(
        run,
        decide(run),
        lambda this, offer: run.project.run_env(run.request, offer, this),
    )
