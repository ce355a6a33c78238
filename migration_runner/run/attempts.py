"""Attempts: going through env.py again after a lost session, or a lock that was not available.

Every attempt begins from what the database says, under the lock, so nothing is ever assumed: what
the attempt before had in doubt when its session broke is looked up in the ledger.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from migration_runner.errors import (
    ConfigError,
    DatabaseUnavailable,
    MigrationError,
    TemporaryFailure,
)
from migration_runner.log import events, logs
from migration_runner.project.attributes import Offer
from migration_runner.run.attempt import Attempt
from migration_runner.run.context import RunContext
from migration_runner.run.decisions import Decide
from migration_runner.run.failures import SESSION_LOST
from migration_runner.run.retries import LOCK_FAILURES


def attempt_until_done(
    run: RunContext,
    decide: Decide,
    enter: Callable[[Attempt, Offer], None],
    *,
    alembics_own: bool = False,
) -> None:
    """Go through env.py with `enter` until the run's request is made.

    With a command that is `alembics_own` there is no request, and nothing to verify.
    Raises what the last attempt raised: `TemporaryFailure` when the database did not come back
    within the wait timeout, or a revision got no locks within the DDL retry timeout.
    """
    lost: TemporaryFailure | None = None
    try:
        while True:
            attempt = Attempt(run, decide, alembics_own=alembics_own)
            try:
                attempt.run(functools.partial(enter, attempt))
            except MigrationError as failure:
                try:
                    lost = _accept(run, attempt, failure, lost)
                except MigrationError:
                    attempt.log_failure()
                    raise
            else:
                return
    finally:
        run.observer.close()


def _accept(
    run: RunContext, attempt: Attempt, failure: MigrationError, lost: TemporaryFailure | None
) -> TemporaryFailure | None:
    """Return for another attempt, with the loss that is not made good yet; else raise."""
    if run.read_only:
        raise failure
    if isinstance(failure, TemporaryFailure) and failure.facts.get("reason") == SESSION_LOST:
        return _accept_loss(run, attempt, failure)
    if lost is not None and isinstance(failure, DatabaseUnavailable):
        if run.outages.remaining > 0:
            # env.py's own engine: the server has gone again.
            return lost
        raise _not_back(run, lost, failure) from failure
    if lost is not None and isinstance(failure, ConfigError):
        # An env.py that cannot be loaded twice: another process can go on.
        raise lost from failure
    retryable = failure.facts.get("reason") in LOCK_FAILURES.values()
    if retryable and not failure.facts.get("kept") and not _would_go_too_far(run):
        sqlstate, message = failure.facts["sqlstate"], failure.facts["message"]
        # One that failed in its COMMIT has not waited yet.
        if run.lock_retries.take() or run.lock_retries.pause(sqlstate, message, ()):
            run.lock_retries.take()
            return None
    raise failure


def _accept_loss(run: RunContext, attempt: Attempt, failure: TemporaryFailure) -> TemporaryFailure:
    progress = run.progress
    running = progress.running or "none"
    too_far = _would_go_too_far(run)
    goes_on = run.outages.begin(progress.count) and not too_far
    progress.lose()
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
    if run.outages.remaining > 0:
        attempt.look_afterwards()
    if too_far:
        message = (
            f"The session was lost: {failure.facts.get('message')}. Another try would count"
            f" {run.request.target} from where the database is now: look before running again."
        )
        raise TemporaryFailure(message, **failure.facts) from failure
    message = (
        f"The session was lost {run.outages.losses} times without progress (revision {running}):"
        f" {failure.facts.get('message')}. Look at the server's log: the revision may bring it"
        " down. Run again then."
    )
    raise TemporaryFailure(message, **failure.facts) from failure


def _would_go_too_far(run: RunContext) -> bool:
    """Whether another attempt could go beyond a relative target, a part of the way being made."""
    return run.request.relative and bool(run.progress.count or run.progress.uncertain)


def _not_back(
    run: RunContext, lost: TemporaryFailure, failure: DatabaseUnavailable
) -> TemporaryFailure:
    message = (
        f"The session was lost ({lost.facts.get('message')}), and the database did not come back"
        f" within {run.settings.wait_timeout:.0f} s: {failure.message} Run again."
    )
    return TemporaryFailure(message, **{**failure.facts, "reason": SESSION_LOST})
