"""The connection that has the start lock, kept open until the process ends; see `start_lock`.

Nobody speaks on it any more, so that its descriptor is all there is to it: `entrypoint.py` hands
that on to the interpreter that goes the full path.
"""

import _thread
import posix
import sys

# Python's option -X, by which an interpreter knows that the fast path was tried before it.
_OPTION = "migrate_again"
# The server ends a session that is idle at once.
_SECONDS = 3.0

_kept: list[int] = []
_giving_up = _thread.allocate_lock()


def keep(number: int) -> None:
    """Keep an open descriptor."""
    _kept.append(number)


def hand_on() -> str:
    """Return the option for the next interpreter, which gets what is kept."""
    for number in _kept:
        posix.set_inheritable(number, True)  # noqa: FBT003 - it takes no names
    return "=".join((_OPTION, *map(str, _kept)))


def take_over() -> bool:
    """Whether an interpreter before this one tried the fast path; keep what it handed on."""
    found = sys._xoptions.get(_OPTION)  # noqa: SLF001 - the documented place of -X
    if isinstance(found, str):
        # No child process has anything to do with it.
        posix.set_inheritable(int(found), False)  # noqa: FBT003 - as above
        keep(int(found))
    return found is not None


def give_up() -> bool:
    """Close it where connections are scarce; False where there is none (any more).

    Returns when the server has ended the session, or after three seconds.
    """
    with _giving_up:
        if not _kept:
            return False
        import socket  # noqa: PLC0415 - nearly never needed, and not the interpreter's own

        with socket.socket(fileno=_kept.pop()) as connection:
            connection.settimeout(_SECONDS)
            try:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass
        return True
