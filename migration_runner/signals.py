"""SIGTERM and SIGINT end a run in time: cancelled, rolled back, unlocked, reported.

Python runs signal handlers in the main thread, between bytecodes, and not at all while that
thread is inside a C call (a blocking driver, the resolver). So a signal is received twice: the
handler raises `Interrupted` in the main thread; a second thread, woken by the C-level handler
through `signal.set_wakeup_fd`, ends the process if the run has not ended in time.
As PID 1 in a container nothing else would: there the kernel ignores signals without a handler.
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
# Leaves time to write the last line within the documented two seconds.
GRACE_SECONDS: Final = 1.6
# Kubernetes gives a pod 30 seconds by default; the report needs some of them.
CHILD_GRACE_SECONDS: Final = 25.0


@contextlib.contextmanager
def interruptible(
    abandon: Callable[[int], None], grace_seconds: float = GRACE_SECONDS
) -> Iterator[Callable[[], None]]:
    """Raise `Interrupted` in this (the main) thread on the first SIGTERM or SIGINT.

    Yields a function that turns this off, for the part of the block that must not be interrupted.
    `abandon(signal_number)` is called from another thread on the second signal, or if the block
    has not ended `grace_seconds` after the first: it must report and end the process.
    """
    receiver, sender = socket.socketpair()
    sender.settimeout(0)
    armed = True

    def disarm() -> None:
        nonlocal armed
        armed = False

    def interrupt(signal_number: int, _frame: FrameType | None) -> None:
        if armed:
            disarm()
            raise Interrupted(signal_number)

    def enforce_deadline() -> None:
        first = _next_signal(receiver, timeout=None)
        if first is None:
            return
        with contextlib.suppress(TimeoutError):
            if _next_signal(receiver, timeout=grace_seconds) is None:
                return
        abandon(first)

    previous = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    previous_fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    enforcer = threading.Thread(target=enforce_deadline, name="signals", daemon=True)
    enforcer.start()
    try:
        yield disarm
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        sender.close()
        enforcer.join()
        receiver.close()


def unblock_signals() -> None:
    """Unblock the signals that `start` has blocked. Raises `Interrupted` if one is pending."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _next_signal(receiver: socket.socket, timeout: float | None) -> int | None:
    """Return the next SIGTERM or SIGINT, or None at the end; raises `TimeoutError`."""
    receiver.settimeout(timeout)
    while byte := receiver.recv(1):
        if byte[0] in _SIGNALS:
            return byte[0]
    return None
