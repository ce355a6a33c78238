"""What a worker answers, heard in a thread: so several can wait for their processes at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from migration_runner.worker.client import Channel, Facts


class Replies:
    """A worker's channel, and who waits for which of its processes."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[int | None]] = {}
        self._gone = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, message: Facts, descriptors: Sequence[int]) -> Future[int | None]:
        """Ask for a process; the answer is its status as of `waitpid`, None if there is none."""
        status: Future[int | None] = Future()
        with self._lock:
            if self._gone:
                status.set_result(None)
                return status
            self._waiting[message["id"]] = status
            try:
                while not self._channel.send(message, descriptors):
                    # The listener reads what has to be read first.
                    continue
            except OSError:
                del self._waiting[message["id"]]
                status.set_result(None)
        return status

    def close(self) -> None:
        """End the worker's processes, and hear the last of them."""
        # Closing alone would not wake the listener.
        with contextlib.suppress(OSError):
            self._channel.socket.shutdown(socket.SHUT_RDWR)
        self._listener.join()
        self._channel.close()

    def _listen(self) -> None:
        while (answer := self._channel.receive()) is not None:
            if "status" in answer:
                self._end(answer["id"], answer["status"])
        with self._lock:
            self._gone = True
        for number in list(self._waiting):
            self._end(number, None)

    def _end(self, number: int, status: int | None) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.set_result(status)
