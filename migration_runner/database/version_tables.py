"""The heads of a run's version tables at its beginning and end: env.py can have several tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


@dataclass(slots=True)
class Found:
    """The heads of a version table, first and last; None if the last are not known."""

    beginning: Sequence[str]
    end: Sequence[str] | None


class VersionTables:
    """The heads of each version table, by its place, in the order in which env.py used them."""

    def __init__(self) -> None:
        self._found: dict[Place, Found] = {}
        # How many tables have each head: an env.py can have thousands of them, and each is noted
        # several times.
        self._beginnings: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self._unknown = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._found)

    def items(self) -> Iterable[tuple[Place, Found]]:
        """Return each table with its heads."""
        return self._found.items()

    @property
    def several(self) -> bool:
        """Whether there is more than one table."""
        return len(self._found) > 1

    def note(self, place: Place, heads: Sequence[str]) -> None:
        """Record a table's heads; the first ones are its beginning."""
        found = self._found.get(place)
        if found is None:
            found = self._found[place] = Found(heads, None)
            self._beginnings.update(heads)
            self._unknown += 1
        self._set_end(found, heads)

    def reset_beginning(self, place: Place) -> None:
        """Make a table's current heads its beginning: another run has changed it."""
        found = self._found[place]
        _take_away(self._beginnings, found.beginning)
        found.beginning = found.end or ()
        self._beginnings.update(found.beginning)

    def forget(self, place: Place) -> None:
        """Discard a table."""
        if found := self._found.pop(place, None):
            self._set_end(found, None)
            self._unknown -= 1
            _take_away(self._beginnings, found.beginning)

    def forget_end(self, place: Place) -> None:
        """Discard a table's current heads: they are unknown until they are read again."""
        if found := self._found.get(place):
            self._set_end(found, None)

    def forget_ends(self) -> None:
        """Discard the current heads of all tables."""
        for found in self._found.values():
            self._set_end(found, None)

    def _set_end(self, found: Found, heads: Sequence[str] | None) -> None:
        if found.end == heads:
            return
        self._unknown += (heads is None) - (found.end is None)
        _take_away(self._ends, found.end or ())
        self._ends.update(heads or ())
        found.end = heads

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
        """All heads at the beginning, each once; None if they were not read."""
        return list(self._beginnings) if self._found else None

    @property
    def ends(self) -> list[str] | None:
        """All heads at the end, each once; None if not all are known."""
        return list(self._ends) if self._found and not self._unknown else None


def _take_away(heads: Counter[str], fewer: Sequence[str]) -> None:
    for head in fewer:
        heads[head] -= 1
        if not heads[head]:
            del heads[head]


def join_heads(found: Sequence[Sequence[str] | None]) -> list[str] | None:
    """Return all heads together, each once; None if there are none, or some are not known."""
    if not found or None in found:
        return None
    return list(dict.fromkeys(revision for each in found for revision in each or ()))
