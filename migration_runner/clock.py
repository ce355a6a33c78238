"""Time as an argument: what waits takes a clock, so that its tests do not wait."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock and the sleep that goes with it, both in seconds."""

    def monotonic(self) -> float:
        """Seconds since some fixed point."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class SystemClock:
    """The machine's clock. `sleep` ends early when a signal handler raises."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class Stopwatch:
    """Seconds since it was made, and what is left of a time budget."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()

    def elapsed(self) -> float:
        """Seconds since it was made."""
        return self._clock.monotonic() - self._started

    def remaining(self, budget: float) -> float:
        """Seconds left of `budget`, negative once it is spent."""
        return budget - self.elapsed()
