"""Another tool's command as a child process: its output in the log, ended with the run."""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, Final

from migration_runner.errors import Interrupted, UsageError
from migration_runner.signals import CHILD_GRACE_SECONDS

_POLL_SECONDS: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1


class Child:
    """A command in its own process group, which does not outlive this process (on Linux)."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start the command. Raises `UsageError` if it cannot be started."""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one system call, loaded before
            )
        except OSError as error:
            message = f"The command {command[0]!r} cannot be started: {error.strerror}."
            raise UsageError(message) from None
        self._readers = [
            _start_reader(pipe, logging.getLogger(name))
            for pipe, name in (
                (self._process.stdout, "command.stdout"),
                (self._process.stderr, "command.stderr"),
            )
        ]

    def wait(self, watched: int, check: Callable[[], None]) -> int:
        """Wait for the command; return its exit code, negative for a signal.

        `check` is called whenever the file descriptor `watched` is readable. If it raises, the
        child is terminated, and the error raised. An `Interrupted` is passed on as its signal.
        """
        try:
            while self._process.poll() is None:
                if select.select([watched], [], [], _POLL_SECONDS)[0]:
                    check()
        except Interrupted as interrupted:
            self._end(interrupted.signal_number)
            raise
        except BaseException:
            self._end(signal.SIGTERM)
            raise
        for reader in self._readers:
            reader.join()
        return self._process.returncode

    def _end(self, number: int) -> None:
        self._signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CHILD_GRACE_SECONDS)
        # And any processes that it has started.
        self._signal(signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(1)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _start_reader(pipe: IO[bytes] | None, logger: logging.Logger) -> threading.Thread:
    def read() -> None:
        with contextlib.closing(pipe) if pipe else contextlib.nullcontext():
            for line in pipe or ():
                logger.info("%s", line.decode(errors="backslashreplace").rstrip("\r\n"))

    # So that its lines have the run id.
    run = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(read,), name=logger.name, daemon=True)
    thread.start()
    return thread


def _die_with_parent() -> Callable[[], None] | None:
    """Let the kernel kill the child if this process is killed, since the run lock ends then."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask
