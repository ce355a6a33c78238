"""The observer: a second connection that monitors the work session, and takes no locks.

While a revision runs, it determines the blockers, logs a heartbeat, and detects what the work
session itself cannot: that its backend has ended, that a result was lost in the network, or that
nothing arrives any more (a proxy can keep such a connection open indefinitely). Then it shuts down
the work session's socket, so that the run continues over a new connection.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psycopg

from migration_runner.database.blockers import Blocker
from migration_runner.database.connection_errors import NO_ANSWER, classify
from migration_runner.database.drivers.known import driver_for
from migration_runner.database.probe import Connection
from migration_runner.log import events, logs
from migration_runner.log.revision_progress import forget_progress, reported_progress

# Most revisions end before that.
_MOMENT: Final = 0.1
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 1.0
_LAST_LOOK: Final = 0.5
_SHORTEST_PAUSE: Final = 0.05
# So many looks in a row have to agree before a session is terminated.
_LOOKS: Final = 3
# A server that waits for the rest of a statement's messages is idle, too, unless that is a COPY's
# rows: messages can be lost. `pg_blocking_pids` briefly blocks the lock manager, so it is called
# only for a session that waits for a lock.
_QUERY: Final = b"""\
SELECT json_build_object(
    'state', w.state, 'waits', w.wait_event_type || ': ' || w.wait_event,
    'idle', CASE WHEN w.state <> 'active' OR (w.wait_event = 'ClientRead' AND w.query !~* 'copy')
                 THEN extract(epoch FROM clock_timestamp() - w.state_change) END,
    'progress', (SELECT json_build_object('phase', p.phase, 'blocks_done', p.blocks_done,
                                          'blocks_total', p.blocks_total)
                 FROM pg_stat_progress_create_index p WHERE p.pid = w.pid),
    'blockers', CASE WHEN w.wait_event_type = 'Lock' THEN (
        SELECT json_agg(json_build_object(
            'pid', b.pid, 'application', b.application_name, 'role', b.usename,
            'client', host(b.client_addr), 'state', b.state,
            'seconds', extract(epoch FROM clock_timestamp() - b.xact_start),
            'query', nullif(b.query, '<insufficient privilege>')))
        FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(w.pid))) END)
FROM pg_stat_activity w WHERE w.pid = $1"""


@dataclass
class ObservedSession:
    """The work session, as the observer knows it: `pid` is its backend.

    `parameters` are libpq's, for the same server; None if they are not known: no observer then.
    """

    driver: Any
    pid: int | None
    shut_down: Callable[[], None]
    parameters: dict[str, str] | None = field(repr=False)


@dataclass(frozen=True)
class _Running:
    revision: str
    started: float


class Observer:
    """Observes one work session from a separate thread.

    While a revision runs for longer than a moment, it looks every second or more often. Otherwise
    it looks only when the session waits longer for a result than anything but a revision takes: so
    a run that waits for the lock, or has little to do, has no second connection.
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
        self._connect = connect
        self._heartbeat = heartbeat
        self._patience = patience
        self._pause = min(max(ddl_lock_timeout / 5, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        if not ddl_lock_timeout:
            self._pause = _LONGEST_PAUSE
        self._connection: Connection | None = None
        self._parameters: dict[str, str] = {}
        # The last look at a session that has ended may still be running.
        self._looking = threading.Lock()
        self._running: _Running | None = None
        self._blockers: Sequence[Blocker] = ()
        self._warned = False

    @property
    def blockers(self) -> Sequence[Blocker]:
        """The blockers when the revision was last seen waiting."""
        return self._blockers

    @contextlib.contextmanager
    def observing(self, session: ObservedSession) -> Iterator[None]:
        """Observe a session."""
        ended = threading.Event()
        # So that its lines have the run id, too.
        run = contextvars.copy_context().run
        thread = threading.Thread(
            target=run, args=(self._observe, session, ended), name="observer", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            ended.set()
            # At its end, the interpreter should have no thread that is still running.
            thread.join(_LAST_LOOK)

    def begin(self, revision: str) -> None:
        """Start observing a revision."""
        self._blockers = ()
        forget_progress()
        self._running = _Running(revision, time.monotonic())

    def end(self) -> None:
        """Stop observing the revision."""
        self._running = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
            self._connection = None

    def _observe(self, session: ObservedSession, ended: threading.Event) -> None:
        logged = waits_since = time.monotonic()
        suspicion, seen = 0, False
        pause, moment = min(self._pause, _FIRST_PAUSE), min(self._pause, _MOMENT)
        while not ended.wait(pause):
            pause = self._pause
            now, running = time.monotonic(), self._running
            if not _waits_for_answer(session):
                waits_since = now
            brief = running is None or now - running.started < moment
            if brief and now - waits_since < self._patience:
                suspicion = 0
                if running is not None:
                    pause = running.started + moment - now
                continue
            with self._looking:
                look = None if ended.is_set() else self._look(session)
            if ended.is_set():
                return
            if look is None:
                suspicion = 0
                continue
            reason = self._suspect(look, session, seen=seen)
            suspicion = suspicion + 1 if reason else 0
            seen = seen or "state" in look
            if suspicion >= _LOOKS and reason:
                revision = running and running.revision
                logs.get_logger().warning(
                    events.SESSION_TERMINATED, revision=revision, reason=reason
                )
                session.shut_down()
                return
            if running is not None and "state" in look:
                logged = self._log(look, running, logged)

    def _log(self, look: dict[str, Any], running: _Running, logged: float) -> float:
        """Keep the blockers; log a heartbeat if one is due, and return when the last one was."""
        blockers = [Blocker.from_row(row) for row in look.get("blockers") or ()]
        self._blockers = blockers or self._blockers
        now = time.monotonic()
        if now - max(logged, running.started) < self._heartbeat:
            return logged
        logs.get_logger().info(
            events.REVISION_RUNNING,
            revision=running.revision,
            running_seconds=round(now - running.started, 1),
            state=look["state"],
            waits_for=look.get("waits"),
            progress=look.get("progress") or reported_progress(),
            blockers=[asdict(blocker) for blocker in blockers],
        )
        return now

    def _suspect(self, look: dict[str, Any], session: ObservedSession, *, seen: bool) -> str | None:
        """Return why the work session seems dead, if it does."""
        if look.get("silent"):
            return "no answer from the server"
        if "state" not in look:
            # A PID that was never seen may be a pooler's.
            return "its backend has ended" if seen else None
        idle = look.get("idle")
        if idle is not None and idle > self._patience and _waits_for_answer(session):
            return "a statement or its result was lost in the network"
        return None

    def _look(self, session: ObservedSession) -> dict[str, Any] | None:
        """Query the session: empty if it has ended, `silent` without an answer, None if unknown.

        A server that answers, even by refusing the connection, is not silent.
        """
        if session.parameters is None:
            return None
        if session.parameters != self._parameters:
            self.close()
            self._parameters = session.parameters
        try:
            if self._connection is None:
                self._connection = self._connect(session.parameters)
            return _ask(self._connection, session.pid or 0, self._patience)
        except (psycopg.Error, TimeoutError, OSError) as error:
            self.close()
            failure = classify(str(error))
            if not self._warned:
                self._warned = True
                logs.get_logger().warning(
                    events.OBSERVER_UNAVAILABLE, reason=failure.reason, detail=failure.detail
                )
            return {"silent": True} if failure.reason in NO_ANSWER else None


def _waits_for_answer(session: ObservedSession) -> bool | None:
    return driver_for(session.driver).waits_for_answer(session.driver)


def _ask(connection: Connection, pid: int, patience: float) -> dict[str, Any]:
    """Query a backend's activity. Raises `TimeoutError`: psycopg itself would wait forever."""
    pgconn = connection.pgconn
    pgconn.send_query_params(_QUERY, [str(pid).encode()])
    deadline = time.monotonic() + patience
    while True:
        pgconn.flush()
        if not pgconn.is_busy():
            break
        if not select.select([pgconn.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            message = f"connection timed out: no answer within {patience:.1f} s"
            raise TimeoutError(message)
        pgconn.consume_input()
    answer: dict[str, Any] = {}
    while result := pgconn.get_result():
        if message := result.error_message.decode(errors="replace"):
            raise psycopg.OperationalError(message)
        if result.ntuples:
            answer = json.loads(result.get_value(0, 0) or b"{}")
    return answer
