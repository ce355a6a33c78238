"""The connection that looks on, which a revision may end: some end all sessions but their own."""

from __future__ import annotations

from typing import Any

import psycopg


class SecondConnection:
    """A connection in autocommit, made again when it has broken."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = _connect(url)

    def ask(self, query: bytes, *values: Any) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        try:
            return self._connection.execute(query, values or None).fetchall()
        except psycopg.OperationalError:
            if not self._connection.broken:
                raise
        self._connection = _connect(self._url)
        return self._connection.execute(query, values or None).fetchall()

    def close(self) -> None:
        """End it."""
        self._connection.close()


def _connect(url: str) -> psycopg.Connection[Any]:
    # What is prepared has to be prepared again whenever the schema changes.
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)
