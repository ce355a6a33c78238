"""The processes of a fleet: a worker, and one for each target that runs."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from migration_runner.fleet.targets import Target
from migration_runner.log import events
from migration_runner.worker.client import Facts, WorkerProcess

_PROGRAM: Final = """\
from migration_runner.start import take_full_path
def wait():
    import migration_runner.commands.upgrade
    return worker.serve()
sys.exit(take_full_path(wait))
"""
_READ: Final = 65_536
# No line of a run's log is longer than 16 KiB; another's can be.
_LONGEST: Final = 262_144

Environment = Mapping[str, str | None]


@dataclass
class Process:
    """One target's run: what it has said last, and how it ended.

    `finished` are the facts of its last line, None if there was none. `status` is `waitpid`'s, None
    if it is not known. It is `silent` once its output is closed, and `orphaned` once its worker is
    gone.
    """

    target: Target
    output: int
    pid: int | None = None
    finished: Facts | None = None
    status: int | None = None
    silent: bool = False
    orphaned: bool = False
    ended: bool = False
    rest: bytearray = field(default_factory=bytearray)

    @property
    def signal(self) -> int | None:
        """The signal that has killed it, if one has."""
        killed = self.status is not None and os.WIFSIGNALED(self.status)
        return os.WTERMSIG(self.status or 0) if killed else None


class Processes:
    """Starts runs, reads their logs, and says which have ended.

    `log` gets each line of each run, but for the last: its event and its facts.
    """

    def __init__(self, log: Callable[[Target, Facts], object]) -> None:
        self._log = log
        self._selector = selectors.DefaultSelector()
        self._worker: WorkerProcess | None = None
        self._running: dict[int, Process] = {}
        self._count = 0

    @property
    def running(self) -> list[Process]:
        """Those that have not ended."""
        return list(self._running.values())

    def start(self, target: Target, arguments: Sequence[str], environment: Environment) -> None:
        """Start a target's run, and the worker if there is none. Raises `OSError`."""
        if self._worker is None:
            self._worker = WorkerProcess(_PROGRAM)
            self._selector.register(self._worker.socket, selectors.EVENT_READ)
        output, theirs = os.pipe()
        os.set_blocking(output, False)
        self._count += 1
        process = Process(target, output)
        self._running[self._count] = process
        self._selector.register(output, selectors.EVENT_READ, process)
        request = {"id": self._count, "arguments": arguments, "environment": environment}
        self._send(request, [theirs])
        os.close(theirs)

    def wait(self, seconds: float | None = None) -> list[Process]:
        """Return the runs that have ended, once there is one; none after so many seconds."""
        ready = True
        # First those that have ended while others were started.
        while not (ended := list(self._take_ended())) and self._running and ready:
            found = self._selector.select(seconds)
            for key, _ in found:
                if key.data is None:
                    self._hear()
                else:
                    self._read(key.data)
            ready = bool(found)
        return ended

    def signal(self, number: int) -> None:
        """Send a signal to all runs."""
        self._send({"signal": number})

    def close(self) -> None:
        """End the worker, and with it what still runs."""
        if self._worker is not None:
            self._worker.close()
        for process in self._running.values():
            os.close(process.output)
        self._selector.close()

    def _send(self, message: Facts, descriptors: Sequence[int] = ()) -> None:
        """Send to the worker. It is heard meanwhile: it could wait for that, and not read."""
        # A worker that was killed: it is heard that it is gone.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while self._worker is not None and not self._worker.send(message, descriptors):
                self._hear()

    def _hear(self) -> None:
        assert self._worker is not None  # noqa: S101 - it has said something, or is gone
        answer = self._worker.receive()
        if answer is None:
            # The runs end now: the kernel has sent them SIGTERM.
            self._selector.unregister(self._worker.socket)
            self._worker.close()
            self._worker = None
            for process in self._running.values():
                process.orphaned = True
            return
        process = self._running[answer["id"]]
        process.pid = answer.get("pid", process.pid)
        if "status" in answer:
            process.status = answer["status"]
            # All that it has written is in the pipe, which a process that it left may keep open.
            self._read(process)
            process.ended = True

    def _read(self, process: Process) -> None:
        while not process.silent:
            try:
                data = os.read(process.output, _READ)
            except BlockingIOError:
                return
            if not data:
                self._selector.unregister(process.output)
                process.silent = True
                return
            *lines, rest = (bytes(process.rest) + data).split(b"\n")
            process.rest[:] = rest[:_LONGEST]
            for line in lines:
                self._hear_line(process, line)

    def _hear_line(self, process: Process, line: bytes) -> None:
        facts: Any = None
        with contextlib.suppress(ValueError):
            facts = json.loads(line)
        if not (isinstance(facts, dict) and "event" in facts):
            text = line.decode(errors="backslashreplace").strip()
            facts = {"event": text, "level": "info", "logger": "print"} if text else None
        if facts is None:
            return
        if facts["event"] == events.RUN_FINISHED and "logger" not in facts:
            process.finished = facts
        else:
            self._log(process.target, facts)

    def _take_ended(self) -> Iterator[Process]:
        for number, process in list(self._running.items()):
            if process.ended or (process.orphaned and self._is_gone(process)):
                del self._running[number]
                if not process.silent:
                    self._selector.unregister(process.output)
                os.close(process.output)
                yield process

    def _is_gone(self, process: Process) -> bool:
        """Whether a process without a worker has ended: nobody says how."""
        if process.silent or process.pid is None:
            return True
        try:
            os.kill(process.pid, 0)
        except ProcessLookupError:
            self._read(process)
            return True
        return False
