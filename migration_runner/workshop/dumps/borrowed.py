"""What models need but cannot make, from the migrated schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from migration_runner.workshop.dumps.definitions import Definitions
from migration_runner.workshop.dumps.objects import ROUTINES, ObjectName, Schema
from migration_runner.workshop.dumps.prepared import Prepared

_FIRST: Final = frozenset({"schema", "extension"})
_ON_DEMAND: Final = ROUTINES | {"collation", "enum", "domain", "type", "sequence"}


class Borrowed:
    """Learns from the server's errors what is missing, and what the models make themselves.

    An object is named in the message, in whatever language that is.
    """

    def __init__(self, migrated: Schema) -> None:
        self._migrated = migrated
        self._definitions = Definitions(Prepared(migrated))
        self._first = {name for name in migrated if name.kind in _FIRST}
        self._refused: set[ObjectName] = set()
        self.copied: set[ObjectName] = set()

    def first(self) -> Iterator[str]:
        """Yield the statements for what is there before all others."""
        return self._statements(self._first)

    def copies(self) -> Iterator[str]:
        """Yield the statements for what turned out to be missing."""
        with_checks = self.copied | {
            name
            for name in self._migrated
            if name.kind == "domain check"
            and ObjectName("domain", name.schema, "", name.table) in self.copied
        }
        return self._statements(with_checks)

    def refused_schemas(self) -> set[str]:
        """Return the schemas that the models make themselves."""
        return {name.name for name in self._refused if name.kind == "schema"}

    def learn(self, said: str) -> bool:
        """Take an error into account; return whether that changed anything."""
        named = {name for name in self._migrated if _is_named(name, said)}
        new = {name for name in named if name.kind in _ON_DEMAND} - self.copied - self._refused
        if new:
            self.copied |= new
            return True
        # It is there already: the models make it.
        made_twice = named & (self.copied | self._first)
        self.copied -= made_twice
        self._first -= made_twice
        self._refused |= made_twice
        return bool(made_twice)

    def _statements(self, wanted: set[ObjectName]) -> Iterator[str]:
        for name in self._migrated:
            if name in wanted:
                yield from self._definitions.create(name)


def _is_named(name: ObjectName, said: str) -> bool:
    own = name.name.partition("(")[0] if name.kind in ROUTINES else name.name
    return re.search(rf"(?<!\w){re.escape(own)}(?!\w)", said) is not None
