"""Safe points: nothing is sent to the database any more once a signal was received."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from migration_runner import signals

_BEFORE = ("before_cursor_execute", "commit")


@contextlib.contextmanager
def safe_points() -> Iterator[None]:
    """Raise `Interrupted` before every statement and COMMIT, on every engine of the process.

    The runner's own cleaning up has to be outside of the block.
    """

    def check(*_: Any) -> None:
        signals.check()

    for name in _BEFORE:
        event.listen(Engine, name, check)
    try:
        yield
    finally:
        for name in _BEFORE:
            event.remove(Engine, name, check)
