"""The client's side of a worker: its process, and the socket to it."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
from array import array
from collections.abc import Sequence
from typing import Any, Final

Facts = dict[str, Any]

# The same modules as in this process, before a project has added its folders.
_PATH: Final = tuple(sys.path)
_PROGRAM: Final = """\
import sys
sys.path[:] = {path!r}
from migration_runner.worker.worker import Worker
worker = Worker({descriptor})
"""
_MESSAGE: Final = 4096
# For its processes, which end within two.
_END_SECONDS: Final = 5.0


class Channel:
    """The socket to a worker."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected

    def send(self, message: Facts, descriptors: Sequence[int] = ()) -> bool:
        """Return whether it was sent; if not, there is something to receive first."""
        data = json.dumps(message).encode()
        # `socket.send_fds` of Python 3.11 ignores its flags.
        files = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))]
        ready = select.poll()
        ready.register(self.socket, select.POLLIN | select.POLLOUT)
        while True:
            try:
                self.socket.sendmsg([data], files if descriptors else (), socket.MSG_DONTWAIT)
            except BlockingIOError:
                if any(event & ~select.POLLOUT for _, event in ready.poll()):
                    return False
            else:
                return True

    def receive(self) -> Facts | None:
        """Return what it says; None if it is gone."""
        try:
            data = self.socket.recv(_MESSAGE)
        except ConnectionResetError:
            return None
        found: Facts | None = json.loads(data) if data else None
        return found

    def close(self) -> None:
        """End its processes."""
        self.socket.close()


def channel_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a socket as a worker serves it."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class WorkerProcess(Channel):
    """A worker's process, and the socket to it.

    Its `program` finds the `Worker` as `worker`, and has to make it serve.
    """

    def __init__(self, program: str) -> None:
        connected, theirs = channel_pair()
        super().__init__(connected)
        with theirs:
            start = _PROGRAM.format(path=_PATH, descriptor=theirs.fileno())
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", start + program],
                stdin=subprocess.DEVNULL,
                # What it says itself is a traceback.
                stdout=2,
                pass_fds=[theirs.fileno()],
                # Not in the terminal's group: signals are passed on.
                start_new_session=True,
            )

    def close(self) -> None:
        """End it, and with it its processes."""
        super().close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
