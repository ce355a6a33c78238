"""Passing through env.py until the work is done: after lost sessions, and for locks not got.

Every pass begins from what the database says, under the lock, so nothing is ever assumed: what the
pass before had in doubt when its session broke is looked up in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy

from migration_runner import events, logs
from migration_runner.engine import waiting_engine
from migration_runner.env_run import Decide, EnvRun
from migration_runner.errors import (
    ConfigError,
    DatabaseUnavailable,
    MigrationError,
    TemporaryFailure,
)
from migration_runner.failures import SESSION_LOST
from migration_runner.retries import LOCK_FAILURES
from migration_runner.run_context import RunContext


def pass_until_done(
    run: RunContext, decide: Decide, enter: Callable[[EnvRun, sqlalchemy.Connection], None]
) -> None:
    """Go through env.py with `enter` until the run's move is made.

    Raises what the last pass raised: `TemporaryFailure` when the database did not come back
    within the wait timeout, or a revision got no locks within the DDL retry timeout.
    """
    lost: TemporaryFailure | None = None
    try:
        while True:
            this = EnvRun(run, decide)
            engine = waiting_engine(run.settings.database, run.limits, run.application_name)
            try:
                this.run(engine, lambda connection, this=this: enter(this, connection))  # type: ignore[misc]  # a default binds the pass
            except MigrationError as failure:
                try:
                    lost = _accept(run, this, failure, lost)
                except MigrationError:
                    this.tell_failure()
                    raise
            else:
                return
    finally:
        run.observer.close()


def _accept(
    run: RunContext, this: EnvRun, failure: MigrationError, lost: TemporaryFailure | None
) -> TemporaryFailure | None:
    """Return for another pass, with the loss that is not made good yet; else raise."""
    if run.looks:
        raise failure
    if isinstance(failure, TemporaryFailure) and failure.facts.get("reason") == SESSION_LOST:
        return _accept_loss(run, this, failure)
    if lost is not None and isinstance(failure, DatabaseUnavailable):
        if run.outages.remaining > 0:
            # env.py's own engine: the server has gone again.
            return lost
        raise _not_back(run, lost, failure) from failure
    if lost is not None and isinstance(failure, ConfigError):
        # An env.py that cannot be loaded twice: another process can go on.
        raise lost from failure
    if failure.facts.get("reason") in LOCK_FAILURES.values() and not failure.facts.get("kept"):
        sqlstate, message = failure.facts["sqlstate"], failure.facts["message"]
        # One that failed in its COMMIT has not waited yet.
        if run.lock_retries.take() or run.lock_retries.pause(sqlstate, message, ()):
            run.lock_retries.take()
            return None
    raise failure


def _accept_loss(run: RunContext, this: EnvRun, failure: TemporaryFailure) -> TemporaryFailure:
    progress = run.progress
    goes_on = run.outages.begin(progress.count)
    logs.get_logger().warning(
        events.SESSION_LOST,
        detail=failure.facts.get("message"),
        committed=[applied.revision for applied in run.report.applied],
        uncertain=progress.uncertain,
        losses=run.outages.losses,
        remaining_seconds=round(max(0.0, run.outages.remaining), 1),
    )
    if goes_on:
        return failure
    running = progress.running or "none"
    if run.outages.remaining > 0:
        this.look_afterwards()
    message = (
        f"The session was lost {run.outages.losses} times without progress (revision {running}):"
        f" {failure.facts.get('message')}. Look at the server's log: the revision may bring it"
        " down. Run again then."
    )
    raise TemporaryFailure(message, **failure.facts) from failure


def _not_back(
    run: RunContext, lost: TemporaryFailure, failure: DatabaseUnavailable
) -> TemporaryFailure:
    message = (
        f"The session was lost ({lost.facts.get('message')}), and the database did not come back"
        f" within {run.settings.wait_timeout:.0f} s: {failure.message} Run again."
    )
    return TemporaryFailure(message, **{**failure.facts, "reason": SESSION_LOST})
