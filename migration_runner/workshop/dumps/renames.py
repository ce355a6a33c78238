"""What looks like a drop and an add, and may be a rename."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migration_runner.workshop.dumps.columns import parse_column
from migration_runner.workshop.dumps.difference import Difference, SchemaDifference
from migration_runner.workshop.dumps.objects import ObjectName, Schema
from migration_runner.workshop.dumps.sql import qualified, quote


@dataclass(frozen=True)
class PossibleRename:
    """A column of a table, or, where `kind` is "table", the table itself."""

    kind: str
    schema: str
    table: str
    old: str
    new: str

    @property
    def upgrade(self) -> str:
        """The statement that renames it."""
        return self._statement(self.old, self.new)

    @property
    def downgrade(self) -> str:
        """The statement that renames it back."""
        return self._statement(self.new, self.old)

    def _statement(self, old: str, new: str) -> str:
        if self.kind == "table":
            return f"ALTER TABLE {qualified(self.schema, old)} RENAME TO {quote(new)}"
        table = qualified(self.schema, self.table)
        return f"ALTER TABLE {table} RENAME COLUMN {quote(old)} TO {quote(new)}"


def possible_renames(
    differences: Iterable[SchemaDifference], default_schema: str = "public"
) -> list[PossibleRename]:
    """Return the columns that were dropped and added with the same type, in one table.

    One column is named with several others where it can be any of them.
    """
    columns = [each for each in differences if each.name.kind == "column"]
    dropped = [each for each in columns if each.difference is Difference.ONLY_IN_SCHEMA]
    added = [each for each in columns if each.difference is Difference.MISSING]
    return [
        PossibleRename(
            "column", _shown(old.name, default_schema), old.name.table, old.name.name, new.name.name
        )
        for old in dropped
        for new in added
        if (old.name.schema, old.name.table) == (new.name.schema, new.name.table)
        and _type(old.schema_text) == _type(new.models_text)
    ]


def possible_table_renames(
    schema: Schema, models: Schema, default_schema: str = "public"
) -> list[PossibleRename]:
    """Return pairs of tables with the same columns, each of which only one schema has."""
    old_tables, new_tables = _columns_by_table(schema), _columns_by_table(models)
    return [
        PossibleRename("table", _shown(old, default_schema), "", old.name, new.name)
        for old in old_tables
        if old not in new_tables
        for new in new_tables
        if new not in old_tables
        and old.schema == new.schema
        and old_tables[old]
        and old_tables[old] == new_tables[new]
    ]


def _shown(name: ObjectName, default_schema: str) -> str:
    return "" if name.schema == default_schema else name.schema


def _type(text: str | None) -> str:
    return parse_column(text or "").type


def _columns_by_table(schema: Mapping[ObjectName, str]) -> dict[ObjectName, dict[str, str]]:
    """Return the types of each table's columns."""
    found: dict[ObjectName, dict[str, str]] = {name: {} for name in schema if name.kind == "table"}
    for name, text in schema.items():
        if name.kind == "column":
            table = ObjectName("table", name.schema, "", name.table)
            found.setdefault(table, {})[name.name] = _type(text)
    return found
