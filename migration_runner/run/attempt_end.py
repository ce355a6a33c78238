"""What ended an attempt: known from the state first, and only then from what was raised."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from migration_runner import signals
from migration_runner.database.engine import on_new_connection
from migration_runner.database.session import refuses_writes
from migration_runner.database.statements import IN_FAILED_TRANSACTION, sqlstate_of
from migration_runner.errors import Interrupted, MigrationError, RevisionFailed
from migration_runner.log import events, logs
from migration_runner.log.bounds import shorten
from migration_runner.project.errors import format_traceback, is_ours
from migration_runner.run.configured_tables import ConfiguredTables
from migration_runner.run.env_connections import EnvConnections
from migration_runner.run.failures import (
    is_read_only,
    translate_env_failure,
    translate_revision_failure,
)
from migration_runner.run.progress import Progress
from migration_runner.run.retries import LOCK_FAILURES

_LONGEST_TRACEBACK: Final = 20_000


class AttemptEnd:
    """Explains the end of one attempt, or of a version table in it, and keeps it for the log."""

    def __init__(
        self, progress: Progress, connections: EnvConnections, tables: ConfiguredTables
    ) -> None:
        self._progress = progress
        self._connections = connections
        self._tables = tables
        self._failure: tuple[str, dict[str, Any]] | None = None

    def explain(self, error: BaseException) -> BaseException:
        """Return what ended the attempt: by what is known first, then by what was raised."""
        if number := signals.received():
            return error if isinstance(error, Interrupted) else Interrupted(number)
        errors = self._connections.errors
        lost = errors.lost
        if isinstance(error, MigrationError) and not (lost and _says_nothing_of_it(error)):
            if self._progress.running and isinstance(error, RevisionFailed):
                self._failure = events.REVISION_FAILED, error.facts
            return error
        cause = errors.cause(error)
        if is_ours(cause) and self._connections.explain(cause) is None:
            return error
        caught = cause is not error and sqlstate_of(error) == IN_FAILED_TRANSACTION
        return self._translate(cause, self._failed_revision(cause), lost=lost, caught=caught)

    def log(self) -> None:
        """Log the failure, once it will not be retried."""
        if self._failure is not None:
            event, facts = self._failure
            logs.get_logger().error(event, **facts)
        self._failure = None

    def _translate(
        self, error: BaseException, revision: str | None, *, lost: bool, caught: bool
    ) -> MigrationError:
        """Translate what env.py or a revision raised, and keep it for the log."""
        if explained := self._connections.explain(error):
            return explained
        lost = lost or self._connections.broke_early(error)
        lost = lost or (is_read_only(error) and self._refuses_writes())
        if revision is None:
            event, failure = events.ENV_FAILED, translate_env_failure(error, lost=lost)
        else:
            event = events.REVISION_FAILED
            assert self._tables.current is not None  # noqa: S101 - it has run a revision
            failed = self._tables.current.describe_failed(revision)
            failure = translate_revision_failure(error, failed, lost=lost, caught=caught)
        facts = dict(failure.facts)
        if "sqlstate" not in facts and (trace := format_traceback(error)):
            facts["exception"] = shorten(trace, _LONGEST_TRACEBACK)
        self._failure = event, facts
        return failure

    def _refuses_writes(self) -> bool:
        """Whether it is the server that is read-only, and not just a revision's transaction."""
        with warned("read_only"):
            if self._tables.current:
                return self._tables.current.state.refuses_writes()
            engine = self._connections.errors.engine
            return engine is not None and on_new_connection(engine, refuses_writes)
        return True

    def _failed_revision(self, error: BaseException) -> str | None:
        """Return the revision that failed; None if that was env.py.

        An error of a COMMIT, which is no statement to SQLAlchemy, is that of the only revision in
        it: a deferred constraint's, for one. A lock failure counts as the last one's: all of them
        are tried again.
        """
        sqlstate, in_transaction = sqlstate_of(error), self._progress.open
        at_commit = bool(sqlstate) and getattr(error, "statement", "") is None
        if sqlstate in LOCK_FAILURES or (at_commit and len(in_transaction) == 1):
            return next(reversed(in_transaction), None)
        return self._progress.running


def _says_nothing_of_it(error: MigrationError) -> bool:
    """Whether an error of the runner's own can be the consequence of a lost session."""
    return isinstance(error, RevisionFailed)


@contextlib.contextmanager
def warned(step: str) -> Iterator[None]:
    """Log a failure in cleaning up: only the run's own failure is reported.

    A lock that could not be released ends with its session, at the process's end at the latest.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        logs.get_logger().warning(events.CLEANUP_FAILED, step=step, detail=str(error))
