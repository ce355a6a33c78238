"""Which target is next: wave by wave, within the limits, until too many have failed.

It decides, and neither starts nor waits for anything.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from migration_runner.fleet.numbers import parse_number
from migration_runner.fleet.targets import Target
from migration_runner.fleet.waves import Wave
from migration_runner.log.bounds import shorten
from migration_runner.log.counts import count_of

_LONGEST_WORD: Final = 40


@dataclass(frozen=True)
class Limits:
    """How many targets run at a time, in all and on each server.

    Once more than `max_failures` have failed, no other is started; None for no limit.
    """

    jobs: int
    jobs_per_server: int
    max_failures: int | None = None


def parse_failures(text: str, targets: int) -> int:
    """Read `N` or `P%` as a number of targets. Raises `ValueError`."""
    number = parse_number(text.removesuffix("%"))
    if number is None:
        given = shorten(text, _LONGEST_WORD)
        message = f"must be a number of targets, or a percentage as in 5% (it is {given!r})"
        raise ValueError(message)
    if not text.endswith("%"):
        return number
    percents = 100
    if number > percents:
        message = f"must be at most 100% (it is {text!r})"
        raise ValueError(message)
    return targets * number // percents


class Schedule:
    """The targets that are still to be run. `server_of` names the server of each."""

    def __init__(
        self, waves: Sequence[Wave], limits: Limits, server_of: Callable[[Target], object]
    ) -> None:
        self._limits = limits
        self._server_of = server_of
        self._waves = deque(wave for wave in waves if wave.targets)
        self._waiting: dict[object, deque[Target]] = {}
        self._running: Counter[object] = Counter()
        self._wave: Wave | None = None
        self.failures = 0
        # Why no more targets are started; empty as long as they are.
        self.stopped = ""

    @property
    def over(self) -> bool:
        """Whether nothing runs, and nothing will be started any more."""
        return not self._running and (bool(self.stopped) or not (self._waiting or self._waves))

    @property
    def wave(self) -> str:
        """The name of the current wave."""
        return self._wave.name if self._wave else ""

    def next(self) -> Target | None:
        """Return the target to start now; None if there is none, or it has to wait for others."""
        if self.stopped:
            return None
        while not self._waiting:
            if self._running or not self._waves:
                return None
            self._begin(self._waves.popleft())
        wave = self._wave
        running = self._running.total()
        if running >= min(self._limits.jobs, (wave and wave.parallel) or self._limits.jobs):
            return None
        for server, targets in self._waiting.items():
            if self._running[server] < self._limits.jobs_per_server:
                # The server's turn is over: the next target is another's.
                target = targets.popleft()
                del self._waiting[server]
                if targets:
                    self._waiting[server] = targets
                self._running[server] += 1
                return target
        return None

    def ended(self, target: Target, *, failed: bool) -> None:
        """Record the end of a target that was started."""
        server = self._server_of(target)
        self._running[server] -= 1
        if not self._running[server]:
            del self._running[server]
        if not failed:
            return
        self.failures += 1
        most = self._limits.max_failures
        if self._wave is not None and self._wave.stops:
            self.stop(f"a target of the wave {self._wave.name!r} failed")
        elif most is not None and self.failures > most:
            self.stop(f"more than {count_of(most, 'target')} failed" if most else "a target failed")

    def again(self, target: Target) -> None:
        """Put a target that was started, and has ended without a result, first in the queue."""
        server = self._server_of(target)
        self._running[server] -= 1
        if not self._running[server]:
            del self._running[server]
        self._waiting.setdefault(server, deque()).appendleft(target)

    def stop(self, reason: str) -> None:
        """Start no other target. Those that run finish."""
        self.stopped = self.stopped or reason

    def _begin(self, wave: Wave) -> None:
        self._wave = wave
        for target in wave.targets:
            self._waiting.setdefault(self._server_of(target), deque()).append(target)
