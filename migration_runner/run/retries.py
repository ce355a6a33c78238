"""Trying again: a revision that did not get its locks, and a session that was lost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from migration_runner.clock import Clock, Stopwatch
from migration_runner.database.blockers import Blocker
from migration_runner.log import events, logs

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_LONGEST_EXPONENT: Final = 16
# Less is not worth a pause, nor can a clock always tell it.
_MOMENT: Final = 0.001
# A revision that brings its session down every time, or the server, is not tried for ever.
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
    """All tries of one revision, within the DDL retry timeout (seconds) from the first failure.

    Between tries the site's queries, which queue behind the revision's lock, get their turn: an
    exponentially growing pause with full jitter, but never none.
    """

    def __init__(self, timeout: float, clock: Clock) -> None:
        self._timeout = timeout
        self._clock = clock
        self._revision: str | None = None
        # In one transaction with others, those before it are begun anew with every try.
        self._tries: dict[str | None, _Tries] = {}
        self._granted = False

    def begin(self, revision: str) -> None:
        """Note that a revision is tried, for the first time or again."""
        self._revision = revision

    @property
    def attempts(self) -> int:
        """How often the revision has failed so."""
        tries = self._tries.get(self._revision)
        return tries.count if tries else 0

    def pause(self, sqlstate: str, detail: str, blockers: Sequence[Blocker]) -> bool:
        """Wait before the next try; False, at once, when the time is up."""
        tries = self._tries.setdefault(self._revision, _Tries(Stopwatch(self._clock)))
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

    def take(self) -> bool:
        """Whether another try was granted and waited for, and not taken yet."""
        granted, self._granted = self._granted, False
        return granted


class Outages:
    """How often, and for how long, the server was away: each outage has the wait timeout."""

    def __init__(self, timeout: float, clock: Clock) -> None:
        self._timeout = timeout
        self._clock = clock
        self._since: Stopwatch | None = None
        self._losses = 0
        self._progress = -1

    @property
    def remaining(self) -> float:
        """Seconds left to get a session again; the whole timeout where there is no outage."""
        return self._timeout if self._since is None else self._since.remaining(self._timeout)

    @property
    def losses(self) -> int:
        """How many sessions were lost since a revision was last committed."""
        return self._losses

    def begin(self, progress: int) -> bool:
        """Note a lost session, `progress` revisions being committed; False: give up."""
        if self._since is None:
            self._since = Stopwatch(self._clock)
        if progress != self._progress:
            self._progress, self._losses = progress, 0
        self._losses += 1
        return self._losses < _LOSSES_WITHOUT_PROGRESS and self.remaining > 0

    def over(self) -> None:
        """Note that there is a session again."""
        self._since = None
