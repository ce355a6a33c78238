"""The run's decision: look, lock, look again."""

from __future__ import annotations

from migration_runner import events, logs
from migration_runner.clock import Clock, Stopwatch
from migration_runner.env_run import Decide
from migration_runner.report import RunReport
from migration_runner.run_lock import acquire_run_lock, derive_key
from migration_runner.settings import Settings
from migration_runner.state import DatabaseState


def decide_upgrade(settings: Settings, report: RunReport, clock: Clock) -> Decide:
    """Return the decision of `migrate`: apply what is pending, under the run lock.

    At the target already, no lock is taken. It raises `TemporaryFailure` when another run holds
    the lock for longer than the run lock timeout.
    """

    def decide(state: DatabaseState) -> bool:
        return (
            not state.at_target()
            and _lock(state, settings, report, clock)
            and not _look_again(state, report)
        )

    return decide


def _lock(state: DatabaseState, settings: Settings, report: RunReport, clock: Clock) -> bool:
    key = settings.run_lock_key
    if key is None:
        context = state.context
        key = derive_key(
            *state.session.locate_version_table(context.version_table_schema, context.version_table)
        )
    waiting = Stopwatch(clock)
    try:
        locked = acquire_run_lock(
            state.session, key, settings.run_lock_timeout, clock, state.at_target
        )
    finally:
        report.waited_for_run_lock_seconds = waiting.elapsed()
    if locked:
        waited = round(waiting.elapsed(), 3)
        logs.get_logger().info(events.RUN_LOCK_ACQUIRED, key=key, waited_seconds=waited)
    return locked


def _look_again(state: DatabaseState, report: RunReport) -> bool:
    """Look under the lock: another run may have applied everything, or a part, meanwhile."""
    at_target = state.at_target()
    report.from_revisions = report.to_revisions
    return at_target
