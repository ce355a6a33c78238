"""One attempt through env.py, its connection as the work session: open, decide, apply, verify."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import sqlalchemy

from migration_runner.database.session import log_statements
from migration_runner.database.version_tables import VersionChange
from migration_runner.errors import ConfigError, Interrupted, MigrationError, RevisionFailed
from migration_runner.history.request import CompletedStep, PlannedStep
from migration_runner.log import events, logs
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
    translate_env_failure,
    translate_revision_failure,
)
from migration_runner.run.retries import LOCK_FAILURES
from migration_runner.run.work_session import look_through, work_through

_LONGEST_TRACEBACK: Final = 20_000


class Attempt:
    """One attempt of one run: Alembic's `EnvListener` while env.py runs.

    `decide` is called for each version table that env.py configures; it answers whether the run's
    request is carried out on it. What a command that is `alembics_own` prints stays where Alembic
    prints it.
    """

    def __init__(self, run: RunContext, decide: Decide, *, alembics_own: bool = False) -> None:
        self._run = run
        self._progress = run.progress
        self._decide = decide
        self._alembics_own = alembics_own
        self._tables: list[ConfiguredTable] = []
        # Not those of this attempt: an env.py can have several connections at the same time.
        self._orphans = frozenset(run.backend_pids)
        self._failure: tuple[str, dict[str, Any]] | None = None
        self._connections = EnvConnections(run)

    def run(self, enter: Callable[[Offer], None]) -> None:
        """Go through env.py with `enter`. Raises a `MigrationError`, or `Interrupted`."""
        with self._connections.available():
            try:
                if self._alembics_own:
                    enter(self._connections.offer())
                else:
                    with logs.captured_prints():
                        enter(self._connections.offer())
                    self._verify()
            except (MigrationError, Interrupted) as error:
                if self._progress.running and isinstance(error, RevisionFailed):
                    self._failure = events.REVISION_FAILED, error.facts
                self._run.observer.end()
                self._read_back(error)
                raise
            except (Exception, SystemExit, KeyboardInterrupt) as error:
                revision = self._failed_revision(error)
                self._run.observer.end()
                self._read_back(error)
                if is_ours(error) and self._connections.explain(error) is None:
                    raise
                raise self._translate(error, revision) from error
            finally:
                self._unlock()

    def configured(self, context: ConfiguredContext) -> None:
        """Make env.py's connection the work session, and decide what to do on it."""
        if self._alembics_own and context.offline:
            return
        connection = context.connection
        if connection is None:
            message = (
                "env.py configured Alembic without a connection."
                " Pass connection=... to context.configure()."
            )
            raise ConfigError(message, reason="no_connection")
        if self._run.settings.log_level == "debug":
            log_statements(connection)
        for table in self._tables[-1:]:
            table.settle_before_next()
        state = self._open(context, connection)
        state.heads()
        table = ConfiguredTable(self._run, state)
        self._tables.append(table)
        table.begin(self._decide)

    def _open(self, context: ConfiguredContext, connection: sqlalchemy.Connection) -> DatabaseState:
        run = self._run
        watched = self._connections.watch(connection)
        if run.read_only:
            session, server = look_through(run.settings, run.report, connection)
        else:
            session, server = work_through(run.settings, run.report, connection, self._orphans)
            run.backend_pids.add(server.pid)
        watched.pid = server.pid
        offered = self._connections.has_offered(connection)
        return DatabaseState(run, context, session, server, offered=offered)

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Hand the steps to Alembic, for the version table that was configured last."""
        return self._tables[-1].apply(plan)

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:
        """Write a step into its version table; `--sql` makes steps on paper only."""
        return bool(self._tables) and self._tables[-1].write(step, change, last=last)

    def made(self, step: CompletedStep) -> None:
        """Note that Alembic has written a step itself."""
        if self._tables:
            self._tables[-1].made(step)

    def _verify(self) -> None:
        if not self._tables:
            message = (
                "env.py never called context.configure(), so nothing was done."
                " Let it end in run_migrations_online()."
            )
            raise RevisionFailed(message, reason="nothing_happened")
        for table in self._tables:
            table.verify()
        self._progress.committed()

    def _translate(self, error: BaseException, revision: str | None) -> MigrationError:
        """Return the error for what env.py or a revision raised, and keep it for the log."""
        if explained := self._connections.explain(error):
            return explained
        lost = bool(self._tables) and self._tables[-1].state.session.lost
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

    def log_failure(self) -> None:
        """Log what failed: once it is not going to be tried again."""
        if self._failure is not None:
            event, facts = self._failure
            logs.get_logger().error(event, **facts)

    def _failed_revision(self, error: BaseException) -> str | None:
        """Return whose failure it is; None for env.py's.

        Where all revisions are one transaction, a lock failure in its COMMIT is the last one's.
        """
        if describe(error).get("sqlstate") in LOCK_FAILURES:
            return next(reversed(self._progress.open), None)
        return self._progress.running

    def _read_back(self, error: BaseException) -> None:
        """After a failure, note what the database says, where it can still be asked."""
        self._run.report.forget_ends()
        for table in self._tables:
            # An interrupt breaks the connection, too, but says nothing about the server.
            broken = table.state.session.lost and not isinstance(error, Interrupted)
            if not broken and not getattr(error, "connection_invalidated", False):
                with _warned("read_back"):
                    table.settle()

    def look_afterwards(self) -> None:
        """Once the session is lost for good, ask over a new connection what was committed."""
        for table in self._tables:
            with _warned("read_back"):
                table.settle()

    def _unlock(self) -> None:
        for table in self._tables:
            with _warned("unlock"):
                table.state.lock.unlock()


@contextlib.contextmanager
def _warned(step: str) -> Iterator[None]:
    """Log what fails in cleaning up: the run's own failure is what must be reported.

    A lock that could not be given back goes with its session, at the process's end at the latest.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        logs.get_logger().warning(events.CLEANUP_FAILED, step=step, detail=str(error))
