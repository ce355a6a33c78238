"""One attempt: runs env.py with its connection as the work session; decides, applies, verifies."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import sqlalchemy

from migration_runner import signals
from migration_runner.database.safe_points import safe_points
from migration_runner.database.session import log_statements
from migration_runner.database.session_errors import ends_session
from migration_runner.database.version_tables import VersionChange
from migration_runner.errors import ConfigError, Interrupted, MigrationError, RevisionFailed
from migration_runner.history.request import CompletedStep, PlannedStep
from migration_runner.log import capture, events, logs
from migration_runner.project.attributes import Offer
from migration_runner.project.context import ConfiguredContext
from migration_runner.project.errors import format_traceback, is_ours
from migration_runner.run.configured_table import ConfiguredTable
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide
from migration_runner.run.env_connections import EnvConnections
from migration_runner.run.failures import (
    describe,
    is_read_only,
    translate_env_failure,
    translate_revision_failure,
)
from migration_runner.run.retries import LOCK_FAILURES
from migration_runner.run.work_session import open_for_work, open_read_only

_LONGEST_TRACEBACK: Final = 20_000


class Attempt:
    """One attempt of one run: Alembic's `EnvListener` while env.py runs.

    `decide` is called for each version table that env.py configures, and returns whether the run's
    request is carried out on it. The output of a command that is `alembics_own` is not captured.
    """

    def __init__(self, run: RunContext, decide: Decide, *, alembics_own: bool = False) -> None:
        self._run = run
        self._progress = run.progress
        self._decide = decide
        self._alembics_own = alembics_own
        self._tables: list[ConfiguredTable] = []
        # Earlier attempts': in this one, env.py can have several connections at the same time.
        self._orphans = frozenset(run.backend_pids)
        self._failure: tuple[str, dict[str, Any]] | None = None
        self._connections = EnvConnections(run)

    def run(self, enter: Callable[[Offer], None]) -> None:
        """Run env.py by calling `enter`. Raises a `MigrationError`, or `Interrupted`."""
        with self._connections.available():
            try:
                with safe_points():
                    self._enter(enter)
                    # env.py, or a revision, can have swallowed the exception.
                    signals.check()
            except BaseException as error:
                known = self._explain(error)
                self._run.observer.end()
                self._read_back(error, known)
                if known is error:
                    raise
                raise known from error
            finally:
                self._unlock()

    def _enter(self, enter: Callable[[Offer], None]) -> None:
        if self._alembics_own:
            enter(self._connections.offer())
            return
        with capture.captured_prints():
            enter(self._connections.offer())
        self._verify()

    def _explain(self, error: BaseException) -> BaseException:
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
        return self._translate(cause, self._failed_revision(cause), lost=lost)

    def configured(self, context: ConfiguredContext) -> None:
        """Make env.py's connection the work session, and decide what to do on it."""
        if self._alembics_own and context.offline:
            return
        connection = context.connection
        if connection is None:
            message = (
                "env.py configured Alembic without a connection:"
                " pass connection=... to context.configure()."
            )
            raise ConfigError(message, reason="no_connection")
        if self._run.settings.log_level == "debug":
            log_statements(connection)
        for table in self._tables[-1:]:
            table.leave()
        state = self._open(context, connection)
        self._connections.declaration.configured(context, connection)
        state.heads()
        table = ConfiguredTable(self._run, state)
        self._tables.append(table)
        table.begin(self._decide)

    def _open(self, context: ConfiguredContext, connection: sqlalchemy.Connection) -> DatabaseState:
        run = self._run
        observed = self._connections.observe(connection)
        self._connections.errors.hold(connection)
        if run.read_only:
            session, server = open_read_only(run.settings, run.report, connection)
        else:
            session, server = open_for_work(run.settings, run.report, connection, self._orphans)
            run.backend_pids.add(server.pid)
        observed.pid = server.pid
        offered = self._connections.has_offered(connection)
        return DatabaseState(run, context, session, server, offered=offered)

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Yield the steps to Alembic, for the version table that was configured last."""
        self._connections.declaration.applying()
        return self._tables[-1].apply(plan)

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:
        """Write a step to its version table; with `--sql` there is none, only printed steps."""
        return bool(self._tables) and self._tables[-1].write(step, change, last=last)

    def completed(self, step: CompletedStep) -> None:
        """Record a step that Alembic has written itself."""
        if self._tables:
            self._tables[-1].completed(step)

    def _verify(self) -> None:
        self._connections.declaration.require()
        if not self._tables and self._run.project.has_nothing_to_migrate:
            self._run.report.conclusion = "up_to_date", "env.py found no database to migrate."
            return
        if not self._tables:
            message = (
                "env.py did not call context.configure(), so nothing was run."
                " It has to end by calling run_migrations_online(); if it found no tenant, by"
                ' setting context.config.attributes["nothing_to_migrate"] = True.'
            )
            raise RevisionFailed(message, reason="nothing_happened")
        for table in self._tables:
            table.verify()
        self._progress.committed()

    def _translate(
        self, error: BaseException, revision: str | None, *, lost: bool
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
            failed = self._tables[-1].describe_failed(revision)
            failure = translate_revision_failure(error, failed, lost=lost)
        facts = dict(failure.facts)
        if "sqlstate" not in facts and (trace := format_traceback(error)):
            facts["exception"] = trace[-_LONGEST_TRACEBACK:]
        self._failure = event, facts
        return failure

    def _refuses_writes(self) -> bool:
        """Whether it is the server that is read-only, and not just a revision's transaction."""
        with _warned("read_only"):
            return bool(self._tables) and self._tables[-1].state.refuses_writes()
        return True

    def log_failure(self) -> None:
        """Log the failure, once it will not be retried."""
        if self._failure is not None:
            event, facts = self._failure
            logs.get_logger().error(event, **facts)

    def _failed_revision(self, error: BaseException) -> str | None:
        """Return the revision that failed; None if that was env.py.

        If all revisions are one transaction, a lock failure of its COMMIT counts as the last one's.
        """
        if describe(error).get("sqlstate") in LOCK_FAILURES:
            return next(reversed(self._progress.open), None)
        return self._progress.running

    def _read_back(self, error: BaseException, known: BaseException) -> None:
        """After a failure, read what was committed, if the database can still be reached."""
        self._run.report.forget_ends()
        for table in self._tables:
            # An interrupt breaks the connection as well, but then the server can be reached.
            connection = table.state.session.connection
            broken = self._connections.errors.lost_on(connection) or ends_session(error)
            if isinstance(known, Interrupted) or not broken:
                with _warned("read_back"):
                    table.settle()

    def settle(self) -> None:
        """After the session is finally lost, read over a new connection what was committed."""
        for table in self._tables:
            with _warned("read_back"):
                table.settle()

    def _unlock(self) -> None:
        for table in self._tables:
            with _warned("unlock"):
                table.close()
                table.state.lock.unlock()


def _says_nothing_of_it(error: MigrationError) -> bool:
    """Whether an error of the runner's own can be the consequence of a lost session."""
    return isinstance(error, RevisionFailed)


@contextlib.contextmanager
def _warned(step: str) -> Iterator[None]:
    """Log a failure in cleaning up: only the run's own failure is reported.

    A lock that could not be released ends with its session, at the process's end at the latest.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        logs.get_logger().warning(events.CLEANUP_FAILED, step=step, detail=str(error))
