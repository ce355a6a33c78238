"""Checks around one revision: its blockers, if it got no lock, and indexes that it left invalid."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from migration_runner.database.invalid_indexes import (
    InvalidIndex,
    find_invalid_indexes,
    left_invalid,
    require_none_invalid,
)
from migration_runner.database.known_errors import Situation
from migration_runner.database.session_errors import ends_session
from migration_runner.database.statements import roll_back
from migration_runner.database.transaction_ends import TransactionEnds
from migration_runner.log import events, logs
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.failures import (
    FailedRevision,
    describe,
    invalid_index_failure,
    rolled_back_failure,
)
from migration_runner.run.lock_guard import LockGuard
from migration_runner.run.retries import LOCK_FAILURES
from migration_runner.run.statement_guard import StatementGuard


class RevisionChecks:
    """Checks the revisions of one work session, one after another.

    After a lock failure, a revision is rolled back and waits here, while the run lock is held, so
    that no other run tries in the meantime. The next try is a new attempt through env.py.
    """

    def __init__(self, run: RunContext, state: DatabaseState) -> None:
        self._run = run
        self._state = state
        self._listening = contextlib.ExitStack()
        self._ends = TransactionEnds(state.session.connection)
        self._listening.enter_context(self._ends.counted())
        self._ended_before = 0
        self._kept = self._committed_work = False
        self._transactional = True
        self._invalid_before: Sequence[int] = ()
        self._invalid: Sequence[InvalidIndex] = ()
        self._guard: StatementGuard | None = None
        self._lock: LockGuard | None = None
        self._unchecked: str | None = None

    def start(self) -> None:
        """Record which indexes are invalid already, and observe the statements."""
        if not self._state.session.safeguarded:
            return
        settings = self._run.settings
        self._guard = StatementGuard(
            self._state.session.connection,
            settings.ddl_lock_timeout,
            settings.concurrent_lock_timeout,
            repair=settings.repair_invalid_indexes,
        )
        self._listening.enter_context(self._guard.listening())
        self._lock = LockGuard(self._state, self._has_committed)
        self._listening.enter_context(self._lock.listening())
        with self._state.session.between_transactions():
            found = find_invalid_indexes(self._state.session.connection)
        self._invalid_before = [index.oid for index in found]

    def close(self) -> None:
        """Leave the connection as it was."""
        self._listening.close()

    def around(self, revision: str) -> Callable[[Callable[[], None]], None]:
        """Return a wrapper for a revision's function."""

        def call(function: Callable[[], None]) -> None:
            self._begin(revision)
            try:
                try:
                    function()
                finally:
                    # The COMMIT after a revision does not count as its own.
                    self._ends.look()
                    self._kept = self._has_committed()
                    self._committed_work = self._ends.committed_work
            except Exception as error:
                self._failed(error)
                raise
            if self._ends.undone_work:
                raise rolled_back_failure(revision, self._path(revision))
            self._unchecked = revision
            if self._kept or (self._guard is not None and self._guard.indexes):
                self.check_indexes()

        return call

    @property
    def statements(self) -> list[str]:
        """SQL that fails if the last revision may have left an index invalid, or lost the lock.

        It is sent along with the statements that record the revision: most have done neither.
        """
        found = [self._lock.check_statement] if self._lock else []
        if self._guard is not None and self._unchecked is not None:
            found.append(require_none_invalid(self._invalid_before))
        return [statement for statement in found if statement]

    def check(self) -> None:
        """Check the same, one by one, before the last revision is recorded.

        Raises `RevisionFailed` for an index, and `TemporaryFailure` for the lock.
        """
        if self._lock is not None:
            self._lock.end()
        self.check_indexes()

    def _has_committed(self) -> bool:
        """Whether the running revision has committed something by itself."""
        return self._ends.count > self._ended_before or not self._transactional

    def describe(self, revision: str) -> FailedRevision:
        """Describe a revision that failed."""
        return FailedRevision(
            revision,
            self._path(revision),
            self._kept,
            self._run.lock_retries.attempts,
            self._run.observer.blockers,
            self._invalid,
            transactional=self._transactional,
            committed_work=self._committed_work,
            version_table=self._run.progress.name().get("version_table", ""),
            situation=Situation(
                revision,
                shares_transaction=not self._run.progress.first,
                new=not self._run.report.version_tables.beginning_of(self._state.location),
            ),
        )

    def _path(self, revision: str) -> str:
        known = self._run.project.history.revisions.get(revision)
        return known.path if known else ""

    def _begin(self, revision: str) -> None:
        if self._run.progress.first:
            # Otherwise the revisions before it are in the same transaction, and fail with it.
            self._ended_before = self._ends.count
        self._ends.begin()
        self._kept = self._committed_work = False
        self._unchecked = None
        # Now, since a broken connection can no longer tell.
        self._transactional = self._state.transactional
        self._invalid = ()
        self._run.lock_retries.begin(revision, self._state.location)
        self._run.observer.begin(revision)
        if self._guard is not None:
            self._guard.forget_indexes()
        if self._lock is not None:
            self._lock.begin(revision)

    def _failed(self, error: Exception) -> None:
        session = self._state.session
        if session.lost or ends_session(error):
            return
        sqlstate = describe(error).get("sqlstate", "")
        try:
            roll_back(session.connection)
            if self._guard is not None and (self._kept or self._guard.indexes):
                self._invalid = left_invalid(
                    session.connection, self._invalid_before, self._guard.indexes
                )
                roll_back(session.connection)
        except Exception as failure:  # noqa: BLE001 - the revision's own failure is reported
            logs.get_logger().debug(events.CLEANUP_FAILED, step="roll_back", detail=str(failure))
            return
        if sqlstate in LOCK_FAILURES and not self._kept:
            self._run.observer.end()
            detail = describe(error)["message"]
            self._run.lock_retries.pause(sqlstate, detail, self._run.observer.blockers)

    def check_indexes(self) -> None:
        """Raise `RevisionFailed` if the revision left an index invalid, before it is recorded."""
        revision, self._unchecked = self._unchecked, None
        if self._guard is None or revision is None:
            return
        session = self._state.session
        with session.between_transactions():
            invalid = left_invalid(session.connection, self._invalid_before, self._guard.indexes)
        if invalid:
            raise invalid_index_failure(revision, self._path(revision), invalid)
