"""Classifies failed connection attempts: whether to try again, and what to do if not.

libpq has no SQLSTATE for a connection that was not established, only text. Its own messages, and a
server's in English, are recognized by `known_errors`; for others libpq is asked once more for the
SQLSTATE, in `refusals`. asyncpg reports the SQLSTATE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from migration_runner.database.known_errors import KNOWN_ERRORS, KnownError, Origin
from migration_runner.errors import DatabaseUnavailable

# libpq has one hint or address per line, tab-indented; psycopg lists all attempts after this.
_ALL_FAILURES: Final = "Multiple connection attempts failed."
UNKNOWN: Final = "unknown"
# There was not even a refusal.
NO_ANSWER: Final = frozenset({"timeout", "unreachable"})
_ROWS: Final = [row for row in KNOWN_ERRORS if row.origin is Origin.CONNECTING]


@dataclass(frozen=True)
class ConnectionFailure:
    """One failed attempt: its class, whether another attempt can succeed, and what to do if not."""

    reason: str
    retryable: bool
    advice: str
    detail: str = ""


def classify(message: str, states: Iterable[str] = ()) -> ConnectionFailure:
    """Classify an error on connecting by its `message`, or else by the servers' SQLSTATEs."""
    detail = join_lines(message.partition(_ALL_FAILURES)[0])
    row = _by_text(message) or _by_state(set(states))
    if row is None:
        return ConnectionFailure(
            UNKNOWN, retryable=True, advice="Check the server's log.", detail=detail
        )
    return ConnectionFailure(
        row.reason, retryable=row.kind is DatabaseUnavailable, advice=row.advice, detail=detail
    )


def classify_error(
    error: BaseException, ask: Callable[[], Iterable[str]] | None = None
) -> ConnectionFailure:
    """Classify an error that any driver raised on connecting.

    `ask` returns the SQLSTATEs of the servers that refuse, if the driver does not report them.
    """
    text = str(error) or type(error).__name__
    if isinstance(error, TimeoutError) and not str(error):
        text = "connection timed out"
    state = getattr(error, "sqlstate", None)
    failure = classify(text, [state] if state else [])
    if failure.reason == UNKNOWN and not state and ask is not None:
        return classify(text, ask())
    return failure


def _by_text(message: str) -> KnownError | None:
    texts = (row for row in _ROWS if row.text)
    return next((row for row in texts if re.search(row.text, message, re.IGNORECASE)), None)


def _by_state(states: set[str]) -> KnownError | None:
    return next((row for row in _ROWS if states.intersection(row.states.split())), None)


def join_lines(message: str) -> str:
    """Join a message's lines as sentences: libpq puts a hint on a line of its own."""
    lines = [" ".join(line.split()) for line in message.splitlines() if line.strip()]
    ended = (line if line.endswith((".", "?", ":", ",")) else f"{line}." for line in lines)
    return " ".join(ended).removesuffix(".")
