"""Starts the command of `migrate exec`, and ends it with all that it has started.

A program of its own between the runner and the command, since only another process survives a
runner that is killed. It imports nothing but Python's own modules, and never writes to the log.

    python -I -S supervisor.py CONTROL STATUS SESSION COMMAND ...

CONTROL: a pipe from the runner; each byte is a signal for the command, or `END`. Its end is the
runner's end. STATUS: a pipe to the runner; a line when the command was started (or not), and one
when all has ended. SESSION: the socket of the session with the run lock, which stays open, and so
keeps the lock, until nothing is left that works under it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence

# Signals, each with the seconds until the next.
_Steps = Sequence[tuple[int, float]]

# Tells it to end the command: the lock is lost.
END = 0
# First what makes a client cancel its statement in the server: one that is killed leaves it there.
_ENDING: _Steps = ((signal.SIGINT, 1.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
_AT_ONCE: _Steps = _ENDING[-1:]
# What the command leaves behind may be about to end: the reader of its output, for one.
_LEFT_BEHIND: _Steps = ((0, 0.5), *_ENDING)
_LOOK_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(words: list[str]) -> None:
    """Run the command to its end, and until all that it has started has ended."""
    control, status, session = map(int, words[:3])
    for descriptor in (control, status, session):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only argument
    supervisor = _Supervisor(control)
    prctl = _find_prctl()
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        supervisor.start(words[3:], lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
    except OSError as error:
        _say(status, f"failed {error.errno}")
        return
    _say(status, "started")
    ended, left = supervisor.supervise()
    _say(status, f"ended {supervisor.exit_code} {ended} {left}")


class _Supervisor:
    """The command, and what the runner says of it."""

    def __init__(self, control: int) -> None:
        # That of a command that even SIGKILL has not ended.
        self.exit_code = -signal.SIGKILL
        self._running = True
        self._control = control
        self._command = 0
        self._interrupted = False
        self._wakeup, wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        # With handlers, which the command does not inherit; what is ignored, it ignores as well.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGCHLD:
                signal.signal(number, lambda *_: None)

    def start(self, command: list[str], prepare: Callable[[], object]) -> None:
        """Start the command in its own process group. Raises `OSError`."""
        failure, failed = os.pipe()
        self._command = os.fork()
        if self._command == 0:
            try:
                os.setpgid(0, 0)
                prepare()
                # As Python's own `subprocess` does: Python ignores them.
                for number in (signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)
                os.execvp(command[0], command)  # noqa: S606 - the user's own command
            except BaseException as error:  # noqa: BLE001 - a copy of the program must not go on
                os.write(failed, str(getattr(error, "errno", None) or 0).encode())
            finally:
                os._exit(127)
        os.close(failed)
        with os.fdopen(failure) as pipe:
            reason = pipe.read()
        if reason:
            os.waitpid(self._command, 0)
            raise OSError(int(reason), "")
        # What the command is given is its own: its readers and writers see its end.
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)

    def supervise(self) -> tuple[int, int]:
        """Wait for the end; return how many processes had to be ended, and how many are left."""
        steps: _Steps = _LEFT_BEHIND
        while self._running:
            readable, _, _ = select.select([self._control, self._wakeup], [], [])
            if self._control in readable:
                word = os.read(self._control, 1)
                if not word or word[0] == END:
                    # After a signal, it has had its time.
                    steps = _AT_ONCE if self._interrupted else _ENDING
                    break
                self._pass_on(word[0])
            self._reap()
        return self._end_all(steps)

    def _pass_on(self, number: int) -> None:
        self._interrupted = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._command, number)

    def _end_all(self, steps: _Steps) -> tuple[int, int]:
        ended: set[int] = set()
        left: set[int] = set()
        for number, seconds in steps:
            deadline = time.monotonic() + seconds
            signalled: set[int] = set()
            while left := self._remaining():
                # One that was started meanwhile has not heard it.
                for pid in left - signalled:
                    with contextlib.suppress(OSError):
                        os.kill(pid, number)
                signalled |= left
                if time.monotonic() >= deadline:
                    break
                select.select([self._wakeup], [], [], _LOOK_SECONDS)
            ended |= signalled if number else set()
        return len(ended - left - {self._command}), len(left)

    def _remaining(self) -> set[int]:
        """Return what the command has started and still runs, and the command."""
        self._reap()
        parents = dict(_processes())
        if os.getpid() not in parents:
            # No /proc: its process group only, as one.
            with contextlib.suppress(OSError):
                os.killpg(self._command, 0)
                return {-self._command}
            return set()
        found, new = set[int](), {os.getpid()}
        while new := {pid for pid, parent in parents.items() if parent in new} - found:
            found |= new
        return found

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup, 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._command:
                    self._running = False
                    self.exit_code = os.waitstatus_to_exitcode(ended[1])


def _processes() -> Iterator[tuple[int, int]]:
    """Yield each living process with its parent."""
    if not os.path.isdir("/proc"):  # noqa: PTH112 - without importing pathlib
        return
    for name in os.listdir("/proc"):  # noqa: PTH208 - as above
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above
                # The second field is a name, in which anything can be.
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    yield int(name), int(parent)


def _find_prctl() -> Callable[..., object]:
    """Return Linux's `prctl`, or a function that does nothing."""
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes  # noqa: PLC0415 - not every Python has it

            return ctypes.CDLL(None).prctl
    return lambda *_: None


def _say(status: int, line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(status, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
