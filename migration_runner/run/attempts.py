"""Attempts: running env.py again after a lost session, or a lock that was not available.

Every attempt starts from the state of the database, under the lock, so nothing is assumed: what
was in doubt when the previous session broke is looked up in the ledger.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from typing import Final

from migration_runner.database.session_errors import SESSION_LOST
from migration_runner.errors import (
    ConfigError,
    DatabaseUnavailable,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
)
from migration_runner.log import events, logs
from migration_runner.project.attributes import Offer
from migration_runner.run.attempt import Attempt
from migration_runner.run.context import RunContext
from migration_runner.run.decisions import Decide
from migration_runner.run.failures import READ_ONLY
from migration_runner.run.lock_polls import TRANSACTION_AWAITED
from migration_runner.run.retries import LOCK_FAILURES
from migration_runner.settings.database_address import export_override

_MAY_CRASH: Final = "Check the server's log: the revision may crash the server."


def attempt_until_done(
    run: RunContext,
    decide: Decide,
    enter: Callable[[Attempt, Offer], None],
    *,
    alembics_own: bool = False,
) -> None:
    """Run env.py by `enter` until the run's request is carried out.

    A command that is `alembics_own` has no request, and nothing to verify.
    Raises what the last attempt raised: `TemporaryFailure` if the database did not come back within
    the wait timeout, or a revision did not get its locks within the DDL retry timeout.
    """
    lost: TemporaryFailure | None = None
    try:
        while True:
            if lost is not None:
                # For an env.py that reads DATABASE_URL: the file can have another password now.
                with contextlib.suppress(ConfigError):
                    export_override(os.environ)
            attempt = Attempt(run, decide, alembics_own=alembics_own)
            try:
                attempt.run(functools.partial(enter, attempt))
            except MigrationError as failure:
                try:
                    lost = _accept(run, attempt, failure, lost)
                except MigrationError:
                    if not run.optional:
                        attempt.log_failure()
                    raise
            else:
                run.failures.raise_worst()
                return
    finally:
        run.observer.close()


def _accept(
    run: RunContext, attempt: Attempt, failure: MigrationError, lost: TemporaryFailure | None
) -> TemporaryFailure | None:
    """Return if there is another attempt, with the loss to recover from, if any; else raise."""
    if run.read_only:
        raise failure
    if isinstance(failure, TemporaryFailure) and failure.facts.get("reason") == SESSION_LOST:
        return _accept_loss(run, attempt, failure)
    if lost is not None and isinstance(failure, DatabaseUnavailable):
        if run.outages.remaining > 0:
            # env.py's own engine: the server is down again.
            return lost
        raise _not_back(run, lost, failure) from failure
    if lost is not None and isinstance(failure, ConfigError):
        # env.py cannot be loaded twice in a process: another process can continue.
        raise lost from failure
    if failure.facts.get("reason") == TRANSACTION_AWAITED:
        # Its transaction is over now.
        return None
    retryable = failure.facts.get("reason") in LOCK_FAILURES.values()
    if retryable and not failure.facts.get("kept") and not _would_go_too_far(run):
        sqlstate, message = failure.facts["sqlstate"], failure.facts["message"]
        # A failure of the COMMIT has not been followed by a pause yet.
        if run.lock_retries.take() or run.lock_retries.pause(sqlstate, message, ()):
            run.lock_retries.take()
            return None
    _accept_without(run, attempt, failure)
    return None


def _accept_without(run: RunContext, attempt: Attempt, failure: MigrationError) -> None:
    """Return if another attempt can go on without the version tables that have failed."""
    if run.continues and not _would_go_too_far(run):
        if attempt.failed and attempt.failed[0] not in run.failures.places:
            attempt.log_failure()
            run.failures.add(*attempt.failed)
            return
        if attempt.spared and isinstance(failure, (ConfigError, RevisionFailed)):
            # env.py did not bear what was rolled back: for one, in a transaction of its own.
            return
    if run.failures.places and isinstance(failure, ConfigError):
        # env.py cannot be loaded twice in a process.
        raise _not_again(run, failure) from failure
    raise failure


def _accept_loss(run: RunContext, attempt: Attempt, failure: TemporaryFailure) -> TemporaryFailure:
    progress = run.progress
    running = progress.running or "none"
    too_far = _would_go_too_far(run)
    read_only = failure.facts.get("sqlstate") == READ_ONLY
    may_continue = run.outages.begin(progress.count, read_only=read_only) and not too_far
    progress.session_lost()
    logs.get_logger().warning(
        events.SESSION_LOST,
        detail=failure.facts.get("message"),
        committed=[applied.revision for applied in run.report.applied],
        uncertain=progress.uncertain,
        losses=run.outages.losses,
        remaining_seconds=round(max(0.0, run.outages.remaining), 1),
    )
    if failure.facts.get("kept"):
        if run.outages.remaining > 0:
            attempt.settle()
        raise failure
    if may_continue:
        if read_only:
            run.outages.pause()
        return failure
    if read_only and not too_far:
        raise _read_only(run, failure) from failure
    if run.outages.remaining > 0:
        attempt.settle()
    if too_far:
        message = (
            f"The session was lost: {failure.facts.get('message')}. A retry would count"
            f" {run.request.target} from the database's current revision: check it before running"
            " again."
        )
        raise TemporaryFailure(message, **failure.facts) from failure
    message = (
        f"The session was lost {run.outages.losses} times without progress (revision {running}):"
        f" {failure.facts.get('message')}. {failure.facts.get('advice') or _MAY_CRASH} Then run"
        " again."
    )
    raise TemporaryFailure(message, **failure.facts) from failure


def _would_go_too_far(run: RunContext) -> bool:
    """Whether another attempt could go beyond a relative target, after a part of it was done."""
    return run.request.relative and bool(run.progress.count or run.progress.uncertain)


def _not_again(run: RunContext, failure: ConfigError) -> MigrationError:
    """Return the worst failure, after which env.py could not be run again for the others."""
    try:
        run.failures.raise_worst()
    except MigrationError as worst:
        message = (
            f"{worst.message} env.py could not be run again in this process for the version tables"
            f" after it, which were not reached: {failure.message}"
        )
        return type(worst)(message, **worst.facts)
    return failure


def _read_only(run: RunContext, failure: TemporaryFailure) -> DatabaseUnavailable:
    message = (
        f"The database was read-only for {run.settings.wait_timeout:.0f} s:"
        f" {failure.facts.get('message')}. It is a standby, or default_transaction_read_only is on:"
        " use the primary's address, or run again once it accepts writes."
    )
    return DatabaseUnavailable(message, **{**failure.facts, "reason": "read_only"})


def _not_back(
    run: RunContext, lost: TemporaryFailure, failure: DatabaseUnavailable
) -> TemporaryFailure:
    message = (
        f"The session was lost ({lost.facts.get('message')}), and the database did not come back"
        f" within {run.settings.wait_timeout:.0f} s: {failure.message} Run again."
    )
    return TemporaryFailure(message, **{**failure.facts, "reason": SESSION_LOST})
