"""Signals, sent to this very process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest

from migration_runner import process_end, signals
from migration_runner.errors import Interrupted
from migration_runner.log import streams
from migration_runner.signals import interruptible

# So long that only a second signal can end it.
NEVER = 3600.0


def _send_and_wait(number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def _descriptors() -> set[int]:
    return {int(each.name) for each in Path("/proc/self/fd").iterdir()}


def _must_not(_number: int) -> None:
    pytest.fail("abandoned")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_interrupts(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as caught, interruptible(_must_not, NEVER):
        _send_and_wait(number)

    assert number == caught.value.signal_number
    assert 128 + number == caught.value.exit_code


def test_a_run_has_time_to_report_within_the_documented_two_seconds() -> None:
    """If it does not end by itself; if it does, Python's own end is limited, too."""
    reporting = streams._LAST_PATIENCE  # noqa: SLF001 - what the promise is made of
    shutdown = process_end._LAST_PATIENCE  # noqa: SLF001 - as above

    assert signals.GRACE_SECONDS + reporting < 2
    assert shutdown < 2 - signals.GRACE_SECONDS


def test_the_second_signal_abandons() -> None:
    abandoned, seen = threading.Event(), []

    def abandon(number: int) -> None:
        seen.append(number)
        abandoned.set()

    with interruptible(abandon, NEVER):
        with pytest.raises(Interrupted):
            _send_and_wait(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert abandoned.wait(60)

    assert [signal.SIGTERM] == seen


def test_a_block_that_does_not_end_is_abandoned() -> None:
    abandoned = threading.Event()

    with interruptible(lambda _number: abandoned.set(), 0.001):
        with pytest.raises(Interrupted):
            _send_and_wait(signal.SIGTERM)
        assert abandoned.wait(60)


def test_a_disarmed_block_is_not_torn() -> None:
    with interruptible(_must_not, NEVER) as disarm:
        disarm()
        os.kill(os.getpid(), signal.SIGTERM)


def test_it_is_known_although_the_exception_was_swallowed() -> None:
    with interruptible(_must_not, NEVER):
        assert signals.received() is None
        signals.check()
        with contextlib.suppress(Interrupted):
            _send_and_wait(signal.SIGTERM)

        assert signal.SIGTERM == signals.received()
        for again in (signals.check, lambda: signals.sleep(NEVER)):
            with pytest.raises(Interrupted):
                again()


def test_nothing_of_an_earlier_block_is_known() -> None:
    with interruptible(_must_not, NEVER), contextlib.suppress(Interrupted):
        _send_and_wait(signal.SIGTERM)

    with interruptible(_must_not, NEVER):
        assert signals.received() is None


def test_nothing_is_raised_in_an_event_loop() -> None:
    """An asynchronous driver's C code could be under way; its statement is cancelled instead."""
    called = threading.Event()

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert called.wait(60)

    with interruptible(_must_not, NEVER), signals.on_signal(called.set):
        asyncio.run(work())
        with pytest.raises(Interrupted):
            signals.check()


def test_a_sleep_in_an_event_loop_ends() -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signals.sleep(NEVER)

    with interruptible(_must_not, NEVER), pytest.raises(Interrupted):
        asyncio.run(work())


def test_a_signal_after_the_block_was_disarmed_is_not_known() -> None:
    with interruptible(_must_not, NEVER) as disarm:
        disarm()
        os.kill(os.getpid(), signal.SIGTERM)

        assert signals.received() is None


def test_the_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    with interruptible(_must_not, NEVER):
        pass

    after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert before == after
    assert -1 == signal.set_wakeup_fd(-1)


def test_descriptors_that_somebody_has_closed_are_replaced() -> None:
    """As daemons do; the next file can get the number of the socket, and must be left alone."""
    abandoned = threading.Event()
    before = _descriptors()
    with interruptible(lambda _number: abandoned.set(), NEVER):
        for number in _descriptors() - before:
            with contextlib.suppress(OSError):
                os.close(number)
        files = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
        signals.check()

        with pytest.raises(Interrupted):
            _send_and_wait(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert abandoned.wait(60)

    for number in files:
        os.close(number)
