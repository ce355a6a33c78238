"""SIGTERM and SIGINT end a run in time: cancelled, rolled back, unlocked, reported.

Python runs signal handlers in the main thread, between bytecodes, and not at all while that
thread is inside a C call (a driver that blocks, the resolver). So there are two ears: the handler
raises `Interrupted` in the main thread, and a watching thread, woken by the C-level handler
through `signal.set_wakeup_fd`, ends the process when that did not lead anywhere in time.
As PID 1 in a container nothing else does: the kernel ignores signals without a handler there.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

from migration_runner.errors import Interrupted

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# Together with the last line this keeps the promise of two seconds.
GRACE_SECONDS: Final = 1.6
# Kubernetes gives a pod 30 seconds by default; the report needs some of them.
CHILD_GRACE_SECONDS: Final = 25.0


@contextlib.contextmanager
def interruptible(
    abandon: Callable[[int], None], grace_seconds: float = GRACE_SECONDS
) -> Iterator[Callable[[], None]]:
    """Raise `Interrupted` in this (the main) thread on the first SIGTERM or SIGINT.

    Yields a function that ends that, for the part of the block that must not be torn.
    `abandon(signal_number)` is called from another thread on the second signal, and when the
    block has not ended `grace_seconds` after the first: it must report and end the process.
    """
    ear, mouth = socket.socketpair()
    mouth.settimeout(0)
    armed = True

    def disarm() -> None:
        nonlocal armed
        armed = False

    def interrupt(signal_number: int, _frame: FrameType | None) -> None:
        if armed:
            disarm()
            raise Interrupted(signal_number)

    def watch() -> None:
        first = _next_signal(ear, timeout=None)
        if first is None:
            return
        with contextlib.suppress(TimeoutError):
            if _next_signal(ear, timeout=grace_seconds) is None:
                return
        abandon(first)

    previous = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    previous_fd = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, name="signals", daemon=True)
    watcher.start()
    try:
        yield disarm
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        mouth.close()
        watcher.join()
        ear.close()


def hear_what_has_waited() -> None:
    """Let signals through that `start` has kept waiting. Raises `Interrupted` if there was one."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _next_signal(ear: socket.socket, timeout: float | None) -> int | None:
    """Return the next SIGTERM or SIGINT, or None at the end; raises `TimeoutError`."""
    ear.settimeout(timeout)
    while byte := ear.recv(1):
        if byte[0] in _SIGNALS:
            return byte[0]
    return None
