"""The watch over one session, from its login to its end, in a thread of its own.

While a revision runs for longer than a moment, it looks every second or more often. Otherwise it
looks only when the session waits longer for a result than anything but a revision takes: so a run
that waits for the lock, or has little to do, has no second connection.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from migration_runner.database.activity import Activity
from migration_runner.database.drivers.known import driver_for
from migration_runner.database.observer import Look, ObservedSession, Observer, Running
from migration_runner.log import events, logs
from migration_runner.log.revision_progress import reported_progress

# Most revisions end before that.
_MOMENT: Final = 0.1
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 1.0
_SHORTEST_PAUSE: Final = 0.05
# So many looks in a row have to agree before a session is terminated.
_LOOKS: Final = 3
_LAST_LOOK: Final = 0.5


@contextlib.contextmanager
def watching(observer: Observer, session: ObservedSession) -> Iterator[None]:
    """Watch a session."""
    ended = threading.Event()
    # So that its lines have the run id, too.
    run = contextvars.copy_context().run
    watch = _Watch(observer, session, ended)
    thread = threading.Thread(target=run, args=(watch.run,), name="observer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # At its end, the interpreter should have no thread that is still running.
        thread.join(_LAST_LOOK)


class _Watch:
    """Watches a session until it has `ended`."""

    def __init__(
        self, observer: Observer, session: ObservedSession, ended: threading.Event
    ) -> None:
        self._observer = observer
        self._session = session
        self._ended = ended
        self._pause = min(max(observer.ddl_lock_timeout / 5, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        if not observer.ddl_lock_timeout:
            self._pause = _LONGEST_PAUSE
        self._moment = min(self._pause, _MOMENT)
        # Nothing but a revision usually takes that long.
        self._usual = min(observer.patience, observer.heartbeat)
        self._waits_since = self._logged = time.monotonic()
        self._suspicion = 0
        self._seen = False

    def run(self) -> None:
        """Look at the session, again and again."""
        pause = min(self._pause, _FIRST_PAUSE)
        while not self._ended.wait(pause):
            pause = self._pause
            now, running = time.monotonic(), self._observer.running_on(self._session)
            if not self._waits_for_answer():
                self._waits_since = now
            brief = running is None or now - running.started < self._moment
            if brief and now - self._waits_since < self._usual:
                self._suspicion = 0
                if running is not None:
                    pause = running.started + self._moment - now
                continue
            since = self._waits_since if running is None else running.started
            due = now - max(self._logged, since) >= self._observer.heartbeat
            look = self._observer.look(self._session, self._ended, details=due)
            if self._ended.is_set() or self._is_dead(look, running):
                return
            if due:
                self._log(look, running, since)
            if isinstance(look, Activity) and running is not None:
                self._observer.blockers = look.blockers or self._observer.blockers

    def _log(self, look: Look, running: Running | None, since: float) -> None:
        """Log a heartbeat, with what the server has said."""
        self._logged = time.monotonic()
        if running is None and not self._waits_for_answer():
            return
        known = look if isinstance(look, Activity) else Activity()
        about = {} if running is None else {"revision": running.revision}
        logs.get_logger().info(
            events.STATEMENT_RUNNING if running is None else events.REVISION_RUNNING,
            **about,
            running_seconds=round(self._logged - since, 1),
            state=known.state,
            waits_for=known.waits_for,
            statement=known.statement,
            progress=known.progress or (running and reported_progress()),
            blockers=[asdict(blocker) for blocker in known.blockers],
            waiting_behind=known.waiters and asdict(known.waiters),
        )

    def _is_dead(self, look: Look, running: Running | None) -> bool:
        """Terminate the session if several looks say that it is dead."""
        reason = self._suspect(look)
        self._suspicion = self._suspicion + 1 if reason else 0
        self._seen = self._seen or isinstance(look, Activity)
        if self._suspicion < _LOOKS:
            return False
        logs.get_logger().warning(
            events.SESSION_TERMINATED, revision=running and running.revision, reason=reason
        )
        self._session.shut_down()
        return True

    def _suspect(self, look: Look) -> str | None:
        """Return why the session seems dead, if it does."""
        if look == "silent":
            return "no answer from the server"
        if look == "ended":
            known = self._seen or self._session.direct
            return "its backend has ended" if known else None
        if not isinstance(look, Activity) or look.idle_seconds is None:
            return None
        if look.idle_seconds > self._observer.patience and self._waits_for_answer():
            return "a statement or its result was lost in the network"
        return None

    def _waits_for_answer(self) -> bool | None:
        return driver_for(self._session.driver).waits_for_answer(self._session.driver)
