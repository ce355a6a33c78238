"""The sockets by which a signal wakes the thread that has the deadline; see `signals`.

An env.py can close every descriptor that it has not opened, as daemons do; the number may be
another's by then, such as the database's socket.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable


class Wakeup:
    """The sockets, and the thread that waits at one of them."""

    def __init__(self, follow: Callable[[socket.socket], None]) -> None:
        """`follow` is the thread, which gets the receiving socket."""
        self._follow = follow
        self._receiver, self.sender = socket.socketpair()
        self.sender.settimeout(0)
        self._sockets = {each: _identity(each) for each in (self.sender, self._receiver)}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(
            target=self._follow, args=(self._receiver,), name="signals", daemon=True
        )
        self._thread.start()

    def renewed(self) -> Wakeup:
        """Return this, or what replaces it if its descriptors are no longer its sockets."""
        if all(_identity(each) == known for each, known in self._sockets.items()):
            return self
        self.close()
        replacement = Wakeup(self._follow)
        replacement.start()
        return replacement

    def close(self) -> None:
        """End the thread, and close what is still this object's."""
        self._close(self.sender)
        if self._thread is not None:
            self._thread.join()
        self._close(self._receiver)

    def _close(self, opened: socket.socket) -> None:
        if _identity(opened) == self._sockets[opened]:
            opened.close()
        else:
            opened.detach()


def _identity(opened: socket.socket) -> tuple[int, int] | None:
    try:
        found = os.fstat(opened.fileno())
    except OSError:
        return None
    return found.st_dev, found.st_ino
