"""The start lock: of many runs that find the database behind, one goes on, and the others wait.

They wait here, in the fast path, for the end of the one that has imported everything, since then
there is nothing left to do. Nothing depends on it but the time that it takes: the run lock alone
decides who works. So whatever is odd, or takes long, is for the full path.

An advisory lock with a key of two numbers, which no run lock ever has. It belongs to a connection
that its holder keeps open, unused, until the process ends: see `kept_connection`. What is asked is
in the manifest, from `start_lock_query`.
"""

import _signal  # type: ignore[import-not-found]  # as in `start`
import posix
import time
from collections.abc import Callable

from migration_runner.fast_path.kept_connection import keep
from migration_runner.fast_path.libpq import Conversation
from migration_runner.fast_path.manifest_file import Manifest, read_part

# Then another one goes the full path, too: it tells who has the run lock, and waits for that.
_SECONDS = 10.0
_ANSWER_SECONDS = 3.0
# As in `run_lock`.
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 0.6
_SIGNALS = (_signal.SIGTERM, _signal.SIGINT)
_AT_HEAD, _BEHIND = "at head", "behind"


def pause(seconds: float) -> bool:
    """Return True at once where there is a signal to be answered; it stays for the full path."""
    found = _signal.sigtimedwait(_SIGNALS, seconds)
    if found is None:
        return False
    # It is blocked, and so it waits again.
    posix.kill(posix.getpid(), found.si_signo)
    return True


def wait_for_head(
    talk: Conversation,
    manifest: Manifest,
    clock: Callable[[], float] = time.perf_counter,
    pause: Callable[[float], bool] = pause,
) -> bool:
    """Return True when the version table is at head now; whatever else is wrong with the database.

    False, for the full path to go on: with the start lock, or where there is nothing to wait for.
    Raises what `Conversation` raises, and `ValueError` where the database does not answer as usual.
    """
    look = _Look(talk, manifest)
    if not look.direct:
        return False
    found, _ = look.at()
    if found != _BEHIND:
        return found == _AT_HEAD
    look.introduce()
    began = clock()
    while True:
        found, ours = look.at(take=True)
        if ours:
            # What the one who had it before has done.
            found, _ = look.at()
        if found != _BEHIND:
            return found == _AT_HEAD
        if ours:
            keep(talk.detach())
            return False
        if clock() - began >= _SECONDS or pause(_jitter()):
            return False


def _jitter() -> float:
    share = int.from_bytes(posix.urandom(2), "big") / 0xFFFF
    return _SHORTEST_PAUSE + share * (_LONGEST_PAUSE - _SHORTEST_PAUSE)


class _Look:
    """Where the database is, by its version table alone, which need not be there yet."""

    def __init__(self, talk: Conversation, manifest: Manifest) -> None:
        self._talk = talk
        self._manifest = manifest
        self._sql: dict[str, str] = manifest["start_lock"]  # type: ignore[assignment]  # as `manifest` writes it
        self._history: set[str] = set()
        login, backend, there = self._ask(f"pg_backend_pid(), {self._sql['there']}")
        self._there = there == "t"
        # Otherwise there is a pooler between, and a lock would be somebody else's, too.
        self.direct = login == backend

    def introduce(self) -> None:
        """Name the session, and let the server notice soon when this process is gone."""
        self._ask(self._sql["introduction"])

    def at(self, *, take: bool = False) -> tuple[str, bool]:
        """Return how the database stands to the image, and whether the lock is ours.

        One query, most often: what it finds is from before the lock was taken.
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
        self._talk.ask(f"SELECT {columns}")
        row = self._talk.answer(_ANSWER_SECONDS)
        if row is None:
            message = f"no such row: {columns}"
            raise ValueError(message)
        return row
