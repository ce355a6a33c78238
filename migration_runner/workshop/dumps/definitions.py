"""The statements that make an object, and those that drop it."""

from __future__ import annotations

from typing import Final

from migration_runner.workshop.dumps.columns import parse_column
from migration_runner.workshop.dumps.cursor import Cursor
from migration_runner.workshop.dumps.objects import CONSTRAINTS, ROUTINES, ObjectName
from migration_runner.workshop.dumps.prepared import Prepared
from migration_runner.workshop.dumps.sequences import continue_after, nextval
from migration_runner.workshop.dumps.sql import qualified, quote, table_of

_TEXT: Final = "{text}"
# `own` is the name with its schema, `name` without; `table` is the table's, or the domain's.
_CREATE: Final = {
    "schema": "CREATE SCHEMA IF NOT EXISTS {name}",
    "extension": "CREATE EXTENSION IF NOT EXISTS {name} {text}",
    "collation": _TEXT,
    "enum": "CREATE TYPE {own} AS ENUM ({text})",
    "type": "CREATE TYPE {own} {text}",
    "domain": "CREATE DOMAIN {own} AS {text}",
    "domain check": "ALTER DOMAIN {table} ADD CONSTRAINT {name} {text}",
    "function": _TEXT,
    "procedure": _TEXT,
    "aggregate": _TEXT,
    "sequence": "CREATE SEQUENCE {own} {text}",
    "not null": "ALTER TABLE {table} ADD {text}",
    "view": _TEXT,
    "materialized view": _TEXT,
    "partition": _TEXT,
    "trigger": _TEXT,
    "policy": _TEXT,
    "rule": _TEXT,
    "statistics": _TEXT,
    "row security": _TEXT,
    "forced row security": _TEXT,
    "replica identity": _TEXT,
    "cluster": _TEXT,
    "comment": _TEXT,
    "other": _TEXT,
}
_DROP: Final = {
    "schema": "DROP SCHEMA {name}",
    "extension": "DROP EXTENSION {name}",
    "collation": "DROP COLLATION {own}",
    "enum": "DROP TYPE {own}",
    "type": "DROP TYPE {own}",
    "domain": "DROP DOMAIN {own}",
    "domain check": "ALTER DOMAIN {table} DROP CONSTRAINT {name}",
    "function": "DROP FUNCTION {own}",
    "procedure": "DROP PROCEDURE {own}",
    "aggregate": "DROP AGGREGATE {own}",
    "sequence": "DROP SEQUENCE {own}",
    "column": "ALTER TABLE {table} DROP COLUMN {name}",
    "index": "DROP INDEX {own}",
    "view": "DROP VIEW {own}",
    "materialized view": "DROP MATERIALIZED VIEW {own}",
    "trigger": "DROP TRIGGER {name} ON {table}",
    "policy": "DROP POLICY {name} ON {table}",
    "rule": "DROP RULE {name} ON {table}",
    "statistics": "DROP STATISTICS {own}",
    "row security": "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "forced row security": "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
    "replica identity": "ALTER TABLE {table} REPLICA IDENTITY DEFAULT",
    "cluster": "ALTER TABLE {table} SET WITHOUT CLUSTER",
}
_NOT_VALID: Final = " NOT VALID"
_NOT_ENFORCED: Final = " NOT ENFORCED"
# What a table's other objects can be made with it; a foreign key may need another table.
_WITH_TABLE: Final = (CONSTRAINTS - {"foreign key"}) | {
    "column",
    "serial", "index", "comment", "replica identity", "not null",
}  # fmt: skip


class Definitions:
    """Of the objects of one schema."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def create(self, name: ObjectName) -> tuple[str, ...]:
        """Return the statements that make an object."""
        if name.kind in CONSTRAINTS:
            return self.add_constraint(name)
        if name.kind == "table":
            return self._create_table(name)
        if name.kind == "column":
            return self.add_column(name)
        if name.kind == "serial":
            return (*self._create_serial(name), continue_after(name))
        if name.kind == "index":
            # Of a partitioned table; then without its partitions it would not be valid.
            return (self._prepared.objects[name].replace(" ON ONLY ", " ON ", 1),)
        return (self._format(_CREATE[name.kind], name),)

    def drop(self, name: ObjectName) -> tuple[str, ...]:
        """Return the statements that drop an object; none where they are not known."""
        if name.kind in CONSTRAINTS:
            constraint = quote(self._prepared.names.get(name, name.name))
            return (f"ALTER TABLE {table_of(name)} DROP CONSTRAINT {constraint}",)
        if name.kind == "serial":
            return self._drop_serial(name)
        if name.kind == "comment":
            return (uncomment(self._prepared.objects[name]),)
        if name.kind == "table":
            foreign = self._prepared.objects[name].startswith("FOREIGN")
            kind = "FOREIGN TABLE" if foreign else "TABLE"
            return (f"DROP {kind} {qualified(name.schema, name.name)}",)
        return (self._format(_DROP[name.kind], name),) if name.kind in _DROP else ()

    def _format(self, template: str, name: ObjectName) -> str:
        routine, parenthesis, arguments = name.name.partition("(")
        is_routine = name.kind in ROUTINES
        own = f"{qualified(name.schema, routine)}{parenthesis}{arguments}"
        return template.format(
            own=own if is_routine else qualified(name.schema, name.name),
            name=quote(name.name),
            table=table_of(name),
            text=self._prepared.objects[name],
        ).rstrip()

    def add_constraint(self, name: ObjectName) -> tuple[str, ...]:
        """Return how to add a constraint; the rows are looked at by VALIDATE, without a lock."""
        text = self._prepared.objects[name]
        constraint = quote(self._prepared.names.get(name, name.name))
        add = f"ALTER TABLE {table_of(name)} ADD CONSTRAINT {constraint} {text}"
        later = name.kind == "check" or (
            name.kind == "foreign key" and not self._prepared.is_partitioned(name)
        )
        if not later or text.endswith((_NOT_VALID, _NOT_ENFORCED)):
            return (add,)
        return (
            add + _NOT_VALID,
            f"ALTER TABLE {table_of(name)} VALIDATE CONSTRAINT {constraint}",
        )

    def add_column(self, name: ObjectName) -> tuple[str, ...]:
        """Return how to add a column, with what ADD COLUMN does not take."""
        column = parse_column(self._prepared.objects[name])
        alter = f"ALTER TABLE {table_of(name)} ALTER COLUMN {quote(name.name)} SET"
        statements = [
            f"ALTER TABLE {table_of(name)} ADD COLUMN {quote(name.name)} {column.definition}"
        ]
        statements += [
            f"{alter} {word.upper()} {value}"
            for word in ("storage", "compression", "statistics")
            if (value := getattr(column, word))
        ]
        if column.settings:
            statements.append(f"{alter} {column.settings}")
        return tuple(statements)

    def with_table(self, table: ObjectName) -> list[ObjectName]:
        """Return what is made with a table."""
        objects = self._prepared.of_table(table.schema, table.name)
        keys = {name.name for name in objects if name.kind == "foreign key"}
        return [
            name
            for name in objects
            if name.kind in _WITH_TABLE
            and not (name.kind == "comment" and name.name.startswith(("TRIGGER", "POLICY", "RULE")))
            and not (name.kind == "comment" and name.name.partition(" ")[2] in keys)
        ]

    def _create_table(self, table: ObjectName) -> tuple[str, ...]:
        objects = self._prepared.objects
        kind, _, rest = objects[table].partition("TABLE")
        parts: list[str] = []
        later: list[str] = []
        for name in self.with_table(table):
            if name.kind == "column":
                column = parse_column(objects[name])
                parts.append(f"{quote(name.name)} {column.definition}")
                later += self.add_column(name)[1:]
            elif name.kind == "check":
                parts.append(f"CONSTRAINT {quote(name.name)} {objects[name]}")
            elif name.kind == "serial":
                later += self._create_serial(name)
            else:
                later += self.create(name)
        own = qualified(table.schema, table.name)
        body = ",\n    ".join(parts)
        return (f"CREATE {kind}TABLE {own} (\n    {body}\n){rest}", *later)

    def _create_serial(self, name: ObjectName) -> tuple[str, ...]:
        objects, sequence = self._prepared.objects, self._prepared.names[name]
        options, is_default = serial_options(objects[name])
        column = f"{table_of(name)}.{quote(name.name)}"
        made = [
            f"CREATE SEQUENCE {sequence} {options}",
            f"ALTER SEQUENCE {sequence} OWNED BY {column}",
        ]
        if is_default:
            made.append(
                f"ALTER TABLE {table_of(name)} ALTER COLUMN {quote(name.name)}"
                f" SET DEFAULT {nextval(sequence)}"
            )
        return tuple(made)

    def _drop_serial(self, name: ObjectName) -> tuple[str, ...]:
        _, is_default = serial_options(self._prepared.objects[name])
        drop = f"DROP SEQUENCE {self._prepared.names[name]}"
        if not is_default:
            return (drop,)
        alter = f"ALTER TABLE {table_of(name)} ALTER COLUMN {quote(name.name)}"
        return (f"{alter} DROP DEFAULT", drop)


def serial_options(text: str) -> tuple[str, bool]:
    """Return a serial's options, and whether it is its column's default."""
    return text.removesuffix(" DEFAULT"), text.endswith(" DEFAULT")


def uncomment(comment: str) -> str:
    """Return the statement that removes a comment."""
    cursor = Cursor(comment)
    before = cursor.until(frozenset({"IS"}))
    return f"{before} IS NULL"
