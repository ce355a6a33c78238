"""A schema without the names that do not count: of primary keys and of columns' sequences."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Final

from migration_runner.workshop.dumps.columns import parse_column
from migration_runner.workshop.dumps.cursor import Cursor
from migration_runner.workshop.dumps.objects import ObjectName, Schema
from migration_runner.workshop.dumps.sequences import nextval

_OWNER: Final = "sequence owner"


@dataclass
class Prepared:
    """`objects` to be compared, and the `names` that some have, but are not compared by.

    A sequence that a column owns is a "serial", with the column's name.
    """

    objects: Schema
    names: dict[ObjectName, str] = field(default_factory=dict)

    def of_table(self, schema: str, table: str) -> list[ObjectName]:
        """Return all that belongs to a table."""
        return self._by_table.get((schema, table), [])

    @functools.cached_property
    def _by_table(self) -> dict[tuple[str, str], list[ObjectName]]:
        found: dict[tuple[str, str], list[ObjectName]] = {}
        for name in self.objects:
            if name.table:
                found.setdefault((name.schema, name.table), []).append(name)
        return found

    def is_partitioned(self, name: ObjectName) -> bool:
        """Whether the table of an object is partitioned."""
        table = ObjectName("table", name.schema, "", name.table)
        return "PARTITION BY" in self.objects.get(table, "")


def prepare(schema: Schema, other: Schema) -> Prepared:
    """Return a schema to be compared with another one.

    Where the other one's sequences of the same names are owned by a column, so are these: models
    cannot say that.
    """
    prepared = Prepared(Schema())
    prepared.objects.major = schema.major
    owners = _owners(other, schema) | _owners(schema, schema)
    sequences = dict(owners.values())
    for name, text in schema.items():
        if name.kind == "sequence" and name in owners:
            column, sequence = owners[name]
            key = dataclasses.replace(column, kind="serial")
            is_default = parse_column(schema[column]).default == nextval(sequence)
            prepared.names[key] = sequence
            prepared.objects[key] = f"{text} DEFAULT" if is_default else text
        elif name.kind == "column":
            prepared.objects[name] = _column(text, sequences.get(name, ""))
        elif name.kind == "primary key":
            key = dataclasses.replace(name, name="")
            prepared.names[key] = name.name
            prepared.objects[key] = text
        elif name.kind != _OWNER:
            prepared.objects[name] = text
    return prepared


def _owners(owning: Schema, schema: Schema) -> dict[ObjectName, tuple[ObjectName, str]]:
    """Return the columns of a schema that own sequences, by them, with their names in SQL."""
    found = {}
    for name, sequence in owning.items():
        column = dataclasses.replace(name, kind="column")
        if name.kind == _OWNER and column in schema:
            of, own = Cursor(sequence).qualified()
            found[ObjectName("sequence", of, "", own)] = (column, sequence)
    return found


def _column(text: str, owned: str) -> str:
    """Return a column's definition without the name of its sequence."""
    column = dataclasses.replace(parse_column(text), sequence="")
    if owned and column.default == nextval(owned):
        column = dataclasses.replace(column, default="")
    return column.text
