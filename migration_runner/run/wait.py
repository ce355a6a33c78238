"""Waiting until another run has upgraded the database to the target, or beyond.

Running env.py once shows where the version table is. After that, each poll is one query on the
runner's own connection, and env.py is run again only when the heads have changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

import psycopg
import tenacity
from psycopg import sql

from migration_runner.clock import Stopwatch
from migration_runner.database.drivers.known import driver_connection, driver_under
from migration_runner.database.guarded_query import readable, table_oid
from migration_runner.database.probe import (
    Connection,
    WaitLimits,
    connect_again,
    connect_when_ready,
    connection_parameters,
)
from migration_runner.errors import DatabaseUnavailable, PendingRevisions
from migration_runner.log import events, logs
from migration_runner.run.context import RunContext
from migration_runner.run.contradictions import read_books, refuse_contradiction
from migration_runner.run.database_state import DatabaseState
from migration_runner.run.decisions import Decide
from migration_runner.run.relation_policy import accept_relation

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0


class Waiter:
    """Waits for one run's target, within the wait timeout."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._stopwatch = self._logged = Stopwatch(run.clock)
        self._reached = True
        self._polls: list[_Poll] = []

    def decide(self) -> Decide:
        """Return a decision that only reads, for every version table of env.py's."""
        self._reached, self._polls = True, []

        def look(state: DatabaseState) -> bool:
            heads, ahead = state.heads(), False
            if not state.ledger.complete(heads):
                books = read_books(state)
                refuse_contradiction(state, books)
                heads = books.table.heads
                ahead = accept_relation(self._run, books, state.location)
            if not ahead and state.pending(heads):
                self._reached = False
                self._polls.append(
                    _Poll(state.location, heads, self._parameters(state), self._run.settings.role)
                )
            return False

        return look

    def wait(self, look: Callable[[], None]) -> None:
        """Call `look`, and again whenever polling shows a change, until the target is reached.

        Raises `PendingRevisions` when the time is up, and what `look` raises.
        """
        look()
        if not self._reached:
            self._log()
        while not self._reached:
            if not self._poll_for_change():
                message = (
                    "The database did not reach the target within"
                    f" {self._stopwatch.elapsed():.1f} s. Check the run that upgrades it, or"
                    " increase MIGRATE_WAIT_TIMEOUT."
                )
                raise PendingRevisions(message)
            look()

    def _log(self) -> None:
        self._logged = Stopwatch(self._run.clock)
        remaining = round(max(0.0, self._remaining()), 1)
        logs.get_logger().info(events.REVISIONS_PENDING, remaining_seconds=remaining)

    def _remaining(self) -> float:
        return self._stopwatch.remaining(self._run.settings.wait_timeout)

    def _poll_for_change(self) -> bool:
        """Return True when the heads have changed, False when the time is up."""
        with contextlib.ExitStack() as stack:
            # Usually one server and one database.
            connections: dict[str, Connection] = {}
            paused = False

            def changed() -> bool:
                nonlocal paused
                waited, paused = paused, True
                if self._logged.elapsed() >= self._run.settings.heartbeat:
                    self._log()
                try:
                    for poll in self._polls:
                        if poll.parameters is None:
                            # Only running env.py again can show it.
                            if waited:
                                return True
                            continue
                        place = repr(poll.parameters)
                        if place not in connections:
                            opened = stack.enter_context(self._connect(poll.parameters))
                            connections[place] = opened
                        if poll.changed(connections[place]):
                            return True
                except psycopg.OperationalError:
                    connections.clear()
                return False

            retrying = tenacity.Retrying(
                sleep=self._run.clock.sleep,
                stop=lambda _: self._remaining() <= 0,
                wait=_pause,
                retry=tenacity.retry_if_result(lambda found: not found),
                retry_error_callback=lambda _: False,
            )
            return bool(retrying(changed))

    def _parameters(self, state: DatabaseState) -> dict[str, str] | None:
        """Return libpq's parameters for the version table's database."""
        database, name = self._run.settings.database, self._run.application_name
        if state.offered and database is not None:
            # All hosts of the URL: another one may be the primary by then.
            return connection_parameters(database, name, writes=False)
        connection = state.session.connection
        found = driver_under(connection).libpq_parameters(driver_connection(connection))
        return found and {**found, "application_name": name}

    def _connect(self, parameters: dict[str, str]) -> Connection:
        """Connect within the remaining time. Raises `PendingRevisions` when it is up."""
        limits = WaitLimits(max(0.0, self._remaining()), self._run.settings.connect_timeout)
        try:
            return connect_when_ready(parameters, limits, self._run.clock, _connect_again)
        except DatabaseUnavailable as error:
            message = f"The database was behind, and became unavailable: {error.message}"
            raise PendingRevisions(message, **error.facts) from error


class _Poll:
    """One version table, and the heads that it had."""

    def __init__(
        self,
        location: tuple[str, str, str],
        heads: tuple[str, ...],
        parameters: dict[str, str] | None,
        role: str,
    ) -> None:
        _, schema, table = location
        # If the search path is empty, there is no schema.
        name = sql.Identifier(schema, table) if schema else sql.Identifier(table)
        self._query = sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(name)
        oid = table_oid(schema, table)
        # What does not exist cannot be read, and would be an error in the server's log.
        self._look = f"SELECT {oid} IS NOT NULL, {readable(oid)}"
        self._there = bool(heads)
        self._heads = heads
        self._role = role
        self.parameters = parameters

    def changed(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether the heads have changed."""
        if not self._there:
            [(there, self._there)] = self._ask(connection, self._look)
            if not self._there:
                # Another role can have created it: running env.py again reports what is missing.
                return bool(there)
        try:
            rows = self._ask(connection, self._query)
        except psycopg.errors.UndefinedTable:
            self._there, rows = False, []
        except psycopg.errors.InsufficientPrivilege:
            return True
        return tuple(sorted(version for (version,) in rows)) != self._heads

    def _ask(self, connection: psycopg.Connection[Any], query: str | sql.Composed) -> list[Any]:
        if not self._role:
            return connection.execute(query, prepare=False).fetchall()
        # For the transaction only: a pooler would give the role to other clients.
        with connection.transaction():
            connection.execute("SELECT set_config('role', %s, true)", [self._role], prepare=False)
            return connection.execute(query, prepare=False).fetchall()


def _connect_again(**words: Any) -> Connection:
    return connect_again(words, lambda current: psycopg.connect(**current))


def _pause(state: tenacity.RetryCallState) -> float:
    """Pause longer each time, with jitter: many pods wait for one run."""
    most = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (state.attempt_number // 4))
    return tenacity.wait_random(most / 2, most)(state)
