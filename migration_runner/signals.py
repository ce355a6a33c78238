"""SIGTERM and SIGINT end a run in time: cancelled, rolled back, unlocked, reported.

Python runs signal handlers in the main thread, between bytecodes, and not at all while that
thread is inside a C call (a blocking driver, the resolver). So a signal is received twice: the
handler raises `Interrupted` in the main thread; a second thread, woken by the C-level handler
through `signal.set_wakeup_fd`, calls what `on_signal` was given, and ends the process if the run
has not ended in time. As PID 1 in a container nothing else would: there the kernel ignores signals
without a handler.

Code can swallow or replace an exception. That a signal was received is a fact: `received`, and
`check` raises again. Inside an event loop the handler raises nothing: the exception could get into
the C code of an asynchronous driver. There, `check` is the only place that raises.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` makes an enum of each answer
import contextlib
import functools
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

from migration_runner.errors import Interrupted
from migration_runner.wakeup import Wakeup

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# Leaves time to write the last line within the documented two seconds.
GRACE_SECONDS: Final = 1.6
# Kubernetes gives a pod 30 seconds by default; the report needs some of them.
CHILD_GRACE_SECONDS: Final = 25.0


class _Received:
    """The first signal that the process has received in an `interruptible` block."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []
        # Installs the handlers again, if something has replaced them.
        self.rearm: Callable[[], None] | None = None
        self.forget()

    def forget(self) -> None:
        self.number: int | None = None
        self.acknowledged = False
        # Whether only `check` raises.
        self.deferred = False
        # Set by the second thread, since a handler could wait for itself.
        self.noticed = threading.Event()


_received = _Received()


def received() -> int | None:
    """Return the number of the first SIGTERM or SIGINT, None if there was none."""
    return _received.number


def check() -> None:
    """Raise `Interrupted` if a signal was received, whatever became of the first exception."""
    if _received.number is not None and not _received.acknowledged:
        raise Interrupted(_received.number)
    if _received.rearm is not None and threading.current_thread() is threading.main_thread():
        _received.rearm()


def acknowledge() -> None:
    """Let what still has to be done before the end, such as a last look, use the database."""
    _received.acknowledged = True


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Raise nothing in the block but from `check`: what is read there must not be lost."""
    _received.deferred = True
    try:
        yield
    finally:
        _received.deferred = False


def sleep(seconds: float) -> None:
    """Sleep; raise `Interrupted` as soon as a signal is received, also inside an event loop."""
    if _received.acknowledged:
        time.sleep(seconds)
        return
    _received.noticed.wait(seconds)
    check()


@contextlib.contextmanager
def on_signal(callback: Callable[[], None]) -> Iterator[None]:
    """Have `callback` called, in another thread, if a signal is received in the block."""
    _received.callbacks.append(callback)
    try:
        yield
    finally:
        _received.callbacks.remove(callback)


@contextlib.contextmanager
def interruptible(
    abandon: Callable[[int], None], grace_seconds: float = GRACE_SECONDS, *, ends: bool = False
) -> Iterator[Callable[[], None]]:
    """Raise `Interrupted` in this (the main) thread on the first SIGTERM or SIGINT.

    Yields a function that turns this off, for the part of the block that must not be interrupted.
    `abandon(signal_number)` is called from another thread on the second signal, or if the block
    has not ended `grace_seconds` after the first: it must report and end the process. If the
    process `ends` with the block, a later signal does nothing: its exit code is reported.
    """
    wakeup = Wakeup(functools.partial(_enforce_deadline, grace_seconds, abandon))
    armed = True
    _received.forget()

    def disarm() -> None:
        nonlocal armed
        armed = False

    def interrupt(signal_number: int, _frame: FrameType | None) -> None:
        if armed:
            disarm()
            _received.number = signal_number
            if not (_received.deferred or _in_event_loop()):
                raise Interrupted(signal_number)

    def rearm() -> None:
        nonlocal wakeup
        if armed:
            wakeup = wakeup.renewed()
            _arm(interrupt, wakeup.sender.fileno())

    previous = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    previous_fd = signal.set_wakeup_fd(wakeup.sender.fileno(), warn_on_full_buffer=False)
    wakeup.start()
    _received.rearm = rearm
    try:
        yield disarm
    finally:
        _received.rearm = None
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            # A handler of Python's would be replaced by the default while Python shuts down: a
            # signal would end the process with another code than it has reported.
            signal.signal(number, signal.SIG_IGN if ends else handler)
        wakeup.close()


def _enforce_deadline(
    grace_seconds: float, abandon: Callable[[int], None], receiver: socket.socket
) -> None:
    first = _next_signal(receiver, timeout=None)
    if first is None:
        return
    _received.noticed.set()
    # It may block: not in the thread that has the deadline.
    threading.Thread(target=_call_back, name="cancel", daemon=True).start()
    with contextlib.suppress(TimeoutError):
        if _next_signal(receiver, timeout=grace_seconds) is None:
            return
    abandon(first)


def _arm(handler: Callable[[int, FrameType | None], None], wakeup: int) -> None:
    """Install the handlers again: an event loop that ends leaves none, and env.py can have own."""
    if _in_event_loop():
        return
    for number in _SIGNALS:
        if _signal.getsignal(number) is not handler:
            signal.signal(number, handler)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)


def _call_back() -> None:
    for callback in tuple(_received.callbacks):
        with contextlib.suppress(Exception):
            callback()


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio.events")
    # Made for event loops; the public function raises where there is none.
    return asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001 - as above


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
