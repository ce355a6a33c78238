"""One attempt through env.py, its connection as the work session: open, decide, apply, verify."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy

from migration_runner.database.session import count_commits, log_statements
from migration_runner.database.version_tables import VersionChange
from migration_runner.errors import ConfigError, Interrupted, MigrationError, RevisionFailed
from migration_runner.history.request import PlannedStep, StepMade
from migration_runner.log import events, logs
from migration_runner.project.attributes import Offer
from migration_runner.project.context import ConfiguredContext
from migration_runner.project.errors import format_traceback, is_ours
from migration_runner.run.context import RunContext
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.env_connections import EnvConnections
from migration_runner.run.failures import (
    describe,
    translate_env_failure,
    translate_revision_failure,
)
from migration_runner.run.retries import LOCK_FAILURES
from migration_runner.run.revision_checks import RevisionChecks
from migration_runner.run.work_session import look_through, work_through

_LONGEST_TRACEBACK: Final = 20_000

Decide = Callable[[DatabaseState], bool]


@dataclass
class _Pass:
    """One `context.configure()`: most env.py have one, some one for each schema or tenant."""

    state: DatabaseState
    watch: RevisionChecks
    applies: bool = False
    settings_are_due: bool = True
    planned: list[str] = field(default_factory=list)


class EnvRun:
    """One attempt of one run through env.py.

    `decide` is called once env.py has configured its connection, before Alembic reads the heads;
    it answers whether the run's request shall be made. What a command that is `alembics_own` prints
    stays where Alembic prints it.
    """

    def __init__(self, run: RunContext, decide: Decide, *, alembics_own: bool = False) -> None:
        self._run = run
        self._report = run.report
        self._project = run.project
        self._progress = run.progress
        self._decide = decide
        self._alembics_own = alembics_own
        self._passes: list[_Pass] = []
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
        self._settle_one_before()
        state = self._open(context, connection)
        state.heads()
        this = _Pass(state, RevisionChecks(self._run, state, count_commits(connection)))
        self._passes.append(this)
        this.applies = self._decide(state)
        self._run.outages.over()
        self._progress.enter(state.location)
        if self._progress.must_ask(state.location):
            self._progress.settle(state.heads(), state.recorded(), state.location)
        if this.applies:
            this.watch.ready()
        else:
            context.change_nothing()

    def _settle_one_before(self) -> None:
        """Where env.py is through with one version table, ask what was committed there."""
        for this in self._passes[-1:]:
            if this.applies and self._progress.open and not this.state.session.in_transaction:
                self._progress.settle(*this.state.afterwards(), this.state.location)

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
        """Hand the steps to Alembic; control comes back when a revision's transaction ended."""
        this = self._passes[-1]
        if not this.applies:
            return
        steps = plan()
        # What is loaded by now stays: the garbage collector need not go through it time and again.
        gc.freeze()
        this.planned = [planned.revision for planned in steps]
        for number, planned in enumerate(steps, 1):
            if this.settings_are_due:
                this.state.session.apply_settings()
            this.settings_are_due = True
            planned.guard(this.watch.around(planned.revision))
            self._progress.start(planned.revision, number, len(steps))
            yield planned
            self._run.observer.end()
            self._progress.end()
            if not this.state.session.in_transaction:
                self._progress.committed()

    def write(self, step: StepMade, change: VersionChange, *, last: bool) -> bool:
        """Write the step into version table and ledger at once, in its own transaction."""
        if not self._passes or step.direction == "stamp":
            return False
        this = self._passes[-1]
        along = [check] if (check := this.watch.index_check) else []
        # Another role would be another one for deferred triggers, too.
        settings = last and not self._run.settings.role
        if settings:
            along.append(this.state.session.settings_statement)
        written = this.state.write_step(step, change, self._progress.elapsed(), along)
        if written:
            this.settings_are_due = not settings
        else:
            this.watch.check_indexes()
        return written

    def made(self, step: StepMade) -> None:
        """Write the step into the ledger, in its own transaction."""
        if not self._passes:
            # `--sql` makes steps on paper only.
            return
        self._passes[-1].watch.check_indexes()
        seconds = self._progress.elapsed()
        self._passes[-1].state.ledger.record(step.direction, step.revisions, seconds)

    def _verify(self) -> None:
        """Ask the database whether what Alembic reported is so."""
        if not self._passes:
            message = (
                "env.py never called context.configure(), so nothing was done."
                " Let it end in run_migrations_online()."
            )
            raise RevisionFailed(message, reason="nothing_happened")
        for this in self._passes:
            if not this.applies:
                continue
            heads, _ = this.state.afterwards()
            missing = self._progress.contradicted(this.planned, heads)
            never_ran = not this.planned and self._project.plan(self._run.request, heads)
            if missing or never_ran:
                message = (
                    "env.py returned, but the database is not at the target: nothing was"
                    " committed, or context.run_migrations() was never called."
                )
                raise RevisionFailed(message, reason="nothing_happened", missing=sorted(missing))
        self._progress.committed()

    def _translate(self, error: BaseException, revision: str | None) -> MigrationError:
        """Return the error for what env.py or a revision raised, and note what mends it."""
        if explained := self._connections.explain(error):
            return explained
        lost = bool(self._passes) and self._passes[-1].state.session.lost
        if revision is None:
            event, failure = events.ENV_FAILED, translate_env_failure(error, lost=lost)
        else:
            event = events.REVISION_FAILED
            failed = self._passes[-1].watch.describe(revision)
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
        self._report.forget_ends()
        for this in self._passes:
            # An interrupt breaks the connection, too, but says nothing about the server.
            broken = this.state.session.lost and not isinstance(error, Interrupted)
            if not broken and not getattr(error, "connection_invalidated", False):
                with _warned("read_back"):
                    self._progress.settle(*this.state.afterwards(), this.state.location)

    def look_afterwards(self) -> None:
        """Once the session is lost for good, ask over a new connection what was committed."""
        for this in self._passes:
            with _warned("read_back"):
                self._progress.settle(*this.state.afterwards(), this.state.location)

    def _unlock(self) -> None:
        for this in self._passes:
            with _warned("unlock"):
                this.state.lock.unlock()


@contextlib.contextmanager
def _warned(step: str) -> Iterator[None]:
    """Log what fails in cleaning up: the run's own failure is what must be reported.

    A lock that could not be given back goes with its session, at the process's end at the latest.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        logs.get_logger().warning(events.CLEANUP_FAILED, step=step, detail=str(error))
