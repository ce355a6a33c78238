"""All messages of a server while one statement runs, with each driver.

The revision's own handlers get what they would have got: not the level DEBUG. Only asyncpg's get
that, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

_DEBUG: Final = "DEBUG"


@contextlib.contextmanager
def listening_to(connection: Any) -> Iterator[list[str]]:
    """Collect the messages that a driver's connection gets; none with an unknown driver."""
    for kind in type(connection).__mro__:
        if listen := _LISTENERS.get(kind.__module__.partition(".")[0]):
            with listen(connection) as messages:
                yield messages
            return
    yield []


@contextlib.contextmanager
def _psycopg(connection: Any) -> Iterator[list[str]]:
    messages: list[str] = []
    # There is no public way to list the handlers.
    theirs = [*getattr(connection, "_notice_handlers", ())]

    def handle(diagnostic: Any) -> None:
        messages.append(str(diagnostic.message_primary))
        if not str(diagnostic.severity_nonlocalized).startswith(_DEBUG):
            for each in theirs:
                each(diagnostic)

    for each in theirs:
        connection.remove_notice_handler(each)
    connection.add_notice_handler(handle)
    try:
        yield messages
    finally:
        connection.remove_notice_handler(handle)
        for each in theirs:
            connection.add_notice_handler(each)


class _Unlimited(list[str]):
    """psycopg2 keeps the last 50 messages in a list, and all in anything else."""


@contextlib.contextmanager
def _psycopg2(connection: Any) -> Iterator[list[str]]:
    messages = _Unlimited()
    theirs = connection.notices
    connection.notices = messages
    try:
        yield messages
    finally:
        for text in messages:
            if not text.startswith(_DEBUG):
                theirs.append(text)
        connection.notices = theirs


@contextlib.contextmanager
def _asyncpg(connection: Any) -> Iterator[list[str]]:
    messages: list[str] = []

    def listen(_: Any, message: Any) -> None:
        messages.append(str(message.message))

    connection.add_log_listener(listen)
    try:
        yield messages
    finally:
        connection.remove_log_listener(listen)


_Listener = Callable[[Any], contextlib.AbstractContextManager[list[str]]]
_LISTENERS: Final[dict[str, _Listener]] = {
    "psycopg": _psycopg,
    "psycopg2": _psycopg2,
    "asyncpg": _asyncpg,
}
