"""The revisions that every contestant applies: the same small statements, a transaction each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Revision:
    """One revision: its number, from 1, and its one statement, without a semicolon."""

    number: int
    sql: str

    @property
    def name(self) -> str:
        """A name that sorts by number."""
        return f"r{self.number:06}"


def make_revisions(count: int) -> list[Revision]:
    """Return a history of `count` revisions: a table, a column, a row, and again."""
    return [Revision(number, _statement(number - 1)) for number in range(1, count + 1)]


def tables_of(count: int) -> int:
    """Return how many tables a history of `count` revisions makes."""
    return -(-count // 3)


def long_revision(number: int, seconds: float) -> Revision:
    """Return a revision that works for some time."""
    return Revision(number, f"SELECT pg_sleep({seconds})")


def _statement(index: int) -> str:
    table = f"item_{index // 3}"
    return (
        f"CREATE TABLE {table} (id bigint PRIMARY KEY, name text NOT NULL)",
        f"ALTER TABLE {table} ADD COLUMN price numeric NOT NULL DEFAULT 0",
        f"INSERT INTO {table} (id, name, price) VALUES (1, 'first', 9.5), (2, 'second', 19.5)",  # noqa: S608 - ours
    )[index % 3]
