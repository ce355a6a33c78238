"""Translates errors of env.py, Alembic or a revision into errors with an exit code."""

from __future__ import annotations

import configparser
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import sqlalchemy

from migration_runner.database.blockers import Blocker, name_blockers
from migration_runner.database.connection_errors import classify, join_lines
from migration_runner.database.invalid_indexes import InvalidIndex
from migration_runner.database.known_errors import KnownError, Origin, Situation, find_known
from migration_runner.database.pooler import recognize_statement_pooler
from migration_runner.database.session_errors import SESSION_LOST, ends_session
from migration_runner.database.statements import is_in_catalog, routine_of, sqlstate_of
from migration_runner.errors import (
    ConfigError,
    DatabaseRejected,
    DatabaseUnavailable,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
)
from migration_runner.log.bounds import shorten
from migration_runner.log.redaction import hide_passwords_of, redact
from migration_runner.project.errors import describe_env_error, describe_interpolation
from migration_runner.run.retries import LOCK_FAILURES

# The session's, or a standby's: https://www.postgresql.org/docs/current/errcodes-appendix.html
READ_ONLY: Final = "25006"
_BUSY: Final = frozenset(("53300", *LOCK_FAILURES))
_LONGEST_TEXT: Final = 2000
_CAUGHT: Final = (
    "but the server executes nothing more in that transaction: correct the statement, or let it"
    " fail in a savepoint, `with op.get_bind().begin_nested():`."
)
_LOCK_FUNCTION: Final = "pg_try_advisory_lock"


@dataclass(frozen=True)
class FailedRevision:
    """A revision that failed, and the state in which it left the database.

    `version_table` is its version table's name, if a run has several. `kept`: some of it is
    committed, or, unless it is `transactional`, all of it. `invalid`: the indexes that it left
    invalid.
    """

    revision: str
    path: str
    kept: bool
    attempts: int = 0
    blockers: Sequence[Blocker] = ()
    invalid: Sequence[InvalidIndex] = ()
    transactional: bool = True
    version_table: str = ""
    # By a COMMIT of its own, of changes that it had made in a transaction.
    committed_work: bool = False
    situation: Situation = field(default_factory=Situation)


def translate_env_failure(error: BaseException, *, lost: bool = False) -> MigrationError:
    """Translate an error from outside of any revision: of the session, or of env.py itself."""
    return recognize_statement_pooler(error) or _translate_env_failure(error, lost=lost)


def _translate_env_failure(error: BaseException, *, lost: bool) -> MigrationError:
    facts = describe(error)
    detail = facts["message"]
    if lost or ends_session(error):
        return _session_lost(detail, facts)
    if facts.get("sqlstate") in _BUSY:
        return TemporaryFailure(f"The session failed: {detail}. Run again.", **facts)
    locking = _LOCK_FUNCTION in str(facts.get("statement"))
    if known := _known(Origin.OUTSIDE, error, Situation(locking=locking)):
        return known.kind(f"The database reported: {detail}. {_advise(known)}", **facts)
    if "sqlstate" in facts:
        message = f"A statement outside of any revision failed: {detail}."
        return RevisionFailed(message, **facts)
    if isinstance(error, sqlalchemy.exc.OperationalError):
        # libpq has no SQLSTATE if it cannot connect.
        failure = classify(str(error.orig))
        message = f"env.py could not connect: {detail}. {failure.advice}"
        kind = DatabaseUnavailable if failure.retryable else DatabaseRejected
        return kind(message, reason=failure.reason, **facts)
    message, where = describe_env_error(error, detail)
    reason = "import_error" if isinstance(error, ImportError) else "env_failed"
    return ConfigError(message, reason=reason, **{**facts, **where})


def translate_revision_failure(
    error: BaseException, failed: FailedRevision, *, lost: bool = False, caught: bool = False
) -> MigrationError:
    """Translate the error of a revision that failed. `caught`: the revision went on after it."""
    line = _line_in(error, failed.path)
    place = failed.path if line is None else f"{failed.path}, line {line}"
    facts = {**describe(error), "revision": failed.revision, "file": failed.path, "line": line}
    if failed.version_table:
        facts["version_table"] = failed.version_table
    where = f" on {failed.version_table}" if failed.version_table else ""
    detail = facts["message"]
    if lost or ends_session(error):
        if failed.committed_work:
            message = (
                f"The session was lost: {detail}. Revision {failed.revision} ({place}) had"
                " committed a part of its changes by itself, and that part remains. Check what is"
                " left to do before it runs again."
            )
            return TemporaryFailure(message, reason=SESSION_LOST, kept=True, **facts)
        return _session_lost(detail, facts)
    state = "It was rolled back."
    if failed.kept and not failed.transactional:
        state = "Some or all of its earlier changes remain: they cannot be rolled back here."
    elif failed.kept:
        state = "Its changes up to its last commit (autocommit_block, or COMMIT) remain."
    if failed.invalid:
        facts["invalid_indexes"] = [index.name for index in failed.invalid]
        drops = "; ".join(index.drop for index in failed.invalid)
        state += (
            f" It left an invalid index: drop it ({drops}), or set"
            " MIGRATE_REPAIR_INVALID_INDEXES=true."
        )
    if reason := LOCK_FAILURES.get(facts.get("sqlstate", "")):
        tried = f" Tried {failed.attempts} times." if failed.attempts > 1 else ""
        message = (
            f"Revision {failed.revision} could not get its locks{where}: {detail}. {state}{tried}"
            f" {name_blockers(failed.blockers)} Run again."
        )
        facts |= {"reason": reason, "attempts": failed.attempts, "kept": failed.kept}
        facts["blockers"] = [asdict(blocker) for blocker in failed.blockers]
        return TemporaryFailure(message, **facts)
    failure = f"Revision {failed.revision} failed{where} ({place}): {detail}. {state}"
    if caught:
        message = f"{failure} The revision went on after that error, {_CAUGHT} Then run again."
        return RevisionFailed(message, **facts)
    if known := _known(Origin.REVISION, error, failed.situation):
        return known.kind(f"{failure} {_advise(known)}", **facts)
    message = (
        f"{failure} Fix it and run again; the next run continues from the database's revision."
    )
    return RevisionFailed(message, **facts)


def rolled_back_failure(revision: str, path: str) -> RevisionFailed:
    """Return the error for a revision that succeeded, but has rolled its own changes back."""
    message = (
        f"Revision {revision} ({path}) rolled its transaction back (or prepared it), and with it"
        " changes that had been made. It was not recorded as applied. Remove the rollback, or use a"
        " savepoint (begin_nested), and run again."
    )
    return RevisionFailed(
        message, reason="rolled_back", revision=revision, file=path, message="rolled back by itself"
    )


def invalid_index_failure(
    revision: str, path: str, invalid: Sequence[InvalidIndex]
) -> RevisionFailed:
    """Return the error for a revision that succeeded, but left an index invalid."""
    names = ", ".join(index.name for index in invalid)
    rebuild = "; ".join(index.rebuild for index in invalid)
    message = (
        f"Revision {revision} ({path}) left the index {names} invalid: the database maintains it"
        " but never uses it. The revision was not recorded as applied. Rebuild the index"
        f" ({rebuild}) and run again; or set MIGRATE_REPAIR_INVALID_INDEXES=true, and the next run"
        " rebuilds it."
    )
    return RevisionFailed(
        message,
        reason="invalid_index",
        revision=revision,
        file=path,
        message=f"invalid index {names}",
        invalid_indexes=[index.name for index in invalid],
        fix=[index.rebuild for index in invalid],
    )


def _known(origin: Origin, error: BaseException, situation: Situation) -> KnownError | None:
    """Look an error up, with what it tells of itself."""
    here = replace(situation, in_catalog=is_in_catalog(error), routine=routine_of(error))
    return find_known(origin, sqlstate_of(error), here)


def _advise(known: KnownError) -> str:
    return f"{known.advice} {'Run' if known.kind is TemporaryFailure else 'Then run'} again."


def _session_lost(detail: str, facts: dict[str, Any]) -> TemporaryFailure:
    message = f"The session was lost: {detail}."
    if known := find_known(Origin.LOST, facts.get("sqlstate")):
        message, facts = f"{message} {known.advice}", {**facts, "advice": known.advice}
    return TemporaryFailure(f"{message} Run again.", reason=SESSION_LOST, **facts)


def is_read_only(error: BaseException) -> bool:
    """Whether a statement was refused because its transaction is read-only."""
    return sqlstate_of(error) == READ_ONLY


def describe(error: BaseException) -> dict[str, Any]:
    """Return an error's facts: message, statement, SQLSTATE, the server's detail and hint."""
    facts: dict[str, Any] = {"exception_type": type(error).__name__}
    if isinstance(error, sqlalchemy.exc.StatementError) and error.statement:
        hide_passwords_of(error.statement)
        facts["statement"] = shorten(" ".join(redact(error.statement).split()), _LONGEST_TEXT)
    original = getattr(error, "orig", None) or error
    facts["sqlstate"] = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    diagnosis = getattr(original, "diag", None)
    for name in ("message_primary", "message_detail", "message_hint", "context"):
        if value := getattr(diagnosis, name, None):
            facts[name.removeprefix("message_")] = value
    text = facts.pop("primary", None) or join_lines(str(original))
    if isinstance(original, configparser.InterpolationSyntaxError):
        text = describe_interpolation(original)
    facts["message"] = shorten(text, _LONGEST_TEXT).rstrip(".?! ") or type(original).__name__
    return {name: value for name, value in facts.items() if value is not None}


def _line_in(error: BaseException, path: str) -> int | None:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == path:
            return frame.lineno
    return None
