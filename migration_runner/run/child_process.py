"""Another tool's command as a child process: its output in the log, ended with the run."""

from __future__ import annotations

import contextlib
import contextvars
import errno
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from migration_runner.errors import Interrupted, UsageError
from migration_runner.run.supervisor import END
from migration_runner.signals import CHILD_GRACE_SECONDS

_SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
# How long it takes at most to end everything.
_ENDING_SECONDS: Final = 8.0
# How long to wait for the next line of what has ended: longer than a line of the log waits for its
# reader. Another process can have the pipe, and for ever.
_READING_SECONDS: Final = 6.0
_LAST_SECONDS: Final = 0.5


@dataclass(frozen=True)
class ChildEnd:
    """The end of a command: its exit code, negative for a signal.

    `ended` of the processes that it had started were still running, and were ended; `left` could
    not be ended.
    """

    exit_code: int
    ended: int = 0
    left: int = 0


class Child:
    """A command that does not outlive this process, nor does what it has started (on Linux).

    `session` is the descriptor of the run lock's session: if this process is killed, the lock is
    kept until the command has ended. See `supervisor.py`.
    """

    def __init__(self, command: Sequence[str], session: int) -> None:
        """Start the command. Raises `UsageError` if it cannot be started."""
        theirs, self._control = os.pipe()
        answers, status = os.pipe()
        # Unbuffered: what is not read yet has to wake `select`.
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._process: subprocess.Popen[bytes] | None = None
        self._readers: list[_Reader] = []
        self._name = command[0]
        passed = (theirs, status, os.dup(session))
        try:
            self._process = _start(command, passed)
            self._readers = [
                _Reader(self._process.stdout, "command.stdout"),
                _Reader(self._process.stderr, "command.stderr"),
            ]
            self._require_start()
        except OSError as error:
            self._close()
            raise self._not_started(error.strerror) from None
        except BaseException:
            self._close()
            raise

    def wait(self, watched: int, check: Callable[[], None], seconds: float) -> ChildEnd:
        """Wait for the end of the command, and of all that it has started.

        `check` is called whenever the file descriptor `watched` is readable, and every so many
        `seconds`. If it raises, everything is ended, and the error raised. An `Interrupted` is
        passed on as its signal.
        """
        try:
            answers = self._answers.fileno()
            while answers not in select.select([watched, answers], [], [], seconds)[0]:
                check()
        except Interrupted as interrupted:
            self._end(interrupted.signal_number, CHILD_GRACE_SECONDS)
            raise
        except BaseException:
            self._end(END, _ENDING_SECONDS)
            raise
        answer = self._answers.readline().split()
        self._close(read_all=True)
        if not answer:
            # The supervisor was killed; the kernel has killed the command with it.
            return ChildEnd(-signal.SIGKILL)
        return ChildEnd(*map(int, answer[1:]))

    def _require_start(self) -> None:
        answer = self._answers.readline().split()
        if answer != [b"started"]:
            raise OSError(*_describe(answer))

    def _not_started(self, reason: str | None) -> UsageError:
        return UsageError(f"The command {self._name!r} cannot be started: {reason}.")

    def _end(self, word: int, seconds: float) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._control, bytes([word]))
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self._close()

    def _close(self, *, read_all: bool = False) -> None:
        """Tell the supervisor that this is the end, and wait for its own."""
        os.close(self._control)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDING_SECONDS)
        self._answers.close()
        _finish(self._readers, _READING_SECONDS if read_all else _LAST_SECONDS)


def _describe(answer: Sequence[bytes]) -> tuple[int, str]:
    number = int(answer[1]) if answer else errno.ECHILD
    return number, os.strerror(number)


def _start(command: Sequence[str], passed: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start the supervisor, which gets the descriptors `passed`; they are closed here."""
    try:
        for descriptor in passed:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - its only argument
        # -I and -S: neither the project's folder nor its packages are of interest.
        words = [sys.executable, "-I", "-S", str(_SUPERVISOR), *map(str, passed), *command]
        return subprocess.Popen(  # noqa: S603 - the user's own command
            words,
            # A question would not be seen: the output is in the log, line by line.
            stdin=subprocess.DEVNULL if os.isatty(0) else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Not in the terminal's group, whose signals it would get a second time.
            start_new_session=True,
            # Ours are closed in any other program; what the user has opened is the command's.
            close_fds=False,
        )
    finally:
        for descriptor in passed:
            os.close(descriptor)


def _finish(readers: Sequence[_Reader], seconds: float) -> None:
    """Wait until everything is read, or nothing has come for so many seconds."""
    seen = -1
    while any(reader.is_alive() for reader in readers) and seen != (
        seen := sum(reader.count for reader in readers)
    ):
        deadline = time.monotonic() + seconds
        for reader in readers:
            reader.join(max(0.0, deadline - time.monotonic()))


class _Reader(threading.Thread):
    """Logs what the command writes into one of its pipes, line by line."""

    def __init__(self, pipe: IO[bytes] | None, name: str) -> None:
        # So that its lines have the run id.
        context = contextvars.copy_context()
        super().__init__(target=lambda: context.run(self._read), name=name, daemon=True)
        self._pipe = pipe
        self._logger = logging.getLogger(name)
        self.count = 0
        self.start()

    def _read(self) -> None:
        with contextlib.closing(self._pipe) if self._pipe else contextlib.nullcontext():
            for line in self._pipe or ():
                text = line.decode(errors="backslashreplace").rstrip("\r\n")
                self._logger.info("%s", text)
                self.count += 1
