"""One run through env.py, its connection as the work session: open, decide, apply, verify."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy

from migration_runner import events, logs
from migration_runner.alembic_bridge import AlembicProject, ConfiguredContext, Step
from migration_runner.clock import Clock, Stopwatch
from migration_runner.errors import ConfigError, Interrupted, MigrationError, RevisionFailed
from migration_runner.failures import is_ours, translate_env_failure, translate_revision_failure
from migration_runner.progress import Progress
from migration_runner.report import RunReport
from migration_runner.session import SessionSettings, WorkSession, count_commits, log_statements
from migration_runner.settings import Settings
from migration_runner.state import DatabaseState

_LONGEST_TRACEBACK: Final = 20_000

Decide = Callable[[DatabaseState], bool]


@dataclass
class _Pass:
    """One `context.configure()`: most env.py have one, some one for each schema or tenant."""

    state: DatabaseState
    commits: Callable[[], int]
    commits_before_revision: int = 0
    applies: bool = False
    planned: list[str] = field(default_factory=list)


class EnvRun:
    """One run of one project to one target, told to one report.

    `decide` is called once env.py has configured its connection, before Alembic reads the heads;
    it answers whether revisions shall be applied.
    """

    def __init__(
        self,
        project: AlembicProject,
        settings: Settings,
        report: RunReport,
        clock: Clock,
        decide: Decide,
    ) -> None:
        self._project = project
        self._settings = settings
        self._report = report
        self._decide = decide
        self._clock = clock
        self._progress = Progress(project.history, report, clock)
        self._passes: list[_Pass] = []

    def run(self, engine: sqlalchemy.Engine, application_name: str) -> None:
        """Go through env.py. Raises a `MigrationError`, or `Interrupted`."""
        self._application_name = application_name
        with self._connected(engine) as connection:
            try:
                with logs.captured_prints():
                    self._project.run_env(
                        self._settings.target, connection, self._configured, self._apply
                    )
                self._verify()
            except (MigrationError, Interrupted) as error:
                self._read_back(error)
                raise
            except (Exception, SystemExit, KeyboardInterrupt) as error:
                self._read_back(error)
                if is_ours(error):
                    raise
                raise self._translate(error) from error
            finally:
                self._unlock()

    def _connected(self, engine: sqlalchemy.Engine) -> sqlalchemy.Connection:
        waiting = Stopwatch(self._clock)
        try:
            return engine.connect()
        finally:
            self._report.waited_for_database_seconds = waiting.elapsed()

    def _configured(self, context: ConfiguredContext) -> None:
        connection = context.connection
        if connection is None:
            message = (
                "env.py configured Alembic without a connection."
                " Pass connection=... to context.configure()."
            )
            raise ConfigError(message, reason="no_connection")
        state = self._open(context, connection)
        if self._report.from_revisions is None:
            self._report.from_revisions = state.heads()
        this = _Pass(state, count_commits(connection))
        self._passes.append(this)
        this.applies = self._decide(state)
        if not this.applies:
            context.change_nothing()

    def _open(self, context: ConfiguredContext, connection: sqlalchemy.Connection) -> DatabaseState:
        """Make env.py's connection the work session."""
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
        self._report.database, self._report.server_version = session.prepare()
        logs.get_logger().info(
            events.DATABASE_READY,
            database=self._report.database,
            server_version=self._report.server_version,
            waited_seconds=round(self._report.waited_for_database_seconds, 3),
        )
        session.apply_settings()
        return DatabaseState(self._project, self._settings.target, context, session, self._report)

    def _apply(self, steps: Iterable[tuple[str, Step]]) -> Iterable[Step]:
        """Hand the steps to Alembic; control comes back when a revision's transaction ended."""
        this = self._passes[-1]
        if not this.applies:
            return
        steps = list(steps)
        this.planned = [revision for revision, _ in steps]
        for number, (revision, step) in enumerate(steps, 1):
            this.state.session.apply_settings()
            this.commits_before_revision = this.commits()
            self._progress.start(revision, number, len(steps))
            yield step
            self._progress.end()
            if not this.state.session.in_transaction:
                self._progress.committed()

    def _verify(self) -> None:
        """Ask the database whether what Alembic reported is so."""
        if not self._passes:
            message = (
                "env.py never called context.configure(), so nothing was done."
                " Let it end in run_migrations_online()."
            )
            raise RevisionFailed(message, reason="nothing_happened")
        for this in self._passes:
            heads = this.state.heads_afterwards()
            missing = set(this.planned) - self._project.history.with_ancestors(heads)
            never_ran = this.applies and not this.planned
            if missing or (never_ran and self._project.pending(self._settings.target, heads)):
                message = (
                    "env.py returned, but the database is not at the target: nothing was"
                    " committed, or context.run_migrations() was never called."
                )
                raise RevisionFailed(message, reason="nothing_happened", missing=sorted(missing))
        self._progress.committed()

    def _translate(self, error: BaseException) -> MigrationError:
        """Return the error for what env.py or a revision raised, and log what mends it."""
        revision = self._progress.running
        if revision is None:
            event, failure = events.ENV_FAILED, translate_env_failure(error)
        else:
            this = self._passes[-1]
            path = self._project.history.revisions[revision].path
            kept = this.commits() > this.commits_before_revision
            event = events.REVISION_FAILED
            failure = translate_revision_failure(error, revision, path, kept=kept)
        facts = dict(failure.facts)
        if "sqlstate" not in facts:
            facts["exception"] = "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]
        logs.get_logger().error(event, **facts)
        return failure

    def _read_back(self, error: BaseException) -> None:
        """After a failure, note what the database says, where it can still be asked."""
        for this in self._passes[-1:]:
            self._report.to_revisions = None
            # An interrupt breaks the connection, too, but says nothing about the server.
            broken = this.state.session.lost and not isinstance(error, Interrupted)
            if not broken and not getattr(error, "connection_invalidated", False):
                with _warned("read_back"):
                    heads = this.state.heads_afterwards()
                    self._progress.settle(heads)

    def _unlock(self) -> None:
        for this in self._passes:
            with _warned("unlock"):
                this.state.session.unlock()


@contextlib.contextmanager
def _warned(step: str) -> Iterator[None]:
    """Log what fails in cleaning up: the run's own failure is what must be reported.

    A lock that could not be given back goes with its session, at the process's end at the latest.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        logs.get_logger().warning(events.CLEANUP_FAILED, step=step, detail=str(error))
