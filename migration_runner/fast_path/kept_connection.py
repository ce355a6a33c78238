"""The connection that holds the start lock, kept open until the process ends; see `start_lock`.

It is not used any more, so only its file descriptor is kept: `entrypoint.py` passes that on to
the interpreter that takes the full path.
"""

import _thread
import posix
import sys

# Python's option -X: tells an interpreter that the fast path was tried already.
_OPTION = "migrate_again"
# An idle session ends at once.
_SECONDS = 3.0

_kept: list[int] = []
_closing = _thread.allocate_lock()


def keep(number: int) -> None:
    """Keep a file descriptor open."""
    _kept.append(number)


def pass_on() -> str:
    """Let the next interpreter inherit what is kept, and return the option that it needs."""
    for number in _kept:
        posix.set_inheritable(number, True)  # noqa: FBT003 - it takes no names
    return "=".join((_OPTION, *map(str, _kept)))


def take_over() -> bool:
    """Keep what the previous interpreter passed on; return whether it tried the fast path."""
    found = sys._xoptions.get(_OPTION)  # noqa: SLF001 - the documented place of -X
    if isinstance(found, str):
        # Not for child processes.
        posix.set_inheritable(int(found), False)  # noqa: FBT003 - as above
        keep(int(found))
    return found is not None


def close_kept() -> bool:
    """Close the connection, to free its slot; False if there is none to close.

    Returns when the server has ended the session, or after three seconds.
    """
    with _closing:
        if not _kept:
            return False
        import socket  # noqa: PLC0415 - rarely needed, and not built into the interpreter

        with socket.socket(fileno=_kept.pop()) as connection:
            connection.settimeout(_SECONDS)
            try:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass
        return True
