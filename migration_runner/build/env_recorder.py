"""Records what env.py reads, and whether it reaches beyond this process."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

# The system's and Python's, which do not decide where a version table is.
_IGNORED: Final = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TERM", "COLUMNS", "LINES"})
# From https://docs.python.org/3/library/audit_events.html: events that reach beyond this process.
_REACHING_OUT: Final = (
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_MODULES: Final = (".py", ".pyc", ".so")


class Obstacle(BaseException):
    """What env.py does that the fast path would skip. Recorded, since env.py may catch it."""

    reasons: ClassVar[list[str]] = []

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reasons.append(reason)


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Replace an attribute temporarily."""
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def recorded_environment(variables: set[str], url: str) -> Iterator[None]:
    """Record which variables are read, and set `DATABASE_URL` to `url`."""
    environment = _RecordedEnvironment(variables, {**os.environ, "DATABASE_URL": url})
    with replaced(os, "environ", environment):
        yield


class _RecordedEnvironment(dict[str, str]):
    """An environment that records which variables are read."""

    def __init__(self, read: set[str], values: Mapping[str, str]) -> None:
        super().__init__(values)
        self._read = read

    def _record(self, name: object) -> None:
        if isinstance(name, str) and name not in _IGNORED and not name.startswith("PYTHON"):
            self._read.add(name)

    def __getitem__(self, name: str) -> str:
        self._record(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._record(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._record(name)
        return super().get(name, default)

    def _all(self) -> None:
        message = "env.py reads all environment variables"
        raise Obstacle(message)

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def items(self) -> Any:
        self._all()

    def keys(self) -> Any:
        self._all()

    def copy(self) -> Any:
        self._all()


_auditor: Callable[[str, tuple[Any, ...]], None] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _auditor is not None:
        _auditor(event, arguments)


@contextlib.contextmanager
def audited(files: set[str]) -> Iterator[None]:
    """Record which files are read, and raise `Obstacle` for what reaches beyond this process.

    An audit hook cannot be removed, but it can be made to do nothing.
    """
    global _auditor  # noqa: PLW0603 - hooks are the process's

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _REACHING_OUT:
            message = f"env.py uses the network or starts a process ({event})"
            raise Obstacle(message)
        if event == "open" and isinstance(arguments[0], str):
            path, _, flags = arguments
            if flags & _WRITING and "__pycache__" not in path:
                message = f"env.py writes {path}"
                raise Obstacle(message)
            if not path.endswith(_MODULES):
                files.add(str(Path(path).absolute()))

    sys.addaudithook(_audit)
    _auditor = audit
    try:
        yield
    finally:
        _auditor = None
