"""The developer's tools, which the image does not have."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from migration_runner.errors import UsageError

_ROOM: Final = "migration_runner.workshop"


@contextlib.contextmanager
def developer_tools(command: str) -> Iterator[None]:
    """Import a command that needs the workshop, or what it needs of it, inside of this.

    Raises `UsageError` where the workshop was left out, as in the image.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = error.name or ""
        if name != _ROOM and not name.startswith(f"{_ROOM}."):
            raise
        message = (
            f"`migrate {command}` is a developer's tool, and this image has none. Run it where the"
            ' package is installed: pip install "migration-runner[binary,workshop]".'
        )
        raise UsageError(message, reason="no_developer_tools") from error
