"""Listeners on a connection that go away again: an env.py can use one for thousands of tenants."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Engine


@contextlib.contextmanager
def listening(
    target: sqlalchemy.Connection | type[Engine], **listeners: Callable[..., Any]
) -> Iterator[None]:
    """Listen to the events of a connection, or of every engine of the process, by name.

    https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.ConnectionEvents
    """
    for name, listener in listeners.items():
        event.listen(target, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(target, name, listener)
