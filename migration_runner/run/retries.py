"""Retries of a revision that did not get its locks, and after a lost session."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from migration_runner.clock import Clock, Stopwatch
from migration_runner.database.blockers import Blocker
from migration_runner.database.version_tables import Place
from migration_runner.log import events, logs

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_LONGEST_OUTAGE_PAUSE: Final = 5.0
_LONGEST_EXPONENT: Final = 16
# A shorter pause is not worthwhile, and may be below the clock's resolution.
_MOMENT: Final = 0.001
# A revision that crashes its session or the server every time is not retried forever.
_LOSSES_WITHOUT_PROGRESS: Final = 3
# https://www.postgresql.org/docs/current/errcodes-appendix.html
LOCK_FAILURES: Final = {
    "55P03": "ddl_lock_timeout",
    "40P01": "deadlock",
    "40001": "serialization_failure",
}


@dataclass
class _Tries:
    since: Stopwatch
    count: int = 0


class LockRetries:
    """The attempts of one revision, within the DDL retry timeout from its first failure.

    Each version table has its own: env.py can have thousands, each with the same revisions.

    Between attempts, the queries that are queued behind the revision's lock get their turn: an
    exponentially growing pause with jitter, which is never zero.
    """

    def __init__(self, timeout: float, clock: Clock) -> None:
        self._timeout = timeout
        self._clock = clock
        self._revision: str | None = None
        self._place: Place = ()
        # If they are one transaction, all revisions start over with every attempt.
        self._tries: dict[tuple[Place, str | None], _Tries] = {}
        self._granted = False

    def begin(self, revision: str, place: Place = ()) -> None:
        """Record that a revision is attempted on a version table, for the first time or again."""
        self._revision, self._place = revision, place

    @property
    def attempts(self) -> int:
        """How often the revision has failed in this way."""
        tries = self._tries.get((self._place, self._revision))
        return tries.count if tries else 0

    def pause(self, sqlstate: str, detail: str, blockers: Sequence[Blocker]) -> bool:
        """Wait before the next attempt; return False, at once, if the time is up."""
        key = self._place, self._revision
        tries = self._tries.setdefault(key, _Tries(Stopwatch(self._clock)))
        tries.count += 1
        remaining = tries.since.remaining(self._timeout)
        if remaining <= _MOMENT:
            return False
        most = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(tries.count, _LONGEST_EXPONENT))
        pause = min(random.uniform(most / 4, most), remaining)  # noqa: S311 - jitter, no secret
        logs.get_logger().warning(
            events.REVISION_RETRIED,
            revision=self._revision,
            attempt=tries.count,
            reason=LOCK_FAILURES[sqlstate],
            sqlstate=sqlstate,
            detail=detail,
            pause_seconds=round(pause, 3),
            remaining_seconds=round(remaining, 1),
            blockers=[asdict(blocker) for blocker in blockers],
        )
        self._clock.sleep(pause)
        self._granted = True
        return True

    @property
    def granted(self) -> bool:
        """Whether `pause` has granted another attempt that was not taken yet."""
        return self._granted

    def take(self) -> bool:
        """Whether another attempt was granted by `pause`, and not taken yet."""
        granted, self._granted = self._granted, False
        return granted


class Outages:
    """Lost sessions, and the time to reconnect: the wait timeout for each outage."""

    def __init__(self, timeout: float, clock: Clock) -> None:
        self._timeout = timeout
        self._clock = clock
        self._since: Stopwatch | None = None
        self._losses = 0
        self._progress = -1
        self._read_only = False

    @property
    def remaining(self) -> float:
        """The seconds left to reconnect; the whole timeout if there is no outage."""
        return self._timeout if self._since is None else self._since.remaining(self._timeout)

    @property
    def losses(self) -> int:
        """The number of sessions lost since a revision was last committed."""
        return self._losses

    def begin(self, progress: int, *, read_only: bool = False) -> bool:
        """Record a lost session after `progress` committed revisions; False means to give up.

        A server that is `read_only`, such as a standby before its promotion, accepts sessions, but
        is waited for like one that does not.
        """
        if progress != self._progress:
            self._progress, self._losses = progress, 0
            if self._read_only:
                # It has accepted writes in between.
                self._since = None
        if self._since is None:
            self._since = Stopwatch(self._clock)
        self._read_only = read_only
        self._losses += 1
        may_help = read_only or self._losses < _LOSSES_WITHOUT_PROGRESS
        return may_help and self.remaining > 0

    def pause(self) -> None:
        """Wait before another session with a server that was read-only."""
        most = min(_LONGEST_OUTAGE_PAUSE, _FIRST_PAUSE * 2 ** min(self._losses, _LONGEST_EXPONENT))
        self._clock.sleep(min(random.uniform(most / 2, most), max(0.0, self.remaining)))  # noqa: S311 - jitter

    def end(self) -> None:
        """Record that there is a session again."""
        if not self._read_only:
            self._since = None
