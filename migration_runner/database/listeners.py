"""Listeners on a connection that go away again: an env.py can use one for thousands of tenants."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy
from sqlalchemy import event


@contextlib.contextmanager
def listening(connection: sqlalchemy.Connection, **listeners: Callable[..., Any]) -> Iterator[None]:
    """Listen to a connection's events, by name.

    https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.ConnectionEvents
    """
    for name, listener in listeners.items():
        event.listen(connection, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(connection, name, listener)
