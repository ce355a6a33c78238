"""How to write safely what a check has found; `docs/verify.md` says more."""

from __future__ import annotations

import re
from typing import Final

from migration_runner.workshop.hazards.statement import Statement

_NOT_NULL_NOT_VALID: Final = 18
_NEW_COLUMN: Final = (
    "Add a new column, keep both in step with a trigger, backfill it with update_in_batches, and"
    " drop the old one in a later revision."
)
_BREAKS: Final = (
    " If no release that is running uses it, declare breaks_before = the revision that such"
    " releases lack."
)
_ADVICE: Final = {
    "table-rewrite": _NEW_COLUMN,
    "scan-blocks-access": (
        "Add the constraint as NOT VALID; VALIDATE CONSTRAINT in a separate revision, which reads"
        " the rows without blocking anybody."
    ),
    "scan-blocks-writes": (
        "Take the lock in one revision, and read the rows in another: VALIDATE CONSTRAINT blocks"
        " nobody in a transaction of its own."
    ),
    "index-build-blocks-access": (
        "Build the index with CREATE UNIQUE INDEX CONCURRENTLY in an autocommit_block, then add"
        " the constraint with USING INDEX."
    ),
    "index-build-blocks-writes": (
        "Use CREATE INDEX CONCURRENTLY in an autocommit_block (postgresql_concurrently=True), after"
        " DROP INDEX CONCURRENTLY IF EXISTS."
    ),
    "foreign-key-scan": (
        "Add the foreign key as NOT VALID (postgresql_not_valid=True), and VALIDATE CONSTRAINT in"
        " a separate revision."
    ),
    "write-under-lock": (
        "Change the rows in a revision of their own, with update_in_batches: each revision is one"
        " transaction, and its locks are held until its end."
    ),
    "whole-table-write": "Use update_in_batches, in a revision of its own.",
    "drops-table": "Drop it once no release uses it." + _BREAKS,
    "drops-view": "Drop it once no release uses it, or replace it in the same revision." + _BREAKS,
    "drops-column": "Drop it once no release uses it." + _BREAKS,
    "renames-table": (
        "Create a view with the old name in the same revision, until no release uses that."
        + _BREAKS
    ),
    "renames-column": _NEW_COLUMN + _BREAKS,
    "adds-required-column": (
        "Add the column as nullable, or with a constant default; backfill it; then require it."
    ),
    "drops-default": "Drop the default once every release names the column." + _BREAKS,
    "empties-table": "Delete what must go in batches, or waive this check with the reason.",
    "time-zone-rewrite": (
        "Execute SET LOCAL timezone = 'UTC' before, if the values are in UTC; otherwise use a new"
        " column."
    ),
    "needs-autocommit": "Put it into `with op.get_context().autocommit_block():`.",
    "enum-value-too-early": "Add the value in one revision, and use it in the next.",
    "index-if-not-exists": (
        "Leave IF NOT EXISTS out, and execute DROP INDEX CONCURRENTLY IF EXISTS before."
    ),
    "short-lock": (
        "Nothing to do: MIGRATE_DDL_LOCK_TIMEOUT limits the wait for it, and the run tries again."
    ),
}
_REINDEX: Final = "Use REINDEX ... CONCURRENTLY in an autocommit_block."
_REFRESH: Final = "Use REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index."
_COLUMN: Final = (
    "Add the column without a default, set the default in a second statement, and backfill it with"
    " update_in_batches."
)
_SET_NOT_NULL: Final = (
    "Add CHECK (... IS NOT NULL) NOT VALID; VALIDATE CONSTRAINT in a separate revision; then SET"
    " NOT NULL trusts the check and reads nothing."
)
_NOT_NULL_18: Final = (
    "ADD CONSTRAINT ... NOT NULL ... NOT VALID; VALIDATE CONSTRAINT in a separate revision."
)
_ATTACH: Final = (
    "Give the table a validated CHECK with the partition's bounds before it is attached, and drop"
    " the check afterwards."
)
_SEPARATE: Final = "Read the rows in a revision of its own, or before the lock is taken."
_SHRINK: Final = "Do it in a maintenance window, or with a tool such as pg_repack."
# By the statement's text: the first pattern that is found.
_FITTING: Final = {
    "table-rewrite": (
        (r"REFRESH\s+MATERIALIZED", _REFRESH),
        (r"\bADD\s+COLUMN\b", _COLUMN),
        (r"^\s*(?:VACUUM|CLUSTER)\b|SET\s+(?:UN)?LOGGED|TABLESPACE", _SHRINK),
    ),
    "scan-blocks-access": (
        (r"\bATTACH\s+PARTITION\b", _ATTACH),
        (r"^\s*(?:SELECT|WITH)\b", _SEPARATE),
    ),
    "index-build-blocks-access": (
        (r"\bREINDEX\b", _REINDEX),
        (r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\b", "Build the index in a revision of its own."),
        (r"\bTYPE\b", _NEW_COLUMN),
    ),
}


def advice_for(check: str, statement: Statement, major: int) -> str:
    """Return how to write a statement safely, on a server of this major version."""
    if check == "scan-blocks-access" and re.search(r"(?i)\bSET\s+NOT\s+NULL\b", statement.sql):
        return _NOT_NULL_18 if major >= _NOT_NULL_NOT_VALID else _SET_NOT_NULL
    for pattern, advice in _FITTING.get(check, ()):
        if re.search(pattern, statement.sql, re.IGNORECASE):
            return advice
    return _ADVICE.get(check, "")
