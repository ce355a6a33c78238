"""The connections that env.py uses: the one that the runner offers, or those of its own engines.

Either way, the runner waits for the database, and observes the work session.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import sqlalchemy

from migration_runner.clock import Stopwatch
from migration_runner.database.bounded import require_resolver
from migration_runner.database.drivers.known import driver_connection, driver_for
from migration_runner.database.engine import waiting_engine
from migration_runner.database.network import socket_shutdown
from migration_runner.database.observer import ObservedSession
from migration_runner.database.place import Place, place_of
from migration_runner.database.probe import (
    ConnectionAttempt,
    WaitLimits,
    open_answering,
    try_until_ready,
)
from migration_runner.database.refusals import ask_refusals
from migration_runner.database.session_errors import SessionErrors
from migration_runner.database.statements import sqlstate_of
from migration_runner.database.watch import watching
from migration_runner.errors import ConfigError, MigrationError
from migration_runner.log import capture
from migration_runner.log.redaction import hide_secrets
from migration_runner.project.connections import Connecting, waiting_connections
from migration_runner.run.context import RunContext
from migration_runner.run.declaration import DeclarationCheck
from migration_runner.run.env_database import explain_placeholder, fit_pooler_advice
from migration_runner.run.failures import translate_env_failure
from migration_runner.settings.database_address import explain_missing
from migration_runner.signals import on_signal

# A name usually has two at most: one of IPv6 and one of IPv4.
_ADDRESSES: Final = 2


class EnvConnections:
    """The connections of one attempt."""

    def __init__(self, run: RunContext) -> None:
        self.errors = SessionErrors()
        self.declaration = DeclarationCheck(run.project.declared, run.settings.role)
        self._run = run
        self._open = contextlib.ExitStack()
        # Those that a revision opens.
        self._own_drivers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._offered: sqlalchemy.Connection | None = None
        # Whether an engine of env.py's has connected.
        self._connected = False
        # Where an engine of env.py's has connected last.
        self._own_place: Place | None = None
        self._observed: list[tuple[ObservedSession, contextlib.ExitStack]] = []
        # What drivers raised when the wait timeout was over, and its translation.
        self._given_up: list[tuple[BaseException, MigrationError]] = []

    @contextlib.contextmanager
    def available(self) -> Iterator[None]:
        """Let all connections wait for the database, and close what is left open at the end."""
        with (
            contextlib.closing(self),
            waiting_connections(self._wait, self._run.settings.search_path),
            capture.log_records_recaptured(),
            self.errors.noted(),
            on_signal(self._cancel_statements),
        ):
            yield

    def close(self) -> None:
        """Close the runner's own connection, and end the watch over all."""
        try:
            self._open.close()
        finally:
            while self._observed:
                self._observed.pop()[1].close()

    def offer(self) -> Callable[[], sqlalchemy.Connection] | None:
        """Return what opens the runner's connection; None if no database is configured."""
        return None if self._run.settings.database is None else self._connect

    def has_offered(self, connection: sqlalchemy.Connection) -> bool:
        """Whether a connection is the runner's own."""
        return self._offered is not None and self._offered.engine is connection.engine

    def observe(self, connection: sqlalchemy.Connection) -> ObservedSession:
        """Make a connection the one whose revisions are observed.

        Unless an engine has a `creator`, it is observed since it was opened.
        """
        driver = driver_connection(connection)
        known = (observed for observed, _ in self._observed if observed.driver is driver)
        observed = next(known, None) or self._observe(driver)
        self._run.observer.work_on(observed)
        return observed

    def broke_early(self, error: BaseException) -> bool:
        """Whether a connection that had been established broke outside of any revision.

        For example in SQLAlchemy's own first statements. Such an error has no SQLSTATE.
        """
        operational = isinstance(error, sqlalchemy.exc.OperationalError)
        outside = self._run.progress.running is None
        return self._connected and operational and outside and sqlstate_of(error) is None

    def explain(self, error: BaseException) -> MigrationError | None:
        """Return the translation of `error` if it comes from a failed connection."""
        for original, failure in self._given_up:
            if original in (error, getattr(error, "orig", None)):
                return failure
        if placeholder := explain_placeholder(self._run.project, error):
            return placeholder
        if self.offer() is None and isinstance(error, KeyError) and error.args == ("connection",):
            return ConfigError(
                f"env.py uses the runner's connection to Postgres, but {explain_missing()}.",
                reason="no_database",
            )
        return None

    def advise(self, error: BaseException) -> BaseException:
        """Return what ends the attempt with advice that fits how env.py connects."""
        if not self._connected:
            return error
        return fit_pooler_advice(self._run, error, self._own_place)

    def _connect(self) -> sqlalchemy.Connection:
        if self._offered is not None:
            return self._offered
        run = self._run
        assert run.settings.database is not None  # noqa: S101 - `offer` has looked
        engine = waiting_engine(
            run.settings.database,
            run.limits,
            run.application_name,
            self._opened,
            writes=not run.read_only,
        )
        waiting = Stopwatch(run.clock)
        try:
            self._offered = _as_engine(self._open.enter_context(engine.connect()))
            self.errors.hold(self._offered)
        except (sqlalchemy.exc.DBAPIError, psycopg.Error) as error:
            # SQLAlchemy queries the server's version and types, in part through the driver.
            broken = (sqlalchemy.exc.OperationalError, psycopg.OperationalError)
            raise translate_env_failure(error, lost=isinstance(error, broken)) from error
        finally:
            run.report.waited_for_database_seconds += waiting.elapsed()
        return self._offered

    def _opened(self, driver: Any) -> None:
        self._observe(driver)
        self.declaration.logged_in(driver)

    def _wait(self, connecting: Connecting) -> Any:
        """Connect as the project does, with retries; raise what its driver raised last.

        env.py may catch that, for example to create the database.
        """
        run = self._run

        def connect(seconds: float) -> Any:
            host_seconds = min(seconds, run.settings.connect_timeout)
            if connecting.is_async:
                require_resolver(seconds, connecting.hosts)
            connection = open_answering(
                lambda: connecting.open(host_seconds),
                seconds,
                host_seconds,
                is_async=connecting.is_async,
            )
            self._connected = True
            driver = getattr(connection, "driver_connection", connection)
            self._own_place = place_of(driver_for(driver).libpq_parameters(driver))
            if run.progress.running is None:
                self._observe(driver)
            else:
                # A revision's own: its heartbeat says if that waits for the revision itself.
                with contextlib.suppress(TypeError):
                    # Not every driver's can be referred to weakly.
                    self._own_drivers.add(driver)
                run.observer.note_own(driver_for(driver).login_pid(driver))
            return connection

        addresses = _ADDRESSES * max(1, len(connecting.hosts))
        if run.progress.running is not None:
            return connect(run.settings.connect_timeout * addresses)
        known = connecting.libpq_parameters
        ask = None if known is None else functools.partial(ask_refusals, known)
        attempt = ConnectionAttempt(connect, connecting.failures, addresses, ask)
        waiting = Stopwatch(run.clock)
        try:
            return try_until_ready(attempt, self._limits(connecting), run.clock)
        except MigrationError as failure:
            original = failure.__cause__
            if original is None:
                raise
            self._given_up.append((original, failure))
            raise original from None
        finally:
            run.report.waited_for_database_seconds += waiting.elapsed()

    def _limits(self, connecting: Connecting) -> WaitLimits:
        """Return the run's limits; only the settings' database is created if it is missing."""
        limits, configured = self._run.limits, self._run.settings.database
        if limits.create is None or configured is None:
            return limits
        own = place_of(connecting.libpq_parameters or connecting.words)
        named = place_of(configured.parameters)
        same = own is not None and named is not None and named.may_be(own)
        return limits if same else dataclasses.replace(limits, create=None)

    def _cancel_statements(self) -> None:
        """Cancel what the server executes for this process. Called in another thread."""
        observed = [session.driver for session, _ in self._observed]
        for driver in (*observed, *self._own_drivers):
            with contextlib.suppress(Exception):
                driver_for(driver).cancel(driver)

    def _observe(self, driver: Any) -> ObservedSession:
        """Let the observer observe a session from its first statement on."""
        self._forget_closed()
        known = driver_for(driver)
        parameters = known.libpq_parameters(driver)
        if parameters is not None and (password := parameters.get("password")):
            public = parameters.get("user", ""), parameters.get("dbname", "")
            hide_secrets((password,), public)
        stack = contextlib.ExitStack()
        shut_down = stack.enter_context(socket_shutdown(driver))
        observed = ObservedSession(driver, known.login_pid(driver), shut_down, parameters)
        stack.enter_context(watching(self._run.observer, observed))
        self._observed.append((observed, stack))
        if observed.pid is not None:
            # Not only after its first result: by then it can be lost already.
            self._run.backend_pids.add(observed.pid)
        return observed

    def _forget_closed(self) -> None:
        """Stop observing what env.py has closed: it may open a thousand, one after another."""
        for each in list(self._observed):
            observed, stack = each
            if _is_closed(observed.driver):
                stack.close()
                self._observed.remove(each)
                if not self.errors.ended(observed.driver):
                    # Nor does its backend work on.
                    self._run.backend_pids.discard(observed.pid or 0)
                    self.errors.forget(observed.driver)


def _is_closed(driver: Any) -> bool:
    with contextlib.suppress(AttributeError):
        # asyncpg's.
        return bool(driver.is_closed())
    return bool(getattr(driver, "closed", False))


def _as_engine(connection: sqlalchemy.Connection) -> sqlalchemy.Connection:
    """Let a connection be entered like an engine, which pytest-alembic offers to an env.py."""
    as_engine: Any = connection
    as_engine.connect = lambda: contextlib.nullcontext(connection)
    as_engine.dispose = lambda: None
    return connection
