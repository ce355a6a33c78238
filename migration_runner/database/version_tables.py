"""The heads of a run's version tables at its beginning and end: env.py can have several tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from migration_runner.database.sql_literals import identifier, literal

# Database, schema and name.
Place = tuple[str, ...]


def name_place(place: Place) -> str:
    """Return `schema.table in database`."""
    database, *names = place
    return f"{'.'.join(name for name in names if name)} in {database}"


class VersionChange(NamedTuple):
    """A change of one row of a version table; None for `before` inserts, for `after` deletes."""

    before: str | None
    after: str | None

    def statement(self, schema: str | None, name: str) -> str:
        """Return SQL that makes the change, and fails unless it affects exactly one row.

        Without a schema the search_path applies, as in Alembic.
        """
        table = ".".join(map(identifier, [schema, name] if schema else [name]))
        if self.before is None:
            return f"INSERT INTO {table} (version_num) VALUES ({literal(self.after)})"  # noqa: S608 - literals and identifiers
        change = f"UPDATE {table} SET version_num = {literal(self.after)}"  # noqa: S608 - as above
        if self.after is None:
            change = f"DELETE FROM {table}"  # noqa: S608 - as above
        changed = f"{change} WHERE version_num = {literal(self.before)} RETURNING 1"
        # The cast's error, in the server's log, shows the text.
        failure = "('version table: changed rows, not one: ' || count(*))::int"
        return f"WITH changed AS ({changed}) SELECT {failure} FROM changed HAVING count(*) <> 1"  # noqa: S608 - as above


@dataclass
class _Found:
    """The heads that were found first and last; None if the last are not known."""

    beginning: Sequence[str]
    end: Sequence[str] | None


class VersionTables:
    """The heads of each version table, by its place, in the order in which env.py used them."""

    def __init__(self) -> None:
        self._found: dict[Place, _Found] = {}

    def note(self, place: Place, heads: Sequence[str]) -> None:
        """Record a table's heads; the first ones are its beginning."""
        self._found.setdefault(place, _Found(heads, heads)).end = heads

    def reset_beginning(self, place: Place) -> None:
        """Make a table's current heads its beginning: another run has changed it."""
        found = self._found[place]
        found.beginning = found.end or ()

    def forget(self, place: Place) -> None:
        """Discard a table."""
        self._found.pop(place, None)

    def forget_ends(self) -> None:
        """Discard the current heads: they are unknown until they are read again."""
        for found in self._found.values():
            found.end = None

    def beginning_of(self, place: Place) -> Sequence[str]:
        """Return a table's heads at the beginning, as far as they are known."""
        found = self._found.get(place)
        return found.beginning if found else ()

    def end_of(self, place: Place) -> Sequence[str]:
        """Return a table's current heads, as far as they are known."""
        found = self._found.get(place)
        return (found.end if found else None) or ()

    @property
    def beginnings(self) -> list[str] | None:
        """All heads at the beginning; None if they were not read."""
        return join_heads([found.beginning for found in self._found.values()])

    @property
    def ends(self) -> list[str] | None:
        """All heads at the end; None if not all are known."""
        return join_heads([found.end for found in self._found.values()])

    def describe(self) -> list[dict[str, Any]]:
        """Return the tables with their heads, if there are several."""
        if len(self._found) <= 1:
            return []
        return [
            {
                "version_table": name_place(place),
                "from_revisions": found.beginning,
                "to_revisions": found.end,
            }
            for place, found in self._found.items()
        ]


def join_heads(found: Sequence[Sequence[str] | None]) -> list[str] | None:
    """Return all heads together; None if there are none, or some are not known."""
    if not found or None in found:
        return None
    return [revision for each in found for revision in each or ()]
