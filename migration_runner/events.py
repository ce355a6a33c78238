"""The names of the events in the log: stable, past tense, one each for a thing that happened."""

from __future__ import annotations

from typing import Final

RUN_STARTED: Final = "run_started"
DATABASE_UNAVAILABLE: Final = "database_unavailable"
DATABASE_READY: Final = "database_ready"
RUN_LOCK_BUSY: Final = "run_lock_busy"
RUN_LOCK_ACQUIRED: Final = "run_lock_acquired"
REVISIONS_PENDING: Final = "revisions_pending"
REVISION_STARTED: Final = "revision_started"
REVISION_APPLIED: Final = "revision_applied"
REVISION_FAILED: Final = "revision_failed"
ENV_FAILED: Final = "env_failed"
STATEMENT_EXECUTED: Final = "statement_executed"
HISTORY_CHECKED: Final = "history_checked"
CLEANUP_FAILED: Final = "cleanup_failed"
RUN_FAILED: Final = "run_failed"
RUN_FINISHED: Final = "run_finished"
