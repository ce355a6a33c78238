"""A process that has imported everything, and forks one for each piece of work.

So a piece costs a fork instead of a start of Python, and still has a process of its own: what an
application reads from its environment when it is imported, such as the database's URL, is never
another piece's.

It has one thread, and no connection. It serves its client over a socket:

    {"id": 1, "arguments": ["upgrade"], "environment": {"DATABASE_URL": "..."}}, with descriptors:
        of its output, and of what else it is to have, whose numbers become its last arguments
    {"signal": 15}, for all of its processes

and answers `{"id": 1, "pid": 4711}`, then `{"id": 1, "status": 0}`: as from `waitpid`. If the
socket is closed, the client has ended: the processes get SIGTERM.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
from typing import Any, Final

_MESSAGE_BYTES: Final = 196_608
_PR_SET_PDEATHSIG: Final = 1
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_MOST_DESCRIPTORS: Final = 3


class Worker:
    """The processes, by their PIDs, with the number that the client has given to each."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` is the socket's. SIGTERM and SIGINT are blocked from now on.

        The client passes them on; a forked process unblocks them once it can handle them.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._client = socket.socket(fileno=descriptor)
        self._running: dict[int, int] = {}
        self._pid = os.getpid()
        self._ended, wakeup = os.pipe()
        self._wakeup = wakeup
        for each in (self._ended, wakeup):
            os.set_blocking(each, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._prctl = ctypes.CDLL(None).prctl

    def serve(self) -> bool:
        """Serve until the client has ended; return True in a process that is forked for a piece.

        Its arguments and environment are set then: it has to do what the command line says.
        """
        sources: list[Any] = [self._client, self._ended]
        while True:
            readable, _, _ = select.select(sources, [], [])
            if self._ended in readable:
                self._reap()
            if self._client not in readable:
                continue
            message, descriptors, _, _ = socket.recv_fds(
                self._client, _MESSAGE_BYTES, _MOST_DESCRIPTORS
            )
            if not message:
                self._end_all()
                self._client.close()
                return False
            request = json.loads(message)
            if number := request.get("signal"):
                self._signal(number)
            elif self._fork(request, *descriptors):
                return True

    def _fork(self, request: dict[str, Any], output: int, *others: int) -> bool:
        pid = os.fork()
        if pid == 0:
            self._become(request, output)
            sys.argv[1:] = [*request["arguments"], *map(str, others)]
            return True
        for each in (output, *others):
            os.close(each)
        self._running[pid] = request["id"]
        self._say(id=request["id"], pid=pid)
        return False

    def _become(self, request: dict[str, Any], output: int) -> None:
        """Make this forked process that of a piece of work, with `output` as its log."""
        # A killed worker ends its processes as a signal would, so that they roll back and report.
        self._prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._pid:
            os.kill(os.getpid(), signal.SIGTERM)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._client.close()
        os.close(self._ended)
        os.close(self._wakeup)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, number in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, number)
        os.close(nothing)
        os.close(output)
        for name, value in request["environment"].items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._ended, 4096):
                pass
        for pid in list(self._running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._say(id=self._running.pop(pid), status=status)

    def _signal(self, number: int) -> None:
        for pid in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _end_all(self) -> None:
        self._signal(signal.SIGTERM)
        for pid in self._running:
            os.waitpid(pid, 0)

    def _say(self, **facts: int) -> None:
        # The client can have ended: then the next message says so.
        with contextlib.suppress(OSError):
            self._client.send(json.dumps(facts).encode())
