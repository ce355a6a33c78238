"""Watching somebody's code: what it reads, and whether it reaches beyond this process."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

# Of the machine and of Python, and of no consequence for where a version table is.
_IGNORED: Final = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TERM", "COLUMNS", "LINES"})
# Of https://docs.python.org/3/library/audit_events.html: what reaches beyond this process.
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


class Reaching(BaseException):
    """What env.py does that the fast path would leave out; noted, as it may catch anything."""

    reasons: ClassVar[list[str]] = []

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reasons.append(reason)


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Let an attribute be another for a while."""
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def recorded_environment(variables: set[str], url: str) -> Iterator[None]:
    """Note which variables are read, and let `DATABASE_URL` lead nowhere."""
    with replaced(os, "environ", _Recording(variables, {**os.environ, "DATABASE_URL": url})):
        yield


class _Recording(dict[str, str]):
    """An environment that notes which variables are read."""

    def __init__(self, read: set[str], values: Mapping[str, str]) -> None:
        super().__init__(values)
        self._read = read

    def _note(self, name: object) -> None:
        if isinstance(name, str) and name not in _IGNORED and not name.startswith("PYTHON"):
            self._read.add(name)

    def __getitem__(self, name: str) -> str:
        self._note(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def _all(self) -> None:
        message = "env.py reads all variables of the environment"
        raise Reaching(message)

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
    """Note which files are read, and raise `Reaching` for what goes beyond this process.

    A hook cannot be taken away again, but it can be told to do nothing.
    """
    global _auditor  # noqa: PLW0603 - hooks are the process's

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _REACHING_OUT:
            message = f"env.py reaches out ({event})"
            raise Reaching(message)
        if event == "open" and isinstance(arguments[0], str):
            path, _, flags = arguments
            if flags & _WRITING and "__pycache__" not in path:
                message = f"env.py writes {path}"
                raise Reaching(message)
            if not path.endswith(_MODULES):
                files.add(str(Path(path).absolute()))

    sys.addaudithook(_audit)
    _auditor = audit
    try:
        yield
    finally:
        _auditor = None
