"""The connection that looks on, which a revision may end: some end all sessions but their own."""

from __future__ import annotations

from typing import Any

import psycopg


class SecondConnection:
    """A connection in autocommit, made again when it has broken."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)

    def ask(self, query: bytes, *values: Any) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        try:
            return self._connection.execute(query, values or None).fetchall()
        except psycopg.OperationalError:
            if not self._connection.broken:
                raise
        self._connection = psycopg.connect(self._url, autocommit=True)
        return self._connection.execute(query, values or None).fetchall()

    def close(self) -> None:
        """End it."""
        self._connection.close()
