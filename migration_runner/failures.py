"""What came out of env.py, Alembic or a revision, turned into an error with an exit code."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, Final

import sqlalchemy

from migration_runner.connection_errors import classify
from migration_runner.errors import (
    ConfigError,
    DatabaseRejected,
    DatabaseUnavailable,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
# Running again can help: a lock was not to be had, or a server went away or turned read-only.
_TEMPORARY: Final = frozenset(
    ("55P03", "40P01", "40001", "57P01", "57P02", "57P03", "53300", "25006")
)
# Outside of a revision, these come from the role that is set and from the version table.
_REFUSALS: Final = {
    "42501": "Grant it, or set MIGRATE_ROLE.",
    "3F000": "Create the version table's schema. If it is there, the role may not use it."
    " Grant it, or set MIGRATE_ROLE.",
    "22023": "Correct MIGRATE_ROLE, or create the role.",
}
_LONGEST_TEXT: Final = 2000


def translate_env_failure(error: BaseException) -> MigrationError:
    """Return the error for what failed outside of any revision: the session, or env.py itself."""
    facts = describe(error)
    detail = facts["message"]
    if _is_temporary(error, facts):
        return TemporaryFailure(f"The session failed: {detail}. Run again.", **facts)
    if advice := _REFUSALS.get(facts.get("sqlstate", "")):
        return DatabaseRejected(f"The database refused: {detail}. {advice}", **facts)
    if "sqlstate" in facts:
        return RevisionFailed(f"The database refused: {detail}.", **facts)
    if isinstance(error, sqlalchemy.exc.OperationalError):
        # libpq gives no SQLSTATE when it cannot connect.
        failure = classify(str(error.orig))
        message = f"env.py could not connect: {detail}. {failure.advice}"
        kind = DatabaseUnavailable if failure.retryable else DatabaseRejected
        return kind(message, reason=failure.reason, **facts)
    return ConfigError(f"env.py failed: {type(error).__name__}: {detail}.", **facts)


def translate_revision_failure(
    error: BaseException, revision: str, path: str, *, kept: bool
) -> MigrationError:
    """Return the error for a revision that failed; `kept` when it committed something before."""
    line = _line_in(error, path)
    place = path if line is None else f"{path}, line {line}"
    facts = {**describe(error), "revision": revision, "file": path, "line": line}
    detail = facts["message"]
    state = "Nothing of it was kept."
    if kept:
        state = "What it did before its last own commit (autocommit_block) was kept."
    if _is_temporary(error, facts):
        message = f"Revision {revision} could not be applied now: {detail}. {state} Run again."
        return TemporaryFailure(message, **facts)
    message = (
        f"Revision {revision} failed ({place}): {detail}. {state}"
        " Mend it and run again: the next run goes on there."
    )
    return RevisionFailed(message, **facts)


def describe(error: BaseException) -> dict[str, Any]:
    """Return an error's facts: message, statement, SQLSTATE, the server's detail and hint."""
    facts: dict[str, Any] = {"exception_type": type(error).__name__}
    if isinstance(error, sqlalchemy.exc.StatementError) and error.statement:
        facts["statement"] = _shorten(" ".join(error.statement.split()))
    original = getattr(error, "orig", None) or error
    facts["sqlstate"] = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    diagnosis = getattr(original, "diag", None)
    for name in ("message_primary", "message_detail", "message_hint", "context"):
        if value := getattr(diagnosis, name, None):
            facts[name.removeprefix("message_")] = value
    text = facts.pop("primary", None) or " ".join(str(original).split())
    facts["message"] = _shorten(text).rstrip(".?! ") or type(original).__name__
    return {name: value for name, value in facts.items() if value is not None}


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def is_ours(error: BaseException) -> bool:
    """Whether this package raised it itself: a bug, not somebody's env.py or revision."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).parent == Path(__file__).parent


def _is_temporary(error: BaseException, facts: dict[str, Any]) -> bool:
    lost = getattr(error, "connection_invalidated", False)
    return lost or facts.get("sqlstate") in _TEMPORARY


def _line_in(error: BaseException, path: str) -> int | None:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == path:
            return frame.lineno
    return None
