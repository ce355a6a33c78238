"""Extensions that could not be created, while the project went on without them.

With another server it would have them, and another schema: so they are named.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy.engine import Engine

from migration_runner.database.listeners import listening

_CREATE: Final = re.compile(
    r"\s*CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?\"?([\w-]+)", re.IGNORECASE
)


@contextlib.contextmanager
def extensions_refused() -> Iterator[list[str]]:
    """Yield a list that gets the extensions whose creation fails in the block, on any engine."""
    names: list[str] = []

    def failed(context: Any) -> None:
        if (found := _CREATE.match(context.statement or "")) and found[1] not in names:
            names.append(found[1])

    with listening(Engine, handle_error=failed):
        yield names
