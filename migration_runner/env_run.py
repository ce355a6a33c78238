"""One pass through env.py, its connection as the work session: open, decide, apply, verify."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import sqlalchemy

from migration_runner import events, logs
from migration_runner.alembic_bridge import ConfiguredContext
from migration_runner.clock import Stopwatch
from migration_runner.driver_connection import cutter, driver_of, login_pid
from migration_runner.engine import waiting_engine
from migration_runner.errors import ConfigError, Interrupted, MigrationError, RevisionFailed
from migration_runner.failures import (
    describe,
    is_ours,
    translate_env_failure,
    translate_revision_failure,
)
from migration_runner.moves import PlannedStep, StepMade
from migration_runner.observer import Watched
from migration_runner.probe import Connection
from migration_runner.retries import LOCK_FAILURES
from migration_runner.revision_watch import RevisionWatch
from migration_runner.run_context import RunContext
from migration_runner.session import count_commits, log_statements
from migration_runner.state import DatabaseState
from migration_runner.work_session import look_through, work_through

_LONGEST_TRACEBACK: Final = 20_000

Decide = Callable[[DatabaseState], bool]


@dataclass
class _Pass:
    """One `context.configure()`: most env.py have one, some one for each schema or tenant."""

    state: DatabaseState
    watch: RevisionWatch
    applies: bool = False
    planned: list[str] = field(default_factory=list)


class EnvRun:
    """One pass of one run through env.py.

    `decide` is called once env.py has configured its connection, before Alembic reads the heads;
    it answers whether the run's move shall be made.
    """

    def __init__(self, run: RunContext, decide: Decide) -> None:
        self._run = run
        self._report = run.report
        self._project = run.project
        self._progress = run.progress
        self._decide = decide
        self._passes: list[_Pass] = []
        # Not those of this pass: an env.py can have several connections at the same time.
        self._orphans = frozenset(run.backend_pids)
        self._failure: tuple[str, dict[str, Any]] | None = None
        self._ours: Watched | None = None

    def run(self, enter: Callable[[sqlalchemy.Connection], None]) -> None:
        """Go through env.py with `enter`. Raises a `MigrationError`, or `Interrupted`."""
        with contextlib.ExitStack() as self._watching, self._connected() as connection:
            try:
                with logs.captured_prints():
                    enter(connection)
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
                if is_ours(error):
                    raise
                raise self._translate(error, revision) from error
            finally:
                self._unlock()

    def _connected(self) -> sqlalchemy.Connection:
        run = self._run
        engine = waiting_engine(
            run.settings.database,
            run.limits,
            run.application_name,
            self._watch_ours,
            writes=not run.looks,
        )
        waiting = Stopwatch(run.clock)
        try:
            return engine.connect()
        except (sqlalchemy.exc.DBAPIError, psycopg.Error) as error:
            # SQLAlchemy asks the server for its version and types, in part through the driver.
            broken = (sqlalchemy.exc.OperationalError, psycopg.OperationalError)
            raise translate_env_failure(error, lost=isinstance(error, broken)) from error
        finally:
            self._report.waited_for_database_seconds += waiting.elapsed()

    def _watch_ours(self, driver: Connection) -> None:
        self._ours = self._watch(driver, ours=True)

    def configured(self, context: ConfiguredContext) -> None:
        """Make env.py's connection the work session, and decide what to do on it."""
        connection = context.connection
        if connection is None:
            message = (
                "env.py configured Alembic without a connection."
                " Pass connection=... to context.configure()."
            )
            raise ConfigError(message, reason="no_connection")
        if self._run.settings.log_level == "debug":
            log_statements(connection)
        state = self._open(context, connection)
        if self._report.from_revisions is None:
            self._report.from_revisions = state.heads()
        this = _Pass(state, RevisionWatch(self._run, state, count_commits(connection)))
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

    def _open(self, context: ConfiguredContext, connection: sqlalchemy.Connection) -> DatabaseState:
        run = self._run
        driver = driver_of(connection)
        watched = self._ours
        if watched is None or watched.driver is not driver:
            watched = self._watch(driver, ours=False)
        if run.looks:
            session, server = look_through(run.settings, run.report, connection)
        else:
            session, server = work_through(run.settings, run.report, connection, self._orphans)
            run.backend_pids.add(server.pid)
        watched.pid = server.pid
        return DatabaseState(run, context, session, server)

    def _watch(self, driver: Any, *, ours: bool) -> Watched:
        """Let the observer watch a session from its first statement on."""
        watched = Watched(
            driver,
            login_pid(driver),
            self._watching.enter_context(cutter(driver)),
            ours=ours,
        )
        self._watching.enter_context(self._run.observer.watching(watched))
        if watched.pid is not None:
            # Not only once it has answered: by then it can be lost already.
            self._run.backend_pids.add(watched.pid)
        return watched

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:
        """Hand the steps to Alembic; control comes back when a revision's transaction ended."""
        this = self._passes[-1]
        if not this.applies:
            return
        steps = plan()
        this.planned = [planned.revision for planned in steps]
        for number, planned in enumerate(steps, 1):
            this.state.session.apply_settings()
            planned.guard(this.watch.around(planned.revision))
            self._progress.start(planned.revision, number, len(steps))
            yield planned
            self._run.observer.end()
            self._progress.end()
            if not this.state.session.in_transaction:
                self._progress.committed()

    def made(self, step: StepMade) -> None:
        """Write the step into the ledger, in its own transaction."""
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
            missing = self._progress.belied(this.planned, heads)
            never_ran = not this.planned and self._project.plan(self._run.move, heads)
            if missing or never_ran:
                message = (
                    "env.py returned, but the database is not at the target: nothing was"
                    " committed, or context.run_migrations() was never called."
                )
                raise RevisionFailed(message, reason="nothing_happened", missing=sorted(missing))
        self._progress.committed()

    def _translate(self, error: BaseException, revision: str | None) -> MigrationError:
        """Return the error for what env.py or a revision raised, and note what mends it."""
        lost = bool(self._passes) and self._passes[-1].state.session.lost
        if revision is None:
            event, failure = events.ENV_FAILED, translate_env_failure(error, lost=lost)
        else:
            event = events.REVISION_FAILED
            failed = self._passes[-1].watch.describe(revision)
            failure = translate_revision_failure(error, failed, lost=lost)
        facts = dict(failure.facts)
        if "sqlstate" not in facts:
            facts["exception"] = "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]
        self._failure = event, facts
        return failure

    def tell_failure(self) -> None:
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
        for this in self._passes[-1:]:
            self._report.to_revisions = None
            # An interrupt breaks the connection, too, but says nothing about the server.
            broken = this.state.session.lost and not isinstance(error, Interrupted)
            if not broken and not getattr(error, "connection_invalidated", False):
                with _warned("read_back"):
                    self._progress.settle(*this.state.afterwards(), this.state.location)

    def look_afterwards(self) -> None:
        """Once the session is lost for good, ask over a new connection what was committed."""
        for this in self._passes[-1:]:
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
