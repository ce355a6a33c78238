"""Which differences are none: what models cannot make, and names that nobody has chosen."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from migration_runner.workshop.dumps import enums
from migration_runner.workshop.dumps.objects import CONSTRAINTS, ObjectName
from migration_runner.workshop.dumps.prepared import Prepared

# Of a table that the models have, models can make all of these.
_OF_MODELS: Final = CONSTRAINTS | {"column", "index", "serial"}
_RELATIONS: Final = frozenset({"view", "materialized view"})
# As the server names what has no name: https://www.postgresql.org/docs/current/sql-createtable.html
_AUTOMATIC: Final = re.compile(r".*_(key|fkey|check|excl)\d*", re.DOTALL)


class Relevance:
    """Decides whether a difference in an object counts."""

    def __init__(self, schema: Prepared, models: Prepared, ignored: AbstractSet[str]) -> None:
        self._schema = schema.objects
        self._models = models.objects
        self._ignored = ignored
        self._tables = models.objects.tables()
        relations = {(name.schema, name.name) for name in schema.objects if name.kind in _RELATIONS}
        # A view that is mapped as if it were a table.
        self._views = relations & self._tables

    def _is_ignored(self, name: ObjectName) -> bool:
        """Whether an object belongs to a table that is to be left out."""
        table = name.name if name.kind == "table" else name.table
        return (
            table in self._ignored
            or f"{name.schema}.{table}" in self._ignored
            or (name.schema, table) in self._views
        )

    def of_models(self, name: ObjectName) -> bool:
        """Whether the schema has to have this object as the models do."""
        if self._is_ignored(name):
            return False
        if name.kind == "comment" and not name.table:
            # A package's, for its extension.
            return not name.name.startswith(("EXTENSION", "SCHEMA"))
        return True

    def of_schema(self, name: ObjectName) -> bool:
        """Whether it is a difference that only the schema has this object."""
        if self._is_ignored(name):
            return False
        if name.kind == "enum":
            return not self._is_used(name)
        if (name.schema, name.table) not in self._tables:
            return False
        if name.kind == "comment":
            return self._comment_counts(name)
        return name.kind in _OF_MODELS

    def _comment_counts(self, name: ObjectName) -> bool:
        """Whether the models have what a comment is on, and could have the comment."""
        kind, _, own = name.name.partition(" ")
        if kind == "TABLE":
            return True
        kinds = {"COLUMN": {"column"}, "CONSTRAINT": CONSTRAINTS}.get(kind, set[str]())
        return any(replace(name, kind=each, name=own) in self._models for each in kinds)

    def _is_used(self, enum: ObjectName) -> bool:
        """Whether something uses a type once the models' tables are as in the models."""
        remaining = [
            text
            for name, text in self._schema.items()
            if name != enum
            and name.kind != "comment"
            and not (name.kind == "column" and (name.schema, name.table) in self._tables)
        ]
        return enums.uses([*remaining, *self._models.values()], enum)


def is_automatic(name: ObjectName) -> bool:
    """Whether the server has chosen a constraint's name: the models have none."""
    beginning = name.table[:20]
    return name.name.startswith(beginning) and _AUTOMATIC.fullmatch(name.name) is not None
