"""The run: look, lock, look again, apply, verify."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy
from alembic.runtime.migration import MigrationContext, RevisionStep

from migration_runner import events, logs
from migration_runner.alembic_bridge import AlembicProject
from migration_runner.clock import Clock, Stopwatch
from migration_runner.errors import (
    ConfigError,
    DatabaseRejected,
    HistoryError,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
)
from migration_runner.report import AppliedRevision, RunReport
from migration_runner.run_lock import acquire_run_lock, derive_key
from migration_runner.session import (
    SessionSettings,
    WorkSession,
    count_commits,
    log_statements,
)
from migration_runner.settings import Settings

# Trying the whole run again can help: a lock was not to be had, or a server went away.
_TEMPORARY = ("55P03", "40P01", "40001", "57P01", "57P02", "57P03", "53300", "25006")
_INSUFFICIENT_PRIVILEGE = "42501"
_STATEMENT_CHARACTERS = 2000


class Upgrade:
    """One upgrade of one project to one target, told to one report."""

    def __init__(
        self, project: AlembicProject, settings: Settings, report: RunReport, clock: Clock
    ) -> None:
        self._project = project
        self._settings = settings
        self._report = report
        self._clock = clock
        self._log = logs.get_logger()
        self._session: WorkSession | None = None
        self._context: MigrationContext | None = None
        self._nothing_to_do = False
        self._planned: list[str] = []
        # Applied by Alembic, but inside a transaction that env.py has yet to commit.
        self._uncommitted: list[AppliedRevision] = []
        self._current: str | None = None
        self._commits_before = 0
        self._commits: Callable[[], int] = int

    def run(self, engine: sqlalchemy.Engine, application_name: str) -> None:
        """Bring the database to the target. Raises a `MigrationError`, or `Interrupted`."""
        self._application_name = application_name
        with engine.connect() as connection:
            self._report.waited_for_database_seconds = self._report.elapsed()
            try:
                with logs.captured_prints():
                    self._project.run_env(
                        self._settings.target, connection, self._prepare, self._apply
                    )
                self._verify()
            except MigrationError:
                self._read_back()
                raise
            except Exception as error:
                failure = self._translate(error)
                self._read_back()
                raise failure from error
            finally:
                self._unlock()

    def _prepare(self, context: MigrationContext) -> None:
        """Look, lock and look again, on the connection that env.py has just configured."""
        logs.capture_log_records()
        connection = context.connection
        if connection is None:
            message = (
                "env.py configured Alembic without a connection; nothing was touched."
                " Pass connection=... to context.configure()."
            )
            raise ConfigError(message, reason="no_connection")
        if self._settings.log_level == "debug":
            log_statements(connection)
        session = WorkSession(
            connection,
            SessionSettings(
                self._application_name,
                self._settings.ddl_lock_timeout,
                self._settings.statement_timeout,
                self._settings.role,
            ),
        )
        self._session, self._context = session, context
        self._report.database, self._report.server_version = session.prepare()
        self._log.info(
            events.DATABASE_READY,
            database=self._report.database,
            server_version=self._report.server_version,
            waited_seconds=round(self._report.waited_for_database_seconds, 3),
        )
        session.apply_settings()
        self._report.from_revisions = self._look()
        if self._done() or not self._lock(session, context):
            self._nothing_to_do = True
            context.opts["dont_mutate"] = True
            return
        self._report.from_revisions = self._look()
        self._commits = count_commits(connection)

    def _lock(self, session: WorkSession, context: MigrationContext) -> bool:
        place = session.locate_version_table(context.version_table_schema, context.version_table)
        key = self._settings.run_lock_key
        key = derive_key(*place) if key is None else key
        waiting = Stopwatch(self._clock)
        try:
            locked = acquire_run_lock(
                session, key, self._settings.run_lock_timeout, self._clock, self._done
            )
        finally:
            self._report.waited_for_run_lock_seconds = waiting.elapsed()
        if locked:
            waited = round(waiting.elapsed(), 3)
            self._log.info(events.RUN_LOCK_ACQUIRED, key=key, waited_seconds=waited)
        return locked

    def _look(self) -> tuple[str, ...]:
        """Read the heads from the database."""
        assert self._context is not None  # noqa: S101 - set before anything looks
        assert self._session is not None  # noqa: S101
        with self._session.between_transactions():
            heads = tuple(sorted(self._context.get_current_heads()))
        self._report.to_revisions = heads
        return heads

    def _done(self) -> bool:
        """Look whether the target is reached. Raises `HistoryError` on heads we do not know."""
        heads = self._look()
        if unknown := self._project.history.unknown(heads):
            ours = ", ".join(self._project.history.heads) or "base"
            message = (
                f"The database is at {', '.join(unknown)}, which this image does not have (its"
                f" head is {ours}). Nothing was touched. Deploy the image that has it."
            )
            raise HistoryError(
                message,
                reason="unknown_revision",
                database_heads=list(heads),
                image_heads=list(self._project.history.heads),
            )
        return not self._project.pending(self._settings.target, heads)

    def _apply(self, steps: Iterable[tuple[str, RevisionStep]]) -> Iterable[RevisionStep]:
        """Hand the steps to Alembic; control comes back when a revision's transaction ended."""
        if self._nothing_to_do:
            return
        assert self._session is not None  # noqa: S101 - `_prepare` comes first
        steps = list(steps)
        self._planned = [revision for revision, _ in steps]
        for number, (revision, step) in enumerate(steps, 1):
            self._session.apply_settings()
            description = self._project.history.revisions[revision].description
            self._log.info(
                events.REVISION_STARTED,
                revision=revision,
                description=description,
                number=number,
                of=len(steps),
            )
            stopwatch = Stopwatch(self._clock)
            self._current, self._commits_before = revision, self._commits()
            yield step
            self._uncommitted.append(AppliedRevision(revision, description, stopwatch.elapsed()))
            self._current = None
            if not self._session.in_transaction:
                self._tell_applied()

    def _tell_applied(self) -> None:
        for applied in self._uncommitted:
            self._log.info(
                events.REVISION_APPLIED,
                revision=applied.revision,
                duration_seconds=round(applied.duration_seconds, 3),
            )
        self._report.applied += self._uncommitted
        heads = self._project.history.with_ancestors(self._report.to_revisions or ())
        heads |= {applied.revision for applied in self._uncommitted}
        self._report.to_revisions = self._heads_of(heads)
        self._uncommitted = []

    def _heads_of(self, applied: set[str]) -> tuple[str, ...]:
        revisions = self._project.history.revisions
        below = {parent for revision in applied for parent in revisions[revision].parents}
        return tuple(sorted(applied - below))

    def _verify(self) -> None:
        """Ask the database whether what Alembic reported is so."""
        if self._context is None:
            message = (
                "env.py never called context.configure(), so nothing was done."
                " Let it end in run_migrations_online()."
            )
            raise RevisionFailed(message, reason="nothing_happened")
        heads = self._look_anyhow()
        missing = set(self._planned) - self._project.history.with_ancestors(heads)
        unfinished = not self._nothing_to_do and not self._planned
        if missing or (unfinished and self._project.pending(self._settings.target, heads)):
            message = (
                "env.py returned, but the database is not at the target: nothing was committed,"
                " or context.run_migrations() was never called."
            )
            raise RevisionFailed(message, reason="nothing_happened", missing=sorted(missing))
        self._tell_applied()

    def _look_anyhow(self) -> tuple[str, ...]:
        """Read the heads, also when env.py has closed its connection by now."""
        assert self._context is not None  # noqa: S101 - `_verify` has looked
        connection = self._context.connection
        if connection is None or not connection.closed:
            return self._look()
        with connection.engine.connect() as fresh:
            again = MigrationContext.configure(
                fresh,
                opts={
                    "version_table": self._context.version_table,
                    "version_table_schema": self._context.version_table_schema,
                },
            )
            heads = tuple(sorted(again.get_current_heads()))
        self._report.to_revisions = heads
        return heads

    def _read_back(self) -> None:
        """After a failure, state what the database says, where it can still be asked."""
        session = self._session
        if session is None or session.connection.closed or session.connection.invalidated:
            return
        try:
            session.connection.rollback()
            self._look()
        except Exception as error:  # noqa: BLE001 - the failure itself is what must be reported
            self._log.warning(events.CLEANUP_FAILED, step="read_back", detail=str(error))

    def _unlock(self) -> None:
        if self._session is None:
            return
        try:
            self._session.unlock()
        except Exception as error:  # noqa: BLE001 - closing the session unlocks, too
            self._log.warning(events.CLEANUP_FAILED, step="unlock", detail=str(error))

    def _translate(self, error: Exception) -> MigrationError:
        """Turn what came out of env.py, Alembic or a revision into an error with an exit code."""
        facts = _describe(error)
        detail = f"{facts.get('message', error)}"
        sqlstate = facts.get("sqlstate")
        lost = getattr(error, "connection_invalidated", False)
        if self._current is None:
            if lost or sqlstate in _TEMPORARY:
                message = f"The session failed: {detail}. Try again."
                return TemporaryFailure(message, **facts)
            if sqlstate == _INSUFFICIENT_PRIVILEGE:
                message = f"The database role lacks a privilege: {detail}. Grant it."
                return DatabaseRejected(message, **facts)
            message = f"env.py failed: {type(error).__name__}: {detail}."
            return ConfigError(message, **facts)
        path = self._project.history.revisions[self._current].path
        line = _line_in(error, path)
        facts |= {"revision": self._current, "file": path, "line": line}
        kept = "Nothing of it was kept."
        if self._commits() > self._commits_before:
            kept = "It commits in between: what ran before its last commit was kept."
        self._log.error(events.REVISION_FAILED, **facts)
        if lost or sqlstate in _TEMPORARY:
            message = f"Revision {self._current} could not be applied now: {detail}. {kept}"
            return TemporaryFailure(f"{message} Trying again can help.", **facts)
        message = (
            f"Revision {self._current} failed ({path}, line {line}): {detail}. {kept}"
            " Mend it and run again: the next run goes on there."
        )
        return RevisionFailed(message, **facts)


def _describe(error: Exception) -> dict[str, Any]:
    """Return the facts of a database error: statement, SQLSTATE, the server's detail and hint."""
    facts: dict[str, Any] = {"exception_type": type(error).__name__}
    if isinstance(error, sqlalchemy.exc.StatementError) and error.statement:
        facts["statement"] = " ".join(error.statement.split())[:_STATEMENT_CHARACTERS]
    original = getattr(error, "orig", None) or error
    facts["sqlstate"] = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    diagnosis = getattr(original, "diag", None)
    for name in ("message_primary", "message_detail", "message_hint", "context"):
        if value := getattr(diagnosis, name, None):
            facts[name.removeprefix("message_")] = value
    facts["message"] = facts.pop("primary", None) or str(original)
    return {name: value for name, value in facts.items() if value is not None}


def _line_in(error: BaseException, path: str) -> int | None:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == path:
            return frame.lineno
    return None
