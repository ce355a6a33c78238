"""Time as an argument: code that waits takes a clock, so that its tests do not wait."""

from __future__ import annotations

import time
from typing import Protocol

from migration_runner import signals


class Clock(Protocol):
    """A monotonic clock and the sleep that goes with it, both in seconds."""

    def monotonic(self) -> float:
        """Return the seconds since some fixed point."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class SystemClock:
    """The system's clock. `sleep` raises `Interrupted` when a signal is received."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(signals.sleep)


class Stopwatch:
    """Measures the seconds since it was created, and what is left of a time budget."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the stopwatch was created."""
        return self._clock.monotonic() - self._started

    def remaining(self, budget: float) -> float:
        """Return the seconds left of `budget`, negative once it is used up."""
        return budget - self.elapsed()
