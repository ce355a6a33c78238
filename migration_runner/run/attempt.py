"""One attempt: runs env.py with its connection as the work session; decides, applies, verifies."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import sqlalchemy

from migration_runner import signals
from migration_runner.database.drivers.known import driver_connection
from migration_runner.database.safe_points import safe_points
from migration_runner.database.session import log_statements
from migration_runner.database.session_errors import ends_session
from migration_runner.database.version_tables import Place, VersionChange
from migration_runner.errors import ConfigError, Interrupted, MigrationError, RevisionFailed
from migration_runner.history.request import CompletedStep, PlannedStep
from migration_runner.log import capture
from migration_runner.project.attributes import Offer
from migration_runner.project.context import ConfiguredContext
from migration_runner.run.attempt_end import AttemptEnd, warned
from migration_runner.run.configured_table import ConfiguredTable
from migration_runner.run.configured_tables import ConfiguredTables
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide
from migration_runner.run.env_connections import EnvConnections
from migration_runner.run.env_database import report_difference
from migration_runner.run.lock_polls import TRANSACTION_AWAITED
from migration_runner.run.search_path import require_search_path
from migration_runner.run.tenant_failures import is_tenants_own, name_tenant
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
        self._tables = ConfiguredTables()
        # The version table whose failure has ended the attempt.
        self.failed: tuple[Place, MigrationError] | None = None
        # Whether env.py has gone on after a failure that it did not see.
        self.spared = False
        self._explained: tuple[BaseException, BaseException] | None = None
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
                known = self._explain(error)
                self._note_failed(known)
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
        self._tables.leave(connection)
        state = self._open(context, connection)
        require_search_path(self._run.settings, state)
        self._connections.declaration.configured(context, connection)
        self._progress.enter(state.location)
        table = ConfiguredTable(self._run, state)
        self._tables.enter(table)
        if state.location in self._run.failures.places:
            with warned("read_back"):
                state.after_leaving(connection)
            table.close()
            self._tables.drop(table)
            context.run_nothing()
            return
        try:
            state.heads()
            table.begin(self._decide)
        except Exception as error:
            # What decides changes nothing itself.
            if not self._spare(error, table, undo=not isinstance(error, MigrationError)):
                raise
            context.run_nothing()
            return
        context.guard(functools.partial(self._run_migrations, table))

    def _run_migrations(self, table: ConfiguredTable, run: Callable[[], None]) -> None:
        """Let Alembic run the migrations of a version table."""
        try:
            run()
        except Exception as error:
            if not self._spare(error, table, undo=True):
                raise

    def _spare(self, error: Exception, table: ConfiguredTable, *, undo: bool) -> bool:
        """Whether env.py goes on with the next version table after a failure of this one.

        Then it is recorded, and what `undo` says is rolled back.
        """
        run, place = self._run, table.state.location
        failure = self._explain(error)
        if not is_tenants_own(failure):
            return False
        name_tenant(failure, self._progress.name(place))
        self.failed = place, failure
        if not run.continues or self._alembics_own:
            return False
        retried = run.lock_retries.granted or failure.facts.get("reason") == TRANSACTION_AWAITED
        if retried or self._progress.shares_transaction(place):
            return False
        self.failed, self._explained, self.spared = None, None, True
        run.observer.end()
        self._end.log()
        # Its frames would keep the connection, and all that is done with.
        run.failures.add(place, failure.with_traceback(None))
        with warned("read_back"):
            self._connections.errors.forget(driver_connection(table.state.session.connection))
            table.abandon(undo=undo)
        self._tables.drop(table)
        return True

    def _explain(self, error: BaseException) -> BaseException:
        """Return what ended the attempt, or the work on a version table."""
        if self._explained is None or self._explained[0] is not error or signals.received():
            self._explained = error, self._connections.advise(self._end.explain(error))
        return self._explained[1]

    def _note_failed(self, failure: BaseException) -> None:
        """Note the version table whose revision has failed outside of its migrations.

        At a COMMIT of env.py's, for one, unless it is that of several version tables.
        """
        table = self._tables.current
        if self.failed and self.failed[1] is not failure:
            # env.py has caught it.
            self.failed = None
        if table is None or self.failed or not is_tenants_own(failure):
            return
        place = table.state.location
        if "revision" in failure.facts and not self._progress.shares_transaction(place):
            name_tenant(failure, self._progress.name(place))
            self.failed = place, failure

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
        assert self._tables.current is not None  # noqa: S101 - Alembic plans for it
        return self._tables.current.apply(plan)

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:
        """Write a step to its version table; with `--sql` there is none, only printed steps."""
        table = self._tables.current
        return table is not None and table.write(step, change, last=last)

    def completed(self, step: CompletedStep) -> None:
        """Record a step that Alembic has written itself."""
        if self._tables.current:
            self._tables.current.completed(step)

    def _verify(self) -> None:
        self._connections.declaration.require()
        if not self._tables.current and self._run.project.has_nothing_to_migrate:
            self._run.report.conclusion = "up_to_date", "env.py found no database to migrate."
            return
        if not self._tables.current:
            message = (
                "env.py did not call context.configure(), so nothing was run."
                " It has to end by calling run_migrations_online(); if it found no tenant, by"
                ' setting context.config.attributes["nothing_to_migrate"] = True.'
            )
            raise RevisionFailed(message, reason="nothing_happened")
        uncertain = False
        for table in self._tables.left:
            try:
                table.verify()
            except RevisionFailed as failure:
                place = table.state.location
                name_tenant(failure, self._progress.name(place))
                if not self._run.continues:
                    self.failed = place, failure
                    raise
                self._run.failures.add(place, failure)
                uncertain = True
        if uncertain:
            # Not everything that has ended was committed.
            self.settle()
        self._progress.committed()

    def log_failure(self) -> None:
        """Log the failure, once it will not be retried."""
        self._end.log()
        if self.failed:
            place, failure = self.failed
            self._run.report.failed.setdefault(place, failure)

    def _read_back(self, error: BaseException, known: BaseException) -> None:
        """After a failure, read what was committed, if the database can still be reached."""
        report = self._run.report
        if self._connections.errors.lost or ends_session(error):
            report.forget_ends()
        for table in self._tables.left:
            report.forget_end(table.state.location)
            # An interrupt breaks the connection as well, but then the server can be reached.
            connection = table.state.session.connection
            broken = self._connections.errors.lost_on(connection) or ends_session(error)
            if isinstance(known, Interrupted) or not broken:
                with warned("read_back"):
                    table.settle()

    def settle(self) -> None:
        """After the session is finally lost, read over a new connection what was committed."""
        for table in self._tables.left:
            with warned("read_back"):
                table.settle()

    def _unlock(self) -> None:
        for table in self._tables.left:
            with warned("unlock"):
                table.close()
                table.state.lock.unlock()
