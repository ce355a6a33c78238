"""The start lock: of many runs that find the database behind, one continues, and the others wait.

They wait here, in the fast path, until that run has ended, since then there is usually nothing
left to do. The start lock only saves time: the run lock alone decides which run works. So
anything unusual, or a long wait, ends the fast path.

It is an advisory lock with a two-number key, which run locks never have. Its holder keeps the
connection open, unused, until the process ends: see `kept_connection`. The queries are in the
manifest, from `start_lock_query`.
"""

import _signal  # type: ignore[import-not-found]  # as in `start`
import posix
import time
from collections.abc import Callable

from migration_runner.fast_path.kept_connection import keep
from migration_runner.fast_path.libpq import Connection
from migration_runner.fast_path.manifest_file import Manifest, read_part

# After that, a waiting run takes the full path: it reports the run lock's holder, and waits.
_SECONDS = 10.0
_ANSWER_SECONDS = 3.0
# As in `run_lock`.
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 0.6
_SIGNALS = (_signal.SIGTERM, _signal.SIGINT)
_AT_HEAD, _BEHIND = "at head", "behind"


def pause(seconds: float) -> bool:
    """Wait; return True at once if a signal arrives, which stays pending for the full path."""
    found = _signal.sigtimedwait(_SIGNALS, seconds)
    if found is None:
        return False
    # The signal is blocked, so it becomes pending again.
    posix.kill(posix.getpid(), found.si_signo)
    return True


def wait_for_head(
    connection: Connection,
    manifest: Manifest,
    clock: Callable[[], float] = time.perf_counter,
    pause: Callable[[float], bool] = pause,
) -> bool:
    """Return True when the version table is at head; nothing else is checked.

    False if the full path has to continue: with the start lock, or if there is nothing to wait for.
    Raises what `Connection` raises, and `ValueError` for an unexpected result.
    """
    look = _Look(connection, manifest)
    if not look.direct:
        return False
    found, _ = look.at()
    if found != _BEHIND:
        return found == _AT_HEAD
    look.prepare()
    began = clock()
    while True:
        found, ours = look.at(take=True)
        if ours:
            # The previous holder may have upgraded it.
            found, _ = look.at()
        if found != _BEHIND:
            return found == _AT_HEAD
        if ours:
            keep(connection.detach())
            return False
        if clock() - began >= _SECONDS or pause(_jitter()):
            return False


def _jitter() -> float:
    share = int.from_bytes(posix.urandom(2), "big") / 0xFFFF
    return _SHORTEST_PAUSE + share * (_LONGEST_PAUSE - _SHORTEST_PAUSE)


class _Look:
    """Where the database is, by its version table alone, which may not exist yet."""

    def __init__(self, connection: Connection, manifest: Manifest) -> None:
        self._connection = connection
        self._manifest = manifest
        self._sql: dict[str, str] = manifest["start_lock"]  # type: ignore[assignment]  # as `manifest` writes it
        self._history: set[str] = set()
        login, backend, there = self._ask(f"pg_backend_pid(), {self._sql['there']}")
        self._there = there == "t"
        # Otherwise there is a pooler, and other clients would share the lock's session.
        self.direct = login == backend

    def prepare(self) -> None:
        """Name the session, and let the server detect soon that this process is gone."""
        self._ask(self._sql["prepare"])

    def at(self, *, take: bool = False) -> tuple[str, bool]:
        """Return the database's relation to the image, and whether the lock is ours.

        Usually one query, whose result is from before the lock was taken.
        """
        lock = self._sql["take"] if take else "false"
        heads = ours = later = None
        if not self._there:
            _, there, ours = self._ask(f"{self._sql['there']}, {lock}")
            self._there, lock = there == "t", "false"
        if self._there:
            _, heads, later = self._ask(f"{self._sql['heads']}, {lock}")
        return self._relate(heads or ""), "t" in (ours, later)

    def _relate(self, heads: str) -> str:
        ours: list[str] = self._manifest["heads"]  # type: ignore[assignment]  # as above
        if heads == ",".join(ours):
            return _AT_HEAD
        if not heads:
            return _BEHIND
        if not self._history:
            ids: list[str] = read_part(self._manifest, "ids")  # type: ignore[assignment]  # as above
            self._history = set(ids)
        return _BEHIND if self._history.issuperset(heads.split(",")) else "elsewhere"

    def _ask(self, columns: str) -> list[str | None]:
        self._connection.send(f"SELECT {columns}")
        row = self._connection.fetch(_ANSWER_SECONDS)
        if row is None:
            message = f"not one row: {columns}"
            raise ValueError(message)
        return row
