"""The objects of a schema, by their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_VERSION: Final = re.compile(r"^-- Dumped from database version (\d+)", re.MULTILINE)

CONSTRAINTS: Final = frozenset({"check", "primary key", "unique", "foreign key", "exclusion"})
ROUTINES: Final = frozenset({"function", "procedure", "aggregate"})


@dataclass(frozen=True, order=True)
class ObjectName:
    """What tells one object from all others; `table` is "" for what belongs to none.

    Of a comment, `name` is what it is on (`COLUMN total`); of a function, it has the arguments.
    """

    kind: str
    schema: str
    table: str
    name: str


class Schema(dict[ObjectName, str]):
    """The definitions of all objects, in an order in which they can be made.

    `major` is the version of the server that they were dumped from.
    """

    major: int = 0

    def tables(self) -> frozenset[tuple[str, str]]:
        """Return the schema and the name of each table."""
        return frozenset((name.schema, name.name) for name in self if name.kind == "table")


def server_major(dump: str) -> int:
    """Return the major version of the server that a dump is from; 0 if it does not say."""
    found = _VERSION.search(dump)
    return int(found[1]) if found else 0
