"""The run lock: one run at a time works on one version table.

A session-level advisory lock, on the session that migrates: if that session ends, the lock and the
work end together. It is polled with `pg_try_advisory_lock`, never waited for in the server: a
waiting statement holds a snapshot, and `CREATE INDEX CONCURRENTLY` in the run that holds the lock
would wait for it: a deadlock.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import tenacity

from migration_runner.clock import Clock, Stopwatch
from migration_runner.errors import TemporaryFailure
from migration_runner.log import events, logs

KEY_NAMESPACE: Final = "migration-runner run lock 1"
_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 0.6


@dataclass(frozen=True)
class LockHolder:
    """The session that holds the run lock, from `pg_stat_activity`.

    A run's session is named `migrate <run id> <host>`. Roles without `pg_read_all_stats` do not
    see what another role's session does, and since when.
    """

    pid: int
    application_name: str
    role: str | None
    client: str | None
    state: str | None
    connected_seconds: float | None
    query: str | None

    def __str__(self) -> str:
        """Describe the session for people."""
        parts = [f"pid {self.pid}"]
        if self.application_name:
            parts.append(f"`{self.application_name}`")
        if self.role:
            parts.append(f"role {self.role}")
        if self.connected_seconds is not None:
            parts.append(f"connected for {self.connected_seconds:.0f} s")
        if self.state:
            parts.append(self.state)
        if self.query:
            parts.append(f"last statement: {self.query}")
        return ", ".join(parts)


class LockSession(Protocol):
    """What the lock needs of a session; no call leaves a transaction open."""

    def try_lock(self, key: int) -> bool:
        """Try to take the advisory lock; return whether this session holds it now."""

    def lock_holder(self, key: int) -> LockHolder | None:
        """Return the advisory lock's holder, or None if it cannot be determined."""


def derive_key(database: str, schema: str, table: str) -> int:
    """Return the advisory lock's key for a version table.

    The first eight bytes, big-endian and signed, of the SHA-256 over the namespace, database,
    schema and table, each followed by a zero byte (Postgres allows none in names).
    It must never change: every release of the runner has to use the same key.
    """
    return advisory_key(KEY_NAMESPACE, database, schema, table)


def advisory_key(*parts: str) -> int:
    """Return a key for an advisory lock, as `derive_key` describes it."""
    text = "".join(part + "\0" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


@dataclass(frozen=True)
class LockWait:
    """How long to wait for the run lock, and how often to log that, in seconds."""

    timeout: float
    heartbeat: float = math.inf


def acquire_run_lock(
    session: LockSession, key: int, wait: LockWait, clock: Clock, done: Callable[[], bool]
) -> bool:
    """Take the run lock, polling with jitter.

    Returns False, without the lock, as soon as `done()`: nothing is left to do.
    Raises `TemporaryFailure` when the time is up.
    """
    stopwatch = logged = Stopwatch(clock)
    timeout = wait.timeout

    def log(state: tenacity.RetryCallState) -> None:
        nonlocal logged
        if state.attempt_number == 1 or logged.elapsed() >= wait.heartbeat:
            logged = Stopwatch(clock)
            holder = session.lock_holder(key)
            logs.get_logger().info(
                events.RUN_LOCK_BUSY,
                key=key,
                remaining_seconds=round(max(0.0, stopwatch.remaining(timeout)), 1),
                holder=holder and asdict(holder),
            )

    def poll() -> str:
        if session.try_lock(key):
            return "acquired"
        return "done" if done() else "busy"

    retrying = tenacity.Retrying(
        sleep=clock.sleep,
        stop=lambda _state: stopwatch.remaining(timeout) <= 0,
        wait=tenacity.wait_random(_SHORTEST_PAUSE, _LONGEST_PAUSE),
        retry=tenacity.retry_if_result(lambda state: state == "busy"),
        before_sleep=log,
        retry_error_callback=lambda _state: "busy",
    )
    result = retrying(poll)
    if result == "busy":
        holder = session.lock_holder(key)
        message = (
            f"Another run held the run lock for {stopwatch.elapsed():.1f} s:"
            f" {holder or 'its session could not be determined'}."
            " Wait for it to finish, or terminate its session, and run again."
        )
        raise TemporaryFailure(
            message,
            reason="run_lock_busy",
            run_lock_key=key,
            holder=holder and asdict(holder),
        )
    locked = bool(result == "acquired")
    if locked:
        waited = round(stopwatch.elapsed(), 3)
        logs.get_logger().info(events.RUN_LOCK_ACQUIRED, key=key, waited_seconds=waited)
    return locked
