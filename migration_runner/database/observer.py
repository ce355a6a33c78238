"""The observer: a second connection that monitors the sessions of a run, and takes no locks.

It determines blockers, logs a heartbeat while a revision or any other statement runs, and detects
what a session itself cannot: that its backend has ended, that a result was lost in the network, or
that nothing arrives any more (a proxy can keep such a connection open indefinitely). `watch` has
the thread for each session; here is what they share.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg

from migration_runner.database.activity import Activity, look_at
from migration_runner.database.blockers import Blocker
from migration_runner.database.connection_errors import NO_ANSWER, classify
from migration_runner.database.probe import Connection
from migration_runner.log import events, logs
from migration_runner.log.revision_progress import forget_progress

# A server that answers, even by refusing the connection, is not silent.
Look = Activity | Literal["ended", "silent", "unknown"]


@dataclass
class ObservedSession:
    """A session of this process, as the observer knows it: `pid` is its backend.

    `parameters` are libpq's, for the same server; None if they are not known: the server cannot be
    asked then. `direct`: the server itself has said that `pid` is the session's; from the login
    alone, it may be a pooler's.
    """

    driver: Any
    pid: int | None
    shut_down: Callable[[], None]
    parameters: dict[str, str] | None = field(repr=False)
    direct: bool = False


@dataclass(frozen=True)
class Running:
    """A revision, and when it started."""

    revision: str
    started: float


class Observer:
    """The observer of one run.

    `connect` opens a connection with a session's parameters, and gives up after `patience` seconds;
    so does a query. Times are in seconds.
    """

    def __init__(
        self,
        connect: Callable[[dict[str, str]], Connection],
        *,
        heartbeat: float,
        ddl_lock_timeout: float,
        patience: float,
    ) -> None:
        self.heartbeat = heartbeat
        self.ddl_lock_timeout = ddl_lock_timeout
        self.patience = patience
        # The blockers when the revision was last seen waiting.
        self.blockers: Sequence[Blocker] = ()
        self._connect = connect
        self._own_pids: set[int] = set()
        self._connection: Connection | None = None
        self._parameters: dict[str, str] = {}
        # One at a time; the last look at a session that has ended may still be running.
        self._looking = threading.Lock()
        self._session: ObservedSession | None = None
        self._running: Running | None = None
        self._warned = False

    def work_on(self, session: ObservedSession) -> None:
        """Set the session on which the revisions run from now on."""
        self._session = session

    def note_own(self, pid: int | None) -> None:
        """Note the backend of another connection of this process."""
        if pid is not None:
            self._own_pids.add(pid)

    def begin(self, revision: str) -> None:
        """Start observing a revision."""
        self.blockers = ()
        forget_progress()
        self._running = Running(revision, time.monotonic())

    def end(self) -> None:
        """Stop observing the revision."""
        self._running = None

    def running_on(self, session: ObservedSession) -> Running | None:
        """Return the revision that runs on a session, or waits there to be committed."""
        return self._running if session is self._session else None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
            self._connection = None

    def look(self, session: ObservedSession, ended: threading.Event, *, details: bool) -> Look:
        """Ask the server about a session, unless it has `ended` meanwhile."""
        with self._looking:
            if session.parameters is None or ended.is_set():
                return "unknown"
            if session.parameters != self._parameters:
                self.close()
                self._parameters = session.parameters
            try:
                if self._connection is None:
                    self._connection = self._connect(session.parameters)
                found = look_at(
                    self._connection,
                    session.pid or 0,
                    self.patience,
                    self._own_pids,
                    details=details,
                )
            except (psycopg.Error, TimeoutError, OSError) as error:
                self.close()
                return self._explain(error)
        return found or "ended"

    def _explain(self, error: Exception) -> Look:
        failure = classify(str(error))
        if not self._warned:
            self._warned = True
            logs.get_logger().warning(
                events.OBSERVER_UNAVAILABLE, reason=failure.reason, detail=failure.detail
            )
        return "silent" if failure.reason in NO_ANSWER else "unknown"
