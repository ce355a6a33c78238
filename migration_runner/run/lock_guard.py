"""Notices that a revision has released the run lock, and takes it again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import sqlalchemy

from migration_runner.database.listeners import listening
from migration_runner.errors import TemporaryFailure
from migration_runner.log import events, logs
from migration_runner.run.database_state import DatabaseState

# After such a statement the lock is checked at once; and in any case when a revision ends.
_SUSPICIOUS: Final = ("unlock", "discard")


class LockGuard:
    """The run lock of one work session, while its revisions run."""

    def __init__(self, state: DatabaseState, kept: Callable[[], bool]) -> None:
        """Create one; `kept` returns whether the running revision has committed something."""
        self._state = state
        self._kept = kept
        self._revision: str | None = None
        self._checking = False

    def listening(self) -> AbstractContextManager[None]:
        """Check after statements that may release the lock, until the block is left."""
        return listening(self._state.session.connection, after_cursor_execute=self._after)

    def begin(self, revision: str) -> None:
        """Begin to guard a revision."""
        self._revision = revision

    @property
    def check_statement(self) -> str | None:
        """SQL that fails if the lock is lost, to be sent along; None if there is none to lose."""
        return self._state.lock.require_held() if self._revision else None

    def end(self) -> None:
        """Check, once, after the revision. Raises what `check` raises."""
        if self._revision is not None:
            self.check()
            self._revision = None

    def check(self) -> None:
        """Take the lock again if it is lost. Raises `TemporaryFailure` if another run has it."""
        lock = self._state.lock
        if lock.is_held():
            return
        taken = lock.take_again()
        logs.get_logger().warning(
            events.RUN_LOCK_RELEASED, revision=self._revision, taken_again=taken
        )
        if not taken:
            kept = "What it had committed remains." if self._kept() else "It was rolled back."
            message = (
                f"Revision {self._revision} released the run lock (pg_advisory_unlock_all or"
                f" DISCARD ALL), and another run has taken it. {kept} Remove that statement from"
                " the revision, wait for the other run, and run again."
            )
            raise TemporaryFailure(message, reason="run_lock_released", revision=self._revision)

    def _after(
        self, _connection: sqlalchemy.Connection, _cursor: Any, statement: str, *_: Any
    ) -> None:
        if self._checking or not any(word in statement.lower() for word in _SUSPICIOUS):
            return
        self._checking = True
        try:
            self.check()
        finally:
            self._checking = False
