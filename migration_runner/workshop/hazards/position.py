"""Where in a revision's file the running statement comes from."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Final

from sqlalchemy.engine import Inspector
from sqlalchemy.engine.interfaces import Dialect

# What they execute is theirs; `project/` has what a revision calls: batches.
_RUNNER: Final = tuple(f"migration_runner.{room}." for room in ("database", "ledger", "run"))


@dataclass(frozen=True)
class Position:
    """A line of a revision's file."""

    revision: str
    file: str
    line: int


class Positions:
    """Finds the line that is running, in the files of the revisions, by their ids."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {os.path.realpath(file): (id_, file) for id_, file in files.items()}
        self._known: dict[str, tuple[str, str] | None] = {}

    def find(self) -> Position | None:
        """Return the line of the revision that has brought us here.

        None for what does not come from a revision: also for questions that SQLAlchemy itself
        asks on its behalf, and the runner's own statements.
        """
        for frame in _frames(sys._getframe(1)):  # noqa: SLF001 - the one way to the stack
            if found := self._revision(frame.f_code.co_filename):
                return Position(*found, frame.f_lineno)
            if _is_plumbing(frame):
                return None
        return None

    def _revision(self, name: str) -> tuple[str, str] | None:
        if name not in self._known:
            self._known[name] = self._files.get(os.path.realpath(name))
        return self._known[name]


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Go up the stack, and from a greenlet to the one that has started it."""
    while frame is not None:
        yield frame
        frame = frame.f_back
    greenlet = sys.modules.get("greenlet")
    current = greenlet.getcurrent() if greenlet else None
    while current is not None and current.parent is not None:
        current = current.parent
        frame = current.gr_frame
        while frame is not None:
            yield frame
            frame = frame.f_back


def _is_plumbing(frame: FrameType) -> bool:
    """Whether a frame is of reflection, a new connection's first questions, or the runner's."""
    if frame.f_globals.get("__name__", "").startswith(_RUNNER):
        return True
    # Not `isinstance`: it would ask a proxy, such as Flask's, for what it stands for.
    return issubclass(type(frame.f_locals.get("self")), Dialect | Inspector)
