"""Where an env.py has its connections from: the one that is offered to it, or engines of its own.

Whichever it is, the database is waited for, and the work session watched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import sqlalchemy

from migration_runner.clock import Stopwatch
from migration_runner.database.drivers.known import driver_connection, driver_for
from migration_runner.database.engine import waiting_engine
from migration_runner.database.network import cutter
from migration_runner.database.observer import Watched
from migration_runner.database.probe import try_until_ready
from migration_runner.errors import ConfigError, MigrationError
from migration_runner.log import logs
from migration_runner.log.redaction import hide_secrets
from migration_runner.project.connections import waiting_connections
from migration_runner.run.context import RunContext
from migration_runner.run.failures import translate_env_failure
from migration_runner.settings.database_address import HOW_TO_NAME


class EnvConnections:
    """The connections of one attempt through env.py."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._open = contextlib.ExitStack()
        self._offered: sqlalchemy.Connection | None = None
        self._watched: list[Watched] = []
        # What drivers raised once the waiting was over, and what it means.
        self._given_up: list[tuple[BaseException, MigrationError]] = []

    @contextlib.contextmanager
    def available(self) -> Iterator[None]:
        """Wait for whatever connects, and close what is left open at the end."""
        with self._open, waiting_connections(self._wait), logs.log_records_recaptured():
            yield

    def offer(self) -> Callable[[], sqlalchemy.Connection] | None:
        """Return what opens the runner's own connection; None where no database is named."""
        return None if self._run.settings.database is None else self._connect

    def has_offered(self, connection: sqlalchemy.Connection) -> bool:
        """Whether a connection is the runner's own."""
        return self._offered is not None and self._offered.engine is connection.engine

    def watch(self, connection: sqlalchemy.Connection) -> Watched:
        """Let the observer watch a connection; ours is watched since it was opened."""
        driver = driver_connection(connection)
        for watched in self._watched:
            if watched.driver is driver:
                return watched
        return self._watch(driver)

    def explain(self, error: BaseException) -> MigrationError | None:
        """Return what it means that a connection could not be made, if `error` comes from that."""
        for original, failure in self._given_up:
            if original in (error, getattr(error, "orig", None)):
                return failure
        if self.offer() is None and isinstance(error, KeyError) and error.args == ("connection",):
            return ConfigError(
                "env.py asks for the runner's connection, and no database is named:"
                f" {HOW_TO_NAME}.",
                reason="no_database",
            )
        return None

    def _connect(self) -> sqlalchemy.Connection:
        if self._offered is not None:
            return self._offered
        run = self._run
        assert run.settings.database is not None  # noqa: S101 - `offer` has looked
        engine = waiting_engine(
            run.settings.database,
            run.limits,
            run.application_name,
            self._watch,
            writes=not run.read_only,
        )
        waiting = Stopwatch(run.clock)
        try:
            self._offered = self._open.enter_context(engine.connect())
        except (sqlalchemy.exc.DBAPIError, psycopg.Error) as error:
            # SQLAlchemy asks the server for its version and types, in part through the driver.
            broken = (sqlalchemy.exc.OperationalError, psycopg.OperationalError)
            raise translate_env_failure(error, lost=isinstance(error, broken)) from error
        finally:
            run.report.waited_for_database_seconds += waiting.elapsed()
        return self._offered

    def _wait(
        self, attempt: Callable[[float], Any], failures: tuple[type[BaseException], ...]
    ) -> Any:
        """Connect as the project does, as often as it takes; raise what its driver raised last.

        An env.py may want to catch that: to create the database, for one.
        """
        run = self._run
        if run.progress.running is not None:
            # A revision's own second connection.
            return attempt(run.settings.connect_timeout)
        waiting = Stopwatch(run.clock)
        try:
            return try_until_ready(attempt, run.limits, run.clock, failures=failures)
        except MigrationError as failure:
            original = failure.__cause__
            if original is None:
                raise
            self._given_up.append((original, failure))
            raise original from None
        finally:
            run.report.waited_for_database_seconds += waiting.elapsed()

    def _watch(self, driver: Any) -> Watched:
        """Let the observer watch a session from its first statement on."""
        known = driver_for(driver)
        parameters = known.libpq_parameters(driver)
        if parameters is not None and (password := parameters.get("password")):
            public = parameters.get("user", ""), parameters.get("dbname", "")
            hide_secrets((password,), public)
        cut = self._open.enter_context(cutter(driver))
        watched = Watched(driver, known.login_pid(driver), cut, parameters)
        self._open.enter_context(self._run.observer.watching(watched))
        self._watched.append(watched)
        if watched.pid is not None:
            # Not only once it has answered: by then it can be lost already.
            self._run.backend_pids.add(watched.pid)
        return watched
