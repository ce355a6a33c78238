"""One output of the process: whole lines, and no wait for a reader that goes on for ever.

A pipe that nobody reads is full after 64 KiB, and then `write(2)` blocks: the run lock, and with it
every other run, would wait for a log collector. So a line waits for its reader with `poll(2)`,
which a signal interrupts. If it has waited in vain, it and the lines after it are dropped and
counted until the output is read again. The descriptor itself stays as it is: others share it, and
some make it non-blocking.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
from collections.abc import Callable, Iterator
from os import write
from typing import Final

# If `poll` reports a pipe writable, it takes as much as this at once.
_PIECE: Final = select.PIPE_BUF
# Another thread's line takes no longer, unless nobody reads it.
_TURN: Final = 0.1
# After an output was reported writable, and was not.
_PAUSE: Final = 0.01


class Output:
    """A file descriptor, to which the threads of this process write in turn.

    `lost` is called with the number of lines that were dropped, once the output is read again.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.lost: Callable[[int], object] | None = None
        self._dropped = 0
        # The rest of a line whose beginning has been read already.
        self._begun = memoryview(b"")
        self._turn = threading.Lock()

    def write(self, data: bytes, seconds: float | None, *, last: bool = False) -> None:
        """Write a line; wait at most `seconds` for the reader, or as long as it takes.

        The `last` line waits although others have waited in vain. A closed pipe is no error.
        """
        if self._dropped and self._writable(seconds if last else 0.0):
            count, self._dropped = self._dropped, 0
            if self.lost is not None:
                self.lost(count)
        # One line that waits in vain is enough.
        limit = 0.0 if self._dropped else seconds
        if not self._send(memoryview(data), limit):
            self._dropped += 1

    def _send(self, line: memoryview, seconds: float | None) -> bool:
        """Return whether the line was written, or at least begun."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._in_turn(deadline), contextlib.suppress(OSError):
            while self._begun:
                if not self._write_piece(deadline):
                    return False
            self._begun = line
            while self._begun:
                if self._write_piece(deadline):
                    continue
                if len(self._begun) == len(line):
                    self._begun = memoryview(b"")
                    return False
                return True
        return True

    def _write_piece(self, deadline: float | None) -> bool:
        """Write some more of the line that was begun; return whether it could be."""
        while self._writable(None if deadline is None else deadline - time.monotonic()):
            try:
                written = write(self.descriptor, self._begun[:_PIECE])
            except BlockingIOError:
                time.sleep(_PAUSE)
                continue
            self._begun = self._begun[written:]
            return True
        return False

    def _writable(self, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        return bool(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))

    @contextlib.contextmanager
    def _in_turn(self, deadline: float | None) -> Iterator[None]:
        """Let another thread finish its line first, but do not wait for it for ever."""
        limit = -1.0
        if deadline is not None:
            limit = max(deadline - time.monotonic(), _TURN)
        acquired = self._turn.acquire(timeout=limit)
        try:
            yield
        finally:
            if acquired:
                self._turn.release()
