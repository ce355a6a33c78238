"""Safe points: nothing is sent to the database any more once a signal was received."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.engine import Engine

from migration_runner import signals
from migration_runner.database.listeners import listening


def safe_points() -> AbstractContextManager[None]:
    """Raise `Interrupted` before every statement and COMMIT, on every engine of the process.

    The runner's own cleaning up has to be outside of the block.
    """
    return listening(Engine, before_cursor_execute=_check, commit=_check)


def _check(*_: Any) -> None:
    signals.check()
