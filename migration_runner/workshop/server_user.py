"""How the server's processes are started, and as which user. PostgreSQL refuses to be run by root.

Run by root, the server is another user, who keeps root's right to read every folder: its programs
can be below one that only root may enter, and nobody's permissions have to be changed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

# linux/capability.h, linux/prctl.h, linux/sched.h
_CAPABILITIES: Final = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_CAPABILITY_VERSION: Final = 0x20080522
_PR_SET_DUMPABLE: Final = 4
_PR_SET_KEEPCAPS: Final = 8
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_CLONE_NEWUSER: Final = 0x10000000
_NOBODY: Final = 65534


def server_user() -> int | None:
    """Return the user that the server has to be; None if that is this process's own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0}
    return known.get("nobody", next(iter(known.values()), _NOBODY))


def before_server(user: int | None) -> Callable[[], None] | None:
    """Return what a child process has to do before it becomes one of the server's programs."""
    if user is None:
        return None
    # Here: a forked process should not have to load it.
    library = ctypes.CDLL(None)
    return lambda: _become(library, user)


def before_initdb(user: int | None) -> Callable[[], None] | None:
    """Return the same for `initdb`, which asks for the name of its user.

    Where that has none, as with most of a container's, it gets one in a user namespace.
    """
    here = os.geteuid() if user is None else user
    named = next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    if _has_name(here) or named is None or not sys.platform.startswith("linux"):
        return before_server(user)
    library = ctypes.CDLL(None)

    def become() -> None:
        if user is not None:
            _become(library, user)
        _become_in_namespace(library, named)

    return become


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _become(library: Any, user: int) -> None:
    """Become another user, with root's right to read and to write, where there is one."""
    on_linux = sys.platform.startswith("linux")
    if on_linux:
        library.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    if not on_linux:
        return
    # A container can have fewer: what is not permitted is left out.
    for wanted in (_CAPABILITIES, 1 << 1):
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        data = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
        if library.capset(header, data) == 0:
            break
    for number in (1, 2):
        library.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0)


def _become_in_namespace(library: Any, inside: int) -> None:
    """Have another number in a user namespace of one's own, as far as the system allows it.

    https://man7.org/linux/man-pages/man7/user_namespaces.7.html
    """
    outside = os.geteuid()
    # Whoever was root before may otherwise not write to its own files in /proc.
    library.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    if library.unshare(_CLONE_NEWUSER) != 0:
        return
    for file, text in (("setgroups", "deny"), ("uid_map", f"{inside} {outside} 1")):
        descriptor = os.open(f"/proc/self/{file}", os.O_WRONLY)
        os.write(descriptor, text.encode())
        os.close(descriptor)


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Let Python fork beside a thread, of which it warns: what is done before `exec` takes no lock.

    https://docs.python.org/3/library/os.html#os.fork
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def server_environment() -> dict[str, str]:
    """Return the environment without what would change the server, or a dump."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("PG", "LC_"))}
