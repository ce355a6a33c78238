"""One attempt: runs env.py with its connection as the work session; decides, applies, verifies."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy

from migration_runner import signals
from migration_runner.database.safe_points import safe_points
from migration_runner.database.session import log_statements
from migration_runner.database.session_errors import ends_session
from migration_runner.database.version_tables import VersionChange
from migration_runner.errors import ConfigError, Interrupted, RevisionFailed
from migration_runner.history.request import CompletedStep, PlannedStep
from migration_runner.log import capture
from migration_runner.project.attributes import Offer
from migration_runner.project.context import ConfiguredContext
from migration_runner.run.attempt_end import AttemptEnd, warned
from migration_runner.run.configured_table import ConfiguredTable
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide
from migration_runner.run.env_connections import EnvConnections
from migration_runner.run.env_database import report_difference
from migration_runner.run.search_path import require_search_path
from migration_runner.run.work_session import open_for_work, open_read_only


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
        self._connections = EnvConnections(run)
        self._end = AttemptEnd(run.progress, self._connections, self._tables)

    def run(self, enter: Callable[[Offer], None]) -> None:
        """Run env.py by calling `enter`. Raises a `MigrationError`, or `Interrupted`."""
        with self._connections.available():
            try:
                with safe_points():
                    self._enter(enter)
                    # env.py, or a revision, can have swallowed the exception.
                    signals.check()
            except BaseException as error:
                known = self._connections.advise(self._end.explain(error))
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
        require_search_path(self._run.settings, state)
        self._connections.declaration.configured(context, connection)
        state.heads()
        table = ConfiguredTable(self._run, state)
        self._tables.append(table)
        table.begin(self._decide)

    def _open(self, context: ConfiguredContext, connection: sqlalchemy.Connection) -> DatabaseState:
        run = self._run
        offered = self._connections.has_offered(connection)
        if not offered:
            report_difference(run, connection)
        observed = self._connections.observe(connection)
        self._connections.errors.hold(connection)
        if run.read_only:
            session, server = open_read_only(run.settings, run.report, connection)
        else:
            session, server = open_for_work(run.settings, run.report, connection, self._orphans)
            run.backend_pids.add(server.pid)
        observed.direct = observed.pid == server.pid
        observed.pid = server.pid
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

    def log_failure(self) -> None:
        """Log the failure, once it will not be retried."""
        self._end.log()

    def _read_back(self, error: BaseException, known: BaseException) -> None:
        """After a failure, read what was committed, if the database can still be reached."""
        self._run.report.forget_ends()
        for table in self._tables:
            # An interrupt breaks the connection as well, but then the server can be reached.
            connection = table.state.session.connection
            broken = self._connections.errors.lost_on(connection) or ends_session(error)
            if isinstance(known, Interrupted) or not broken:
                with warned("read_back"):
                    table.settle()

    def settle(self) -> None:
        """After the session is finally lost, read over a new connection what was committed."""
        for table in self._tables:
            with warned("read_back"):
                table.settle()

    def _unlock(self) -> None:
        for table in self._tables:
            with warned("unlock"):
                table.close()
                table.state.lock.unlock()
