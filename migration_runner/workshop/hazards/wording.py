"""Parts of sentences about tables and locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from migration_runner.workshop.hazards.statement import Lock

_SHOWN: Final = 3


def enumerate_names(names: Sequence[str]) -> str:
    """Return names as part of a sentence, only the first of many."""
    shown = list(names[:_SHOWN])
    if len(names) > _SHOWN:
        return f"{', '.join(shown)} and {len(names) - _SHOWN} more"
    if len(shown) > 1:
        return f"{', '.join(shown[:-1])} and {shown[-1]}"
    return "".join(shown)


def be_locked(tables: Sequence[str]) -> str:
    """Return `a is locked`, `a and b are locked`."""
    return f"{enumerate_names(tables)} {'are' if len(tables) > 1 else 'is'} locked"


def since_line(locks: Sequence[Lock], line: int) -> str:
    """Say which earlier line has taken the locks; "" if it was the same one."""
    lines = {lock.line for lock in locks}
    if None in lines or line in lines:
        return ""
    return f" since line {min(each for each in lines if each is not None)}"
